package sealift

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/sealift/sealift/internal/walk"
	"github.com/sealift/sealift/receipt"
)

// A Tree is many files that go under one prefix: files, folders with all that
// is in them, or the files of one folder that a list names. The zero values of
// what may be left out leave it out.
type Tree struct {
	Bucket string
	Prefix string // before every name; "in/" makes in/a.txt of a.txt

	// Sources are files and folders. A file is called by its last element,
	// what is in a folder by its path from there. None may be another, or lie
	// inside it. A source that is a link is followed.
	Sources []string

	// Names are the only files wanted of the one folder that Sources then has:
	// relative paths, slash-separated.
	Names iter.Seq2[string, error]

	// FollowSymlinks follows links that are met on the way, also out of the
	// source, but never for Names. Else they are passed over.
	FollowSymlinks bool

	// Keep says whether an entry is wanted; a folder comes before what is in
	// it, and is not entered unless it is. It is called from one goroutine.
	Keep func(path, name string, isDir bool) bool

	// Form returns the form that a file's or folder's last element has in
	// common with other spellings that people take for the same, as Unicode's
	// NFC. Of entries of one folder that have one form none is sent: all are
	// ErrUnreadable.
	Form func(base string) string

	Skip []string // files and folders never to be sent

	Options Options // of every object

	// Prepare may change an object's options when its file has been opened, as
	// to tell the content type. It is called from many goroutines.
	Prepare func(f *os.File, o *Options)

	// Known returns what the key is known to hold, where that is what the file
	// of that size and time of last write would become: nothing is asked or
	// sent then. It is called from one goroutine.
	Known func(key string, size int64, modified time.Time) (receipt.Object, bool)

	// Manifest is the key of an object that lists every object of the tree
	// (docs/format/manifest.md). It is written last, never replaced, and only
	// when each file was stored or is known to be.
	Manifest string
}

// Check refuses with ErrInvalid what Start would.
func (t Tree) Check() error {
	for _, check := range []func() error{t.checkObjects, t.walk().Check} {
		if err := check(); err != nil {
			return invalid(err)
		}
	}
	return nil
}

func invalid(err error) error {
	if errors.Is(err, ErrInvalid) {
		return err
	}
	return &meant{ErrInvalid, err}
}

func (t Tree) checkObjects() error {
	if err := t.object("x").Check(); err != nil {
		return err
	}
	if t.Manifest == "" {
		return nil
	}
	if err := t.manifestObject().Check(); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return nil
}

func (t Tree) walk() walk.Tree {
	return walk.Tree{Sources: t.Sources, Names: t.Names, Follow: t.FollowSymlinks, Keep: t.Keep, Skip: t.Skip, Form: t.Form}
}

// object is where and how the file of that name is stored.
func (t Tree) object(name string) Object {
	return Object{Bucket: t.Bucket, Key: t.Prefix + name, Options: t.Options}
}
