package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

func TestGrantIsAskedForAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		narrowed, err := policy.Narrow(policy.Want{Bucket: "bucket", Keys: []string{"k"}})
		if err != nil {
			t.Fatal(err)
		}
		server := &clock{}
		code := 0
		s := open(t, session.Config{STS: server, MFACode: func(context.Context) (string, error) { code++; return fmt.Sprint(code), nil }},
			session.Grant{ExternalID: "ext", MFASerial: "arn:mfa", SourceIdentity: "ada", Tags: map[string]string{"b": "2", "a": "1"},
				Duration: 15*time.Minute + time.Millisecond, Policy: &narrowed})
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		in := server.asked[0]
		if *in.RoleArn != roleARN || *in.RoleSessionName != "sealift-01K" || *in.ExternalId != "ext" || *in.SerialNumber != "arn:mfa" ||
			*in.TokenCode != "1" || *in.SourceIdentity != "ada" || *in.DurationSeconds != 901 || *in.Policy != narrowed.Text ||
			len(in.Tags) != 2 || *in.Tags[0].Key != "a" || *in.Tags[1].Value != "2" {
			t.Errorf("got %+v", in)
		}
		id, _ := s.Identity("")
		if id.Narrowing != policy.KindObject || id.PolicySHA256 != narrowed.SHA256 || id.SourceIdentity != "ada" {
			t.Errorf("got %+v", id)
		}
		s.Invalidate(id.KeyID)
		if _, err := s.Retrieve(t.Context()); err != nil || *server.asked[1].TokenCode != "2" {
			t.Errorf("a code was used twice: %v", err)
		}
	})
}

func TestOnlyWhatIsAskedForIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clock{}
		if _, err := open(t, session.Config{STS: server}, session.Grant{}).Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		in := server.asked[0]
		if in.ExternalId != nil || in.SerialNumber != nil || in.TokenCode != nil || in.SourceIdentity != nil || in.Policy != nil || in.Tags != nil {
			t.Errorf("got %+v", in)
		}
	})
}

func TestWebIdentityFetchesATokenForEverySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clock{}
		n := 0
		narrowed, _ := policy.Narrow(policy.Want{Bucket: "bucket", Keys: []string{"k"}})
		s := open(t, session.Config{STS: server, WebIdentity: func(context.Context) (string, error) { n++; return fmt.Sprint("token", n), nil }},
			session.Grant{Policy: &narrowed})
		for range 2 {
			creds, err := s.Retrieve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.Invalidate(creds.AccessKeyID)
		}
		if *server.tokens[0].WebIdentityToken != "token1" || *server.tokens[1].WebIdentityToken != "token2" || *server.tokens[0].Policy != narrowed.Text {
			t.Errorf("got %+v", server.tokens)
		}
		bad := open(t, session.Config{STS: server, WebIdentity: func(context.Context) (string, error) { return "", errors.New("no endpoint") }}, session.Grant{})
		if _, err := bad.Retrieve(t.Context()); !errors.Is(err, session.ErrToken) {
			t.Errorf("got %v", err)
		}
	})
}

