package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/sealift/sealift/internal/source"
	"golang.org/x/sync/semaphore"
)

// Bounds of what streams hold until S3 has it.
const (
	blockSize  = 1 << 20  // bytes; memory is taken as it fills
	memorySize = 64 << 20 // bytes, of all streams of a Budget
	inMemory   = 16 << 20 // bytes of a part that is held in memory although there is a spool folder
	unspooled  = 32 << 20 // bytes that a part has at most where there is none: parts then reach 290 GiB
	spoolSize  = 1 << 30  // bytes in the spool folder, of one stream; two parts may always be there
)

type block [blockSize]byte

// A memory is what the streams of a Budget hold parts in.
type memory struct {
	free   *semaphore.Weighted // bytes
	blocks sync.Pool           // of *block
}

func newMemory() *memory { return &memory{free: semaphore.NewWeighted(memorySize)} }

func (m *memory) block() *block {
	if b, ok := m.blocks.Get().(*block); ok {
		return b
	}
	return new(block)
}

// held is one part of a stream, in memory or in a spool file, from when it
// arrives until S3 has it.
type held struct {
	memory *memory
	give   func() // gives back what it was admitted with

	mu       sync.RWMutex
	size     int64 // bytes that are there
	blocks   []*block
	spool    *source.Spool // nil in memory
	released bool
}

// room is a buffer of at most so many bytes, for the next bytes of the part.
func (h *held) room(most int64) []byte {
	used := int(h.size % blockSize)
	if len(h.blocks) == 0 || h.spool == nil && used == 0 {
		h.blocks = append(h.blocks, h.memory.block())
	}
	if h.spool != nil {
		used = 0
	}
	b := h.blocks[len(h.blocks)-1][used:]
	return b[:min(int64(len(b)), most)]
}

// take keeps the bytes that room was filled with.
func (h *held) take(p []byte) error {
	h.size += int64(len(p))
	if h.spool == nil {
		return nil
	}
	_, err := h.spool.Write(p)
	return err
}

// full gives back what was needed only while the part was read.
func (h *held) full() {
	if h.spool != nil {
		h.putBack()
	}
}

func (h *held) putBack() {
	for _, b := range h.blocks {
		h.memory.blocks.Put(b)
	}
	h.blocks = nil
}

// lose forgets the buffer that room gave last: a read that nobody waits for may
// still write to it.
func (h *held) lose() { h.blocks = h.blocks[:len(h.blocks)-1] }

// errReleased is what a transport reads that reads on after its answer.
var errReleased = errors.New("the part has been let go")

// ReadAt implements io.ReaderAt within what was taken.
func (h *held) ReadAt(p []byte, at int64) (n int, err error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	switch {
	case h.released:
		return 0, errReleased
	case h.spool != nil:
		return h.spool.ReadAt(p, at)
	}
	for n < len(p) {
		b := h.blocks[(at+int64(n))/blockSize]
		n += copy(p[n:], b[(at+int64(n))%blockSize:])
	}
	return n, nil
}

// release lets the part go.
func (h *held) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released {
		return
	}
	h.released = true
	h.putBack()
	if h.spool != nil {
		_ = h.spool.Close() // it has no name, or cannot be helped
	}
	h.give()
}

// hold makes room for a part of so many bytes: in memory if it is small and
// there is some free, or will be as soon as this stream's own parts are sent;
// else in the spool folder, where there is one.
func (s *stream) hold(ctx context.Context, size int64) (*held, error) {
	m, folder := s.t.Budget.memory, s.t.Source.SpoolFolder()
	small := folder == "" || size <= inMemory
	if small && m.free.TryAcquire(size) {
		return s.inMemory(size), nil
	}
	if small && (folder == "" || s.remembered.Load() > 0) {
		if m.free.Acquire(ctx, size) != nil {
			return nil, context.Cause(ctx)
		}
		return s.inMemory(size), nil
	}
	weight := min(size, spoolSize/2)
	if s.disk.Acquire(ctx, weight) != nil {
		return nil, context.Cause(ctx)
	}
	spool, err := source.NewSpool(folder)
	if err != nil {
		s.disk.Release(weight)
		return nil, err
	}
	scratch := m.block()
	return &held{memory: m, spool: spool, blocks: []*block{scratch}, give: func() { s.disk.Release(weight) }}, nil
}

func (s *stream) inMemory(size int64) *held {
	m := s.t.Budget.memory
	s.remembered.Add(1)
	return &held{memory: m, give: func() {
		s.remembered.Add(-1)
		m.free.Release(size)
	}}
}
