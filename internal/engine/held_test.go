package engine

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/sealift/sealift/internal/source"
	"golang.org/x/sync/semaphore"
)

func holder(b *Budget, folder string) *stream {
	return &stream{t: &Transfer{Budget: b, Source: source.Stream(nil, folder)}, disk: semaphore.NewWeighted(spoolSize)}
}

// What a part was given is what it gives, wherever it is held and however it
// came, until it is let go; then it gives nothing, and all that it took is back.
func TestHeldPartsGiveWhatTheyWereGiven(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	bytesOf := rand.NewChaCha8([32]byte{5})
	b := NewBudget(1, 0)
	for _, size := range []int64{1, blockSize - 1, blockSize, blockSize + 1, 5<<20 + 7, inMemory + 1} {
		for _, folder := range []string{"", t.TempDir()} {
			s := holder(b, folder)
			h, err := s.hold(t.Context(), size)
			if err != nil {
				t.Fatal(err)
			}
			if spooled := h.spool != nil; spooled != (folder != "" && size > inMemory) {
				t.Errorf("%d bytes with spool folder %q: spooled %v", size, folder, spooled)
			}
			var want []byte
			for int64(len(want)) < size {
				buf := h.room(size - int64(len(want)))
				buf = buf[:1+random.IntN(len(buf))]
				bytesOf.Read(buf)
				if err := h.take(buf); err != nil {
					t.Fatal(err)
				}
				want = append(want, buf...)
			}
			h.full()
			var readers sync.WaitGroup
			for range 8 {
				at := random.Int64N(size)
				length := 1 + random.Int64N(size-at)
				readers.Go(func() {
					got := make([]byte, length)
					if n, err := h.ReadAt(got, at); int64(n) != length || err != nil || !bytes.Equal(got, want[at:at+length]) {
						t.Errorf("%d bytes from %d of %d: %d came, error %v", length, at, size, n, err)
					}
				})
			}
			readers.Wait()
			h.release()
			h.release()
			if _, err := h.ReadAt(make([]byte, 1), 0); !errors.Is(err, errReleased) {
				t.Errorf("after it was let go: %v", err)
			}
			if s.remembered.Load() != 0 || !s.disk.TryAcquire(spoolSize) || !b.memory.free.TryAcquire(memorySize) {
				t.Fatalf("%d bytes with spool folder %q: not all was given back", size, folder)
			}
			b.memory.free.Release(memorySize)
		}
	}
}

// A transport that reads on while a part is let go never sees another's bytes.
func TestReadersOutliveThePart(t *testing.T) {
	b := NewBudget(1, 0)
	s := holder(b, "")
	const mine, theirs = 'm', 't'
	for range 50 {
		h, err := s.hold(t.Context(), 2*blockSize)
		if err != nil {
			t.Fatal(err)
		}
		give(t, h, 2*blockSize, mine)
		var reader sync.WaitGroup
		reader.Go(func() {
			buf := make([]byte, 64<<10)
			for at := int64(0); at < 2*blockSize; at += int64(len(buf)) {
				n, err := h.ReadAt(buf, at)
				if bytes.IndexByte(buf[:n], theirs) >= 0 {
					t.Error("read another part's bytes")
				}
				if err != nil {
					return
				}
			}
		})
		h.release()
		other, err := s.hold(t.Context(), 2*blockSize)
		if err != nil {
			t.Fatal(err)
		}
		give(t, other, 2*blockSize, theirs)
		reader.Wait()
		other.release()
	}
}

func give(t *testing.T, h *held, size int64, with byte) {
	t.Helper()
	for h.size < size {
		buf := h.room(size - h.size)
		copy(buf, bytes.Repeat([]byte{with}, len(buf)))
		if err := h.take(buf); err != nil {
			t.Fatal(err)
		}
	}
}

// Where others hold all memory, a stream spools; where its own parts do, it
// waits for them.
func TestStreamsSpoolRatherThanWaitForOthers(t *testing.T) {
	b := NewBudget(1, 0)
	other, s := holder(b, t.TempDir()), holder(b, t.TempDir())
	for range memorySize / inMemory {
		if _, err := other.hold(t.Context(), inMemory); err != nil {
			t.Fatal(err)
		}
	}
	h, err := s.hold(t.Context(), inMemory)
	if err != nil || h.spool == nil {
		t.Fatalf("spooled %v, error %v", err == nil, err)
	}
	h.release()
}
