package profile_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/internal/profile"
	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// inSandbox makes the process's environment that of a second terminal beside
// the sandbox.
func inSandbox(t *testing.T, args ...string) *sandboxtest.Sandbox {
	t.Helper()
	sb := sandboxtest.Start(t, args...)
	quiet(t, "", "")
	for _, kv := range sb.Env("") {
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value)
		}
	}
	return sb
}

// bucket is an S3 client with a session of the identity.
func bucket(t *testing.T, id *profile.Identity, n *policy.Narrowed) (*s3.Client, *session.Session) {
	t.Helper()
	s, err := id.Session(n, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := id.AWS.Copy()
	c.Credentials = s
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle, o.BaseEndpoint = true, aws.String(id.Endpoint("s3")) }), s
}

func TestUploaderWritesAndReaderReads(t *testing.T) {
	for name, args := range map[string][]string{"plain": nil, "TLS": {"--tls"}} {
		t.Run(name, func(t *testing.T) {
			sb := inSandbox(t, args...)
			o := profile.Options{Run: "01KRUN"}
			up := load(t, o)
			if up.Profile != sb.Profile || up.How != profile.AssumeRole || up.RoleARN != sb.RoleARN || up.Region != sb.Region || up.SetAside == "" {
				t.Errorf("got %+v", up)
			}
			n, err := policy.Narrow(policy.Want{Bucket: sb.Bucket, Keys: []string{"in/a"}, Prefix: "in/"})
			if err != nil {
				t.Fatal(err)
			}
			w, s := bucket(t, up, &n)
			if _, err := w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: aws.String("in/a"), Body: strings.NewReader("hello")}); err != nil {
				t.Fatal(err)
			}
			who, ok := s.Identity("")
			if !ok || !strings.HasSuffix(who.AssumedRoleARN, ":assumed-role/s3-uploader-role/sealift-01KRUN") || who.Narrowing != policy.KindObject || who.PolicySHA256 != n.SHA256 {
				t.Errorf("got %+v", who)
			}
			get := &s3.GetObjectInput{Bucket: &sb.Bucket, Key: aws.String("in/a")}
			if _, err := w.GetObject(t.Context(), get); status(err) != http.StatusForbidden {
				t.Errorf("uploader reads: %v", err)
			}
			for _, by := range [][2]string{{"reader-profile", ""}, {"", sb.ReaderRoleARN}} {
				ro, _ := o.Reader(by[0], by[1])
				r, _ := bucket(t, load(t, ro), nil)
				out, err := r.GetObject(t.Context(), get)
				if err != nil {
					t.Fatal(err)
				}
				if text, _ := io.ReadAll(out.Body); string(text) != "hello" {
					t.Errorf("read %q", text)
				}
				out.Body.Close()
				if _, err := r.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &sb.Bucket, Key: aws.String("in/missing")}); status(err) != http.StatusNotFound {
					t.Errorf("a missing key is %v to the reader", err)
				}
			}
			base, err := up.STS(nil).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if err != nil || !strings.HasSuffix(*base.Arn, ":user/"+sb.User) {
				t.Errorf("base is %v, %v", base, err)
			}
		})
	}
}

func status(err error) int {
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}

// The sandbox's issuer answers as GitHub's token service does.
func TestGitHubJobUploads(t *testing.T) {
	sb := sandboxtest.Start(t)
	quiet(t, "", "")
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", sb.Endpoint+"/.oidc/token?subject=repo:o/r")
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request")
	role := strings.Replace(sb.RoleARN, "s3-uploader-role", "s3-web-identity-role", 1)
	id := load(t, profile.Options{RoleARN: role, EndpointURL: sb.Endpoint, Region: sb.Region})
	n, err := policy.Narrow(policy.Want{Bucket: sb.Bucket, Keys: []string{"ci"}})
	if err != nil {
		t.Fatal(err)
	}
	w, s := bucket(t, id, &n)
	for _, key := range []string{"ci", "other"} {
		_, err := w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &key, Body: strings.NewReader("x")})
		if key == "ci" && err != nil || key != "ci" && status(err) != http.StatusForbidden {
			t.Errorf("put %s: %v", key, err)
		}
	}
	if who, _ := s.Identity(""); who.Narrowing != policy.KindObject || !strings.Contains(who.AssumedRoleARN, "s3-web-identity-role") {
		t.Errorf("got %+v", who)
	}
	// the token is good for its own role only
	other := load(t, profile.Options{RoleARN: sb.RoleARN, EndpointURL: sb.Endpoint, Region: sb.Region})
	if _, err := retrieve(t, other, nil); !errors.Is(err, session.ErrDenied) {
		t.Errorf("got %v", err)
	}
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", sb.Endpoint+"/.oidc/token?life=-1h")
	late := load(t, profile.Options{RoleARN: role, EndpointURL: sb.Endpoint, Region: sb.Region})
	if _, err := retrieve(t, late, nil); !errors.Is(err, session.ErrExpiredBase) {
		t.Errorf("got %v", err)
	}
}

func TestSandboxRefusesAndTheRefusalIsToldApart(t *testing.T) {
	sb := inSandbox(t, "--mfa-code", "123456")
	const device = "arn:aws:iam::123456789012:mfa/uploader"
	code := func(c string) func(context.Context, string) (string, error) {
		return func(context.Context, string) (string, error) { return c, nil }
	}
	for name, c := range map[string]struct {
		o    profile.Options
		want error
	}{
		"no such role":  {profile.Options{RoleARN: "arn:aws:iam::123456789012:role/gone-role"}, session.ErrDenied},
		"too long":      {profile.Options{Duration: 12*time.Hour + time.Second}, session.ErrGrant},
		"chained":       {profile.Options{Profile: "chained"}, session.ErrDenied},
		"wrong code":    {profile.Options{MFASerial: device, MFACode: code("000000")}, session.ErrMFARefused},
		"wrong device":  {profile.Options{MFASerial: device + "x", MFACode: code("123456")}, session.ErrMFARefused},
		"right code":    {profile.Options{MFASerial: device, MFACode: code("123456")}, nil},
		"wrong keys":    {profile.Options{Profile: "forged"}, session.ErrInvalidBase},
		"expired token": {profile.Options{Profile: "expired"}, session.ErrInvalidBase},
		"as it is":      {profile.Options{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(sb.ConfigFile)
			if err != nil {
				t.Fatal(err)
			}
			config := string(text) + "\n[profile chained]\nregion = us-east-1\nendpoint_url = " + sb.Endpoint + "\nsource_profile = reader-profile\nrole_arn = " + sb.RoleARN +
				"\n[profile forged]\nregion = us-east-1\nendpoint_url = " + sb.Endpoint + "\nsource_profile = forger\nrole_arn = " + sb.RoleARN +
				"\n[profile forger]\naws_access_key_id = " + sb.AccessKeyID + "\naws_secret_access_key = wrong" +
				"\n[profile expired]\nregion = us-east-1\nendpoint_url = " + sb.Endpoint + "\nsource_profile = old\nrole_arn = " + sb.RoleARN +
				"\n[profile old]\naws_access_key_id = ASIAOLDOLDOLDOLDOLD1\naws_secret_access_key = x\naws_session_token = y\n"
			path := sb.Dir + "/config-more"
			if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			c.o.ConfigFile = path
			_, err = retrieve(t, load(t, c.o), nil)
			if c.want == nil && err != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), sb.SecretAccessKey) {
				t.Errorf("a secret is in %v", err)
			}
		})
	}
}
