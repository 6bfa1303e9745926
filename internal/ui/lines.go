package ui

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/redact"
)

// lines tells of each transfer now and then, in a pipe or a build's log.
type lines struct {
	out   io.Writer
	every time.Duration

	mu      sync.Mutex
	by      map[string]*told
	expires time.Time
}

// told is a transfer and when it was last told of.
type told struct {
	state
	at time.Time
}

func newLines(o Options) *lines {
	every := o.Every
	if every == 0 {
		every = 5 * time.Second
	}
	return &lines{out: o.Out, every: every, by: map[string]*told{}}
}

// Event writes a line when the last one of that transfer is old enough. How a
// transfer ends is told by the command itself.
func (l *lines) Event(e sealift.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Type {
	case "started":
		l.by[e.Transfer] = &told{state: state{name: redact.Escape(e.Source), size: e.Size}, at: e.Time}
	case "progress":
		t := l.by[e.Transfer]
		if t == nil {
			return
		}
		t.learn(e)
		t.update(e.Time, e.Sent, e.Acknowledged)
		if e.Time.Sub(t.at) >= l.every {
			t.at = e.Time
			fmt.Fprintf(l.out, "sealift: %s\n", sentence(t.view(e.Time, l.expires)))
		}
	case "stored", "failed":
		delete(l.by, e.Transfer)
	}
}

// sentence is a view in words.
func sentence(v view) string {
	var b strings.Builder
	if v.size < 0 {
		fmt.Fprintf(&b, "%s: %s", v.name, humanize.IBytes(uint64(v.acked)))
	} else {
		fmt.Fprintf(&b, "%s: %d %%, %s of %s", v.name, v.percent(), humanize.IBytes(uint64(v.acked)), humanize.IBytes(uint64(v.size)))
	}
	if v.speed >= 1 {
		fmt.Fprintf(&b, ", %s/s", humanize.IBytes(uint64(v.speed)))
	}
	if v.left >= 0 {
		fmt.Fprintf(&b, ", %s left", clock(v.left))
	}
	if v.session >= 0 {
		fmt.Fprintf(&b, ", session %s", clock(v.session))
	}
	return b.String()
}

// Session tells when the session in use ends.
func (l *lines) Session(expires time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expires = expires
}

// Of is for trees.
func (l *lines) Of(func() (files, bytes int64, all bool)) {}

// Write passes talk on, between lines.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// Close has nothing to do: lines are never pending.
func (l *lines) Close() {}
