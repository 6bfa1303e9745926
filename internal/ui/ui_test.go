package ui

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"

	"github.com/sealift/sealift"
)

// strip takes the colours out of a line.
func strip(s string) string {
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return s
		}
		s = s[:i] + s[i+strings.IndexByte(s[i:], 'm')+1:]
	}
}

// Whatever the state and the width, a line fits, and only what is stored is at
// 100 % or has a full bar.
func TestLinesFitAndClaimNothing(t *testing.T) {
	for _, size := range []int64{0, 1, 1000, 1 << 40} {
		for _, ended := range []string{"", "failed", "stored"} {
			for share := range int64(5) {
				for width := range 140 {
					v := view{name: "写真-and-a-rather-long-name.iso", size: size, acked: size * share / 4, sent: size, speed: 1e8, left: time.Hour, session: time.Hour, ended: ended}
					for _, p := range []pen{{}, {colour: true}, {ascii: true}} {
						line := p.draw(v, width)
						if got := runewidth.StringWidth(strip(line)); got > max(width, 9) {
							t.Fatalf("width %d: %d cells in %q", width, got, line)
						}
						if whole := strings.Contains(line, "100%"); whole != (ended == "stored") {
							t.Fatalf("ended %q: %q", ended, line)
						}
					}
				}
			}
		}
	}
}

