package s3wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// deaf is the address of a server that takes connections and reads nothing.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	return l.Addr().String()
}

// A handshake that takes too long is the network's doing, not the caller's: it
// is tried again.
func TestSlowHandshakeIsTheNetworks(t *testing.T) {
	transport := NewTransport(nil, nil)
	transport.TLSHandshakeTimeout = 50 * time.Millisecond
	t.Cleanup(transport.CloseIdleConnections)
	c := New(Config{Credentials: static, Region: "us-east-1", Endpoint: "https://" + deaf(t), Transport: transport, UserAgent: "test"})
	_, err := c.Put(t.Context(), object, Body{Reader: bytes.NewReader(make([]byte, 9)), Size: 9}, true)
	if class := Classify(err); class != Network {
		t.Errorf("%v is of class %d, not Network", err, class)
	}
}

// So is a connection that does not come about in time.
func TestSlowDialIsTheNetworks(t *testing.T) {
	transport := NewTransport(nil, nil)
	t.Cleanup(transport.CloseIdleConnections)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		d := net.Dialer{Deadline: time.Now().Add(-time.Second)}
		return d.DialContext(ctx, network, address)
	}
	c := New(Config{Credentials: static, Region: "us-east-1", Endpoint: "http://" + deaf(t), Transport: transport, UserAgent: "test"})
	_, err := c.Put(t.Context(), object, Body{Reader: bytes.NewReader(make([]byte, 9)), Size: 9}, true)
	if class := Classify(err); class != Network {
		t.Errorf("%v is of class %d, not Network", err, class)
	}
}

// Close does not wait for a write that the peer keeps waiting.
func TestCloseDoesNotWaitForAStalledWrite(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	shaken := make(chan net.Conn, 1)
	server.StartTLS() // for its certificate
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil && conn.(*tls.Conn).Handshake() == nil {
			shaken <- conn
		}
	}()
	transport := NewTransport(roots, nil)
	conn, err := transport.DialTLSContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer (<-shaken).Close()
	wrote := make(chan error, 1)
	progress := new(atomic.Int64)
	go func() {
		for {
			n, err := conn.Write(make([]byte, writeSize))
			progress.Add(int64(n))
			if err != nil {
				wrote <- err
				return
			}
		}
	}()
	for before := int64(-1); before != progress.Load(); time.Sleep(100 * time.Millisecond) {
		before = progress.Load()
	}
	begun := time.Now()
	conn.Close()
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := <-wrote; err == nil {
		t.Error("the write succeeded")
	}
}

// An answer that stands still in its middle is the network's doing too.
func TestStalledAnswerIsTheNetworks(t *testing.T) {
	gone := make(chan struct{})
	c := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "9")
		w.Write([]byte("a"))
		w.(http.Flusher).Flush()
		<-gone
	})
	t.Cleanup(func() { close(gone) })
	c.config.Stall = 100 * time.Millisecond
	_, err := c.Put(t.Context(), object, Body{Reader: bytes.NewReader(make([]byte, 9)), Size: 9}, true)
	if class := Classify(err); class != Network {
		t.Errorf("%v is of class %d, not Network", err, class)
	}
}
