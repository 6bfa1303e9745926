package profile_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealift/sealift/internal/profile"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

func TestWebIdentityOfTheEnvironment(t *testing.T) {
	sts := newServer(t)
	quiet(t, "", "")
	path := filepath.Join(t.TempDir(), "token")
	put := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("token-1\n")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/env")
	t.Setenv("AWS_ROLE_SESSION_NAME", "pod")
	id := load(t, profile.Options{EndpointURL: sts.URL})
	if id.How != profile.WebIdentity || id.SetAside != "pod" || id.Profile != "" {
		t.Errorf("got %+v", id)
	}
	n, _ := policy.Narrow(policy.Want{Bucket: "bucket", Keys: []string{"k"}})
	s, err := id.Session(&n, nil)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := s.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := sts.last()
	if in.Get("Action") != "AssumeRoleWithWebIdentity" || in.Get("WebIdentityToken") != "token-1" || in.Get("Policy") != n.Text || in.Has("key") {
		t.Errorf("got %v", in)
	}
	put("token-2")
	s.Invalidate(creds.AccessKeyID)
	if _, err := s.Retrieve(t.Context()); err != nil || sts.last().Get("WebIdentityToken") != "token-2" {
		t.Errorf("renewed with %s, %v", sts.last().Get("WebIdentityToken"), err)
	}
	for _, bad := range []string{"", strings.Repeat("x", 1<<20)} {
		put(bad)
		if _, err := retrieve(t, id, nil); !errors.Is(err, session.ErrToken) {
			t.Errorf("got %v", err)
		}
	}
	os.Remove(path)
	if _, err := retrieve(t, id, nil); !errors.Is(err, session.ErrToken) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	os.Unsetenv("AWS_ROLE_ARN")
	if _, err := profile.Load(t.Context(), profile.Options{}); !errors.Is(err, profile.ErrNoCredentials) {
		t.Errorf("got %v", err)
	}
}

func TestWebIdentityOfAProfileTakesNoSourceIdentityOrTags(t *testing.T) {
	sts := newServer(t)
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	quiet(t, `[profile web]
role_arn = arn:aws:iam::1:role/web
web_identity_token_file = `+path+`
external_id = unused
[profile chained]
role_arn = arn:aws:iam::1:role/last
source_profile = web
`, "")
	o := profile.Options{Profile: "web", EndpointURL: sts.URL}
	if key, err := retrieve(t, load(t, o), nil); err != nil || key != "ASIA-web" {
		t.Errorf("got %s, %v", key, err)
	}
	o.SourceIdentity = "ada"
	if _, err := retrieve(t, load(t, o), nil); !errors.Is(err, session.ErrGrant) {
		t.Errorf("got %v", err)
	}
	o.SourceIdentity, o.Tags = "", map[string]string{"a": "b"}
	if _, err := retrieve(t, load(t, o), nil); !errors.Is(err, session.ErrGrant) {
		t.Errorf("got %v", err)
	}
	// a role behind the web identity takes both
	o.Profile = "chained"
	if key, err := retrieve(t, load(t, o), nil); err != nil || key != "ASIA-last" || sts.last().Get("key") != "ASIA-web" {
		t.Errorf("got %s by %s, %v", key, sts.last().Get("key"), err)
	}
}

// github answers as the token endpoint of a job.
type github struct {
	fetched int
	answer  func(n int, w http.ResponseWriter)
}

func (g *github) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer request-canary" || r.URL.Query().Get("audience") != "sts.amazonaws.com" || r.URL.Query().Get("api-version") != "2.0" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	g.fetched++
	g.answer(g.fetched, w)
}

func TestGitHubTokenIsFetchedForEverySession(t *testing.T) {
	sts := newServer(t)
	gh := &github{answer: func(n int, w http.ResponseWriter) {
		if n == 1 {
			w.WriteHeader(http.StatusBadGateway) // once in a while
			return
		}
		fmt.Fprintf(w, `{"count":1,"value":"jwt-%d"}`, n)
	}}
	server := httptest.NewServer(gh)
	t.Cleanup(server.Close)
	quiet(t, "[profile ci]\nrole_arn = arn:aws:iam::1:role/ci\nregion = eu-west-1\n", keys)
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", server.URL+"/token?api-version=2.0")
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-canary")
	id := load(t, profile.Options{Profile: "ci", EndpointURL: sts.URL})
	if id.How != profile.WebIdentity {
		t.Fatalf("got %s", id.How)
	}
	s, err := id.Session(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for want := 2; want < 4; want++ {
		creds, err := s.Retrieve(t.Context())
		if got := sts.last().Get("WebIdentityToken"); err != nil || got != fmt.Sprintf("jwt-%d", want) {
			t.Fatalf("got %s, %v", got, err)
		}
		s.Invalidate(creds.AccessKeyID)
	}
	// a profile that says who asks is asked
	if id := load(t, profile.Options{Profile: "base", RoleARN: "arn:aws:iam::1:role/ci", EndpointURL: sts.URL}); id.How != profile.AssumeRole {
		t.Errorf("got %s", id.How)
	}
	if id := load(t, profile.Options{RoleARN: "arn:aws:iam::1:role/ci", EndpointURL: sts.URL}); id.How != profile.WebIdentity {
		t.Errorf("got %s", id.How)
	}
}

func TestGitHubTokenIsNeverShown(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(int, http.ResponseWriter)
		url    string
	}{
		"denied":   {answer: func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }},
		"no token": {answer: func(_ int, w http.ResponseWriter) { fmt.Fprint(w, `{"other":"jwt-canary"}`) }},
		"no JSON":  {answer: func(_ int, w http.ResponseWriter) { fmt.Fprint(w, `jwt-canary`) }},
		"redirect": {answer: func(_ int, w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/canary")
			w.WriteHeader(302)
		}},
		"plain http": {url: "http://example.com/?secret=canary"},
		"unreached":  {url: "http://127.0.0.1:1/?secret=canary"},
		"no URL":     {url: "::canary"},
	} {
		t.Run(name, func(t *testing.T) {
			gh := &github{answer: c.answer}
			server := httptest.NewServer(gh)
			t.Cleanup(server.Close)
			quiet(t, "", "")
			if c.url == "" {
				c.url = server.URL + "/?api-version=2.0"
			}
			t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", c.url)
			t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-canary")
			_, err := retrieve(t, load(t, profile.Options{RoleARN: "arn:aws:iam::1:role/ci", Region: "us-east-1"}), nil)
			if !errors.Is(err, session.ErrToken) || strings.Contains(err.Error(), "canary") && name != "no URL" {
				t.Errorf("got %v", err)
			}
		})
	}
}
