package sealift_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
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
