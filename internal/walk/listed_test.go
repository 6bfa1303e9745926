package walk

import (
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func names(all ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range all {
			if !yield(name, nil) {
				return
			}
		}
	}
}

func TestOnlyListedNamesAreFound(t *testing.T) {
	top := tree(t, "a", "b/c", "b/d", "b/unlisted", "no/e", "no/f/g", "state/h", "new\nline")
	grow(t, top, "link -> a", "inner -> b", "away -> /etc/passwd")
	asked := []string{}
	tree := Tree{
		Sources: []string{top}, Skip: []string{top + "/state"},
		Names: names("./a", "b//c", "b/d", "missing", "b", ".", "no/e", "no/f/g", "state/h", "link", "inner/c", "away", "new\nline", "b/c"),
		Keep: func(path, name string, isDir bool) bool {
			if path != filepath.Join(top, name) {
				t.Errorf("Keep(%q, %q)", path, name)
			}
			if isDir {
				asked = append(asked, name)
			}
			return name != "no"
		},
	}
	got := found(t, tree)
	want := []string{"file a", "file b/c", "file b/c", "file b/d", "file inner/c", "link away", "link link", "skipped state/h"}
	faults := slices.DeleteFunc(slices.Clone(got), func(line string) bool { return !strings.HasPrefix(line, "fault") })
	if files := slices.DeleteFunc(got, func(line string) bool { return strings.HasPrefix(line, "fault") }); !slices.Equal(files, want) {
		t.Errorf("found\n%q\nwant\n%q", files, want)
	}
	if len(faults) != 4 { // missing, b, ., new\nline
		t.Errorf("faults %q", faults)
	}
	if want := []string{"b", "b", "no", "inner", "b"}; !slices.Equal(asked, want) {
		t.Errorf("asked about the folders %q, want %q: one that is shared with the name before is asked about once", asked, want)
	}
	if err := tree.CheckNames(t.Context()); err != nil {
		t.Errorf("CheckNames = %v", err)
	}
}

func TestNamesThatLeadOutEndTheWalk(t *testing.T) {
	top := tree(t, "in/a", "in/sub/b", "out/secret")
	grow(t, top, "in/away -> ../out", "in/absolute -> "+top+"/out", "in/file -> ../out/secret", "in/chain -> away")
	for _, c := range []struct {
		name   string
		follow bool
	}{
		{"../out/secret", false},
		{"sub/../../out/secret", false},
		{"sub/../a", false}, // leads nowhere, but whoever writes it means no good
		{"/etc/passwd", false},
		{top + "/in/a", false},
		{"away/secret", false},
		{"away/missing", false},
		{"absolute/secret", false},
		{"chain/secret", false},
		{"file", true},
		{"", false},
	} {
		tree := Tree{Sources: []string{top + "/in"}, Names: names("a", c.name, "sub/b"), Follow: c.follow}
		if err := tree.CheckNames(t.Context()); !errors.Is(err, ErrOutside) {
			t.Errorf("CheckNames(%q) = %v, want ErrOutside", c.name, err)
		}
		var got []string
		var last error
		for e, err := range tree.Walk(t.Context()) {
			if last = err; err == nil {
				got = append(got, e.Name)
			}
		}
		if !errors.Is(last, ErrOutside) || !slices.Equal(got, []string{"a"}) {
			t.Errorf("with %q found %q, %v", c.name, got, last)
		}
	}
}

func TestListNeedsOneFolder(t *testing.T) {
	top := tree(t, "a", "b/c", "d/e")
	for _, sources := range [][]string{{top + "/a"}, {top + "/b", top + "/d"}} {
		if err := (Tree{Sources: sources, Names: names("c")}).Check(); !errors.Is(err, ErrListed) {
			t.Errorf("Check(%q) = %v, want ErrListed", sources, err)
		}
	}
}

func TestBrokenListEndsTheWalk(t *testing.T) {
	top := tree(t, "a", "b")
	var last error
	for _, last = range (Tree{Sources: []string{top}, Names: Lines(strings.NewReader("a\nb\x00\n"))}).Walk(t.Context()) {
	}
	if !errors.Is(last, ErrMixed) {
		t.Errorf("the walk ends with %v, want ErrMixed", last)
	}
}
