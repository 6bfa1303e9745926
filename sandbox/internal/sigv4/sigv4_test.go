package sigv4_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sealift/sealift/sandbox/internal/sigv4"
)

var keys = aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token/+=="}

const hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

// received is r as a server would see it.
func received(r *http.Request) sigv4.Request {
	return sigv4.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host,
		Header: func(name string) []string { return r.Header.Values(name) },
	}
}

func signed(t testing.TB, method, target, service string, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("X-Amz-Content-Sha256", hash)
	err = v4.NewSigner().SignHTTP(context.Background(), keys, r, hash, service, "us-east-1", time.Now(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = service == "s3"
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Trap 12: whatever the SDK signs is taken, and nothing else is.
func TestTrap12SignaturesOfTheSDK(t *testing.T) {
	for _, c := range []struct {
		name, method, target, service string
		header                        http.Header
	}{
		{"root", "GET", "http://127.0.0.1:9090/", "s3", nil},
		{"a form", "POST", "http://127.0.0.1:9090/", "sts", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		{"a key", "PUT", "http://127.0.0.1:9090/b/a/key", "s3", nil},
		{"an odd key", "PUT", "http://127.0.0.1:9090/b/" + url.PathEscape("ü +&=?#*'()!$@:,;[]%2F"), "s3", nil},
		{"an odd path elsewhere", "GET", "http://127.0.0.1:9090/a%20b/%2F", "sns", nil},
		{"a query", "GET", "http://127.0.0.1:9090/b?list-type=2&prefix=a%2Fb+c&delimiter=&x", "s3", nil},
		{"names where one begins the other", "GET", "http://127.0.0.1:9090/b?a=1&a-b=2&a.b=3&A=4&a=0", "s3", nil},
		{"spaces in headers", "PUT", "http://127.0.0.1:9090/b/k", "s3", http.Header{"X-Amz-Meta-A": {"  one   two  "}}},
		{"a header twice", "PUT", "http://127.0.0.1:9090/b/k", "s3", http.Header{"X-Amz-Meta-A": {"one", "two"}}},
		{"a referer", "PUT", "http://127.0.0.1:9090/b/k", "s3", http.Header{"Referer": {"https://x/"}, "If-None-Match": {"*"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := signed(t, c.method, c.target, c.service, c.header)
			s, err := sigv4.Parse(received(r))
			if err != nil {
				t.Fatal(err)
			}
			if s.AccessKeyID != keys.AccessKeyID || s.Token != keys.SessionToken || s.Service != c.service || s.Region != "us-east-1" || s.Presigned {
				t.Errorf("got %+v", s)
			}
			if !s.Verify(received(r), keys.SecretAccessKey) {
				t.Error("the signature was refused")
			}
			if s.Verify(received(r), "another") {
				t.Error("another secret was taken")
			}
			r.Method = "DELETE"
			if s.Verify(received(r), keys.SecretAccessKey) {
				t.Error("another method was taken")
			}
		})
	}
}

func TestChangedRequestsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"path":   func(r *http.Request) { r.URL.Path += "x" },
		"query":  func(r *http.Request) { r.URL.RawQuery += "&x=1" },
		"header": func(r *http.Request) { r.Header.Set("X-Amz-Meta-A", "other") },
		"host":   func(r *http.Request) { r.Host = "elsewhere" },
	} {
		r := signed(t, "PUT", "http://127.0.0.1:9090/b/k?a=1", "s3", http.Header{"X-Amz-Meta-A": {"one"}})
		change(r)
		s, err := sigv4.Parse(received(r))
		if err != nil {
			t.Fatal(err)
		}
		if s.Verify(received(r), keys.SecretAccessKey) {
			t.Errorf("another %s was taken", name)
		}
	}
}

func TestPresigned(t *testing.T) {
	r, err := http.NewRequest("GET", "http://127.0.0.1:9090/b/a%20key?X-Amz-Expires=60&response-content-type=a%2Fb", nil)
	if err != nil {
		t.Fatal(err)
	}
	target, _, err := v4.NewSigner().PresignHTTP(context.Background(), keys, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", time.Now(), func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		t.Fatal(err)
	}
	r.URL, err = url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(received(r))
	if err != nil {
		t.Fatal(err)
	}
	if !s.Presigned || s.Expires != time.Minute || s.Token != keys.SessionToken || !s.Verify(received(r), keys.SecretAccessKey) {
		t.Errorf("got %+v", s)
	}
}

func TestMalformedSignatures(t *testing.T) {
	good := signed(t, "GET", "http://127.0.0.1:9090/", "s3", nil).Header.Get("Authorization")
	for name, change := range map[string]func(string) string{
		"another mechanism": func(s string) string { return "Basic abc" },
		"no credential":     func(s string) string { return strings.Replace(s, "Credential=", "Credentials=", 1) },
		"short scope":       func(s string) string { return strings.Replace(s, "/aws4_request", "", 1) },
		"host unsigned":     func(s string) string { return strings.Replace(s, "host", "hoist", 1) },
		"no signature":      func(s string) string { before, _, _ := strings.Cut(s, "Signature="); return before },
	} {
		r := signed(t, "GET", "http://127.0.0.1:9090/", "s3", nil)
		r.Header.Set("Authorization", change(good))
		if _, err := sigv4.Parse(received(r)); !errors.Is(err, sigv4.ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	r := signed(t, "GET", "http://127.0.0.1:9090/", "s3", nil)
	r.Header.Set("X-Amz-Date", "yesterday")
	if _, err := sigv4.Parse(received(r)); !errors.Is(err, sigv4.ErrMalformed) {
		t.Errorf("a bad date: got %v", err)
	}
	r.Header.Del("Authorization")
	if _, err := sigv4.Parse(received(r)); !errors.Is(err, sigv4.ErrUnsigned) {
		t.Errorf("no signature at all: got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=A/20260101/r/s3/aws4_request, SignedHeaders=host, Signature=00", "20260101T000000Z", "a=1", "/x")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=1&X-Amz-Credential=a/b/c/d/aws4_request", "/%zz")
	f.Fuzz(func(t *testing.T, authorization, date, query, path string) {
		r := sigv4.Request{Method: "GET", Path: path, Query: query, Host: "h", Header: func(name string) []string {
			switch name {
			case "authorization":
				return []string{authorization}
			case "x-amz-date":
				return []string{date}
			}
			return nil
		}}
		if s, err := sigv4.Parse(r); err == nil && s.Verify(r, "secret") {
			t.Errorf("a signature was guessed: %q %q", authorization, query)
		}
	})
}
