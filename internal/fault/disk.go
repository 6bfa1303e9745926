package fault

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/sealift/sealift/internal/durable"
)

// A DiskOp is one kind of what is asked of a Disk.
type DiskOp string

// The kinds that can be broken.
const (
	OpMakeFolder DiskOp = "make folder"
	OpOpen       DiskOp = "open"
	OpRead       DiskOp = "read"
	OpCreate     DiskOp = "create"
	OpAppend     DiskOp = "append"
	OpWrite      DiskOp = "write"
	OpSync       DiskOp = "sync"
	OpClose      DiskOp = "close"
	OpRename     DiskOp = "rename"
	OpRemove     DiskOp = "remove"
	OpSyncFolder DiskOp = "sync folder"
	OpList       DiskOp = "list"
	OpLock       DiskOp = "lock"
	OpHolder     DiskOp = "holder"
)

// ErrDown is what everything fails with after a crash, until Restart.
var ErrDown = errors.New("the machine is down")

// A DiskFault is one planned failure of a Disk.
type DiskFault struct {
	Op    DiskOp // "" is any that changes something: all but open, append, read, close, list, holder
	Nth   int    // which of that kind, from 1; 0 is every one
	After bool   // it has its effect, and says that it failed
	Err   error  // what it says; nil with Crash or Do
	Short int    // of a write: how many bytes are written all the same; fewer than 0 is a random number of them
	Crash bool   // the machine goes down here: before the effect, or after it
	Do    func() // called when the fault happens: before the effect, or after it; may be nil
}

// A Loss is what a crash takes away.
type Loss int

// Losses, from none to the worst that a file system may do.
const (
	Kill     Loss = iota // of processes alone: nothing that was written is lost
	Unsynced             // all that was not synced: bytes, and names whose folder was not
	Tail                 // a random tail of what was not synced, in each file and among names; cut within a write
	Scatter              // a random part of what was not synced, in no order; cut within writes
)

// A Disk is a durable.Disk in memory that breaks as planned and that remembers
// what would be left of it without power.
type Disk struct {
	t      testing.TB
	faults []DiskFault

	mu      sync.Mutex
	random  *rand.Rand
	count   map[DiskOp]int
	fired   []bool
	down    bool
	now     map[string]*stored // files by path, as processes see them
	kept    map[string]*stored // as the disk has them
	pending []naming           // in between, in order
	locks   map[string]string  // holder by path
}

// A stored file. Bytes whose fsync failed are in now and never in kept.
type stored struct {
	now, kept []byte
	pending   []patch
}

type patch struct {
	at   int
	data []byte
}

// A naming is a change of names that is not synced: of path to a file, nil for
// none; from is the name that it loses.
type naming struct {
	path string
	file *stored
	from string
}

// NewDisk returns an empty disk. All that is random comes from seed. When the
// test ends, it fails if one of the faults did not happen.
func NewDisk(t testing.TB, seed uint64, faults ...DiskFault) *Disk {
	d := &Disk{t: t, faults: faults, random: rand.New(rand.NewPCG(seed, 0)), count: map[DiskOp]int{}, fired: make([]bool, len(faults)),
		now: map[string]*stored{}, kept: map[string]*stored{}, locks: map[string]string{}}
	t.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for i, fired := range d.fired {
			if !fired {
				t.Errorf("planned fault never happened: %+v", d.faults[i])
			}
		}
	})
	return d
}

// Count is how many of that kind there were; of "" all that change something.
func (d *Disk) Count(op DiskOp) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count[op]
}

// Restart is the disk after a crash, when all processes have ended: what it
// still has is now safe, nothing is locked, and other faults are planned.
func (d *Disk) Restart(loss Loss, faults ...DiskFault) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = true
	next := NewDisk(d.t, d.random.Uint64(), faults...)
	names := maps.Clone(d.now)
	if loss != Kill {
		names = maps.Clone(d.kept)
		for _, n := range d.survivors(loss, len(d.pending)) {
			d.pending[n].apply(names)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		f := names[path]
		data := f.now
		if loss != Kill {
			data = slices.Clone(f.kept)
			for _, n := range d.survivors(loss, len(f.pending)) {
				p := f.pending[n]
				if d.random.IntN(4) == 0 {
					p.data = p.data[:d.random.IntN(len(p.data)+1)]
				}
				data = p.apply(data)
			}
		}
		safe := &stored{now: slices.Clone(data), kept: slices.Clone(data)}
		next.now[path], next.kept[path] = safe, safe
	}
	return next
}

