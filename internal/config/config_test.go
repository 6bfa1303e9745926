package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sealift/sealift/internal/config"
)

// list is a flag that may be repeated.
type list []string

func (l *list) Set(s string) error { *l = append(*l, s); return nil }
func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Type() string       { return "list" }
func (l *list) Clone() pflag.Value { return new(list) }

type values struct {
	region string
	parts  int
	quiet  bool
	tags   list
}

func flags(v *values) *pflag.FlagSet {
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.StringVar(&v.region, "region", "built-in", "")
	f.IntVar(&v.parts, "part-count", 1, "")
	f.BoolVar(&v.quiet, "quiet", false, "")
	f.Var(&v.tags, "tags", "")
	return f
}

var settings = []string{"region", "part-count", "quiet", "tags"}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func layers(t *testing.T, env map[string]string, user, system string) config.Layers {
	t.Helper()
	u, err := config.ReadUser(write(t, user), settings)
	if err != nil {
		t.Fatal(err)
	}
	s, err := config.ReadSystem(write(t, system), settings)
	if err != nil {
		t.Fatal(err)
	}
	return config.Layers{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, User: u, System: s}
}

func TestTheStrongestLayerWins(t *testing.T) {
	env, user, system := map[string]string{"SEALIFT_REGION": "env"}, `region = "user"`, `region = "system"`
	for _, c := range []struct {
		want         string
		args         []string
		env          map[string]string
		user, system string
	}{
		{"flag", []string{"--region=flag"}, env, user, system},
		{"env", nil, env, user, system},
		{"user", nil, nil, user, system},
		{"system", nil, nil, "", system},
		{"built-in", nil, nil, "", ""},
		{"user", nil, map[string]string{"SEALIFT_REGION": ""}, user, system},
	} {
		var v values
		f := flags(&v)
		if err := f.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		if err := layers(t, c.env, c.user, c.system).Apply(f); err != nil {
			t.Fatal(err)
		}
		if v.region != c.want {
			t.Errorf("got %s, want %s", v.region, c.want)
		}
	}
}

func TestEveryKindOfValueIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		user string
	}{
		"list":        {nil, "part-count = 7\nquiet = true\ntags = ['a=1', 'b=2']"},
		"table":       {nil, "part-count = '7'\nquiet = true\n[tags]\na = '1'\nb = '2'"},
		"environment": {map[string]string{"SEALIFT_PART_COUNT": "7", "SEALIFT_QUIET": "1", "SEALIFT_TAGS": "a=1\nb=2"}, ""},
	} {
		var v values
		f := flags(&v)
		if err := layers(t, c.env, c.user, "").Apply(f); err != nil {
			t.Fatal(err)
		}
		if v.parts != 7 || !v.quiet || !slices.Equal(v.tags, []string{"a=1", "b=2"}) {
			t.Errorf("%s: got %+v", name, v)
		}
	}
}

func TestLockedSettingsTakeNoOtherValue(t *testing.T) {
	const system = "locked = ['region', 'tags', 'quiet']\nregion = 'eu'\ntags = ['a=1']\n"
	for _, c := range []struct {
		by   string // "" when it is allowed
		args []string
		env  map[string]string
		user string
	}{
		{by: ""},
		{by: "", args: []string{"--region=eu", "--tags=a=1", "--quiet=false"}},
		{by: "", env: map[string]string{"SEALIFT_REGION": "eu"}},
		{by: "", user: "region = 'eu'"},
		{by: "", args: []string{"--part-count=3"}},
		{by: "--region", args: []string{"--region=us"}},
		{by: "--tags", args: []string{"--tags=a=2"}},
		{by: "--quiet", args: []string{"--quiet"}},
		{by: "SEALIFT_REGION", env: map[string]string{"SEALIFT_REGION": "us"}},
		{by: "SEALIFT_QUIET", env: map[string]string{"SEALIFT_QUIET": "true"}},
		{by: "line 2", user: "\nregion = 'us'"},
	} {
		var v values
		f := flags(&v)
		if err := f.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		l := layers(t, c.env, c.user, system)
		err := l.Apply(f)
		locked, refused := errors.AsType[*config.LockedError](err)
		switch {
		case refused != (c.by != ""):
			t.Errorf("%+v: got %v", c, err)
		case refused && (!strings.Contains(locked.By, c.by) || locked.File != l.System.Path):
			t.Errorf("got %v, want it to name %q and %s", err, c.by, l.System.Path)
		case !refused && (v.region != "eu" || v.tags.String() != "a=1" || v.quiet):
			t.Errorf("%+v: got %+v", c, v)
		}
	}
}

func TestFaultsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"region = 'a'\n\ncolour = 'b'\n", `line 3: unknown setting "colour"`},
		{"[tags]\na = '1'\n\n[regoin]\nb = '2'\n", `line 4: unknown setting "regoin"`},
		{"region = 'a'\nregion 'b'\n", "line 2: "},
		{"region = 1.5\n", "line 1: region: neither text"},
		{"tags = [['a']]\n", "line 1: tags: a list holds texts"},
		{"locked = ['region']\n", "line 1: only the system's file may lock"},
	} {
		path := write(t, c.text)
		_, err := config.ReadUser(path, settings)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v, want %s", c.text, err, c.want)
		}
	}
	_, err := config.ReadSystem(write(t, "\nlocked = ['regoin']"), settings)
	if err == nil || !strings.Contains(err.Error(), `line 2: locked: unknown setting "regoin"`) {
		t.Errorf("got %v", err)
	}
	var v values
	err = layers(t, nil, "\npart-count = 'seven'", "").Apply(flags(&v))
	if bad, ok := errors.AsType[*config.ValueError](err); !ok || !strings.HasSuffix(bad.From, "line 2") {
		t.Errorf("got %v", err)
	}
	err = layers(t, map[string]string{"SEALIFT_QUIET": "maybe"}, "", "").Apply(flags(&v))
	if err == nil || err.Error() != `SEALIFT_QUIET: quiet "maybe": give true or false` {
		t.Errorf("got %v", err)
	}
	err = layers(t, map[string]string{"SEALIFT_PART_COUNT": "x"}, "", "").Apply(flags(&v))
	if bad, ok := errors.AsType[*config.ValueError](err); !ok || bad.From != "SEALIFT_PART_COUNT" {
		t.Errorf("got %v", err)
	}
}

func TestAMissingFileIsEmptyAndAFolderIsAFault(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "none.toml")} {
		if f, err := config.ReadUser(path, settings); err != nil || f.Path != "" {
			t.Errorf("got %+v, %v", f, err)
		}
	}
	if _, err := config.ReadSystem(t.TempDir(), settings); err == nil {
		t.Error("a folder was read")
	}
}

// No file, however odd, makes reading panic, and what is read has a line.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"region = 'a'", "[tags]\na='1'", "locked=[]", "a.b = 1", "[[x]]", "\xff", "region = '''\nregion = 1'''"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "c")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = config.ReadUser(path, settings)
		_, _ = config.ReadSystem(path, settings)
	})
}