func TestAcknowledgedIsSolidAndSentIsLight(t *testing.T) {
	v := view{name: "a", size: 100, acked: 25, sent: 50, left: 3*time.Second + time.Minute, session: 59 * time.Minute, speed: 1 << 20}
	for _, c := range []struct {
		pen  pen
		want string
	}{
		{pen{}, "a  25% ▕██████████▒▒▒▒▒▒▒▒▒▒                    ▏    1.0 MiB/s     1:03 left  session 59:00"},
		{pen{ascii: true}, "a  25% [##########----------                    ]    1.0 MiB/s     1:03 left  session 59:00"},
	} {
		if got := c.pen.draw(v, 100); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
	if got, want := (pen{align: true}).draw(v, 100), "a                       "; !strings.HasPrefix(got, want) {
		t.Errorf("names of several do not line up: %q", got)
	}
	if got := (pen{}).draw(v, 16); strings.Contains(got, "▕") {
		t.Errorf("a bar in 16 cells: %q", got)
	}
}

// Of a path that does not fit, whole names are kept where they can be.
func TestPathsAreCutBetweenNames(t *testing.T) {
	for name, want := range map[string]string{
		"/tmp/sealift-demo-2744958998/sample.bin": "…/sample.bin  50%",
		"a/b.iso":                                "a/b.iso  50%",
		"/tmp/a-name-longer-than-its-column.iso": "…ger-than-its-column.iso  50%",
	} {
		got := pen{}.draw(view{name: name, size: 2, acked: 1, left: -1, session: -1}, 80)
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Where the locale has ASCII alone, so have the lines.
func TestASCIIIsASCII(t *testing.T) {
	for _, ended := range []string{"", "failed", "stored"} {
		for width := range 140 {
			v := view{name: "a-name-that-does-not-fit-in-its-column.iso", size: 100, acked: 25, sent: 50, speed: 1e8, left: time.Hour, session: time.Hour, ended: ended}
			line := pen{ascii: true, colour: true}.draw(v, width)
			if strings.ContainsFunc(line, func(r rune) bool { return r > unicode.MaxASCII }) {
				t.Fatalf("width %d, ended %q: %q", width, ended, line)
			}
		}
	}
}

func TestSpeedSettlesOnTheTruth(t *testing.T) {
	var m meter
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	var n int64
	for range 100 {
		m.at(at, n)
		at, n = at.Add(100*time.Millisecond), n+1e6
	}
	if got := m.rate(at); math.Abs(got-1e7) > 1e5 {
		t.Errorf("got %v bytes a second, want 1e7", got)
	}
	for range 100 { // ten times slower for ten seconds
		at, n = at.Add(100*time.Millisecond), n+1e5
		m.at(at, n)
	}
	if got := m.rate(at); got > 3e6 {
		t.Errorf("ten seconds later: %v bytes a second, want near 1e6", got)
	}
	if got := m.rate(at.Add(time.Minute)); got > 1e3 {
		t.Errorf("a silent minute later: %v bytes a second, want near 0", got)
	}
}

// Acknowledged bytes do not go back, whatever order events come in.
func TestAcknowledgedNeverFalls(t *testing.T) {
	s := &state{size: 100}
	now := time.Now()
	for _, acked := range []int64{10, 50, 20, 60} {
		s.update(now, acked, acked)
	}
	s.update(now, 0, 30)
	if v := s.view(now, time.Time{}); v.acked != 60 {
		t.Errorf("got %d, want 60", v.acked)
	}
}

func events(size int64) []sealift.Event {
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	all := []sealift.Event{{Type: "started", Time: at, Transfer: "T", Source: "a\x1b[2J.iso", Size: size}}
	for i := range int64(12) {
		at = at.Add(time.Second)
		all = append(all, sealift.Event{Type: "progress", Time: at, Transfer: "T", Size: size, Sent: size * (i + 1) / 12, Acknowledged: size * i / 12})
	}
	return append(all, sealift.Event{Type: "stored", Time: at, Transfer: "T", Size: size})
}

func TestPipesGetALineEveryFewSeconds(t *testing.T) {
	var out bytes.Buffer
	p := New(Options{Out: &out})
	p.Session(time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC))
	for _, e := range events(12 << 20) {
		p.Event(e)
	}
	if _, err := p.Write([]byte("talk\n")); err != nil {
		t.Fatal(err)
	}
	p.Close()
	want := `sealift: "a\x1b[2J.iso": 33 %, 4.0 MiB of 12 MiB, 1.0 MiB/s, 0:07 left, session 59:55
sealift: "a\x1b[2J.iso": 75 %, 9.0 MiB of 12 MiB, 1.0 MiB/s, 0:02 left, session 59:50
talk
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestHiddenShowsTalkOnly(t *testing.T) {
	var out bytes.Buffer
	p := New(Options{Out: &out, Hidden: true})
	for _, e := range events(1) {
		p.Event(e)
	}
	if _, err := p.Write([]byte("talk\n")); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if out.String() != "talk\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestSurroundingsDecideHowItLooks(t *testing.T) {
	for _, c := range []struct {
		env                 map[string]string
		live, colour, ascii bool
	}{
		{map[string]string{}, true, true, false},
		{map[string]string{"LANG": "en_GB.UTF-8"}, true, true, false},
		{map[string]string{"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, true, true, true},
		{map[string]string{"LC_CTYPE": "C.utf8", "LANG": "C"}, true, true, false},
		{map[string]string{"TERM": "dumb"}, false, false, false},
		{map[string]string{"CI": "true"}, false, true, false},
		{map[string]string{"NO_COLOR": "1"}, true, false, false},
		{map[string]string{"NO_COLOR": ""}, true, true, false},
	} {
		live, colour, ascii := Surroundings(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if live != c.live || colour != c.colour || ascii != c.ascii {
			t.Errorf("%v: got live %t colour %t ascii %t", c.env, live, colour, ascii)
		}
	}
}

// What an earlier process sent is on the bar from the start, and no speed of this
// one.
func TestWhatWasSentBeforeIsNoSpeed(t *testing.T) {
	at := time.Unix(1e9, 0)
	s := &state{size: 1 << 30}
	s.resume(sealift.Event{Time: at, Acknowledged: 900 << 20})
	for i := range 4 {
		sent := int64(900+10*(i+1)) << 20
		s.update(at.Add(time.Duration(i+1)*time.Second), sent, sent)
	}
	if v := s.view(at.Add(4*time.Second), time.Time{}); v.speed < 9<<20 || v.speed > 11<<20 || v.acked != 940<<20 {
		t.Errorf("speed %v, acknowledged %d", v.speed, v.acked)
	}
}

// Bars are driven on their own clock by mpb; whatever happens to a transfer,
// Close comes back.
func TestBarsAlwaysClose(t *testing.T) {
	for _, transfers := range []int{1, 3} {
		for _, last := range []string{"stored", "failed", ""} {
			screen, err := os.Create(filepath.Join(t.TempDir(), "screen"))
			if err != nil {
				t.Fatal(err)
			}
			defer screen.Close()
			p := newBars(Options{Out: screen, Terminal: screen, Transfers: transfers, Bytes: 12})
			for _, e := range events(12) {
				if e.Type == "stored" {
					e.Type = last
				}
				p.Event(e)
			}
			p.Session(time.Now().Add(time.Hour))
			closed := make(chan struct{})
			go func() {
				p.Close()
				p.Close()
				close(closed)
			}()
			select {
			case <-closed:
			case <-time.After(10 * time.Second):
				t.Fatalf("%d transfers, %q: Close hangs", transfers, last)
			}
		}
	}
}

// The total of one transfer is as fast as that transfer: what a socket's
// buffers swallow at the start is no speed.
func TestTheTotalIsAsFastAsItsParts(t *testing.T) {
	terminal, err := os.Create(filepath.Join(t.TempDir(), "terminal"))
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	b := newBars(Options{Out: terminal, Terminal: terminal, Transfers: 2, Bytes: 2 << 30})
	defer b.Close()
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	b.Event(sealift.Event{Type: "started", Time: at, Transfer: "T", Size: 1 << 30})
	sent := int64(40 << 20)
	for range 20 {
		at, sent = at.Add(100*time.Millisecond), sent+1<<20
		b.Event(sealift.Event{Type: "progress", Time: at, Transfer: "T", Size: 1 << 30, Sent: sent})
	}
	total, one := b.total.view(at, time.Time{}).speed, b.by["T"].view(at, time.Time{}).speed
	if math.Abs(total-one) > one/10 {
		t.Errorf("the total moves %.0f bytes a second, its only transfer %.0f", total, one)
	}
}

// Nobody knows how much of a stream is left, so nothing is said of it.
func TestStreamsHaveNoPercentBeforeTheirEnd(t *testing.T) {
	v := view{name: "-", size: -1, acked: 25 << 20, sent: 50 << 20, left: -1, session: 59 * time.Minute, speed: 1 << 20}
	if got, want := (pen{}).draw(v, 80), "-    25 MiB    1.0 MiB/s  session 59:00"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := sentence(v), "-: 25 MiB, 1.0 MiB/s, session 59:00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for width := range 140 {
		if got := runewidth.StringWidth(strip(pen{colour: true}.draw(v, width))); got > max(width, 14) {
			t.Errorf("width %d: %d cells", width, got)
		}
	}
}

func TestStreamsAreWholeWhenTheyAreStored(t *testing.T) {
	var out bytes.Buffer
	l := newLines(Options{Out: &out, Every: time.Second})
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for i, e := range []sealift.Event{
		{Type: "started", Size: -1},
		{Type: "progress", Size: -1, Sent: 2 << 20, Acknowledged: 1 << 20},
		{Type: "progress", Size: 4 << 20, Sent: 4 << 20, Acknowledged: 3 << 20},
		{Type: "stored", Size: 4 << 20},
	} {
		e.Time, e.Transfer, e.Source = at.Add(time.Duration(i)*2*time.Second), "t", "-"
		l.Event(e)
	}
	got := out.String()
	if !strings.HasPrefix(got, "sealift: -: 1.0 MiB\nsealift: -: 75 %, 3.0 MiB of 4.0 MiB") {
		t.Errorf("got %q", got)
	}
	s := state{name: "-", size: -1}
	s.learn(sealift.Event{Type: "stored", Size: 4 << 20})
	s.end("stored")
	if v := s.view(at, time.Time{}); v.percent() != 100 || v.size != 4<<20 || v.acked != 4<<20 {
		t.Errorf("stored as %+v", v)
	}
}
