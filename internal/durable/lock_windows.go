package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// errWouldWait says that another has the lock.
var errWouldWait = windows.ERROR_LOCK_VIOLATION

// lockAt is the byte that is locked, far behind what is written: here a lock
// keeps others from reading what it covers.
const lockAt = 1 << 30

// tryLock locks an open file, for its holder alone or for many, or says
// errWouldWait. The lock is the handle's own.
func tryLock(f *os.File, alone bool) error {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if alone {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{Offset: lockAt})
	return os.NewSyscallError("LockFileEx", err)
}

// unlockFile closes the lock file before it removes it: here nobody can remove
// a file that somebody has open, and then the next one's stays.
func unlockFile(f *os.File) error {
	err := f.Close()
	if removed := os.Remove(f.Name()); removed != nil && !errors.Is(removed, windows.ERROR_SHARING_VIOLATION) {
		err = errors.Join(err, removed)
	}
	return err
}
