package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/sealift/sealift"
)

// census counts a tree's transfers, and remembers those under way only. It is
// not safe for concurrent use.
type census struct {
	found func() (files, bytes int64, all bool)
	under map[string]counted // by transfer
	files int64              // that have ended, however
	bytes int64              // of those
}

type counted struct{ size, sent, acked int64 }

// event counts, and reports whether anything moved.
func (c *census) event(e sealift.Event) bool {
	switch e.Type {
	case "started":
		if c.under == nil {
			c.under = map[string]counted{}
		}
		c.under[e.Transfer] = counted{e.Size, e.Acknowledged, e.Acknowledged}
	case "progress":
		if one, known := c.under[e.Transfer]; known {
			c.under[e.Transfer] = counted{one.size, max(e.Sent, e.Acknowledged), e.Acknowledged}
		}
	case "stored", "failed", "skipped":
		one, begun := c.under[e.Transfer]
		if !begun {
			return false // it was not found as one to be sent, or before its transfer
		}
		delete(c.under, e.Transfer)
		c.files++
		c.bytes += one.size
	default:
		return false
	}
	return true
}

// moved is how many bytes were sent and acknowledged.
func (c *census) moved() (sent, acked int64) {
	sent, acked = c.bytes, c.bytes
	for _, one := range c.under {
		sent, acked = sent+one.sent, acked+one.acked
	}
	return sent, acked
}

// of is what there is to be sent, as far as it has been found.
func (c *census) of() (files, bytes int64, all bool) {
	if c.found == nil {
		return c.files, c.bytes, false
	}
	return c.found()
}

// treeLines tells of all files together now and then, in a pipe or a build's
// log.
type treeLines struct {
	voice
	census census
	all    state
	told   time.Time
}

func newTreeLines(o Options) *treeLines {
	return &treeLines{voice: voice{out: o.Out, every: o.every()}}
}

// Of says how to ask for what has been found so far.
func (l *treeLines) Of(found func() (files, bytes int64, all bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.census.found = found
}

// Event writes a line when the last one is old enough.
func (l *treeLines) Event(e sealift.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.census.event(e) {
		return
	}
	if l.told.IsZero() {
		l.told = e.Time
	}
	sent, acked := l.census.moved()
	l.all.update(e.Time, sent, acked)
	if e.Time.Sub(l.told) < l.every {
		return
	}
	l.told = e.Time
	files, bytes, all := l.census.of()
	l.all.size = bytes
	fmt.Fprintf(l.out, "sealift: %s\n", treeSentence(l.census.files, files, all, l.all.view(e.Time, l.expires)))
}

// treeSentence is a tree's view in words.
func treeSentence(done, files int64, all bool, v view) string {
	var b strings.Builder
	of := humanize.Comma(files) + " files"
	if !all {
		of = "so far " + of
	}
	fmt.Fprintf(&b, "%s of %s, %s of %s", humanize.Comma(done), of, humanize.IBytes(uint64(v.acked)), humanize.IBytes(uint64(v.size)))
	if !all {
		v.left = -1 // nobody knows
	}
	b.WriteString(rest(v))
	return b.String()
}
