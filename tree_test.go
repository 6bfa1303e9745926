package sealift_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/receipt"
)

// grow makes a folder of files, named by their paths, with their names as
// content, written a while ago.
func grow(t *testing.T, paths ...string) string {
	t.Helper()
	top := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for _, path := range paths {
		full := filepath.Join(top, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(path), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(full, old, old); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

// A woods is an Uploader of trees under a prefix of the test's own, and what
// was told of them.
type woods struct {
	*fixture
	*sealift.Uploader
	prefix string
	puts   *atomic.Int64 // requests that put

	mu     sync.Mutex
	events []sealift.Event
}

func plant(t *testing.T, change func(*sealift.Config)) *woods {
	t.Helper()
	f := start(t)
	w := &woods{fixture: f, prefix: key(t) + "/", puts: new(atomic.Int64)}
	c := sealift.Config{Credentials: f.prefixed(t, w.prefix), Region: f.Region, Endpoint: f.Endpoint, RootCAs: f.roots(t), KeepTrying: 5 * time.Second,
		Transport: puts{f.transport(t), w.puts},
		OnEvent: func(e sealift.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		}}
	if change != nil {
		change(&c)
	}
	w.Uploader = open(t, c)
	return w
}

// puts counts requests that change something.
type puts struct {
	next http.RoundTripper
	n    *atomic.Int64
}

func (p puts) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodHead && r.Method != http.MethodGet {
		p.n.Add(1)
	}
	return p.next.RoundTrip(r)
}

func (w *woods) tree(sources ...string) sealift.Tree {
	return sealift.Tree{Bucket: w.Bucket, Prefix: w.prefix, Sources: sources}
}

func (w *woods) send(t *testing.T, ctx context.Context, tree sealift.Tree) (sealift.Summary, error) {
	t.Helper()
	run, err := w.Start(ctx, tree)
	if err != nil {
		t.Fatal(err)
	}
	return run.Wait()
}

// told are the keys, without the prefix, that events of that type named.
func (w *woods) told(kind string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []string
	for _, e := range w.events {
		if e.Type == kind {
			keys = append(keys, strings.TrimPrefix(e.Key, w.prefix))
		}
	}
	slices.Sort(keys)
	return keys
}

func TestTreeIsStoredWhole(t *testing.T) {
	w := plant(t, nil)
	names := []string{"a.txt", "b/c.txt", "b/d/e é ü.txt", "*?$~%20+", "b/-x"}
	sum, err := w.send(t, t.Context(), w.tree(grow(t, names...)))
	if err != nil || sum.Stored != int64(len(names)) || sum.Failed+sum.Skipped+sum.Unreadable != 0 {
		t.Fatalf("got %+v, %v", sum, err)
	}
	for _, name := range names {
		if got := string(w.get(t, w.prefix+name)); got != name {
			t.Errorf("%s holds %q", name, got)
		}
	}
	slices.Sort(names)
	if got := w.told("stored"); !slices.Equal(got, names) {
		t.Errorf("told of %q", got)
	}
}

// Whoever steals the session can write under the prefix, and nowhere else.
func TestTreeNeedsNoMoreThanItsPrefix(t *testing.T) {
	w := plant(t, nil)
	w.sandboxOnly(t, "its keys may do everything")
	tree := w.tree(grow(t, "a"))
	tree.Prefix = "elsewhere/" + w.prefix
	sum, err := w.send(t, t.Context(), tree)
	if !errors.Is(err, sealift.ErrDenied) || sum.Failed != 1 {
		t.Errorf("got %+v, %v", sum, err)
	}
}

func TestOneBadFileStopsNoOther(t *testing.T) {
	w := plant(t, nil)
	top := grow(t, "a", "b", "c", "taken", "gone")
	w.put(t, w.prefix+"taken", "mine")
	if err := os.Symlink("nowhere", filepath.Join(top, "dangling")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("a", filepath.Join(top, "link")); err != nil {
		t.Skip(err)
	}
	tree := w.tree(top)
	tree.FollowSymlinks = true
	tree.Keep = func(path, name string, _ bool) bool {
		if name == "gone" {
			os.Remove(path) // looked at, but not there when its turn comes
		}
		return true
	}
	sum, err := w.send(t, t.Context(), tree)
	want := sealift.Summary{Stored: 4, Failed: 1, Unreadable: 2, Bytes: 4}
	if sum != want || !errors.Is(err, sealift.ErrExists) {
		t.Errorf("got %+v, %v, want %+v", sum, err, want)
	}
	if got := string(w.get(t, w.prefix+"taken")); got != "mine" {
		t.Errorf("what was there is now %q", got)
	}
	if got, want := w.told("failed"), []string{"dangling", "gone", "taken"}; !slices.Equal(got, want) {
		t.Errorf("failed were %q, want %q", got, want)
	}
}

func TestLinksArePassedOver(t *testing.T) {
	w := plant(t, nil)
	top := grow(t, "a")
	if err := os.Symlink("a", filepath.Join(top, "link")); err != nil {
		t.Skip(err)
	}
	sum, err := w.send(t, t.Context(), w.tree(top))
	if want := (sealift.Summary{Stored: 1, PassedOver: 1, Bytes: 1}); err != nil || sum != want {
		t.Errorf("got %+v, %v, want %+v", sum, err, want)
	}
}

// A file that is only unreadable makes the run ErrUnreadable, with the reason.
func TestUnreadableIsToldApart(t *testing.T) {
	w := plant(t, nil)
	top := grow(t, "a")
	if err := os.Symlink("nowhere", filepath.Join(top, "dangling")); err != nil {
		t.Skip(err)
	}
	tree := w.tree(top)
	tree.FollowSymlinks = true
	sum, err := w.send(t, t.Context(), tree)
	if sum.Stored != 1 || sum.Unreadable != 1 || !errors.Is(err, sealift.ErrUnreadable) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %+v, %v", sum, err)
	}
}

func TestTreesThatCannotWorkAreRefusedBeforeAnythingIsAsked(t *testing.T) {
	up := open(t, sealift.Config{Credentials: &silent{t}, Region: "us-east-1", Endpoint: "http://127.0.0.1:1", Transport: &silent{t}})
	top := grow(t, "a", "b/c")
	fine := func() sealift.Tree { return sealift.Tree{Bucket: "b", Prefix: "in/", Sources: []string{top}} }
	for name, change := range map[string]func(*sealift.Tree){
		"no bucket":  func(x *sealift.Tree) { x.Bucket = "" },
		"no sources": func(x *sealift.Tree) { x.Sources = nil },
		"missing":    func(x *sealift.Tree) { x.Sources = []string{filepath.Join(top, "nosuch")} },
		"overlap":    func(x *sealift.Tree) { x.Sources = []string{top, filepath.Join(top, "b")} },
		"own state":  func(x *sealift.Tree) { x.Skip = []string{top} },
		"bad prefix": func(x *sealift.Tree) { x.Prefix = "../" },
		"bad option": func(x *sealift.Tree) { x.Options.IfExists = "perhaps" },
		"too much to keep": func(x *sealift.Tree) {
			x.Options.Preserve, x.Options.Metadata = true, map[string]string{"a": strings.Repeat("x", 1990)}
		},
		"bad manifest": func(x *sealift.Tree) { x.Manifest = "a/../b" },
		"list of two": func(x *sealift.Tree) {
			x.Sources, x.Names = []string{top, t.TempDir()}, func(func(string, error) bool) {}
		},
	} {
		tree := fine()
		change(&tree)
		if _, err := up.Start(t.Context(), tree); !errors.Is(err, sealift.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := fine().Check(); err != nil {
		t.Error(err)
	}
}

// What rclone writes for the same file, it must read of ours.
func TestTimeAndModeAreKeptAsRcloneDoes(t *testing.T) {
	w := plant(t, nil)
	for _, c := range []struct {
		at    time.Time
		mode  fs.FileMode
		mtime string
		octal string
	}{
		{time.Unix(1700000000, 0), 0o640, "1700000000", "100640"},
		{time.Unix(1700000000, 120000000), 0o755, "1700000000.12", "100755"},
		{time.Unix(1700000000, 1), 0o600, "1700000000.000000001", "100600"},
		{time.Unix(-2, 500000000), 0o600, "-1.5", "100600"},
	} {
		top := grow(t, "f")
		path := filepath.Join(top, "f")
		if err := errors.Join(os.Chmod(path, c.mode), os.Chtimes(path, c.at, c.at)); err != nil {
			t.Fatal(err)
		}
		tree := w.tree(top)
		tree.Options.Preserve, tree.Options.IfExists = true, "overwrite"
		if sum, err := w.send(t, t.Context(), tree); err != nil {
			t.Fatal(sum, err)
		}
		k := w.prefix + "f"
		head, err := w.admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &w.Bucket, Key: &k})
		if err != nil {
			t.Fatal(err)
		}
		if head.Metadata["mtime"] != c.mtime || head.Metadata["mode"] != c.octal {
			t.Errorf("metadata is %v, want %s and %s", head.Metadata, c.mtime, c.octal)
		}
	}
}

// A time that rclone cannot read is not kept as another.
func TestTimeBeyondNanosecondsIsNotKept(t *testing.T) {
	w := plant(t, nil)
	top := grow(t, "f")
	path := filepath.Join(top, "f")
	if err := os.Chtimes(path, time.Time{}, time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Skip(err)
	}
	if info, err := os.Stat(path); err != nil || info.ModTime().Year() < 2300 {
		t.Skip("this file system has no such times")
	}
	tree := w.tree(top)
	tree.Options.Preserve = true
	if sum, err := w.send(t, t.Context(), tree); err != nil {
		t.Fatal(sum, err)
	}
	k := w.prefix + "f"
	head, err := w.admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &w.Bucket, Key: &k})
	if err != nil {
		t.Fatal(err)
	}
	if at, kept := head.Metadata["mtime"]; kept || head.Metadata["mode"] == "" {
		t.Errorf("metadata is %v, with the time %s", head.Metadata, at)
	}
}

