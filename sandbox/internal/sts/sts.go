// Package sts answers the Security Token Service's calls: AssumeRole,
// AssumeRoleWithWebIdentity, GetSessionToken and GetCallerIdentity.
//
// It is given requests whose signature was checked and gives back XML; it
// knows nothing of HTTP. Error codes and messages are AWS's where they are
// documented or were seen; what the sandbox knows beyond them goes into
// awserr.Error.Reason.
//
// It has no managed policies (PolicyArns), SAML or federation tokens.
package sts

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"time"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/awserr"
)

// Namespace is that of the query protocol's answers.
const Namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// Limits of sessions.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// (recalled, not read again for this code).
const (
	MinDuration     = 900 * time.Second
	MaxDuration     = 43_200 * time.Second
	DefaultDuration = time.Hour
	maxChained      = time.Hour
	maxPolicy       = 2048 // characters, plain text
)

// DefaultPackedLimit is how many packed bytes of session policy and tags are
// let through. AWS publishes no number; this one lets an ordinary policy of
// 2,048 characters pass and stops one made of random keys.
const DefaultPackedLimit = 1024

// A Service answers for one account.
type Service struct {
	Account     *account.Account
	Tokens      TokenVerifier
	MinDuration time.Duration // 0 = MinDuration
	PackedLimit int           // bytes; 0 = DefaultPackedLimit
	MFACode     string        // a code every device takes, for tests; "" = none
	Now         func() time.Time
}

// A TokenVerifier checks a web identity token and gives its claims.
type TokenVerifier interface {
	Verify(token string, now time.Time) (Claims, error)
}

// Claims are what a web identity token says.
type Claims struct {
	Issuer   string
	Subject  string
	Audience []string
}

// A Request is one call.
type Request struct {
	Form    url.Values
	Caller  *account.Caller     // nil = unsigned, as AssumeRoleWithWebIdentity is
	Context map[string][]string // condition keys of the connection (aws:SourceIp …)
}

// Do answers a call with a body, or the error to write.
func (s *Service) Do(r Request, requestID string) ([]byte, *awserr.Error) {
	var (
		result any
		err    *awserr.Error
	)
	action := r.Form.Get("Action")
	switch {
	case action == "AssumeRoleWithWebIdentity":
		result, err = s.assumeRoleWithWebIdentity(r)
	case r.Caller == nil:
		err = awserr.New(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case action == "AssumeRole":
		result, err = s.assumeRole(r)
	case action == "GetSessionToken":
		result, err = s.getSessionToken(r)
	case action == "GetCallerIdentity":
		result = callerIdentity{ARN: r.Caller.ARN, UserID: r.Caller.UserID, Account: s.Account.ID()}
	default:
		err = awserr.New(http.StatusBadRequest, "InvalidAction",
			"Could not find operation %s for version %s", action, r.Form.Get("Version"))
	}
	if err != nil {
		return nil, err
	}
	return answer(action, result, requestID), nil
}

// answer wraps a result as the query protocol does.
func answer(action string, result any, requestID string) []byte {
	type metadata struct {
		RequestID string `xml:"RequestId"`
	}
	text, err := xml.Marshal(struct {
		XMLName  xml.Name
		Result   any
		Metadata metadata `xml:"ResponseMetadata"`
	}{xml.Name{Space: Namespace, Local: action + "Response"}, named{action + "Result", result}, metadata{requestID}})
	if err != nil {
		panic("sts: marshal answer: " + err.Error())
	}
	return append([]byte(xml.Header), text...)
}

// named marshals a value under a name known only at run time.
type named struct {
	name  string
	value any
}

func (n named) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(n.value, xml.StartElement{Name: xml.Name{Local: n.name}})
}

type callerIdentity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRoleUser struct {
	ARN string `xml:"Arn"`
	ID  string `xml:"AssumedRoleId"`
}

type assumed struct {
	User             *assumedRoleUser `xml:"AssumedRoleUser,omitempty"`
	Credentials      credentials
	PackedPolicySize int    `xml:",omitempty"`
	SessionTokenSize int    // bytes
	SourceIdentity   string `xml:",omitempty"`

	Subject  string `xml:"SubjectFromWebIdentityToken,omitempty"`
	Audience string `xml:",omitempty"`
	Provider string `xml:",omitempty"`
}

// mint turns a decided session into the answer's credentials.
func (s *Service) mint(session account.Session) (assumed, *awserr.Error) {
	session, token, err := s.Account.Mint(session)
	if err != nil {
		return assumed{}, awserr.New(http.StatusInternalServerError, "InternalFailure", "%v", err)
	}
	return assumed{
		Credentials: credentials{
			AccessKeyID:     session.AccessKeyID,
			SecretAccessKey: session.Secret,
			SessionToken:    token,
			Expiration:      session.Expires.UTC().Format(time.RFC3339),
		},
		SourceIdentity:   session.SourceIdentity,
		SessionTokenSize: len(token),
	}, nil
}
