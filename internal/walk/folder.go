package walk

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// batch is how many names of a folder are read at once.
const batch = 128

// maxName is the most bytes that a name may have: S3 takes no longer key. It
// also bounds how deep the walk goes, and so how many folders it holds open.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
// (read 2026-11-24).
const maxName = 1024

// A folder is one that the walk is in.
type folder struct {
	Entry
	handle *os.Root
	up     *folder // the one it was met in, nil for a source
	alike  alike
}

// folder yields what is in d, and closes its handle.
func (w *walker) folder(ctx context.Context, d *folder) bool {
	defer d.handle.Close()
	if err := d.check(); err != nil {
		return w.fault(d.Entry, err)
	}
	list, err := d.handle.Open(".")
	if err != nil {
		return w.fault(d.Entry, fmt.Errorf("read folder: %w", cause(err)))
	}
	defer list.Close()
	for {
		names, err := list.Readdirnames(batch)
		for _, base := range names {
			if !w.ended(ctx) || !w.entry(ctx, d, base) {
				return false
			}
		}
		if err == io.EOF {
			return true
		}
		if err != nil {
			return w.fault(d.Entry, fmt.Errorf("read folder: %w", cause(err)))
		}
	}
}

// check refuses a folder that is not the one that was looked at, and one that
// the walk is in already.
func (d *folder) check() error {
	info, err := d.handle.Stat(".")
	if err != nil {
		return fmt.Errorf("read folder: %w", cause(err))
	}
	if !os.SameFile(info, d.Info) {
		return ErrExchanged
	}
	for up := d.up; up != nil; up = up.up {
		if os.SameFile(info, up.Info) {
			return fmt.Errorf("%w to %s", ErrLoop, up.Path)
		}
	}
	return nil
}

// look looks at what d has by that name, through a link if links are followed.
// Where there is nothing the entry has no Info, where a link leads nowhere that
// of the link.
func (w *walker) look(d *folder, base string) (e Entry, link bool, err error) {
	e = Entry{Path: join(d.Path, base), Name: base}
	if d.Name != "" {
		e.Name = d.Name + "/" + base
	}
	info, err := d.handle.Lstat(base)
	if err != nil {
		return e, false, cause(err)
	}
	e.Info, link = info, info.Mode()&fs.ModeSymlink != 0
	if link && w.tree.Follow {
		if info, err = os.Stat(e.Path); err != nil {
			return e, link, fmt.Errorf("follow link: %w", cause(err))
		}
		e.Info = info
	}
	return e, link, nil
}

// entry yields what d has by that name.
func (w *walker) entry(ctx context.Context, d *folder, base string) bool {
	e, link, err := w.look(d, base)
	if e.Info == nil {
		return w.fault(e, err)
	}
	if !w.keep(e) {
		return true
	}
	switch {
	case err != nil:
		return w.fault(e, err)
	case link && !w.tree.Follow:
		e.Kind = Link
		return w.yield(e, nil)
	}
	if err := checkName(e.Name); err != nil {
		return w.fault(e, err)
	}
	if err := w.twin(ctx, d, base); err != nil {
		return w.ended(ctx) && w.fault(e, err)
	}
	if e.Info.IsDir() {
		return w.enter(ctx, d, e, base, link)
	}
	return w.file(e)
}

// enter goes into the folder e, which d has by the name base.
func (w *walker) enter(ctx context.Context, d *folder, e Entry, base string, link bool) bool {
	if w.skips(e.Path, e.Info) {
		e.Kind = Skipped
		return w.yield(e, nil)
	}
	open := func() (*os.Root, error) { return d.handle.OpenRoot(base) }
	if link {
		open = func() (*os.Root, error) { return os.OpenRoot(e.Path) }
	}
	handle, err := open()
	if err != nil {
		return w.fault(e, fmt.Errorf("read folder: %w", cause(err)))
	}
	return w.folder(ctx, &folder{Entry: e, handle: handle, up: d})
}

// cause is the reason of a path error without its path: the entry has one.
func cause(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

// join is filepath.Join without its cleaning, which would change where a path
// through links leads.
func join(dir, base string) string {
	switch {
	case dir == ".":
		return base
	case os.IsPathSeparator(dir[len(dir)-1]):
		return dir + base
	case strings.HasSuffix(dir, ":") && filepath.VolumeName(dir) == dir:
		return dir + base // C: is the current folder of that drive
	}
	return dir + string(filepath.Separator) + base
}

func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("%w: it has %d bytes, S3 takes %d", ErrName, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8", ErrName)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%w: it has a control character", ErrName)
	}
	return nil
}
