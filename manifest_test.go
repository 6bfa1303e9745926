package sealift_test

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/receipt"
)

var update = flag.Bool("update", false, "write golden files anew")

// What a manifest looks like is a promise: a golden file holds it.
func TestManifestIsTheGoldenOne(t *testing.T) {
	w := plant(t, nil)
	tree := w.tree(grow(t, "a.txt"))
	tree.Manifest, tree.Options.SourceHash = w.prefix+"manifest.jsonl", "sha256"
	sum, err := w.send(t, t.Context(), tree)
	if err != nil || sum.Stored != 1 || sum.Manifest == nil || sum.Manifest.Object.Key != tree.Manifest {
		t.Fatalf("got %+v, %v", sum, err)
	}
	got := strings.NewReplacer(w.Run(), "RUN", w.Bucket, "BUCKET", w.prefix, "PREFIX/").Replace(string(w.get(t, tree.Manifest)))
	const golden = "testdata/manifest.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("got\n%s\nwant\n%s (%v)", got, want, err)
	}
}

// A manifest says that all is there: it must not appear unless it is.
func TestManifestComesOnlyWhenAllIsStored(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*woods, *sealift.Tree)
		fails  bool
	}{
		"one fails":                {func(w *woods, _ *sealift.Tree) { w.put(t, w.prefix+"b", "taken") }, true},
		"one is of unknown bytes":  {func(w *woods, x *sealift.Tree) { w.put(t, w.prefix+"b", "taken"); x.Options.IfExists = "skip" }, true},
		"its key is one of a file": {func(w *woods, x *sealift.Tree) { x.Manifest = w.prefix + "b" }, true},
		"its key is taken":         {func(w *woods, x *sealift.Tree) { w.put(t, x.Manifest, "older") }, true},
		"all is well":              {func(*woods, *sealift.Tree) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := plant(t, nil)
			tree := w.tree(grow(t, "a", "b"))
			tree.Manifest = w.prefix + "m"
			c.change(w, &tree)
			sum, err := w.send(t, t.Context(), tree)
			if (err != nil) != c.fails || (sum.Manifest == nil) != c.fails {
				t.Errorf("got %+v, %v", sum, err)
			}
			if got := string(w.get(t, w.prefix+"m")); c.fails && strings.HasPrefix(got, `{"version"`) {
				t.Errorf("there is a manifest:\n%s", got)
			}
		})
	}
}

// What is known to be there is listed with what is known of it.
func TestManifestListsWhatIsKnown(t *testing.T) {
	w := plant(t, nil)
	first := w.tree(grow(t, "a"))
	if _, err := w.send(t, t.Context(), first); err != nil {
		t.Fatal(err)
	}
	again := first
	again.Manifest = w.prefix + "m"
	again.Known = knownAs(receipt.Object{Size: 1, Checksum: receipt.Checksum{Algorithm: "CRC64NVME", Type: "FULL_OBJECT", Value: "AAAAAAAAAAA="}})
	sum, err := w.send(t, t.Context(), again)
	if err != nil || sum.Skipped != 1 || sum.Stored != 0 {
		t.Fatalf("got %+v, %v", sum, err)
	}
	if got := string(w.get(t, again.Manifest)); !strings.Contains(got, `"value":"AAAAAAAAAAA="},"sha256":null}`) || !strings.HasSuffix(got, "{\"objects\":1,\"bytes\":1}\n") {
		t.Errorf("it is\n%s", got)
	}
	again.Manifest += "2"
	again.Known = knownAs(receipt.Object{})
	if sum, err := w.send(t, t.Context(), again); err == nil || sum.Manifest != nil || errors.Is(err, sealift.ErrExists) {
		t.Errorf("without a sum: %+v, %v", sum, err)
	}
}

// A file that would be where the manifest is to be is told at once, though it
// is known to be stored.
func TestFileUnderTheManifestsKeyClashes(t *testing.T) {
	for name, known := range map[string]func(string, int64, time.Time) (receipt.Object, bool){
		"known": knownAs(receipt.Object{Size: 1, Checksum: receipt.Checksum{Algorithm: "CRC64NVME", Type: "FULL_OBJECT", Value: "AAAAAAAAAAA="}}),
		"new":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := plant(t, nil)
			tree := w.tree(grow(t, "a", "m"))
			tree.Manifest, tree.Known = w.prefix+"m", known
			sum, err := w.send(t, t.Context(), tree)
			if sum.Unreadable != 1 || sum.Stored+sum.Skipped != 1 || sum.Manifest != nil || !errors.Is(err, sealift.ErrUnreadable) {
				t.Errorf("got %+v, %v", sum, err)
			}
			if got := w.told("failed"); !slices.Equal(got, []string{"m"}) {
				t.Errorf("told of %q", got)
			}
		})
	}
}

// Where somebody may look, a taken key is found before anything is sent.
func TestTakenManifestIsFoundFirst(t *testing.T) {
	w := plant(t, nil)
	f := w.fixture
	w.Uploader = open(t, sealift.Config{Credentials: f.prefixed(t, w.prefix), Reader: f.reader(t), Region: f.Region, Endpoint: f.Endpoint,
		RootCAs: f.roots(t), Transport: puts{f.transport(t), w.puts}})
	tree := w.tree(grow(t, "a", "b"))
	tree.Manifest, tree.Options.IfExists = w.prefix+"m", "overwrite"
	w.put(t, tree.Manifest, "older")
	sum, err := w.send(t, t.Context(), tree)
	if !errors.Is(err, sealift.ErrExists) || !strings.Contains(err.Error(), "m: ") || sum != (sealift.Summary{}) || w.puts.Load() != 0 {
		t.Errorf("got %+v, %v, %d puts", sum, err, w.puts.Load())
	}
	tree.Manifest += "2"
	if sum, err := w.send(t, t.Context(), tree); err != nil || sum.Manifest == nil || sum.Stored != 2 {
		t.Errorf("another key: %+v, %v", sum, err)
	}
}
