// Package walk finds the files of a run: sources named on a command line, what
// is in those that are folders, or what a list names.
//
// It promises that memory does not grow with the tree: a folder is read in
// batches, nothing is sorted or remembered, and the next file is looked for
// only when the caller asks for it. What cannot be sent is told, bound to its
// path, and stops nothing else. What is found under one folder was looked at
// through that folder's descriptor, so that a folder exchanged for a link while
// it is read leads nowhere else; Entry.Open refuses a file that is not the one
// that was looked at.
//
// It reads no file, starts no goroutine, knows neither keys nor prefixes, and
// imports the standard library alone.
package walk

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Errors by what a caller can do about them, wrapped with the paths.
var (
	ErrOverlap   = errors.New("sources overlap")                  // one is another, or lies inside it
	ErrClash     = errors.New("two sources have one name")        // both would be one object
	ErrSkipped   = errors.New("source is not to be sent")         // it is one of Tree.Skip, or inside one
	ErrOutside   = errors.New("name leads out of the source")     // a list's name: absolute, with .., or through a link
	ErrListed    = errors.New("a list of names needs one folder") // Tree.Names beside other sources
	ErrKind      = errors.New("not a regular file")               // FIFO, socket, device; in a list also a folder
	ErrName      = errors.New("name cannot be a key")             // not UTF-8, control characters, over maxName bytes
	ErrForms     = errors.New("two names that look the same")     // by Tree.Form, in one folder
	ErrLoop      = errors.New("link leads back")                  // to a folder that it lies in
	ErrExchanged = errors.New("another file than was found")      // since it was looked at
)

// A Tree says what is to be found.
type Tree struct {
	// Sources are files and folders, as the user gave them. A file is called by
	// its last element, what is in a folder by its path from that folder. A
	// source that is a link is followed.
	Sources []string

	// Names, unless nil, are the only files wanted of the one folder that
	// Sources then has: relative paths, slash-separated. A leading ./ is
	// dropped. A folder among them is a fault: its files are to be named. A
	// name that comes twice is found twice.
	Names iter.Seq2[string, error]

	// Follow goes through links that are met on the way, also where they lead
	// out of the source, but never for Names. Without it links are left out.
	Follow bool

	// Keep says whether an entry is wanted; nil wants all. It gets the path to
	// open and the name. A folder's own entry comes before what is in it, and a
	// folder not kept is not entered; the sources that are folders are not
	// asked about. It is called on the goroutine that walks, also about names
	// in earlier sources that a later one has too, and out of order then.
	Keep func(path, name string, isDir bool) bool

	// Form returns the normal form of a file's or folder's last element: people
	// take names of one form for the same. Entries of one folder that are kept
	// and have one form are faults, all of them. Nil knows none; plain ASCII is
	// its own.
	Form func(base string) string

	// Skip are files and folders never to be sent, such as the program's own
	// state; also those that come to be while the walk is under way.
	Skip []string
}

// A Kind says what became of an Entry.
type Kind int

// Kinds of entries.
const (
	File    Kind = iota // to be sent
	Link                // a link, left out because Tree.Follow is off
	Skipped             // one of Tree.Skip, left out; a folder with all that is in it
	Fault               // it cannot be sent; Err says why
)

// An Entry is one thing found. Paths and names of faults may hold anything
// that a file system lets them hold; escape them before showing them.
type Entry struct {
	Kind Kind
	Path string      // to be opened; begins with the source as it was given, but for "."
	Name string      // relative, slash-separated; for a fault in a whole source ""
	Info fs.FileInfo // of the file itself, through links; nil for some faults
	Err  error       // nil unless Kind is Fault
}

// Walk yields what it finds, in the order in which folders give it. An error
// is the walk's own and its last word: what Check returns, a name that leads
// out of its source, what Names yields, or the cause of ctx's end. A consumer
// that stops early leaves nothing open.
func (t Tree) Walk(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		roots, skip, late, err := t.look()
		if err != nil {
			yield(Entry{}, err)
			return
		}
		w := &walker{tree: t, yield: yield, skip: skip, late: late, roots: roots, files: map[string]int{},
			seed: maphash.MakeSeed(), sieve: sieve{room: mostForms}, asked: map[string]*folder{}}
		if t.Names != nil {
			w.listed(ctx, roots[0])
			return
		}
		for i, r := range roots {
			if !r.info.IsDir() {
				w.files[filepath.Base(r.path)] = i
			}
		}
		for i := range roots {
			w.index = i
			if !w.source(ctx, roots[i]) {
				return
			}
		}
	}
}

// A walker is one walk under way. Its methods that yield report whether to go
// on.
type walker struct {
	tree  Tree
	yield func(Entry, error) bool
	skip  []fs.FileInfo
	late  []string // of Tree.Skip, those that did not exist yet
	roots []root
	files map[string]int // the sources that are files: name to index
	index int            // of the source being walked

	seed  maphash.Seed
	sieve sieve
	asked map[string]*folder // those that listed names are in
}

func (w *walker) source(ctx context.Context, r root) bool {
	info, err := os.Stat(r.path)
	switch {
	case err != nil:
		return w.fault(Entry{Path: r.path}, err)
	case !info.IsDir():
		e := Entry{Path: r.path, Name: filepath.Base(r.path), Info: info}
		return w.ended(ctx) && (!w.keep(e) || w.file(e))
	}
	handle, err := os.OpenRoot(r.path)
	if err != nil {
		return w.fault(Entry{Path: r.path}, err)
	}
	return w.folder(ctx, &folder{Entry: Entry{Path: r.path, Info: info}, handle: handle})
}

// ended reports whether to go on, and says why not.
func (w *walker) ended(ctx context.Context) bool {
	if ctx.Err() == nil {
		return true
	}
	w.yield(Entry{}, context.Cause(ctx))
	return false
}

func (w *walker) keep(e Entry) bool {
	return w.tree.Keep == nil || w.tree.Keep(e.Path, e.Name, e.Info.IsDir())
}

// file yields what is no folder.
func (w *walker) file(e Entry) bool {
	switch {
	case w.skips(e.Path, e.Info):
		e.Kind = Skipped
	case !e.Info.Mode().IsRegular():
		return w.fault(e, fmt.Errorf("%w: it is a %s", ErrKind, kindOf(e.Info.Mode())))
	default:
		if other, clash := w.clash(e.Name); clash {
			return w.fault(e, fmt.Errorf("%w: %s is the other", ErrClash, other))
		}
	}
	return w.yield(e, nil)
}

func (w *walker) fault(e Entry, err error) bool {
	e.Kind, e.Err = Fault, err
	return w.yield(e, nil)
}

// skips reports whether what is at path is one of Tree.Skip.
func (w *walker) skips(path string, info fs.FileInfo) bool {
	w.late = slices.DeleteFunc(w.late, func(skip string) bool {
		if !w.tree.Follow && !strings.EqualFold(filepath.Base(skip), filepath.Base(path)) {
			return false // it cannot be that
		}
		there, err := os.Stat(skip)
		if err == nil {
			w.skip = append(w.skip, there)
		}
		return err == nil
	})
	for _, s := range w.skip {
		if os.SameFile(s, info) {
			return true
		}
	}
	return false
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "FIFO"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	case mode&fs.ModeSymlink != 0:
		return "link"
	}
	return "thing of another kind"
}
