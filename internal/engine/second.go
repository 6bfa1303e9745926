package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
)

// Figures of second attempts: one is made where a part takes half as long again
// as nearly all of those before, and while all of them together stay within a
// fiftieth of what was sent.
const (
	remembered   = 128 // parts that are held against each other
	enough       = 20  // of them, before any is called slow
	percentile   = 95
	extraShare   = 50 // one byte in so many may be sent a second time
	leastPatient = time.Second
	spareTick    = 500 * time.Millisecond // between looks for a free slot
)

var (
	errOutrun   = errors.New("a second attempt was faster") // ends the first
	errNoSecond = errors.New("there may be no second attempt")
)

// stragglers knows how long parts take, over all transfers of a Budget.
type stragglers struct {
	mu    sync.Mutex
	pace  [remembered]float64 // seconds a byte, the latest ones, in a ring
	seen  int                 // parts ever
	sent  int64               // bytes of them
	extra int64               // bytes of second attempts
}

// note learns from a part that S3 has.
func (s *stragglers) note(took time.Duration, size int64) {
	if size == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace[s.seen%remembered] = took.Seconds() / float64(size)
	s.seen++
	s.sent += size
}

// patience is how long a part of that size may take before it is slow; false
// while nobody can tell.
func (s *stragglers) patience(size int64) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen < enough || s.sent < extraShare*size {
		return 0, false
	}
	known := slices.Sorted(slices.Values(s.pace[:min(s.seen, remembered)]))
	usual := known[len(known)*percentile/100] * float64(size)
	return max(leastPatient, time.Duration(1.5*usual*float64(time.Second))), true
}

// allow reports whether that many bytes may be sent a second time, and counts
// them.
func (s *stragglers) allow(size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (s.extra+size)*extraShare > s.sent {
		return false
	}
	s.extra += size
	return true
}

// A try is one attempt to send a part.
type try struct {
	stored s3wire.Part
	answer s3wire.Answer
	err    error
}

// A rivalry is two attempts at one part. Only one of them counts.
type rivalry struct {
	t   *Transfer
	id  string // of the upload
	p   part
	won atomic.Bool // one of them

	second atomic.Bool // it has begun
}

// race sends a part once, and a second time beside it, over a connection of its
// own, if the first is slow and there is a free slot. Whoever is stored first
// wins; the other is ended and waited for.
func (t *Transfer) race(ctx context.Context, id string, p part) try {
	r := &rivalry{t: t, id: id, p: p}
	patience, known := t.Budget.slow.patience(p.size)
	if !known {
		return r.once(ctx, false)
	}
	ahead, endFirst := context.WithCancelCause(ctx)
	defer endFirst(nil)
	beside, endSecond := context.WithCancel(ctx)
	defer endSecond()
	second := make(chan try, 1)
	timer := time.AfterFunc(patience, func() {
		got := r.again(beside, patience)
		if got.err == nil {
			endFirst(errOutrun)
		}
		second <- got
	})
	first := r.once(ahead, false)
	if timer.Stop() {
		return first
	}
	if first.err == nil || !r.second.Load() {
		endSecond()
	}
	other := <-second
	if s3wire.Lost(first.err) || s3wire.Lost(other.err) {
		t.loose.Store(true)
	}
	if first.err == nil || other.err != nil {
		return first
	}
	return other
}

// again is the second attempt, if there may be one.
func (r *rivalry) again(ctx context.Context, after time.Duration) try {
	slot, free := r.t.Budget.slots.spare()
	for ; !free; slot, free = r.t.Budget.slots.spare() {
		select {
		case <-time.After(spareTick):
		case <-ctx.Done():
			return try{err: errNoSecond}
		}
	}
	defer slot.release(false, 0)
	if ctx.Err() != nil || !r.t.Budget.slow.allow(r.p.size) {
		return try{err: errNoSecond}
	}
	r.second.Store(true)
	r.t.Logger.Debug("part is slow, and sent a second time beside", "transfer", r.t.ID, "part", r.p.number, "after", after)
	return r.once(ctx, true)
}

// once sends the part once.
func (r *rivalry) once(ctx context.Context, fresh bool) try {
	body, settle := r.t.body(ctx, r.p)
	body.Fresh = fresh
	begun := time.Now()
	var got try
	got.stored, got.answer, got.err = r.t.S3.Part(ctx, r.t.Object, r.id, r.p.number, body)
	settle(got.err == nil && r.won.CompareAndSwap(false, true))
	if got.err == nil {
		r.t.Budget.slow.note(time.Since(begun), r.p.size)
	}
	return got
}
