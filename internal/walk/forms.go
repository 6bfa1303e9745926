package walk

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// mostForms is how many names of a folder are compared in one reading of it, in
// 8 bytes each. A folder that has more is read as often as that takes.
const mostForms = 1 << 17

// alike says which names of one folder look the same as another's there. It is
// found out when the first is met that could.
type alike struct {
	known bool
	forms []uint64 // hashes of the forms that two entries have, sorted
	err   error    // why that is not known
}

// twin is why an entry of d is not to be sent: ErrForms if d has another entry
// that is sent by a name that looks the same as base.
func (w *walker) twin(ctx context.Context, d *folder, base string) error {
	if w.tree.Form == nil || plain(base) {
		return nil
	}
	if !d.alike.known {
		d.alike.forms, d.alike.err = w.twins(ctx, d)
		d.alike.known = true
	}
	if d.alike.err != nil {
		return fmt.Errorf("read folder: %w", cause(d.alike.err))
	}
	if _, twice := slices.BinarySearch(d.alike.forms, w.hash(base)); twice {
		return fmt.Errorf("%w: its folder has another spelling of it too", ErrForms)
	}
	return nil
}

// twins are the hashes of forms that two entries of d or more have that are
// sent, sorted. It reads the folder twice where some have, and its memory grows
// with those alone.
func (w *walker) twins(ctx context.Context, d *folder) ([]uint64, error) {
	w.sieve.twice = nil
	for again := true; again; again = w.sieve.again() {
		err := d.names(ctx, func(base string) {
			if !plain(base) {
				w.sieve.add(w.hash(base))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	forms := w.sieve.twice
	if len(forms) == 0 {
		return nil, nil
	}
	sent := make([]uint8, len(forms))
	err := d.names(ctx, func(base string) {
		if plain(base) {
			return
		}
		if i, twice := slices.BinarySearch(forms, w.hash(base)); twice && w.sends(d, base) {
			sent[i] = min(sent[i]+1, 2)
		}
	})
	kept := forms[:0]
	for i, form := range forms {
		if sent[i] == 2 {
			kept = append(kept, form)
		}
	}
	return kept, err
}

func (w *walker) hash(base string) uint64 { return maphash.String(w.seed, w.tree.Form(base)) }

// sends reports whether what d has by that name is to be sent.
func (w *walker) sends(d *folder, base string) bool {
	e, _, err := w.look(d, base)
	return err == nil && (e.Info.IsDir() || e.Info.Mode().IsRegular()) && !w.skips(e.Path, e.Info) && checkName(e.Name) == nil && w.keep(e)
}

// names calls do with the name of each entry of d.
func (d *folder) names(ctx context.Context, do func(base string)) error {
	list, err := d.handle.Open(".")
	if err != nil {
		return err
	}
	defer list.Close()
	for {
		names, err := list.Readdirnames(batch)
		for _, base := range names {
			do(base)
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
}

// plain reports whether no other name looks the same: it is ASCII, and without
// the three characters of that which are the normal forms of others.
//
// Source: UnicodeData.txt of Unicode 16: U+037E is ;, U+1FEF is `, U+212A is K.
func plain(base string) bool { return isASCII(base) && !strings.ContainsAny(base, "K;`") }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// mostAsked is how many folders of a list's names are known at a time.
const mostAsked = 256

// listedTwin does for a name of a list what twin does for a folder's.
func (w *walker) listedTwin(ctx context.Context, handle *os.Root, name string) error {
	if w.tree.Form == nil || plain(path.Base(name)) {
		return nil
	}
	dir := path.Dir(name)
	d, known := w.asked[dir]
	if !known {
		at, err := handle.OpenRoot(dir)
		if err != nil {
			return fmt.Errorf("read folder: %w", cause(err))
		}
		defer at.Close()
		d = &folder{Entry: Entry{Path: w.roots[0].path}, handle: at}
		if dir != "." {
			d.Entry = Entry{Path: join(d.Path, filepath.FromSlash(dir)), Name: dir}
		}
		if len(w.asked) >= mostAsked {
			clear(w.asked)
		}
		w.asked[dir] = d
	}
	return w.twin(ctx, d, path.Base(name))
}
