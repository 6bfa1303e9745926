package walk

import "slices"

// A sieve finds which of many hashes come twice, without holding them all: it
// is shown all of them as often as it asks for them. The zero sieve with its
// room set is ready.
type sieve struct {
	room int // how many are held, at least 8

	held     []uint64
	from, to uint64 // what is looked at this time; to 0 is without end
	twice    []uint64
}

// add shows one.
func (s *sieve) add(hash uint64) {
	if hash < s.from || s.to > 0 && hash >= s.to {
		return
	}
	s.held = append(s.held, hash)
	if len(s.held) < s.room {
		return
	}
	if s.held = twiceAtMost(s.held); len(s.held) > s.room/2 {
		half := len(s.held) / 2
		s.held, s.to = s.held[:half], s.held[half]
	}
}

// again is called when all were shown. It reports whether they are to be shown
// once more.
func (s *sieve) again() bool {
	all := twiceAtMost(s.held)
	for i := 1; i < len(all); i++ {
		if all[i] == all[i-1] {
			s.twice = append(s.twice, all[i])
		}
	}
	s.from, s.to, s.held = s.to, 0, all[:0]
	return s.from > 0
}

// twiceAtMost sorts hashes, and drops what comes a third time.
func twiceAtMost(all []uint64) []uint64 {
	slices.Sort(all)
	kept := all[:0]
	for _, hash := range all {
		if n := len(kept); n < 2 || kept[n-2] != hash {
			kept = append(kept, hash)
		}
	}
	return kept
}
