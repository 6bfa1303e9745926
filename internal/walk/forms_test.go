package walk

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// form knows the spellings of three letters: composed, decomposed, and with two
// marks in either order.
var form = strings.NewReplacer("e\u0301", "é", "a\u0323\u0302", "ậ", "a\u0302\u0323", "ậ", "ạ\u0302", "ậ", "â\u0323", "ậ", "\u212a", "K").Replace

const clash = "two names that look the same: its folder has another spelling of it too"

// spelled makes files, and passes the test over where the file system takes two
// of them for one.
func spelled(t *testing.T, names ...string) string {
	t.Helper()
	top := tree(t, names...)
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(top, strings.TrimSuffix(name, "/")))
		if err == nil && string(got) != name {
			t.Skip("this file system knows one spelling only")
		}
	}
	return top
}

// Whichever spellings there are, mixed ones too, all that look the same are
// faults; what is left out, or cannot be sent anyway, hurts none.
func TestAllThatLookTheSameAreFaults(t *testing.T) {
	top := spelled(t, "ạ\u0302", "â\u0323", "é", "e\u0301", "éậ", "e\u0301ạ\u0302", "K", "\u212a", "A", "a", "ü", "in/é", "d\u00e9/x", "de\u0301/y", "éx", "e\u0301x", "éy")
	grow(t, top, "e\u0301y -> A")
	keep := func(_, name string, _ bool) bool { return name != "e\u0301x" }
	want := []string{"file A", "file a", "file ü", "file in/é", "file éx", "file éy", "link e\u0301y"}
	for _, name := range []string{"ạ\u0302", "â\u0323", "é", "e\u0301", "éậ", "e\u0301ạ\u0302", "K", "\u212a", "d\u00e9", "de\u0301"} {
		want = append(want, "fault "+name+": "+clash)
	}
	expect(t, Tree{Sources: []string{top}, Form: form, Keep: keep}, want...)
}

// Hard links are two entries, and two keys.
func TestHardLinksThatLookTheSameAreFaults(t *testing.T) {
	top := tree(t, "é")
	if err := os.Link(top+"/é", top+"/e\u0301"); err != nil {
		t.Skip(err)
	}
	expect(t, Tree{Sources: []string{top}, Form: form}, "fault é: "+clash, "fault e\u0301: "+clash)
}

// A list finds what its folder has beside the names in it, and the folders on
// the way.
func TestListedNamesThatLookTheSameAreFaults(t *testing.T) {
	top := spelled(t, "ạ\u0302", "â\u0323", "sub/é", "sub/e\u0301", "sub/ü", "d\u00e9/x", "de\u0301/y", "\u212a/a", "ä/b")
	list := []string{"ạ\u0302", "sub/é", "sub/ü", "d\u00e9/x", "\u212a/a", "ä/b"}
	expect(t, Tree{Sources: []string{top}, Names: names(list...), Form: form},
		"fault ạ\u0302: "+clash, "fault sub/é: "+clash, "file sub/ü", "fault d\u00e9/x: "+clash, "file \u212a/a", "file ä/b")
}

// However little room it has, and however often its hashes come, a sieve finds
// all that come twice, once each.
func TestSieveFindsWhatComesTwice(t *testing.T) {
	for round := range 300 {
		s := sieve{room: 8 + rand.IntN(20)}
		span := 1 + rand.Uint64N(400)
		all := make([]uint64, rand.IntN(400))
		count := map[uint64]int{}
		for i := range all {
			all[i] = rand.Uint64N(span)
			if rand.IntN(9) == 0 {
				all[i] = ^all[i] // at the end of what there is
			}
			count[all[i]]++
		}
		var want []uint64
		for hash, n := range count {
			if n > 1 {
				want = append(want, hash)
			}
		}
		slices.Sort(want)
		times := 0
		for again := true; again; again = s.again() {
			if times++; times > len(all)+1 {
				t.Fatalf("round %d: it asks for ever", round)
			}
			for _, hash := range all {
				s.add(hash)
				if len(s.held) > s.room {
					t.Fatalf("it holds %d, its room is %d", len(s.held), s.room)
				}
			}
		}
		if !slices.Equal(s.twice, want) {
			t.Fatalf("round %d, room %d: found %v in %v, want %v", round, s.room, s.twice, all, want)
		}
	}
}

func BenchmarkNamesBeyondASCII(b *testing.B) {
	top := b.TempDir()
	for i := range 20_000 {
		if err := os.WriteFile(filepath.Join(top, fmt.Sprintf("файл é %d", i)), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		for _, err := range (Tree{Sources: []string{top}, Form: form}).Walk(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
