package trail

import (
	"errors"
	"math/bits"
)

// errShort says that a value goes on behind the text that is there.
var errShort = errors.New("cut short")

// errBrackets says that brackets close what they did not open.
var errBrackets = errors.New("brackets do not match")

const space = " \t\r\n"

// blank is the index of the first byte from i on that is no white space.
func blank[T ~string | ~[]byte](b T, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skim finds the end of the value that starts at i, and validates nothing but
// that brackets match. A number ends where the text does.
func skim[T ~string | ~[]byte](b T, i int) (end int, err error) {
	if i >= len(b) {
		return i, errShort
	}
	switch b[i] {
	case '"':
		return skimString(b, i)
	case '{', '[':
		return skimNested(b, i)
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ':', '"', '{', '[', ' ', '\n', '\t', '\r':
			return i, nil
		}
		i++
	}
	return i, nil
}

func skimNested[T ~string | ~[]byte](b T, i int) (end int, err error) {
	var room [64]byte
	open := room[:0] // brackets that are to close, innermost last
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			if i, err = skimString(b, i); err != nil {
				return i, err
			}
			continue
		case '{', '[':
			open = append(open, c+2) // } and ] are two behind { and [
		case '}', ']':
			if open[len(open)-1] != c {
				return i, errBrackets
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return i, errShort
}

func skimString[T ~string | ~[]byte](b T, i int) (end int, err error) {
	for i = plain(b, i+1); i < len(b); i = plain(b, i) {
		switch b[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i += 2
		default:
			i++
		}
	}
	return len(b), errShort
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain is the index of the first byte from i on that means something within a
// string: a quote, a backslash, a control character or the start of a longer
// rune. It looks at eight bytes at a time: of the bytes that the sums mark the
// lowest is exact, for carries go upwards.
func plain[T ~string | ~[]byte](b T, i int) int {
	for len(b)-i >= 8 {
		e := b[i : i+8]
		x := uint64(e[0]) | uint64(e[1])<<8 | uint64(e[2])<<16 | uint64(e[3])<<24 |
			uint64(e[4])<<32 | uint64(e[5])<<40 | uint64(e[6])<<48 | uint64(e[7])<<56
		quote := x ^ '"'*ones
		slash := x ^ '\\'*ones
		marks := ((quote-ones)&^quote | (slash-ones)&^slash | (x - ' '*ones) | x) & highs
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
		i += 8
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' && b[i] < 0x80 {
		i++
	}
	return i
}
