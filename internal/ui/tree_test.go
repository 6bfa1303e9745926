package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift"
)

// A tree of any size is told of in one line now and then, and nothing is
// remembered of files that have ended.
func TestTreeLinesCountFiles(t *testing.T) {
	var out strings.Builder
	l := newTreeLines(Options{Out: &out, Every: time.Second})
	l.Of(func() (int64, int64, bool) { return 1000, 50_000, true })
	at := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for i := range 500 {
		id := fmt.Sprint(i)
		l.Event(sealift.Event{Type: "started", Transfer: id, Size: 50, Time: at})
		at = at.Add(5 * time.Millisecond)
		l.Event(sealift.Event{Type: "stored", Transfer: id, Size: 50, Time: at})
	}
	l.Event(sealift.Event{Type: "skipped", Size: 7, Time: at}) // known: it was not found to be sent
	if len(l.census.under) != 0 || l.census.files != 500 || l.census.bytes != 25_000 {
		t.Errorf("it counts %d files, %d bytes, %d under way", l.census.files, l.census.bytes, len(l.census.under))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[1], "400 of 1,000 files, 20 KiB of 49 KiB, 9.8 KiB/s, 0:03 left") {
		t.Errorf("it says\n%s", out.String())
	}
}

// What has not been found yet is not promised.
func TestTreeLinesSayWhatIsFoundSoFar(t *testing.T) {
	var out strings.Builder
	l := newTreeLines(Options{Out: &out, Every: time.Second})
	l.Of(func() (int64, int64, bool) { return 10, 100, false })
	at := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	l.Event(sealift.Event{Type: "started", Transfer: "a", Size: 50, Time: at})
	l.Event(sealift.Event{Type: "progress", Transfer: "a", Size: 50, Sent: 30, Acknowledged: 10, Time: at.Add(2 * time.Second)})
	if got := out.String(); !strings.Contains(got, "0 of so far 10 files, 10 B of 100 B") || strings.Contains(got, "left") {
		t.Errorf("it says %s", got)
	}
}
