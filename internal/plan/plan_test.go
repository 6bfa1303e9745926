package plan

import (
	"errors"
	"math/rand/v2"
	"testing"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// Whatever the size, an automatic plan is one that S3 takes: parts in range,
// none empty but an empty source's, and together exactly the source.
func TestAutomaticPlanHoldsForEverySize(t *testing.T) {
	sizes := []int64{0, 1, MaxObjectSize, MaxObjectSize - 1, steadySize, steadySize + 1}
	for _, edge := range []int64{MinPartSize, DefaultPartSize, 64 * mib, 64 * gib, 625 * gib, 1 << 40} {
		sizes = append(sizes, edge-1, edge, edge+1, 2*edge-1, 2*edge, 2*edge+1)
	}
	for range 20_000 {
		sizes = append(sizes, rand.Int64N(1<<rand.IntN(46)+1)%MaxObjectSize)
	}
	for _, size := range sizes {
		p, err := For(size, 0)
		if err != nil {
			t.Fatalf("For(%d, 0): %v", size, err)
		}
		check(t, p, size)
	}
}

func check(t *testing.T, p Plan, size int64) {
	t.Helper()
	if p.Size != size || p.Parts < 1 || p.Parts > MaxParts || p.PartSize < MinPartSize || p.PartSize > MaxPartSize {
		t.Fatalf("plan of %d bytes is out of S3's limits: %+v", size, p)
	}
	first, last := p.Part(1), p.Part(p.Parts)
	if first.Offset != 0 || last.Offset+last.Size != size {
		t.Fatalf("plan of %d bytes: first %+v, last %+v", size, first, last)
	}
	if p.Parts > 1 && (first.Size != p.PartSize || last.Size < 1 || last.Size > p.PartSize) {
		t.Fatalf("plan of %d bytes: first %+v, last %+v", size, first, last)
	}
	if p.Single() != (size <= p.PartSize) {
		t.Fatalf("plan of %d bytes: Single() = %v with parts of %d", size, p.Single(), p.PartSize)
	}
}

func TestAutomaticPartSizes(t *testing.T) {
	for _, c := range []struct{ size, want int64 }{
		{0, 8 * mib},
		{8 * gib, 8 * mib},
		{8*gib + 1, 9 * mib},
		{16 * gib, 16 * mib},
		{64 * gib, 64 * mib},
		{100 * gib, 64 * mib},
		{625 * gib, 64 * mib},
		{1 << 40, 105 * mib},
		{MaxObjectSize, MaxPartSize},
	} {
		p, err := For(c.size, 0)
		if err != nil || p.PartSize != c.want {
			t.Errorf("For(%d, 0) has parts of %d, %v; want %d", c.size, p.PartSize, err, c.want)
		}
	}
}

func TestGivenPartSizeIsHonouredOrRefused(t *testing.T) {
	for _, c := range []struct {
		size, partSize int64
		parts          int
		err            error
	}{
		{0, 5 * mib, 1, nil},
		{5 * mib, 5 * mib, 1, nil},
		{5*mib + 1, 5 * mib, 2, nil},
		{50_000_003, 8 * mib, 6, nil},
		{10_000 * 5 * mib, 5 * mib, 10_000, nil},
		{10_000*5*mib + 1, 5 * mib, 0, ErrTooMany},
		{1, 1024, 0, ErrPartSize},
		{1, MaxPartSize + 1, 0, ErrPartSize},
		{1, -1, 0, ErrPartSize},
		{MaxObjectSize + 1, 0, 0, ErrTooLarge},
	} {
		p, err := For(c.size, c.partSize)
		if !errors.Is(err, c.err) || p.Parts != c.parts {
			t.Errorf("For(%d, %d) = %+v, %v; want %d parts, %v", c.size, c.partSize, p, err, c.parts, c.err)
		}
	}
}

func TestNegativeSizeIsRefused(t *testing.T) {
	if p, err := For(-1, 0); err == nil {
		t.Errorf("For(-1, 0) = %+v, nil", p)
	}
}

// The remedy that ErrTooMany names must itself work.
func TestLeastPartSizeWorks(t *testing.T) {
	size := int64(10_000*5*mib + 1)
	if p, err := For(size, roundUp(ceil(size, MaxParts))); err != nil {
		t.Errorf("the least part size is refused: %+v, %v", p, err)
	}
}

func BenchmarkPlan(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p, err := For(100*gib, 0)
		if err != nil {
			b.Fatal(err)
		}
		for n := 1; n <= p.Parts; n++ {
			p.Part(n)
		}
	}
}
