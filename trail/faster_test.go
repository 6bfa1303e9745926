package trail_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sealift/sealift/trail"
)

// Reading a trail takes at most half the time of the standard library's gzip
// and encoding/json, on files of any size. SEALIFT_BENCH_TRAIL names the file
// that the figures go to; without it nothing is measured.
func TestReadingIsTwiceAsFastAsTheStandardLibrary(t *testing.T) {
	out := os.Getenv("SEALIFT_BENCH_TRAIL")
	if out == "" {
		t.Skip("SEALIFT_BENCH_TRAIL is not set")
	}
	var report bytes.Buffer
	fmt.Fprintf(&report, reportHead, time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.Version())
	for _, l := range loads(t) {
		ours, theirs, filtered, ratio := compare(t, l)
		fmt.Fprintf(&report, "| %s | %.0f | %.0f | %.0f | %.1f |\n", l.what, l.rate(theirs), l.rate(ours), l.rate(filtered), ratio)
		if ratio < 2 {
			t.Errorf("%s: %.2f times as fast as the standard library, want 2", l.what, ratio)
		}
	}
	t.Log("\n" + report.String())
	if err := os.WriteFile(out, report.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

const reportHead = "# Reading a trail\n\nWritten by `make bench` on %s; not by hand.\n\n" +
	"One file after the other on one core, %s/%s, %s, files in the page cache; MB of inflated text a second, medians of 7\n" +
	"rounds in turn. ×: the median of the ratios within a round, all events beside the standard library's `compress/gzip` and\n" +
	"`encoding/json` into a struct of the same fields. Filtered: for one event name and an hour of the day. The machine is\n" +
	"shared: trust the ratios. The records are made: S3 data events and AssumeRole, with random ids.\n\n" +
	"| files | standard library | all events | filtered | × |\n|---|---:|---:|---:|---:|\n"

// A load is files to read.
type load struct {
	what  string
	dir   string
	bytes int64 // of inflated text
}

func (l load) rate(took time.Duration) float64 { return float64(l.bytes) / 1e6 / took.Seconds() }

func loads(t *testing.T) []load {
	m := newMaker(1)
	return []load{
		store(t, m, "large: 4 × 5,000 records, gzip", 4, 5000),
		store(t, m, "tiny: 1,500 × 8 records, gzip", 1500, 8),
		store(t, m, "tiniest: 1,500 × 1 record, gzip", 1500, 1),
	}
}

func store(t *testing.T, m *maker, what string, files, records int) load {
	l := load{what: what, dir: t.TempDir()}
	for i := range files {
		text := m.file(records)
		l.bytes += int64(len(text))
		path := filepath.Join(l.dir, fmt.Sprintf("%05d.json.gz", i))
		if err := os.WriteFile(path, []byte(zipped(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// compare reads in turn, and returns medians.
func compare(t *testing.T, l load) (ours, theirs, filtered time.Duration, ratio float64) {
	var all [3][]time.Duration
	var ratios []float64
	hour := trail.Filter{Names: []string{"UploadPart"}, From: start.Add(time.Hour), To: start.Add(2 * time.Hour)}
	for range 7 {
		for i, f := range []func() int{
			func() int { return byUs(t, l.dir, trail.Options{Files: 1}) },
			func() int { return byThem(t, l.dir) },
			func() int { return byUs(t, l.dir, trail.Options{Files: 1, Filter: hour}) },
		} {
			runtime.GC()
			from := time.Now()
			n := f()
			all[i] = append(all[i], time.Since(from))
			if i < 2 && n == 0 {
				t.Fatal("no events")
			}
		}
		last := len(all[0]) - 1
		ratios = append(ratios, all[1][last].Seconds()/all[0][last].Seconds())
	}
	slices.Sort(ratios)
	for i := range all {
		slices.Sort(all[i])
	}
	return all[0][3], all[1][3], all[2][3], ratios[3]
}

func byUs(t testing.TB, dir string, o trail.Options) (n int) {
	for _, err := range trail.ReadAll(t.Context(), trail.Folder(dir, o.Filter), o) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// byThem reads as one would write it with the standard library, and keeps what
// an Event has.
func byThem(t testing.TB, dir string) (n int) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		file, err := os.Open(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(text)
		if err != nil {
			t.Fatal(err)
		}
		var log struct{ Records []standard }
		if err := json.Unmarshal(all, &log); err != nil {
			t.Fatal(err)
		}
		file.Close()
		n += len(log.Records)
	}
	return n
}

// standard is an Event as encoding/json reads it.
type standard struct {
	EventVersion, EventSource, EventName, EventID, EventType, EventCategory         string
	EventTime                                                                       time.Time
	AwsRegion, SourceIPAddress, UserAgent, ErrorCode, ErrorMessage, RequestID       string
	RecipientAccountID                                                              string `json:"recipientAccountId"`
	SharedEventID                                                                   string
	ReadOnly                                                                        *bool
	RequestParameters, ResponseElements, AdditionalEventData, Resources, TLSDetails json.RawMessage
	UserIdentity                                                                    struct {
		Type, PrincipalID, ARN, AccountID, AccessKeyID, UserName, InvokedBy string
		SessionContext                                                      struct {
			SessionIssuer  struct{ Type, PrincipalID, ARN, AccountID, UserName string }
			Attributes     struct{ CreationDate, MfaAuthenticated string }
			SourceIdentity string
		}
	}
}

func BenchmarkLargeFiles(b *testing.B) { benchmark(b, 4, 2000) }
func BenchmarkTinyFiles(b *testing.B)  { benchmark(b, 500, 8) }

func benchmark(b *testing.B, files, records int) {
	dir := b.TempDir()
	m := newMaker(1)
	size := 0
	for i := range files {
		text := m.file(records)
		size += len(text)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d.json.gz", i)), []byte(zipped(text)), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		read func() int
	}{
		{"trail", func() int { return byUs(b, dir, trail.Options{Files: 1}) }},
		{"standard", func() int { return byThem(b, dir) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				c.read()
			}
		})
	}
}
