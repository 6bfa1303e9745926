package journal_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/journal"
)

var seedFlag = flag.Uint64("seed", 0, "of what is random in crashes; 0 is another each time")

// seed is printed when a test fails, and can be given back by -seed.
func seed(t *testing.T) uint64 {
	s := *seedFlag
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("replay with -seed=%d", s)
	return s
}

// A told is what the writer of a journal was told before a crash.
type told struct {
	handed    int // records that were given to the journal, whatever came of it
	appended  int // records of which Append or Commit said that they were taken
	committed int // records of which a Commit said that they are on the disk
	begun     bool
	removing  bool
	removed   bool
	err       error // the first
}

// live writes the story on a disk, with pauses in which the journal syncs by
// itself, and removes it in the end. It stops at the first error.
func live(disk durable.Disk, records []journal.Record) (w told) {
	w.handed = 1
	j, err := journal.Create(disk, folder, records[0].(journal.Begin))
	if err != nil {
		w.err = err
		return w
	}
	defer func() { _ = j.Close() }()
	w.begun, w.appended, w.committed = true, 1, 1
	for i, r := range records[1:] {
		w.handed++
		if commits(r) {
			if w.err = j.Commit(r); w.err == nil {
				w.committed = w.handed
			}
		} else {
			w.err = j.Append(r)
		}
		if w.err != nil {
			return w
		}
		w.appended++
		if i%4 == 3 {
			time.Sleep(300 * time.Millisecond)
			synctest.Wait()
		}
	}
	w.removing = true
	if w.err = j.Remove(); w.err == nil {
		w.removed = true
	}
	return w
}

// recovered holds what is found after a crash against what the writer was told.
func recovered(t *testing.T, disk *fault.Disk, w told, all []journal.State, loss fault.Loss) {
	t.Helper()
	j, err := journal.Open(disk, folder, transfer)
	if errors.Is(err, fs.ErrNotExist) {
		if w.begun && !w.removing {
			t.Errorf("the journal is gone")
		}
		return
	}
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	defer func() { _ = j.Close() }()
	if w.removed {
		t.Error("the journal is back")
	}
	got := j.State()
	least := w.committed
	if loss == fault.Kill {
		least = w.appended
	}
	if got.Records < least || got.Records > w.handed || !same(got, all[got.Records]) {
		t.Errorf("%d records are there, of %d handed over, %d taken, %d committed:\n%+v", got.Records, w.handed, w.appended, w.committed, got)
		return
	}
	goOn(t, disk, j, all)
}

// goOn writes the rest of the story, and loses all that is not synced once more.
func goOn(t *testing.T, disk *fault.Disk, j *journal.Journal, all []journal.State) {
	t.Helper()
	for _, r := range story()[j.State().Records:] {
		if err := j.Commit(r); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, disk.Restart(fault.Unsynced))
	defer func() { _ = again.Close() }()
	if got := again.State(); !same(got, all[len(all)-1]) {
		t.Errorf("after going on: %+v", got)
	}
}

// losses are all that a crash may take, the random ones several times.
func losses() []fault.Loss {
	l := []fault.Loss{fault.Kill, fault.Unsynced}
	for range 4 {
		l = append(l, fault.Tail, fault.Scatter)
	}
	return l
}

// changes is how many operations of a life change something.
func changes(t *testing.T, seed uint64, faults ...fault.DiskFault) int {
	t.Helper()
	disk := fault.NewDisk(t, seed, faults...)
	if w := live(disk, story()); w.err != nil {
		t.Fatal(w.err)
	}
	return disk.Count("")
}

// The machine, or the process, may go down before, within or after every single
// thing that a journal asks of the disk.
func TestEveryCrashLeavesATruePrefix(t *testing.T) {
	s := seed(t)
	synctest.Test(t, func(t *testing.T) {
		all := states(t, story())
		n := changes(t, s)
		if n < 50 {
			t.Fatalf("only %d operations", n)
		}
		for nth := 1; nth <= n; nth++ {
			for i, loss := range losses() {
				for kind, f := range map[string]fault.DiskFault{
					"before": {Nth: nth, Crash: true},
					"within": {Nth: nth, Crash: true, Short: -1},
					"after":  {Nth: nth, Crash: true, After: true},
				} {
					disk := fault.NewDisk(t, s+uint64(nth*100+i), f)
					w := live(disk, story())
					if w.err == nil && !w.removed {
						t.Fatalf("operation %d: no crash", nth)
					}
					recovered(t, disk.Restart(loss), w, all, loss)
					if t.Failed() {
						t.Fatalf("crash %s operation %d, loss %d", kind, nth, loss)
					}
				}
			}
		}
		t.Logf("%d operations, %d crashes", n, n*len(losses())*3)
	})
}

