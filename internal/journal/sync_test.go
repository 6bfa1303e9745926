package journal_test

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/journal"
)

// Commits at the same time share fsyncs; an fsync is on its way for one of them
// only.
func TestCommitsShareSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var now, most int
		disk := fault.NewDisk(t, 1, fault.DiskFault{Op: fault.OpSync, Do: func() {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
		}})
		j, err := journal.Create(disk, folder, begin())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(j.Commit(journal.Creating{}), j.Commit(journal.Created{UploadID: "u"})); err != nil {
			t.Fatal(err)
		}
		before := disk.Count(fault.OpSync)
		var all sync.WaitGroup
		for n := range 64 {
			all.Go(func() {
				time.Sleep(time.Duration(n) * time.Millisecond / 10)
				if err := j.Commit(part(n%5 + 1)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := disk.Count(fault.OpSync) - before; n > 3 || most != 1 {
			t.Errorf("%d syncs for 64 commits, at most %d at a time", n, most)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// What is appended is on the disk a moment later, by few fsyncs.
func TestAppendedRecordsReachTheDiskByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := fault.NewDisk(t, 1)
		j, err := journal.Create(disk, folder, begin())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(j.Append(journal.Creating{}), j.Append(journal.Created{UploadID: "u"})); err != nil {
			t.Fatal(err)
		}
		before := disk.Count(fault.OpSync)
		for n := range 1000 { // one second of parts
			if err := j.Append(part(n%5 + 1)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if n := disk.Count(fault.OpSync) - before; n < 4 || n > 6 {
			t.Errorf("%d syncs in a second, want about five", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		after := open(t, disk.Restart(fault.Unsynced))
		if got := after.State().Records; got != 1003 {
			t.Errorf("%d records are on the disk, want 1003", got)
		}
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
		_ = j.Close()
	})
}

// A part waits for no disk: what is appended while an fsync takes its time is
// taken at once.
func TestAppendDoesNotWaitForASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := fault.NewDisk(t, 1, fault.DiskFault{Op: fault.OpSync, Do: func() { time.Sleep(time.Second) }})
		j, err := journal.Create(disk, folder, begin())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(j.Commit(journal.Creating{}), j.Commit(journal.Created{UploadID: "u"})); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() {
			if err := j.Commit(part(1)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		start := time.Now()
		for n := range 1000 {
			if err := j.Append(part(n%5 + 1)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it waited %v", took)
		}
		all.Wait()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Whoever still writes when the journal is let go is told so; what was taken
// before is there.
func TestLettingGoWhileOthersWrite(t *testing.T) {
	for name, end := range map[string]func(*journal.Journal) error{"Close": (*journal.Journal).Close, "Remove": (*journal.Journal).Remove} {
		dir := t.TempDir()
		j, err := journal.Create(durable.System{}, dir, begin())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(j.Commit(journal.Creating{}), j.Commit(journal.Created{UploadID: "u"})); err != nil {
			t.Fatal(err)
		}
		var taken atomic.Int64
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				write := j.Append
				if n%2 == 0 {
					write = j.Commit
				}
				for {
					err := write(part(n%5 + 1))
					if err == nil {
						taken.Add(1)
						continue
					}
					if !errors.Is(err, journal.ErrClosed) {
						t.Errorf("%s: %v", name, err)
					}
					return
				}
			})
		}
		time.Sleep(20 * time.Millisecond)
		if err := end(j); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		all.Wait()
		s, err := journal.Read(durable.System{}, dir, transfer)
		if name == "Remove" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Remove: it is still there: %v", err)
		}
		if name == "Close" && (err != nil || int64(s.Records) != taken.Load()+3) {
			t.Errorf("Close: %v, %d records of %d", err, s.Records, taken.Load()+3)
		}
	}
}
