package fault

import (
	"errors"
	"io/fs"
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
