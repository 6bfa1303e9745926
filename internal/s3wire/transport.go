package s3wire

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"
)

// Figures of the transport. S3 closes a connection that was idle for about
// five seconds; one that is closed first is not raced for. A write buffer of
// 128 KiB fills whole TLS records; under it they are gathered again (cork).
const (
	idleTimeout      = 4 * time.Second
	writeBuffer      = 128 << 10
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleConnections  = 256
)

// NewTransport returns a transport tuned for uploads: HTTP/1.1, TLS 1.2 or
// later, nothing compressed, no redirect followed. Nil roots are the system's,
// a nil proxy is none.
func NewTransport(roots *x509.CertPool, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	t := &http.Transport{
		Proxy:       proxy,
		DialContext: newSpread().DialContext,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(64),
			DynamicRecordSizingDisabled: true}, // small records are for those who wait for the first byte
		TLSHandshakeTimeout: handshakeTimeout,
		DisableCompression:  true,
		MaxIdleConns:        idleConnections,
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     idleTimeout,
		WriteBufferSize:     writeBuffer,
		Protocols:           protocols,
	}
	t.DialTLSContext = dialTLS(t)
	return t
}

// withoutReuse is the same transport, but with a connection of its own for each
// request. One that is not net/http's is left as it is.
func withoutReuse(t http.RoundTripper) http.RoundTripper {
	own, ok := t.(*http.Transport)
	if !ok {
		return t
	}
	own = own.Clone()
	own.DisableKeepAlives = true
	return own
}
