package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/redact"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/verify"
)

// A checking is one run of verify.
type checking struct {
	*Verify
	*teller
	root       *os.Root // of --source; nil where that is no folder
	readers    map[sight]*verify.Reader
	refused    map[sight]error
	transports []*http.Transport
	buffers    chan []byte

	files, bytes atomic.Int64 // begun, and what they will read
	waits        sync.Once    // it has been said that S3 is out of reach
	events       sync.Mutex   // bars hear of one thing at a time

	sum   verifySummary
	worst error
	hints map[string]bool // that have been said
}

// A verifySummary is the last line of --json.
type verifySummary struct {
	head
	OK         bool   `json:"ok"`
	Exit       int    `json:"exit"`
	Verified   int64  `json:"verified"`
	Failed     int64  `json:"failed"`
	Unreadable int64  `json:"unreadable"`
	Error      string `json:"error,omitempty"`
	Hint       string `json:"hint,omitempty"`
}

// A verifiedLine is one receipt, as JSON: verified or failed.
type verifiedLine struct {
	head
	From     string              `json:"from"`           // the file of receipts
	Line     int                 `json:"line,omitempty"` // in it; 0 = it is one receipt
	Transfer string              `json:"transfer,omitempty"`
	Source   string              `json:"source,omitempty"` // where it was looked for
	Object   string              `json:"object,omitempty"`
	Version  string              `json:"version_id,omitempty"`
	Size     *int64              `json:"size,omitempty"`
	Held     []string            `json:"held"`
	Differs  []verify.Difference `json:"differs,omitempty"`
	Error    string              `json:"error,omitempty"`
	Hint     string              `json:"hint,omitempty"`
	Exit     int                 `json:"exit,omitempty"`
}

func (c *checking) close() {
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
	if c.root != nil {
		_ = c.root.Close() // read only
	}
}

// tell prints what became of one receipt.
func (c *checking) tell(one *looked) error {
	err := joined(one.errs)
	switch {
	case err == nil:
		c.sum.Verified++
	case exitCode(err) == codeUnread:
		c.sum.Unreadable++
	default:
		c.sum.Failed++
	}
	if err != nil {
		c.worst = worst([]error{c.worst, err})
	}
	if c.json != nil {
		c.json.print(lineOfVerified(c.run, one, err))
		return c.json.failed()
	}
	switch {
	case err == nil && c.quiet:
		return nil
	case err == nil:
		return c.printResult("verified\t" + one.object() + "\t" + one.against())
	case c.quiet:
		c.Say("%s: %s: %v", one.place(), one.object(), err)
	default:
		if err := c.printResult("failed\t" + one.object() + "\t" + redact.Escape(one.place()+": "+err.Error())); err != nil {
			return err
		}
	}
	c.hintOnce(err)
	return nil
}

// joined is all that is wrong with one receipt; the worst decides the code.
func joined(errs []error) error {
	if len(errs) < 2 {
		return worst(errs)
	}
	words := make([]string, len(errs))
	for i, err := range errs {
		words[i] = err.Error()
	}
	return &several{strings.Join(words, "; "), worst(errs)}
}

// several errors read as all of them, and mean the worst.
type several struct {
	text  string
	worst error
}

func (s *several) Error() string { return s.text }
func (s *several) Unwrap() error { return s.worst }

// hintOnce says a remedy the first time.
func (c *checking) hintOnce(err error) {
	hint := hintFor(err)
	if hint == "" || c.hints[hint] || len(c.hints) > 20 {
		return
	}
	c.hints[hint] = true
	c.hint(err)
}

func (l *looked) object() string {
	if l.receipt == nil {
		return redact.Escape(l.from)
	}
	return redact.Escape(address(l.receipt.Object.Bucket, l.receipt.Object.Key))
}

// against is what held, in a few words: a path, S3, S3's bytes.
func (l *looked) against() string {
	var words []string
	if l.path != "" {
		words = append(words, redact.Escape(l.path))
	}
	for _, place := range []struct{ in, word string }{{"s3 ", "S3"}, {"download ", "every byte in S3"}} {
		for _, held := range l.found.Held {
			if strings.HasPrefix(held, place.in) {
				words = append(words, place.word)
				break
			}
		}
	}
	return strings.Join(words, "\t")
}

func lineOfVerified(run string, one *looked, err error) verifiedLine {
	line := verifiedLine{head: heading("verified", run), From: one.from, Line: one.line, Source: one.path, Held: one.found.Held, Differs: one.found.Differs}
	if line.Held == nil {
		line.Held = []string{}
	}
	if r := one.receipt; r != nil {
		line.Transfer, line.Object, line.Size = r.Transfer, address(r.Object.Bucket, r.Object.Key), &r.Source.Size
		if r.Object.VersionID != nil {
			line.Version = *r.Object.VersionID
		}
	}
	if err != nil {
		line.Type, line.Error, line.Hint, line.Exit = "failed", err.Error(), hintFor(err), exitCode(err)
	}
	return line
}

// conclude says what it comes to.
func (c *checking) conclude(err error) error {
	c.progress.Close()
	if err != nil {
		c.worst = worst([]error{c.worst, err})
	}
	if c.json != nil {
		s := &c.sum
		s.OK, s.Exit = c.worst == nil, exitCode(c.worst)
		if c.worst != nil {
			s.Error, s.Hint = c.worst.Error(), hintFor(c.worst)
		}
		c.json.print(s)
		if lost := c.json.failed(); lost != nil && err == nil {
			return lost
		}
	}
	if err != nil {
		return err
	}
	if c.json == nil && !c.quiet {
		words := []string{count(c.sum.Verified, "receipt") + " verified"}
		if c.sum.Failed > 0 {
			words = append(words, fmt.Sprintf("%d failed", c.sum.Failed))
		}
		if c.sum.Unreadable > 0 {
			words = append(words, fmt.Sprintf("%d could not be held against their files", c.sum.Unreadable))
		}
		c.under.Say("%s", strings.Join(words, ", "))
	}
	if c.worst != nil {
		return &saidError{c.worst}
	}
	return nil
}

// A bar shows one receipt on its way.
type bar struct {
	c     *checking
	event sealift.Event
	last  time.Time
}

func (c *checking) show(one *looked, size int64) *bar {
	r := one.receipt
	b := &bar{c: c, event: sealift.Event{Type: "started", Transfer: fmt.Sprintf("%s:%d %s", one.from, one.line, r.Transfer), Bucket: r.Object.Bucket, Key: r.Object.Key,
		Source: address(r.Object.Bucket, r.Object.Key), Size: size}}
	b.send()
	b.event.Type = "progress"
	return b
}

func (b *bar) send() {
	b.event.Time = time.Now()
	b.c.events.Lock()
	defer b.c.events.Unlock()
	b.c.progress.Event(b.event)
}

// moved counts bytes read; it is called by one goroutine at a time.
func (b *bar) moved(n int) {
	b.event.Sent += int64(n)
	b.event.Acknowledged = b.event.Sent
	if now := time.Now(); now.Sub(b.last) > 100*time.Millisecond {
		b.last = now
		b.send()
	}
}

func (b *bar) end(one *looked) {
	b.event.Type = "stored"
	if len(one.errs) > 0 {
		b.event.Type = "failed"
	}
	b.send()
}

func asAnswer(err error) (*s3wire.Error, bool) {
	if errors.Is(err, context.Canceled) {
		return nil, false
	}
	return errors.AsType[*s3wire.Error](err)
}
