package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/sealift/sealift/sandbox/internal/account"
	totp "github.com/sealift/sealift/sandbox/internal/sts"
)

const (
	userARN    = "arn:aws:iam::123456789012:user/uploader"
	accountARN = "arn:aws:iam::123456789012:root"
	assumeOnly = `"sts:AssumeRole"`
	allSTS     = `["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]`
	putAny     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`
)

func trust(principal, action, condition string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":%q},"Action":%s,"Condition":{%s}}`, principal, action, condition)
}

func roleOf(name string) string { return "arn:aws:iam::123456789012:role/" + name }

// A lab is a sandbox whose account has more roles, each with the trust that
// one test is about.
func lab(t *testing.T, roles map[string]string, edits ...func(*account.State)) *box {
	t.Helper()
	dir := temp(t)
	start(t, "--dir", dir).stop()
	path := filepath.Join(dir, "account.json")
	var s account.State
	if err := json.Unmarshal(must[[]byte](t)(os.ReadFile(path)), &s); err != nil {
		t.Fatal(err)
	}
	for name, statements := range roles {
		s.Roles[name] = &account.Role{
			Name: name, ID: account.NewKeyID("AROA"), MaxSession: 7200,
			Trust:    json.RawMessage(`{"Version":"2012-10-17","Statement":[` + statements + `]}`),
			Policies: map[string]json.RawMessage{"put": json.RawMessage(putAny)},
		}
	}
	for _, edit := range edits {
		edit(&s)
	}
	if err := os.WriteFile(path, must[[]byte](t)(json.Marshal(s)), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "--dir", dir, "--min-session", "1s")
}

