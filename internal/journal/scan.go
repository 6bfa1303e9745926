package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sealift/sealift/internal/durable"
)

// MaxScan is how many journals Scan reads at most.
const MaxScan = 10_000

// An Entry is one journal that Scan found.
type Entry struct {
	Transfer string // ULID, from the file's name
	Path     string
	State    State // without Parts; where Err is not nil, of the records before that
	Held     bool  // a living process has it
	PID      int   // of that; 0 where it is not known
	Err      error // why it cannot be opened, other than that it is held
}

// Scan lists the journals of a folder, oldest transfer first, without taking
// them; aborts that are owed are those of entries whose State Owes and that are
// not Held. A journal that is damaged is an entry with an error. One that goes
// away meanwhile is none, nor is a folder that is not there. more says that
// there are others than the MaxScan that were read.
func Scan(disk durable.Disk, folder string) (entries []Entry, more bool, err error) {
	const most = 3 * MaxScan // beside each there may be its lock and its successor
	names, err := disk.List(folder, most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("list journals: %w", err)
	}
	more = len(names) == most
	names = slices.DeleteFunc(names, func(name string) bool {
		transfer, is := strings.CutSuffix(name, suffix)
		return !is || !isULID(transfer)
	})
	slices.Sort(names)
	if len(names) > MaxScan {
		names, more = names[:MaxScan], true
	}
	for _, name := range names {
		e := look(disk, folder, strings.TrimSuffix(name, suffix))
		if !errors.Is(e.Err, fs.ErrNotExist) {
			entries = append(entries, e)
		}
	}
	return entries, more, nil
}

func look(disk durable.Disk, folder, transfer string) Entry {
	e := Entry{Transfer: transfer, Path: pathOf(folder, transfer)}
	holder, held, err := disk.Holder(lockOf(folder, transfer))
	if e.Held = held; held {
		e.PID, _ = strconv.Atoi(holder)
	}
	e.State, e.Err = Read(disk, folder, transfer)
	e.State.Parts = nil
	if e.Err == nil && err != nil {
		e.Err = fmt.Errorf("ask who holds the journal of transfer %s: %w", transfer, err)
	}
	return e
}

// Tidy removes what a crash left beside journals and nobody holds: locks, and
// journals that were never finished. What cannot be removed is left.
func Tidy(disk durable.Disk, folder string) {
	names, err := disk.List(folder, 3*MaxScan)
	if err != nil {
		return
	}
	for _, name := range names {
		transfer, kind, _ := strings.Cut(name, ".")
		if !isULID(transfer) || kind != "lock" && kind != "journal.new" {
			continue
		}
		unlock, err := disk.Lock(lockOf(folder, transfer), strconv.Itoa(os.Getpid()))
		if err != nil {
			continue
		}
		if kind == "journal.new" {
			_ = disk.Remove(filepath.Join(folder, name))
		}
		_ = unlock() // removes the lock
	}
}
