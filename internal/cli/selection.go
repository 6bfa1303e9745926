package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sealift/sealift/internal/filter"
	"github.com/sealift/sealift/internal/walk"
)

// Selection says which files of folders are sent, and what is kept of them.
type Selection struct {
	FilesFrom      string
	Rules          []filter.Rule // --include and --exclude, in their order
	IgnoreFile     string
	FollowSymlinks bool
	Preserve       string
	Manifest       string
	DryRun         bool
}

func (o *Selection) bind(f *pflag.FlagSet) {
	f.Var(rules{&o.Rules, false}, "exclude", "leave out files whose name in the folder matches; of --exclude and --include, the last that matches decides")
	f.Var(rules{&o.Rules, true}, "include", "do not leave out files whose name matches; * matches slashes too, as in the AWS CLI")
	f.StringVar(&o.IgnoreFile, "ignore-file", "", "leave out what this `FILE` says, by the rules of gitignore; each folder's .sealiftignore comes before it")
	f.StringVar(&o.FilesFrom, "files-from", "", "send the files that `FILE|-` names, one a line or NUL-separated, of the one folder given; else of the current one")
	f.BoolVar(&o.FollowSymlinks, "follow-symlinks", false, "follow links in folders; else they are passed over")
	oneOf(f, &o.Preserve, "preserve", "keep time of last write and mode as metadata mtime and mode, as rclone does: of folders' files, and with --if-exists changed; all; none (default auto)", "auto", "all", "none")
	f.StringVar(&o.Manifest, "manifest", "", "when every file is stored, list keys, sizes and sums in the object `KEY`")
	f.BoolVar(&o.DryRun, "dry-run", false, "say what would go where, in how many requests, and send nothing")
	f.BoolVar(&o.DryRun, "dryrun", false, "the same")
	_ = f.MarkHidden("dryrun")
}

// tree tells whether args, without the destination, are for a tree: a folder
// among them, or a flag that chooses among files.
func (o *Selection) tree(sources []string) bool {
	if o.FilesFrom != "" || len(o.Rules) > 0 || o.IgnoreFile != "" || o.Manifest != "" {
		return true
	}
	for _, path := range sources {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}

// rules is the value of --include or --exclude: both add to one list.
type rules struct {
	to      *[]filter.Rule
	include bool
}

func (r rules) String() string { return "" }
func (r rules) Type() string   { return "PATTERN" }
func (r rules) Set(pattern string) error {
	rule := filter.Rule{Include: r.include, Pattern: pattern}
	if _, err := filter.New(filter.Options{Rules: []filter.Rule{rule}}); err != nil {
		return errors.New("give a pattern as *.tmp or logs/*: " + reason(err, filter.ErrPattern))
	}
	*r.to = append(*r.to, rule)
	return nil
}

// reason is an error's text without the sentinel's before it.
func reason(err, sentinel error) string {
	return strings.TrimPrefix(err.Error(), sentinel.Error()+": ")
}

// filter makes the filter of all flags. Ignore files that cannot be read are
// told of through bad.
func (o *Selection) filter(sources []string, bad func(path string, err error)) (*filter.Filter, error) {
	options := filter.Options{Rules: o.Rules, IgnoreFile: o.IgnoreFile, OnError: bad}
	for _, path := range sources {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			options.Files = append(options.Files, path)
		}
	}
	f, err := filter.New(options)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("--ignore-file: %v", err), "it is a text file with the rules of gitignore, one a line"}
	}
	return f, nil
}

// list opens --files-from. What can be read only once is copied first, so that
// a name that leads out of the folder is found before anything is sent. Close
// it when done.
func (o *Selection) list(s *Streams, readsInput bool) (*nameList, error) {
	if o.FilesFrom == "" {
		return nil, nil
	}
	if o.FilesFrom != "-" {
		info, err := os.Stat(o.FilesFrom)
		if err != nil {
			return nil, &usageError{fmt.Sprintf("--files-from: %v", err), "name a file that lists files, or - for standard input"}
		}
		if info.Mode().IsRegular() {
			return &nameList{path: o.FilesFrom}, nil
		}
	}
	if o.FilesFrom == "-" && readsInput {
		return nil, &usageError{"--files-from - and the source - both read standard input", "write the list to a file"}
	}
	if o.FilesFrom == "-" && s.going != "" {
		return nil, &usageError{"the list of files was read from standard input, and is gone", "give the same upload command again with the list: it goes on with run " + s.going}
	}
	return copyList(s.In, o.FilesFrom)
}

func copyList(input io.Reader, path string) (*nameList, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, &usageError{fmt.Sprintf("--files-from: %v", err), "name a file that lists files, or - for standard input"}
		}
		defer f.Close()
		input = f
	}
	temp, err := os.CreateTemp("", "sealift-files-from-*")
	if err != nil {
		return nil, fmt.Errorf("--files-from: %w", err)
	}
	list := &nameList{path: temp.Name(), temporary: true}
	_, err = io.Copy(temp, input)
	if err = errors.Join(err, temp.Close()); err != nil {
		list.close()
		return nil, fmt.Errorf("--files-from: %w", err)
	}
	return list, nil
}

// A nameList is a list of files that can be read more than once.
type nameList struct {
	path      string
	temporary bool
}

func (l *nameList) close() {
	if l != nil && l.temporary {
		_ = os.Remove(l.path)
	}
}

// names yields the list, from its start.
func (l *nameList) names(yield func(string, error) bool) {
	f, err := os.Open(l.path)
	if err != nil {
		yield("", err)
		return
	}
	defer f.Close()
	walk.Lines(f)(yield)
}
