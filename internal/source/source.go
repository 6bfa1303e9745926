// Package source reads the local bytes of a transfer and notices when they are
// not the bytes they were.
//
// A Source is read by position, by many goroutines at once. Its Fingerprint is
// what the file system says of it; a Witness reads it a second time, from
// start to end, and sums and hashes what it finds. A stream is read once, by an
// Intake. The package sends nothing, and imports the standard library and sum.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/sealift/sealift/internal/sum"
)

// ErrChanged says that a source is not what it was.
var ErrChanged = errors.New("source changed")

// A Source is a fixed number of bytes that can be read by position, and then
// safe for concurrent use, or a stream.
type Source struct {
	r    io.ReaderAt
	name string
	size int64
	file *os.File // nil when there is nothing to ask about changes

	flow  io.Reader // of a stream; nil otherwise
	spool string
	read  atomic.Bool
}

// File is the source of a regular file's bytes; anything else is refused by
// Settle. Its offset is neither used nor moved.
func File(f *os.File) *Source { return &Source{r: f, name: f.Name(), file: f} }

// ReaderAt is the source of the first size bytes of r.
func ReaderAt(r io.ReaderAt, size int64) *Source { return &Source{r: r, size: size} }

// Name is what the source calls itself: a file's name as it was opened, "-" for
// another stream, "" for a reader.
func (s *Source) Name() string { return s.name }

// Stat is what the system says of a file now; of another source fs.ErrInvalid.
func (s *Source) Stat() (fs.FileInfo, error) {
	if s.file == nil {
		return nil, fs.ErrInvalid
	}
	return s.file.Stat()
}

// granularity is how far apart two writes must be for a file's times to tell
// them apart: a tick of the kernel's clock, and then some.
const granularity = 20 * time.Millisecond

// Settle takes the source's first Fingerprint. A file whose last write lies so
// near that another one might leave the same time is waited out.
func (s *Source) Settle(ctx context.Context) (Fingerprint, error) {
	for {
		print, err := s.Fingerprint()
		if err != nil {
			return Fingerprint{}, err
		}
		age := time.Since(print.modified())
		if s.file == nil || age < 0 || age >= granularity {
			return print, nil
		}
		select {
		case <-time.After(granularity - age):
		case <-ctx.Done():
			return Fingerprint{}, context.Cause(ctx)
		}
	}
}

// A Fingerprint is what the file system says of a file without reading it.
// Two that are equal are, but for writes within the clock's granularity, of
// the same bytes. Fields that a system does not have are zero.
type Fingerprint struct {
	Size     int64 // bytes
	Modified int64 // nanoseconds since 1970
	Changed  int64 // nanoseconds since 1970, of the inode
	Inode    uint64
	Device   uint64
}

func (p Fingerprint) modified() time.Time { return time.Unix(0, p.Modified) }

// Fingerprint asks the file system now.
func (s *Source) Fingerprint() (Fingerprint, error) {
	if s.file == nil {
		return Fingerprint{Size: s.size}, nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return Fingerprint{}, fmt.Errorf("stat source: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Fingerprint{}, fmt.Errorf("%s is not a regular file", s.name)
	}
	print := Fingerprint{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	print.inode(info)
	return print, nil
}

// Modified is the time of the last write that the fingerprint knows, UTC, nil
// for a source that has no such time.
func (s *Source) Modified(p Fingerprint) *time.Time {
	if s.file == nil {
		return nil
	}
	at := p.modified().UTC()
	return &at
}

// Unchanged returns ErrChanged if the source's fingerprint is not want.
func (s *Source) Unchanged(want Fingerprint) error {
	got, err := s.Fingerprint()
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%w: %s", ErrChanged, got.differs(want))
	}
	return nil
}

func (p Fingerprint) differs(from Fingerprint) string {
	switch {
	case p.Size != from.Size:
		return fmt.Sprintf("it had %d bytes and has %d", from.Size, p.Size)
	case p.Inode != from.Inode || p.Device != from.Device:
		return "it is another file"
	case p.Modified != from.Modified:
		return "it was written to"
	}
	return "its inode was changed"
}

// Section reads the bytes from offset to offset+size. A source that ends before
// that is ErrChanged.
func (s *Source) Section(offset, size int64) io.Reader {
	return &section{io.NewSectionReader(s.r, offset, size), size}
}

// A section is a range of a source, of which so many bytes are left.
type section struct {
	r    io.Reader
	left int64
}

func (s *section) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.left -= int64(n)
	if err == io.EOF && s.left > 0 {
		err = fmt.Errorf("%w: it ends %d bytes early", ErrChanged, s.left)
	}
	return n, err
}

// Sum reads the bytes from offset to offset+size and sums them, in that kind
// too; buf is what it reads with. A source that ends before that is ErrChanged;
// when ctx ends first, the error is its cause.
func (s *Source) Sum(ctx context.Context, offset, size int64, buf []byte, kind sum.Kind) (sum.Sums, error) {
	tally := sum.NewTally(kind)
	for section := s.Section(offset, size); size > 0; {
		n, err := section.Read(buf[:min(int64(len(buf)), size)])
		tally.Write(buf[:n])
		size -= int64(n)
		if size > 0 && err != nil {
			return sum.Sums{}, fmt.Errorf("read source: %w", err)
		}
		if ctx.Err() != nil {
			return sum.Sums{}, context.Cause(ctx)
		}
	}
	return tally.Sums(), nil
}
