package walk

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestSourcesThatCannotBeTogetherAreRefused(t *testing.T) {
	top := tree(t, "d/f", "d/e/g", "h/f", "state/journal/x", "de/f2")
	grow(t, top, "link -> d", "file -> d/f", "into -> d/e", "dangling -> nowhere", "h/other -> ../de/f2")
	t.Chdir(top)
	for _, c := range []struct {
		sources string
		want    error
		names   string // that the error holds
	}{
		{"d h", nil, ""},
		{"d de", nil, ""}, // a prefix of the text is no parent
		{"d/f de/f2", nil, ""},
		{"file", nil, ""},
		{"missing", fs.ErrNotExist, "missing"},
		{"d dangling", fs.ErrNotExist, "dangling"},
		{"d d", ErrOverlap, "d and d"},
		{"d h ./d/", ErrOverlap, "d and ./d/"},
		{"d d/e/..", ErrOverlap, "d and d/e/.."},
		{"d link", ErrOverlap, "d and link"},
		{"d d/e", ErrOverlap, "d/e is inside d"},
		{"d/e d", ErrOverlap, "d/e is inside d"},
		{"d into", ErrOverlap, "into is inside d"},
		{"d/f d", ErrOverlap, "d/f is inside d"},
		{"file d", ErrOverlap, "file is inside d"},
		{"d .", ErrOverlap, "d is inside ."},
		{top + " d", ErrOverlap, "d is inside " + top},
		{"/ d", ErrOverlap, "d is inside /"},
		{"d/f ./d/f", ErrOverlap, "d/f and ./d/f"},
		{"d/f file", ErrOverlap, "d/f and file"},
		{"h/other de/f2", ErrOverlap, "h/other and de/f2"},
		{"d/f h/f", ErrClash, "d/f and h/f"},
		{"state", ErrSkipped, "state"},
		{"h state/journal", ErrSkipped, "state/journal"},
		{"state/journal/x", ErrSkipped, "state/journal/x"},
	} {
		err := Tree{Sources: strings.Fields(c.sources), Skip: []string{"h/../state"}}.Check()
		if !errors.Is(err, c.want) || (err != nil && !strings.Contains(err.Error(), c.names)) {
			t.Errorf("Check(%s) = %v, want %v naming %q", c.sources, err, c.want, c.names)
		}
	}
	if err := (Tree{}).Check(); err == nil {
		t.Error("no sources pass")
	}
	if err := (Tree{Sources: []string{""}}).Check(); err == nil {
		t.Error("a source without a name passes")
	}
}

func TestHardLinksAreTwoFiles(t *testing.T) {
	top := tree(t, "a")
	if err := os.Link(top+"/a", top+"/b"); err != nil {
		t.Skip(err)
	}
	if err := (Tree{Sources: []string{top + "/a", top + "/b"}}).Check(); err != nil {
		t.Error(err)
	}
}

// Names that differ in case are one file or two: the file system says.
func TestCaseIsTheFileSystems(t *testing.T) {
	top := tree(t, "f", "F")
	f, err := os.Stat(top + "/f")
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.Stat(top + "/F")
	if err != nil {
		t.Fatal(err)
	}
	err = Tree{Sources: []string{top + "/f", top + "/F"}}.Check()
	if one := os.SameFile(f, other); one != errors.Is(err, ErrOverlap) || !one && err != nil {
		t.Errorf("Check = %v, and they are one file: %v", err, one)
	}
}

// Walk must not send what Check refuses.
func TestWalkBeginsWithTheCheck(t *testing.T) {
	top := tree(t, "d/e/f")
	n := 0
	for e, err := range (Tree{Sources: []string{top, top + "/d"}}).Walk(t.Context()) {
		if n++; n > 1 || !errors.Is(err, ErrOverlap) {
			t.Errorf("found %v, %v", e, err)
		}
	}
	if n != 1 {
		t.Errorf("%d entries", n)
	}
}
