package walk

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// flat makes a folder of n files: hard links, which cost less than files, to
// as many as a file system lets one file have.
func flat(t testing.TB, n int) string {
	t.Helper()
	top := t.TempDir()
	seed := ""
	for i := range n {
		path := filepath.Join(top, fmt.Sprintf("a-name-of-a-usual-length-%08d.dat", i))
		if i%20_000 == 0 {
			seed = path
			if err := os.WriteFile(seed, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Link(seed, path); err != nil {
			t.Skip(err)
		}
	}
	return top
}

// The names alone of the folder are more than the walk may hold.
func TestHugeFolderIsWalkedInLittleMemory(t *testing.T) {
	n := 50_000
	if testing.Short() {
		n = 20_000
	}
	top := flat(t, n)
	live := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, most, seen := live(), int64(0), 0
	for e, err := range (Tree{Sources: []string{top}}).Walk(t.Context()) {
		if err != nil || e.Kind != File {
			t.Fatal(e, err)
		}
		if seen++; seen%(n/10) == 0 {
			most = max(most, live()-before)
		}
	}
	if seen != n {
		t.Errorf("found %d files of %d", seen, n)
	}
	if most > 512<<10 {
		t.Errorf("the walk holds %d bytes", most)
	}
}

func BenchmarkMillionFiles(b *testing.B) {
	const n = 1_000_000
	top := flat(b, n)
	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		for e, err := range (Tree{Sources: []string{top}}).Walk(b.Context()) {
			if err != nil || e.Kind != File {
				b.Fatal(e, err)
			}
			seen++
		}
		if seen != n {
			b.Fatalf("found %d files", seen)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/file")
}
