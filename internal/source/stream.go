package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Stream is the source of what r gives until io.EOF. It is read once, from
// start to end, through Intake; it has no Section, and its Fingerprint is
// empty. Spool is the folder for what does not fit in memory, "" for none.
func Stream(r io.Reader, spool string) *Source {
	s := &Source{flow: r, spool: spool, name: "-"}
	if named, ok := r.(interface{ Name() string }); ok && r != os.Stdin {
		s.name = named.Name()
	}
	return s
}

// Flows reports whether the source is a stream.
func (s *Source) Flows() bool { return s.flow != nil }

// SpoolFolder is the folder for what of a stream does not fit in memory.
func (s *Source) SpoolFolder() string { return s.spool }

// An Intake reads a stream on a goroutine of its own, so that who waits for
// its bytes can leave. It is not safe for concurrent use.
//
// A read that never returns cannot be stopped, unless the stream knows read
// deadlines, as the pipes that package os makes do: the goroutine then stays
// until the read returns, and keeps the buffer that it reads into.
type Intake struct {
	r     io.Reader
	asked chan []byte
	given chan given
	next  []byte // read, and not handed on: at most one byte
	end   error  // what the stream ended with; nil before
}

// given is what one buffer was filled with.
type given struct {
	n   int
	err error
}

// ErrRead says that a stream has been read before.
var ErrRead = errors.New("a stream is read once")

// Intake begins to read a stream. Close it. A second one would find what the
// first has left, which is mostly nothing: it is ErrRead.
func (s *Source) Intake() (*Intake, error) {
	if s.read.Swap(true) {
		return nil, ErrRead
	}
	in := &Intake{r: s.flow, asked: make(chan []byte), given: make(chan given, 1)}
	go func() {
		for buf := range in.asked {
			n, err := fill(in.r, buf)
			in.given <- given{n, err}
		}
	}()
	return in, nil
}

// Close lets the goroutine go.
func (in *Intake) Close() { close(in.asked) }

// Fill reads until buf is full or the stream ends, which is io.EOF, with the
// last bytes or after them. When ctx ends first, the error is its cause, the
// stream is of no use any more, and buf may still be written to.
func (in *Intake) Fill(ctx context.Context, buf []byte) (int, error) {
	had := copy(buf, in.next)
	in.next = in.next[had:]
	if had == len(buf) || in.end != nil {
		return had, in.end
	}
	if ctx.Err() != nil { // before a byte is taken that nobody wants
		return had, context.Cause(ctx)
	}
	in.asked <- buf[had:]
	select {
	case g := <-in.given:
		in.end = g.err
		if g.n > 0 && had+g.n == len(buf) && g.err == io.EOF {
			return len(buf), nil
		}
		return had + g.n, g.err
	case <-ctx.Done():
		in.end = context.Cause(ctx)
		in.breakOff()
		return had, in.end
	}
}

// Ended waits until it is known whether the stream has another byte.
func (in *Intake) Ended(ctx context.Context) (bool, error) {
	if len(in.next) > 0 {
		return false, nil
	}
	one := make([]byte, 1)
	n, err := in.Fill(ctx, one)
	in.next = one[:n]
	switch {
	case n > 0:
		return false, nil
	case err == io.EOF:
		return true, nil
	}
	return false, err
}

// breakTime is how long a read may take that was told to end.
const breakTime = time.Second

// breakOff ends the read that is under way, where that can be done.
func (in *Intake) breakOff() {
	r, ok := in.r.(interface{ SetReadDeadline(time.Time) error })
	if !ok || r.SetReadDeadline(time.Now()) != nil {
		return
	}
	defer r.SetReadDeadline(time.Time{})
	select {
	case <-in.given:
	case <-time.After(breakTime):
	}
}

// fruitless is how often in a row a reader may give nothing and say nothing.
const fruitless = 100

// fill reads until buf is full or r ends.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for empty := 0; n < len(buf); {
		k, err := r.Read(buf[n:])
		n += k
		switch {
		case err == io.EOF:
			return n, io.EOF
		case err != nil:
			return n, fmt.Errorf("read source: %w", err)
		case k > 0:
			empty = 0
		default:
			if empty++; empty == fruitless {
				return n, fmt.Errorf("read source: %w", io.ErrNoProgress)
			}
		}
	}
	return n, nil
}

// ErrSpool says that bytes of a stream could not be put aside.
var ErrSpool = errors.New("put bytes of the stream aside")

// A Spool is a file that holds bytes of a stream for as long as it is open. It
// has no name in its folder where the system lets an open file go without one;
// elsewhere Close removes it.
type Spool struct {
	file *os.File
	left bool // the name is still there
}

// NewSpool makes one in that folder, for this user alone. Errors of a Spool are
// ErrSpool.
func NewSpool(folder string) (*Spool, error) {
	f, err := os.CreateTemp(folder, "sealift-spool-*")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpool, err)
	}
	return &Spool{file: f, left: os.Remove(f.Name()) != nil}, nil
}

// Write appends to the file.
func (s *Spool) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrSpool, err)
	}
	return n, err
}

// ReadAt reads what was written.
func (s *Spool) ReadAt(p []byte, at int64) (int, error) { return s.file.ReadAt(p, at) }

// Close frees what the file holds.
func (s *Spool) Close() error {
	err := s.file.Close()
	if s.left {
		err = errors.Join(err, os.Remove(s.file.Name()))
	}
	return err
}
