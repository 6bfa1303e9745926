package ui

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/redact"
)

// bars are live: mpb redraws them in place, draw says how each looks.
type bars struct {
	pen   pen
	out   io.Writer
	mpb   *mpb.Progress
	total *one // nil for a single transfer

	// expires is no matter of mu: bars draw on mpb's goroutines, and mpb is
	// called with mu held.
	expires atomic.Pointer[time.Time]

	mu     sync.Mutex
	by     map[string]*one // by transfer
	census *census         // of a tree; nil = no tree
	closed bool
}

// one is a bar and what it shows.
type one struct {
	*state
	bar *mpb.Bar
}

func newBars(o Options) *bars {
	b := &bars{pen: pen{done: o.Done, colour: o.Colour, ascii: o.ASCII, align: o.Transfers > 1}, out: o.Out, by: map[string]*one{},
		mpb: mpb.New(mpb.WithOutput(o.Terminal), mpb.WithAutoRefresh(), mpb.WithRefreshRate(100*time.Millisecond))}
	b.expires.Store(new(time.Time))
	if o.Tree {
		b.census, b.pen.align = new(census), true
	}
	if o.Transfers > 1 || o.Tree {
		b.total = b.add("total", o.Bytes, mpb.BarPriority(1<<30))
	}
	return b
}

// add begins a bar. It ends when it is told to, whatever its count.
func (b *bars) add(name string, size int64, options ...mpb.BarOption) *one {
	s := &state{name: name, size: size}
	fill := mpb.BarFillerFunc(func(w io.Writer, at decor.Statistics) error {
		_, err := io.WriteString(w, b.pen.draw(s.view(time.Now(), *b.expires.Load()), at.AvailableWidth))
		return err
	})
	bar, err := b.mpb.Add(0, fill, append(options, mpb.BarFillerTrim())...)
	if err != nil { // after Close only
		return &one{state: s}
	}
	return &one{s, bar}
}

// finish shows how a transfer ended. Of many, only the total stays.
func (o *one) finish(how string) {
	o.end(how)
	switch {
	case o.bar == nil:
	case how == "stored":
		o.bar.SetTotal(o.size, true)
	default:
		o.bar.Abort(false)
	}
}

// Event moves the bars.
func (b *bars) Event(e sealift.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if b.census != nil {
		b.grow(e)
		return
	}
	o := b.by[e.Transfer]
	if o == nil && e.Type == "started" {
		var options []mpb.BarOption
		if b.total != nil {
			options = append(options, mpb.BarRemoveOnComplete())
		}
		o = b.add(redact.Escape(e.Source), e.Size, options...)
		b.by[e.Transfer] = o
	}
	if o == nil {
		return
	}
	o.learn(e)
	switch e.Type {
	case "started":
		o.resume(e)
		return // a total that counted from here would take filled buffers for speed
	case "progress":
		o.update(e.Time, e.Sent, e.Acknowledged)
	case "waiting":
		o.wait()
	case "stored", "failed":
		o.finish(e.Type)
	}
	b.sum(e.Time)
}

// fewBars is how many files of a tree have a bar at the same time.
const fewBars = 6

// grow moves the bars of a tree: that of all, and of those files that take
// long enough to be told of on their way.
func (b *bars) grow(e sealift.Event) {
	if b.census.event(e) {
		sent, acked := b.census.moved()
		_, bytes, _ := b.census.of()
		b.total.resize(bytes)
		b.total.update(e.Time, sent, acked)
	}
	o := b.by[e.Transfer]
	switch e.Type {
	case "progress":
		if o == nil && len(b.by) < fewBars && e.Err == nil {
			o = b.add(redact.Escape(e.Source), e.Size, mpb.BarRemoveOnComplete())
			b.by[e.Transfer] = o
		}
		if o != nil {
			o.update(e.Time, e.Sent, e.Acknowledged)
		}
	case "waiting":
		if o != nil {
			o.wait()
		}
	case "stored", "failed", "skipped":
		if o != nil {
			o.finish(e.Type)
			delete(b.by, e.Transfer)
		}
	}
}

// Of says how to ask for what has been found of a tree so far.
func (b *bars) Of(found func() (files, bytes int64, all bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.census != nil {
		b.census.found = found
	}
}

// resize says that there is more to send than was known.
func (s *state) resize(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size = size
}

// wait marks that nothing moves because S3 does not answer.
func (s *state) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = true
}

// sum brings the total up to date.
func (b *bars) sum(now time.Time) {
	if b.total == nil {
		return
	}
	var sent, acked int64
	for _, o := range b.by {
		o.mu.Lock()
		sent, acked = sent+o.sent, acked+o.acked
		o.mu.Unlock()
	}
	b.total.update(now, sent, acked)
}

// Session tells when the session in use ends.
func (b *bars) Session(expires time.Time) {
	b.expires.Store(&expires)
}

// Write shows talk above the bars.
func (b *bars) Write(p []byte) (int, error) {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if !closed {
		// A typed ^C has moved the cursor, which mpb does not know.
		if _, err := b.mpb.Write(append([]byte("\r"), p...)); err == nil {
			return len(p), nil
		}
	}
	return b.out.Write(p)
}

// Close draws the bars a last time and leaves them.
func (b *bars) Close() {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	all := b.by
	b.mu.Unlock()
	stored := len(all) > 0 || b.census != nil
	for _, o := range all {
		o.mu.Lock()
		ended := o.ended
		o.mu.Unlock()
		if ended == "" {
			o.finish("failed")
		}
		stored = stored && ended == "stored"
	}
	if b.total != nil {
		if stored && b.total.acked >= b.total.size {
			b.total.finish("stored")
		} else {
			b.total.finish("failed")
		}
	}
	b.mpb.Wait()
}
