package redact

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Escape makes text from outside safe to show on one line of a terminal or a
// log. Text of printable characters is returned as it is. Anything else is
// returned in double quotes with Go's escapes: control characters (so no ANSI
// sequence, tab or newline gets through), invalid UTF-8, bidirectional
// overrides and other invisible characters. So is text that begins with a
// double quote, so that [strconv.Unquote] gives back what was escaped.
//
// Escape the whole field that is printed, a URL and not its key alone.
func Escape(s string) string {
	if !strings.HasPrefix(s, `"`) && allSafe(s) {
		return s
	}
	b := make([]byte, 0, len(s)+8)
	b = append(b, '"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		b = appendRune(b, r, s[i:i+n])
		i += n
	}
	return string(append(b, '"'))
}

func allSafe(s string) bool {
	for i, r := range s {
		if !safe(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return false
		}
	}
	return true
}

// safe tells whether a character may stand for itself. [strconv.IsPrint]
// refuses control, format, private and unassigned characters and every space
// but U+0020; letters and marks that are blank in every font are refused here.
func safe(r rune) bool {
	switch r {
	case '\u115F', '\u1160', '\u17B4', '\u17B5', '\u2800', '\u3164', '\uFFA0', '\u034F':
		return false
	}
	return strconv.IsPrint(r)
}

// appendRune writes one character inside quotes; raw is how it came.
func appendRune(b []byte, r rune, raw string) []byte {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Appendf(b, `\x%02x`, raw[0])
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case safe(r):
		return append(b, raw...)
	case r == '\n':
		return append(b, `\n`...)
	case r == '\t':
		return append(b, `\t`...)
	case r == '\r':
		return append(b, `\r`...)
	case r < 0x80:
		return fmt.Appendf(b, `\x%02x`, r)
	case r < 0x10000:
		return fmt.Appendf(b, `\u%04x`, r)
	default:
		return fmt.Appendf(b, `\U%08x`, r)
	}
}
