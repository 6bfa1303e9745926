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

	Refuse bool                 // no connection: nothing of the request goes out
	Half   bool                 // only half of the request's body goes out
	Hang   bool                 // nothing comes back until the client gives up
	Cut    bool                 // the answer breaks off
	Edit   func(*http.Response) // changes the answer: the true one with After, else an empty 200
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
	tr := New(next, faults...)
	t.Cleanup(func() {
		for _, f := range tr.Missed() {
			t.Errorf("planned fault never happened: %+v", f)
		}
	})
	return tr
}

// New is Through for whoever asks for Missed.
func New(next http.RoundTripper, faults ...Fault) *Transport {
	return &Transport{next: next, faults: faults, count: map[string]int{}, fired: make([]bool, len(faults))}
}

// Missed are the faults that have not happened.
func (tr *Transport) Missed() (missed []Fault) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for i, fired := range tr.fired {
		if !fired {
			missed = append(missed, tr.faults[i])
		}
	}
	return missed
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
	resp, err := tr.effect(f, req)
	if err != nil {
		return nil, err
	}
	switch {
	case f.Hang:
		resp.Body.Close()
		<-req.Context().Done()
		return nil, req.Context().Err()
	case f.Edit != nil:
		f.Edit(resp)
		return resp, nil
	case f.Cut:
		return cut(resp)
	}
	resp.Body.Close()
	if f.Status == 0 {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return f.answer(req), nil
}

// effect is the server's true answer where the fault comes after that, else an
// empty success, and as much of the request has gone out as the fault lets.
func (tr *Transport) effect(f *Fault, req *http.Request) (*http.Response, error) {
	if f.After {
		return tr.next.RoundTrip(req)
	}
	if req.Body != nil && !f.Refuse {
		var body io.Reader = req.Body
		if f.Half {
			body = io.LimitReader(body, req.ContentLength/2)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			return nil, err
		}
	}
	return (&Fault{Status: http.StatusOK}).answer(req), nil
}

// cut breaks an answer off: in the middle of its body, or of its header where
// there is none.
func cut(resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
	return resp, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

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
