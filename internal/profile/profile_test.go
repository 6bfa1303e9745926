package profile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/profile"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// server answers as STS and records what it was asked. It grants everything:
// what is tested is who asks whom for what.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []url.Values // the form, and "key": the access key that signed
	deny  string       // role ARN to refuse
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

var signer = regexp.MustCompile(`Credential=([^/]+)/`)

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := signer.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		r.Form.Set("key", m[1])
	}
	s.asked = append(s.asked, r.Form)
	if s.deny != "" && r.Form.Get("RoleArn") == s.deny {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not authorized to perform: sts:AssumeRole on resource: %s</Message></Error><RequestId>r1</RequestId></ErrorResponse>`, s.deny)
		return
	}
	action, name := r.Form.Get("Action"), filepath.Base(r.Form.Get("RoleArn"))
	fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>ASIA-%[2]s</AccessKeyId>
<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[3]s</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/%[2]s/%[4]s</Arn><AssumedRoleId>x</AssumedRoleId></AssumedRoleUser></%[1]sResult></%[1]sResponse>`,
		action, name, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), r.Form.Get("RoleSessionName"))
}

// last is what was asked at last.
func (s *server) last() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		return url.Values{}
	}
	return s.asked[len(s.asked)-1]
}

// quiet takes every AWS setting out of the environment, keeps the instance
// metadata service out, and names files that hold text.
func quiet(t *testing.T, configText, credentialsText string) {
	t.Helper()
	for _, name := range profile.Ambient(os.Environ()) {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("AWS_CONFIG_FILE", write("config", configText))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", write("credentials", credentialsText))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

const keys = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret-canary\n"

func load(t *testing.T, o profile.Options) *profile.Identity {
	t.Helper()
	if o.Run == "" {
		o.Run = "01KRUN"
	}
	id, err := profile.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// retrieve makes the identity's session and asks for credentials.
func retrieve(t *testing.T, id *profile.Identity, n *policy.Narrowed) (string, error) {
	t.Helper()
	s, err := id.Session(n, nil)
	if err != nil {
		return "", err
	}
	creds, err := s.Retrieve(t.Context())
	return creds.AccessKeyID, err
}

func TestProfileWithRoleIsAssumedByItsBase(t *testing.T) {
	sts := newServer(t)
	quiet(t, `[profile up]
role_arn = arn:aws:iam::123456789012:role/up
source_profile = base
external_id = ext
duration_seconds = 1800
region = eu-west-1
endpoint_url = `+sts.URL+`
role_session_name = nobody-{run}
`, keys)
	id := load(t, profile.Options{Profile: "up", SourceIdentity: "ada", Tags: map[string]string{"k": "v"}})
	if id.How != profile.AssumeRole || id.Region != "eu-west-1" || id.RoleARN != "arn:aws:iam::123456789012:role/up" || id.Profile != "up" {
		t.Errorf("got %+v", id)
	}
	if len(sts.asked) != 0 {
		t.Error("Load asked STS")
	}
	n, err := policy.Narrow(policy.Want{Bucket: "bucket", Keys: []string{"k"}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := retrieve(t, id, &n)
	if err != nil || key != "ASIA-up" {
		t.Fatalf("got %s, %v", key, err)
	}
	for name, want := range map[string]string{"Action": "AssumeRole", "key": "AKIABASE", "ExternalId": "ext", "DurationSeconds": "1800",
		"RoleSessionName": "nobody-01KRUN", "Policy": n.Text, "SourceIdentity": "ada", "Tags.member.1.Key": "k"} {
		if got := sts.last().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestFlagsComeBeforeTheProfile(t *testing.T) {
	sts := newServer(t)
	quiet(t, `[profile up]
role_arn = arn:aws:iam::123456789012:role/up
source_profile = base
external_id = ext
duration_seconds = 1800
region = eu-west-1
role_session_name = fixed
`, keys)
	id := load(t, profile.Options{Profile: "up", RoleARN: "arn:aws:iam::123456789012:role/other", ExternalID: "mine", Region: "us-west-2",
		Duration: 15 * time.Minute, SessionName: "ci-{run}", EndpointURL: sts.URL})
	if key, err := retrieve(t, id, nil); err != nil || key != "ASIA-other" {
		t.Fatalf("got %s, %v", key, err)
	}
	in := sts.last()
	if in.Get("ExternalId") != "mine" || in.Get("DurationSeconds") != "900" || in.Get("RoleSessionName") != "ci-01KRUN" || in.Has("Policy") || id.Region != "us-west-2" {
		t.Errorf("got %v", in)
	}
	_, err := profile.Load(t.Context(), profile.Options{Profile: "up", SessionName: "fixed"})
	if !errors.Is(err, profile.ErrSessionName) {
		t.Errorf("got %v", err)
	}
}

func TestFixedSessionNameOfAProfileIsSetAside(t *testing.T) {
	sts := newServer(t)
	quiet(t, "[profile up]\nrole_arn = arn:aws:iam::1:role/up\nsource_profile = base\nrole_session_name = fixed\n", keys)
	id := load(t, profile.Options{Profile: "up", EndpointURL: sts.URL})
	if _, err := retrieve(t, id, nil); err != nil {
		t.Fatal(err)
	}
	if id.SetAside != "fixed" || sts.last().Get("RoleSessionName") != "sealift-01KRUN" {
		t.Errorf("set aside %q, sent %q", id.SetAside, sts.last().Get("RoleSessionName"))
	}
}

// The last role carries the policy; those before it are asked at the same
// endpoint, with what their own profiles say.
func TestChainsAreWalkedAtTheConfiguredEndpoint(t *testing.T) {
	const chain = `[profile up]
role_arn = arn:aws:iam::1:role/up
source_profile = middle
%s
[profile middle]
role_arn = arn:aws:iam::1:role/middle
source_profile = base
external_id = middle-ext
role_session_name = fixed
[services local]
sts =
  endpoint_url = %s
`
	for name, set := range map[string]func(*testing.T, string) string{
		"endpoint_url": func(_ *testing.T, u string) string { return "endpoint_url = " + u },
		"services":     func(_ *testing.T, u string) string { return "services = local" },
		"variable":     func(t *testing.T, u string) string { t.Setenv("AWS_ENDPOINT_URL", u); return "" },
		"variable STS": func(t *testing.T, u string) string {
			t.Setenv("AWS_ENDPOINT_URL_STS", u)
			t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			sts := newServer(t)
			quiet(t, "", keys)
			line := set(t, sts.URL)
			quietKeep(t, fmt.Sprintf(chain, line, sts.URL))
			n, _ := policy.Narrow(policy.Want{Bucket: "bucket", Keys: []string{"k"}})
			key, err := retrieve(t, load(t, profile.Options{Profile: "up"}), &n)
			if err != nil || key != "ASIA-up" {
				t.Fatalf("got %s, %v", key, err)
			}
			if len(sts.asked) != 2 {
				t.Fatalf("asked %d times", len(sts.asked))
			}
			first, second := sts.asked[0], sts.asked[1]
			if first.Get("key") != "AKIABASE" || first.Get("ExternalId") != "middle-ext" || first.Has("Policy") || first.Get("RoleSessionName") != "sealift-01KRUN" {
				t.Errorf("first %v", first)
			}
			if second.Get("key") != "ASIA-middle" || second.Has("ExternalId") || second.Get("Policy") != n.Text {
				t.Errorf("second %v", second)
			}
		})
	}
}

// quietKeep replaces the config file and keeps the rest of the environment.
func quietKeep(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalOnTheWayNamesTheRole(t *testing.T) {
	sts := newServer(t)
	sts.deny = "arn:aws:iam::1:role/middle"
	quiet(t, `[profile up]
role_arn = arn:aws:iam::1:role/up
source_profile = middle
[profile middle]
role_arn = arn:aws:iam::1:role/middle
source_profile = base
`, keys)
	_, err := retrieve(t, load(t, profile.Options{Profile: "up", EndpointURL: sts.URL}), nil)
	if !errors.Is(err, session.ErrDenied) {
		t.Fatalf("got %v", err)
	}
	want := "assume role arn:aws:iam::1:role/up: get base credentials: assume role arn:aws:iam::1:role/middle: role may not be assumed: AccessDenied: "
	if !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentKeys(t *testing.T) {
	sts := newServer(t)
	quiet(t, "[profile named]\nregion = eu-west-1\n", "[named]\naws_access_key_id = AKIANAMED\naws_secret_access_key = s\n")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	id := load(t, profile.Options{RoleARN: "arn:aws:iam::1:role/r", EndpointURL: sts.URL, Region: "us-east-1"})
	if _, err := retrieve(t, id, nil); err != nil || sts.last().Get("key") != "AKIAENV" || id.Profile != "" {
		t.Errorf("signed by %s, %v", sts.last().Get("key"), err)
	}
	id = load(t, profile.Options{Profile: "named", RoleARN: "arn:aws:iam::1:role/r", EndpointURL: sts.URL})
	if _, err := retrieve(t, id, nil); err != nil || sts.last().Get("key") != "AKIANAMED" {
		t.Errorf("a named profile lost to the environment: %s, %v", sts.last().Get("key"), err)
	}
}

func TestLongLivedKeysWithoutARole(t *testing.T) {
	quiet(t, "", keys)
	o := profile.Options{Profile: "base"}
	_, err := profile.Load(t.Context(), o)
	if !errors.Is(err, profile.ErrLongLivedKeys) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
	o.AllowLongLivedKeys = true
	id := load(t, o)
	if key, err := retrieve(t, id, nil); err != nil || key != "AKIABASE" || !id.LongLived || id.How != profile.Held {
		t.Errorf("got %s, %v", key, err)
	}
}

func TestTemporaryKeysWithoutARoleAreHeld(t *testing.T) {
	quiet(t, "", "[tmp]\naws_access_key_id = ASIATMP\naws_secret_access_key = s\naws_session_token = t\n")
	id := load(t, profile.Options{Profile: "tmp"})
	s, err := id.Session(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := s.Retrieve(t.Context())
	if who, ok := s.Identity(creds.AccessKeyID); err != nil || id.How != profile.Held || id.LongLived || !ok || who.Narrowing != policy.KindOff {
		t.Errorf("got %+v, %v", who, err)
	}
}

// What an auditor asked for must not be dropped in silence.
func TestSourceIdentityWithoutARoleIsAnError(t *testing.T) {
	quiet(t, "", "[tmp]\naws_access_key_id = ASIATMP\naws_secret_access_key = s\naws_session_token = t\n")
	for _, o := range []profile.Options{{SourceIdentity: "ada"}, {Tags: map[string]string{"a": "b"}}} {
		o.Profile = "tmp"
		if _, err := profile.Load(t.Context(), o); !errors.Is(err, session.ErrGrant) {
			t.Errorf("got %v", err)
		}
	}
}

func TestNoCredentialsAtAll(t *testing.T) {
	quiet(t, "", "")
	if _, err := profile.Load(t.Context(), profile.Options{}); !errors.Is(err, profile.ErrNoCredentials) {
		t.Errorf("got %v", err)
	}
	// with a role they are missed when it is assumed
	id := load(t, profile.Options{RoleARN: "arn:aws:iam::1:role/r", Region: "us-east-1", EndpointURL: "http://127.0.0.1:1"})
	if _, err := retrieve(t, id, nil); !errors.Is(err, profile.ErrNoCredentials) || strings.Contains(err.Error(), "operation error STS") {
		t.Errorf("got %v", err)
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"no such profile":    {"[profile other]\nregion = x\n", profile.ErrNoProfile},
		"no such source":     {"[profile p]\nrole_arn = r\nsource_profile = gone\n", profile.ErrNoProfile},
		"source without":     {"[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\nregion = x\n", profile.ErrNoCredentials},
		"source, no role":    {"[profile p]\nsource_profile = base\n", profile.ErrFiles},
		"two sources":        {"[profile p]\nrole_arn = r\nsource_profile = base\ncredential_source = Environment\n", profile.ErrFiles},
		"odd source":         {"[profile p]\nrole_arn = r\ncredential_source = Moon\n", profile.ErrFiles},
		"empty environment":  {"[profile p]\nrole_arn = r\ncredential_source = Environment\n", profile.ErrNoCredentials},
		"no container":       {"[profile p]\nrole_arn = r\ncredential_source = EcsContainer\n", profile.ErrNoCredentials},
		"SSO session gone":   {"[profile p]\nsso_session = gone\nsso_account_id = 1\nsso_role_name = r\n", profile.ErrFiles},
		"SSO without region": {"[profile p]\nsso_start_url = u\nsso_account_id = 1\nsso_role_name = r\n", profile.ErrFiles},
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t, c.text, keys)
			if _, err := profile.Load(t.Context(), profile.Options{Profile: "p"}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	t.Run("named by variable", func(t *testing.T) {
		quiet(t, "", "")
		t.Setenv("AWS_PROFILE", "gone")
		if _, err := profile.Load(t.Context(), profile.Options{}); !errors.Is(err, profile.ErrNoProfile) || !strings.Contains(err.Error(), "gone") {
			t.Errorf("got %v", err)
		}
	})
}

func TestMFA(t *testing.T) {
	sts := newServer(t)
	quiet(t, "[profile up]\nrole_arn = arn:aws:iam::1:role/up\nsource_profile = base\nmfa_serial = arn:mfa/ada\n", keys)
	o := profile.Options{Profile: "up", EndpointURL: sts.URL}
	if _, err := retrieve(t, load(t, o), nil); !errors.Is(err, session.ErrMFANeeded) {
		t.Errorf("got %v", err)
	}
	o.MFACode = func(_ context.Context, serial string) (string, error) { return "123456", nil }
	if _, err := retrieve(t, load(t, o), nil); err != nil || sts.last().Get("TokenCode") != "123456" || sts.last().Get("SerialNumber") != "arn:mfa/ada" {
		t.Errorf("got %v, %v", sts.last(), err)
	}
	o.MFASerial = "arn:mfa/bob"
	if _, err := retrieve(t, load(t, o), nil); err != nil || sts.last().Get("SerialNumber") != "arn:mfa/bob" {
		t.Errorf("got %v, %v", sts.last(), err)
	}
}

func TestReader(t *testing.T) {
	sts := newServer(t)
	quiet(t, `[profile up]
role_arn = arn:aws:iam::1:role/up
source_profile = base
[profile read]
role_arn = arn:aws:iam::1:role/read
source_profile = base
`, keys)
	o := profile.Options{Profile: "up", EndpointURL: sts.URL, ExternalID: "e", SourceIdentity: "i", Tags: map[string]string{"a": "b"}}
	if _, ok := o.Reader("", ""); ok {
		t.Error("a reader out of nothing")
	}
	for _, args := range [][2]string{{"read", ""}, {"", "arn:aws:iam::1:role/read"}} {
		r, ok := o.Reader(args[0], args[1])
		if !ok {
			t.Fatal("no reader")
		}
		key, err := retrieve(t, load(t, r), nil)
		if err != nil || key != "ASIA-read" || sts.last().Has("ExternalId") || sts.last().Has("SourceIdentity") || sts.last().Get("key") != "AKIABASE" {
			t.Errorf("got %s, %v, %v", key, sts.last(), err)
		}
	}
}

func TestAmbientListsWhatSteers(t *testing.T) {
	got := profile.Ambient([]string{"AWS_PROFILE=x", "PATH=y", "ACTIONS_ID_TOKEN_REQUEST_URL=z", "MY_AWS_X=1", "AWS_EMPTY"})
	if want := []string{"AWS_PROFILE", "ACTIONS_ID_TOKEN_REQUEST_URL", "AWS_EMPTY"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCABundle(t *testing.T) {
	quiet(t, "", keys)
	o := profile.Options{Profile: "base", RoleARN: "arn:aws:iam::1:role/r", CABundle: filepath.Join(t.TempDir(), "gone.pem")}
	if _, err := profile.Load(t.Context(), o); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	o.CABundle = os.Getenv("AWS_CONFIG_FILE")
	if _, err := profile.Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("got %v", err)
	}
}
