package iameval

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/versity/versitygw/iamapi/policy"
	"github.com/versity/versitygw/iamapi/types"
)

// A condition is one key of a statement's Condition block, with what the
// operators that name it ask of it.
type condition struct {
	key   string // as the policy writes it
	alone string // a document that allows where the condition holds
}

// split writes the statement without its conditions, and each of them alone,
// so that a refusal can say which did not hold.
func (st *statement) split(version string, s policy.Statement) error {
	var block map[string]map[string]json.RawMessage
	if len(s.Condition) > 0 {
		if err := json.Unmarshal(s.Condition, &block); err != nil {
			return err
		}
	}
	s.Effect, s.Condition = "Allow", nil
	var err error
	if st.bare, err = standAlone(version, s); err != nil {
		return err
	}
	for _, operator := range slices.Sorted(maps.Keys(block)) {
		for _, key := range slices.Sorted(maps.Keys(block[operator])) {
			one := s
			if one.Condition, err = json.Marshal(map[string]any{operator: map[string]any{key: block[operator][key]}}); err != nil {
				return err
			}
			c := condition{key: key}
			if c.alone, err = standAlone(version, one); err != nil {
				return err
			}
			st.conditions = append(st.conditions, c)
		}
	}
	return nil
}

// keys are the condition keys of the statement.
func (st statement) keys() []string {
	var keys []string
	for _, c := range st.conditions {
		keys = addKey(keys, c.key)
	}
	return keys
}

// failing are the keys of conditions that keep an Allow from what it would
// allow without them; applies is false where it would not.
func (st statement) failing(ctx policy.RequestContext) (keys []string, applies bool) {
	if !st.allow || !allows(st.bare, ctx) {
		return nil, false
	}
	for _, c := range st.conditions {
		if !allows(c.alone, ctx) {
			keys = addKey(keys, c.key)
		}
	}
	return keys, true
}

func addKey(keys []string, key string) []string {
	if slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) }) {
		return keys
	}
	return append(keys, key)
}

func allows(document string, ctx policy.RequestContext) bool {
	return policy.EvaluateIdentityPolicies([]types.PolicyEntry{{PolicyDocument: document}}, ctx) == policy.DecisionAllow
}

// nearest looks for why no statement of d allows p the request. Named says
// whether any names p at all; keys are the conditions that do not hold, of
// the statement that has the fewest of them.
func (d Document) nearest(p Principal, r Request) (named bool, keys []string) {
	ctx := requestContext(r)
	for _, s := range d.statements {
		if !s.allow || s.reaches(p) == nobody {
			continue
		}
		named = true
		failing, applies := s.failing(ctx)
		if applies && (keys == nil || len(failing) < len(keys)) {
			keys = failing
		}
	}
	return named, keys
}