func TestGrantsThatCannotBeAskedFor(t *testing.T) {
	token := func(context.Context) (string, error) { return "", nil }
	ok := session.Config{STS: &clock{}}
	web := session.Config{STS: &clock{}, WebIdentity: token}
	for name, c := range map[string]struct {
		config session.Config
		grant  session.Grant
		want   error
	}{
		"no STS":          {session.Config{}, session.Grant{RoleARN: "r", Name: "name"}, session.ErrGrant},
		"no role":         {ok, session.Grant{Name: "name"}, session.ErrGrant},
		"no name":         {ok, session.Grant{RoleARN: "r"}, session.ErrGrant},
		"long name":       {ok, session.Grant{RoleARN: "r", Name: strings.Repeat("n", 65)}, session.ErrGrant},
		"name with space": {ok, session.Grant{RoleARN: "r", Name: "a b"}, session.ErrGrant},
		"identity":        {ok, session.Grant{RoleARN: "r", Name: "name", SourceIdentity: "a/b"}, session.ErrGrant},
		"negative":        {ok, session.Grant{RoleARN: "r", Name: "name", Duration: -1}, session.ErrGrant},
		"too long":        {ok, session.Grant{RoleARN: "r", Name: "name", Duration: 13 * time.Hour}, session.ErrGrant},
		"web identity":    {web, session.Grant{RoleARN: "r", Name: "name", SourceIdentity: "ada"}, session.ErrGrant},
		"web tags":        {web, session.Grant{RoleARN: "r", Name: "name", Tags: map[string]string{"a": "b"}}, session.ErrGrant},
		"web external":    {web, session.Grant{RoleARN: "r", Name: "name", ExternalID: "x"}, session.ErrGrant},
		"MFA":             {ok, session.Grant{RoleARN: "r", Name: "name", MFASerial: "m"}, session.ErrMFANeeded},
	} {
		if _, err := session.New(c.config, c.grant); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestPolicyThatCannotBePackedFallsBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := policy.Want{Bucket: "bucket", Keys: []string{"in/k"}, Prefix: "in/"}
		exact, _ := policy.Narrow(want)
		wider, _ := want.Wider()
		server := &clock{fail: func(n int) error {
			if n == 1 {
				return &types.PackedPolicyTooLargeException{Message: aws.String("Packed policy consumes 108% of allotted space")}
			}
			return nil
		}}
		s := open(t, session.Config{STS: server}, session.Grant{Policy: &exact, Fallback: &wider})
		creds, err := s.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if id, _ := s.Identity(creds.AccessKeyID); id.Narrowing != policy.KindPrefix || id.PolicySHA256 != wider.SHA256 {
			t.Errorf("got %+v", id)
		}
		s.Invalidate(creds.AccessKeyID)
		if _, err := s.Retrieve(t.Context()); err != nil || server.count() != 3 || *server.asked[2].Policy != wider.Text {
			t.Errorf("%d calls, %v", server.count(), err)
		}
		server = &clock{fail: func(int) error { return &types.PackedPolicyTooLargeException{} }}
		for _, g := range []session.Grant{{Policy: &exact}, {Policy: &exact, Fallback: &wider}} {
			if _, err := open(t, session.Config{STS: server}, g).Retrieve(t.Context()); !errors.Is(err, session.ErrPolicyTooLarge) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// refuse is what the SDK returns for an answer with this code.
func refuse(code, message string) error {
	return &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &awshttp.ResponseError{RequestID: "req-1",
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 403}},
			Err: &smithy.GenericAPIError{Code: code, Message: message}}}}
}

func TestRefusalsAreToldApart(t *testing.T) {
	for _, c := range []struct {
		code, message     string
		want              error
		action, condition string
	}{
		{"AccessDenied", "User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole on resource: r", session.ErrDenied, "sts:AssumeRole", ""},
		{"AccessDenied", "not authorized to perform: sts:TagSession on resource: r", session.ErrDenied, "sts:TagSession", ""},
		{"AccessDenied", "not authorized to perform: sts:SetSourceIdentity", session.ErrDenied, "sts:SetSourceIdentity", ""},
		{"AccessDenied", "not authorized to perform: sts:AssumeRole: condition sts:ExternalId of the trust policy does not hold", session.ErrDenied, "sts:AssumeRole", "sts:ExternalId"},
		{"AccessDenied", "a condition such as sts:ExternalId", session.ErrDenied, "", ""},
		{"AccessDenied", "condition token.actions.githubusercontent.com:sub", session.ErrDenied, "", "token.actions.githubusercontent.com:sub"},
		{"AccessDenied", "sts:AssumeRole: condition aws:MultiFactorAuthPresent", session.ErrDenied, "sts:AssumeRole", "aws:MultiFactorAuthPresent"},
		{"AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", session.ErrMFARefused, "", ""},
		{"InvalidIdentityToken", "No OpenIDConnect provider found", session.ErrDenied, "", ""},
		{"ExpiredToken", "The security token included in the request is expired", session.ErrExpiredBase, "", ""},
		{"ExpiredTokenException", "Token expired", session.ErrExpiredBase, "", ""},
		{"InvalidClientTokenId", "The security token included in the request is invalid", session.ErrInvalidBase, "", ""},
		{"SignatureDoesNotMatch", "", session.ErrInvalidBase, "", ""},
		{"ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", session.ErrDuration, "", ""},
		{"ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", session.ErrDuration, "", ""},
		{"ValidationError", "1 validation error detected", nil, "", ""},
		{"Throttling", "Rate exceeded", nil, "", ""},
	} {
		s := open(t, session.Config{STS: &clock{fail: func(int) error { return refuse(c.code, c.message) }}}, session.Grant{})
		_, err := s.Retrieve(t.Context())
		r, ok := errors.AsType[*session.Refusal](err)
		if !ok || r.Code != c.code || r.Message != c.message || r.RequestID != "req-1" || r.Action != c.action || r.Condition != c.condition {
			t.Errorf("%s %q: got %+v", c.code, c.message, r)
			continue
		}
		if r.Reason != c.want || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s %q: got %v, want %v", c.code, c.message, r.Reason, c.want)
		}
		if _, ok := errors.AsType[*smithy.OperationError](err); !ok {
			t.Errorf("%s: the SDK's error is lost", c.code)
		}
		if text := err.Error(); !strings.HasPrefix(text, "assume role "+roleARN+": ") || !strings.Contains(text, c.code) || strings.Contains(text, "operation error") {
			t.Errorf("got %q", text)
		}
	}
}

