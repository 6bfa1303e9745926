// Package journal records how far a transfer by multipart upload has come, so
// that a later run can go on where this one stopped, after kill -9 and after a
// loss of power.
//
// A journal is a file of lines, one a record, only ever added to
// (docs/format/journal.md). Whatever a crash leaves of it is a journal: of the
// records that were written first, as many as can be trusted. An intent is
// committed before S3 is asked for what cannot be taken back, so a journal may
// say less than was done, and never more.
//
// The package sends nothing, decides nothing and guesses nothing: records that
// contradict each other are an error. It holds no credential. It imports the
// standard library, durable and sum.
package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/sealift/sealift/internal/durable"
)

// Bounds of what is written, and of what is read.
const (
	MaxRecord = 1<<16 - 1 // bytes of a record's JSON
	MaxSize   = 16 << 20  // bytes of a journal; one of 10,000 parts has less than 2 MiB
)

// syncEvery is how old an appended record grows before it is on the disk.
const syncEvery = 200 * time.Millisecond

// Errors that can be tested for, beside fs.ErrNotExist, fs.ErrExist and
// *HeldError.
var (
	ErrVersion = errors.New("journal of a newer version")        // by a newer program; nothing is known of it
	ErrInvalid = errors.New("not a valid journal")               // also of a record that does not fit, and was not written
	ErrFull    = errors.New("the journal has reached its bound") // MaxSize
	ErrClosed  = errors.New("the journal is closed")
)

// A HeldError says that another holds the journal.
type HeldError struct {
	Transfer string
	PID      int // of its process; 0 where that is not known
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("open journal of transfer %s: another process holds it", e.Transfer)
	}
	return fmt.Sprintf("open journal of transfer %s: process %d holds it", e.Transfer, e.PID)
}

// A Journal is one transfer's, held by this process until Close or Remove. It
// is safe for concurrent use.
type Journal struct {
	disk   durable.Disk
	folder string
	path   string
	file   durable.File
	unlock func() error

	mu      sync.Mutex
	turn    sync.Cond // a sync is over
	state   State
	sum     uint32 // of all records
	size    int64  // bytes
	written int    // records that the system has
	synced  int    // records that the disk has
	syncing bool
	closed  bool
	err     error // why the journal is dead
	timer   *time.Timer
	later   sync.WaitGroup // what the timer has begun
}

// Create begins the journal of begin.Transfer in a folder, which is made if need
// be. When it returns, the record is on the disk under its final name. A journal
// that is there already is fs.ErrExist.
func Create(disk durable.Disk, folder string, begin Begin) (*Journal, error) {
	j, err := create(disk, folder, begin)
	return j, named("create", begin.Transfer, err)
}

// named says what was done to which journal, unless err says so by itself.
func named(verb, transfer string, err error) error {
	if _, held := errors.AsType[*HeldError](err); held || err == nil {
		return err
	}
	return fmt.Errorf("%s journal of transfer %q: %w", verb, transfer, err)
}

func create(disk durable.Disk, folder string, begin Begin) (*Journal, error) {
	begin.Version = Version
	if err := begin.local(); err != nil {
		return nil, err
	}
	j := &Journal{}
	line, err := j.take(begin)
	if err != nil {
		return nil, err
	}
	if err := disk.MakeFolder(folder); err != nil {
		return nil, err
	}
	if err := j.hold(disk, folder, begin.Transfer); err != nil {
		return nil, err
	}
	if there, err := disk.Open(j.path); err == nil {
		return nil, j.letGo(errors.Join(fs.ErrExist, there.Close()))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, j.letGo(err)
	}
	err = durable.Replace(disk, j.path, func(w io.Writer) error { _, err := w.Write(line); return err })
	if err == nil {
		j.file, err = disk.Append(j.path)
	}
	if err != nil {
		return nil, j.letGo(errors.Join(err, durable.Discard(disk, j.path)))
	}
	j.written, j.synced = j.state.Records, j.state.Records
	return j, nil
}

// Open takes the journal of a transfer to go on with it. What cannot be trusted
// of it is cut off; what can is on the disk when Open returns, whoever wrote it.
// Where the disk refuses that, the journal is dead from the start, and still
// held: see Err.
//
// Errors are *HeldError, fs.ErrNotExist, ErrVersion, ErrInvalid, or the disk's
// when it is read.
func Open(disk durable.Disk, folder, transfer string) (*Journal, error) {
	j, err := open(disk, folder, transfer)
	return j, named("open", transfer, err)
}

func open(disk durable.Disk, folder, transfer string) (*Journal, error) {
	if !isULID(transfer) {
		return nil, fmt.Errorf("%w: that is no ULID", ErrInvalid)
	}
	j := &Journal{}
	if err := j.hold(disk, folder, transfer); err != nil {
		return nil, err
	}
	r, err := readAll(disk, j.path, transfer)
	if err != nil {
		return nil, j.letGo(err)
	}
	j.state, j.sum, j.size = r.state, r.lines.sum, r.lines.good
	j.written, j.synced = j.state.Records, j.state.Records
	if err := j.renew(); err != nil {
		j.fail(err)
	}
	return j, nil
}

// hold takes the lock of a transfer's journal.
func (j *Journal) hold(disk durable.Disk, folder, transfer string) (err error) {
	j.disk, j.folder, j.path = disk, folder, pathOf(folder, transfer)
	j.turn.L = &j.mu
	j.unlock, err = disk.Lock(lockOf(folder, transfer), strconv.Itoa(os.Getpid()))
	if held, is := errors.AsType[*durable.HeldError](err); is {
		pid, _ := strconv.Atoi(held.Holder)
		return &HeldError{transfer, pid}
	}
	return err
}

