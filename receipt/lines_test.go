package receipt

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// roll is a tree's receipts and where each line ends.
func roll(t testing.TB, n int) (text []byte, all []*Receipt, ends []int) {
	t.Helper()
	for i := range n {
		r := whole()
		r.Transfer = fmt.Sprintf("01KAV8Y00000000000000000%02d", i)
		line, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
		all, ends = append(all, r), append(ends, len(text))
	}
	return text, all, ends
}

// A crash can cut the file anywhere. Whatever is left must read as the
// receipts that were wholly written, and as no error.
func TestEveryPrefixOfARollIsARoll(t *testing.T) {
	text, all, ends := roll(t, 3)
	for cut := range len(text) + 1 {
		want := 0
		for _, end := range ends {
			if cut >= end-1 { // the line feed may be missing
				want++
			}
		}
		got := 0
		for r, err := range Lines(bytes.NewReader(text[:cut])) {
			if err != nil || !reflect.DeepEqual(r, all[got]) {
				t.Fatalf("cut at %d: got %v, %v", cut, r, err)
			}
			got++
		}
		if got != want {
			t.Fatalf("cut at %d: %d receipts, want %d", cut, got, want)
		}
	}
}

func TestBadLinesAreToldAndPassedOver(t *testing.T) {
	text, _, ends := roll(t, 2)
	spoilt := string(text[:ends[0]]) + "{}\n\n\x00\x00\n" + string(text[ends[0]:])
	good, bad := 0, ""
	for _, err := range Lines(strings.NewReader(spoilt)) {
		if err == nil {
			good++
			continue
		}
		bad += err.Error() + "\n"
	}
	if good != 2 || strings.Count(bad, "\n") != 2 || !strings.Contains(bad, "line 2:") || !strings.Contains(bad, "line 4:") {
		t.Errorf("%d good ones, and\n%s", good, bad)
	}
	for _, err := range Lines(strings.NewReader(strings.Repeat("x", MaxSize+2))) {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("an endless line: %v", err)
		}
	}
	for _, err := range Lines(strings.NewReader(`{"version":2}`)) {
		if !errors.Is(err, ErrVersion) {
			t.Errorf("a version of tomorrow: %v", err)
		}
	}
}

// Whatever a file holds: Lines ends, and what it yields is a receipt or an
// error.
func FuzzLines(f *testing.F) {
	text, _, ends := roll(f, 2)
	f.Add(text)
	f.Add(text[:ends[1]-40])
	f.Add([]byte("\n\n{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n := 0
		for r, err := range Lines(bytes.NewReader(text)) {
			if n++; n > len(text)+1 {
				t.Fatal("more lines than bytes")
			}
			if (r == nil) == (err == nil) {
				t.Fatalf("got %v, %v", r, err)
			}
			if err == nil && r.Check() != nil {
				t.Fatalf("not checked: %v", r.Check())
			}
		}
	})
}
