package plan

import (
	"errors"
	"math/rand/v2"
	"testing"
)

const tib = 1 << 40

// cut returns the sizes of the parts of a stream of that size.
func cut(t *testing.T, s Stream, size int64) (parts []int64, err error) {
	t.Helper()
	for offset := int64(0); offset < size; {
		next, err := s.Next(len(parts)+1, offset)
		if err != nil {
			return parts, err
		}
		next = min(next, size-offset)
		parts = append(parts, next)
		offset += next
	}
	return parts, nil
}

// Whatever a stream's length up to what it can reach, its parts are those of
// an object that S3 takes.
func TestEveryStreamIsCutWithinTheLimits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	streams := []Stream{{}, {Most: 32 << 20}, {Most: MaxPartSize}, {PartSize: MinPartSize}, {PartSize: MaxPartSize}, {PartSize: 7<<20 + 1}}
	for _, s := range streams {
		if err := s.Check(); err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		reach := s.Reach()
		sizes := []int64{1, DefaultPartSize - 1, DefaultPartSize, DefaultPartSize + 1, 4 << 30, 4<<30 + 1, reach - 1, reach}
		for range 30 {
			sizes = append(sizes, 1+random.Int64N(reach))
		}
		for _, size := range sizes {
			size = min(size, reach)
			parts, err := cut(t, s, size)
			if err != nil {
				t.Fatalf("%+v of %d bytes: %v", s, size, err)
			}
			var total int64
			for i, part := range parts {
				total += part
				last := i == len(parts)-1
				if part > MaxPartSize || part < 1 || !last && part < MinPartSize {
					t.Fatalf("%+v of %d bytes: part %d has %d bytes", s, size, i+1, part)
				}
				if i > 0 && !last && part < parts[i-1] {
					t.Fatalf("%+v of %d bytes: part %d has %d bytes, the one before %d", s, size, i+1, part, parts[i-1])
				}
			}
			if total != size || len(parts) > MaxParts || len(parts) > int(ceil(size, parts[0])) {
				t.Fatalf("%+v of %d bytes: %d parts with %d bytes in all", s, size, len(parts), total)
			}
		}
	}
}

func TestStreamsReachFar(t *testing.T) {
	if reach := (Stream{}).Reach(); reach < 32*tib || reach > MaxObjectSize {
		t.Errorf("growing parts reach %d bytes", reach)
	}
	if reach := (Stream{PartSize: DefaultPartSize}).Reach(); reach != MaxParts*DefaultPartSize {
		t.Errorf("fixed parts reach %d bytes", reach)
	}
}

func TestLongerStreamsAreRefused(t *testing.T) {
	for _, s := range []Stream{{}, {Most: 32 << 20}, {PartSize: MinPartSize}} {
		parts, err := cut(t, s, s.Reach()+1)
		if !errors.Is(err, ErrTooMany) || len(parts) != MaxParts {
			t.Errorf("%+v: %d parts, error %v", s, len(parts), err)
		}
	}
}

// A stream begins with the parts that a file of its size would have.
func TestStreamsBeginAsFilesDo(t *testing.T) {
	for _, size := range []int64{1, DefaultPartSize, 100 << 20, 4 << 30} {
		file, err := For(size, 0)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := cut(t, Stream{}, size)
		if err != nil || len(parts) != file.Parts || parts[0] != file.Part(1).Size {
			t.Errorf("%d bytes: %d parts as a stream, %d as a file, error %v", size, len(parts), file.Parts, err)
		}
	}
}

func TestPartSizesOfStreamsAreChecked(t *testing.T) {
	for _, s := range []Stream{{PartSize: MinPartSize - 1}, {PartSize: MaxPartSize + 1}, {PartSize: -1}, {Most: 1}} {
		if err := s.Check(); !errors.Is(err, ErrPartSize) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
