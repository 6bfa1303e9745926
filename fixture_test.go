package sealift_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

const mib = 1 << 20

// A fixture is a sandbox and what tests ask of it. Where SEALIFT_TEST_SERVER
// is set, it is that server, another S3 (see .ci/peers) that has the name
// SEALIFT_TEST_SERVER_NAME: its keys may do everything, and there is no STS.
type fixture struct {
	*sandboxtest.Sandbox
	admin *s3.Client
	other string // name of the other server; "" is the sandbox
}

func start(t *testing.T, args ...string) *fixture {
	t.Helper()
	if server := os.Getenv("SEALIFT_TEST_SERVER"); server != "" {
		return startOther(t, server)
	}
	sandbox := sandboxtest.Start(t, append([]string{"--tls"}, args...)...)
	admin := s3.NewFromConfig(sandbox.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })
	return &fixture{Sandbox: sandbox, admin: admin}
}

// startOther makes a bucket on a server that runs already.
func startOther(t *testing.T, server string) *fixture {
	t.Helper()
	s := &sandboxtest.Sandbox{Endpoint: server, CAFile: os.Getenv("SEALIFT_TEST_SERVER_CA"), Region: "us-east-1", Bucket: fmt.Sprintf("sealift-%d", time.Now().UnixNano()),
		AdminAccessKeyID: os.Getenv("SEALIFT_TEST_SERVER_KEY_ID"), AdminSecretKey: os.Getenv("SEALIFT_TEST_SERVER_SECRET")}
	f := &fixture{Sandbox: s, other: os.Getenv("SEALIFT_TEST_SERVER_NAME"), admin: s3.NewFromConfig(s.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })}
	if _, err := f.admin.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &s.Bucket}); err != nil {
		t.Fatalf("make a bucket on %s: %v", server, err)
	}
	return f
}

// unproven reports whether err is what may come of a lost Complete on another
// server: that it cannot be proven, for only AWS repeats its first answer.
func (f *fixture) unproven(err error) bool {
	return f.other != "" && errors.Is(err, sealift.ErrUnknownOutcome)
}

// sandboxOnly passes a test over on another server, which cannot do that.
func (f *fixture) sandboxOnly(t *testing.T, why string) {
	t.Helper()
	if f.other != "" {
		t.Skipf("not on %s: %s", f.other, why)
	}
}

// not passes a test over on the other server of that name.
func (f *fixture) not(t *testing.T, name, why string) {
	t.Helper()
	if f.other == name {
		t.Skipf("not on %s: %s", f.other, why)
	}
}

// session is an upload session narrowed to that key.
func (f *fixture) session(t *testing.T, key string) aws.CredentialsProvider {
	t.Helper()
	return f.sessionFor(t, policy.Want{Keys: []string{key}})
}

// sessionFor is an upload session narrowed to what is wanted of the bucket.
func (f *fixture) sessionFor(t *testing.T, want policy.Want) aws.CredentialsProvider {
	t.Helper()
	want.Bucket = f.Bucket
	narrowed, err := policy.Narrow(want)
	if err != nil {
		t.Fatal(err)
	}
	return f.granted(t, session.Grant{RoleARN: f.RoleARN, Name: "sealift-test", Policy: &narrowed})
}

// prefixed is an upload session narrowed to that prefix.
func (f *fixture) prefixed(t *testing.T, prefix string) aws.CredentialsProvider {
	t.Helper()
	return f.sessionFor(t, policy.Want{Prefix: prefix})
}

// wide is an upload session that is not narrowed.
func (f *fixture) wide(t *testing.T) aws.CredentialsProvider {
	t.Helper()
	return f.granted(t, session.Grant{RoleARN: f.RoleARN, Name: "sealift-test"})
}

// reader is a session that may look.
func (f *fixture) reader(t *testing.T) aws.CredentialsProvider {
	t.Helper()
	return f.granted(t, session.Grant{RoleARN: f.ReaderRoleARN, Name: "sealift-test-reader"})
}

// granted is a session of the sandbox's STS, or what another server has instead.
func (f *fixture) granted(t *testing.T, g session.Grant) aws.CredentialsProvider {
	t.Helper()
	if f.other != "" {
		return f.AdminConfig(t).Credentials
	}
	s, err := session.New(session.Config{STS: sts.NewFromConfig(f.UserConfig(t))}, g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// config is that of an Uploader of one key, which says what it does in the
// test's log.
func (f *fixture) config(t *testing.T, key string) sealift.Config {
	return sealift.Config{Credentials: f.session(t, key), Region: f.Region, Endpoint: f.Endpoint,
		RootCAs: f.roots(t), KeepTrying: 20 * time.Second}
}

func (f *fixture) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	if f.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(f.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

// transport is the library's own, for faults to be put before.
func (f *fixture) transport(t *testing.T) http.RoundTripper {
	tr := s3wire.NewTransport(f.roots(t), nil)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func open(t *testing.T, c sealift.Config) *sealift.Uploader {
	t.Helper()
	up, err := sealift.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { up.Close() })
	return up
}

// get is what the bucket holds under the key, nil when it holds nothing.
func (f *fixture) get(t *testing.T, key string) []byte {
	t.Helper()
	out, err := f.admin.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &f.Bucket, Key: &key})
	if err != nil {
		return nil
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{}, data...)
}

func (f *fixture) put(t *testing.T, key, text string) {
	t.Helper()
	_, err := f.admin.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &f.Bucket, Key: &key, Body: bytes.NewReader([]byte(text))})
	if err != nil {
		t.Fatal(err)
	}
}

// openUploads counts the multipart uploads of that key that are still open.
func (f *fixture) openUploads(t *testing.T, key string) int {
	t.Helper()
	out, err := f.admin.ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &f.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, u := range out.Uploads {
		if aws.ToString(u.Key) == key {
			n++
		}
	}
	return n
}

// versions counts the versions that the key has.
func (f *fixture) versions(t *testing.T, key string) int {
	t.Helper()
	out, err := f.admin.ListObjectVersions(context.Background(), &s3.ListObjectVersionsInput{Bucket: &f.Bucket, Prefix: &key})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Versions)
}

func random(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(data)
	return data
}

// file is an open file of those bytes, written a while ago.
func file(t *testing.T, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// key is one of its own for the test.
func key(t *testing.T) string { return fmt.Sprintf("%s/%d", t.Name(), time.Now().UnixNano()) }
