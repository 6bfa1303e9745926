package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/journal"
)

// id is the ULID of the nth transfer.
func id(n int) string { return fmt.Sprintf("01KAV8Y00000000000000%05d", n) }

// add makes a journal of another transfer and returns it open.
func add(t testing.TB, disk durable.Disk, n int, records ...journal.Record) *journal.Journal {
	t.Helper()
	b := begin()
	b.Transfer = id(n)
	j, err := journal.Create(disk, folder, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func scan(t *testing.T, disk durable.Disk, dir string) []journal.Entry {
	t.Helper()
	entries, more, err := journal.Scan(disk, dir)
	if err != nil || more {
		t.Fatalf("scan: %v, more: %v", err, more)
	}
	return entries
}

// A folder shows its journals, oldest first: how far each is, who has it, what is
// owed, and which are damaged; it changes nothing and takes nothing.
func TestScanNamesEveryJournal(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	created := []journal.Record{journal.Creating{}, journal.Created{UploadID: "u"}, part(1)}
	for _, c := range []struct {
		n       int
		records []journal.Record
		open    bool
	}{
		{3, append(slices.Clone(created), journal.Aborting{}), false},
		{1, created, true},
		{2, append(slices.Clone(created), journal.Aborting{}, journal.Aborted{}), false},
		{4, append(slices.Clone(created), journal.Aborting{}, journal.Restarted{}, journal.Creating{}, journal.Created{UploadID: "v"}), false},
		{5, []journal.Record{journal.Creating{}, journal.Aborting{}}, false},
		{6, created, false}, {7, created, false}, {8, created, false},
	} {
		if j := add(t, disk, c.n, c.records...); c.open {
			defer func() { _ = j.Close() }()
		} else if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	path := func(n int) string { return folder + "/" + id(n) + ".journal" }
	disk.Break(path(6), func(text []byte) []byte { text[20] ^= 1; return text })
	disk.Break(path(7), func(text []byte) []byte { return append(text, "01"...) })
	disk.Break(path(8), func(text []byte) []byte { return []byte(framed(append(payloads(text), `{"type":"completed"}`)...)) })
	disk.Put(folder+"/"+id(9)+".journal.new", []byte("0"))
	disk.Put(folder+"/notes.journal", nil)
	disk.Put(folder+"/"+id(10)+".lock", nil)
	disk.Put(folder+"/deeper/"+id(11)+".journal", nil)
	before := disk.Count("")
	got := scan(t, disk, folder)
	if n := disk.Count("") - before; n != 0 {
		t.Errorf("a scan changes %d things", n)
	}
	want := []struct {
		phase  journal.Phase
		owes   bool
		held   bool
		failed bool
		stored int
	}{
		1: {journal.PhaseOpen, false, true, false, 1},
		2: {journal.PhaseAborted, false, false, false, 0},
		3: {journal.PhaseAborting, true, false, false, 1},
		4: {journal.PhaseOpen, true, false, false, 0},
		5: {journal.PhaseAborting, true, false, false, 0},
		6: {journal.PhaseNone, false, false, true, 0},
		7: {journal.PhaseOpen, false, false, false, 1},
		8: {journal.PhaseOpen, false, false, true, 1},
	}
	if len(got) != 8 {
		t.Fatalf("%d entries: %+v", len(got), got)
	}
	for i, e := range got {
		w := want[i+1]
		if e.Transfer != id(i+1) || e.Path != path(i+1) || e.State.Phase != w.phase || e.State.Owes() != w.owes || e.Held != w.held || e.State.Stored != w.stored || e.State.Parts != nil {
			t.Errorf("entry %d: %+v", i+1, e)
		}
		if w.failed != (e.Err != nil) || w.failed && !errors.Is(e.Err, journal.ErrInvalid) {
			t.Errorf("entry %d: %v", i+1, e.Err)
		}
		if w.held && e.PID != os.Getpid() {
			t.Errorf("entry %d: held by %d", i+1, e.PID)
		}
	}
	if owed := got[3].State.Owed; len(owed) != 1 || owed[0] != "u" {
		t.Errorf("owed: %v", owed)
	}
	if got[6].State.Tail != 2 {
		t.Errorf("tail: %d", got[6].State.Tail)
	}
}

// On the machine's own disk too; what is no file there is named.
func TestScanOfAFolderOfTheSystem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journals")
	if got := scan(t, durable.System{}, dir); len(got) != 0 {
		t.Errorf("a folder that is not there has %+v", got)
	}
	j, err := journal.Create(durable.System{}, dir, begin())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, id(11)+".journal"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(j.Path(), filepath.Join(dir, id(12)+".journal")); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	for _, e := range scan(t, durable.System{}, dir) {
		if e.Transfer == transfer && (e.Err != nil || !e.Held || e.PID != os.Getpid()) || e.Transfer != transfer && (e.Err == nil || e.Held) {
			t.Errorf("%+v", e)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := journal.Scan(durable.System{}, filepath.Join(dir, id(11)+".journal", "x", "\x00")); err == nil {
		t.Error("a folder that cannot be is listed")
	}
}

// One that cannot be read is named with the disk's error; one that goes away
// while others are read is not there; a folder that cannot be listed is an error.
func TestScanToleratesTheDisk(t *testing.T) {
	for op, want := range map[fault.DiskOp]error{fault.OpOpen: syscall.EIO, fault.OpRead: syscall.EIO, fault.OpHolder: syscall.EACCES} {
		disk := fault.NewDisk(t, 1)
		for n := range 3 {
			if err := add(t, disk, n).Close(); err != nil {
				t.Fatal(err)
			}
		}
		disk = disk.Restart(fault.Kill, fault.DiskFault{Op: op, Nth: 1, Err: want})
		got := scan(t, disk, folder)
		if len(got) != 3 || !errors.Is(got[0].Err, want) || got[1].Err != nil || got[2].Err != nil {
			t.Errorf("%s: %+v", op, got)
		}
	}
	disk := fault.NewDisk(t, 1)
	if err := add(t, disk, 1).Close(); err != nil {
		t.Fatal(err)
	}
	gone := disk.Restart(fault.Kill, fault.DiskFault{Op: fault.OpOpen, Err: fs.ErrNotExist})
	if got := scan(t, gone, folder); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	broken := gone.Restart(fault.Kill, fault.DiskFault{Op: fault.OpList, Err: syscall.EIO})
	if _, _, err := journal.Scan(broken, folder); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
}

// A folder without bound is read within bounds, and that is said.
func TestScanIsBounded(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	for n := range journal.MaxScan + 1 {
		disk.Put(fmt.Sprintf("%s/%s.journal", folder, id(n)), nil)
	}
	entries, more, err := journal.Scan(disk, folder)
	if err != nil || !more || len(entries) != journal.MaxScan || entries[0].Transfer != id(0) {
		t.Errorf("%d entries, more: %v, %v", len(entries), more, err)
	}
}
