package cli

import (
	"bytes"
	"encoding/base64"
	byteorder "encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sealift/sealift/receipt"
)

var epoch = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// stub is a receipt of a file of that size, written and stored at those
// seconds.
func stub(key string, size int64, written, stored int) *receipt.Receipt {
	modified := epoch.Add(time.Duration(written) * time.Second)
	sum := base64.StdEncoding.EncodeToString(byteorder.BigEndian.AppendUint64(nil, uint64(size)))
	at := epoch.Add(time.Duration(stored) * time.Second)
	return &receipt.Receipt{Version: 1, Run: "R", Transfer: "T", Source: receipt.Source{Path: key, Size: size, Modified: &modified, CRC64NVME: sum},
		Object:  receipt.Object{Bucket: "bucket", Key: key, Size: size, Checksum: receipt.Checksum{Algorithm: "CRC64NVME", Type: "FULL_OBJECT", Value: sum}, Tags: map[string]string{}},
		Session: receipt.Session{Narrowing: "off"}, Requests: []receipt.Request{{Operation: "PutObject"}}, Started: at, Finished: at}
}

// shelve writes receipts as a run of that name keeps them.
func shelve(t *testing.T, folder, run string, all ...*receipt.Receipt) {
	t.Helper()
	var text []byte
	for _, r := range all {
		line, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	if err := os.WriteFile(filepath.Join(folder, run+".jsonl"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *memory) knows(key string, size int64, written int) bool {
	_, known := m.holds("bucket", key, size, epoch.Add(time.Duration(written)*time.Second))
	return known
}

// Whatever receipts there are, in whatever order and runs: a key is known for
// its last content alone.
func TestMemoryKeepsToTheLastReceipt(t *testing.T) {
	for round := range 50 {
		folder := t.TempDir()
		runs := make([][]*receipt.Receipt, 3)
		type content struct {
			size    int64
			written int
		}
		lasts, all := map[string]content{}, map[string][]content{}
		for at := range 60 {
			key, c := fmt.Sprintf("in/%d", rand.IntN(8)), content{rand.Int64N(3), rand.IntN(3)}
			r := rand.IntN(len(runs))
			runs[r] = append(runs[r], stub(key, c.size, c.written, at))
			lasts[key], all[key] = c, append(all[key], c)
		}
		for i, of := range runs {
			rand.Shuffle(len(of), func(a, b int) { of[a], of[b] = of[b], of[a] })
			shelve(t, folder, fmt.Sprintf("run%d", i), of...)
		}
		m := remember(folder, "bucket", "in/")
		for key, contents := range all {
			for _, c := range contents {
				if got, want := m.knows(key, c.size, c.written), c == lasts[key]; got != want {
					t.Fatalf("round %d: %s as %v known: %v, the last is %v", round, key, c, got, lasts[key])
				}
			}
		}
	}
}

func TestMemoryIsOfOneDestination(t *testing.T) {
	folder := t.TempDir()
	other := stub("in/b", 1, 1, 1)
	other.Object.Bucket = "another"
	shelve(t, folder, "run", stub("in/a", 1, 1, 1), stub("out/a", 1, 1, 1), other)
	m := remember(folder, "bucket", "in/")
	if !m.knows("in/a", 1, 1) || m.knows("out/a", 1, 1) || m.knows("in/b", 1, 1) {
		t.Errorf("it has %d marks", len(m.marks))
	}
	if o, _ := m.holds("bucket", "in/a", 1, epoch.Add(time.Second)); o.Checksum.Value != stub("", 1, 0, 0).Source.CRC64NVME {
		t.Errorf("its sum is %q", o.Checksum.Value)
	}
}

// A doubt makes older receipts of what it may be about count for nothing, and
// no others.
func TestDoubtsAreHeeded(t *testing.T) {
	for _, c := range []struct {
		name       string
		doubt      doubt
		old, young bool
	}{
		{"of the prefix", doubt{"bucket", "in/", epoch.Add(5 * time.Second)}, false, true},
		{"of one key", doubt{"bucket", "in/deep/x", epoch.Add(5 * time.Second)}, false, true},
		{"of the bucket", doubt{"bucket", "", epoch.Add(5 * time.Second)}, false, true},
		{"of another prefix", doubt{"bucket", "out/", epoch.Add(5 * time.Second)}, true, true},
		{"of another bucket", doubt{"another", "in/", epoch.Add(5 * time.Second)}, true, true},
	} {
		folder := t.TempDir()
		shelve(t, folder, "run", stub("in/old", 1, 1, 5), stub("in/young", 1, 1, 6))
		back, err := c.doubt.cast(folder, "later")
		if err != nil {
			t.Fatal(err)
		}
		m := remember(folder, "bucket", "in/")
		if got := [2]bool{m.knows("in/old", 1, 1), m.knows("in/young", 1, 1)}; got != [2]bool{c.old, c.young} {
			t.Errorf("%s: known are %v", c.name, got)
		}
		back()
		if m := remember(folder, "bucket", "in/"); !m.knows("in/old", 1, 1) {
			t.Errorf("%s: it is not forgotten", c.name)
		}
	}
}

// Files that are no receipts, or torn ones, are no reason to fail; a line that
// cannot be read may have been the last word on any key.
func TestMemorySurvivesWhatItCannotRead(t *testing.T) {
	folder := t.TempDir()
	shelve(t, folder, "run1", stub("in/a", 1, 1, 1))
	if err := os.WriteFile(filepath.Join(folder, "run2.jsonl"), []byte(`{"version":1,"run":"R","tr`), 0o600); err != nil {
		t.Fatal(err)
	}
	if m := remember(folder, "bucket", "in/"); !m.knows("in/a", 1, 1) {
		t.Error("a torn line is a doubt")
	}
	if err := os.WriteFile(filepath.Join(folder, "run3.jsonl"), []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m := remember(folder, "bucket", "in/"); m.knows("in/a", 1, 1) {
		t.Error("a line that cannot be read is none")
	}
	if m := remember(filepath.Join(folder, "nosuch"), "bucket", "in/"); m.knows("in/a", 1, 1) {
		t.Error("nothing is known for something")
	}
}

// What is scanned is what the receipt says, whatever stands in its strings.
func FuzzScan(f *testing.F) {
	f.Add("in/a", `,"size":7,"modified":`, `x","finished":"2020`, int64(1), int64(2))
	f.Add(`k\"},"version_id":`, `"object":{"bucket":"`, "ü\u2028\x00", int64(0), int64(-1))
	f.Fuzz(func(t *testing.T, key, path, tag string, size, written int64) {
		r := stub("k", max(0, size), 0, 1)
		r.Object.Key, r.Source.Path = key, path
		r.Object.Tags = map[string]string{tag: key, "finished": path, "object": tag}
		modified := time.Unix(0, written).UTC()
		r.Source.Modified = &modified
		line, err := r.Encode()
		if err != nil {
			return
		}
		want, err := receipt.Read(bytes.NewReader(line))
		if err != nil {
			return // not UTF-8
		}
		got, ok := scan(append(line, '\n'))
		if !ok || got.bucket != "bucket" || got.key != want.Object.Key || got.size != want.Source.Size || !got.modified.Equal(modified) || !got.finished.Equal(r.Finished) {
			t.Fatalf("%s\nscanned as %+v, %v", line, got, ok)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	line, err := stub("in/some/where/a-file.txt", 4096, 1, 2).Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := scan(line); !ok {
			b.Fatal("not scanned")
		}
	}
}

// However long lines are, and however a file comes: its whole lines are read,
// each once.
func TestPagesHaveAllWholeLines(t *testing.T) {
	for _, c := range []struct {
		lines []int // their lengths
		torn  int
		want  error
	}{
		{nil, 0, io.EOF},
		{nil, 100, io.EOF},
		{[]int{1, 2, 3}, 5, io.EOF},
		{[]int{pageSize - 1, pageSize, pageSize + 1, 3 * pageSize, 1, receipt.MaxSize}, 2 * pageSize, io.EOF},
		{slices.Repeat([]int{1600}, 1000), 7, io.EOF},
		{[]int{1, 3 << 20, 1}, 0, errLongLine},
	} {
		var text []byte
		want := map[string]int{}
		for i, n := range c.lines {
			line := append(bytes.Repeat([]byte{byte('a' + i%26)}, n-1), '\n')
			text = append(text, line...)
			want[string(line)]++
		}
		p := &pages{in: iotest.HalfReader(bytes.NewReader(append(text, bytes.Repeat([]byte("t"), c.torn)...)))}
		got := map[string]int{}
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				var page []byte
				for {
					lines, err := p.next(&page)
					if err != nil {
						if err != c.want {
							t.Errorf("%v ends with %v, want %v", c.lines, err, c.want)
						}
						return
					}
					mu.Lock()
					for line := range bytes.Lines(lines) {
						got[string(line)]++
					}
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if c.want == io.EOF && !maps.Equal(got, want) {
			t.Errorf("of %d lines, %d were read, or not once", len(want), len(got))
		}
	}
}

// What is read by several goroutines is what one reads.
func TestMemoryOfManyReceipts(t *testing.T) {
	folder := t.TempDir()
	var all []*receipt.Receipt
	for i := range 8000 { // several MiB
		all = append(all, stub(fmt.Sprintf("in/%d", i%7000), int64(i), i, i))
	}
	shelve(t, folder, "run", all...)
	m := remember(folder, "bucket", "in/")
	if len(m.marks) != 7000 {
		t.Fatalf("it has %d marks", len(m.marks))
	}
	for i := range 8000 {
		if got, want := m.knows(fmt.Sprintf("in/%d", i%7000), int64(i), i), i >= 1000; got != want {
			t.Fatalf("receipt %d is known: %v", i, got)
		}
	}
}
