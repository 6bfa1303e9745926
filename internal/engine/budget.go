package engine

import (
	"context"
	"io"
	"sync"

	"golang.org/x/time/rate"
)

// A Budget is what transfers share: slots, bandwidth, the buffers that they sum
// with, and the memory that streams are held in. It is safe for concurrent use.
type Budget struct {
	slots   *slots
	rate    *rate.Limiter // nil when bandwidth is not limited
	buffers sync.Pool     // of *[sumBuffer]byte
	memory  *memory       // of streams
	slow    stragglers
}

// sumBuffer is what sums are read with, in bytes.
const sumBuffer = 128 << 10

// NewBudget returns a Budget of that many requests under way at once; with 0
// or less, the number follows the server. At most bytesPerSecond bytes of
// bodies are sent a second, over all transfers; with 0 or less, as many as go.
func NewBudget(connections int, bytesPerSecond int64) *Budget {
	b := &Budget{slots: findSlots(), memory: newMemory()}
	if connections > 0 {
		b.slots = newSlots(connections)
	}
	if bytesPerSecond > 0 {
		b.rate = rate.NewLimiter(rate.Limit(bytesPerSecond), int(min(max(bytesPerSecond/burstsPerSecond, 1), sumBuffer)))
	}
	return b
}

// Most is how many requests can be under way at once.
func (b *Budget) Most() int { return b.slots.most() }

// burstsPerSecond is how often, at least, bandwidth is handed out: an attempt
// that waits for it is not to look as if it stood still.
const burstsPerSecond = 8

func (b *Budget) buffer() *[sumBuffer]byte {
	if buf, ok := b.buffers.Get().(*[sumBuffer]byte); ok {
		return buf
	}
	return new([sumBuffer]byte)
}

func (b *Budget) putBack(buf *[sumBuffer]byte) { b.buffers.Put(buf) }

// throttle reads r no faster than the bandwidth allows.
func (b *Budget) throttle(ctx context.Context, r io.Reader) io.Reader {
	if b.rate == nil {
		return r
	}
	return &throttled{ctx, r, b.rate}
}

type throttled struct {
	ctx  context.Context
	from io.Reader
	rate *rate.Limiter
}

func (t *throttled) Read(p []byte) (int, error) {
	n, err := t.from.Read(p[:min(len(p), t.rate.Burst())])
	if wait := t.rate.WaitN(t.ctx, n); wait != nil && n > 0 {
		<-t.ctx.Done() // WaitN gives up ahead of a deadline that it would miss
		return 0, context.Cause(t.ctx)
	}
	return n, err
}