// Trap 11: every condition a trust policy can set is weighed, and a refusal
// is AWS's: user, action, role.
func TestTrap11TrustConditions(t *testing.T) {
	b := lab(t, map[string]string{
		"external": trust(userARN, assumeOnly, `"StringEquals":{"sts:ExternalId":"secret-7"}`),
		"identity": trust(userARN, allSTS, `"StringLike":{"sts:SourceIdentity":"ann-*"}`),
		"bare":     trust(userARN, assumeOnly, ``),
		"tagged":   trust(userARN, allSTS, `"StringEquals":{"aws:RequestTag/team":"blue"},"ForAllValues:StringEquals":{"aws:TagKeys":["team","cost"]}`),
		"mfa":      trust(userARN, assumeOnly, `"Bool":{"aws:MultiFactorAuthPresent":"true"}`),
		"several":  trust(userARN, assumeOnly, `"StringEquals":{"sts:ExternalId":"secret-7","aws:PrincipalAccount":"123456789012"},"Bool":{"aws:MultiFactorAuthPresent":"true"}`),
		"named":    trust(userARN, assumeOnly, `"StringLike":{"sts:RoleSessionName":"sealift-*"}`),
		"denying": trust(userARN, assumeOnly, ``) + `,{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole",
			"Condition":{"StringNotEquals":{"sts:ExternalId":"x1"}}}`,
		"whole-account":  trust(accountARN, assumeOnly, ``),
		"s3-reader-role": trust(userARN, assumeOnly, ``),
		"elsewhere":      trust("arn:aws:iam::123456789012:user/somebody", assumeOnly, ``),
	})
	type edit = func(*sts.AssumeRoleInput)
	external := func(id string) edit { return func(in *sts.AssumeRoleInput) { in.ExternalId = &id } }
	identity := func(id string) edit { return func(in *sts.AssumeRoleInput) { in.SourceIdentity = &id } }
	name := func(n string) edit { return func(in *sts.AssumeRoleInput) { in.RoleSessionName = &n } }
	tags := func(pairs ...string) edit {
		return func(in *sts.AssumeRoleInput) {
			for i := 0; i < len(pairs); i += 2 {
				in.Tags = append(in.Tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
			}
		}
	}
	code := must[string](t)(totp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", time.Now()))
	mfa := func(in *sts.AssumeRoleInput) {
		in.SerialNumber, in.TokenCode = aws.String("arn:aws:iam::123456789012:mfa/uploader"), &code
	}
	for _, c := range []struct {
		role    string
		as      string
		edits   []edit
		refused string // the action that is refused; "" = allowed
		because string // what the sandbox tells and AWS does not
	}{
		{"external", "with its id", []edit{external("secret-7")}, "", ""},
		{"external", "without an id", nil, "sts:AssumeRole", "condition sts:ExternalId does not hold"},
		{"external", "with another id", []edit{external("secret-8")}, "sts:AssumeRole", "condition sts:ExternalId does not hold"},
		{"identity", "matching", []edit{identity("ann-1")}, "", ""},
		{"identity", "none", nil, "sts:AssumeRole", "condition sts:SourceIdentity does not hold"},
		{"identity", "another", []edit{identity("bob-1")}, "sts:AssumeRole", "condition sts:SourceIdentity does not hold"},
		{"bare", "plain", nil, "", ""},
		{"bare", "with an identity it may not set", []edit{identity("ann-1")}, "sts:SetSourceIdentity", "allows this caller sts:SetSourceIdentity"},
		{"bare", "with tags it may not set", []edit{tags("team", "blue")}, "sts:TagSession", "allows this caller sts:TagSession"},
		{"tagged", "with its tag", []edit{tags("team", "blue")}, "", ""},
		{"tagged", "with another value", []edit{tags("team", "red")}, "sts:AssumeRole", "condition aws:RequestTag/team does not hold"},
		{"tagged", "with a key too many", []edit{tags("team", "blue", "extra", "1")}, "sts:AssumeRole", "condition aws:TagKeys does not hold"},
		{"mfa", "with a code", []edit{mfa}, "", ""},
		{"mfa", "without a code", nil, "sts:AssumeRole", "condition aws:MultiFactorAuthPresent does not hold"},
		{"named", "matching", []edit{name("sealift-1")}, "", ""},
		{"named", "another", []edit{name("other-1")}, "sts:AssumeRole", "condition sts:RoleSessionName does not hold"},
		{"denying", "escaping the deny", []edit{external("x1")}, "", ""},
		{"denying", "explicitly denied", nil, "sts:AssumeRole", "explicit deny in trust policy of denying statement 1 (resource-based policy), by its condition sts:ExternalId"},
		{"whole-account", "by a user whose own policy does not allow it", nil, "sts:AssumeRole", "no identity-based policy allows it"},
		{"several", "one of two", []edit{external("secret-7")}, "sts:AssumeRole", "policy, condition aws:MultiFactorAuthPresent does not hold"},
		{"several", "none of two", nil, "sts:AssumeRole", "policy, condition aws:MultiFactorAuthPresent does not hold and condition sts:ExternalId does not hold"},
		{"elsewhere", "by another user", nil, "sts:AssumeRole", "principal, or a condition such as"},
	} {
		t.Run(c.role+" "+c.as, func(t *testing.T) {
			edits := append([]edit{func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(roleOf(c.role)) }}, c.edits...)
			_, err := b.tryAssume(b.user(), edits...)
			if c.refused == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			denied(t, err, "User: "+userARN+" is not authorized to perform: "+c.refused+" on resource: "+roleOf(c.role))
			if got := reasonOf(err); !strings.Contains(got, c.because) {
				t.Errorf("reason %q does not say %q", got, c.because)
			}
		})
	}
	t.Run("the administrator may by the account", func(t *testing.T) {
		if _, err := b.tryAssume(b.admin(), func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(roleOf("whole-account")) }); err != nil {
			t.Error(err)
		}
	})
}

// reasonOf is what the sandbox says of a refusal beyond AWS's message.
func reasonOf(err error) string {
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.Response.Header.Get("X-Sandbox-Reason")
}

func TestTrap11DurationsAreTheRoles(t *testing.T) {
	b := lab(t, map[string]string{
		"two-hours": trust(userARN, assumeOnly, ``),
		"second":    trust(roleOf("s3-uploader-role"), allSTS, ``),
	})
	at := func(role string, seconds int32) func(*sts.AssumeRoleInput) {
		return func(in *sts.AssumeRoleInput) {
			in.RoleArn, in.DurationSeconds = aws.String(roleOf(role)), &seconds
		}
	}
	if _, err := b.tryAssume(b.user(), at("two-hours", 7200)); err != nil {
		t.Errorf("the role's limit: %v", err)
	}
	_, err := b.tryAssume(b.user(), at("two-hours", 7201))
	if api := refused(t, err, http.StatusBadRequest, "ValidationError"); !strings.Contains(api.ErrorMessage(), "MaxSessionDuration") {
		t.Errorf("got %q", api.ErrorMessage())
	}
	first := b.assume()
	if _, err := b.tryAssume(first, at("second", 3600)); err != nil {
		t.Errorf("an hour of a chain: %v", err)
	}
	_, err = b.tryAssume(first, at("second", 3601))
	if api := refused(t, err, http.StatusBadRequest, "ValidationError"); !strings.Contains(api.ErrorMessage(), "role chaining") {
		t.Errorf("got %q", api.ErrorMessage())
	}
}

