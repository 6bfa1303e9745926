// Package filter decides which files of a tree are sent: by the ordered
// --include and --exclude of the command line, by ignore files met on the way,
// and by one ignore file for all sources.
//
// A file is sent if the flags and the ignore files both let it through;
// --include does not bring back what an ignore file leaves out. What cannot be
// understood is refused rather than passed over: a rule that does nothing sends
// what somebody meant to keep at home. An ignore file that cannot be read
// closes its folder, and is told.
//
// The package reads ignore files and nothing else, and imports doublestar for
// matching. Of the matchers of git's rules to be had, none keeps to them: they
// miss [!x], or ** that matches in more than one way, or are left alone since
// years; so the rules are kept here, and compared with git in the tests.
package filter

import (
	"path/filepath"
	"slices"
	"strings"
)

// IgnoreName is what an ignore file in a tree is called. Its rules are those of
// gitignore(5), for the folder it lies in and those below; deeper files are
// heard first; but ? and sets stand for a character, where git has them stand
// for a byte of its UTF-8. It is itself a file like any other, and is sent unless a rule
// leaves it out, as git keeps a .gitignore.
const IgnoreName = ".sealiftignore"

// Options say what a Filter lets through. The zero value lets through what the
// ignore files in the tree do.
type Options struct {
	// Rules are the flags' in their order.
	Rules []Rule

	// IgnoreFile is the path of an ignore file whose rules hold from every
	// source folder on, as if each had it; "" is none. Any ignore file in the
	// tree is heard before it.
	IgnoreFile string

	// Files are the sources that are files, as they were given. Who names a
	// file wants it: the flags hold for it, ignore files do not.
	Files []string

	// OnError is told of an ignore file in the tree that cannot be read or
	// understood; nothing of its folder is then kept. It may be told of one
	// file more than once. Nil is for tests alone.
	OnError func(path string, err error)
}

// A Filter decides on one entry after another, and holds the rules of the
// folders above the last of them only. It is not safe for concurrent use.
type Filter struct {
	rules   []compiled
	ignored []ignoreRule // of Options.IgnoreFile
	files   []string
	onError func(path string, err error)

	source string  // the path of the source folder, with its separator
	levels []level // the source folder first, then those below, down to the last entry's
}

// A level is what the ignore file of one folder says.
type level struct {
	dir   string // relative to the source, with its slash; "" is the source
	rules []ignoreRule
	bad   bool // the file could not be understood
}

// New compiles the flags' patterns and reads Options.IgnoreFile. ErrPattern
// names a pattern that is none, or that can match nothing.
func New(o Options) (*Filter, error) {
	f := &Filter{files: slices.Clone(o.Files), onError: o.OnError}
	slices.Sort(f.files)
	for _, r := range o.Rules {
		c, err := r.compile()
		if err != nil {
			return nil, err
		}
		f.rules = append(f.rules, c)
	}
	if o.IgnoreFile != "" {
		rules, err := readIgnore(o.IgnoreFile)
		if err != nil {
			return nil, err
		}
		f.ignored = rules
	}
	return f, nil
}

// Keep reports whether the entry at path is sent, or, for a folder, whether
// anything in it can be. The name is its path relative to the source,
// slash-separated, with which path ends. A folder is to be asked about before
// what is in it; otherwise the order is free, but cheapest folder by folder.
func (f *Filter) Keep(path, name string, isDir bool) bool {
	if !kept(f.rules, name, isDir) {
		return false
	}
	if _, named := slices.BinarySearch(f.files, path); named && !isDir {
		return true
	}
	f.follow(path[:len(path)-len(name)], name)
	if slices.ContainsFunc(f.levels, func(l level) bool { return l.bad }) {
		return false
	}
	for _, l := range slices.Backward(f.levels) {
		if says, ignored := judge(l.rules, name[len(l.dir):], isDir); says {
			return !ignored
		}
	}
	says, ignored := judge(f.ignored, name, isDir)
	return !says || !ignored
}

// follow makes the levels those of the folders that name is in.
func (f *Filter) follow(source, name string) {
	if source != f.source || len(f.levels) == 0 {
		f.source, f.levels = source, f.levels[:0]
		f.enter("")
	}
	for len(f.levels) > 1 && !strings.HasPrefix(name, f.levels[len(f.levels)-1].dir) {
		f.levels = f.levels[:len(f.levels)-1]
	}
	for {
		at := len(f.levels[len(f.levels)-1].dir)
		end := strings.IndexByte(name[at:], '/')
		if end < 0 {
			break
		}
		f.enter(name[:at+end+1])
	}
}

// enter adds the level of a folder that is called dir.
func (f *Filter) enter(dir string) {
	path := f.source + filepath.FromSlash(dir) + IgnoreName
	rules, err := readIgnore(path)
	if isMissing(err) {
		err = nil
	}
	if err != nil && f.onError != nil {
		f.onError(path, err)
	}
	f.levels = append(f.levels, level{dir, rules, err != nil})
}
