package engine

import (
	"math/rand/v2"
	"testing"
)

// However attempts fail, repeat and begin again: acknowledged bytes never fall,
// are never counted twice, never exceed what was sent, and end at the size.
func TestProgressIsHonestUnderRetries(t *testing.T) {
	for round := range 500 {
		const parts, size = 20, 1000
		p := progress{size: parts * size}
		var last Step
		look := func() {
			now := p.step()
			if now.Acknowledged < last.Acknowledged || now.Acknowledged > now.Sent || now.Sent > p.size {
				t.Fatalf("round %d: %+v after %+v", round, now, last)
			}
			last = now
		}
		for left := parts; left > 0; {
			if rand.IntN(30) == 0 {
				p.restart()
				left = parts
			}
			moved := int64(0)
			for moved < size && rand.IntN(10) > 0 {
				n := min(int64(rand.IntN(400)), size-moved)
				p.move(int(n))
				moved += n
				look()
			}
			ok := moved == size && rand.IntN(3) > 0
			p.settle(moved, size, ok)
			if ok {
				left--
			}
			look()
		}
		if last.Acknowledged != p.size || p.total() < p.size {
			t.Fatalf("round %d ends at %+v, handed over %d", round, last, p.total())
		}
	}
}
