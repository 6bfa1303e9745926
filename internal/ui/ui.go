// Package ui shows transfers on their way: as live bars on a terminal, as a
// plain line every few seconds elsewhere, or not at all.
//
// What is shown never claims more than the library does: acknowledged bytes
// are those S3 has confirmed, and nothing is at 100 % before it is stored.
// Names are escaped. Of the project it imports the library's events and
// internal/redact.
package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sealift/sealift"
)

// Progress shows the transfers of one run. Talk that is written to it appears
// above what moves. Methods may be called from several goroutines; Event is
// called in the order of events.
type Progress interface {
	io.Writer
	Event(sealift.Event)
	Session(expires time.Time)                      // the session in use ends then; zero = not known
	Of(found func() (files, bytes int64, all bool)) // of a tree: what has been found so far
	Close()                                         // what is shown stays; talk may still be written
}

// Options say where and how to show.
type Options struct {
	Out       io.Writer
	Terminal  *os.File // where Out is a live terminal that tells its size; nil = plain lines
	Hidden    bool     // show nothing, pass talk on
	Transfers int      // how many there will be; a total is shown from two on
	Bytes     int64    // of all of them
	Tree      bool     // both are found out on the way: Of will say
	Done      string   // what is said of one that succeeded; "" = stored
	Colour    bool
	ASCII     bool          // draw with nothing else
	Every     time.Duration // between plain lines; 0 = 5 s
}

// every is how long lies between plain lines.
func (o Options) every() time.Duration {
	if o.Every == 0 {
		return 5 * time.Second
	}
	return o.Every
}

// New begins to show.
func New(o Options) Progress {
	switch {
	case o.Hidden:
		return quiet{o.Out}
	case o.Terminal != nil:
		return newBars(o)
	case o.Tree:
		return newTreeLines(o)
	default:
		return newLines(o)
	}
}

// Surroundings reads from the environment whether a terminal is fit for bars,
// and how they are drawn.
//
// NO_COLOR is https://no-color.org: set and not empty means no colour.
func Surroundings(env func(string) (string, bool)) (live, colour, ascii bool) {
	get := func(name string) string { v, _ := env(name); return v }
	dumb := get("TERM") == "dumb"
	locale := get("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = get(name)
		}
	}
	locale = strings.ToLower(strings.ReplaceAll(locale, "-", ""))
	ascii = locale != "" && !strings.Contains(locale, "utf8")
	return !dumb && get("CI") == "", !dumb && get("NO_COLOR") == "", ascii
}

// quiet shows nothing.
type quiet struct{ io.Writer }

func (quiet) Event(sealift.Event) {}
func (quiet) Session(time.Time)   {}
func (quiet) Close()              {}

func (quiet) Of(func() (files, bytes int64, all bool)) {}

// state is what is known of one transfer, or of all together. It is safe for
// concurrent use: bars draw on a clock of their own.
type state struct {
	mu      sync.Mutex
	name    string
	size    int64
	sent    int64
	acked   int64
	speed   meter
	ended   string // "stored" or "failed"; "" = under way
	waiting bool   // S3 is out of reach or busy
}

// view is a state at one moment.
type view struct {
	name        string
	size        int64 // negative = not known: a stream that has not ended
	sent, acked int64
	speed       float64       // bytes a second; 0 = not known
	left        time.Duration // until the end; negative = not known
	session     time.Duration // until the session ends; negative = not known
	ended       string
	waiting     bool
}

func (s *state) update(now time.Time, sent, acked int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.acked = max(sent, acked), max(s.acked, acked)
	s.speed.at(now, s.sent)
	s.waiting = false
}

// resume begins where an earlier process stopped: what that sent is no speed of
// this one.
func (s *state) resume(e sealift.Event) {
	if e.Acknowledged > 0 {
		s.update(e.Time, e.Acknowledged, e.Acknowledged)
	}
}

// learn takes in how large the source is, where an event tells.
func (s *state) learn(e sealift.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size < 0 && (e.Type == "progress" || e.Type == "stored") {
		s.size = e.Size
	}
}

func (s *state) end(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = how
	if how == "stored" {
		s.sent, s.acked = s.size, s.size
	}
}

func (s *state) view(now, expires time.Time) view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := view{name: s.name, size: s.size, sent: s.sent, acked: s.acked, ended: s.ended, waiting: s.waiting, left: -1, session: -1}
	v.speed = s.speed.rate(now)
	if v.speed >= 1 && v.size >= 0 {
		v.left = time.Duration(float64(v.size-v.sent) / v.speed * float64(time.Second))
	}
	if !expires.IsZero() {
		v.session = max(0, expires.Sub(now))
	}
	return v
}

// percent is how much S3 has confirmed: 100 only of what is stored.
func (v view) percent() int {
	if v.ended == "stored" {
		return 100
	}
	if v.size <= 0 {
		return 0
	}
	return min(99, int(float64(v.acked)/float64(v.size)*100))
}

// clock writes a duration as h:mm:ss or m:ss.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
