//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// errWouldWait says that another has the lock.
var errWouldWait = syscall.EWOULDBLOCK

// tryLock locks an open file, for its holder alone or for many, or says
// errWouldWait. The lock is the open file's own: it ends when that is closed,
// and binds within a process too.
func tryLock(f *os.File, alone bool) error {
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("flock", err)
		}
	}
}

// unlockFile removes the lock file while it is locked still: who waits for it
// then finds that it is gone.
func unlockFile(f *os.File) error {
	err := os.Remove(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
