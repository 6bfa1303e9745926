package sealift_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/crc64nvme"
	"github.com/sealift/sealift/internal/fault"
)

// A memory is an S3 of one bucket in memory, for synctest bubbles, which a
// socket cannot be in: it takes requests where a connection would. It checks
// no signature; all else is as docs/assumptions.md says of AWS: sums,
// conditions, parts, pages, and a Complete that gets its first answer again.
// It shares no code with the client.
type memory struct {
	latency time.Duration     // of each request
	step    func()            // called when something happens, from many goroutines; may be nil
	spoil   func([]byte)      // changes what came of a body; may be nil
	expired func(string) bool // whether that key id is not taken any more; may be nil
	pace    time.Duration     // how long it takes until a part has come, whose bytes are then not looked at; 0 is at once

	mu       sync.Mutex
	seq      int
	versions map[string][]*thing // of objects, by key
	open     map[string]*opened  // uploads, by id
	over     map[string]*thing   // what became of an upload: nil is aborted
	refused  map[string]int      // requests, by the code of the refusal
	bodies   [][]byte            // to be used again
}

// A thing is an object, or a part.
type thing struct {
	pieces [][]byte
	size   int64
	crc    uint64
	etag   string
	meta   map[string]string
}

// An opened upload is one that is neither completed nor aborted.
type opened struct {
	key   string
	meta  map[string]string
	parts map[int]*thing
	other bool // it is another client's
}

func newMemory() *memory {
	return &memory{latency: 20 * time.Millisecond, versions: map[string][]*thing{}, open: map[string]*opened{},
		over: map[string]*thing{}, refused: map[string]int{}}
}

var bodies = sync.Pool{}

// body is memory for that many bytes.
func (m *memory) body(size int64) []byte {
	b, _ := bodies.Get().(*[]byte)
	if b == nil || int64(cap(*b)) < size {
		fresh := make([]byte, size, max(size, 5*mib+1024))
		b = &fresh
	}
	m.mu.Lock()
	m.bodies = append(m.bodies, *b)
	m.mu.Unlock()
	return (*b)[:size]
}

// forget gives the memory back.
func (m *memory) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.bodies {
		bodies.Put(&b)
	}
	m.bodies = nil
}

func (m *memory) happens() {
	if m.step != nil {
		m.step()
	}
}

// RoundTrip implements http.RoundTripper.
func (m *memory) RoundTrip(req *http.Request) (*http.Response, error) {
	m.happens()
	time.Sleep(m.latency)
	if m.expired != nil && m.expired(keyOf(req)) { // who asks is looked at before what comes
		m.mu.Lock()
		defer m.mu.Unlock()
		m.refused["ExpiredToken"]++
		return refusal(400, "ExpiredToken").response(req), nil
	}
	data, err := m.read(req)
	if err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	m.happens()
	m.mu.Lock()
	a := m.act(req, data)
	m.mu.Unlock()
	m.happens()
	return a.response(req), nil
}

// read takes the body, in two steps.
func (m *memory) read(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	if m.pace > 0 && fault.Operation(req) == "UploadPart" {
		return m.trickle(req)
	}
	data := m.body(req.ContentLength)
	for _, half := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
		if _, err := io.ReadFull(req.Body, half); err != nil {
			return nil, err
		}
		m.happens()
	}
	if n, err := req.Body.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return nil, fmt.Errorf("the body is longer than its length: %w", err)
	}
	if m.spoil != nil {
		m.spoil(data)
	}
	return data, nil
}

// trickle takes the body of a part bit by bit, over as long as a part takes, and
// keeps only the end of it.
func (m *memory) trickle(req *http.Request) (end tail, err error) {
	bits := int64(m.pace/(30*time.Second)) + 1
	for range bits {
		if _, err := io.CopyN(&end, req.Body, req.ContentLength/bits); err != nil {
			return nil, err
		}
		time.Sleep(m.pace / time.Duration(bits))
	}
	_, err = io.Copy(&end, req.Body)
	return end, err
}

// A tail is the end of what is written to it.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p[max(0, len(p)-100):]...)
	*t = (*t)[max(0, len(*t)-100):]
	return len(p), nil
}

// An answer is a status, S3's code where it is a refusal, and what goes with it.
type answer struct {
	status int
	code   string
	header map[string]string
	body   any
}

func (a answer) response(req *http.Request) *http.Response {
	var text []byte
	switch {
	case a.code != "":
		text = []byte("<Error><Code>" + a.code + "</Code><Message>memory</Message></Error>")
	case a.body != nil:
		text, _ = xml.Marshal(a.body)
	}
	h := http.Header{"X-Amz-Request-Id": {"MEMORY"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}
	for name, value := range a.header {
		h.Set(name, value)
	}
	if req.Method == http.MethodHead {
		text = nil
	}
	return &http.Response{StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)), Request: req}
}

func refusal(status int, code string) answer { return answer{status: status, code: code} }

