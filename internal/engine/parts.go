package engine

import (
	"cmp"
	"errors"

	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/internal/sum"
)

// A part is one range of the source on its way to S3.
type part struct {
	number int            // from 1
	of     *source.Source // that its bytes are read from
	at     int64          // where in of they begin
	size   int64          // bytes
	sums   *sum.Sums      // nil until it is summed
}

// part is the part of the plan with that number.
func (t *Transfer) part(number int) part {
	p := t.plan.Part(number)
	return part{number, t.Source, p.Offset, p.Size, nil}
}

// begin forgets the parts of an earlier upload.
func (t *Transfer) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts = make(map[int]s3wire.Part, t.plan.Parts)
}

// keep records a part that S3 has.
func (t *Transfer) keep(p s3wire.Part) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts[p.Number] = p
}

// missing returns the numbers of the parts that S3 does not have, of those that
// are t's to send, ascending.
func (t *Transfer) missing() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	var numbers []int
	for number := max(1, t.only.first); number <= cmp.Or(t.only.last, t.plan.Parts); number++ {
		if _, ok := t.parts[number]; !ok {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// sums returns the sum of each part that S3 has.
func (t *Transfer) sums() map[int]sum.CRC {
	t.mu.Lock()
	defer t.mu.Unlock()
	sums := make(map[int]sum.CRC, len(t.parts))
	for number, p := range t.parts {
		sums[number] = p.Sum
	}
	return sums
}

// gathered returns all parts by number, and the sums of the whole.
func (t *Transfer) gathered() ([]s3wire.Part, sum.Sums, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := make([]s3wire.Part, t.plan.Parts)
	pieces := make([]sum.Piece, t.plan.Parts)
	for i := range parts {
		parts[i] = t.parts[i+1]
		pieces[i] = sum.Piece{Sums: parts[i].Sums(), Size: parts[i].Size}
	}
	whole, err := t.Object.Kind.Whole(pieces)
	return parts, whole, err
}

// answerOf is the answer that came, with a success or with an error.
func answerOf(a s3wire.Answer, err error) s3wire.Answer {
	if e, ok := errors.AsType[*s3wire.Error](err); ok {
		return e.Answer
	}
	return a
}
