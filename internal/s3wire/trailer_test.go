package s3wire

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sealift/sealift/internal/sum"
)

// serveTLS is serve by TLS.
func serveTLS(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := NewTransport(roots, nil)
	t.Cleanup(transport.CloseIdleConnections)
	return New(Config{Credentials: static, Region: "us-east-1", Endpoint: server.URL, Transport: transport, UserAgent: "test", Stall: 2 * time.Second})
}

// behind is a body whose sums are sent behind it.
func behind(data []byte) Body {
	return Body{Reader: bytes.NewReader(data), Size: int64(len(data)), Behind: true}
}

// unframe reads an aws-chunked body as a server does: what it decodes to, and
// its trailer.
func unframe(t *testing.T, r *http.Request) ([]byte, textproto.MIMEHeader) {
	t.Helper()
	body := bufio.NewReader(r.Body)
	data, err := io.ReadAll(httputil.NewChunkedReader(body))
	if err != nil {
		t.Errorf("chunks: %v", err)
	}
	trailer, err := textproto.NewReader(body).ReadMIMEHeader()
	if err != nil {
		t.Errorf("trailer: %v", err)
	}
	if rest, _ := io.ReadAll(body); len(rest) > 0 {
		t.Errorf("%q follows the trailer", rest)
	}
	return data, trailer
}

// A part that was not summed before arrives whole, with the sum behind it, of
// every kind.
func TestSumBehindTheBytes(t *testing.T) {
	for _, kind := range []sum.Kind{"", sum.CRC32, sum.CRC32C, sum.SHA1, sum.SHA256} {
		for _, size := range []int{1, 15, 16, 4096, 8<<20 + 3} {
			data := make([]byte, size)
			rand.NewChaCha8([32]byte{byte(size)}).Read(data)
			tally := sum.NewTally(kind)
			tally.Write(data)
			want := tally.Sums()
			c := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
				got, trailer := unframe(t, r)
				header := checksumHeader(kind)
				if !bytes.Equal(got, data) || trailer.Get(header) != want.Told(kind) || r.Header.Get(header) != "" {
					t.Errorf("%q, %d bytes: got %d bytes, trailer %v", kind, size, len(got), trailer)
				}
				for name, said := range map[string]string{"X-Amz-Content-Sha256": unsignedTrailer, "Content-Encoding": "aws-chunked",
					"X-Amz-Trailer": strings.ToLower(header), "X-Amz-Decoded-Content-Length": strconv.Itoa(size)} {
					if got := r.Header.Get(name); got != said || !strings.Contains(r.Header.Get("Authorization"), strings.ToLower(name)) {
						t.Errorf("%q, %d bytes: %s is %q, signed as %s", kind, size, name, got, r.Header.Get("Authorization"))
					}
				}
				w.Header().Set("ETag", `"e"`)
				w.Header().Set(header, want.Told(kind))
			})
			o := Object{Bucket: "bucket", Key: "key", Kind: kind}
			if !c.Trails(t.Context(), o) {
				t.Fatal("no trailers by TLS")
			}
			var moved int
			b := behind(data)
			b.Moved = func(n int) { moved += n }
			p, _, err := c.Part(t.Context(), o, "id", 1, b)
			if err != nil || p.Sums() != want || p.Size != int64(size) || moved != size {
				t.Errorf("%q, %d bytes: %+v, moved %d, %v", kind, size, p, moved, err)
			}
		}
	}
}

// The sum goes before the bytes in plain http, where nothing guards a trailer,
// and where there is none.
func TestNoTrailers(t *testing.T) {
	if serve(t, say(200, "", "")).Trails(t.Context(), object) {
		t.Error("in plain http")
	}
	if serveTLS(t, say(200, "", "")).Trails(t.Context(), Object{Bucket: "bucket", Key: "key", Kind: sum.None}) {
		t.Error("without a checksum")
	}
}

// A server that has taken no trailer yet and refuses one is spoken to more
// plainly; of one that has, a refusal is a refusal.
func TestServerWithoutTrailers(t *testing.T) {
	refusals := []struct {
		status int
		code   string
		known  Class // where trailers are known to work
	}{
		{501, "NotImplemented", Refused},
		{411, "MissingContentLength", Refused},
		{403, "SignatureDoesNotMatch", Denied},
		{403, "AccessDenied", Denied},
		{400, "XAmzContentSHA256Mismatch", Corrupt},
		{400, "InvalidRequest", Refused},
		{400, "IncompleteBody", Busy},
	}
	for _, r := range refusals {
		var takes atomic.Bool
		c := serveTLS(t, func(w http.ResponseWriter, req *http.Request) {
			data, trailer := unframe(t, req)
			if !takes.Load() {
				say(r.status, "", "<Error><Code>"+r.code+"</Code></Error>")(w, req)
				return
			}
			w.Header().Set(crcHeader, trailer.Get(crcHeader))
			w.Header().Set("ETag", strconv.Itoa(len(data)))
		})
		send := func() Class {
			_, _, err := c.Part(t.Context(), object, "id", 1, behind([]byte("bytes")))
			return Classify(err)
		}
		takes.Store(true)
		if class := send(); class != OK {
			t.Fatalf("taken: class %d", class)
		}
		takes.Store(false)
		if class := send(); class != r.known || !c.Trails(t.Context(), object) {
			t.Errorf("%s of a server that took trailers: class %d", r.code, class)
		}
		c.trailers.Store(trailersUntried)
		if class := send(); class != Untrailed || c.Trails(t.Context(), object) {
			t.Errorf("%s of a server that took none: class %d, trailers still sent: %v", r.code, class, c.Trails(t.Context(), object))
		}
	}
	for _, code := range []string{"SlowDown", "NoSuchUpload", "ExpiredToken"} {
		c := serveTLS(t, say(400, "", "<Error><Code>"+code+"</Code></Error>"))
		if _, _, err := c.Part(t.Context(), object, "id", 1, behind([]byte("bytes"))); Classify(err) == Untrailed || !c.Trails(t.Context(), object) {
			t.Errorf("%s has nothing to do with trailers: %v", code, err)
		}
	}
}

// A silent success does not show that trailers are understood: a server that
// ignores them may have kept the framing.
func TestSilenceIsNoProofOfTrailers(t *testing.T) {
	c := serveTLS(t, say(200, "ETag: e", ""))
	p, _, err := c.Part(t.Context(), object, "id", 1, behind([]byte("bytes")))
	if err != nil || !p.Silent || c.trailers.Load() != trailersUntried {
		t.Errorf("got %+v, %v, state %d", p, err, c.trailers.Load())
	}
}

// A success that comes before the body's end is none: nobody knows its sum.
func TestSuccessBeforeTheEndIsNone(t *testing.T) {
	c := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"early"`)
		w.WriteHeader(200)
	})
	endless := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotest.ErrReader(errors.New("never asked")))
	p, _, err := c.Part(t.Context(), object, "id", 1, Body{Reader: endless, Size: 1 << 30, Behind: true})
	if err == nil {
		t.Errorf("stored: %+v", p)
	}
}

// A source that ends too soon, or fails, is told from a network that does.
func TestSourceFailsInsideTheFrame(t *testing.T) {
	c := serveTLS(t, say(200, "ETag: e", ""))
	for name, r := range map[string]io.Reader{"short": strings.NewReader("short"), "fails": iotest.ErrReader(errors.New("EIO"))} {
		_, _, err := c.Part(t.Context(), object, "id", 1, Body{Reader: r, Size: 1 << 20, Behind: true})
		if Classify(err) != Source {
			t.Errorf("%s: %v is class %d", name, err, Classify(err))
		}
	}
}
