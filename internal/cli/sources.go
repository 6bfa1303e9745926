package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// A sending is one source on its way to one key.
type sending struct {
	path string // as the user gave it
	key  string
	size int64 // bytes, when it was looked at; 0 of a stream

	stream bool
}

// A sendings is what one run sends.
type sendings []sending

// gather looks at the sources and gives each its key. They are opened again
// when their turn comes: there may be more than a process can hold open.
func gather(paths []string, to destination) (sendings, error) {
	if len(paths) > 1 && !to.folder() {
		return nil, fmt.Errorf("%w: %s", errSlash, address(to.bucket, to.key))
	}
	var all sendings
	taken := map[string]string{}
	for _, path := range paths {
		if path == "" {
			return nil, &usageError{"a source has no name", "is a variable empty, or a space too much in the command line?"}
		}
		if flows(path) {
			return gatherStream(paths, path, to)
		}
		f, size, err := open(path)
		if err != nil {
			return nil, err
		}
		_ = f.Close() // read only
		key := to.keyFor(path)
		if first, twice := taken[key]; twice {
			return nil, fmt.Errorf("%w: %s and %s are both %s", errSameKey, first, path, address(to.bucket, key))
		}
		taken[key] = path
		all = append(all, sending{path: path, key: key, size: size})
	}
	return all, nil
}

// misplaced refuses objects as sources. A file may be called like one.
func misplaced(paths []string) error {
	for _, path := range paths {
		if len(path) < 5 || !strings.EqualFold(path[:5], "s3://") {
			continue
		}
		if _, err := os.Lstat(path); err != nil {
			return &usageError{fmt.Sprintf("source %s is an S3 address", path), "sources are files of this machine, and the destination comes last; sealift fetches and copies no objects"}
		}
	}
	return nil
}

// spare refuses to write what a flag names, a receipt or a log, into a source.
func (all sendings) spare(flag, path string) error {
	ours, err := os.Stat(path)
	if path == "" || err != nil {
		return nil // it is none of them
	}
	for _, one := range all {
		if theirs, err := os.Stat(one.path); err == nil && os.SameFile(ours, theirs) {
			return &usageError{fmt.Sprintf("%s %s is the source %s", flag, path, one.path), "name another file"}
		}
	}
	return nil
}

// open opens a regular file. It is opened without waiting for a writer and
// checked afterwards, so that neither a FIFO nor a swapped name can hang or
// deceive.
func open(path string) (f *os.File, size int64, err error) {
	f, err = os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
			return nil, 0, fmt.Errorf("%s %w", path, kindFault(info.Mode()))
		}
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s %w", path, kindFault(info.Mode()))
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

func kindFault(mode fs.FileMode) error {
	if mode.IsDir() {
		return errFolder
	}
	return errNotRegular
}

// keys are the keys of all sources.
func (all sendings) keys() []string {
	keys := make([]string, len(all))
	for i, s := range all {
		keys[i] = s.key
	}
	return keys
}

// contentType is what the key's extension says the source is, else what its
// first bytes look like.
func contentType(key string, f *os.File) string {
	if byName := mime.TypeByExtension(strings.ToLower(filepath.Ext(key))); byName != "" {
		return byName
	}
	head := make([]byte, 512)
	n, _ := f.ReadAt(head, 0)
	if n == 0 {
		return "application/octet-stream"
	}
	return http.DetectContentType(head[:n])
}
