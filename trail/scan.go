package trail

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep values may be nested; CloudTrail's go to about 10.
const maxDepth = 1000

// A flaw is why a record is refused, and where in it.
type flaw struct {
	at  int
	err error
}

func (f *flaw) Error() string { return fmt.Sprintf("%v, %d bytes into it", f.err, f.at) }
func (f *flaw) Unwrap() error { return f.err }

// A span is a value's place in the record. The zero span is no value.
type span struct {
	from, to int
	escapes  bool // it is a string with a backslash
}

// A scanner goes through one record, strictly (RFC 8259, UTF-8, no name twice
// in an object), and notes where the known fields are.
type scanner struct {
	b        []byte
	i        int
	depth    int
	escapes  bool     // the string that was read last has a backslash
	names    [][]byte // of the objects that are open, but for known fields
	fields   [fieldCount]span
	variants []string
}

// record reads the object that b begins with. It is errShort where b ends
// within it, a *flaw where it is none that can be believed.
func (s *scanner) record(b []byte) (end int, err error) {
	*s = scanner{b: b, names: s.names[:0]}
	if len(b) > 0 && b[0] != '{' {
		return 0, s.flawed(ErrRecord, "it is no object: %+q", head(b))
	}
	err = s.object(inEvent)
	return s.i, err
}

func (s *scanner) flawed(base error, format string, args ...any) error {
	return &flaw{s.i, fmt.Errorf("%w: %s", base, fmt.Sprintf(format, args...))}
}

// next is the next byte that is no white space, where the scanner then stands.
func (s *scanner) next() (byte, error) {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return s.b[s.i], nil
	}
	if s.i = blank(s.b, s.i); s.i >= len(s.b) {
		return 0, errShort
	}
	return s.b[s.i], nil
}

// expect reads one byte of punctuation.
func (s *scanner) expect(want byte) error {
	c, err := s.next()
	if err == nil && c != want {
		return s.flawed(ErrRecord, "%+q where %q should stand", c, want)
	}
	s.i++
	return err
}

func (s *scanner) value(k kind) error {
	c, err := s.next()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		return s.string()
	case '{':
		return s.object(k)
	case '[':
		return s.array()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number()
	}
	return s.flawed(ErrRecord, "no value can start with %+q", c)
}

func (s *scanner) object(k kind) error {
	if s.depth++; s.depth > maxDepth {
		return s.flawed(ErrRecord, "nested deeper than %d", maxDepth)
	}
	s.i++
	c, err := s.next()
	if err != nil {
		return err
	}
	base := len(s.names)
	var many map[string]bool // the names, once they are many
	var last field
	for more := c != '}'; more; {
		f, err := s.name(k, last, base, &many)
		if err != nil {
			return err
		}
		if err := s.member(f); err != nil {
			return err
		}
		if f != noField {
			last = f
		}
		if more, err = s.more('}'); err != nil {
			return err
		}
	}
	s.i++
	s.depth--
	s.names = s.names[:base]
	return nil
}

// member reads a colon and the value behind it.
func (s *scanner) member(f field) error {
	if err := s.expect(':'); err != nil {
		return err
	}
	if _, err := s.next(); err != nil {
		return err
	}
	from := s.i
	s.escapes = false
	if err := s.value(known[f].is); err != nil {
		return err
	}
	if f != noField {
		s.fields[f] = span{from, s.i, s.escapes}
	}
	return nil
}

// more reads a comma and says that more follows, or stands at the bracket that
// ends it.
func (s *scanner) more(end byte) (bool, error) {
	switch c, err := s.next(); {
	case err != nil || c == end:
		return false, err
	}
	return true, s.expect(',')
}

// name reads a name of an object of kind k. The object's names before it are
// s.names[base:] and the known fields.
func (s *scanner) name(k kind, last field, base int, many *map[string]bool) (field, error) {
	c, err := s.next()
	if err != nil {
		return noField, err
	}
	if c != '"' {
		return noField, s.flawed(ErrRecord, "%+q where a name should stand", c)
	}
	from := s.i
	s.escapes = false
	if err := s.string(); err != nil {
		return noField, err
	}
	name := s.b[from+1 : s.i-1]
	if s.escapes {
		name = []byte(unquote(string(s.b[from:s.i])))
	}
	f := noField
	if k != free {
		f = k.find(name, last)
	}
	twice := false
	switch {
	case f != noField:
		twice = s.fields[f].to != 0
	default:
		twice = s.given(name, base, many)
		if k != free && k.resembles(name) {
			s.variants = append(s.variants, k.path()+string(name))
		}
	}
	if twice {
		s.i = from
		return noField, s.flawed(ErrDuplicate, "%+q", name)
	}
	return f, nil
}

