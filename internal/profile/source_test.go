package profile_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/profile"
	"github.com/sealift/sealift/session"
)

func TestCredentialSourceEnvironment(t *testing.T) {
	sts := newServer(t)
	quiet(t, "[profile up]\nrole_arn = arn:aws:iam::1:role/up\ncredential_source = Environment\n", "")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	if _, err := retrieve(t, load(t, profile.Options{Profile: "up", EndpointURL: sts.URL}), nil); err != nil || sts.last().Get("key") != "AKIAENV" {
		t.Errorf("signed by %s, %v", sts.last().Get("key"), err)
	}
}

func TestCredentialsOfAContainer(t *testing.T) {
	sts := newServer(t)
	container := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "container-token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"AccessKeyId":"ASIACONTAINER","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	}))
	t.Cleanup(container.Close)
	for name, text := range map[string]string{
		"EcsContainer": "[profile up]\nrole_arn = arn:aws:iam::1:role/up\ncredential_source = EcsContainer\n",
		"ambient":      "[profile up]\nrole_arn = arn:aws:iam::1:role/up\n",
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t, text, "")
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.URL)
			token := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(token, []byte("container-token"), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token)
			if _, err := retrieve(t, load(t, profile.Options{Profile: "up", EndpointURL: sts.URL}), nil); err != nil || sts.last().Get("key") != "ASIACONTAINER" {
				t.Errorf("signed by %s, %v", sts.last().Get("key"), err)
			}
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/")
			if _, err := profile.Load(t.Context(), profile.Options{Profile: "up"}); !errors.Is(err, profile.ErrEndpoint) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCredentialsOfAnInstance(t *testing.T) {
	sts := newServer(t)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "metadata-token")
		case r.URL.Path == "/latest/meta-data/iam/security-credentials/":
			fmt.Fprint(w, "instance-role")
		default:
			fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"ASIAINSTANCE","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		}
	}))
	t.Cleanup(metadata.Close)
	quiet(t, "[profile up]\nrole_arn = arn:aws:iam::1:role/up\ncredential_source = Ec2InstanceMetadata\n", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
	if _, err := retrieve(t, load(t, profile.Options{Profile: "up", EndpointURL: sts.URL}), nil); err != nil || sts.last().Get("key") != "ASIAINSTANCE" {
		t.Errorf("signed by %s, %v", sts.last().Get("key"), err)
	}
}

// Version 1 of the metadata service is never asked, and what the SDK has to say
// of the service goes to the log.
func TestMetadataIsAskedByVersion2Only(t *testing.T) {
	var plain atomic.Int32
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			plain.Add(1)
		}
		w.WriteHeader(http.StatusNotFound) // as a host with version 1 answers a PUT
	}))
	t.Cleanup(metadata.Close)
	quiet(t, "[profile up]\nregion = eu-west-1\n", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
	_, err := profile.Load(t.Context(), profile.Options{Profile: "up"})
	if !errors.Is(err, profile.ErrNoCredentials) {
		t.Errorf("got %v", err)
	}
	if n := plain.Load(); n != 0 {
		t.Errorf("asked %d times by version 1", n)
	}
}

func TestCredentialProcess(t *testing.T) {
	script := filepath.Join(t.TempDir(), "answer.json")
	if err := os.WriteFile(script, []byte(`{"Version":1,"AccessKeyId":"ASIAPROCESS","SecretAccessKey":"s","SessionToken":"t"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	quiet(t, "[profile p]\ncredential_process = cat "+script+"\n[profile bad]\ncredential_process = false\n", "")
	id := load(t, profile.Options{Profile: "p"})
	if key, err := retrieve(t, id, nil); err != nil || key != "ASIAPROCESS" || id.How != profile.Held {
		t.Errorf("got %s, %v", key, err)
	}
	if _, err := profile.Load(t.Context(), profile.Options{Profile: "bad"}); !errors.Is(err, session.ErrInvalidBase) {
		t.Errorf("got %v", err)
	}
}

func TestSignInThatNeverWas(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	quiet(t, "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n[profile login]\nlogin_session = arn:aws:iam::1:user/ada\n", "")
	if _, err := profile.Load(t.Context(), profile.Options{Profile: "p"}); !errors.Is(err, profile.ErrSignIn) {
		t.Errorf("got %v", err)
	}
	if _, err := profile.Load(t.Context(), profile.Options{Profile: "login"}); !errors.Is(err, profile.ErrSignIn) {
		t.Errorf("got %v", err)
	}
}