// What a chain hands on can be asked by the policies at its end.
func TestTrap11ChainsHandOn(t *testing.T) {
	onlyAnn := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject",
		"Resource":"arn:aws:s3:::my-secure-upload-bucket-007/${aws:PrincipalTag/team}/*",
		"Condition":{"StringEquals":{"aws:SourceIdentity":"ann"}}}]}`
	b := lab(t, map[string]string{"second": trust(roleOf("s3-uploader-role"), allSTS, ``)}, func(s *account.State) {
		s.Roles["second"].Policies["put"] = json.RawMessage(onlyAnn)
	})
	second := func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(roleOf("second")) }
	first := b.assume(func(in *sts.AssumeRoleInput) {
		in.SourceIdentity = aws.String("ann")
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}, {Key: aws.String("here"), Value: aws.String("1")}}
		in.TransitiveTagKeys = []string{"team"}
	})
	last := must[aws.Credentials](t)(b.tryAssume(first, second))
	if _, err := put(t.Context(), b.s3(last), b.Bucket, "blue/a", []byte("x")); err != nil {
		t.Errorf("identity and tag were not handed on: %v", err)
	}
	_, err := put(t.Context(), b.s3(last), b.Bucket, "red/a", []byte("x"))
	denied(t, err, "no identity-based policy allows")
	_, err = b.tryAssume(first, second, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("bob") })
	denied(t, err, "sts:SetSourceIdentity")
	plain := must[aws.Credentials](t)(b.tryAssume(b.assume(), second))
	_, err = put(t.Context(), b.s3(plain), b.Bucket, "blue/a", []byte("x"))
	denied(t, err)
}

// Trap 15: trust and bucket policies are weighed for whom they name: the
// user, the role, the one session, or everybody.
func TestTrap15PrincipalsOfBucketPolicies(t *testing.T) {
	b := lab(t, map[string]string{
		"nothing": trust(userARN, assumeOnly, ``),
	}, func(s *account.State) {
		s.Roles["nothing"].Policies = nil
	})
	admin := b.s3(b.admin())
	session := func(policy string) aws.Credentials {
		return must[aws.Credentials](t)(b.tryAssume(b.user(), func(in *sts.AssumeRoleInput) {
			in.RoleArn = aws.String(roleOf("nothing"))
			if policy != "" {
				in.Policy = &policy
			}
		}))
	}
	const sessionARN = "arn:aws:sts::123456789012:assumed-role/nothing/sealift-test"
	readOnly := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	for _, c := range []struct {
		name, statement, session string
		says                     string // "" = allowed
	}{
		{"nobody", allowPut(`{"AWS":"` + userARN + `"}`), "", "no identity-based policy"},
		{"the role", allowPut(`{"AWS":"` + roleOf("nothing") + `"}`), "", ""},
		{"the role, filtered by the session", allowPut(`{"AWS":"` + roleOf("nothing") + `"}`), readOnly, "no session policy"},
		{"the session itself, which nothing filters", allowPut(`{"AWS":"` + sessionARN + `"}`), readOnly, ""},
		{"the account, whose own policies decide", allowPut(`{"AWS":"` + accountARN + `"}`), "", "no identity-based policy"},
		{"everybody of the account", `{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/*","Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}}`, "", ""},
		{"all but the role", `{"Effect":"Deny","NotPrincipal":{"AWS":"` + roleOf("nothing") + `"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/*"},` +
			allowPut(`{"AWS":"`+roleOf("nothing")+`"}`), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			putPolicy(t, admin, b.Bucket, c.statement)
			_, err := put(t.Context(), b.s3(session(c.session)), b.Bucket, "p/x", []byte("x"))
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			denied(t, err, c.says)
		})
	}
}

func allowPut(principal string) string {
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:PutObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/*"}`
}

func putPolicy(t *testing.T, c *s3.Client, bucket, statements string) {
	t.Helper()
	text := `{"Version":"2012-10-17","Statement":[` + statements + `]}`
	if _, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &text}); err != nil {
		t.Fatal(err)
	}
}
