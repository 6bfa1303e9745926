package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

func (b *box) whoami(c aws.Credentials) (*sts.GetCallerIdentityOutput, error) {
	return b.sts(c).GetCallerIdentity(b.t.Context(), &sts.GetCallerIdentityInput{})
}

// Trap 11: the engine has no AssumeRole. Ours answers as AWS's does.
func TestTrap11AssumeRole(t *testing.T) {
	b := start(t)
	t.Run("gives a session of the role", func(t *testing.T) {
		out, err := b.sts(b.user()).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: &b.RoleARN, RoleSessionName: aws.String("sealift-01K"), SourceIdentity: aws.String("ann"),
			Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`),
			Tags:   []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := "arn:aws:sts::123456789012:assumed-role/s3-uploader-role/sealift-01K"
		if *out.AssumedRoleUser.Arn != want || !strings.HasSuffix(*out.AssumedRoleUser.AssumedRoleId, ":sealift-01K") {
			t.Errorf("got %v", *out.AssumedRoleUser.Arn)
		}
		packed := aws.ToInt32(out.PackedPolicySize) //lint:ignore SA1019 STS still answers it, and clients read it
		if aws.ToString(out.SourceIdentity) != "ann" || packed <= 0 || int(aws.ToInt32(out.SessionTokenSize)) != len(*out.Credentials.SessionToken) {
			t.Errorf("got source identity %v, packed %v, token of %v bytes", out.SourceIdentity, packed, out.SessionTokenSize)
		}
		if left := time.Until(*out.Credentials.Expiration); left > time.Hour || left < 59*time.Minute {
			t.Errorf("session lasts %v, want the default hour", left)
		}
		if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || len(*out.Credentials.AccessKeyId) != 20 {
			t.Errorf("got key %s", *out.Credentials.AccessKeyId)
		}
	})
	t.Run("who am I", func(t *testing.T) {
		id, err := b.whoami(b.user())
		if err != nil || *id.Arn != "arn:aws:iam::123456789012:user/uploader" || *id.Account != b.Account {
			t.Errorf("user: got %v %v", id, err)
		}
		id, err = b.whoami(b.assume())
		if err != nil || *id.Arn != "arn:aws:sts::123456789012:assumed-role/s3-uploader-role/sealift-test" {
			t.Errorf("session: got %v %v", id, err)
		}
	})
	t.Run("refusals name user, action and resource", func(t *testing.T) {
		other := "arn:aws:iam::123456789012:role/no-such-role"
		_, err := b.tryAssume(b.user(), func(in *sts.AssumeRoleInput) { in.RoleArn = &other })
		denied(t, err, "User: arn:aws:iam::123456789012:user/uploader is not authorized to perform: sts:AssumeRole on resource: "+other)
	})
	t.Run("the administrator is not trusted", func(t *testing.T) {
		_, err := b.tryAssume(b.admin())
		denied(t, err, "sts:AssumeRole on resource: "+b.RoleARN)
	})
}

func TestTrap11ParametersAreChecked(t *testing.T) {
	b := start(t)
	long := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/%s"}]}`
	fixed := len(fmt.Sprintf(long, ""))
	for _, c := range []struct {
		name, code, says string
		edit             func(*sts.AssumeRoleInput)
	}{
		{"a session name of one character", "ValidationError", "'roleSessionName'",
			func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("x") }},
		{"a session name with a space", "ValidationError", "'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern",
			func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") }},
		{"a source identity with a slash", "ValidationError", "'sourceIdentity'",
			func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("a/b") }},
		{"899 seconds", "ValidationError", "'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
			func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) }},
		{"43,201 seconds", "ValidationError", "less than or equal to 43200",
			func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43_201) }},
		{"a policy of 2,049 characters", "ValidationError", "'policy' failed to satisfy constraint: Member must have length less than or equal to 2048",
			withPolicy(fmt.Sprintf(long, strings.Repeat("k", 2049-fixed)))},
		{"a policy that is none", "MalformedPolicyDocument", "", withPolicy(`{"Version":"2012-10-17"}`)},
		{"a policy with a principal", "MalformedPolicyDocument", "", withPolicy(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`)},
		{"a policy in Cyrillic", "ValidationError", "'policy' failed to satisfy constraint: Member must satisfy regular expression pattern", withPolicy(fmt.Sprintf(long, "Ж"))},
		{"a policy with a field of no meaning", "MalformedPolicyDocument", "Permissions", withPolicy(`{"Permissions":1,"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)},
		{"a policy with one Sid twice", "MalformedPolicyDocument", "unique",
			withPolicy(`{"Statement":[{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)},
		{"a tag twice", "InvalidParameterValue", "Duplicate tag keys", withTags("Team", "team")},
		{"a reserved tag", "InvalidParameterValue", "aws:", withTags("aws:team")},
		{"managed policies", "InvalidParameterValue", "PolicyArns",
			func(in *sts.AssumeRoleInput) {
				in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := b.tryAssume(b.user(), c.edit)
			api := refused(t, err, http.StatusBadRequest, c.code)
			if !strings.Contains(api.ErrorMessage(), c.says) {
				t.Errorf("got %q, want %q", api.ErrorMessage(), c.says)
			}
		})
	}
	for _, seconds := range []int32{900, 43_200} {
		if _, err := b.tryAssume(b.user(), func(in *sts.AssumeRoleInput) { in.DurationSeconds = &seconds }); err != nil {
			t.Errorf("%d seconds: %v", seconds, err)
		}
	}
	for _, text := range []string{"é", `\u0416`} {
		if _, err := b.tryAssume(b.user(), withPolicy(fmt.Sprintf(long, text))); err != nil {
			t.Errorf("a policy with %s: %v", text, err)
		}
	}
	if _, err := b.tryAssume(b.user(), withPolicy(fmt.Sprintf(long, strings.Repeat("k", 2048-fixed)))); err != nil {
		t.Errorf("a policy of 2,048 characters: %v", err)
	}
}

func withTags(keys ...string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) {
		for _, key := range keys {
			in.Tags = append(in.Tags, types.Tag{Key: &key, Value: aws.String("v")})
		}
	}
}

// A policy can fit in 2,048 characters and still not in AWS's packed form.
func TestTrap11PackedPolicyTooLarge(t *testing.T) {
	b := start(t)
	var keys []string
	for len(strings.Join(keys, "")) < 1700 {
		keys = append(keys, fmt.Sprintf(`"arn:aws:s3:::b/%x"`, noise(24)))
	}
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":[` + strings.Join(keys, ",") + `]}]}`
	if len(text) > 2048 {
		t.Fatalf("the policy has %d characters", len(text))
	}
	small := start(t, "--packed-limit", "300")
	_, err := small.tryAssume(small.user(), withPolicy(text))
	api := refused(t, err, http.StatusBadRequest, "PackedPolicyTooLarge")
	if !strings.Contains(api.ErrorMessage(), "% of allotted space") {
		t.Errorf("got %q", api.ErrorMessage())
	}
	if _, err := b.tryAssume(b.user(), withPolicy(text)); err != nil {
		t.Logf("by the default limit it is too large as well: %v", err)
	}
}

// A chain of roles lasts an hour at most and hands on source identity and
// transitive tags. The default roles trust the user only, so the chain is
// tried at the limit: which check refuses tells how far it came.
func TestTrap11ChainsOfRoles(t *testing.T) {
	b := start(t)
	_, err := b.tryAssume(b.assume())
	denied(t, err, "assumed-role/s3-uploader-role/sealift-test is not authorized to perform: sts:AssumeRole")
}

// Trap 11, MFA: a code of the device's seed is taken, as is the fixed one of
// --mfa-code; others are not.
func TestTrap11MFA(t *testing.T) {
	b := start(t, "--mfa-code", "424242")
	device := "arn:aws:iam::123456789012:mfa/uploader"
	with := func(serial, code string) func(*sts.AssumeRoleInput) {
		return func(in *sts.AssumeRoleInput) { in.SerialNumber, in.TokenCode = &serial, &code }
	}
	if _, err := b.tryAssume(b.user(), with(device, "424242")); err != nil {
		t.Errorf("fixed code: %v", err)
	}
	_, err := b.tryAssume(b.user(), with(device, "000000"))
	denied(t, err, "MultiFactorAuthentication failed with invalid MFA one time pass code")
	_, err = b.tryAssume(b.user(), with("arn:aws:iam::123456789012:mfa/nobody", "424242"))
	denied(t, err, "MultiFactorAuthentication failed, unable to validate MFA code")
}

func TestTrap11WebIdentity(t *testing.T) {
	b := start(t, "--min-session", "1s")
	role := "arn:aws:iam::123456789012:role/s3-web-identity-role"
	token := func(query string) string {
		answer := must[*http.Response](t)(http.Get(b.Endpoint + "/.oidc/token?" + query))
		defer answer.Body.Close()
		var body struct{ Value string }
		if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return body.Value
	}
	assume := func(role, token, policy string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("ci-run"), WebIdentityToken: &token}
		if policy != "" {
			in.Policy = &policy
		}
		return b.sts(aws.Credentials{}).AssumeRoleWithWebIdentity(t.Context(), in)
	}
	good := token("subject=repo:o/n:ref:refs/heads/main&audience=sts.amazonaws.com")

	out, err := assume(role, good, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/in/a"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.SubjectFromWebIdentityToken) != "repo:o/n:ref:refs/heads/main" || aws.ToString(out.Audience) != "sts.amazonaws.com" {
		t.Errorf("got %v %v", aws.ToString(out.SubjectFromWebIdentityToken), aws.ToString(out.Audience))
	}
	session := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
	if _, err := put(t.Context(), b.s3(session), b.Bucket, "in/a", []byte("x")); err != nil {
		t.Errorf("its own key: %v", err)
	}
	_, err = put(t.Context(), b.s3(session), b.Bucket, "in/b", []byte("x"))
	denied(t, err, "no session policy allows")

	_, err = assume(b.RoleARN, good, "")
	denied(t, err, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	_, err = assume(role, token("audience=somebody-else"), "")
	refused(t, err, http.StatusBadRequest, "InvalidIdentityToken")
	_, err = assume(role, good[:len(good)-8]+"AAAAAAAA", "")
	refused(t, err, http.StatusBadRequest, "InvalidIdentityToken")
	_, err = assume(role, token("life=-1s"), "")
	refused(t, err, http.StatusBadRequest, "ExpiredTokenException")
}

func TestIssuerDescribesItself(t *testing.T) {
	b := start(t)
	for path, part := range map[string]string{
		"/.oidc/.well-known/openid-configuration": `"jwks_uri":"` + b.Endpoint + `/.oidc/jwks"`,
		"/.oidc/jwks": `"kty":"RSA"`,
	} {
		answer := must[*http.Response](t)(http.Get(b.Endpoint + path))
		body := must[[]byte](t)(io.ReadAll(answer.Body))
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.Contains(string(body), part) {
			t.Errorf("%s: got %d %s", path, answer.StatusCode, body)
		}
	}
}

// A session ends when it said it would, and both services say so, each in its
// own words.
func TestExpiredSessions(t *testing.T) {
	b := start(t, "--min-session", "1s")
	session := b.assume(func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3) })
	if _, err := put(t.Context(), b.s3(session), b.Bucket, "early", []byte("x")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(session.Expires) + 1100*time.Millisecond) // Expiration is told in whole seconds
	_, err := put(t.Context(), b.s3(session), b.Bucket, "late", []byte("x"))
	refused(t, err, http.StatusBadRequest, "ExpiredToken")
	_, err = b.whoami(session)
	refused(t, err, http.StatusForbidden, "ExpiredToken")
}

func TestForeignKeysAndTokens(t *testing.T) {
	b := start(t)
	session := b.assume()
	for _, c := range []struct {
		name        string
		credentials aws.Credentials
		s3Status    int
		s3Code      string
		stsCode     string
	}{
		{"a key nobody has", aws.Credentials{AccessKeyID: "AKIAAAAAAAAAAAAAAAAA", SecretAccessKey: "x"}, 403, "InvalidAccessKeyId", "InvalidClientTokenId"},
		{"a wrong secret", aws.Credentials{AccessKeyID: b.AccessKeyID, SecretAccessKey: "x"}, 403, "SignatureDoesNotMatch", "SignatureDoesNotMatch"},
		{"a session without its token", aws.Credentials{AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey}, 403, "InvalidAccessKeyId", "InvalidClientTokenId"},
		{"a token that was changed", aws.Credentials{AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey, SessionToken: session.SessionToken[:40] + "AAAA" + session.SessionToken[44:]}, 400, "InvalidToken", "InvalidClientTokenId"},
		{"a token of another key", aws.Credentials{AccessKeyID: b.assume().AccessKeyID, SecretAccessKey: session.SecretAccessKey, SessionToken: session.SessionToken}, 400, "InvalidToken", "InvalidClientTokenId"},
		{"a token with long-lived keys", aws.Credentials{AccessKeyID: b.AccessKeyID, SecretAccessKey: b.SecretAccessKey, SessionToken: session.SessionToken}, 400, "InvalidToken", "InvalidClientTokenId"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := b.s3(c.credentials).ListBuckets(t.Context(), &s3.ListBucketsInput{})
			refused(t, err, c.s3Status, c.s3Code)
			_, err = b.whoami(c.credentials)
			refused(t, err, 403, c.stsCode)
		})
	}
}

func TestGetSessionToken(t *testing.T) {
	b := start(t)
	out, err := b.sts(b.admin()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	session := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
	id, err := b.whoami(session)
	if err != nil || *id.Arn != "arn:aws:iam::123456789012:user/sandbox-admin" {
		t.Errorf("got %v %v", id, err)
	}
	if _, err := b.s3(session).ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
		t.Error(err)
	}
}

// What AWS keeps to itself goes into a header.
func TestRefusalsCarryTheirReason(t *testing.T) {
	b := start(t)
	cfg := b.config(b.admin())
	seen := ""
	cfg.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			seen = answer.Header.Get("X-Sandbox-Reason")
		}
		return answer, err
	})
	_, err := sts.NewFromConfig(cfg).AssumeRole(context.Background(), &sts.AssumeRoleInput{RoleArn: &b.RoleARN, RoleSessionName: aws.String("xx")})
	if err == nil || !strings.Contains(seen, "trust policy") {
		t.Errorf("got %v, reason %q", err, seen)
	}
	if errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
