// Package null is an S3 server that keeps nothing: it reads what it is sent,
// sums it, and answers as S3 would, so that a benchmark measures the client.
//
// It checks no signature and no condition. What it says about bytes is true:
// the CRC64NVME of each part and of each whole object. It can be slow, and it
// can be busy. Only benchmarks and tests of the engine use it.
package null

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealift/sealift/internal/sum"
)

// A Server answers S3's requests. The zero value is ready; fields are set
// before it serves.
type Server struct {
	Latency time.Duration // added to every answer
	Admit   float64       // requests a second; those beyond are 503 SlowDown. 0 admits all

	requests atomic.Int64
	refused  atomic.Int64

	mu      sync.Mutex
	uploads map[string]map[int]part
	bucket  bucket
}

type part struct {
	size int64
	crc  sum.CRC
}

// bucket is a token bucket of one second's depth.
type bucket struct {
	tokens float64
	at     time.Time
}

// Requests is how many requests came, and how many of them were refused.
func (s *Server) Requests() (all, refused int64) { return s.requests.Load(), s.refused.Load() }

func (s *Server) admit() bool {
	if s.Admit <= 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.bucket.at.IsZero() {
		s.bucket = bucket{tokens: s.Admit / 10, at: now}
	}
	s.bucket.tokens = min(s.Admit/10, s.bucket.tokens+s.Admit*now.Sub(s.bucket.at).Seconds())
	s.bucket.at = now
	if s.bucket.tokens < 1 {
		return false
	}
	s.bucket.tokens--
	return true
}

// buffers are what bodies are read into.
var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// consume reads a body to its end.
func consume(body io.Reader) (int64, sum.CRC, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var size int64
	var crc sum.CRC
	for {
		n, err := body.Read(*buf)
		crc, size = crc.Add((*buf)[:n]), size+int64(n)
		if err == io.EOF {
			return size, crc, nil
		}
		if err != nil {
			return size, crc, err
		}
	}
}

// unframed is the body without aws-chunked, whose chunks are like those of HTTP.
func unframed(r *http.Request) io.Reader {
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return httputil.NewChunkedReader(bufio.NewReader(r.Body))
	}
	return r.Body
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := s.requests.Add(1)
	w.Header().Set("x-amz-request-id", fmt.Sprintf("NULL%012X", id))
	w.Header().Set("x-amz-id-2", "null")
	size, crc, err := consume(unframed(r))
	if err != nil {
		return
	}
	if s.Latency > 0 {
		time.Sleep(s.Latency)
	}
	if !s.admit() {
		s.refused.Add(1)
		fail(w, http.StatusServiceUnavailable, "SlowDown")
		return
	}
	s.answer(w, r, size, crc)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, size int64, crc sum.CRC) {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		s.create(w, r)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		s.complete(w, r, q.Get("uploadId"))
	case r.Method == http.MethodPut && q.Has("uploadId"):
		s.part(w, q.Get("uploadId"), q.Get("partNumber"), part{size, crc})
	case r.Method == http.MethodPut:
		stored(w, crc)
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		s.abort(w, q.Get("uploadId"))
	case r.Method == http.MethodGet && q.Has("uploadId"):
		s.list(w, q.Get("uploadId"))
	case r.Method == http.MethodHead && strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet && q.Has("location"):
		write(w, struct {
			XMLName xml.Name `xml:"LocationConstraint"`
		}{})
	case r.Method == http.MethodGet:
		write(w, struct {
			XMLName xml.Name `xml:"ListBucketResult"`
		}{})
	}
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	id := strconv.FormatInt(s.requests.Load(), 10) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	s.mu.Lock()
	if s.uploads == nil {
		s.uploads = map[string]map[int]part{}
	}
	s.uploads[id] = map[int]part{}
	s.mu.Unlock()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	write(w, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket   string
		Key      string
		UploadId string //nolint:revive // S3's name
	}{Bucket: bucket, Key: key, UploadId: id})
}

func (s *Server) part(w http.ResponseWriter, id, number string, p part) {
	n, err := strconv.Atoi(number)
	s.mu.Lock()
	parts, ok := s.uploads[id]
	if ok && err == nil {
		parts[n] = p
	}
	s.mu.Unlock()
	if !ok || err != nil {
		fail(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	stored(w, p.crc)
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	parts, ok := s.uploads[id]
	delete(s.uploads, id)
	s.mu.Unlock()
	if !ok {
		fail(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	var whole sum.CRC
	for n := 1; n <= len(parts); n++ {
		whole = sum.Combine(whole, parts[n].crc, parts[n].size)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	write(w, struct {
		XMLName           xml.Name `xml:"CompleteMultipartUploadResult"`
		Bucket            string
		Key               string
		ETag              string
		ChecksumCRC64NVME string
		ChecksumType      string
	}{Bucket: bucket, Key: key, ETag: fmt.Sprintf(`"null-%d"`, len(parts)), ChecksumCRC64NVME: whole.String(), ChecksumType: "FULL_OBJECT"})
}

func (s *Server) abort(w http.ResponseWriter, id string) {
	s.mu.Lock()
	_, ok := s.uploads[id]
	delete(s.uploads, id)
	s.mu.Unlock()
	if !ok {
		fail(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) list(w http.ResponseWriter, id string) {
	s.mu.Lock()
	_, ok := s.uploads[id]
	s.mu.Unlock()
	if !ok {
		fail(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	write(w, struct {
		XMLName xml.Name `xml:"ListPartsResult"`
	}{})
}

func stored(w http.ResponseWriter, crc sum.CRC) {
	w.Header().Set("ETag", `"`+crc.String()+`"`)
	w.Header().Set("x-amz-checksum-crc64nvme", crc.String())
	w.Header().Set("x-amz-checksum-type", "FULL_OBJECT")
}

func write(w http.ResponseWriter, body any) {
	text, err := xml.Marshal(body)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Write(append([]byte(xml.Header), text...))
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s<Error><Code>%s</Code><Message>null</Message></Error>", xml.Header, code)
}
