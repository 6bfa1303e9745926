package filter

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrPattern says that a pattern is none, or can match nothing.
var ErrPattern = errors.New("bad pattern")

// A Rule is one --include or --exclude. Every file is included until a rule
// matches its name; of those that match, the last decides.
//
// The pattern is matched against the whole name, relative to the source: *
// matches any characters and ? one, slashes too, [ab], [a-z] and [!ab] one of
// a set or none of it. There is no escape: [*] is a star. Case counts on every
// system, as it does in a key. On Windows a backslash is a slash.
//
// That is what the AWS CLI does, but for this: it takes a [ that is never
// closed for itself, and accepts patterns that no name can match.
//
// Source: https://docs.aws.amazon.com/cli/latest/reference/s3/#use-of-exclude-and-include-filters
// (read 2026-11-24) and filters.py there, which calls Python's fnmatch.
type Rule struct {
	Include bool // else exclude
	Pattern string
}

// A compiled rule.
type compiled struct {
	include bool
	glob    glob
	literal string // what the pattern begins with, up to its first wildcard
	open    bool   // it ends in a star
}

func (r Rule) compile() (compiled, error) {
	pattern := filepath.ToSlash(r.Pattern)
	if err := checkPattern(pattern); err != nil {
		return compiled{}, fmt.Errorf("%w %q: %w", ErrPattern, r.Pattern, err)
	}
	g, err := awsGlob(pattern)
	if err != nil {
		return compiled{}, fmt.Errorf("%w %q: %w", ErrPattern, r.Pattern, err)
	}
	c := compiled{include: r.Include, glob: g, literal: pattern, open: strings.HasSuffix(pattern, "*")}
	if i := strings.IndexAny(pattern, "*?["); i >= 0 {
		c.literal = pattern[:i]
	}
	return c, nil
}

// checkPattern refuses what no name can match.
func checkPattern(pattern string) error {
	segments := strings.Split(pattern, "/")
	switch {
	case pattern == "":
		return errors.New("it is empty")
	case !utf8.ValidString(pattern) || strings.ContainsRune(pattern, 0):
		return errors.New("it is not UTF-8 text")
	case strings.HasSuffix(pattern, "/"):
		return fmt.Errorf("no file's name ends in a slash; what is in the folder is %s*", pattern)
	case strings.HasPrefix(pattern, "/") || filepath.IsAbs(pattern):
		return errors.New("names are relative to the source, and begin with no slash")
	case slices.Contains(segments, ".") || slices.Contains(segments, ".."):
		return errors.New("names are relative to the source, and have no . or .. in them")
	}
	return nil
}

// kept reports whether the rules let a file through; for a folder, whether
// they may let through any that could be in it.
func kept(rules []compiled, name string, isDir bool) bool {
	if isDir {
		return !closed(rules, name+"/")
	}
	for _, r := range slices.Backward(rules) {
		if r.glob.match(name) {
			return r.include
		}
	}
	return true
}

// closed reports whether every name that begins with dir, which ends in a
// slash, is excluded for certain: by a rule that matches them all, with none
// after it that could include one of them.
func closed(rules []compiled, dir string) bool {
	for _, r := range slices.Backward(rules) {
		if r.include && r.reaches(dir) {
			return false
		}
		if !r.include && r.covers(dir) {
			return true
		}
	}
	return false
}

// covers reports whether the rule matches every name that begins with dir: its
// last star can go on where the match of dir ends.
func (r compiled) covers(dir string) bool { return r.open && r.glob.match(dir) }

// reaches reports whether the rule could match a name that begins with dir. It
// may be wrong by saying yes.
func (r compiled) reaches(dir string) bool {
	return strings.HasPrefix(r.literal, dir) || r.glob.kind != exact && strings.HasPrefix(dir, r.literal)
}
