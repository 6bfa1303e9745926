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
	file *os.File
	size int64 // when it was opened
}

// A sendings is what one run sends.
type sendings []sending

// gather opens the sources and gives each its key. Nothing is left open when
// it returns an error.
func gather(paths []string, to destination) (sendings, error) {
	if len(paths) > 1 && !to.folder() {
		return nil, fmt.Errorf("%w: %s", errSlash, address(to.bucket, to.key))
	}
	var all sendings
	taken := map[string]string{}
	for _, path := range paths {
		s, err := open(path)
		if err != nil {
			return nil, errors.Join(err, all.close())
		}
		s.key = to.keyFor(path)
		all = append(all, s)
		if first, twice := taken[s.key]; twice {
			return nil, errors.Join(fmt.Errorf("%w: %s and %s are both %s", errSameKey, first, path, address(to.bucket, s.key)), all.close())
		}
		taken[s.key] = path
	}
	return all, nil
}

// open opens a regular file. It is opened without waiting for a writer and
// checked afterwards, so that neither a FIFO nor a swapped name can hang or
// deceive.
func open(path string) (sending, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
			return sending{}, fmt.Errorf("%s %w", path, kindFault(info.Mode()))
		}
		return sending{}, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s %w", path, kindFault(info.Mode()))
	}
	if err != nil {
		return sending{}, errors.Join(err, f.Close())
	}
	return sending{path: path, file: f, size: info.Size()}, nil
}

func kindFault(mode fs.FileMode) error {
	if mode.IsDir() {
		return errFolder
	}
	return errNotRegular
}

// close closes every source.
func (all sendings) close() error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// keys are the keys of all sources.
func (all sendings) keys() []string {
	keys := make([]string, len(all))
	for i, s := range all {
		keys[i] = s.key
	}
	return keys
}

// contentType is what the name's extension says the source is, else what its
// first bytes look like.
func (s sending) contentType() string {
	if byName := mime.TypeByExtension(strings.ToLower(filepath.Ext(s.key))); byName != "" {
		return byName
	}
	head := make([]byte, 512)
	n, _ := s.file.ReadAt(head, 0)
	if n == 0 {
		return "application/octet-stream"
	}
	return http.DetectContentType(head[:n])
}
