package walk

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// twin looks whether the folder of e, which has it by the name base, has
// another entry that is kept, by a name that looks the same. Where the file
// system takes both names for one, there is no other. It asks the file system
// instead of remembering names, and that for names beyond ASCII only.
func (w *walker) twin(lstat func(string) (fs.FileInfo, error), e Entry, base string) (other string, twice bool) {
	if w.tree.Forms == nil || isASCII(base) {
		return "", false
	}
	for _, form := range w.tree.Forms(base) {
		if form == base {
			continue
		}
		info, err := lstat(form)
		if err != nil || os.SameFile(info, e.Info) {
			continue
		}
		path, name := strings.TrimSuffix(e.Path, base)+form, strings.TrimSuffix(e.Name, base)+form
		if w.keep(Entry{Path: path, Name: name, Info: info}) {
			return path, true
		}
	}
	return "", false
}

// beside looks at what else is in the folder of a listed entry.
func (w *walker) beside(e Entry) func(string) (fs.FileInfo, error) {
	return func(base string) (fs.FileInfo, error) { return os.Lstat(filepath.Join(filepath.Dir(e.Path), base)) }
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