// given notes a name, and tells whether its object has it already. Looking
// through all of them would take forever where they are very many.
func (s *scanner) given(name []byte, base int, many *map[string]bool) bool {
	names := s.names[base:]
	if len(names) < 32 {
		for _, n := range names {
			if len(n) == len(name) && bytes.Equal(n, name) {
				return true
			}
		}
		s.names = append(s.names, name)
		return false
	}
	if *many == nil {
		*many = make(map[string]bool)
		for _, n := range names {
			(*many)[string(n)] = true
		}
	}
	if (*many)[string(name)] {
		return true
	}
	(*many)[string(name)] = true
	return false
}

func (s *scanner) array() error {
	if s.depth++; s.depth > maxDepth {
		return s.flawed(ErrRecord, "nested deeper than %d", maxDepth)
	}
	s.i++
	c, err := s.next()
	if err != nil {
		return err
	}
	for more := c != ']'; more; {
		if err := s.value(free); err != nil {
			return err
		}
		if more, err = s.more(']'); err != nil {
			return err
		}
	}
	s.i++
	s.depth--
	return nil
}

func (s *scanner) literal(want string) error {
	n := min(len(want), len(s.b)-s.i)
	if string(s.b[s.i:s.i+n]) != want[:n] {
		return s.flawed(ErrRecord, "no value is %+q", s.b[s.i:s.i+n])
	}
	if n < len(want) {
		return errShort
	}
	s.i += n
	return nil
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() error {
	if s.b[s.i] == '-' {
		s.i++
	}
	zero := s.i < len(s.b) && s.b[s.i] == '0'
	if zero {
		s.i++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		if s.i++; s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.i >= len(s.b) { // a record ends with a bracket
		return errShort
	}
	return nil
}

func (s *scanner) digits() error {
	from := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	switch {
	case s.i >= len(s.b):
		return errShort
	case s.i == from:
		return s.flawed(ErrRecord, "%+q within a number", s.b[s.i])
	}
	return nil
}

func (s *scanner) string() error {
	for s.i++; ; {
		if s.i = plain(s.b, s.i); s.i >= len(s.b) {
			return errShort
		}
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return nil
		case c == '\\':
			s.escapes = true
			if err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return s.flawed(ErrRecord, "control character %+q in a string", c)
		default:
			rest := s.b[s.i:]
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n <= 1 {
				if !utf8.FullRune(rest) {
					return errShort
				}
				return s.flawed(ErrRecord, "text is not UTF-8")
			}
			s.i += n
		}
	}
}

// escape reads an escape, whole: of surrogates both, in their order.
func (s *scanner) escape() error {
	if len(s.b)-s.i < 2 {
		return errShort
	}
	switch s.b[s.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i += 2
		return nil
	case 'u':
	default:
		return s.flawed(ErrRecord, "no escape is %+q", s.b[s.i:s.i+2])
	}
	high, err := s.unit(s.i)
	if err != nil || !utf16.IsSurrogate(high) {
		s.i += 6
		return err
	}
	low, err := s.unit(s.i + 6)
	if err == nil && utf16.DecodeRune(high, low) == utf8.RuneError {
		return s.flawed(ErrRecord, "half a surrogate pair")
	}
	s.i += 12
	return err
}

// unit reads \uXXXX at i.
func (s *scanner) unit(i int) (rune, error) {
	switch {
	case len(s.b) <= i || s.b[i] == '\\' && len(s.b) <= i+1:
		return 0, errShort
	case s.b[i] != '\\' || s.b[i+1] != 'u':
		return 0, s.flawed(ErrRecord, "half a surrogate pair")
	case len(s.b)-i < 6:
		return 0, errShort
	}
	r, ok := hex4(s.b, i+2)
	if !ok {
		return 0, s.flawed(ErrRecord, "no escape is %+q", s.b[i:i+6])
	}
	return r, nil
}
