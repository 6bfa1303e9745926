package s3wire

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrStalled is the cause of an attempt given up because nothing moved.
var ErrStalled = errors.New("the connection stands still")

// A watch gives up an attempt, by cancelling its context, when nothing has
// moved for as long as the attempt may stand still.
type watch struct {
	timer  *time.Timer
	limit  time.Duration
	cancel context.CancelCauseFunc
}

func newWatch(ctx context.Context, limit time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(ErrStalled) })
	return ctx, &watch{timer: timer, limit: limit, cancel: cancel}
}

func (w *watch) move() { w.timer.Reset(w.limit) }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// A watched answer body counts as movement, and ends the watch when closed.
type watched struct {
	io.ReadCloser
	watch *watch
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.watch.move()
	return n, err
}

func (b *watched) Close() error {
	err := b.ReadCloser.Close()
	b.watch.stop()
	return err
}
