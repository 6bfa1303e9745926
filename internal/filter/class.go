package filter

import (
	"strings"
	"unicode/utf8"
)

// A span is the characters from lo to hi, both included.
type span struct{ lo, hi rune }

// named are the classes that git knows, of ASCII only as there.
var named = map[string][]span{
	"alnum":  {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}},
	"alpha":  {{'A', 'Z'}, {'a', 'z'}},
	"blank":  {{' ', ' '}, {'\t', '\t'}},
	"cntrl":  {{1, 0x1f}, {0x7f, 0x7f}},
	"digit":  {{'0', '9'}},
	"graph":  {{0x21, 0x7e}},
	"lower":  {{'a', 'z'}},
	"print":  {{0x20, 0x7e}},
	"punct":  {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}},
	"space":  {{' ', ' '}, {'\t', '\r'}},
	"upper":  {{'A', 'Z'}},
	"xdigit": {{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
}

// class translates what follows a [.
func (t *translator) class() error {
	negated := strings.HasPrefix(t.rest, "!") || !t.across && strings.HasPrefix(t.rest, "^")
	if negated {
		t.take()
	}
	var set []span
	for first := true; ; first = false {
		if t.rest == "" {
			return errClass
		}
		if !first && t.rest[0] == ']' {
			t.take()
			break
		}
		more, err := t.member()
		if err != nil {
			return err
		}
		set = append(set, more...)
	}
	if set = t.slashes(set, negated); len(set) == 0 {
		return errNothing
	}
	t.wild(written(set, negated))
	return nil
}

// member reads a character, a range, or one of git's named classes.
func (t *translator) member() ([]span, error) {
	if !t.across && strings.HasPrefix(t.rest, "[:") {
		if end := strings.IndexByte(t.rest[2:], ']'); end > 0 && t.rest[2+end-1] == ':' {
			set, known := named[t.rest[2:2+end-1]]
			if !known {
				return nil, errNamed
			}
			t.rest = t.rest[2+end+1:]
			return set, nil
		}
	}
	lo, err := t.plain()
	if err != nil {
		return nil, err
	}
	if len(t.rest) < 2 || t.rest[0] != '-' || t.rest[1] == ']' {
		return []span{{lo, lo}}, nil
	}
	t.take()
	hi, err := t.plain()
	if err == nil && hi < lo {
		err = errRange
	}
	return []span{{lo, hi}}, err
}

// plain reads one character, which git lets a backslash escape.
func (t *translator) plain() (rune, error) {
	c := t.take()
	if c == '\\' && !t.across {
		if t.rest == "" {
			return 0, errClass
		}
		c = t.take()
	}
	return c, nil
}

// slashes makes the set treat the slash as it must: as any other character, by
// its veil, or as one that no set of git's matches.
func (t *translator) slashes(set []span, negated bool) []span {
	var out []span
	for _, s := range set {
		if s.lo > '/' || s.hi < '/' {
			out = append(out, s)
			continue
		}
		if t.across {
			out = append(out, s, span{0, 0})
			continue
		}
		if s.lo < '/' {
			out = append(out, span{s.lo, '/' - 1})
		}
		if s.hi > '/' {
			out = append(out, span{'/' + 1, s.hi})
		}
	}
	if !t.across && negated {
		out = append(out, span{'/', '/'})
	}
	return out
}

// written is the set in doublestar's words.
func written(set []span, negated bool) string {
	out := []byte{'['}
	if negated {
		out = append(out, '^')
	}
	for _, s := range set {
		out = utf8.AppendRune(append(out, '\\'), s.lo)
		if s.hi != s.lo {
			out = utf8.AppendRune(append(out, '-', '\\'), s.hi)
		}
	}
	return string(append(out, ']'))
}
