// Package plan cuts a source into the parts of a multipart upload.
//
// It is arithmetic on sizes: it opens nothing, sends nothing and imports only
// the standard library. Every Plan it returns can be uploaded to S3: parts,
// sizes and count are within S3's limits, and the sizes add up to the source.
package plan

import (
	"errors"
	"fmt"
)

// Limits of S3 multipart uploads.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
// (read 2026-11-24). The page gives the largest object as 48.8 TiB, which is
// MaxParts parts of MaxPartSize.
const (
	MinPartSize   = 5 << 20                // bytes; the last part may be smaller
	MaxPartSize   = 5 << 30                // bytes; also the most that one PutObject takes
	MaxParts      = 10_000                 // part numbers run from 1 to MaxParts
	MaxObjectSize = MaxParts * MaxPartSize // bytes
)

// Sizes that an automatic plan uses, in bytes.
const (
	DefaultPartSize = 8 << 20 // up to steadySize
	steadySize      = 8 << 30 // up to here every part has DefaultPartSize
	largePartSize   = 64 << 20
	step            = 1 << 20 // automatic part sizes are whole multiples of it
	targetParts     = 1024    // what parts between DefaultPartSize and largePartSize aim at
)

// Errors that For returns, wrapped with the figures.
var (
	ErrNegative = errors.New("size is negative")
	ErrPartSize = errors.New("part size out of range")
	ErrTooLarge = errors.New("source too large for one object")
	ErrTooMany  = errors.New("too many parts")
)

// A Plan says how a source of Size bytes is cut into parts. Parts are numbered
// from 1; all have PartSize bytes but the last, which has what is left.
type Plan struct {
	Size     int64 // bytes, ≥ 0
	PartSize int64 // bytes, MinPartSize ≤ PartSize ≤ MaxPartSize
	Parts    int   // 1 ≤ Parts ≤ MaxParts; an empty source has one empty part
}

// A Part is one range of the source.
type Part struct {
	Number int   // from 1
	Offset int64 // bytes from the source's start
	Size   int64 // bytes; 0 only in the plan of an empty source
}

// For plans a source of size bytes. A partSize of 0 chooses one: 8 MiB up to
// 8 GiB, then a 1,024th of the source up to 64 MiB, then whatever keeps the
// parts within MaxParts. Another partSize is honoured or refused with
// ErrPartSize or ErrTooMany; a source S3 cannot hold is refused with
// ErrTooLarge or ErrNegative.
func For(size, partSize int64) (Plan, error) {
	if size < 0 {
		return Plan{}, fmt.Errorf("%w: %d bytes", ErrNegative, size)
	}
	if size > MaxObjectSize {
		return Plan{}, fmt.Errorf("%w: %d bytes, S3 holds %d", ErrTooLarge, size, int64(MaxObjectSize))
	}
	if partSize == 0 {
		partSize = automatic(size)
	}
	if partSize < MinPartSize || partSize > MaxPartSize {
		return Plan{}, fmt.Errorf("%w: part size %d is outside %d to %d", ErrPartSize, partSize, MinPartSize, int64(MaxPartSize))
	}
	parts := max(1, ceil(size, partSize))
	if parts > MaxParts {
		return Plan{}, fmt.Errorf("%w: part size %d cuts %d bytes into %d parts, S3 takes %d; the least that works is %d",
			ErrTooMany, partSize, size, parts, MaxParts, roundUp(ceil(size, MaxParts)))
	}
	return Plan{Size: size, PartSize: partSize, Parts: int(parts)}, nil
}

// Single reports whether the source goes by one PutObject.
func (p Plan) Single() bool { return p.Parts == 1 }

// Part returns the part with that number. It panics if number is not within 1
// to p.Parts, which only a bug in the caller can cause.
func (p Plan) Part(number int) Part {
	if number < 1 || number > p.Parts {
		panic(fmt.Sprintf("plan: part %d of %d", number, p.Parts))
	}
	offset := int64(number-1) * p.PartSize
	return Part{Number: number, Offset: offset, Size: min(p.PartSize, p.Size-offset)}
}

func automatic(size int64) int64 {
	if size <= steadySize {
		return DefaultPartSize
	}
	steady := min(roundUp(ceil(size, targetParts)), largePartSize)
	return max(steady, roundUp(ceil(size, MaxParts)))
}

func ceil(n, by int64) int64 { return (n + by - 1) / by }

func roundUp(n int64) int64 { return ceil(n, step) * step }
