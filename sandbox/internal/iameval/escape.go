package iameval

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// The evaluator below takes every * and ? in a pattern as a wildcard and does
// not know the escapes ${*}, ${?} and ${$}. So the literal characters travel
// as private-use characters on both sides: in a pattern where they were
// escaped, in a request's values wherever they stand.
const (
	literalStar     = "\ue000"
	literalQuestion = "\ue001"
	literalDollar   = "\ue002"
)

var literals = strings.NewReplacer("*", literalStar, "?", literalQuestion, "$", literalDollar)

// literal is how a request's value is shown to the evaluator.
func literal(s string) string { return literals.Replace(s) }

// An escaper rewrites the values of one document. Escapes and variables exist
// only in documents of version 2012-10-17; without that, a $ is a $.
type escaper struct{ variables bool }

// pattern rewrites a value in which * and ? are wildcards.
func (e escaper) pattern(s string) string { return e.rewrite(s, "*", "?") }

// exact rewrites a value in which * and ? are themselves.
func (e escaper) exact(s string) string { return e.rewrite(s, literalStar, literalQuestion) }

func (e escaper) rewrite(s, star, question string) string {
	var b strings.Builder
	for len(s) > 0 {
		if to, rest, ok := cutDollar(s); ok && e.variables {
			b.WriteString(to)
			s = rest
			continue
		}
		switch {
		case s[0] == '*':
			b.WriteString(star)
		case s[0] == '?':
			b.WriteString(question)
		case s[0] == '$':
			b.WriteString(literalDollar)
		default:
			b.WriteByte(s[0])
		}
		s = s[1:]
	}
	return b.String()
}

// cutDollar takes an escape or a variable off the front of s and gives what
// stands for it.
func cutDollar(s string) (to, rest string, ok bool) {
	before, rest, closed := strings.Cut(s, "}")
	name, opened := strings.CutPrefix(before, "${")
	if !opened || !closed {
		return "", s, false
	}
	switch name {
	case "*":
		return literalStar, rest, true
	case "?":
		return literalQuestion, rest, true
	case "$":
		return literalDollar, rest, true
	}
	return "${" + alias(name) + "}", rest, true
}

// alias is a condition key as a variable may name it: the evaluator does not
// take a / there, nor all that can stand in a tag's key.
func alias(key string) string {
	family, member, ok := strings.Cut(key, "/")
	if !ok {
		return key
	}
	return family + "." + hex.EncodeToString([]byte(strings.ToLower(member)))
}

// condition rewrites the values of a Condition block: as patterns under the
// operators that know wildcards, exactly under all others.
func (e escaper) condition(raw json.RawMessage) (map[string]map[string]any, error) {
	var block map[string]map[string]any
	if err := json.Unmarshal(raw, &block); err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	for operator, keys := range block {
		rewrite := e.exact
		if strings.Contains(operator, "Like") || strings.Contains(operator, "Arn") {
			rewrite = e.pattern
		}
		for key, value := range keys {
			keys[key] = rewriteValue(value, rewrite)
		}
	}
	return block, nil
}

func rewriteValue(v any, rewrite func(string) string) any {
	switch v := v.(type) {
	case string:
		return rewrite(v)
	case []any:
		for i := range v {
			v[i] = rewriteValue(v[i], rewrite)
		}
	}
	return v
}
