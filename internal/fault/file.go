package fault

import (
	"io"
	"slices"
)

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
