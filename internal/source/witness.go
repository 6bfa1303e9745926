package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"

	"github.com/sealift/sealift/internal/sum"
)

// window is how far, in bytes, the Witness and the senders may be apart, so
// that what one has read is still in the page cache for the other.
const window = 256 << 20

// witnessBuffer is what the Witness reads with, in bytes.
const witnessBuffer = 256 << 10

// A Witness reads a source from start to end while its parts are sent, and
// testifies what it read. Senders call Admit before they read a part; whoever
// started the Witness calls Testimony.
type Witness struct {
	source *Source
	size   int64

	mu      sync.Mutex
	moved   *sync.Cond
	read    int64 // bytes the Witness has read
	reached int64 // bytes up to which senders have begun
	ended   bool  // nobody waits for anybody any more

	done chan struct{}
	crc  sum.CRC
	sha  hash.Hash
	err  error
}

// Watch starts a Witness over the first size bytes. It ends when it has read
// them, when ctx ends, or when the source does; wait for it with Testimony.
func (s *Source) Watch(ctx context.Context, size int64) *Witness {
	w := &Witness{source: s, size: size, done: make(chan struct{}), sha: sha256.New()}
	w.moved = sync.NewCond(&w.mu)
	stop := context.AfterFunc(ctx, w.release)
	go func() {
		defer close(w.done)
		defer stop()
		defer w.release()
		w.err = w.run(ctx)
	}()
	return w
}

// release lets everybody go who waits for anybody.
func (w *Witness) release() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.moved.Broadcast()
}

func (w *Witness) run(ctx context.Context) error {
	buf, all := make([]byte, witnessBuffer), w.source.Section(0, w.size)
	for at := int64(0); at < w.size; {
		w.keepClose(at)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := all.Read(buf)
		w.crc = w.crc.Add(buf[:n])
		w.sha.Write(buf[:n])
		at += int64(n)
		w.advance(&w.read, at)
		if at < w.size && err != nil {
			return fmt.Errorf("read source: %w", err)
		}
	}
	return nil
}

// keepClose waits while the Witness is far ahead of the senders.
func (w *Witness) keepClose(at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.ended && at > w.reached+window {
		w.moved.Wait()
	}
}

func (w *Witness) advance(mark *int64, to int64) {
	w.mu.Lock()
	*mark = max(*mark, to)
	w.mu.Unlock()
	w.moved.Broadcast()
}

// Free lets everybody read at their own pace: of a source of which much is sent
// already the senders are far ahead from the start.
func (w *Witness) Free() { w.release() }

// Admit waits while a sender that wants to begin at offset is far ahead of the
// Witness. A nil Witness admits at once. It does not outlast ctx of Watch.
func (w *Witness) Admit(offset int64) {
	if w == nil {
		return
	}
	w.advance(&w.reached, offset)
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.ended && offset > w.read+window {
		w.moved.Wait()
	}
}

// Testimony waits for the Witness and returns what it read: the sum, and the
// SHA-256 in hex.
func (w *Witness) Testimony() (sum.CRC, string, error) {
	w.advance(&w.reached, w.size)
	<-w.done
	if w.err != nil {
		return 0, "", w.err
	}
	return w.crc, hex.EncodeToString(w.sha.Sum(nil)), nil
}
