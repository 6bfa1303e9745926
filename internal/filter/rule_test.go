package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// flags reads "-pattern" as --exclude and "+pattern" as --include.
func flags(text string) (rules []Rule) {
	for _, word := range strings.Fields(text) {
		rules = append(rules, Rule{Include: word[0] == '+', Pattern: word[1:]})
	}
	return rules
}

func compiledRules(t *testing.T, text string) []compiled {
	t.Helper()
	f, err := New(Options{Rules: flags(text)})
	if err != nil {
		t.Fatal(err)
	}
	return f.rules
}

func TestLastFlagThatMatchesDecides(t *testing.T) {
	for _, c := range []struct{ flags, in, out string }{
		{"", "a a/b", ""},
		{"-*", "", "a a/b a/b/c"},
		{"-* +*.txt", "a.txt a/b.txt", "a b.jpg a/b.jpg"},
		{"+*.txt -*", "", "a.txt a/b.txt"},
		{"+*.txt", "a.txt b.jpg", ""},
		{"-*.log +keep.log -*/keep.log", "keep.log", "a.log a/b.log a/keep.log"},
		{"-a/*", "b a", "a/b a/b/c"},
		{"-a", "a/b ba", "a"},
		{"-?.x", "aa.x", "a.x é.x"},
		{"-a?b", "a//b", "a/b axb"},
		{"-[a-c]1 -[!a-z]2 -[^x]3 -[]]4 -[[]5 -[!/]6", "d1 x2 a3 /6", "a1 _2 ^3 x3 ]4 [5 x6"},
		{"-[+-9]x", "ax", "/x 5x"},
		{`-\* -{a,b} -[\]x`, "* a b", `\a \ {a,b} \x`},
		{"-A*", "a", "A A/b"},
	} {
		rules := compiledRules(t, c.flags)
		for _, name := range strings.Fields(c.in) {
			if !kept(rules, name, false) {
				t.Errorf("%q leaves out %s", c.flags, name)
			}
		}
		for _, name := range strings.Fields(c.out) {
			if kept(rules, name, false) {
				t.Errorf("%q lets through %s", c.flags, name)
			}
		}
	}
}

func TestPatternsThatMatchNothingAreRefused(t *testing.T) {
	for _, pattern := range []string{"", "[", "a[b", "[]", "[!]", "[b-a]", "a/", "*/", "/a", "./a", "a/../b", "..", ".", "a/./b", "a\xff", "a\x00"} {
		_, err := New(Options{Rules: []Rule{{Pattern: "ok"}, {Pattern: pattern}}})
		if !errors.Is(err, ErrPattern) || !strings.Contains(err.Error(), strconv.Quote(pattern)) {
			t.Errorf("pattern %q: %v, want ErrPattern with its name", pattern, err)
		}
	}
}

func TestFoldersAreClosedWhenNothingInThemCanPass(t *testing.T) {
	for _, c := range []struct {
		flags, folder string
		closed        bool
	}{
		{"", "a", false},
		{"-*", "a", true},
		{"-a/*", "a", true},
		{"-a/*", "a/b", true},
		{"-a/*", "ab", false},
		{"-a*", "ab", true},
		{"-a", "a", false},
		{"-*/a/*", "a", false},
		{"-*/a/*", "x/a", true},
		{"-*.log", "a", false},
		{"-*.log", "a.log", false},
		{"-* +*.txt", "a", false},
		{"-* +a/*", "a", false},
		{"-* +a/*", "b", true},
		{"-* +a/b/c", "a", false},
		{"-* +a/b/c", "a/b", false},
		{"-* +a/b/c", "a/c", true},
		{"-* +a/b/c", "a/b/c/d", true},
		{"+a/* -*", "a", true},
		{"-* +a/* -a/no/*", "a/no", true},
		{"-* +[ab]/c", "z", false}, // not seen through, so entered
	} {
		if got := !kept(compiledRules(t, c.flags), c.folder, true); got != c.closed {
			t.Errorf("%q closes %s: %v, want %v", c.flags, c.folder, got, c.closed)
		}
	}
}

// Whatever the rules are, no file that passes lies in a folder that is closed.
func TestClosedFoldersHideNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	closed := 0
	for range 50_000 {
		var rules []compiled
		for range 1 + random.IntN(4) {
			c, err := Rule{random.IntN(2) == 0, pattern(random)}.compile()
			if err == nil {
				rules = append(rules, c)
			}
		}
		name := madeUpName(random) + "/" + madeUpName(random)
		for i := range name {
			if name[i] != '/' || kept(rules, name[:i], true) {
				continue
			}
			if closed++; kept(rules, name, false) {
				t.Fatalf("%+v close %s and keep %s", rules, name[:i], name)
			}
		}
	}
	if closed < 1000 {
		t.Errorf("%d folders were closed: too few to show anything", closed)
	}
}

func pattern(random *rand.Rand) string {
	tokens := []string{"a", "b", "a", "/", "/", "*", "*", "?", "[ab]", "[!a]", "[a-b/]", "[]a]", "[^b]", "[-a]", "[a-]", "[+-9]", "[a-b-c]", `\`, "{", "^", "-", "]", "é", "[à-ü]", "!", "[!!]", "**", "\n"}
	out := ""
	for range 1 + random.IntN(5) {
		out += tokens[random.IntN(len(tokens))]
	}
	return out
}

func madeUpName(random *rand.Rand) string {
	const letters = `aaabbb//-^]\{é5,!`
	all := []rune(letters)
	out := "a"
	for range random.IntN(5) {
		out += string(all[random.IntN(len(all))])
	}
	return strings.Trim(out, "/")
}

// The AWS CLI asks Python's fnmatch; so does this test.
func TestPatternsMeanWhatTheyMeanToTheAWSCLI(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed, and its fnmatch is what patterns are compared with")
	}
	type pair struct {
		Pattern, Name string
		ours          bool
	}
	random := rand.New(rand.NewPCG(5, 6))
	var pairs []pair
	matched := 0
	for len(pairs) < 20_000 {
		p := pattern(random)
		c, err := Rule{Pattern: p}.compile()
		if err != nil {
			continue
		}
		name := madeUpName(random)
		ours := c.glob.match(name)
		if pairs = append(pairs, pair{p, name, ours}); ours {
			matched++
		}
	}
	if matched < 500 {
		t.Fatalf("%d of the pairs match: too few to show anything", matched)
	}
	in, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c",
		"import fnmatch, json, sys\njson.dump([fnmatch.fnmatchcase(p['Name'], p['Pattern']) for p in json.load(sys.stdin)], sys.stdout)")
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirs []bool
	if err := json.Unmarshal(out, &theirs); err != nil || len(theirs) != len(pairs) {
		t.Fatalf("%d answers: %v", len(theirs), err)
	}
	for i, p := range pairs {
		if p.ours != theirs[i] {
			t.Errorf("%q matches %q: %v, to the AWS CLI %v", p.Pattern, p.Name, p.ours, theirs[i])
		}
	}
}
