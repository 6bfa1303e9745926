package iameval

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/versity/versitygw/iamapi/policy"
)

// A Principal is who asks. For a session, ARN names the session and RoleARN
// the role it came from; a policy may name either.
type Principal struct {
	ARN       string // arn:aws:iam::…:user/…, arn:aws:sts::…:assumed-role/…
	RoleARN   string // "" unless a session of a role
	Account   string // 12 digits
	Root      bool   // the account itself
	Federated string // the identity provider's ARN, for AssumeRoleWithWebIdentity
}

// A reach is how directly a statement names a principal; it decides whether
// an Allow suffices on its own and whether a session policy still filters it.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
// (recalled, not read again for this code).
type reach int

const (
	nobody  reach = iota
	account       // the whole account: its identity policies decide
	role          // the session's role: a session policy filters it
	anyone        // "*": a session policy filters it
	itself        // exactly this user or session: nothing filters it
)

// reaches says how a statement names p. A NotPrincipal reaches whom it does
// not name, as "*" would.
func (s statement) reaches(p Principal) reach {
	if len(s.notPrincipal) > 0 {
		if named(s.notPrincipal, p) != nobody {
			return nobody
		}
		return anyone
	}
	return named(s.principal, p)
}

func named(raw json.RawMessage, p Principal) reach {
	if isStar(raw) {
		return anyone
	}
	var by map[string]policy.StringOrSlice
	if json.Unmarshal(raw, &by) != nil {
		return nobody
	}
	if p.Federated != "" {
		if slices.Contains(by["Federated"], p.Federated) {
			return itself
		}
		return nobody
	}
	found := nobody
	for _, name := range by["AWS"] {
		found = max(found, p.namedBy(name))
	}
	return found
}

func (p Principal) namedBy(name string) reach {
	switch {
	case name == "*":
		return anyone
	case name == p.ARN:
		return itself
	case p.RoleARN != "" && name == p.RoleARN:
		return role
	case name == p.Account || strings.HasPrefix(name, "arn:") && strings.HasSuffix(name, ":iam::"+p.Account+":root"):
		if p.Root {
			return itself
		}
		return account
	}
	return nobody
}

func isStar(raw json.RawMessage) bool {
	var s string
	return json.Unmarshal(raw, &s) == nil && s == "*"
}

// validPrincipals refuses what is neither "*" nor lists by known type.
func validPrincipals(blocks ...json.RawMessage) error {
	for _, raw := range blocks {
		if len(raw) == 0 || isStar(raw) {
			continue
		}
		var by map[string]policy.StringOrSlice
		if err := json.Unmarshal(raw, &by); err != nil || len(by) == 0 {
			return fmt.Errorf("invalid principal in policy")
		}
		for kind := range by {
			if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, kind) {
				return fmt.Errorf("invalid principal in policy: %q", kind)
			}
		}
	}
	return nil
}