func TestErrorsWithoutAnAnswer(t *testing.T) {
	op := func(err error) error {
		return &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: err}
	}
	for _, c := range []struct {
		err  error
		want error
		text string
	}{
		{op(&url.Error{Op: "Post", URL: "https://sts/?secret", Err: errors.New("refused")}), nil, `Post "https://sts/": refused`},
		{op(errors.New("get identity: get credentials: nothing there")), session.ErrInvalidBase, "nothing there"},
		{op(fmt.Errorf("get identity: %w", &session.BaseError{Err: session.ErrExpiredBase})), session.ErrExpiredBase,
			"assume role " + roleARN + ": get base credentials: base credentials expired"},
		{op(errors.New("odd")), nil, "odd"},
	} {
		_, err := open(t, session.Config{STS: &clock{fail: func(int) error { return c.err }}}, session.Grant{}).Retrieve(t.Context())
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
}

// answerer is an STS of another time.
type answerer struct{ now func() time.Time }

func (a answerer) Do(*http.Request) (*http.Response, error) {
	text := fmt.Sprintf(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId>
<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
		a.now().Add(time.Hour).UTC().Format(time.RFC3339))
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(text)),
		Header: http.Header{"Date": {a.now().UTC().Format(http.TimeFormat)}, "Content-Type": {"text/xml"}}}, nil
}

// A clock that is wrong by hours must not make a session look over, nor last.
func TestWrongLocalClock(t *testing.T) {
	for _, wrong := range []time.Duration{-3 * time.Hour, 0, 3 * time.Hour} {
		server := answerer{func() time.Time { return time.Now().Add(wrong) }}
		api := sts.New(sts.Options{Region: "us-east-1", HTTPClient: server, Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"}, nil
			})})
		s := open(t, session.Config{STS: api}, session.Grant{})
		creds, err := s.Retrieve(t.Context())
		if left := time.Until(creds.Expires); err != nil || (left-time.Hour).Abs() > time.Minute {
			t.Errorf("clock wrong by %v: %v left, %v", wrong, left, err)
		}
		id, _ := s.Identity("")
		if id.Expires.Sub(server.now().Add(time.Hour)).Abs() > time.Minute {
			t.Errorf("clock wrong by %v: receipts say %v", wrong, id.Expires)
		}
		if left := time.Until(id.Ends); (left - time.Hour).Abs() > time.Minute {
			t.Errorf("clock wrong by %v: the bar says %v", wrong, left)
		}
	}
}

// broken answers without what a session needs.
type broken struct{ out *sts.AssumeRoleOutput }

func (b broken) AssumeRole(context.Context, *sts.AssumeRoleInput, ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	return b.out, nil
}

func (b broken) AssumeRoleWithWebIdentity(context.Context, *sts.AssumeRoleWithWebIdentityInput, ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return nil, nil
}

func TestAnswersWithoutCredentialsAreErrors(t *testing.T) {
	key := func(expires time.Time) *types.Credentials {
		return &types.Credentials{AccessKeyId: aws.String("A"), SecretAccessKey: aws.String("s"), SessionToken: aws.String("t"), Expiration: &expires}
	}
	noToken := key(time.Now().Add(time.Hour))
	noToken.SessionToken = nil
	for name, c := range map[string]*types.Credentials{
		"nothing": nil, "empty": {}, "no token": noToken, "expired": key(time.Now().Add(-time.Hour)),
	} {
		s := open(t, session.Config{STS: broken{&sts.AssumeRoleOutput{Credentials: c}}}, session.Grant{})
		if creds, err := s.Retrieve(t.Context()); err == nil {
			t.Errorf("%s: got %s", name, creds.AccessKeyID)
		}
	}
}
