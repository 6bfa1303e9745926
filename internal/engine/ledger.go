package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
)

// A Span says when one key signed requests of a transfer.
type Span struct {
	KeyID    string
	From, To time.Time // when the first and the last request were sent, UTC
}

// A ledger keeps count of a transfer's requests.
type ledger struct {
	mu    sync.Mutex
	byKey []Span
	again int
}

// note counts a request that was sent.
func (l *ledger) note(a s3wire.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.KeyID == "" {
		return
	}
	i := slices.IndexFunc(l.byKey, func(s Span) bool { return s.KeyID == a.KeyID })
	if i < 0 {
		l.byKey = append(l.byKey, Span{KeyID: a.KeyID, From: a.Time, To: a.Time})
		return
	}
	span := &l.byKey[i]
	if a.Time.Before(span.From) {
		span.From = a.Time
	}
	if a.Time.After(span.To) {
		span.To = a.Time
	}
}

func (l *ledger) retried() {
	l.mu.Lock()
	l.again++
	l.mu.Unlock()
}

func (l *ledger) retries() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.again
}

// spans returns the keys that signed, the first to be used first.
func (l *ledger) spans() []Span {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.byKey, func(a, b Span) int { return a.From.Compare(b.From) })
	return slices.Clone(l.byKey)
}
