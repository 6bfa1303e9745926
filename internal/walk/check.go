package walk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A root is one of the sources.
type root struct {
	path string // as it was given
	real string // absolute and without links
	info fs.FileInfo
}

// Check looks at the sources, and refuses them all if one is missing, cannot
// be read or is neither file nor folder (ErrKind), if one is another or lies
// inside it, however it is spelled (ErrOverlap), if two files have one name
// (ErrClash), and if one is in Tree.Skip (ErrSkipped). Walk checks as well.
func (t Tree) Check() error {
	_, _, _, err := t.look()
	return err
}

func (t Tree) look() (roots []root, skip []fs.FileInfo, late []string, err error) {
	if len(t.Sources) == 0 {
		return nil, nil, nil, errors.New("no sources")
	}
	for _, path := range t.Sources {
		r, err := lookAt(path)
		if err != nil {
			return nil, nil, nil, err
		}
		roots = append(roots, r)
	}
	if t.Names != nil && (len(roots) != 1 || !roots[0].info.IsDir()) {
		return nil, nil, nil, fmt.Errorf("%w to take them from", ErrListed)
	}
	for _, path := range t.Skip {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			late = append(late, path)
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		skip = append(skip, info)
	}
	for _, check := range []func([]root) error{
		func(all []root) error { return checkSkipped(all, skip) }, checkFolders, checkFiles,
	} {
		if err := check(roots); err != nil {
			return nil, nil, nil, err
		}
	}
	return roots, skip, late, nil
}

// lookAt opens the source, so that one which cannot be read is told at once.
func lookAt(path string) (root, error) {
	if path == "" {
		return root{}, errors.New("a source has no name")
	}
	info, err := os.Stat(path)
	if err != nil {
		return root{}, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return root{}, fmt.Errorf("%w: %s is a %s", ErrKind, path, kindOf(info.Mode()))
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return root{}, err
	}
	defer f.Close()
	if info.IsDir() {
		if _, err := f.Readdirnames(1); err != nil && err != io.EOF {
			return root{}, err
		}
	} else if err := checkName(filepath.Base(path)); err != nil {
		return root{}, fmt.Errorf("%s: %w", path, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return root{}, err
	}
	real, err := filepath.EvalSymlinks(abs)
	return root{path, real, info}, err
}

// checkSkipped climbs from each source to the top.
func checkSkipped(roots []root, skip []fs.FileInfo) error {
	if len(skip) == 0 {
		return nil
	}
	climb := climber{marks: skip, found: map[string]int{}}
	for _, r := range roots {
		if climb.from(r.real) >= 0 {
			return fmt.Errorf("%w: %s", ErrSkipped, r.path)
		}
	}
	return nil
}

func checkFolders(roots []root) error {
	var folders []root
	climb := climber{found: map[string]int{}}
	for _, r := range roots {
		if !r.info.IsDir() {
			continue
		}
		for _, other := range folders {
			if os.SameFile(r.info, other.info) {
				return fmt.Errorf("%w: %s and %s are one folder", ErrOverlap, other.path, r.path)
			}
		}
		folders = append(folders, r)
		climb.marks = append(climb.marks, r.info)
	}
	for _, r := range roots {
		if i := climb.from(filepath.Dir(r.real)); i >= 0 && filepath.Dir(r.real) != r.real {
			return fmt.Errorf("%w: %s is inside %s", ErrOverlap, r.path, folders[i].path)
		}
	}
	return nil
}

// A climber finds out which of the marks a path is, or lies in.
type climber struct {
	marks []fs.FileInfo
	found map[string]int // path to index of the mark, -1 for none
}

func (c *climber) from(path string) int {
	if i, known := c.found[path]; known {
		return i
	}
	at := -1
	if info, err := os.Stat(path); err == nil {
		for i, mark := range c.marks {
			if os.SameFile(info, mark) {
				at = i
				break
			}
		}
	}
	if up := filepath.Dir(path); at < 0 && up != path {
		at = c.from(up)
	}
	c.found[path] = at
	return at
}

// checkFiles knows two files for one by where they really are. Names that
// differ in case only can be one file too; hard links are not.
func checkFiles(roots []root) error {
	byName, byReal, byFold := map[string]root{}, map[string]root{}, map[string]root{}
	for _, r := range roots {
		if r.info.IsDir() {
			continue
		}
		name := filepath.Base(r.path)
		fold := strings.ToLower(r.real)
		if other, twice := byReal[r.real]; twice {
			return fmt.Errorf("%w: %s and %s are one file", ErrOverlap, other.path, r.path)
		}
		if other, twice := byName[name]; twice {
			return fmt.Errorf("%w: %s and %s", ErrClash, other.path, r.path)
		}
		if other, twice := byFold[fold]; twice && os.SameFile(other.info, r.info) {
			return fmt.Errorf("%w: %s and %s are one file", ErrOverlap, other.path, r.path)
		}
		byReal[r.real], byName[name], byFold[fold] = r, r, r
	}
	return nil
}
