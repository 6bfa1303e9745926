package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/fault"
)

// disks are all that there are: they must not differ in what they do.
func disks(t *testing.T) map[string]durable.Disk {
	return map[string]durable.Disk{"system": durable.System{}, "memory": fault.NewDisk(t, 1)}
}

func text(t *testing.T, disk durable.Disk, path string) string {
	t.Helper()
	f, err := disk.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func put(text string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
}

func TestDisksDoTheSame(t *testing.T) {
	for name, disk := range disks(t) {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "a", "b")
			if err := disk.MakeFolder(folder); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, "file")
			for _, want := range []string{"one", "two, and longer", ""} {
				if err := durable.Replace(disk, path, put(want)); err != nil {
					t.Fatal(err)
				}
				if got := text(t, disk, path); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			f, err := disk.Append(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(put("more")(f), put(" and more")(f), f.Sync(), f.Close()); err != nil {
				t.Fatal(err)
			}
			if got := text(t, disk, path); got != "more and more" {
				t.Errorf("got %q", got)
			}
			other, err := disk.Create(path + "2")
			if err == nil {
				err = errors.Join(put("x")(other), other.Close())
			}
			if err == nil {
				other, err = disk.Create(path + "2") // in place of what was there
			}
			if err = errors.Join(err, other.Close()); err != nil || text(t, disk, path+"2") != "" {
				t.Errorf("Create: %v", err)
			}
			names, err := disk.List(folder, 10)
			if slices.Sort(names); err != nil || !slices.Equal(names, []string{"file", "file2"}) {
				t.Errorf("List: %v, %v", names, err)
			}
			if names, err := disk.List(folder, 1); err != nil || len(names) != 1 {
				t.Errorf("List of one: %v, %v", names, err)
			}
			if err := errors.Join(disk.Rename(path+"2", path), disk.SyncFolder(folder)); err != nil || text(t, disk, path) != "" {
				t.Errorf("Rename: %v", err)
			}
			if err := disk.Remove(path); err != nil {
				t.Fatal(err)
			}
			if names, err := disk.List(folder, 10); err != nil || len(names) != 0 {
				t.Errorf("List of none: %v, %v", names, err)
			}
			_, opened := disk.Open(path)
			_, appended := disk.Append(path)
			for _, err := range []error{opened, appended, disk.Remove(path), disk.Rename(path, path+"2")} {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("a file that is not there: %v", err)
				}
			}
		})
	}
}

// A lock is had by one, who is named, also within a process; asking who has it
// keeps nobody from it.
func TestALockIsHadByOne(t *testing.T) {
	for name, disk := range disks(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lock")
			if holder, held, err := disk.Holder(path); holder != "" || held || err != nil {
				t.Errorf("Holder of none: %q, %v, %v", holder, held, err)
			}
			for _, who := range []string{"a longer name", "b"} {
				unlock, err := disk.Lock(path, who)
				if err != nil {
					t.Fatal(err)
				}
				if holder, held, err := disk.Holder(path); holder != who || !held || err != nil {
					t.Errorf("Holder: %q, %v, %v", holder, held, err)
				}
				_, err = disk.Lock(path, "c")
				if refused, is := errors.AsType[*durable.HeldError](err); !is || refused.Holder != who || refused.Path != path {
					t.Errorf("Lock: %v", err)
				}
				if err := unlock(); err != nil {
					t.Fatal(err)
				}
				if _, held, err := disk.Holder(path); held || err != nil {
					t.Errorf("it is still held: %v", err)
				}
			}
		})
	}
	for holder, want := range map[string]string{"": "lock x: it is held", "7": "lock x: it is held by 7"} {
		if got := (&durable.HeldError{Path: "x", Holder: holder}).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Who asks for a lock while it is given back, or asked about, gets it.
func TestALockIsWaitedForAMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := durable.System{}.Lock(path, "a")
	if err != nil {
		t.Fatal(err)
	}
	release := unlock
	go func() {
		time.Sleep(20 * time.Millisecond)
		_ = release()
	}()
	unlock, err = durable.System{}.Lock(path, "b")
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock file is left: %v", err)
	}
	// One that somebody removed needs no removing.
	unlock, err = durable.System{}.Lock(path, "c")
	if err != nil || os.Remove(path) != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	// What a crash left behind, with another's name in it, is held by nobody.
	if err := os.WriteFile(path, []byte("12345 or longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if holder, held, err := (durable.System{}).Holder(path); holder != "" || held || err != nil {
		t.Errorf("Holder: %q, %v, %v", holder, held, err)
	}
	unlock, err = durable.System{}.Lock(path, "d")
	if err != nil {
		t.Fatal(err)
	}
	if holder, _, _ := (durable.System{}).Holder(path); holder != "d" {
		t.Errorf("Holder: %q", holder)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// Lock files come and go under those who wait for them: still nobody has a lock
// beside another, and nobody is told anything but that it is held.
func TestManyWantOneLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside, had atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
				_, _, asked := durable.System{}.Holder(path)
				unlock, err := durable.System{}.Lock(path, "x")
				if _, held := errors.AsType[*durable.HeldError](err); held {
					err = nil
				} else if err == nil {
					if n := inside.Add(1); n != 1 {
						t.Errorf("%d have it", n)
					}
					inside.Add(-1)
					had.Add(1)
					err = unlock()
				}
				if err = errors.Join(asked, err); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	if all.Wait(); had.Load() < 100 {
		t.Errorf("it was had %d times", had.Load())
	}
}

func TestTheSystemsDiskOpensRegularFilesOnly(t *testing.T) {
	folder, system := t.TempDir(), durable.System{}
	file, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{link, folder} {
		_, opened := system.Open(path)
		_, appended := system.Append(path)
		_, locked := system.Lock(path, "x")
		_, _, asked := system.Holder(path)
		if opened == nil || appended == nil || locked == nil || asked == nil && path == link {
			t.Errorf("%s was taken for a file: %v, %v, %v, %v", path, opened, appended, locked, asked)
		}
	}
	f, err := system.Create(link)
	if err == nil {
		err = errors.Join(put("new")(f), f.Close())
	}
	if got := text(t, system, file); err != nil || got != "mine" {
		t.Errorf("the link's target holds %q, %v", got, err)
	}
	if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 {
		t.Errorf("Create left %v, %v", info, err)
	}
	if _, err := system.Create(filepath.Join(folder, "no", "such")); err == nil {
		t.Error("a file was made in a folder that is not there")
	}
	if _, err := system.Create(folder); err == nil {
		t.Error("a folder that is not empty was replaced")
	}
	if _, err := system.List(file, 1); err == nil {
		t.Error("a file was listed")
	}
}

// Replace keeps the old file whatever goes wrong, and leaves nothing beside it.
func TestReplaceIsWholeOrNothing(t *testing.T) {
	const path = "/f/file"
	for op, nth := range map[fault.DiskOp]int{fault.OpCreate: 2, fault.OpWrite: 2, fault.OpSync: 2, fault.OpClose: 2, fault.OpRename: 2} {
		disk := fault.NewDisk(t, 1, fault.DiskFault{Op: op, Nth: nth, Err: syscall.EIO})
		if err := durable.Replace(disk, path, put("old")); err != nil {
			t.Fatal(err)
		}
		if err := durable.Replace(disk, path, put("new")); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", op, err)
		}
		if files := disk.Files(); string(files[path]) != "old" || len(files) != 1 {
			t.Errorf("%s: left %q", op, files)
		}
	}
}
