package fault

import (
	"maps"
	"slices"
)

// A Loss is what a crash takes away.
type Loss int

// Losses, from none to the worst that a file system may do.
const (
	Kill     Loss = iota // of processes alone: nothing that was written is lost
	Unsynced             // all that was not synced: bytes, and names whose folder was not
	Tail                 // a random tail of what was not synced, in each file and among names; cut within a write
	Scatter              // a random part of what was not synced, in no order; cut within writes
)

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
