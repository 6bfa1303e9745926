package account

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sealift/sealift/sandbox/internal/iameval"
)

var (
	// ErrNoKey is an access key that nobody has.
	ErrNoKey = errors.New("access key does not exist")
	// ErrToken is a session token that is missing, foreign or of another key.
	ErrToken = errors.New("session token is invalid")
	// ErrExpired is a session that is over.
	ErrExpired = errors.New("session has expired")
)

// A Caller is who signs a request: a user, or a session.
type Caller struct {
	ARN         string // user/NAME or assumed-role/ROLE/SESSION
	UserID      string // AIDA…, or AROA…:SESSION
	AccessKeyID string
	User        *User    // nil for sessions of roles
	Role        *Role    // nil for users
	Session     *Session // nil for long-lived keys
	account     string
}

// Authenticate finds who has a key and the secret that proves it. The caller
// is not proven until a signature with that secret is.
func (a *Account) Authenticate(accessKeyID, token string, now time.Time) (Caller, string, error) {
	if strings.HasPrefix(accessKeyID, "ASIA") {
		return a.authenticateSession(accessKeyID, token, now)
	}
	u := a.users[accessKeyID]
	switch {
	case u == nil:
		return Caller{}, "", ErrNoKey
	case token != "":
		return Caller{}, "", ErrToken
	}
	c := Caller{ARN: u.arn, UserID: u.ID, AccessKeyID: accessKeyID, User: u, account: a.state.ID}
	return c, u.Keys[accessKeyID], nil
}

func (a *Account) authenticateSession(accessKeyID, token string, now time.Time) (Caller, string, error) {
	if token == "" {
		return Caller{}, "", ErrNoKey
	}
	s, err := a.open(accessKeyID, token)
	if err != nil {
		return Caller{}, "", ErrToken
	}
	c := Caller{AccessKeyID: accessKeyID, Session: s, account: a.state.ID}
	if s.User != "" {
		if c.User = a.state.Users[s.User]; c.User == nil {
			return Caller{}, "", ErrToken
		}
		c.ARN, c.UserID = c.User.arn, c.User.ID
	} else {
		if c.Role = a.state.Roles[s.Role]; c.Role == nil {
			return Caller{}, "", ErrToken
		}
		c.ARN, c.UserID = a.AssumedRole(c.Role, s.Name)
	}
	if !now.Before(s.Expires) {
		return c, s.Secret, ErrExpired
	}
	return c, s.Secret, nil
}

// AssumedRole names a session of a role: its ARN and its id.
func (a *Account) AssumedRole(r *Role, session string) (arn, id string) {
	return "arn:aws:sts::" + a.state.ID + ":assumed-role/" + r.Name + "/" + session, r.ID + ":" + session
}

// Asker is the caller with the policies that bind it.
func (c Caller) Asker() iameval.Asker {
	asker := iameval.Asker{Principal: iameval.Principal{ARN: c.ARN, Account: c.account}}
	if c.Role != nil {
		asker.Principal.RoleARN = c.Role.arn
		asker.Identity = c.Role.docs
	} else if c.User != nil {
		asker.Identity = c.User.docs
	}
	if c.Session != nil {
		asker.Session = c.Session.policy
	}
	return asker
}

// Context is what conditions may ask of the caller.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
// (recalled, not read again for this code).
func (c Caller) Context(now time.Time) map[string][]string {
	ctx := map[string][]string{
		"aws:PrincipalArn":          {c.ARN},
		"aws:PrincipalAccount":      {c.account},
		"aws:PrincipalType":         {"User"},
		"aws:PrincipalIsAWSService": {"false"},
		"aws:userid":                {c.UserID},
	}
	if c.User != nil {
		ctx["aws:username"] = []string{c.User.Name}
	}
	if c.Role != nil {
		ctx["aws:PrincipalArn"] = []string{c.Role.arn}
		ctx["aws:PrincipalType"] = []string{"AssumedRole"}
	}
	if c.Session != nil {
		c.Session.addTo(ctx, now)
	}
	return ctx
}

func (s *Session) addTo(ctx map[string][]string, now time.Time) {
	ctx["aws:TokenIssueTime"] = []string{s.Issued.UTC().Format(time.RFC3339)}
	ctx["aws:MultiFactorAuthPresent"] = []string{strconv.FormatBool(s.MFA)}
	if s.MFA {
		ctx["aws:MultiFactorAuthAge"] = []string{strconv.Itoa(int(now.Sub(s.Issued).Seconds()))}
	}
	if s.SourceIdentity != "" {
		ctx["aws:SourceIdentity"] = []string{s.SourceIdentity}
	}
	if s.Provider != "" {
		ctx["aws:FederatedProvider"] = []string{s.Provider}
	}
	for k, v := range s.Tags {
		ctx["aws:PrincipalTag/"+k] = []string{v}
	}
}
