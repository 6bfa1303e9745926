package s3wire

import (
	"context"
	"sync/atomic"
)

// A Way knows whether a request may have reached anybody, while it is under
// way. It is safe for concurrent use; one that belongs to no request says that
// nothing has gone out.
type Way struct{ out atomic.Bool }

// Out reports whether anything may have gone out: credentials have been had,
// and a connection, or the transport does not tell of any.
func (w *Way) Out() bool { return w.out.Load() }

type wayKey struct{}

// WithWay is a context for one request, of which w is to know.
func WithWay(ctx context.Context, w *Way) context.Context {
	return context.WithValue(ctx, wayKey{}, w)
}

// wayOf is the one that ctx was made with, or one that nobody knows.
func wayOf(ctx context.Context) *Way {
	if w, ok := ctx.Value(wayKey{}).(*Way); ok {
		return w
	}
	return new(Way)
}
