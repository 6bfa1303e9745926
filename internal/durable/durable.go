// Package durable writes files that are either wholly there or not at all,
// also after a power loss: a temporary file beside the target, fsync, rename,
// fsync of the folder. It never follows a symbolic link at the target's place
// and never leaves a half-written file under the target's name.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile puts data at path with the given permissions, replacing what is
// there in one step. The folder must exist. On an error the old file, if any,
// is untouched, unless the error came from the fsync of the folder, after
// which either may be found.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	folder := filepath.Dir(path)
	temp, err := writeTemp(folder, data, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(temp)))
	}
	if err := syncFolder(folder); err != nil {
		return fmt.Errorf("write %s: sync folder: %w", path, err)
	}
	return nil
}

// Create makes a new file to be written bit by bit, and syncs its folder. An
// empty file that is there already is taken; any other is fs.ErrExist.
func Create(path string, perm fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, perm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		err = fmt.Errorf("create %s: %w", path, fs.ErrExist)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// writeTemp leaves data, synced, under a new name in folder.
func writeTemp(folder string, data []byte, perm fs.FileMode) (string, error) {
	f, err := os.CreateTemp(folder, ".sealift-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// MakeFolder makes path and its missing parents for this user alone (0700),
// and syncs what it made. A folder that is there already keeps its
// permissions.
func MakeFolder(path string) error {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: errors.New("not a folder")}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if parent == path {
		return err
	}
	if err := MakeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}