// Opening for writing may be cut off too, at every point, again and again.
func TestACrashWhileOpeningLosesNothing(t *testing.T) {
	s := seed(t)
	synctest.Test(t, func(t *testing.T) {
		all := states(t, story())
		for _, loss := range losses() {
			for nth := 1; ; nth++ {
				first := fault.NewDisk(t, s+uint64(nth), fault.DiskFault{Op: fault.OpWrite, Nth: 20, Crash: true, Short: -1})
				w := live(first, story())
				disk := first.Restart(fault.Tail, fault.DiskFault{Nth: nth, Crash: true})
				j, err := journal.Open(disk, folder, transfer)
				crashed := err != nil || j.Err() != nil
				if j != nil {
					_ = j.Close()
				}
				if !crashed {
					disk.Cancel()
					break
				}
				recovered(t, disk.Restart(loss), w, all, fault.Unsynced)
				if t.Failed() {
					t.Fatalf("crash at operation %d of Open, loss %d", nth, loss)
				}
			}
		}
	})
}

// Whatever the disk refuses, the journal says so, once and for all; the transfer
// goes on, and what is left of the journal is true.
func TestAFaultKillsTheJournalAndNothingElse(t *testing.T) {
	s := seed(t)
	synctest.Test(t, func(t *testing.T) {
		all := states(t, story())
		n := changes(t, s)
		for nth := 1; nth <= n; nth++ {
			for _, f := range []fault.DiskFault{
				{Err: syscall.ENOSPC}, {Err: syscall.ENOSPC, Short: -1}, {Err: syscall.EIO, Short: 20}, {Err: syscall.EIO, After: true},
			} {
				f.Nth = nth
				disk := fault.NewDisk(t, s+uint64(nth), f)
				w := live(disk, story())
				if w.err == nil || !errors.Is(w.err, f.Err) {
					t.Fatalf("fault %+v: got %v", f, w.err)
				}
				for _, loss := range losses() {
					after := w
					after.begun = w.begun && !w.removing
					recovered(t, disk.Restart(loss), after, all, loss)
				}
				if t.Failed() {
					t.Fatalf("fault %+v", f)
				}
			}
		}
	})
}

// A dead journal gives one error for ever and asks nothing of the disk.
func TestADeadJournalStaysDead(t *testing.T) {
	for _, op := range []fault.DiskOp{fault.OpWrite, fault.OpSync} {
		t.Run(string(op), func(t *testing.T) {
			disk := fault.NewDisk(t, 1, fault.DiskFault{Op: op, Nth: 3, Err: syscall.EIO, Short: 30})
			j, err := journal.Create(disk, folder, begin())
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Commit(journal.Creating{}); err != nil {
				t.Fatal(err)
			}
			first := j.Commit(journal.Created{UploadID: "u"})
			if !errors.Is(first, syscall.EIO) || !strings.Contains(first.Error(), transfer) {
				t.Fatalf("got %v", first)
			}
			before := disk.Count("")
			for range 3 {
				if err := j.Commit(part(1)); !errors.Is(err, syscall.EIO) || err.Error() != first.Error() {
					t.Errorf("Commit: %v", err)
				}
				if err := j.Append(part(1)); err == nil || err.Error() != first.Error() {
					t.Errorf("Append: %v", err)
				}
				if err := j.Err(); err == nil || err.Error() != first.Error() {
					t.Errorf("Err: %v", err)
				}
			}
			if n := disk.Count("") - before; n != 0 {
				t.Errorf("%d operations of a dead journal", n)
			}
			if err := j.Remove(); err != nil {
				t.Errorf("a dead journal cannot be removed: %v", err)
			}
		})
	}
}

// A failed sync in the background is told to the next who asks.
func TestABackgroundSyncThatFailsIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := fault.NewDisk(t, 1, fault.DiskFault{Op: fault.OpSync, Nth: 2, Err: syscall.EIO})
		j, err := journal.Create(disk, folder, begin())
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(journal.Creating{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if err := j.Err(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Err: %v", err)
		}
		if err := j.Commit(journal.Creating{}); !errors.Is(err, syscall.EIO) {
			t.Errorf("Commit: %v", err)
		}
		if err := j.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Close: %v", err)
		}
	})
}

// After an fsync that failed, the system may hold as clean what the disk never
// got. Who opens the journal next must not build on that.
func TestOpenDoesNotTrustAnotherProcessesFailedSync(t *testing.T) {
	disk := fault.NewDisk(t, 1, fault.DiskFault{Op: fault.OpSync, Nth: 3, Err: syscall.EIO})
	j, err := journal.Create(disk, folder, begin())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Commit(journal.Creating{}), j.Append(journal.Created{UploadID: "u"})); err != nil {
		t.Fatal(err)
	}
	if err := j.Commit(part(1)); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	_ = j.Close()
	here := open(t, disk)
	if err := here.Commit(completing()); err != nil {
		t.Fatal(err)
	}
	after := open(t, disk.Restart(fault.Unsynced))
	defer func() { _ = after.Close() }()
	if got := after.State(); got.Phase != journal.PhaseCompleting || got.Stored != 1 {
		t.Errorf("got %+v", got)
	}
}

