package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealift/sealift/internal/sum"
)

func random(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

// file is an open file of those bytes, written long enough ago to be settled.
func file(t *testing.T, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestEveryKindOfChangeIsNoticed(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"truncated": func(p string) error { return os.Truncate(p, 5) },
		"extended":  func(p string) error { return os.Truncate(p, 50) },
		"rewritten": func(p string) error { return os.WriteFile(p, []byte("0123456789"), 0o600) },
		"touched":   func(p string) error { return os.Chtimes(p, time.Now(), time.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			f := file(t, []byte("9876543210"))
			s := File(f)
			print, err := s.Settle(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Unchanged(print); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			if err := change(f.Name()); err != nil {
				t.Fatal(err)
			}
			if err := s.Unchanged(print); !errors.Is(err, ErrChanged) {
				t.Errorf("Unchanged = %v, want ErrChanged", err)
			}
		})
	}
}

// A file that was just written could be written again within the same tick of
// the clock; its fingerprint is taken only after that tick.
func TestFreshFileIsWaitedOut(t *testing.T) {
	f := file(t, []byte("x"))
	now := time.Now()
	if err := os.Chtimes(f.Name(), now, now); err != nil {
		t.Fatal(err)
	}
	if _, err := File(f).Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(now); waited < granularity {
		t.Errorf("settled after %v, want at least %v", waited, granularity)
	}
}

func TestDirectoryIsNoSource(t *testing.T) {
	d, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := File(d).Settle(t.Context()); err == nil {
		t.Error("a directory settles")
	}
}

func TestSumReadsExactlyTheRange(t *testing.T) {
	data := random(100_000)
	s := ReaderAt(bytes.NewReader(data), int64(len(data)))
	buf := make([]byte, 777)
	for _, r := range []struct{ offset, size int64 }{{0, 0}, {0, 100_000}, {1, 776}, {99_999, 1}, {500, 777 * 3}} {
		got, err := s.Sum(t.Context(), r.offset, r.size, buf, sum.SHA256)
		tally := sum.NewTally(sum.SHA256)
		tally.Write(data[r.offset : r.offset+r.size])
		if want := tally.Sums(); err != nil || got != want {
			t.Errorf("Sum(%d, %d) = %v, %v; want %v", r.offset, r.size, got, err, want)
		}
	}
	if _, err := s.Sum(t.Context(), 99_000, 1001, buf, sum.CRC64NVME); !errors.Is(err, ErrChanged) {
		t.Errorf("Sum past the end: %v, want ErrChanged", err)
	}
}

// Whoever stops does not wait for the end of a part of gibibytes.
func TestSumEndsWithItsContext(t *testing.T) {
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := ReaderAt(zeros{1 << 50}, 1<<50).Sum(ctx, 0, 1<<50, make([]byte, 4096), sum.CRC64NVME); !errors.Is(err, gone) {
		t.Errorf("error is %v, want the context's cause", err)
	}
}

func TestWitnessTestifiesWhatIsThere(t *testing.T) {
	for _, size := range []int{0, 1, witnessBuffer, witnessBuffer + 1, 3 << 20} {
		data := random(size)
		w := ReaderAt(bytes.NewReader(data), int64(size)).Watch(t.Context(), int64(size))
		crc, sha, err := w.Testimony()
		want := sha256.Sum256(data)
		if err != nil || crc != sum.Of(data) || sha != hex.EncodeToString(want[:]) {
			t.Errorf("%d bytes: %v, %s, %v", size, crc, sha, err)
		}
	}
}

func TestWitnessNoticesAnEarlyEnd(t *testing.T) {
	w := ReaderAt(bytes.NewReader(make([]byte, 10)), 11).Watch(t.Context(), 11)
	if _, _, err := w.Testimony(); !errors.Is(err, ErrChanged) {
		t.Errorf("Testimony = %v, want ErrChanged", err)
	}
}

// zeros is a source of any size that costs nothing to read.
type zeros struct{ size int64 }

func (z zeros) ReadAt(p []byte, at int64) (int, error) {
	n := int(min(int64(len(p)), z.size-at))
	clear(p[:n])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Neither side may run away from the other, and neither may wait for ever.
func TestWitnessStaysCloseToTheSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		size := int64(3 * window)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := ReaderAt(zeros{size}, size).Watch(ctx, size)
		synctest.Wait()
		w.mu.Lock()
		read := w.read
		w.mu.Unlock()
		if read > window+witnessBuffer {
			t.Errorf("with no sender the witness read %d bytes", read)
		}
		admitted := make(chan struct{})
		go func() {
			w.Admit(read + 2*window)
			close(admitted)
		}()
		synctest.Wait() // the sender's wish moves the witness, which then admits it
		<-admitted
		if _, _, err := w.Testimony(); err != nil {
			t.Error(err)
		}
	})
}

func TestCancelledWitnessReleasesSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		w := ReaderAt(blocked{stuck}, 4*window).Watch(ctx, 4*window)
		released := make(chan struct{})
		go func() {
			w.Admit(3 * window)
			close(released)
		}()
		synctest.Wait()
		cancel()
		<-released
		close(stuck)
		if _, _, err := w.Testimony(); !errors.Is(err, context.Canceled) {
			t.Errorf("Testimony = %v, want the context's end", err)
		}
	})
}

// blocked cannot be read until its channel is closed.
type blocked struct{ until chan struct{} }

func (b blocked) ReadAt(p []byte, _ int64) (int, error) {
	<-b.until
	return len(p), nil
}
