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
	voice
	by map[string]*told
}

// A voice is what says lines in between, at most so often.
type voice struct {
	out   io.Writer
	every time.Duration

	mu      sync.Mutex
	expires time.Time // of the session in use
}

// told is a transfer and when it was last told of.
type told struct {
	state
	at time.Time
}

func newLines(o Options) *lines {
	return &lines{voice: voice{out: o.Out, every: o.every()}, by: map[string]*told{}}
}

// Event writes a line when the last one of that transfer is old enough. How a
// transfer ends is told by the command itself.
func (l *lines) Event(e sealift.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Type {
	case "started":
		l.by[e.Transfer] = &told{state: state{name: redact.Escape(e.Source), size: e.Size}, at: e.Time}
		l.by[e.Transfer].resume(e)
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
	b.WriteString(rest(v))
	return b.String()
}

// rest is what a view says of speed and of times, in words that follow others.
func rest(v view) string {
	var b strings.Builder
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

// Of is for trees.
func (l *lines) Of(func() (files, bytes int64, all bool)) {}

// Session tells when the session in use ends.
func (v *voice) Session(expires time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expires = expires
}

// Write passes talk on, between lines.
func (v *voice) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.out.Write(p)
}

// Close has nothing to do: lines are never pending.
func (v *voice) Close() {}