// What is written while an fsync is on its way may have missed it: its Commit
// waits for the next.
func TestACommitIsNotServedByASyncThatBeganBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j *journal.Journal
		var late error
		var after *fault.Disk
		var disk *fault.Disk
		var all sync.WaitGroup
		disk = fault.NewDisk(t, 1,
			fault.DiskFault{Op: fault.OpSync, Nth: 3, After: true, Do: func() { // that of Created
				all.Go(func() {
					late = j.Commit(part(1))
					after = disk.Restart(fault.Unsynced)
				})
				synctest.Wait()
			}})
		var err error
		if j, err = journal.Create(disk, folder, begin()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(j.Commit(journal.Creating{}), j.Commit(journal.Created{UploadID: "u"})); err != nil {
			t.Fatal(err)
		}
		if all.Wait(); late != nil {
			t.Fatal(late)
		}
		got, err := journal.Read(after, folder, transfer)
		if err != nil || got.Stored != 1 {
			t.Errorf("%v, %+v", err, got)
		}
		_ = j.Close()
	})
}

// What was removed does not come back.
func TestRemovedIsRemovedWithoutPowerToo(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	write(t, disk, story()...)
	if err := open(t, disk).Remove(); err != nil {
		t.Fatal(err)
	}
	for _, loss := range losses() {
		if files := disk.Restart(loss).Files(); len(files) != 0 {
			t.Errorf("loss %d: %d files", loss, len(files))
		}
	}
	// Where it cannot be removed, or not for sure, that is said.
	for nth, op := range []fault.DiskOp{fault.OpRemove, fault.OpSyncFolder} {
		disk := fault.NewDisk(t, 1, fault.DiskFault{Op: op, Nth: nth + 1, Err: syscall.EIO})
		j, err := journal.Create(disk, folder, begin())
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Remove(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", op, err)
		}
		if _, held, _ := disk.Holder(folder + "/" + transfer + ".lock"); held {
			t.Errorf("%s: it is still held", op)
		}
	}
}

// A journal that could not be begun leaves nothing: neither a file nor a lock.
func TestAFailedCreateLeavesNothing(t *testing.T) {
	for nth := 1; ; nth++ {
		disk := fault.NewDisk(t, 1, fault.DiskFault{Nth: nth, Err: syscall.ENOSPC, After: true}, fault.DiskFault{Op: fault.OpAppend, Err: syscall.EMFILE})
		_, err := journal.Create(disk, folder, begin())
		last := errors.Is(err, syscall.EMFILE)
		if last {
			disk.Cancel()
		} else if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("operation %d: %v", nth, err)
		}
		if files := disk.Files(); len(files) != 0 {
			t.Errorf("operation %d left %d files", nth, len(files))
		}
		if _, held, _ := disk.Holder(folder + "/" + transfer + ".lock"); held && nth > 2 { // 2 is the lock itself
			t.Errorf("operation %d left the lock", nth)
		}
		if disk.Cancel(); last {
			break
		}
	}
	disk := fault.NewDisk(t, 1, fault.DiskFault{Op: fault.OpOpen, Err: syscall.EIO})
	if _, err := journal.Create(disk, folder, begin()); !errors.Is(err, syscall.EIO) || len(disk.Files()) != 0 {
		t.Errorf("where it cannot be seen whether one is there: %v", err)
	}
}

// Where the disk refuses what opening needs, the journal is held and dead, and
// what it says is there to be used.
func TestOpenOnAFullDiskIsDeadAndStillTells(t *testing.T) {
	for nth := 1; nth <= 4; nth++ {
		t.Run(fmt.Sprint(nth), func(t *testing.T) {
			first := fault.NewDisk(t, 1)
			write(t, first, story()...)
			disk := first.Restart(fault.Kill, fault.DiskFault{Nth: nth + 1, Err: syscall.ENOSPC})
			j := open(t, disk)
			if !errors.Is(j.Err(), syscall.ENOSPC) {
				t.Errorf("Err: %v", j.Err())
			}
			if got := j.State(); got.Phase != journal.PhaseCompleted {
				t.Errorf("got %+v", got)
			}
			if _, err := journal.Open(disk, folder, transfer); err == nil {
				t.Error("it is not held")
			}
			if err := j.Append(part(1)); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Append: %v", err)
			}
			_ = j.Close()
		})
	}
}
