package walk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tree makes files of the names, folders of those that end in a slash, and
// links of "name -> target", in a new folder.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	top := t.TempDir()
	grow(t, top, names...)
	return top
}

func grow(t testing.TB, top string, names ...string) {
	t.Helper()
	for _, name := range names {
		name, target, link := strings.Cut(name, " -> ")
		path := filepath.Join(top, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		switch {
		case link:
			err = errors.Join(err, os.Symlink(target, path))
		case strings.HasSuffix(name, "/"):
			err = errors.Join(err, os.MkdirAll(path, 0o700))
		default:
			err = errors.Join(err, os.WriteFile(path, []byte(name), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// found is the walk as lines "kind name", sorted, a fault's with its error.
func found(t testing.TB, tree Tree) []string {
	t.Helper()
	var all []string
	for e, err := range tree.Walk(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case File:
			all = append(all, "file "+e.Name)
			if got, err := os.Stat(e.Path); err != nil || !os.SameFile(got, e.Info) {
				t.Errorf("%s has the path %s: %v", e.Name, e.Path, err)
			}
		case Link:
			all = append(all, "link "+e.Name)
		case Skipped:
			all = append(all, "skipped "+e.Name)
		case Fault:
			all = append(all, fmt.Sprintf("fault %s: %v", e.Name, e.Err))
		}
	}
	slices.Sort(all)
	return all
}

func expect(t testing.TB, tree Tree, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := found(t, tree); !slices.Equal(got, want) {
		t.Errorf("found\n%q\nwant\n%q", got, want)
	}
}

func TestContentsOfFoldersAndFilesByTheirNames(t *testing.T) {
	top := tree(t, "a", "b/c", "b/d/e", "empty/", "other/x/y")
	grow(t, top, "via -> other/x")
	expect(t, Tree{Sources: []string{top + "/b", top + "/a", top + "/via"}},
		"file a", "file c", "file d/e", "file y")
	t.Chdir(top)
	for e := range (Tree{Sources: []string{"."}}).Walk(t.Context()) {
		if e.Kind == File && filepath.ToSlash(e.Path) != e.Name {
			t.Errorf("the path of %s in . is %s", e.Name, e.Path)
		}
	}
}

func TestLinksAreToldOrFollowed(t *testing.T) {
	top := tree(t, "in/a", "in/sub/b", "out/c")
	grow(t, top, "in/file -> a", "in/folder -> sub", "in/away -> ../out", "in/dangling -> nowhere", "in/up -> .", "in/sub/self -> self", "in/sub/back -> .")
	in := []string{top + "/in"}
	expect(t, Tree{Sources: in}, "file a", "file sub/b",
		"link file", "link folder", "link away", "link dangling", "link up", "link sub/self", "link sub/back")

	var loops, broken int
	got := found(t, Tree{Sources: in, Follow: true})
	files := slices.DeleteFunc(got, func(line string) bool {
		if strings.Contains(line, ErrLoop.Error()) {
			loops++
		} else if strings.Contains(line, "follow link") {
			broken++
		}
		return !strings.HasPrefix(line, "file")
	})
	if want := []string{"file a", "file away/c", "file file", "file folder/b", "file sub/b"}; !slices.Equal(files, want) {
		t.Errorf("followed to\n%q\nwant\n%q", files, want)
	}
	if loops != 3 || broken != 3 {
		t.Errorf("%d loops and %d broken links, want 3 (up, sub/back, folder/back) and 3 (dangling, sub/self, folder/self)", loops, broken)
	}
}

// A link to above the source leads into the source again, not by a link.
func TestLoopThroughAParentEnds(t *testing.T) {
	top := tree(t, "in/a", "beside")
	grow(t, top, "in/up -> ..")
	expect(t, Tree{Sources: []string{top + "/in"}, Follow: true}, "file a", "file up/beside",
		"fault up/in: "+ErrLoop.Error()+" to "+top+"/in")
}

func TestFoldersNotKeptAreNotEntered(t *testing.T) {
	top := tree(t, "a", "no/b", "no/deep/c", "yes/d", "yes/no")
	var asked []string
	keep := func(path, name string, isDir bool) bool {
		if path != filepath.Join(top, filepath.FromSlash(name)) {
			t.Errorf("Keep(%q, %q)", path, name)
		}
		asked = append(asked, name)
		return name != "no" && name != "yes/no"
	}
	expect(t, Tree{Sources: []string{top}, Keep: keep}, "file a", "file yes/d")
	slices.Sort(asked)
	if want := []string{"a", "no", "yes", "yes/d", "yes/no"}; !slices.Equal(asked, want) {
		t.Errorf("asked about %q, want %q", asked, want)
	}
}

func TestHostileNamesStopNothingElse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems refuse such names themselves")
	}
	long := strings.Repeat("x", 200)
	deep := strings.Repeat(long+"/", 6)
	top := tree(t, "good", "new\nline", "esc\x1b[2J/inside", "bad\xff", "caf\u00e9", deep+"file", " ", "-", "~", `back\slash`)
	got := found(t, Tree{Sources: []string{top}})
	want := []string{"good", "caf\u00e9", " ", "-", "~", `back\slash`}
	for _, name := range want {
		if !slices.Contains(got, "file "+name) {
			t.Errorf("%q was not found", name)
		}
	}
	if faults := len(got) - len(want); faults != 4 {
		t.Errorf("%d faults, want 4: %q", faults, got)
	}
}

func TestWhatIsNoFileIsAFault(t *testing.T) {
	top := tree(t, "a")
	makeFIFO(t, filepath.Join(top, "fifo"))
	expect(t, Tree{Sources: []string{top}}, "file a", "fault fifo: "+ErrKind.Error()+": it is a FIFO")
	if err := (Tree{Sources: []string{top + "/fifo"}}).Check(); !errors.Is(err, ErrKind) {
		t.Errorf("a FIFO as a source: %v", err)
	}
}

// Whatever vanishes or is closed while the walk is under way costs itself.
func TestFolderThatCannotBeReadIsAFault(t *testing.T) {
	top := tree(t, "a", "gone/b", "z/c")
	keep := func(path, name string, isDir bool) bool {
		if name == "gone" {
			if err := os.RemoveAll(path); err != nil {
				t.Error(err)
			}
		}
		return true
	}
	got := found(t, Tree{Sources: []string{top}, Keep: keep})
	if len(got) != 3 || !strings.HasPrefix(got[0], "fault gone: read folder: ") {
		t.Errorf("found %q", got)
	}
	if os.Geteuid() == 0 {
		return // root reads whatever its mode is
	}
	if err := os.Chmod(top+"/z", 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(top+"/z", 0o700)
	if got := found(t, Tree{Sources: []string{top}}); len(got) != 2 || !strings.HasPrefix(got[0], "fault z: ") {
		t.Errorf("found %q", got)
	}
}

// A folder exchanged for a link to elsewhere, between look and entry or while
// it is read, leads nowhere else.
func TestExchangedFolderLeadsNowhereElse(t *testing.T) {
	for _, c := range []struct{ at, target string }{{"sub", "../out"}, {"sub", "beside"}, {"sub/secret", "../out"}, {"sub/secret", "beside"}} {
		top := tree(t, "in/sub/secret", "in/beside/secret", "out/secret")
		keep := func(path, name string, isDir bool) bool {
			if name == c.at {
				sub := filepath.Join(top, "in", "sub")
				if err := errors.Join(os.Rename(sub, top+"/was"), os.Symlink(c.target, sub)); err != nil {
					t.Error(err)
				}
			}
			return true
		}
		for e, err := range (Tree{Sources: []string{top + "/in"}, Keep: keep}).Walk(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind != File || e.Name == "beside/secret" {
				continue
			}
			if f, err := e.Open(); !errors.Is(err, ErrExchanged) {
				t.Errorf("%+v: opened %v, %v", c, f, err)
			}
		}
	}
}

func TestOpenOpensWhatWasFound(t *testing.T) {
	top := tree(t, "a", "b")
	for e := range (Tree{Sources: []string{top}}).Walk(t.Context()) {
		f, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := os.Rename(e.Path, e.Path+"-was"); err != nil {
			t.Fatal(err)
		}
		makeFIFO(t, e.Path)
		if _, err := e.Open(); !errors.Is(err, ErrExchanged) {
			t.Errorf("opened a FIFO where a file was: %v", err)
		}
		break
	}
}

func TestSkippedFoldersAreToldAndNotEntered(t *testing.T) {
	top := tree(t, "a", "state/secret", "b/log")
	skip := []string{top + "/b/../state", top + "/b/log", top + "/missing"}
	expect(t, Tree{Sources: []string{top}, Skip: skip}, "file a", "skipped state", "skipped b/log")
	grow(t, top, "via -> state")
	expect(t, Tree{Sources: []string{top}, Skip: skip, Follow: true},
		"file a", "skipped state", "skipped b/log", "skipped via")
}

func TestNamesThatClashAreFaultsOfTheLater(t *testing.T) {
	top := tree(t, "one/a", "one/b/c", "one/no/d", "one/state/e", "one/log", "two/log", "two/a", "two/b/c", "two/b/new", "two/no/d", "two/state/e", "three/only", "three/kind/x")
	grow(t, top, "one/linked -> b", "two/linked/c", "one/kind -> a", "f/a")
	tree := Tree{
		Sources: []string{top + "/one", top + "/two", top + "/three", top + "/f/a"},
		Skip:    []string{top + "/one/state", top + "/one/log"},
		Keep: func(path, name string, isDir bool) bool {
			return path != filepath.Join(top, "one", "no")
		},
	}
	clash := func(name, source string) string {
		return fmt.Sprintf("fault %s: %v: %s is the other", name, ErrClash, filepath.Join(top, source, name))
	}
	expect(t, tree, "file a", "file b/c", "file b/new", "file no/d", "file state/e", "file linked/c", "file only", "file kind/x",
		"file log", "skipped log", "skipped state", "link linked", "link kind",
		clash("a", "one"), clash("b/c", "one"), clash("a", "one"))
}

// The first file comes out of a folder of any size at once, and nothing stays
// open when the consumer has enough, or ctx ends.
func TestWalkStopsWhereItIs(t *testing.T) {
	top := tree(t, "a/b/c/d/e")
	for i := range 3 * batch {
		grow(t, top, fmt.Sprintf("a/b/c/d/%d", i))
	}
	before := descriptors(t)
	asked := 0
	walk := Tree{Sources: []string{top}, Keep: func(string, string, bool) bool { asked++; return true }}
	for range walk.Walk(t.Context()) {
		break
	}
	if asked > 5 {
		t.Errorf("looked at %d entries for one", asked)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("enough")
	var last error
	for _, last = range walk.Walk(ctx) {
		cancel(why)
	}
	if last != why {
		t.Errorf("a cancelled walk ends with %v, want the cause", last)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// What is not to be sent may come to be while the walk is under way, as the
// list of receipts does.
func TestSkipsWhatComesLater(t *testing.T) {
	for _, follow := range []bool{false, true} {
		top := tree(t, "a", "later/x")
		var found []string
		for e, err := range (Tree{Sources: []string{top + "/a", top + "/later"}, Follow: follow, Skip: []string{top + "/later/roll"}}).Walk(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == File {
				found = append(found, e.Name)
			}
			if e.Name == "a" {
				grow(t, top, "later/roll", "later/link -> roll")
			}
		}
		if !slices.Equal(found, []string{"a", "x"}) {
			t.Errorf("follow %v: found %q", follow, found)
		}
	}
}
