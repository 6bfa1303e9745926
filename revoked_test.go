package sealift_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// late holds the first parts back, signed as they are, until their session has
// ended.
type late struct {
	next  http.RoundTripper
	until func() time.Time
	first int64
	parts atomic.Int64
}

func (l *late) RoundTrip(r *http.Request) (*http.Response, error) {
	if fault.Operation(r) == "UploadPart" && l.parts.Add(1) <= l.first {
		time.Sleep(time.Until(l.until()))
	}
	return l.next.RoundTrip(r)
}

// When a session ends while its parts are on their way, STS is asked once for
// all of them, and each is sent once more, although nothing may be tried again.
func TestSessionThatEndsInMidPartIsRenewedOnce(t *testing.T) {
	t.Parallel() // it waits for a session to end
	f := start(t, "--min-session", "1s")
	f.sandboxOnly(t, "it has no STS")
	const parts = 16
	key := key(t)
	narrowed, err := policy.Narrow(policy.Want{Bucket: f.Bucket, Keys: []string{key}})
	if err != nil {
		t.Fatal(err)
	}
	short, err := session.New(session.Config{STS: sts.NewFromConfig(f.UserConfig(t))},
		session.Grant{RoleARN: f.RoleARN, Name: "sealift-test", Duration: 4 * time.Second, Policy: &narrowed})
	if err != nil {
		t.Fatal(err)
	}
	ends := func() time.Time { return short.History()[0].Ends.Add(time.Second) }
	conf := f.config(t, key)
	through := fault.Through(t, f.transport(t))
	conf.Credentials, conf.Transport, conf.KeepTrying, conf.Budget = short, &late{next: through, until: ends, first: parts}, -1, sealift.NewBudget(parts, 0)
	data := random(parts * 5 * mib)
	_, err = open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(len(data))),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(f.get(t, key), data) {
		t.Error("the object has other bytes")
	}
	if n, sent := len(short.History()), through.Count("UploadPart"); n != 2 || sent != 2*parts {
		t.Errorf("%d sessions, %d requests for %d parts", n, sent, parts)
	}
}

// revoked cuts the connection of every part but the first two, as S3 may where
// it refuses a body, and refuses to list any.
type revoked struct {
	next  http.RoundTripper
	parts atomic.Int64
}

func (c *revoked) RoundTrip(r *http.Request) (*http.Response, error) {
	switch op := fault.Operation(r); {
	case op == "UploadPart" && c.parts.Add(1) > 2:
		_, _ = io.Copy(io.Discard, r.Body)
		return nil, &net.OpError{Op: "write", Net: "tcp", Err: syscall.ECONNRESET}
	case op == "ListParts":
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(
			"<Error><Code>AccessDenied</Code><Message>User: x is not authorized to perform: s3:ListMultipartUploadParts with an explicit deny in an identity-based policy</Message></Error>"))}, nil
	}
	return c.next.RoundTrip(r)
}

// A session that was revoked is found out behind broken connections too, and
// nothing is tried for long.
func TestRevokedSessionIsFoundOutBehindBrokenConnections(t *testing.T) {
	f := start(t)
	s := f.stop(t, 6)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	c := s.config(t)
	broken := &revoked{next: f.transport(t)}
	c.Transport = broken
	up := open(t, c)
	began := time.Now()
	_, err := up.Upload(ctx, sealift.File(reopen(t, s.path)), s.object)
	if !errors.Is(err, sealift.ErrDenied) || !errors.Is(err, sealift.ErrResumable) || time.Since(began) > 5*time.Second {
		t.Fatalf("after %v, %d parts: %v", time.Since(began), broken.parts.Load(), err)
	}
	r, _, err := s.upload(t.Context(), t, s.config(t))
	s.done(t, r, err)
}

func reopen(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
