package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/journal"
)

func TestOpenGivesBackWhatWasWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "journals")
	want := states(t, story())
	j, err := journal.Create(durable.System{}, dir, begin())
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range story()[1:] {
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
		if got := j.State(); !same(got, want[i+2]) {
			t.Errorf("after record %d: %+v", i+2, got)
		}
	}
	for range 2 {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // nothing is lost by opening
		j, err = journal.Open(durable.System{}, dir, transfer)
		if err != nil {
			t.Fatal(err)
		}
		if got := j.State(); !same(got, want[len(want)-1]) || got.Tail != 0 {
			t.Errorf("got %+v\nwant %+v", got, want[len(want)-1])
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := journal.Read(durable.System{}, dir, transfer); err != nil || !same(got, want[len(want)-1]) {
		t.Errorf("Read: %v, %+v", err, got)
	}
	private(t, dir, 0o700)
	private(t, filepath.Join(dir, transfer+".journal"), 0o600)
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("%d files are there, want the journal alone", len(names))
	}
}

func private(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want && runtime.GOOS != "windows" {
		t.Errorf("%s has mode %o, want %o", path, got, want)
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Create(durable.System{}, dir, begin())
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(journal.Creating{}); err != nil {
		t.Fatal(err)
	}
	if j.Path() != filepath.Join(dir, transfer+".journal") {
		t.Errorf("path %s", j.Path())
	}
	if err := j.Remove(); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("left: %v", names)
	}
	for what, err := range map[string]error{"Append": j.Append(journal.Creating{}), "Commit": j.Commit(journal.Creating{}), "Remove": j.Remove()} {
		if !errors.Is(err, journal.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", what, err)
		}
	}
	if _, err := journal.Open(durable.System{}, dir, transfer); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("left by Open: %v", names)
	}
}

func TestTheLoserIsToldWhoHoldsTheJournal(t *testing.T) {
	for name, disk := range map[string]durable.Disk{"system": durable.System{}, "memory": fault.NewDisk(t, 1)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j, err := journal.Create(disk, dir, begin())
			if err != nil {
				t.Fatal(err)
			}
			_, opened := journal.Open(disk, dir, transfer)
			_, created := journal.Create(disk, dir, begin())
			for _, err := range []error{opened, created} {
				held, is := errors.AsType[*journal.HeldError](err)
				if !is || held.PID != os.Getpid() || held.Transfer != transfer || !strings.Contains(err.Error(), fmt.Sprintf("process %d holds it", os.Getpid())) {
					t.Errorf("got %v", err)
				}
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := journal.Create(disk, dir, begin()); !errors.Is(err, fs.ErrExist) {
				t.Errorf("Create where a journal is: %v", err)
			}
			if j, err = journal.Open(disk, dir, transfer); err != nil {
				t.Fatal(err)
			}
			if err := j.Remove(); err != nil {
				t.Fatal(err)
			}
		})
	}
	if got := (&journal.HeldError{Transfer: transfer}).Error(); !strings.Contains(got, "another process") {
		t.Errorf("without a pid: %s", got)
	}
}

// Of many that want one journal one has it at a time, also while others remove
// the lock file, and all get it in the end.
func TestOneHolderAtATime(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Create(durable.System{}, dir, begin())
	if err == nil {
		err = j.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var inside atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for done := 0; done < 10; {
				j, err := journal.Open(durable.System{}, dir, transfer)
				if _, held := errors.AsType[*journal.HeldError](err); held {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold it", n)
				}
				time.Sleep(time.Millisecond)
				inside.Add(-1)
				if err := errors.Join(j.Err(), j.Close()); err != nil {
					t.Error(err)
				}
				done++
			}
		})
	}
	all.Wait()
}

// A link at the journal's place, or a FIFO, is refused, never followed or waited
// for.
func TestNothingButAFileIsOpened(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, transfer+".journal")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Skip(err)
	}
	if _, err := journal.Open(durable.System{}, dir, transfer); err == nil || errors.Is(err, journal.ErrInvalid) && runtime.GOOS != "windows" {
		t.Errorf("Open followed a link: %v", err)
	}
	if _, err := journal.Create(durable.System{}, dir, begin()); err == nil {
		t.Error("Create followed a link")
	}
	if got, _ := os.ReadFile(victim); string(got) != "mine" {
		t.Errorf("the link's target holds %q", got)
	}
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(durable.System{}, dir, transfer); err == nil {
		t.Error("a folder was opened")
	}
	// The lock file is no link either.
	if err := errors.Join(os.Remove(path), os.Symlink(victim, filepath.Join(dir, transfer+".lock"))); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Create(durable.System{}, dir, begin()); err == nil && runtime.GOOS != "windows" {
		t.Error("the lock followed a link")
	}
	if got, _ := os.ReadFile(victim); string(got) != "mine" {
		t.Errorf("the link's target holds %q", got)
	}
}

