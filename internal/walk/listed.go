package walk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// CheckNames reads all of Tree.Names before anything is sent, and returns the
// first that leads out of the source (ErrOutside), or what Names yields. Names
// that are merely missing, or no files, are faults of the walk. A list that can
// be read only once, as from a pipe, is checked by the walk, name by name.
func (t Tree) CheckNames(ctx context.Context) error {
	if len(t.Sources) != 1 {
		return fmt.Errorf("%w to take them from", ErrListed)
	}
	handle, err := os.OpenRoot(t.Sources[0])
	if err != nil {
		return err
	}
	defer handle.Close()
	for raw, err := range t.Names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if _, err := t.find(handle, raw); err != nil {
			return err
		}
	}
	return nil
}

// listed yields the files of the folder r that Tree.Names names.
func (w *walker) listed(ctx context.Context, r root) {
	handle, err := os.OpenRoot(r.path)
	if err != nil {
		w.yield(Entry{}, err)
		return
	}
	defer handle.Close()
	var way []step
	for raw, err := range w.tree.Names {
		if !w.ended(ctx) {
			return
		}
		var e Entry
		if err == nil {
			e, err = w.tree.find(handle, raw)
		}
		if err != nil {
			w.yield(Entry{}, err)
			return
		}
		way = w.along(ctx, handle, way, e.Name)
		if !w.named(ctx, handle, e, way) {
			return
		}
	}
}

// find looks at what a list names, through the folder's handle, which no link
// leaves. The entry's Err is why it could not be looked at; an error is
// ErrOutside.
func (t Tree) find(handle *os.Root, raw string) (e Entry, err error) {
	if e.Name, err = cleanName(raw); err != nil {
		return e, err
	}
	e.Path = join(t.Sources[0], filepath.FromSlash(e.Name))
	e.Info, e.Err = handle.Lstat(e.Name)
	if e.Err == nil && e.Info.Mode()&fs.ModeSymlink != 0 && t.Follow {
		e.Info, e.Err = handle.Stat(e.Name)
	}
	if e.Err != nil && leaves(t.Sources[0], e.Name) {
		return e, outside(raw, "a link")
	}
	return e, nil
}

// named yields the entry of a listed name, found along that way; its Err is
// why it could not be looked at.
func (w *walker) named(ctx context.Context, handle *os.Root, e Entry, way []step) bool {
	if n := len(way); n > 0 && way[n-1].end == unwanted {
		return true
	} else if n > 0 && way[n-1].end == Skipped {
		e.Kind, e.Err = Skipped, nil
		return w.yield(e, nil)
	} else if n > 0 && way[n-1].end == Fault {
		return w.ended(ctx) && w.fault(e, way[n-1].err)
	}
	if e.Err != nil {
		return w.fault(e, cause(e.Err))
	}
	if e.Name != "." && !w.keep(e) {
		return true
	}
	if e.Info.Mode()&fs.ModeSymlink != 0 {
		e.Kind = Link
		return w.yield(e, nil)
	}
	if err := checkName(e.Name); err != nil {
		return w.fault(e, err)
	}
	if err := w.listedTwin(ctx, handle, e.Name); err != nil {
		return w.ended(ctx) && w.fault(e, err)
	}
	return w.file(e)
}

// A step is a folder on the way to a listed name.
type step struct {
	name string
	end  Kind  // of what is in it: File goes on, the others do not
	err  error // why it is a Fault
}

// unwanted is what Tree.Keep does not let through.
const unwanted Kind = -1

// along returns the way to name; as much of the way to the name before it as
// both share is not asked about again.
func (w *walker) along(ctx context.Context, handle *os.Root, before []step, name string) []step {
	way := before[:0]
	for i := range name {
		if name[i] != '/' {
			continue
		}
		if n := len(way); n < len(before) && before[n].name == name[:i] {
			way = before[:n+1]
			continue
		}
		s := step{name: name[:i]}
		if n := len(way); n > 0 && way[n-1].end != File {
			s.end, s.err = way[n-1].end, way[n-1].err
		} else {
			s.end, s.err = w.passes(ctx, handle, s.name)
		}
		way = append(way, s)
	}
	return way
}

// passes says whether the walk passes through the folder of that name, and why
// it is a Fault.
func (w *walker) passes(ctx context.Context, handle *os.Root, name string) (Kind, error) {
	at := join(w.roots[0].path, filepath.FromSlash(name))
	if info, err := os.Stat(at); err == nil && w.skips(at, info) {
		return Skipped, nil
	}
	if w.tree.Keep != nil && !w.tree.Keep(at, name, true) {
		return unwanted, nil
	}
	if err := w.listedTwin(ctx, handle, name); errors.Is(err, ErrForms) {
		return Fault, err
	}
	return File, nil // what cannot be read, the entry itself tells
}

// cleanName is a listed name as the walk would say it. Only what cannot lead
// out of the folder passes; "." passes, and is a folder.
func cleanName(raw string) (string, error) {
	name := filepath.ToSlash(raw)
	for element := range strings.SplitSeq(name, "/") {
		if element == ".." {
			return "", outside(raw, "..")
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", outside(raw, "an absolute path or a device")
	}
	return path.Clean(name), nil
}

func outside(name, through string) error {
	return fmt.Errorf("%w: %q, by %s", ErrOutside, name, through)
}

// leaves reports whether the path of name, or the folder it is in, really lies
// outside the source. What cannot be resolved lies nowhere.
func leaves(source, name string) bool {
	top, err := filepath.EvalSymlinks(source)
	if err != nil {
		return false
	}
	for ; name != "."; name = path.Dir(name) {
		real, err := filepath.EvalSymlinks(filepath.Join(top, filepath.FromSlash(name)))
		if err == nil {
			rel, err := filepath.Rel(top, real)
			return err != nil || !filepath.IsLocal(rel)
		}
	}
	return false
}
