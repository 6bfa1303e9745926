// Package verify holds receipts against what they are about: a local file, the
// object in S3, the object's bytes.
//
// What differs is named by the receipt's own field. Nothing counts as proven
// that was not looked at: whoever calls adds up what was asked. The package
// reads, and writes nothing anywhere. Of the project it imports receipt, sum,
// and to ask S3 s3wire and the engine's decisions.
package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/sealift/sealift/internal/sum"
	"github.com/sealift/sealift/receipt"
)

// Errors of what could not be settled either way.
var (
	// ErrUnproven: S3 names no checksum that could stand for the bytes.
	ErrUnproven = errors.New("S3 names no checksum of the object: its bytes are not proven")
	// ErrUnclear: S3 does not say whether a version is gone or may not be read.
	ErrUnclear = errors.New("the version is gone, or may not be read: S3 does not say which")
	// ErrMoving: the file was written to while it was read.
	ErrMoving = errors.New("the file was written to while it was read")
)

// A Difference is a field of a receipt that does not hold.
type Difference struct {
	Field   string `json:"field"`   // as the receipt calls it
	Receipt string `json:"receipt"` // its value there
	Found   string `json:"found"`   // and where it was looked for
	In      string `json:"in"`      // "file", "s3", or "download": the object's bytes
}

// Findings are what of a receipt was looked at.
type Findings struct {
	Held    []string // fields that hold, each with where: "file source.size"
	Differs []Difference
}

// compare looks at one field.
func (f *Findings) compare(in, field, want, found string) {
	if want == found {
		f.Held = append(f.Held, in+" "+field)
		return
	}
	f.Differs = append(f.Differs, Difference{field, want, found, in})
}

// buffer is what a file is read with, in bytes.
const buffer = 1 << 20

// File holds a receipt against a regular file: size, CRC64NVME, and SHA-256
// where the receipt has one. The file is read once, from start to end, and not
// at all where its size is another. moved is called with bytes as they are
// read.
func (f *Findings) File(ctx context.Context, r *receipt.Receipt, file *os.File, moved func(int)) error {
	before, err := file.Stat()
	if err != nil {
		return err
	}
	if before.Size() != r.Source.Size {
		f.compare("file", "source.size", number(r.Source.Size), number(before.Size()))
		return nil
	}
	t := newTally(r)
	buf := make([]byte, min(buffer, r.Source.Size+1))
	for {
		n, err := file.Read(buf)
		t.write(buf[:n])
		moved(n)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	after, err := file.Stat()
	switch {
	case err != nil:
		return err
	case after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()):
		return ErrMoving
	}
	t.compare(f, "file")
	return nil
}

// A tally is what bytes come to, as far as a receipt can tell.
type tally struct {
	of   *receipt.Receipt
	size int64
	crc  sum.CRC
	sha  io.Writer // nil where the receipt has no SHA-256
	hex  func() string
}

func newTally(r *receipt.Receipt) *tally {
	t := &tally{of: r}
	if r.Source.SHA256 != nil {
		h := sha256.New()
		t.sha, t.hex = h, func() string { return hex.EncodeToString(h.Sum(nil)) }
	}
	return t
}

func (t *tally) write(data []byte) {
	t.size += int64(len(data))
	t.crc = t.crc.Add(data)
	if t.sha != nil {
		t.sha.Write(data)
	}
}

func (t *tally) compare(f *Findings, in string) {
	f.compare(in, "source.size", number(t.of.Source.Size), number(t.size))
	f.compare(in, "source.crc64nvme", t.of.Source.CRC64NVME, t.crc.String())
	if t.sha != nil {
		f.compare(in, "source.sha256", *t.of.Source.SHA256, t.hex())
	}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (d Difference) String() string {
	return fmt.Sprintf("%s is %s in the receipt, %s in %s", d.Field, word(d.Receipt), word(d.Found), map[string]string{
		"file": "the file", "s3": "S3", "download": "the object's bytes"}[d.In])
}

func word(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
