package engine

import "context"

// DefaultConnections is how many requests go at once when nobody says.
const DefaultConnections = 8

// Slots bound how many requests are under way at once, over all transfers that
// share them.
type Slots struct{ free chan struct{} }

// NewSlots returns n slots, n ≥ 1.
func NewSlots(n int) *Slots { return &Slots{free: make(chan struct{}, n)} }

// Len is how many slots there are.
func (s *Slots) Len() int { return cap(s.free) }

func (s *Slots) acquire(ctx context.Context) error {
	select {
	case s.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Slots) release() { <-s.free }
