package sts

import (
	"net/http"
	"slices"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/iameval"
)

// assumeRoleWithWebIdentity takes a signed token in place of a signed
// request. It has no source identity, tags or external id.
func (s *Service) assumeRoleWithWebIdentity(r Request) (any, *awserr.Error) {
	for _, field := range []string{"SourceIdentity", "Tags.member.1.Key", "ExternalId", "SerialNumber"} {
		r.Form.Del(field)
	}
	p, err := s.readParams(r.Form)
	if err != nil {
		return nil, err
	}
	claims, provider, err := s.identify(r.Form.Get("WebIdentityToken"))
	if err != nil {
		return nil, err
	}
	role := s.Account.Role(p.roleARN)
	if err := s.authorizeWeb(r, p, role, claims, provider); err != nil {
		return nil, err
	}
	duration, err := p.durationOf(role, false)
	if err != nil {
		return nil, err
	}
	packed, err := s.packed(p)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	out, err := s.mint(account.Session{
		Role: role.Name, Name: p.sessionName, Issued: now, Expires: now.Add(duration),
		Policy: p.policy, Provider: provider, Subject: claims.Subject,
	})
	if err != nil {
		return nil, err
	}
	out.User, out.PackedPolicySize = s.assumedUser(role, p.sessionName), packed
	out.Subject, out.Audience, out.Provider = claims.Subject, claims.Audience[0], provider
	return out, nil
}

// identify checks the token and finds the provider that vouches for it.
func (s *Service) identify(token string) (Claims, string, *awserr.Error) {
	if token == "" {
		return Claims{}, "", invalid("ValidationError", "1 validation error detected: Value null at 'webIdentityToken' failed to satisfy constraint: Member must not be null")
	}
	claims, err := s.Tokens.Verify(token, s.Now())
	if err != nil {
		if expired(err) {
			return Claims{}, "", invalid("ExpiredTokenException", "Token expired: %v", err)
		}
		return Claims{}, "", invalid("InvalidIdentityToken", "%v", err)
	}
	arn, provider := s.Account.Provider(claims.Issuer)
	if provider == nil {
		return Claims{}, "", invalid("InvalidIdentityToken", "No OpenIDConnect provider found in your account for %s", claims.Issuer)
	}
	if !slices.ContainsFunc(claims.Audience, func(a string) bool { return slices.Contains(provider.ClientIDs, a) }) {
		return Claims{}, "", invalid("InvalidIdentityToken", "Incorrect token audience")
	}
	return claims, arn, nil
}

// expired asks the verifier's error whether the token was good once.
func expired(err error) bool {
	e, ok := err.(interface{ Expired() bool })
	return ok && e.Expired()
}

func (s *Service) authorizeWeb(r Request, p params, role *account.Role, c Claims, provider string) *awserr.Error {
	refused := awserr.New(http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	if role == nil {
		return refused.Because("there is no such role")
	}
	ctx := s.context(r, p)
	host := hostOf(c.Issuer)
	ctx[host+":sub"] = []string{c.Subject}
	ctx[host+":aud"] = c.Audience
	asker := iameval.Asker{Principal: iameval.Principal{Federated: provider, Account: s.Account.ID()}}
	request := iameval.Request{Action: "sts:AssumeRoleWithWebIdentity", Resource: role.ARN(), Context: ctx}
	if why := refusal(asker, request, role.TrustPolicy()); why != "" {
		return refused.Because(why)
	}
	return nil
}
