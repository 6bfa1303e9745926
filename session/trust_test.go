package session_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// strict starts a sandbox whose upload role has this trust policy.
func strict(t *testing.T, trust policy.Trust, args ...string) *sandboxtest.Sandbox {
	t.Helper()
	dir := t.TempDir()
	args = append(args, "--dir", dir)
	sandboxtest.Start(t, args...).Stop(t)
	path := filepath.Join(dir, "account.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	n := policy.Names{Account: "123456789012"}.Filled()
	document := json.RawMessage(n.TrustPolicy(n.UploadRole, trust).Compact())
	role := member(t, member(t, state, "roles"), n.UploadRole)
	role[keyOf(t, role, "trust")] = document
	if text, err = json.Marshal(state); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return sandboxtest.Start(t, args...)
}

// keyOf finds a key whatever its case.
func keyOf(t *testing.T, m map[string]any, name string) string {
	t.Helper()
	for k := range maps.Keys(m) {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	t.Fatalf("no %s among %v", name, m)
	return ""
}

func member(t *testing.T, m map[string]any, name string) map[string]any {
	t.Helper()
	return m[keyOf(t, m, name)].(map[string]any)
}

// The trust policies that this package's documents write must let in who
// meets their terms, and nobody else.
func TestTrustTermsDecide(t *testing.T) {
	sb := strict(t, policy.Trust{ExternalID: "partner-7", SessionName: "sealift-*", SourceIdentity: policy.Strings{"ada", "bob"}})
	good := session.Grant{RoleARN: sb.RoleARN, Name: "sealift-01K", ExternalID: "partner-7", SourceIdentity: "ada"}
	for name, c := range map[string]struct {
		change func(*session.Grant)
		action string // refused; "" = allowed
	}{
		"all terms met":         {func(*session.Grant) {}, ""},
		"tags too":              {func(g *session.Grant) { g.Tags = map[string]string{"team": "blue"} }, ""},
		"no external id":        {func(g *session.Grant) { g.ExternalID = "" }, "sts:AssumeRole"},
		"another external id":   {func(g *session.Grant) { g.ExternalID = "partner-8" }, "sts:AssumeRole"},
		"another session name":  {func(g *session.Grant) { g.Name = "other-01K" }, "sts:AssumeRole"},
		"no source identity":    {func(g *session.Grant) { g.SourceIdentity = "" }, "sts:AssumeRole"},
		"other source identity": {func(g *session.Grant) { g.SourceIdentity = "eve" }, "sts:AssumeRole"},
	} {
		t.Run(name, func(t *testing.T) {
			g := good
			c.change(&g)
			s, err := session.New(session.Config{STS: sts.NewFromConfig(sb.UserConfig(t))}, g)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Retrieve(t.Context())
			if c.action == "" {
				if id, _ := s.Identity(""); err != nil || id.SourceIdentity != g.SourceIdentity {
					t.Errorf("got %+v, %v", id, err)
				}
				return
			}
			r, ok := errors.AsType[*session.Refusal](err)
			if !ok || !errors.Is(err, session.ErrDenied) || r.Action != c.action || r.RequestID == "" {
				t.Errorf("got %v, want a refusal of %s", err, c.action)
			}
		})
	}
}

func TestTrustThatAsksForMFA(t *testing.T) {
	sb := strict(t, policy.Trust{MFA: true})
	s, err := session.New(session.Config{STS: sts.NewFromConfig(sb.UserConfig(t))}, session.Grant{RoleARN: sb.RoleARN, Name: "sealift-01K"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retrieve(t.Context()); !errors.Is(err, session.ErrDenied) {
		t.Errorf("got %v", err)
	}
}

// A policy that a real STS cannot pack falls back to the prefix, and the
// session that comes of it can write under the prefix alone.
func TestRealPackingLimit(t *testing.T) {
	sb := sandboxtest.Start(t, "--packed-limit", "330")
	want := policy.Want{Bucket: sb.Bucket, Prefix: "in/"}
	for i := range 16 { // no two names alike, so that packing does not help
		want.Keys = append(want.Keys, "in/"+strings.Repeat(string(rune('a'+i)), 3)+time.Unix(int64(i)*7919*7919, 0).UTC().Format("20060102150405"))
	}
	exact := narrowTo(t, want)
	wider, err := want.Wider()
	if err != nil {
		t.Fatal(err)
	}
	g := session.Grant{RoleARN: sb.RoleARN, Name: "sealift-01K", Policy: exact}
	c := session.Config{STS: sts.NewFromConfig(sb.UserConfig(t))}
	s, err := session.New(c, g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retrieve(t.Context()); !errors.Is(err, session.ErrPolicyTooLarge) {
		t.Fatalf("got %v; the test's policy packs too well", err)
	}
	g.Fallback = &wider
	if s, err = session.New(c, g); err != nil {
		t.Fatal(err)
	}
	config := sb.UserConfig(t)
	config.Credentials = s
	for key, ok := range map[string]bool{"in/anything": true, "out": false} {
		_, err := client(config).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &key, Body: body()})
		if ok && err != nil || !ok && !refused(err) {
			t.Errorf("put %s: %v", key, err)
		}
	}
	if id, _ := s.Identity(""); id.Narrowing != policy.KindPrefix || id.PolicySHA256 != wider.SHA256 {
		t.Errorf("got %+v", id)
	}
}

// Real sessions of four seconds, used for ten: no request may meet an expired
// one.
func TestShortSessionsAreRenewedInTime(t *testing.T) {
	sb := sandboxtest.Start(t, "--min-session", "1s")
	s, err := session.New(session.Config{STS: sts.NewFromConfig(sb.UserConfig(t))}, session.Grant{RoleARN: sb.RoleARN, Name: "sealift-01K",
		Duration: 4 * time.Second, Policy: narrowTo(t, policy.Want{Bucket: sb.Bucket, Keys: []string{"k"}})})
	if err != nil {
		t.Fatal(err)
	}
	c := sb.UserConfig(t)
	c.Credentials = s
	key := "k"
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
		if _, err := client(c).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &key, Body: body()}); err != nil {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
	}
	if n := len(s.History()); n < 3 || n > 12 {
		t.Errorf("%d sessions in ten seconds", n)
	}
}

func TestExpiredSessionIsRenewedOnceTold(t *testing.T) {
	sb := sandboxtest.Start(t, "--min-session", "1s")
	mint := func(d time.Duration) *session.Session {
		s, err := session.New(session.Config{STS: sts.NewFromConfig(sb.UserConfig(t))}, session.Grant{RoleARN: sb.RoleARN, Name: "sealift-01K", Duration: d})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old, err := mint(2 * time.Second).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2500 * time.Millisecond)
	// the expired one as base credentials is told apart from wrong ones
	chained, err := session.New(session.Config{STS: sts.NewFromConfig(sb.Config(t, old.AccessKeyID, old.SecretAccessKey, old.SessionToken))},
		session.Grant{RoleARN: sb.RoleARN, Name: "sealift-01K"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chained.Retrieve(t.Context()); !errors.Is(err, session.ErrExpiredBase) {
		t.Errorf("got %v, want ErrExpiredBase", err)
	}
	s := mint(time.Hour)
	first, err := s.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Invalidate(first.AccessKeyID)
	if second, err := s.Retrieve(t.Context()); err != nil || second.AccessKeyID == first.AccessKeyID {
		t.Errorf("got %s, %v", second.AccessKeyID, err)
	}
}
