package fault_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/fault"
)

const path = "/f/file"

// made is a disk with a file of which "safe" is synced and "lost" is not, in a
// folder that is.
func made(t *testing.T, seed uint64, faults ...fault.DiskFault) (*fault.Disk, durable.File) {
	t.Helper()
	disk := fault.NewDisk(t, seed, faults...)
	f, err := disk.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, "safe")
	if err := errors.Join(f.Sync(), disk.SyncFolder("/f")); err != nil {
		t.Fatal(err)
	}
	write(t, f, "lost")
	return disk, f
}

func write(t *testing.T, f durable.File, text string) {
	t.Helper()
	if n, err := f.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
	}
}

func TestOnlyPowerLossLosesWhatWasNotSynced(t *testing.T) {
	for loss, want := range map[fault.Loss]string{fault.Kill: "safelost", fault.Unsynced: "safe"} {
		disk, f := made(t, 1)
		next := disk.Restart(loss)
		if got := string(next.Files()[path]); got != want {
			t.Errorf("loss %d: %q, want %q", loss, got, want)
		}
		if got := string(next.Restart(fault.Unsynced).Files()[path]); got != want {
			t.Errorf("loss %d, and again: %q, want %q", loss, got, want)
		}
		if _, err := f.Write([]byte("x")); !errors.Is(err, fault.ErrDown) {
			t.Errorf("a file of a machine that is down: %v", err)
		}
	}
}

// The random losses reach all that they may leave, holes within writes too, and
// nothing that was safe is lost.
func TestRandomLossesLeaveAnythingThatWasNotSynced(t *testing.T) {
	seen := map[fault.Loss]map[string]bool{fault.Tail: {}, fault.Scatter: {}}
	for seed := range uint64(500) {
		for loss := range seen {
			disk, f := made(t, seed)
			write(t, f, "more")
			got := string(disk.Restart(loss).Files()[path])
			if !strings.HasPrefix(got, "safe") {
				t.Fatalf("seed %d, loss %d: %q", seed, loss, got)
			}
			seen[loss][got] = true
		}
	}
	for loss, want := range map[fault.Loss][]string{
		fault.Tail:    {"safe", "safelost", "safelostmore", "safelo"},
		fault.Scatter: {"safe", "safelost", "safelostmore", "safe\x00\x00\x00\x00more"},
	} {
		for _, w := range want {
			if !seen[loss][w] {
				t.Errorf("loss %d never left %q", loss, w)
			}
		}
	}
}

// A name is safe when its folder was synced: made, given another, or removed.
func TestNamesNeedTheirFolderSynced(t *testing.T) {
	disk, f := made(t, 1)
	if err := errors.Join(f.Sync(), disk.Rename(path, path+"2")); err != nil {
		t.Fatal(err)
	}
	if got := disk.Files(); got[path] != nil || string(got[path+"2"]) != "safelost" {
		t.Errorf("got %q", got)
	}
	after := disk.Restart(fault.Unsynced)
	if got := after.Files(); string(got[path]) != "safelost" || len(got) != 1 {
		t.Errorf("after a loss: %q", got)
	}
	if err := errors.Join(after.Rename(path, path+"2"), after.SyncFolder("/f"), after.Remove(path+"2"), after.SyncFolder("/other")); err != nil {
		t.Fatal(err)
	}
	if got := after.Restart(fault.Unsynced).Files(); string(got[path+"2"]) != "safelost" || len(got) != 1 {
		t.Errorf("after another: %q", got)
	}
}

// After an fsync that failed, what was not safe never will be, though it is read.
func TestAFailedSyncIsNotMadeGoodByTheNext(t *testing.T) {
	disk, f := made(t, 1, fault.DiskFault{Op: fault.OpSync, Nth: 2, Err: syscall.EIO})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	write(t, f, "more")
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := string(disk.Files()[path]); got != "safelostmore" {
		t.Errorf("it is read as %q", got)
	}
	if got := string(disk.Restart(fault.Unsynced).Files()[path]); got != "safe\x00\x00\x00\x00more" {
		t.Errorf("after a loss: %q", got)
	}
}

func TestAWriteMayBeCutShort(t *testing.T) {
	disk, f := made(t, 1, fault.DiskFault{Op: fault.OpWrite, Nth: 3, Err: syscall.ENOSPC, Short: 2}, fault.DiskFault{Op: fault.OpWrite, Nth: 4, Crash: true, Short: 1})
	if n, err := f.Write([]byte("abc")); n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := f.Write([]byte("def")); !errors.Is(err, fault.ErrDown) {
		t.Errorf("%v", err)
	}
	if got := string(disk.Restart(fault.Kill).Files()[path]); got != "safelostabd" {
		t.Errorf("got %q", got)
	}
}

// The same seed loses the same, so that a failure can be seen again.
func TestASeedReplays(t *testing.T) {
	var left []string
	for range 2 {
		var all string
		for seed := range uint64(50) {
			disk, f := made(t, seed)
			write(t, f, "more")
			all += string(disk.Restart(fault.Scatter).Files()[path]) + "\n"
		}
		left = append(left, all)
	}
	if left[0] != left[1] {
		t.Error("it does not")
	}
}

// A recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	said    []string
	cleanup []func()
}

func (r *recorder) Errorf(format string, args ...any) { r.said = append(r.said, format) }
func (r *recorder) Cleanup(f func())                  { r.cleanup = append(r.cleanup, f) }
func (r *recorder) end() {
	for _, f := range slices.Backward(r.cleanup) {
		f()
	}
}

func TestAFaultThatNeverHappensFailsTheTest(t *testing.T) {
	r := &recorder{}
	disk := fault.NewDisk(r, 1, fault.DiskFault{Op: fault.OpRemove, Err: syscall.EIO}, fault.DiskFault{Op: fault.OpList, Err: syscall.EIO})
	if _, err := disk.List("/f", 1); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v", err)
	}
	if r.end(); len(r.said) != 1 {
		t.Errorf("it said %q", r.said)
	}
	called := false
	r = &recorder{}
	disk = fault.NewDisk(r, 1, fault.DiskFault{Do: func() { called = true }}, fault.DiskFault{Op: fault.OpRemove, Err: syscall.EIO})
	if err := disk.MakeFolder("/f"); err != nil || !called {
		t.Errorf("%v, called: %v", err, called)
	}
	if disk.Cancel(); disk.MakeFolder("/f") != nil || disk.Count(fault.OpMakeFolder) != 2 || disk.Count("") != 2 {
		t.Error("after Cancel")
	}
	if r.end(); len(r.said) != 0 {
		t.Errorf("it said %q", r.said)
	}
}
