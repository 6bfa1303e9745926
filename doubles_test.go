package sealift_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/sealift/sealift/session"
)

// silent fails the test when anything is asked of it.
type silent struct{ t *testing.T }

func (s *silent) Retrieve(context.Context) (aws.Credentials, error) {
	s.t.Error("credentials were asked for")
	return aws.Credentials{}, context.Canceled
}

func (s *silent) RoundTrip(r *http.Request) (*http.Response, error) {
	s.t.Errorf("%s %s was sent", r.Method, r.URL.Path)
	return nil, context.Canceled
}

// counter knows how many requests were under way at once.
type counter struct {
	next http.RoundTripper
	mu   sync.Mutex
	now  int
	most int
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.now--
		c.mu.Unlock()
	}()
	return c.next.RoundTrip(r)
}

// wide is a session that is not narrowed.
func (f *fixture) wide(t *testing.T) aws.CredentialsProvider {
	t.Helper()
	if f.other != "" {
		return f.AdminConfig(t).Credentials
	}
	s, err := session.New(session.Config{STS: sts.NewFromConfig(f.UserConfig(t))}, session.Grant{RoleARN: f.RoleARN, Name: "sealift-test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
