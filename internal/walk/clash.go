package walk

import (
	"io/fs"
	"os"
	"path/filepath"
)

// clash looks whether an earlier source gave that name already, and returns
// its path. It asks the file system instead of remembering names: a call for
// each earlier folder. Where the file system takes two spellings of a name for
// one, so does clash.
func (w *walker) clash(name string) (path string, clash bool) {
	if i, named := w.files[name]; named && i < w.index {
		path := w.roots[i].path
		return path, w.tree.Keep == nil || w.tree.Keep(path, name, false)
	}
	for _, r := range w.roots[:w.index] {
		if !r.info.IsDir() {
			continue
		}
		if path := join(r.path, filepath.FromSlash(name)); w.gave(r, name, path) {
			return path, true
		}
	}
	return "", false
}

// gave reports whether a walk of r yields the file of that name.
func (w *walker) gave(r root, name, path string) bool {
	info, err := w.stat(path)
	if err != nil || !info.Mode().IsRegular() || w.skips(path, info) {
		return false
	}
	for i := range name {
		if name[i] == '/' && !w.goes(r, name[:i]) {
			return false
		}
	}
	return w.keep(Entry{Path: path, Name: name, Info: info})
}

// goes reports whether a walk of r goes into the folder of that name.
func (w *walker) goes(r root, name string) bool {
	path := join(r.path, filepath.FromSlash(name))
	info, err := w.stat(path)
	return err == nil && info.IsDir() && !w.skips(path, info) && w.keep(Entry{Path: path, Name: name, Info: info})
}

func (w *walker) stat(path string) (fs.FileInfo, error) {
	if w.tree.Follow {
		return os.Stat(path)
	}
	return os.Lstat(path)
}
