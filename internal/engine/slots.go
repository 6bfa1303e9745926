package engine

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Concurrency that is found out begins at DefaultConnections and stays within
// 1 and MostConnections.
const (
	DefaultConnections = 8
	MostConnections    = 32
)

// slots bound how many requests are under way at once, over all transfers that
// share them. Who waits longest is served first.
//
// Fixed slots stay as many as they are. Found slots follow the server: they
// grow while that moves more bytes, and shrink by a tenth when the server is busy. A tenth, not a
// half: against a server that admits a fixed rate, a half was simulated to
// reach 77 % of it, a tenth 98 %.
type slots struct {
	found bool

	mu      sync.Mutex
	limit   float64
	used    int
	waiting list.List // of chan struct{}
	shrunk  time.Time // when the limit last fell
	pace    pace
}

// newSlots returns n slots for good, n ≥ 1.
func newSlots(n int) *slots { return &slots{limit: float64(n)} }

// findSlots returns slots that follow the server.
func findSlots() *slots { return &slots{limit: DefaultConnections, found: true} }

// most is how many slots there can be.
func (s *slots) most() int {
	if s.found {
		return MostConnections
	}
	return int(s.limit)
}

// len is how many slots there are now.
func (s *slots) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.limit)
}

// A slot is one that is held.
type slot struct {
	of    *slots
	since time.Time
}

// acquire waits for a slot. Whoever has it gives it back with release.
func (s *slots) acquire(ctx context.Context) (slot, error) {
	s.mu.Lock()
	if ctx.Err() != nil {
		s.mu.Unlock()
		return slot{}, context.Cause(ctx)
	}
	if s.used < int(s.limit) && s.waiting.Len() == 0 {
		s.used++
		s.mu.Unlock()
		return slot{s, time.Now()}, nil
	}
	turn := make(chan struct{})
	place := s.waiting.PushBack(turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return slot{s, time.Now()}, nil
	case <-ctx.Done():
		return slot{}, s.leave(place, turn, context.Cause(ctx))
	}
}

// spare takes a slot only if one is free that nobody waits for.
func (s *slots) spare() (slot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= int(s.limit) || s.waiting.Len() > 0 {
		return slot{}, false
	}
	s.used++
	return slot{s, time.Now()}, true
}

// leave gives up a place in the queue, or the slot that came at the same time.
func (s *slots) leave(place *list.Element, turn chan struct{}, cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-turn:
		s.used--
		s.serve()
	default:
		s.waiting.Remove(place)
	}
	return cause
}

// serve hands free slots to those who wait.
func (s *slots) serve() {
	for s.used < int(s.limit) && s.waiting.Len() > 0 {
		turn := s.waiting.Remove(s.waiting.Front()).(chan struct{})
		s.used++
		close(turn)
	}
}

// release gives the slot back and tells how the request went: whether the
// server was busy, and how many bytes it took.
func (h slot) release(busy bool, bytes int64) {
	s := h.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found {
		s.learn(h.since, busy, bytes)
	}
	s.used--
	s.serve()
}

// learn moves the limit after a request that began at since. A refusal of a
// request from before the last shrinking says nothing new.
func (s *slots) learn(since time.Time, busy bool, bytes int64) {
	switch {
	case busy && since.After(s.shrunk):
		s.limit = max(1, s.limit*0.9)
		s.shrunk = time.Now()
		s.pace = pace{careful: true, patience: afterBusy}
	case !busy && bytes > 0:
		s.limit = s.pace.next(s.limit, since, bytes, s.used >= int(s.limit))
	}
}
