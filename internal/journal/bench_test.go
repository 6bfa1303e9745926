package journal_test

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/sum"
)

// opened is a journal on the machine's disk, of an upload that has no part yet.
// It is begun anew by the caller before it is full.
func opened(b testing.TB, dir string) *journal.Journal {
	b.Helper()
	begin := begin()
	begin.Source.Size = 10_000 * 8 * mib
	j, err := journal.Create(durable.System{}, dir, begin)
	if err == nil {
		err = errors.Join(j.Commit(journal.Creating{}), j.Commit(journal.Created{UploadID: "u"}))
	}
	if err != nil {
		b.Fatal(err)
	}
	return j
}

// BenchmarkAppend is what one part costs whoever sends it.
func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	j := opened(b, dir)
	for n := 0; b.Loop(); n++ {
		p := part(1)
		p.Number = n%10_000 + 1
		if err := j.Append(p); err != nil {
			b.Fatal(err)
		}
		if n%10_000 == 9_999 {
			b.StopTimer()
			if err := j.Remove(); err != nil {
				b.Fatal(err)
			}
			j = opened(b, dir)
			b.StartTimer()
		}
	}
	if err := j.Remove(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCommit is what an intent costs, with so many goroutines at once.
func BenchmarkCommit(b *testing.B) {
	for name, goroutines := range map[string]int{"1": 1, "64": 64} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			for left := b.N; left > 0; left -= 50_000 { // of one journal, which is bounded
				j := opened(b, dir)
				commitAll(b, j, goroutines, min(left, 50_000))
				if err := j.Remove(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func commitAll(b *testing.B, j *journal.Journal, goroutines, parts int) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for n := int(next.Add(1)); n <= parts; n = int(next.Add(1)) {
				p := part(1)
				p.Number = n%10_000 + 1
				if err := j.Commit(p); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkOpen is what a journal of 10,000 parts takes to be gone on with.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	j := opened(b, dir)
	for n := range 10_000 {
		p := part(1)
		p.Number = n + 1
		if err := j.Append(p); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		j, err := journal.Open(durable.System{}, dir, transfer)
		if err == nil {
			err = errors.Join(j.Err(), j.Close())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUpload is an upload of 2,000 parts of 8 MiB by eight goroutines, the
// wire of which costs nothing: each part is summed, and that is all. It is done
// without a journal and with one, from Create to Remove.
func BenchmarkUpload(b *testing.B) {
	bytes := make([]byte, 8*mib)
	send := func(j *journal.Journal) {
		var next atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for n := next.Add(1); n <= 2000; n = next.Add(1) {
					p := part(1)
					p.Number, p.CRC = int(n), sum.Of(bytes)
					if j == nil {
						continue
					}
					if err := j.Append(p); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	b.Run("bare", func(b *testing.B) {
		b.SetBytes(2000 * 8 * mib)
		for b.Loop() {
			send(nil)
		}
	})
	b.Run("journal", func(b *testing.B) {
		b.SetBytes(2000 * 8 * mib)
		dir := filepath.Join(b.TempDir(), "journals")
		for b.Loop() {
			j := opened(b, dir)
			send(j)
			if err := errors.Join(j.Commit(completing()), j.Commit(journal.Completed{}), j.Remove()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
