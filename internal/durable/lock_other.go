//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package durable

import (
	"errors"
	"os"
)

// errWouldWait is never said here.
var errWouldWait = errors.New("another has the lock")

// tryLock refuses: without locks, two processes could write one file.
func tryLock(*os.File, bool) error { return errors.ErrUnsupported }

func unlockFile(f *os.File) error { return errors.Join(os.Remove(f.Name()), f.Close()) }
