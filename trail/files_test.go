package trail_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift/trail"
)

// many writes a folder of n files, of 1 to 600 records each.
func many(t *testing.T, n int) string {
	m, dir := newMaker(8), t.TempDir()
	for i := range n {
		put(t, filepath.Join(dir, m.hex(2), m.hex(12)+".json.gz"), zipped(m.file(1+m.IntN(1+600*(i%2)))))
	}
	put(t, filepath.Join(dir, "80", "LICENSE"), "no log")
	put(t, filepath.Join(dir, "80", "bad.json"), "no log")
	return dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// However many files are read at once, events and errors come in one order.
func TestOrderDoesNotDependOnHowManyAreReadAtOnce(t *testing.T) {
	dir := many(t, 60)
	inOrder := func(files int) (all []string) {
		for e, err := range folder(t.Context(), dir, trail.Options{Files: files}) {
			all = append(all, e.Position.String())
			if err != nil {
				all = append(all, err.Error())
			}
		}
		return all
	}
	want := inOrder(1)
	if len(want) < 1000 || !slices.ContainsFunc(want, func(s string) bool { return strings.Contains(s, "no CloudTrail records") }) {
		t.Fatalf("%d lines, or none of the bad file", len(want))
	}
	for _, files := range []int{2, 3, 16, 200} {
		if got := inOrder(files); !slices.Equal(got, want) {
			t.Errorf("%d at once: another order", files)
		}
	}
}

func TestReadingStopsWhenNobodyWantsMore(t *testing.T) {
	dir := many(t, 30)
	before := runtime.NumGoroutine()
	for _, files := range []int{1, 4} {
		n := 0
		for range folder(t.Context(), dir, trail.Options{Files: files}) {
			if n++; n == 10 {
				break
			}
		}
		if n != 10 {
			t.Errorf("%d at once: %d events", files, n)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	dir := many(t, 30)
	cause := errors.New("enough")
	for _, files := range []int{1, 4} {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		n := 0
		var last error
		for _, err := range folder(ctx, dir, trail.Options{Files: files}) {
			if n++; n == 10 {
				cancel(cause)
			}
			last = err
		}
		if last != cause || n > 11 {
			t.Errorf("%d at once: %d results, the last %v", files, n, last)
		}
	}
}

func TestAFolderIsReadAsCloudTrailArrangesIt(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{
		"p/AWSLogs/o-1/1/CloudTrail/eu-west-1/2026/11/23/a.json.gz",
		"p/AWSLogs/o-1/1/CloudTrail/eu-west-1/2026/11/24/b.json.gz",
		"p/AWSLogs/o-1/1/CloudTrail/eu-west-1/2026/11/26/c.json.gz",
		"p/AWSLogs/o-1/1/CloudTrail-Digest/eu-west-1/2026/11/26/d.json.gz",
		"p/AWSLogs/o-1/1/CloudTrail-Insight/eu-west-1/2026/11/26/e.json.gz",
		"any/f.json", "any/g.jsonl", "any/h.txt",
	} {
		put(t, filepath.Join(dir, filepath.FromSlash(path)), one)
	}
	for from, want := range map[time.Time]string{
		{}:                                 "f.json g.jsonl a.json.gz b.json.gz c.json.gz",
		start:                              "f.json g.jsonl a.json.gz b.json.gz c.json.gz",
		start.Add(time.Second):             "f.json g.jsonl b.json.gz c.json.gz",
		start.Add(24 * time.Hour):          "f.json g.jsonl b.json.gz c.json.gz",
		start.Add(24*time.Hour + 1):        "f.json g.jsonl c.json.gz",
		start.AddDate(1, 0, 0):             "f.json g.jsonl",
		start.Add(-24 * time.Hour * 10000): "f.json g.jsonl a.json.gz b.json.gz c.json.gz",
	} {
		var got []string
		for f, err := range trail.Folder(dir, trail.Filter{From: from}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.Base(f.Name))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("from %v: %q, want %q", from, got, want)
		}
	}
}

func TestAFileThatCannotBeOpenedHidesNoOther(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "b.json"), one)
	files := func(yield func(trail.File, error) bool) {
		_ = yield(trail.Path(filepath.Join(dir, "a.json"), nil), nil) &&
			yield(trail.File{Name: "c"}, os.ErrPermission) &&
			yield(trail.Path(filepath.Join(dir, "b.json"), nil), nil) &&
			yield(trail.Path("-", strings.NewReader(two)), nil)
	}
	events, faults := gather(trail.ReadAll(t.Context(), files, trail.Options{}))
	if names(events) != "One Two" || len(faults) != 2 || !errors.Is(faults[0], os.ErrNotExist) || !errors.Is(faults[1], os.ErrPermission) {
		t.Errorf("read %q and %v", names(events), faults)
	}
	if events[1].Position.File != "stdin" {
		t.Errorf("stdin is called %s", events[1].Position.File)
	}
	for _, err := range trail.Folder(filepath.Join(dir, "none"), trail.Filter{}) {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
}

// Memory is that of a few records, however long a file is.
func TestMemoryDoesNotGrowWithAFile(t *testing.T) {
	m := newMaker(9)
	part := []byte(strings.Repeat(m.record()+"\n", 100))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for _, err := range trail.Read("log", io.LimitReader(endless{part, new(int)}, int64(len(part))*500), trail.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 49_000 {
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); n != 50_000 || grown > 2<<20 {
		t.Errorf("%d events; %d bytes in use after 49,000", n, grown)
	}
}

type endless struct {
	part []byte
	at   *int
}

func (e endless) Read(b []byte) (int, error) {
	n := copy(b, e.part[*e.at:])
	*e.at = (*e.at + n) % len(e.part)
	return n, nil
}
