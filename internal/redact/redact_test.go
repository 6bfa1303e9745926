package redact_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sealift/sealift/internal/redact"
)

const canary = "canary-7f3a"

type holder struct {
	Shown  redact.Secret
	hidden redact.Secret
	inner  struct{ s redact.Secret }
	list   []redact.Secret
	byName map[string]redact.Secret
}

func TestSecretShowsNowhere(t *testing.T) {
	s := redact.NewSecret(canary)
	h := holder{Shown: s, hidden: s, list: []redact.Secret{s}, byName: map[string]redact.Secret{"a": s}}
	h.inner.s = s
	var b bytes.Buffer
	for _, v := range []any{s, &s, h, &h, []any{s}, map[string]any{"x": h}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
			fmt.Fprintf(&b, strings.ReplaceAll(verb, "%T ", "")+"\n", v)
		}
		text, _ := json.Marshal(v)
		b.Write(text)
		text, _ = xml.Marshal(v)
		b.Write(text)
		for _, handler := range []slog.Handler{
			slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}),
			slog.NewJSONHandler(&b, nil)} {
			slog.New(handler).InfoContext(context.Background(), "m", "v", v)
		}
	}
	fmt.Fprintln(&b, fmt.Errorf("x: %v", s), errors.New(s.String()), s.GoString())
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), strconv.Quote(canary)} {
		if strings.Contains(b.String(), form) {
			t.Errorf("%s shows in\n%s", form, b.String())
		}
	}
	if got := s.Reveal(); got != canary {
		t.Errorf("Reveal gives %q", got)
	}
	if s.Empty() || !(redact.Secret{}).Empty() || (redact.Secret{}).Reveal() != "" {
		t.Error("Empty does not tell empty secrets")
	}
}

func TestEscapeLeavesOrdinaryTextAlone(t *testing.T) {
	for _, s := range []string{
		"", "big.iso", "s3://bucket/in/Übergröße 写真.iso", `C:\files\big.iso`, "a \"quoted\" word", "\uFFFD", "🚀", "e\u0301",
	} {
		if got := redact.Escape(s); got != s {
			t.Errorf("Escape(%q) = %s", s, got)
		}
	}
}

func TestEscapeShowsWhatHides(t *testing.T) {
	for s, want := range map[string]string{
		"a\nb":             `"a\nb"`,
		"a\tb\r":           `"a\tb\r"`,
		"\x1b[2Jgone":      `"\x1b[2Jgone"`,
		"\u009b31m":        `"\u009b31m"`,
		"\x9b31m":          `"\x9b31m"`,
		"gpj.\u202eexe":    `"gpj.\u202eexe"`,
		"a\u200bb\u2066":   `"a\u200bb\u2066"`,
		"\U000e0041":       `"\U000e0041"`,
		"a\u00a0b":         `"a\u00a0b"`,
		"\u3164":           `"\u3164"`,
		"bad\xff\xfe":      `"bad\xff\xfe"`,
		"\x7f\x00":         `"\x7f\x00"`,
		`"quoted"`:         `"\"quoted\""`,
		"back\\slash\nend": `"back\\slash\nend"`,
		"\u2028":           `"\u2028"`,
	} {
		if got := redact.Escape(s); got != want {
			t.Errorf("Escape(%q) = %s, want %s", s, got, want)
		}
	}
}

// Escaped text must be printable, on one line, and reversible.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b]0;x\a", "\u202e", `"a"`, `a\n`, "\xc3\x28", "\xed\xa0\x80", "\U0010ffff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := redact.Escape(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Escape(%q) = %q is not UTF-8", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
				t.Errorf("Escape(%q) = %q holds %U", s, got, r)
			}
		}
		back := got
		if strings.HasPrefix(got, `"`) {
			var err error
			if back, err = strconv.Unquote(got); err != nil {
				t.Fatalf("unquote %s: %v", got, err)
			}
		}
		if back != s {
			t.Errorf("got %q back, want %q", back, s)
		}
	})
}

func TestErrorsLoseTheQueriesOfURLs(t *testing.T) {
	inner := &url.Error{Op: "Put", URL: "https://u:" + canary + "@b.s3.amazonaws.com/k?X-Amz-Signature=" + canary + "#" + canary, Err: fs.ErrNotExist}
	for _, err := range []error{inner, fmt.Errorf("upload: %w", inner), &url.Error{Op: "Get", URL: "http://x/", Err: inner},
		errors.New(`dial "http://x/y?t=` + canary + `": refused`)} {
		got := redact.Error(err)
		if strings.Contains(got.Error(), canary) {
			t.Errorf("got %v", got)
		}
		if errors.Is(err, fs.ErrNotExist) != errors.Is(got, fs.ErrNotExist) {
			t.Errorf("%v lost its cause", got)
		}
	}
	if got, want := redact.Error(inner).Error(), `Put "https://b.s3.amazonaws.com/k": file does not exist`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if plain := errors.New("what? no"); redact.Error(plain) != plain || redact.Error(nil) != nil {
		t.Error("an error without URLs changed")
	}
}

func FuzzURLs(f *testing.F) {
	f.Add("https://a/b?c=", "d")
	f.Fuzz(func(t *testing.T, before, after string) {
		const sign = "signature0123456789"
		text := before + "https://host/path?x=" + sign + " " + after
		if got := redact.URLs(text); strings.Count(got, sign) > strings.Count(before+after, sign) {
			t.Errorf("URLs(%q) = %q", text, got)
		}
	})
}
