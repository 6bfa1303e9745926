package s3wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
)

// counting counts the writes that reach the system, and fails those after the
// given one.
type counting struct {
	net.Conn
	writes *atomic.Int64
	most   int64 // 0 = all go through
}

var errFull = errors.New("no more")

func (c counting) Write(p []byte) (int, error) {
	if n := c.writes.Add(1); c.most > 0 && n > c.most {
		return 0, errFull
	}
	return c.Conn.Write(p)
}

// What goes through TLS comes out as it was, in far fewer writes than records.
func TestRecordsAreWrittenTogether(t *testing.T) {
	data := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	var got []byte
	c := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.Header().Set("ETag", `"e"`)
	})
	var writes atomic.Int64
	transport := c.config.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return counting{conn, &writes, 0}, err
	}
	if _, err := c.Put(t.Context(), object, Body{Reader: bytes.NewReader(data), Size: int64(len(data))}, true); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Error("other bytes arrived")
	}
	records := int64(len(data) / oneRecord)
	if n := writes.Load(); n > records/8+8 {
		t.Errorf("%d writes for %d records", n, records)
	}
}

// A write that fails is an error of the request, though it comes late.
func TestLateWriteErrorIsNotLost(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	go io.Copy(io.Discard, there)
	c := &cork{Conn: counting{here, new(atomic.Int64), 1}}
	c.put()
	if _, err := c.Write(make([]byte, corkSize+1)); err != nil {
		t.Fatal(err)
	}
	if err := c.pull(); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, errFull) {
		t.Errorf("after the cork: %v", err)
	}
}

// A proxy that is itself reached by TLS changes nothing: what goes through it
// lies under two layers of it.
func TestUploadsGoThroughAProxyByTLS(t *testing.T) {
	data := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	var got []byte
	var tunnels atomic.Int64
	c := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.Header().Set("ETag", `"e"`)
	})
	proxy := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tunnels.Add(1)
		there, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		defer there.Close()
		here, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer here.Close()
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(there, buffered)
			there.Close()
		}()
		io.Copy(here, there)
	}))
	t.Cleanup(proxy.Close)
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := c.config.Transport.(*http.Transport)
	transport.Proxy = http.ProxyURL(at) // both have httptest's certificate
	if _, err := c.Put(t.Context(), object, Body{Reader: bytes.NewReader(data), Size: int64(len(data))}, true); err != nil {
		t.Fatal(err)
	}
	transport.CloseIdleConnections()
	if !bytes.Equal(got, data) || tunnels.Load() != 1 {
		t.Errorf("%d bytes arrived by %d tunnels", len(got), tunnels.Load())
	}
}
