package sts

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/iameval"
)

func (s *Service) assumeRole(r Request) (any, *awserr.Error) {
	p, err := s.readParams(r.Form)
	if err != nil {
		return nil, err
	}
	if err := s.inherit(&p, *r.Caller); err != nil {
		return nil, err
	}
	ctx := s.context(r, p)
	mfa, err := s.checkMFA(p, r.Caller.User, ctx)
	if err != nil {
		return nil, err
	}
	role := s.Account.Role(p.roleARN)
	if err := authorize(*r.Caller, role, p, ctx); err != nil {
		return nil, err
	}
	duration, err := p.durationOf(role, r.Caller.Role != nil)
	if err != nil {
		return nil, err
	}
	packed, err := s.packed(p)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	out, err := s.mint(account.Session{
		Role: role.Name, Name: p.sessionName,
		Issued: now, Expires: now.Add(duration),
		MFA: mfa, Chained: r.Caller.Role != nil,
		Policy: p.policy, SourceIdentity: p.sourceIdentity,
		Tags: p.tags, Transitive: p.transitive,
	})
	if err != nil {
		return nil, err
	}
	out.User, out.PackedPolicySize = s.assumedUser(role, p.sessionName), packed
	return out, nil
}

func (s *Service) assumedUser(role *account.Role, name string) *assumedRoleUser {
	arn, id := s.Account.AssumedRole(role, name)
	return &assumedRoleUser{ARN: arn, ID: id}
}

// inherit takes over what a chain of roles hands on: the source identity,
// which cannot be changed, and transitive tags, which cannot be overridden.
func (s *Service) inherit(p *params, caller account.Caller) *awserr.Error {
	from := caller.Session
	if from == nil {
		return nil
	}
	if from.SourceIdentity != "" {
		if p.sourceIdentity != "" && p.sourceIdentity != from.SourceIdentity {
			return denied(caller, "sts:SetSourceIdentity", p.roleARN).
				Because("the source identity of a session cannot be changed")
		}
		p.sourceIdentity = from.SourceIdentity
	}
	for _, key := range from.Transitive {
		if _, set := p.tags[key]; set {
			return invalid("InvalidParameterValue",
				"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		p.tags[key] = from.Tags[key]
		p.transitive = append(p.transitive, key)
	}
	return nil
}

// authorize asks the role's trust policy, and the caller's own policies, for
// every action the call needs.
func authorize(caller account.Caller, role *account.Role, p params, ctx map[string][]string) *awserr.Error {
	if role == nil {
		return denied(caller, "sts:AssumeRole", p.roleARN).Because("there is no such role")
	}
	actions := []string{"sts:AssumeRole"}
	if p.sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	if len(p.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	for _, action := range actions {
		request := iameval.Request{Action: action, Resource: role.ARN(), Context: ctx}
		if why := refusal(caller.Asker(), request, role.TrustPolicy()); why != "" {
			return denied(caller, action, role.ARN()).Because(why)
		}
	}
	return nil
}

// refusal says which side refused, and by which condition, which AWS does not;
// "" = nobody refused. Clients look for "condition KEY".
func refusal(asker iameval.Asker, r iameval.Request, trust iameval.Document) string {
	v := asker.DecideTrust(r, trust)
	if v.Allowed {
		return ""
	}
	if v.Source != iameval.FromResource {
		return v.Reason()
	}
	cause := asker.WhyNot(r, trust, v)
	switch {
	case v.Explicit && len(cause.Conditions) > 0:
		return v.Reason() + ", by its condition " + strings.Join(cause.Conditions, " and condition ")
	case v.Explicit:
		return v.Reason()
	case len(cause.Conditions) > 0:
		return "in the role's trust policy, condition " + strings.Join(cause.Conditions, " does not hold and condition ") + " does not hold"
	case cause.Named:
		return "no statement of the role's trust policy allows this caller " + r.Action
	}
	return "no statement of the role's trust policy lets this caller in: principal, or a condition such as sts:ExternalId or aws:MultiFactorAuthPresent, does not match"
}

func denied(caller account.Caller, action, resource string) *awserr.Error {
	return awserr.Denied("User: %s is not authorized to perform: %s on resource: %s", caller.ARN, action, resource)
}

// context is what trust policies may ask of the call.
func (s *Service) context(r Request, p params) map[string][]string {
	ctx := maps.Clone(r.Context)
	if ctx == nil {
		ctx = map[string][]string{}
	}
	if r.Caller != nil {
		maps.Copy(ctx, r.Caller.Context(s.Now()))
	}
	set := func(key, value string) {
		if value != "" {
			ctx[key] = []string{value}
		}
	}
	set("sts:ExternalId", p.externalID)
	set("sts:RoleSessionName", p.sessionName)
	set("sts:SourceIdentity", p.sourceIdentity)
	for k, v := range p.tags {
		ctx["aws:RequestTag/"+k] = []string{v}
	}
	if len(p.tags) > 0 {
		ctx["aws:TagKeys"] = slices.Sorted(maps.Keys(p.tags))
	}
	if len(p.transitive) > 0 {
		ctx["sts:TransitiveTagKeys"] = p.transitive
	}
	return ctx
}

// packed is how full the session's policy and tags are, in percent.
func (s *Service) packed(p params) (int, *awserr.Error) {
	limit := s.PackedLimit
	if limit == 0 {
		limit = DefaultPackedLimit
	}
	percent := (account.PackedSize(p.policy, p.tags)*100 + limit - 1) / limit
	if percent > 100 {
		return 0, invalid("PackedPolicyTooLarge",
			"Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
	}
	return percent, nil
}

func (s *Service) getSessionToken(r Request) (any, *awserr.Error) {
	if r.Caller.Session != nil {
		return nil, awserr.Denied("Cannot call GetSessionToken with session credentials")
	}
	p := params{serial: r.Form.Get("SerialNumber"), code: r.Form.Get("TokenCode")}
	duration, err := s.readDuration(r.Form, 12*time.Hour, 36*time.Hour)
	if err != nil {
		return nil, err
	}
	mfa, err := s.checkMFA(p, r.Caller.User, map[string][]string{})
	if err != nil {
		return nil, err
	}
	now := s.Now()
	return orError(s.mint(account.Session{
		User: r.Caller.User.Name, Issued: now, Expires: now.Add(duration), MFA: mfa,
	}))
}

func orError(a assumed, err *awserr.Error) (any, *awserr.Error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

func invalid(code, format string, args ...any) *awserr.Error {
	return awserr.New(http.StatusBadRequest, code, format, args...)
}

// hostOf is an issuer's URL as ARNs and condition keys write it.
func hostOf(issuer string) string {
	_, host, found := strings.Cut(issuer, "://")
	if !found {
		return issuer
	}
	return strings.TrimSuffix(host, "/")
}