// survivors are those of n pending changes that the disk has after all.
func (d *Disk) survivors(loss Loss, n int) (which []int) {
	until := 0
	if loss == Tail {
		until = d.random.IntN(n + 1)
	}
	for i := range n {
		if i < until || loss == Scatter && d.random.IntN(2) == 0 {
			which = append(which, i)
		}
	}
	return which
}

func (p patch) apply(data []byte) []byte {
	if short := p.at + len(p.data) - len(data); short > 0 {
		data = append(data, make([]byte, short)...) // a hole reads as zeros
	}
	copy(data[p.at:], p.data)
	return data
}

func (n naming) apply(names map[string]*stored) {
	if n.from != "" {
		delete(names, n.from)
	}
	if n.file == nil {
		delete(names, n.path)
		return
	}
	names[n.path] = n.file
}

// Cancel takes back what is planned and has not happened.
func (d *Disk) Cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.fired = nil, nil
}

// Break breaks bytes of a file, as they are and as the disk has them.
func (d *Disk) Break(path string, change func([]byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.now[path]
	f.now, f.kept, f.pending = change(slices.Clone(f.now)), change(slices.Clone(f.now)), nil
	d.now[path], d.kept[path] = f, f
}

// Put makes a file that is safe.
func (d *Disk) Put(path string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &stored{now: slices.Clone(data), kept: slices.Clone(data)}
	d.now[path], d.kept[path] = f, f
}

// Files are all files' bytes, by path, as processes see them.
func (d *Disk) Files() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string][]byte{}
	for path, f := range d.now {
		files[path] = slices.Clone(f.now)
	}
	return files
}

// all is how many bytes a write may write when nothing is planned.
const all = math.MaxInt

// do is one operation: effect, but for what is planned. It is told how many bytes
// it may write, fewer than 0 for a random number.
func (d *Disk) do(op DiskOp, effect func(most int) error) error {
	f := d.plan(op)
	if f == nil {
		f = &DiskFault{}
	}
	if f.Do != nil && !f.After {
		f.Do()
	}
	err := d.act(op, f, effect)
	if f.Do != nil && f.After {
		f.Do()
	}
	return err
}

func (d *Disk) act(op DiskOp, f *DiskFault, effect func(most int) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return ErrDown
	}
	most := all
	switch broken := f.Err != nil || f.Crash; {
	case broken && !f.After && (op != OpWrite || f.Short == 0):
		most = 0
	case broken && !f.After:
		most = f.Short
	}
	if most != 0 {
		if err := effect(most); err != nil {
			return err
		}
	}
	if f.Crash {
		d.down = true
		return ErrDown
	}
	return f.Err
}

func (d *Disk) plan(op DiskOp) *DiskFault {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count[op]++
	changes := !slices.Contains([]DiskOp{OpOpen, OpAppend, OpRead, OpClose, OpList, OpHolder}, op)
	if changes {
		d.count[""]++
	}
	for i := range d.faults {
		f := &d.faults[i]
		if (f.Op == op || f.Op == "" && changes) && (f.Nth == 0 || f.Nth == d.count[f.Op]) {
			d.fired[i] = true
			return f
		}
	}
	return nil
}

// MakeFolder implements durable.Disk. Folders are there anyhow.
func (d *Disk) MakeFolder(string) error {
	return d.do(OpMakeFolder, func(int) error { return nil })
}

// Open implements durable.Disk.
func (d *Disk) Open(path string) (durable.File, error) {
	return d.open(OpOpen, "open", path)
}

// Append implements durable.Disk.
func (d *Disk) Append(path string) (durable.File, error) {
	return d.open(OpAppend, "open", path)
}

