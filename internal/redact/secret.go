// Package redact keeps secrets out of everything that is printed, and makes
// text from outside safe to print.
//
// A [Secret] prints as its own absence whatever is done with it; only Reveal
// gives the value. [Escape] is the one function that text from outside (names,
// keys, answers of servers) passes before a terminal, a log line or a
// notification. The package imports the standard library only.
package redact

import (
	"fmt"
	"log/slog"
)

// hidden stands where a secret would.
const hidden = "[redacted]"

// A Secret is a string that no formatting, marshalling or logging shows. The
// zero value is the empty secret.
//
// The string sits behind a pointer, because fmt does not call the methods of
// values in unexported fields and would print what they hold.
type Secret struct {
	value *string
}

// NewSecret hides s.
func NewSecret(s string) Secret { return Secret{&s} }

// Reveal is the value. Call it where the value is used, and nowhere earlier.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty tells whether there is nothing to hide.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String does not show the value.
func (s Secret) String() string { return hidden }

// GoString does not show the value.
func (s Secret) GoString() string { return hidden }

// Format does not show the value, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// MarshalText does not show the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON does not show the value.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// LogValue does not show the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
