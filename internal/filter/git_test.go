package filter

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sealift/sealift/internal/walk"
)

// git lists the files of the tree that its own rules let through.
func git(t *testing.T, top, ignoreFile string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "-c", "core.quotePath=false", "ls-files", "-z", "--others",
		"--exclude-per-directory="+IgnoreName, "--exclude-from="+ignoreFile)
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(out) == 0 {
		all = nil
	}
	slices.Sort(all)
	return all
}

// walked are the names that a walk of the tree finds with these options.
func walked(t *testing.T, top string, o Options) []string {
	t.Helper()
	o.OnError = func(path string, err error) { t.Errorf("%s: %v", path, err) }
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for e, err := range (walk.Tree{Sources: []string{top}, Keep: f.Keep, Skip: []string{filepath.Join(top, ".git")}}).Walk(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == walk.File {
			all = append(all, e.Name)
		}
	}
	slices.Sort(all)
	return all
}

// repository is a folder with files of those names that git looks after.
func repository(t *testing.T, names ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, and it is what the rules are compared with")
	}
	top := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", top).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range names {
		write(t, top, name, "")
	}
	return top
}

func write(t *testing.T, top, name, text string) {
	t.Helper()
	path := filepath.Join(top, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestIgnoreFilesMeanWhatTheyMeanToGit(t *testing.T) {
	for _, c := range []struct{ about, rules, nested, names string }{
		{"a name is met anywhere", "foo", "", "foo a/foo a/b/foo foobar a/foob"},
		{"a slash anchors", "/foo\nb/c", "", "foo a/foo b/c a/b/c"},
		{"a slash at the end means folders", "foo/\nc", "", "foo a/foo/x b/foo/y/z c/d"},
		{"the last rule that matches decides", "*.log\n!keep.log\nkeep.*", "", "a.log keep.log keep.txt"},
		{"a rule is taken back", "*.log\n!keep.log", "", "a.log keep.log a/keep.log"},
		{"nothing comes back from an ignored folder", "a/\n!a/keep\n!keep", "", "a/keep a/b/keep b/keep"},
		{"what is in a folder can come back", "a/*\n!a/keep", "", "a/keep a/x a/b/keep"},
		{"deeper files are heard first", "*.log\nx", "!keep.log\n/x", "keep.log a/keep.log a/other.log a/x a/b/x a/y"},
		{"a deeper file cannot open its own folder", "a", "!*", "a/x b"},
		{"a deeper file is anchored in its folder", "", "/b\nc/d\n/a", "b a/b a/e/b a/c/d c/d a/f/c/d a/a"},
		{"stars", "*.c\n/d/*.x\ne*f\n/g/*", "", "a.c b/a.c d/y.x d/z/y.x ef eef e/f exf g/h g/i/j"},
		{"double stars", "**/foo\nx/**\na/**/z\n**/m/n", "", "foo a/foo x/y x/w/z xx/y a/z a/b/z a/b/c/z b/a/z m/n p/m/n"},
		{"double stars in a segment are one", "/a**b\n/c/x**", "", "ab axb a/b c/xy c/x/y"},
		{"all but", "/*\n!/a\n/a/*\n!/a/b", "", "x a/x a/b a/b2 c/d"},
		{"everything", "*\n!*.txt\n!*/", "", "a.txt b.c d/e.txt d/f.c"},
		{"question marks and sets", "?.a\n[bc].d\n[!b].e\n[^b].f\n[]x].g\n[a-c]z\n[[:digit:]].h\n[-z].i", "", "x.a xx.a b.d a.d b.e a.e b.f a.f ].g x.g y.g bz dz 1.h a.h -.i z.i a.i"},
		{"sets hold no slash", "/a[!x]b\n/c[+-9]d\ne[x/]f", "", "a/b ayb c/d c5d c,d e/f exf"},
		{"escapes", "\\#a\n\\!b\n\\*c\n\\[d]\n[\\]]e\nf\\\\g", "", "#a !b *c xc [d] d ]e f\\g"},
		{"comments and emptiness", "# a\n\n   \n#b\n!\n/\n!/", "", "a #b b"},
		{"spaces at the end", "a  \nb\\ \nc\\  \nd\\\\ ", "", "a|a  |b|b |c|c |c  |d|d\\|d\\ "},
		{"spaces elsewhere and tabs", " e\nf g\nh\t\n i", "", "e| e|f|f g|h|h\t|i| i"},
		{"braces are themselves", "{a,b}\nx{1}", "", "a b {a,b} x1 x{1}"},
		{"lines of Windows, a mark at the start", "\ufefffoo\r\n*.log \r\n", "", "foo a.log b"},
		{"no newline at the end", "a\nb", "", "a b c"},
		{"slashes in plenty", "//a\nb//\nc//d", "", "a b/x c/d"},
		{"other scripts", "é\n日*\n*ü", "", "é éx zx 日本 aü"},
		{"the ignore file is a file", IgnoreName, "", "a"},
	} {
		t.Run(c.about, func(t *testing.T) {
			names := strings.Fields(c.names)
			if strings.Contains(c.names, "|") {
				names = strings.Split(c.names, "|")
			}
			top := repository(t, names...)
			write(t, top, IgnoreName, c.rules)
			if c.nested != "" {
				write(t, top, "a/"+IgnoreName, c.nested)
			}
			if got, want := walked(t, top, Options{}), git(t, top, os.DevNull); !slices.Equal(got, want) {
				t.Errorf("rules %q, in a %q:\nkept %q\n git %q", c.rules, c.nested, got, want)
			}
		})
	}
}

// Made-up rules over a tree of names that they are likely to hit.
func TestMadeUpIgnoreFilesMeanWhatTheyMeanToGit(t *testing.T) {
	elements := []string{"a", "b", "ab", "abc", "b.c", "[a]", "!a", "#b", "a b", `a\b`, "{a,b}", "aa"}
	var names []string
	for i, x := range elements {
		names = append(names, "f"+x, "a/"+x+"f", "ab/"+x+"/"+elements[(i+1)%len(elements)], "a/b/c/"+x, "b/a/"+x)
	}
	top := repository(t, names...)
	global := filepath.Join(t.TempDir(), "global")
	rounds := 250
	if testing.Short() {
		rounds = 60
	}
	random := rand.New(rand.NewPCG(1, 2))
	hidden := 0
	for range rounds {
		files := map[string]string{global: madeUp(random, random.IntN(3))}
		for _, dir := range []string{".", "a", "a/b", "ab"} {
			files[filepath.Join(top, dir, IgnoreName)] = madeUp(random, random.IntN(5))
		}
		for path, text := range files {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want := git(t, top, global)
		if hidden += len(names) + 4 - len(want); t.Failed() {
			break
		}
		if got := walked(t, top, Options{IgnoreFile: global}); !slices.Equal(got, want) {
			t.Errorf("rules %q\nkept %q\n git %q", files, difference(got, want), difference(want, got))
		}
	}
	if most := rounds * (len(names) + 4); hidden < most/10 || hidden > most*9/10 {
		t.Errorf("the rules hide %d of %d files: they show little", hidden, most)
	}
}

// madeUp is an ignore file of n rules that this package accepts.
func madeUp(random *rand.Rand, n int) string {
	tokens := []string{"a", "a", "b", "b", "c", "f", "ab", "*", "*", "?", "/", "/", "**", "**/", "/**", "/**/", "[ab]", "[!a]", "[^b-z]", "[[:alpha:]]", "[]a]", "[!]]", `\a`, `\*`, `\\`, "!", "#", " ", ".", "{a,b}"}
	var out bytes.Buffer
	for n > 0 {
		line := ""
		if random.IntN(4) == 0 {
			line = "!"
		}
		for range 1 + random.IntN(4) {
			line += tokens[random.IntN(len(tokens))]
		}
		if _, err := parseIgnore([]byte(line)); err != nil || glued(line) {
			continue
		}
		out.WriteString(line + "\n")
		n--
	}
	return out.String()
}

// glued is true of a line in which more than one star follows or precedes
// something other than a slash. gitignore(5) takes those for one star; git
// itself has its ways with some of them.
func glued(line string) bool {
	line = strings.TrimRight(strings.Trim(line, "!"), " ")
	for i := strings.Index(line, "**"); i >= 0; {
		end := i + len(line[i:]) - len(strings.TrimLeft(line[i:], "*"))
		if i > 0 && line[i-1] != '/' || end < len(line) && line[end] != '/' || end-i > 2 {
			return true
		}
		next := strings.Index(line[end:], "**")
		if next < 0 {
			return false
		}
		i = end + next
	}
	return false
}

func difference(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