// With a reader, "changed" sends a tree twice only where it changed.
func TestChangedSendsWhatChanged(t *testing.T) {

	w := plant(t, nil)
	f := w.fixture
	up := open(t, sealift.Config{Credentials: f.prefixed(t, w.prefix), Reader: f.reader(t), Region: f.Region, Endpoint: f.Endpoint,
		RootCAs: f.roots(t), Transport: puts{f.transport(t), w.puts}})
	w.Uploader = up
	top := grow(t, "a", "b", "c")
	tree := w.tree(top)
	tree.Options.Preserve, tree.Options.IfExists = true, "changed"
	for round, change := range []func() (stored int64){
		func() int64 { return 3 },
		func() int64 { return 0 },
		func() int64 { touch(t, top, "a", "A"); return 1 },
		func() int64 { touch(t, top, "b", "longer"); return 1 },
		func() int64 { return 0 },
	} {
		want := change()
		w.puts.Store(0)
		sum, err := w.send(t, t.Context(), tree)
		if err != nil || sum.Stored != want || sum.Skipped != 3-want || w.puts.Load() != want {
			t.Errorf("round %d: %+v, %v, %d puts, want %d", round, sum, err, w.puts.Load(), want)
		}
	}
	if got := string(w.get(t, w.prefix+"a")); got != "A" {
		t.Errorf("a holds %q", got)
	}
}

