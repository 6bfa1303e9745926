package cli

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestPairsAreReadAsTheAWSCLIDoes(t *testing.T) {
	for _, c := range []struct {
		parse func(string) (map[string]string, error)
		text  string
		want  map[string]string // nil = refused
	}{
		{commaPairs, "a=1", map[string]string{"a": "1"}},
		{commaPairs, "A=1,b=2", map[string]string{"a": "1", "b": "2"}},
		{commaPairs, "note=hello, world,b=", map[string]string{"note": "hello, world", "b": ""}},
		{commaPairs, "a=b=c", map[string]string{"a": "b=c"}},
		{commaPairs, "a", nil},
		{commaPairs, "=a", nil},
		{commaPairs, "a=1,A=2", nil},
		{queryPairs, "a=1&b=x%20y%26z", map[string]string{"a": "1", "b": "x y&z"}},
		{queryPairs, "a=1&a=2", nil},
		{queryPairs, "%zz", nil},
		{onePair, "a=1,b=2", map[string]string{"a": "1,b=2"}},
		{onePair, "a", nil},
	} {
		got, err := c.parse(c.text)
		if (err != nil) != (c.want == nil) || !maps.Equal(got, c.want) {
			t.Errorf("%q: got %v, %v, want %v", c.text, got, err, c.want)
		}
	}
	p := pairs{parse: onePair}
	if p.Set("a=1") != nil || p.Set("b=2") != nil || p.Set("a=3") == nil || p.String() != "a=1,b=2" {
		t.Errorf("repeated: %v", p.of)
	}
}

func TestSizesAndNumbers(t *testing.T) {
	for text, want := range map[string]size{"auto": 0, "8MiB": 8 << 20, "16MB": 16 << 20, "16mb": 16 << 20, "6000KB": 6000 << 10, "8M": 8 << 20, "1.5GB": 3 << 29, "5242880": 5 << 20, "5242880B": 5 << 20, "5 GiB": 5 << 30} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%s: got %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "8MiBs", "8MIIB", "MB", "B", "-8MB", "1e30", "9999999PB", "99999999999999999999", "NaN"} {
		if new(size).Set(text) == nil {
			t.Errorf("size %q is taken", text)
		}
	}
	for _, text := range []string{"", "0", "-1", "1001", "x", "1.5"} {
		if new(number).Set(text) == nil {
			t.Errorf("number %q is taken", text)
		}
	}
}

// A time is written as Go does or in seconds as AWS does, within its bounds.
func TestTimes(t *testing.T) {
	var got time.Duration
	s := span{to: &got, least: time.Second, most: 12 * time.Hour, give: "a time"}
	for text, want := range map[string]time.Duration{"1h": time.Hour, "3600": time.Hour, "1h30m": 90 * time.Minute, "43200": 12 * time.Hour, "1s": time.Second} {
		if err := s.Set(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "-1h", "13h", "43201", "1 hour", "1e3", "99999999999999999999", "9223372036854775807", "NaN"} {
		if s.Set(text) == nil {
			t.Errorf("%q is taken, as %v", text, got)
		}
	}
}

// Every flag has a meaning, starts without a capital and ends without a stop.
func TestFlagsAreExplainedAlike(t *testing.T) {
	for _, cmd := range (App{}).root(&Streams{}).Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			_, usage := pflag.UnquoteUsage(f)
			if usage == "" || strings.HasSuffix(usage, ".") {
				t.Errorf("%s --%s: %q", cmd.Name(), f.Name, usage)
			}
		})
		if cmd.Example == "" && cmd.Name() != "help" {
			t.Errorf("%s has no example", cmd.Name())
		}
	}
}

// JSON on a terminal hides nothing, and stays the same JSON.
func TestJSONIsSafeOnATerminal(t *testing.T) {
	for _, want := range []string{"plain", "Übergröße 写真 🚀", "\u009b31m", "gpj.\u202eexe", "\U000e0041", "\u2028", "\x1b[2J\x7f", `"quoted" \ back`} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		safe := plain(text)
		for _, r := range string(safe) {
			if !strconv.IsPrint(r) {
				t.Errorf("%q holds %U", safe, r)
			}
		}
		var got string
		if err := json.Unmarshal(safe, &got); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", safe, got, err, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"part-sise", "part-size", 1}, {"region", "regoin", 2}, {"abc", "xyz", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// No text makes reading pairs panic, and what is read can be read again.
func FuzzPairs(f *testing.F) {
	for _, s := range []string{"a=1,b=2", "=", ",", "a=,=b", "%=&", "a=1&b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = onePair(text)
		_, _ = queryPairs(text)
		got, err := commaPairs(text)
		for name := range got {
			if err == nil && name == "" {
				t.Errorf("%q has an empty name", text)
			}
		}
	})
}

// Whatever is given as an encryption context, what is taken comes out again.
func FuzzEncryptionContext(f *testing.F) {
	f.Add(`{"team":"x"}`)
	f.Add("eyJhIjoiYiJ9")
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		var c, again encryptionContext
		if c.Set(text) != nil {
			return
		}
		if len(c.of) == 0 || again.Set(c.String()) != nil || !maps.Equal(c.of, again.of) {
			t.Errorf("%q is %v, and again %v", text, c.of, again.of)
		}
	})
}

func TestDatesOfTheAWSCLIAreTaken(t *testing.T) {
	want := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{"2027-01-31", "2027-01-31T00:00:00Z", "2027-01-31T01:00:00+01:00", "2027-01-31T00:00:00.000", "2027-01-31 00:00:00", "Sun, 31 Jan 2027 00:00:00 GMT", "1801353600"} {
		var m moment
		if err := m.Set(text); err != nil || !m.at.Equal(want) {
			t.Errorf("%q is %v, %v", text, m.at, err)
		}
	}
	for _, text := range []string{"tomorrow", "31.1.2027", "-1", "2027-13-01", "99999999999999"} {
		var m moment
		if err := m.Set(text); err == nil {
			t.Errorf("%q is %v", text, m.at)
		}
	}
}
