package trail

import (
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is one JSON value as the trail has it. Those of an Event are valid; ""
// stands for null and for what is not there.
type JSON string

// Format says how long the value is. What it is stays out of logs: a session
// token may be in it.
func (j JSON) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "JSON of %d bytes", len(j))
}

// LogValue is what Format says.
func (j JSON) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(j)) }

// Get is the value at a path of names, each spelled exactly; "" where there is
// none.
func (j JSON) Get(path ...string) JSON {
	for _, name := range path {
		j = j.member(name)
	}
	return j
}

func (j JSON) member(name string) JSON {
	for n, v := range j.Members() {
		if n == name {
			return v
		}
	}
	return ""
}

// Members are an object's names and values, in order; nothing for any other value.
func (j JSON) Members() iter.Seq2[string, JSON] {
	return func(yield func(string, JSON) bool) {
		i := blank(j, 0)
		if i >= len(j) || j[i] != '{' {
			return
		}
		for i = blank(j, i+1); i < len(j) && j[i] == '"'; {
			end, err := skim(j, i)
			if err != nil {
				return
			}
			name := unquote(string(j[i:end]))
			i = blank(j, end)
			if i >= len(j) || j[i] != ':' {
				return
			}
			i = blank(j, i+1)
			if end, err = skim(j, i); err != nil || !yield(name, value(j[i:end])) {
				return
			}
			if i = blank(j, end); i < len(j) && j[i] == ',' {
				i = blank(j, i+1)
			}
		}
	}
}

// Items are an array's values. A value that is no array is its own only item,
// for CloudTrail writes a list of one so, at times; "" has none.
func (j JSON) Items() iter.Seq[JSON] {
	return func(yield func(JSON) bool) {
		i := blank(j, 0)
		if i >= len(j) {
			return
		}
		if j[i] != '[' {
			yield(j)
			return
		}
		for i = blank(j, i+1); i < len(j) && j[i] != ']'; {
			end, err := skim(j, i)
			if err != nil || end == i || !yield(value(j[i:end])) {
				return
			}
			if i = blank(j, end); i < len(j) && j[i] == ',' {
				i = blank(j, i+1)
			}
		}
	}
}

// Text is a string's content, or a number or boolean as it is written; ""
// for an object or array.
func (j JSON) Text() string {
	switch s := strings.Trim(string(j), space); {
	case s == "" || s[0] == '{' || s[0] == '[' || s == "null":
		return ""
	case s[0] == '"':
		return unquote(s)
	default:
		return s
	}
}

// value is j, or "" for null.
func value(j JSON) JSON {
	if j == "null" {
		return ""
	}
	return j
}

// unquote is the content of a valid JSON string, quotes included.
func unquote(s string) string {
	s = s[1 : len(s)-1]
	at := strings.IndexByte(s, '\\')
	if at < 0 {
		return s
	}
	out := append(make([]byte, 0, len(s)), s[:at]...)
	for at < len(s) {
		if s[at] != '\\' || at+1 >= len(s) {
			out = append(out, s[at])
			at++
			continue
		}
		var r rune
		r, at = escaped(s, at+1)
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// escaped reads what follows a backslash, a pair of surrogates as one, and
// says where the text goes on.
func escaped(s string, i int) (rune, int) {
	switch c := s[i]; c {
	case 'b':
		return '\b', i + 1
	case 'f':
		return '\f', i + 1
	case 'n':
		return '\n', i + 1
	case 'r':
		return '\r', i + 1
	case 't':
		return '\t', i + 1
	case 'u':
		r, ok := hex4(s, i+1)
		if !ok {
			return utf8.RuneError, i + 1
		}
		if i += 5; utf16.IsSurrogate(r) && strings.HasPrefix(s[i:], `\u`) {
			if low, ok := hex4(s, i+2); ok {
				return utf16.DecodeRune(r, low), i + 6
			}
		}
		return r, i
	default: // " \ /
		return rune(c), i + 1
	}
}

// hex4 reads four hexadecimal digits.
func hex4[T ~string | ~[]byte](s T, i int) (r rune, ok bool) {
	if len(s)-i < 4 {
		return 0, false
	}
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
