package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Disk is what writing durably needs of a file system, so that tests can put
// one in its place that breaks on purpose. No method follows a symbolic link
// at the end of a path, and files are made for their user alone (0600). System
// is the real one.
type Disk interface {
	// MakeFolder makes a folder and its missing parents, as the function does.
	MakeFolder(path string) error
	// Open opens a regular file to be read from its start.
	Open(path string) (File, error)
	// Create makes an empty file to be written; what was there is removed.
	Create(path string) (File, error)
	// Append opens a regular file to be written at its end.
	Append(path string) (File, error)
	// Rename gives a file another name in one step, in place of what has it.
	Rename(from, to string) error
	Remove(path string) error
	// SyncFolder makes names durable: of files made, renamed and removed.
	SyncFolder(path string) error
	// List names what is in a folder, at most so many, in no order.
	List(folder string, most int) ([]string, error)

	// Lock takes the lock file at path, makes it if need be, and writes holder
	// into it. Who does not get it is told *HeldError. The lock ends with
	// unlock, which removes the file, or with the process.
	Lock(path, holder string) (unlock func() error, err error)
	// Holder is what the holder of a lock wrote into it. It does not wait, and
	// keeps nobody from the lock.
	Holder(path string) (holder string, held bool, err error)
}

// A File is open for what its Disk's method said. Write hands all of its bytes
// to the system, or fails; Sync returns when they are on the disk.
type File interface {
	io.ReadWriteCloser
	Sync() error
}

// A HeldError says who holds a lock.
type HeldError struct {
	Path   string // of the lock file
	Holder string // as it wrote; "" where it did not yet, or could not
}

func (e *HeldError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("lock %s: it is held", e.Path)
	}
	return fmt.Sprintf("lock %s: it is held by %s", e.Path, e.Holder)
}

// System is the machine's own file system.
type System struct{}

// MakeFolder implements Disk.
func (System) MakeFolder(path string) error { return MakeFolder(path) }

// Open implements Disk.
func (System) Open(path string) (File, error) { return openRegular(path, os.O_RDONLY) }

// Append implements Disk.
func (System) Append(path string) (File, error) {
	return openRegular(path, os.O_WRONLY|os.O_APPEND)
}

// openRegular never waits for the other end of a FIFO.
func openRegular(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag|careful, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Create implements Disk.
func (System) Create(path string) (File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Rename implements Disk.
func (System) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements Disk.
func (System) Remove(path string) error { return os.Remove(path) }

// SyncFolder implements Disk. Where folders cannot be synced it does nothing.
func (System) SyncFolder(path string) error { return syncFolder(path) }

// List implements Disk.
func (System) List(folder string, most int) (names []string, err error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	names, err = f.Readdirnames(most)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, errors.Join(err, f.Close())
}

// Whoever wants a lock asks again for a while: Holder takes it for a moment.
const (
	lockPatience = 100 * time.Millisecond
	lockPause    = 5 * time.Millisecond

	movedPatience = 10 * time.Second // on top, while nobody holds it for long
	maxHolder     = 256              // bytes read of what a holder wrote
)

// errMoved says that a lock was taken of a file that is no longer there.
var errMoved = errors.New("the lock file was removed meanwhile")

// Lock implements Disk.
func (System) Lock(path, holder string) (unlock func() error, err error) {
	for until := time.Now().Add(lockPatience); ; time.Sleep(lockPause) {
		f, err := lockOnce(path)
		if err == nil {
			// The lock is what counts: it holds also where no space is left to say whose it is.
			if f.Truncate(0) == nil {
				_, _ = f.WriteAt([]byte(holder+"\n"), 0)
			}
			return func() error { return unlockFile(f) }, nil
		}
		_, held := errors.AsType[*HeldError](err)
		moved := errors.Is(err, errMoved) // somebody was faster, and has let go since
		if !held && !moved || held && time.Now().After(until) || time.Now().After(until.Add(movedPatience)) {
			return nil, err
		}
	}
}

// lockOnce returns the lock file at path, locked. Who unlocks removes the file,
// so the one that was opened may be gone, or another, when its lock is had.
func lockOnce(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|careful, 0o600)
	if err != nil {
		return nil, err
	}
	if err := claim(f, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// claim locks f, which was opened at path, and makes sure that it is there still.
func claim(f *os.File, path string) error {
	if err := tryLock(f, true); errors.Is(err, errWouldWait) {
		return &HeldError{path, holderOf(f)}
	} else if err != nil {
		return err
	}
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(mine, there) {
		return fmt.Errorf("lock %s: %w", path, errMoved)
	}
	return err
}

// Holder implements Disk, by a shared lock that it gives back at once.
func (System) Holder(path string) (holder string, held bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|careful, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	err = tryLock(f, false)
	if held = errors.Is(err, errWouldWait); held {
		holder, err = holderOf(f), nil
	}
	return holder, held, errors.Join(err, f.Close())
}

func holderOf(f *os.File) string {
	text := make([]byte, maxHolder)
	n, _ := f.ReadAt(text, 0)
	return strings.TrimSpace(string(text[:n]))
}

// Replace puts at path what write writes: a temporary file beside it, fsync,
// rename, fsync of the folder. Only one may do so at a time. On an error the
// old file, if any, is untouched, unless the error came from the fsync of the
// folder, after which either may be found.
func Replace(disk Disk, path string, write func(io.Writer) error) error {
	temp := path + ".new"
	f, err := disk.Create(temp)
	if err != nil {
		return errors.Join(err, Discard(disk, temp))
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = disk.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, Discard(disk, temp))
	}
	return disk.SyncFolder(filepath.Dir(path))
}

// Discard removes a file that may not be there.
func Discard(disk Disk, path string) error {
	err := disk.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