// A journal does not grow without bound, and says so when it would.
func TestAJournalIsBounded(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	j, err := journal.Create(disk, folder, begin())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Append(journal.Creating{}), j.Append(journal.Created{UploadID: "u"})); err != nil {
		t.Fatal(err)
	}
	long := part(1)
	long.ETag = strings.Repeat("e", journal.MaxRecord)
	if err := j.Append(long); !errors.Is(err, journal.ErrInvalid) {
		t.Errorf("a record that is too long: %v", err)
	}
	long.ETag = strings.Repeat("e", 60_000)
	for {
		if err = j.Append(long); err != nil {
			break
		}
	}
	if !errors.Is(err, journal.ErrFull) || !errors.Is(j.Err(), journal.ErrFull) {
		t.Errorf("got %v", err)
	}
	if size := len(disk.Files()[file]); size > journal.MaxSize || size < journal.MaxSize-2*journal.MaxRecord {
		t.Errorf("%d bytes", size)
	}
	_ = j.Close()
	j = open(t, disk)
	if err := j.Err(); err != nil {
		t.Errorf("a full journal opens dead: %v", err)
	}
	_ = j.Close()
}

// 10,000 parts are what S3 takes at most.
func TestTenThousandPartsAreSmallAndReadFast(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	largest(t, disk)
	size := len(disk.Files()[file])
	start := time.Now()
	j := open(t, disk)
	took := time.Since(start)
	if got := j.State(); got.Stored != 10_000 || got.Bytes != 10_000*8*mib {
		t.Errorf("%d parts, %d bytes", got.Stored, got.Bytes)
	}
	if size > 2*mib {
		t.Errorf("%d bytes, want at most 2 MiB", size)
	}
	if took > 2*time.Second { // far above what it takes, also under -race
		t.Errorf("opened in %v", took)
	}
	t.Logf("%d bytes, opened in %v", size, took)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// largest writes the largest journal that a transfer needs without trouble, with
// the longest sums.
func largest(t testing.TB, disk durable.Disk) {
	t.Helper()
	b := begin()
	b.Source.Size = 10_000 * 8 * mib
	records := []journal.Record{b, journal.Creating{}, journal.Created{UploadID: strings.Repeat("u", 200)}}
	for n := range 10_000 {
		p := part(1)
		p.Number = n + 1
		records = append(records, p)
	}
	write(t, disk, records...)
}

// A record that cannot follow is refused, not written, and harms nothing.
func TestARecordThatDoesNotFitIsNotWritten(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	j, err := journal.Create(disk, folder, begin())
	if err != nil {
		t.Fatal(err)
	}
	before := disk.Files()[file]
	for _, r := range []journal.Record{part(1), journal.Completed{}, begin(), journal.Unknown{Type: "new"}, journal.Created{UploadID: "\xff"}, journal.Part{}} {
		if err := j.Commit(r); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%T: got %v", r, err)
		}
	}
	if !bytes.Equal(disk.Files()[file], before) || j.Err() != nil || !same(j.State(), states(t, story()[:1])[1]) {
		t.Errorf("something changed: %v, %+v", j.Err(), j.State())
	}
	if err := errors.Join(j.Commit(journal.Creating{}), j.Close()); err != nil {
		t.Error(err)
	}
}

// What State returns is a copy.
func TestStateIsACopy(t *testing.T) {
	j, err := journal.Create(fault.NewDisk(t, 1), folder, begin())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Append(journal.Creating{}), j.Append(journal.Created{UploadID: "u"}), j.Append(part(1))); err != nil {
		t.Fatal(err)
	}
	s := j.State()
	delete(s.Parts, 1)
	if len(j.State().Parts) != 1 {
		t.Error("the journal's own map was changed")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
