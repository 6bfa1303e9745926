package filter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxIgnore is the most bytes that an ignore file may have: the rules of all
// folders above an entry are held at once.
const maxIgnore = 1 << 20

// An ignoreRule is one line of an ignore file.
type ignoreRule struct {
	back    bool // it brings back what an earlier rule ignores
	dirOnly bool
	base    bool // it is for the last element of a name, not for the whole
	glob    glob
}

// judge asks the rules about a name relative to their folder. The last that
// matches says whether it is ignored.
func judge(rules []ignoreRule, name string, isDir bool) (says, ignored bool) {
	if len(rules) == 0 {
		return false, false
	}
	base := name[strings.LastIndexByte(name, '/')+1:]
	for i := range slices.Backward(rules) {
		r := &rules[i]
		if r.dirOnly && !isDir {
			continue
		}
		if r.base && r.glob.match(base) || !r.base && r.glob.match(name) {
			return true, !r.back
		}
	}
	return false, false
}

// readIgnore reads the ignore file at path. isMissing tells an error of a file
// that is not there from others.
func readIgnore(path string) ([]ignoreRule, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a FIFO would be waited for
		return nil, fmt.Errorf("read %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIgnore+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxIgnore {
		return nil, fmt.Errorf("read %s: it is over %d bytes", path, maxIgnore)
	}
	rules, err := parseIgnore(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rules, nil
}

// isMissing is not true of a link that leads nowhere: somebody wants rules to
// be there.
func isMissing(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	if !ok || !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err = os.Lstat(e.Path)
	return errors.Is(err, fs.ErrNotExist)
}

func parseIgnore(text []byte) (rules []ignoreRule, err error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, errors.New("it is not UTF-8 text")
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		rule, is, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w %q: %w", number, ErrPattern, line, err)
		}
		if is {
			rules = append(rules, rule)
		}
	}
	return rules, nil
}

// parseLine reads a line as gitignore(5) has it. It is no rule if it is empty,
// a comment, or names nothing but the folder itself.
func parseLine(line string) (r ignoreRule, is bool, err error) {
	if strings.HasPrefix(line, "#") {
		return r, false, nil
	}
	line = trimSpaces(line)
	line, r.back = strings.CutPrefix(line, "!")
	line, r.dirOnly = strings.CutSuffix(line, "/")
	r.base = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return r, false, nil
	}
	r.glob, err = gitGlob(line, r.base)
	return r, true, err
}

// trimSpaces drops the spaces at the end that no backslash holds.
func trimSpaces(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' && i+1 < len(line) {
			i++
			end = i + 1
		} else if line[i] != ' ' {
			end = i + 1
		}
	}
	return line[:end]
}
