package sum

import (
	"math/rand/v2"
	"testing"
)

func TestKnownSum(t *testing.T) {
	// The check value of CRC-64/NVME in the catalogue of parametrised CRCs.
	if got := Of([]byte("123456789")); got != 0xae8b14860a799888 {
		t.Errorf("Of(123456789) = %x", uint64(got))
	}
}

// Cut anywhere, the sums of the pieces combine to the sum of the whole.
func TestCombineEqualsTheSumOfTheWhole(t *testing.T) {
	data := make([]byte, 1<<16)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for range 500 {
		end := rand.IntN(len(data) + 1)
		cut := rand.IntN(end + 1)
		want := Of(data[:end])
		if got := Combine(Of(data[:cut]), Of(data[cut:end]), int64(end-cut)); got != want {
			t.Fatalf("cut %d of %d: %v, want %v", cut, end, got, want)
		}
		if got := Of(data[:cut]).Add(data[cut:end]); got != want {
			t.Fatalf("Add at %d of %d: %v, want %v", cut, end, got, want)
		}
	}
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	for range 1000 {
		want := CRC(rand.Uint64())
		if got, err := Parse(want.String()); err != nil || got != want {
			t.Fatalf("Parse(%q) = %v, %v", want.String(), got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("rosUhgp5mIg=")
	f.Add("")
	f.Add("AAAAAAAAAAB=")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := Parse(s); err == nil && c.String() != s {
			t.Errorf("Parse(%q) = %v, which is written %q", s, uint64(c), c.String())
		}
	})
}