// knownAs knows every file as that object.
func knownAs(o receipt.Object) func(string, int64, time.Time) (receipt.Object, bool) {
	return func(string, int64, time.Time) (receipt.Object, bool) { return o, true }
}

func touch(t *testing.T, top, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Without a reader, S3 itself keeps "skip" from replacing anything.
func TestSkipLeavesWhatIsThere(t *testing.T) {
	w := plant(t, nil)
	w.put(t, w.prefix+"a", "mine")
	tree := w.tree(grow(t, "a", "b"))
	tree.Options.IfExists = "skip"
	sum, err := w.send(t, t.Context(), tree)
	if want := (sealift.Summary{Stored: 1, Skipped: 1, Bytes: 1}); err != nil || sum != want {
		t.Errorf("got %+v, %v, want %+v", sum, err, want)
	}
	if got := string(w.get(t, w.prefix+"a")); got != "mine" {
		t.Errorf("a holds %q", got)
	}
}

// A tree that is given up leaves nothing open, and says why it ended.
func TestCancelledTreeLeavesNothingOpen(t *testing.T) {
	w := plant(t, nil)
	top := grow(t, "a")
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(top, fmt.Sprint("big", i)), make([]byte, 40*mib), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	leave := errors.New("enough")
	tree := w.tree(top)
	run, err := w.Start(ctx, tree)
	if err != nil {
		t.Fatal(err)
	}
	for w.puts.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	cancel(leave)
	if sum, err := run.Wait(); !errors.Is(err, leave) {
		t.Errorf("got %+v, %v", sum, err)
	}
	for i := range 3 {
		if n := w.openUploads(t, w.prefix+fmt.Sprint("big", i)); n != 0 {
			t.Errorf("%d uploads of big%d are open", n, i)
		}
	}
}

// Where no file can fare better, the rest is not tried.
func TestHopelessTreeEndsSoon(t *testing.T) {
	w := plant(t, nil)
	w.sandboxOnly(t, "its keys may do everything, so nothing is hopeless")
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("f%03d", i))
	}
	tree := w.tree(grow(t, names...))
	tree.Prefix = "elsewhere/"
	sum, err := w.send(t, t.Context(), tree)
	if !errors.Is(err, sealift.ErrDenied) || sum.Failed > 200 {
		t.Errorf("got %+v, %v", sum, err)
	}
}