func (j *Journal) letGo(err error) error { return errors.Join(err, j.unlock()) }

// renew writes what is trusted of the journal anew, and opens that. So a tail
// that was torn is gone; and what a dead process had handed to the system,
// which may have failed to store it and have said so to nobody else, is written
// by this one.
func (j *Journal) renew() error {
	old, err := j.disk.Open(j.path)
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }()
	err = durable.Replace(j.disk, j.path, func(w io.Writer) error {
		_, err := io.CopyN(w, old, j.size)
		return errors.Join(err, old.Close())
	})
	if err != nil {
		return err
	}
	j.file, err = j.disk.Append(j.path)
	return err
}

// Append adds a record: when it returns, the system has it, and it survives the
// end of this process. Within a moment, or by the next Commit, it is on the disk
// and survives a loss of power too.
//
// A record that does not fit the journal's State is ErrInvalid, and is not
// written. Any other error is of a journal that is dead: see Err.
func (j *Journal) Append(r Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(r); err != nil {
		return err
	}
	j.soon()
	return nil
}

// Commit adds a record, as Append does, and returns when it and all before it
// are on the disk. Commits that wait at the same time share one fsync.
func (j *Journal) Commit(r Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(r); err != nil {
		return err
	}
	return j.sync(j.written)
}

// write hands one record to the system.
func (j *Journal) write(r Record) error {
	switch {
	case j.closed:
		return ErrClosed
	case j.err != nil:
		return j.err
	}
	line, err := j.take(r)
	if errors.Is(err, ErrFull) {
		return j.fail(err)
	}
	if err != nil {
		return err
	}
	if _, err := j.file.Write(line); err != nil {
		return j.fail(err)
	}
	j.written = j.state.Records
	return nil
}

// take adds a record to what is known and returns its line.
func (j *Journal) take(r Record) ([]byte, error) {
	payload, err := encode(r)
	if err != nil {
		return nil, err
	}
	line, sum := appendLine(nil, j.sum, payload)
	if j.size+int64(len(line)) > MaxSize {
		return nil, fmt.Errorf("%w of %d bytes", ErrFull, MaxSize)
	}
	if err := j.state.Add(r); err != nil {
		return nil, err
	}
	j.sum, j.size = sum, j.size+int64(len(line))
	return line, nil
}

// sync returns when that many records are on the disk. Of all that wait, one
// syncs for those that had written before; the others see what came of it.
func (j *Journal) sync(records int) error {
	for j.synced < records {
		switch {
		case j.err != nil:
			return j.err
		case j.syncing:
			j.turn.Wait()
			continue
		}
		upTo := j.written
		j.syncing = true
		j.mu.Unlock()
		err := j.file.Sync()
		j.mu.Lock()
		j.syncing = false
		j.turn.Broadcast()
		if err != nil {
			return j.fail(err)
		}
		j.synced = upTo
	}
	return nil
}

// soon sees to it that what was appended gets to the disk.
func (j *Journal) soon() {
	if j.timer != nil {
		return
	}
	j.later.Add(1)
	j.timer = time.AfterFunc(syncEvery, func() {
		defer j.later.Done()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.timer = nil
		if !j.closed {
			_ = j.sync(j.written) // what it fails with is kept for the next who asks
		}
	})
}

// fail makes the journal dead, once. After a failed write nobody knows what the
// file ends with, after a failed fsync what the disk has of it: so neither is
// tried again.
func (j *Journal) fail(err error) error {
	if j.err == nil {
		j.err = fmt.Errorf("write journal %s: %w", j.path, err)
	}
	return j.err
}

// Err is why the journal is dead, nil while it is not. A dead journal takes no
// more records. What it has on the disk was true when it was written; the
// transfer goes on without it, and can be resumed from there at best.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// State is what the records say, those included that were written since the
// journal was opened.
func (j *Journal) State() State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.clone()
}

// Path is the journal's file.
func (j *Journal) Path() string { return j.path }

// Close puts the rest on the disk and lets the journal go; it can be opened
// again. On a dead one it returns Err. A second Close does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	err := j.err
	if err == nil {
		err = j.sync(j.written)
	}
	err = errors.Join(err, j.end())
	j.mu.Unlock()
	j.later.Wait()
	return errors.Join(err, j.unlock())
}

// Remove deletes the journal, dead or not, of a transfer that needs none any
// more, and lets it go. If it fails, the journal may be found again later.
func (j *Journal) Remove() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.closed = true
	if j.err == nil {
		j.err = ErrClosed // for those who wait for a sync
	}
	err := j.end()
	j.mu.Unlock()
	j.later.Wait()
	err = errors.Join(err, j.disk.Remove(j.path))
	if err == nil {
		err = j.disk.SyncFolder(j.folder)
	}
	if err = errors.Join(err, j.unlock()); err != nil {
		return fmt.Errorf("remove journal: %w", err)
	}
	return nil
}

// end closes the file when nobody syncs it any more.
func (j *Journal) end() error {
	if j.timer != nil && j.timer.Stop() {
		j.later.Done()
	}
	for j.syncing {
		j.turn.Wait()
	}
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

func pathOf(folder, transfer string) string { return filepath.Join(folder, transfer+suffix) }
func lockOf(folder, transfer string) string { return filepath.Join(folder, transfer+".lock") }

const suffix = ".journal"