// act has the effect of a request whose body is data.
func (m *memory) act(req *http.Request, data []byte) (a answer) {
	defer func() {
		if a.code != "" {
			m.refused[a.code]++
		}
	}()
	q := req.URL.Query()
	key := strings.TrimPrefix(req.URL.Path, "/")
	switch fault.Operation(req) {
	case "PutObject":
		return m.put(req, key, data)
	case "CreateMultipartUpload":
		return m.create(key, metaOf(req), false)
	case "UploadPart":
		return m.part(req, q.Get("uploadId"), q.Get("partNumber"), data)
	case "CompleteMultipartUpload":
		return m.complete(req, key, q.Get("uploadId"), data)
	case "AbortMultipartUpload":
		return m.abort(q.Get("uploadId"))
	case "ListParts":
		return m.list(q.Get("uploadId"), q.Get("part-number-marker"), q.Get("max-parts"))
	case "HeadObject":
		return m.head(key)
	}
	return refusal(405, "MethodNotAllowed")
}

// keyOf is the access key id that signed a request.
func keyOf(req *http.Request) string {
	_, after, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(after, "/")
	return id
}

func metaOf(req *http.Request) map[string]string {
	meta := map[string]string{}
	for name, values := range req.Header {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			meta[name] = values[0]
		}
	}
	return meta
}

const crcHeader = "X-Amz-Checksum-Crc64nvme"

func base64Of(crc uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
}

// received is a body, out of its frame, if it is what its checksum says.
func (m *memory) received(req *http.Request, data []byte) (*thing, *answer) {
	said := req.Header.Get(crcHeader)
	if m.pace > 0 {
		return m.believed(req, data), nil
	}
	if req.Header.Get("X-Amz-Content-Sha256") == "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
		var ok bool
		if data, said, ok = unframe(data); !ok || strconv.Itoa(len(data)) != req.Header.Get("X-Amz-Decoded-Content-Length") {
			a := refusal(400, "IncompleteBody")
			return nil, &a
		}
	}
	t := &thing{size: int64(len(data)), crc: crc64nvme.Checksum(data), pieces: [][]byte{data}}
	if said != base64Of(t.crc) {
		a := refusal(400, "BadDigest")
		return nil, &a
	}
	m.name(t)
	return t, nil
}

// name gives t an ETag that is no digest of it.
func (m *memory) name(t *thing) {
	m.seq++
	t.etag = fmt.Sprintf(`"opaque-%x-%d"`, t.crc, m.seq)
}

// believed is a part of which only the end was kept: it is what its trailer says.
func (m *memory) believed(req *http.Request, end []byte) *thing {
	t := &thing{}
	_, said, _ := bytes.Cut(end, []byte("x-amz-checksum-crc64nvme:"))
	t.crc = crcOf(string(bytes.TrimSpace(said)))
	t.size, _ = strconv.ParseInt(req.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	m.name(t)
	return t
}

// crcOf is the sum that text names; 0 where it names none.
func crcOf(text string) uint64 {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}

// unframe takes aws-chunked apart, which is to have one piece and the trailer.
func unframe(data []byte) (body []byte, said string, ok bool) {
	head, rest, _ := bytes.Cut(data, []byte("\r\n"))
	size, err := strconv.ParseUint(string(head), 16, 32)
	if err != nil || uint64(len(rest)) < size {
		return nil, "", false
	}
	body = rest[:size]
	lines := bufio.NewScanner(bytes.NewReader(rest[size:]))
	var got []string
	for lines.Scan() {
		got = append(got, lines.Text())
	}
	if len(got) != 4 || got[0] != "" || got[1] != "0" || got[3] != "" {
		return nil, "", false
	}
	said, ok = strings.CutPrefix(got[2], "x-amz-checksum-crc64nvme:")
	return body, said, ok
}

func (t *thing) header() map[string]string {
	h := map[string]string{"ETag": t.etag, crcHeader: base64Of(t.crc), "X-Amz-Checksum-Type": "FULL_OBJECT", "Content-Length": strconv.FormatInt(t.size, 10)}
	for name, value := range t.meta {
		h[name] = value
	}
	return h
}

func (m *memory) taken(req *http.Request, key string) bool {
	return req.Header.Get("If-None-Match") == "*" && len(m.versions[key]) > 0
}

func (m *memory) put(req *http.Request, key string, data []byte) answer {
	t, bad := m.received(req, data)
	if bad != nil {
		return *bad
	}
	if m.taken(req, key) {
		return refusal(412, "PreconditionFailed")
	}
	t.meta = metaOf(req)
	m.versions[key] = append(m.versions[key], t)
	h := t.header()
	delete(h, "Content-Length")
	return answer{status: 200, header: h}
}

func (m *memory) create(key string, meta map[string]string, other bool) answer {
	m.seq++
	id := fmt.Sprintf("upload-%d", m.seq)
	m.open[id] = &opened{key: key, meta: meta, parts: map[int]*thing{}, other: other}
	return answer{status: 200, body: struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		UploadID string   `xml:"UploadId"`
	}{UploadID: id}}
}

func (m *memory) part(req *http.Request, id, number string, data []byte) answer {
	u, n := m.open[id], 0
	if u == nil {
		return refusal(404, "NoSuchUpload")
	}
	n, _ = strconv.Atoi(number)
	if n < 1 || n > 10_000 {
		return refusal(400, "InvalidArgument")
	}
	t, bad := m.received(req, data)
	if bad != nil {
		return *bad
	}
	u.parts[n] = t
	h := t.header()
	delete(h, "Content-Length")
	return answer{status: 200, header: h}
}
