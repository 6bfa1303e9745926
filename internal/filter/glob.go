package filter

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// A glob is a pattern of either kind in the words of doublestar, or, when it
// is that simple, something that can be compared faster.
type glob struct {
	pattern string // of doublestar
	literal string
	kind    globKind
	across  bool // a star matches slashes too: names are matched by their veil
}

type globKind int

const (
	wild  globKind = iota
	exact          // the literal, with no wildcard
	tail           // anything, then the literal
)

// veil stands for the slash where slashes are like any other character. No
// name has it.
const veil = "\x00"

func (g *glob) match(name string) bool {
	switch g.kind {
	case exact:
		return name == g.literal
	case tail:
		return strings.HasSuffix(name, g.literal)
	}
	if g.across {
		name = strings.ReplaceAll(name, "/", veil)
	}
	return doublestar.MatchUnvalidated(g.pattern, name)
}

// awsGlob compiles a pattern of the AWS CLI's.
func awsGlob(pattern string) (glob, error) {
	t := translator{rest: pattern, across: true}
	return t.glob(true)
}

// gitGlob compiles a pattern of gitignore(5) without its marks at both ends;
// base says that it is matched against names without slashes. It follows the
// manual where git itself does not: a ? is one character, not one byte, and **
// beside anything but slashes is one star wherever it stands.
func gitGlob(pattern string, base bool) (glob, error) {
	t := translator{rest: pattern}
	return t.glob(base)
}

// A translator turns a pattern into doublestar's words. With across it is one
// of the AWS CLI's, else one of git's.
type translator struct {
	rest    string // of the pattern, still to be read
	across  bool
	out     strings.Builder
	literal strings.Builder // the characters among what was read
	wilds   int             // the others
	last    rune            // that was read, 0 at the start
}

// Errors of patterns.
var (
	errClass     = errors.New("its [ is not closed by ]; a bracket itself is [[]")
	errRange     = errors.New("a range in its [] ends before it begins")
	errBackslash = errors.New("it ends in a backslash that escapes nothing")
	errNamed     = errors.New("it has a [:class:] that is not known")
	errNothing   = errors.New("its [] matches nothing but a slash, which must be written out")
)

// glob translates the pattern; anything says whether its star matches all that
// a name can hold.
func (t *translator) glob(anything bool) (glob, error) {
	starred := strings.HasPrefix(t.rest, "*")
	for t.rest != "" {
		if err := t.next(); err != nil {
			return glob{}, err
		}
	}
	g := glob{pattern: t.out.String(), literal: t.literal.String(), across: t.across}
	switch {
	case t.wilds == 0:
		g.kind = exact
	case t.wilds == 1 && starred && anything:
		g.kind = tail
	}
	return g, nil
}

func (t *translator) next() error {
	before := t.last
	switch c := t.take(); {
	case c == '*':
		t.star(before)
	case c == '?':
		t.wild("?")
	case c == '[':
		return t.class()
	case c == '\\' && !t.across:
		if t.rest == "" {
			return errBackslash
		}
		t.char(t.take())
	default:
		t.char(c)
	}
	return nil
}

func (t *translator) take() rune {
	c, n := utf8.DecodeRuneInString(t.rest)
	t.rest, t.last = t.rest[n:], c
	return c
}

func (t *translator) wild(as string) {
	t.wilds++
	t.out.WriteString(as)
}

func (t *translator) char(c rune) {
	t.literal.WriteRune(c)
	switch {
	case c == '/' && t.across:
		t.out.WriteString(veil)
		return
	case strings.ContainsRune(`*?[]{}\`, c):
		t.out.WriteByte('\\')
	}
	t.out.WriteRune(c)
}

// star translates a run of stars. Two are more than one where they are a whole
// segment of one of git's patterns; at the end of it they match what is in a
// folder, but not the folder, as doublestar has it.
func (t *translator) star(before rune) {
	one := !strings.HasPrefix(t.rest, "*")
	t.rest = strings.TrimLeft(t.rest, "*")
	begins := before == 0 || before == '/'
	switch {
	case t.across || one || !begins:
		t.wild("*")
	case t.rest == "":
		t.wild("**/*")
	case strings.HasPrefix(t.rest, "/") || strings.HasPrefix(t.rest, `\/`):
		t.wild("**")
	default:
		t.wild("*")
	}
}
