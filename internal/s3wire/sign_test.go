package s3wire

import (
	"io"
	"net/http"
	"testing"
)

// unsent is a transport that sends nothing: what a request costs before that.
type unsent struct{}

func (unsent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"e"`}}, Body: http.NoBody, Request: r}, nil
}

// One small object, from its options to a signed request, and back.
func BenchmarkSignedPut(b *testing.B) {
	c := New(Config{Credentials: static, Region: "us-east-1", Transport: unsent{}, UserAgent: "test"})
	o := object
	o.Metadata = map[string]string{"sealift-transfer": "01K0000000000000000000000A"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Put(b.Context(), o, bytesOf("x"), false); err != nil {
			b.Fatal(err)
		}
	}
}
