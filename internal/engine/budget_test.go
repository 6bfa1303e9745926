package engine

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However many read at once, together they get the bandwidth, and each gets
// some of it often enough not to look as if it stood still.
func TestBandwidthIsSharedByAllReaders(t *testing.T) {
	for _, limit := range []int64{1, 100, 64 << 10, 50 << 20} {
		synctest.Test(t, func(t *testing.T) {
			b := NewBudget(4, limit)
			began := time.Now()
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					r := b.throttle(t.Context(), strings.NewReader(strings.Repeat("x", int(5*limit))))
					buf := make([]byte, 1<<20)
					for last := time.Now(); ; last = time.Now() {
						_, err := r.Read(buf)
						if waited := time.Since(last); waited > 10*time.Second {
							t.Errorf("at %d bytes a second, a read took %v", limit, waited)
						}
						if err == io.EOF {
							return
						}
					}
				})
			}
			all.Wait()
			if took := time.Since(began).Seconds(); took < 18 || took > 21 {
				t.Errorf("20 s worth of %d bytes a second took %.1f s", limit, took)
			}
		})
	}
}

// Bytes that would come too late for the context's deadline are not passed over.
func TestThrottledReadLosesNothingToADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		text, err := io.ReadAll(NewBudget(1, 1).throttle(ctx, strings.NewReader("abcdefgh")))
		if !errors.Is(err, context.DeadlineExceeded) || string(text) != "abc" {
			t.Errorf("read %q, error %v", text, err)
		}
	})
}

func TestThrottledReadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		r := NewBudget(1, 1).throttle(ctx, strings.NewReader("xyz"))
		time.AfterFunc(time.Second/2, func() { cancel(gone) })
		if _, err := io.ReadAll(r); !errors.Is(err, gone) {
			t.Errorf("error is %v, want the context's cause", err)
		}
	})
}
