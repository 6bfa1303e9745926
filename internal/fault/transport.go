// Package fault breaks things on purpose, for tests: the network between a
// client and S3, at a chosen request, before or after it has had its effect.
//
// A Transport carries real requests to a real server; only the planned faults
// are made up. A fault that was planned and never happened fails the test, so
// that no test can pass by testing nothing. The package knows S3's requests by
// their URLs alone and shares no code with the client.
package fault

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A Fault is one planned failure.
type Fault struct {
	Op     string // operation as CloudTrail spells it
	Nth    int    // which request of that operation, from 1; 0 is every one
	After  bool   // the server acts on it, and its answer is lost or replaced
	Status int    // answer with this status and Code; 0 cuts the connection
	Code   string // S3's error code, for a body that says so
	Body   string // the body, where Code is ""
	Header http.Header
	Do     func() // called when the fault happens, before anything else; may be nil
}

// A Transport is an http.RoundTripper with faults.
type Transport struct {
	next   http.RoundTripper
	faults []Fault

	mu    sync.Mutex
	count map[string]int
	fired []bool
}

// Through returns a transport that carries requests by next, but for the
// faults. When the test ends, it fails if one of them did not happen.
func Through(t testing.TB, next http.RoundTripper, faults ...Fault) *Transport {
	tr := &Transport{next: next, faults: faults, count: map[string]int{}, fired: make([]bool, len(faults))}
	t.Cleanup(func() {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		for i, fired := range tr.fired {
			if !fired {
				t.Errorf("planned fault never happened: %+v", tr.faults[i])
			}
		}
	})
	return tr
}

// Count is how many requests of that operation were sent.
func (tr *Transport) Count(op string) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.count[op]
}

// RoundTrip implements http.RoundTripper.
func (tr *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	f := tr.plan(Operation(req))
	if f == nil {
		return tr.next.RoundTrip(req)
	}
	if f.Do != nil {
		f.Do()
	}
	if f.After {
		resp, err := tr.next.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	} else if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	if f.Status == 0 {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return f.answer(req), nil
}

func (tr *Transport) plan(op string) *Fault {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.count[op]++
	for i := range tr.faults {
		f := &tr.faults[i]
		if f.Op == op && (f.Nth == 0 || f.Nth == tr.count[op]) {
			tr.fired[i] = true
			return f
		}
	}
	return nil
}

func (f *Fault) answer(req *http.Request) *http.Response {
	body := []byte(f.Body)
	if f.Code != "" {
		body = []byte("<Error><Code>" + f.Code + "</Code><Message>planned</Message></Error>")
	}
	header := f.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("X-Amz-Request-Id", "FAULT")
	return &http.Response{StatusCode: f.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req}
}

// Operation tells S3's requests apart by method and query.
func Operation(req *http.Request) string {
	q := req.URL.Query()
	switch {
	case req.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case req.Method == http.MethodPost && q.Has("uploadId"):
		return "CompleteMultipartUpload"
	case req.Method == http.MethodPut && q.Has("partNumber"):
		return "UploadPart"
	case req.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case req.Method == http.MethodGet && q.Has("uploadId"):
		return "ListParts"
	case req.Method == http.MethodPut:
		return "PutObject"
	case req.Method == http.MethodHead:
		return "HeadObject"
	}
	return strings.ToUpper(req.Method)
}
