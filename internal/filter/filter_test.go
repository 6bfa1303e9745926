package filter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
)

func filtering(t testing.TB, o Options) *Filter {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFlagsAndIgnoreFilesMustBothLetThrough(t *testing.T) {
	top := t.TempDir()
	for _, name := range []string{"a.txt", "a.log", "b.txt", "d/a.txt"} {
		write(t, top, name, "")
	}
	write(t, top, IgnoreName, "*.log\n")
	write(t, top, "d/"+IgnoreName, "!*.log\na.txt\n")
	global := filepath.Join(t.TempDir(), "global")
	write(t, filepath.Dir(global), "global", "b.txt\n"+IgnoreName)
	got := walked(t, top, Options{Rules: flags("-* +*.log +a.txt +d/*"), IgnoreFile: global})
	if want := []string{"a.txt"}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
}

// Who names a file means it; but --exclude is said about what is named, too.
func TestNamedFilesAreKeptWhateverIgnoreFilesSay(t *testing.T) {
	top := t.TempDir()
	write(t, top, IgnoreName, "*")
	named, other := filepath.Join(top, "a.log"), filepath.Join(top, "b.log")
	f := filtering(t, Options{Files: []string{other, named}, Rules: flags("-b*")})
	for _, c := range []struct {
		path, name string
		want       bool
	}{{named, "a.log", true}, {other, "b.log", false}, {filepath.Join(top, "c.log"), "c.log", false}} {
		if got := f.Keep(c.path, c.name, false); got != c.want {
			t.Errorf("Keep(%s) = %v, want %v", c.name, got, c.want)
		}
	}
}

// A folder whose rules cannot be known might hold what they leave out.
func TestFolderWithAnUnreadableIgnoreFileIsClosedAndTold(t *testing.T) {
	for about, spoil := range map[string]func(path string) error{
		"a folder":              func(p string) error { return os.Mkdir(p, 0o700) },
		"not text":              func(p string) error { return os.WriteFile(p, []byte("\xff\xfea\x00"), 0o600) },
		"a bad pattern":         func(p string) error { return os.WriteFile(p, []byte("ok\n[a\n"), 0o600) },
		"a backslash":           func(p string) error { return os.WriteFile(p, []byte(`a\`), 0o600) },
		"an unknown class":      func(p string) error { return os.WriteFile(p, []byte("[[:letter:]]"), 0o600) },
		"a set of nothing":      func(p string) error { return os.WriteFile(p, []byte("a[/]b"), 0o600) },
		"too large":             func(p string) error { return os.WriteFile(p, make([]byte, maxIgnore+1), 0o600) },
		"a link to nowhere":     func(p string) error { return os.Symlink("nowhere", p) },
		"a link to itself":      func(p string) error { return os.Symlink(IgnoreName, p) },
		"a device":              func(p string) error { return os.Symlink(os.DevNull, p) },
		"a range the wrong way": func(p string) error { return os.WriteFile(p, []byte("[z-a]"), 0o600) },
	} {
		t.Run(about, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.HasPrefix(about, "a link") {
				t.Skip("links need a right there")
			}
			top := t.TempDir()
			write(t, top, "good/x", "")
			write(t, top, "bad/sub/x", "")
			bad := filepath.Join(top, "bad", IgnoreName)
			if err := spoil(bad); err != nil {
				t.Fatal(err)
			}
			var told []string
			f := filtering(t, Options{OnError: func(path string, err error) {
				told = append(told, path)
				if !strings.Contains(err.Error(), path) {
					t.Errorf("%v does not name %s", err, path)
				}
			}})
			keep := func(name string, isDir bool) bool {
				return f.Keep(filepath.Join(top, filepath.FromSlash(name)), name, isDir)
			}
			for name, want := range map[string]bool{"bad/x": false, "bad/sub/x": false, "good/x": true} {
				if got := keep(name, false); got != want {
					t.Errorf("Keep(%s) = %v, want %v", name, got, want)
				}
			}
			if keep("bad/sub", true) || !keep("bad", true) || !keep("good", true) {
				t.Error("the wrong folder is closed")
			}
			if len(told) == 0 || slices.ContainsFunc(told, func(p string) bool { return p != bad }) {
				t.Errorf("told of %q, want %s", told, bad)
			}
			if _, err := New(Options{IgnoreFile: bad}); err == nil {
				t.Error("as --ignore-file it is accepted")
			}
		})
	}
	if _, err := New(Options{IgnoreFile: filepath.Join(t.TempDir(), "missing")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing --ignore-file: %v", err)
	}
}

// The walk asks out of order about names that two sources have.
func TestAnswersDoNotDependOnTheOrder(t *testing.T) {
	tops := []string{t.TempDir(), t.TempDir()}
	write(t, tops[0], IgnoreName, "/x\n")
	write(t, tops[0], "a/b/"+IgnoreName, "y\n!x\n")
	write(t, tops[1], "a/"+IgnoreName, "x\n")
	names := []string{"x", "a/x", "a/y", "a/b/x", "a/b/y", "a/bc/y", "a/b/c/y", "x/a"}
	want := map[string]bool{}
	for _, top := range tops {
		for _, name := range names {
			want[top+"/"+name] = filtering(t, Options{}).Keep(top+"/"+name, name, false)
		}
	}
	f := filtering(t, Options{})
	for i := range 1000 {
		top, name := tops[i*7%11%2], names[i*i%13%len(names)]
		if got := f.Keep(top+"/"+name, name, false); got != want[top+"/"+name] {
			t.Fatalf("Keep(%s) is %v after %d others, and %v alone", name, got, i, !got)
		}
		if len(f.levels) > 4 {
			t.Fatalf("%d levels are held for %s", len(f.levels), name)
		}
	}
	if want[tops[0]+"/x"] || !want[tops[0]+"/a/b/x"] || want[tops[0]+"/a/b/c/y"] || want[tops[1]+"/a/b/x"] || !want[tops[1]+"/x"] {
		t.Errorf("wrong answers: %v", want)
	}
}

func TestSourceIsTheWorkingFolderOrTheTop(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, ".", IgnoreName, "no\n")
	f := filtering(t, Options{})
	if f.Keep("no", "no", false) || !f.Keep("yes", "yes", false) || f.Keep(filepath.Join("a", "no"), "a/no", false) {
		t.Error("rules of the working folder are not heard")
	}
	if !f.Keep(string(filepath.Separator)+"no", "no", false) {
		t.Error("rules of the working folder are heard at the top")
	}
}

// Names are more than bytes here: a ? and a set take é for one.
func TestCharactersAreWhole(t *testing.T) {
	rules, err := parseIgnore([]byte("?\n[à-ü]x\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"é": true, "éx": true, "éé": false, "zx": false} {
		if says, _ := judge(rules, name, false); says != want {
			t.Errorf("%s is ignored: %v, want %v", name, says, want)
		}
	}
}

// What a line means to this package is always a pattern to doublestar, and the
// quick ways agree with it.
func FuzzPatterns(f *testing.F) {
	f.Add("*.log", "a.log")
	f.Add("!/a/**/[[:alpha:]-]\\ ", "a/b/c ")
	f.Add("[]-a\\]]*?{", "]x{")
	f.Fuzz(func(t *testing.T, line, name string) {
		var globs []glob
		if rules, err := parseIgnore([]byte(line)); err == nil {
			judge(rules, name, true)
			for _, r := range rules {
				if globs = append(globs, r.glob); r.glob.kind == tail && (!r.base || strings.Contains(name, "/")) {
					globs = globs[:len(globs)-1]
				}
			}
		}
		if c, err := (Rule{Pattern: line}).compile(); err == nil {
			globs = append(globs, c.glob)
			kept([]compiled{c}, name, true)
		}
		for _, g := range globs {
			if !doublestar.ValidatePattern(g.pattern) {
				t.Errorf("%q became %q, which is no pattern", line, g.pattern)
			}
			slow := g
			slow.kind = wild
			if name == "" || !fs.ValidPath(name) || strings.Contains(name, veil) {
				continue
			}
			if fast, slow := g.match(name), slow.match(name); fast != slow {
				t.Errorf("%q on %q: %v, and %v by %q", line, name, fast, slow, g.pattern)
			}
		}
	})
}

func BenchmarkKeep(b *testing.B) {
	top := b.TempDir()
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "name%d\n*.ext%d\n/dir%d/*.x\n", i, i, i)
	}
	if err := os.WriteFile(filepath.Join(top, IgnoreName), []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	f := filtering(b, Options{Rules: flags("-* +*.dat -tmp/*")})
	path := filepath.Join(top, "some-file.dat")
	b.ReportAllocs()
	for b.Loop() {
		if !f.Keep(path, "some-file.dat", false) {
			b.Fatal("not kept")
		}
	}
}
