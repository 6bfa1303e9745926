package iameval

import (
	"fmt"

	"github.com/versity/versitygw/iamapi/policy"
	"github.com/versity/versitygw/iamapi/types"
)

// A Request is one action on one resource, with the values conditions ask
// for. Keys of Context are written as in policies ("aws:SourceIp"); their
// case does not matter.
type Request struct {
	Action   string // "s3:PutObject"
	Resource string // an ARN, or "*" for actions without a resource
	Context  map[string][]string
}

// An Asker is a principal with the policies that bind it.
type Asker struct {
	Principal Principal
	Identity  []Document // of the user, or of the session's role
	Session   *Document  // nil = the session is not narrowed
}

// A Source is the layer that decided.
type Source string

const (
	FromIdentity Source = "identity-based policy"
	FromSession  Source = "session policy"
	FromResource Source = "resource-based policy"
)

// A Verdict says whether the request is allowed, which layer decided, and
// where a statement did, which one. An explicit deny always has a statement;
// a missing allow never has.
type Verdict struct {
	Allowed   bool
	Explicit  bool // a Deny statement matched
	Source    Source
	Statement Ref
}

// A Cause says more about a refusal of DecideTrust.
type Cause struct {
	Named      bool     // a statement of the trust policy names the caller
	Conditions []string // keys: of an explicit deny its own, else those that do not hold
}

// Reason is the verdict in words, for people and logs.
func (v Verdict) Reason() string {
	switch {
	case v.Allowed:
		return fmt.Sprintf("allowed by %s", v.Statement)
	case v.Explicit:
		return fmt.Sprintf("explicit deny in %s (%s)", v.Statement, v.Source)
	}
	return fmt.Sprintf("no %s allows it", v.Source)
}

// Decide weighs a request against the asker's own policies and the policy of
// the resource, nil where it has none. Within one account either suffices;
// an explicit deny in any layer wins, and a session policy filters all but
// what the resource grants to this very session.
func (a Asker) Decide(r Request, resource *Document) Verdict {
	return a.decide(r, resource, false)
}

// DecideTrust is Decide for resources that must themselves allow the caller:
// a role's trust policy. Naming the account leaves the decision to the
// caller's identity policies; naming the caller suffices.
func (a Asker) DecideTrust(r Request, trust Document) Verdict {
	return a.decide(r, &trust, true)
}

// WhyNot looks for the cause of a refusal that the trust policy decided.
func (a Asker) WhyNot(r Request, trust Document, v Verdict) Cause {
	if v.Explicit {
		return Cause{Named: true, Conditions: trust.statements[v.Statement.Index].keys()}
	}
	named, keys := trust.nearest(a.Principal, r)
	return Cause{Named: named, Conditions: keys}
}

func (a Asker) decide(r Request, resource *Document, needed bool) Verdict {
	identity := evaluate(a.Identity, r)
	session := outcome{effect: policy.DecisionAllow}
	if a.Session != nil {
		session = evaluate([]Document{*a.Session}, r)
	}
	var res outcome
	if resource != nil {
		res = resource.evaluateFor(a.Principal, r)
	}
	for _, layer := range []struct {
		outcome
		source Source
	}{{res, FromResource}, {identity, FromIdentity}, {session, FromSession}} {
		if layer.effect == policy.DecisionDeny {
			return Verdict{Explicit: true, Source: layer.source, Statement: layer.ref}
		}
	}
	return combine(identity, session, res, needed)
}

// combine weighs the three layers when none denies.
func combine(identity, session, res outcome, needed bool) Verdict {
	switch {
	case res.allows() && res.reach == itself:
		return Verdict{Allowed: true, Source: FromResource, Statement: res.ref}
	case needed && !res.allows():
		return Verdict{Source: FromResource}
	case !session.allows():
		return Verdict{Source: FromSession}
	case res.allows() && res.reach > account:
		return Verdict{Allowed: true, Source: FromResource, Statement: res.ref}
	case identity.allows():
		return Verdict{Allowed: true, Source: FromIdentity, Statement: identity.ref}
	}
	return Verdict{Source: FromIdentity}
}

// An outcome is what some statements say of a request.
type outcome struct {
	effect policy.Decision
	ref    Ref
	reach  reach
}

func (o outcome) allows() bool { return o.effect == policy.DecisionAllow }

// evaluate asks all statements: a deny ends it, the first allow is kept.
func evaluate(docs []Document, r Request) outcome {
	var found outcome
	ctx := requestContext(r)
	for _, d := range docs {
		for _, s := range d.statements {
			o := outcome{effect: s.decide(ctx), ref: s.ref}
			if o.effect == policy.DecisionDeny {
				return o
			}
			if o.allows() && !found.allows() {
				found = o
			}
		}
	}
	return found
}

// evaluateFor asks the statements that name p; of the allows it keeps the
// one that names p most directly.
func (d Document) evaluateFor(p Principal, r Request) outcome {
	var found outcome
	ctx := requestContext(r)
	for _, s := range d.statements {
		reach := s.reaches(p)
		if reach == nobody {
			continue
		}
		o := outcome{effect: s.decide(ctx), ref: s.ref, reach: reach}
		if o.effect == policy.DecisionDeny {
			return o
		}
		if o.allows() && o.reach > found.reach {
			found = o
		}
	}
	return found
}

func (s statement) decide(ctx policy.RequestContext) policy.Decision {
	return policy.EvaluateIdentityPolicies([]types.PolicyEntry{{PolicyDocument: s.alone}}, ctx)
}

func requestContext(r Request) policy.RequestContext {
	values := make(map[string][]string, len(r.Context))
	for key, list := range r.Context {
		escaped := make([]string, len(list))
		for i, v := range list {
			escaped[i] = literal(v)
		}
		values[key], values[alias(key)] = escaped, escaped
	}
	resource := r.Resource
	if resource != "*" {
		resource = literal(resource)
	}
	return policy.RequestContext{Action: r.Action, Resource: resource, Condition: values}
}