func (d *Disk) open(op DiskOp, verb, path string) (durable.File, error) {
	var f *stored
	err := d.do(op, func(int) (err error) {
		f, err = d.find(verb, path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{disk: d, file: f}, nil
}

func (d *Disk) find(verb, path string) (*stored, error) {
	f, there := d.now[path]
	if !there {
		return nil, &fs.PathError{Op: verb, Path: path, Err: fs.ErrNotExist}
	}
	return f, nil
}

// Create implements durable.Disk.
func (d *Disk) Create(path string) (durable.File, error) {
	f := &stored{}
	err := d.do(OpCreate, func(int) error {
		d.name(naming{path: path, file: f})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{disk: d, file: f}, nil
}

func (d *Disk) name(n naming) {
	n.apply(d.now)
	d.pending = append(d.pending, n)
}

// Rename implements durable.Disk.
func (d *Disk) Rename(from, to string) error {
	return d.do(OpRename, func(int) error {
		f, err := d.find("rename", from)
		if err == nil {
			d.name(naming{path: to, file: f, from: from})
		}
		return err
	})
}

// Remove implements durable.Disk.
func (d *Disk) Remove(path string) error {
	return d.do(OpRemove, func(int) error {
		_, err := d.find("remove", path)
		if err == nil {
			d.name(naming{path: path})
		}
		return err
	})
}

// SyncFolder implements durable.Disk.
func (d *Disk) SyncFolder(folder string) error {
	return d.do(OpSyncFolder, func(int) error {
		d.pending = slices.DeleteFunc(d.pending, func(n naming) bool {
			in := filepath.Dir(n.path) == folder
			if in {
				n.apply(d.kept)
			}
			return in
		})
		return nil
	})
}

// List implements durable.Disk.
func (d *Disk) List(folder string, most int) (names []string, err error) {
	err = d.do(OpList, func(int) error {
		for path := range d.now {
			if filepath.Dir(path) == folder && len(names) < most {
				names = append(names, filepath.Base(path))
			}
		}
		return nil
	})
	return names, err
}

// Lock implements durable.Disk. The lock file is no file of this disk.
func (d *Disk) Lock(path, holder string) (unlock func() error, err error) {
	err = d.do(OpLock, func(int) error {
		if who, held := d.locks[path]; held {
			return &durable.HeldError{Path: path, Holder: who}
		}
		d.locks[path] = holder
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.locks, path)
		return nil
	}, nil
}

// Holder implements durable.Disk.
func (d *Disk) Holder(path string) (holder string, held bool, err error) {
	err = d.do(OpHolder, func(int) error {
		holder, held = d.locks[path]
		return nil
	})
	return holder, held, err
}

// A diskFile is an open file. It reads from its start and writes at its end.
type diskFile struct {
	disk *Disk
	file *stored
	at   int
}

func (f *diskFile) Read(p []byte) (n int, err error) {
	err = f.disk.do(OpRead, func(int) error {
		if n = copy(p, f.file.now[min(f.at, len(f.file.now)):]); n == 0 && len(p) > 0 {
			return io.EOF
		}
		f.at += n
		return nil
	})
	return n, err
}

func (f *diskFile) Write(p []byte) (n int, err error) {
	err = f.disk.do(OpWrite, func(most int) error {
		n = min(len(p), most)
		if most < 0 {
			n = f.disk.random.IntN(len(p))
		}
		data := slices.Clone(p[:n])
		f.file.pending = append(f.file.pending, patch{len(f.file.now), data})
		f.file.now = append(f.file.now, data...)
		return nil
	})
	return n, err
}

// Sync makes what was written durable. When it fails, the system takes what was
// not for clean, and no later Sync tries again.
func (f *diskFile) Sync() error {
	done := false
	err := f.disk.do(OpSync, func(int) error {
		for _, p := range f.file.pending {
			f.file.kept = p.apply(f.file.kept)
		}
		f.file.pending, done = nil, true
		return nil
	})
	if err != nil && !done {
		f.disk.mu.Lock()
		if !f.disk.down {
			f.file.pending = nil
		}
		f.disk.mu.Unlock()
	}
	return err
}

func (f *diskFile) Close() error { return f.disk.do(OpClose, func(int) error { return nil }) }
