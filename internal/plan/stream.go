package plan

import "fmt"

// A Stream says how a source is cut whose size nobody knows before its end.
// The zero value lets parts grow as S3 allows.
type Stream struct {
	PartSize int64 // bytes of every part but the last; 0 lets parts grow
	Most     int64 // bytes that a growing part has at most; 0 is MaxPartSize
}

// growth is how many parts of its size, at most, lie before a part that has
// grown. With 512, parts have DefaultPartSize for 4 GiB and MaxPartSize after
// 2.5 TiB, and 10,000 of them reach 32 TiB.
const growth = 512

// Check refuses, with ErrPartSize, part sizes that S3 does not take.
func (s Stream) Check() error {
	for _, size := range []int64{s.PartSize, s.Most} {
		if size == 0 {
			continue
		}
		if _, err := For(0, size); err != nil {
			return err
		}
	}
	return nil
}

// Next is how many bytes the part with that number has if the stream lasts as
// long; it begins at offset. A number beyond MaxParts is ErrTooMany.
func (s Stream) Next(number int, offset int64) (int64, error) {
	switch {
	case number > MaxParts && s.PartSize > 0:
		return 0, fmt.Errorf("%w: the stream is longer than %d bytes, which %d parts of %d bytes reach", ErrTooMany, offset, MaxParts, s.PartSize)
	case number > MaxParts:
		return 0, fmt.Errorf("%w: the stream is longer than %d bytes, which the %d parts that S3 takes reach", ErrTooMany, offset, MaxParts)
	case s.PartSize > 0:
		return s.PartSize, nil
	}
	most := s.Most
	if most == 0 {
		most = MaxPartSize
	}
	return min(most, max(DefaultPartSize, roundUp(ceil(offset, growth)))), nil
}

// Reach is the size, in bytes, of the longest stream that can be stored so.
func (s Stream) Reach() int64 {
	var offset int64
	for number := 1; number <= MaxParts; number++ {
		size, err := s.Next(number, offset)
		if err != nil {
			return offset
		}
		offset += size
	}
	return offset
}
