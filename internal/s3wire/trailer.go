package s3wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sealift/sealift/internal/sum"
)

// unsignedTrailer is the payload hash of an aws-chunked body with its checksum
// behind it.
const unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

// Whether the server takes sums in trailers is not known until a part that had
// one is stored, with that sum, or refused.
const (
	trailersUntried int32 = iota
	trailersTaken
	trailersRefused
)

// Trails reports whether the sum of a part can be sent behind its bytes, so
// that they need not be read before: over TLS, which guards the trailer as it
// does the rest, and where the server was not found to refuse it.
func (c *Client) Trails(ctx context.Context, o Object) bool {
	if !o.Kind.Told() || c.trailers.Load() == trailersRefused {
		return false
	}
	t, err := c.target(ctx, o.Bucket)
	return err == nil && t.base.Scheme == "https"
}

// triedTrailer learns from the answer to a part whose sum was in a trailer.
// Servers that know no trailers refuse such a part in many ways; one that has
// never taken any is asked again with the sum in a header.
func (c *Client) triedTrailer(p Part, err error) error {
	e, answered := err.(*Error)
	switch {
	case err == nil && !p.Silent:
		c.trailers.CompareAndSwap(trailersUntried, trailersTaken)
	case err != nil && answered && e.refusesTrailer() && c.trailers.Load() != trailersTaken:
		c.trailers.Store(trailersRefused)
		e.Untrailed = true
	}
	return err
}

// refusesTrailer reports whether an error can mean that the server knows no
// trailers.
func (e *Error) refusesTrailer() bool {
	switch {
	case e.Err != nil:
		return false
	case e.Code == "IncompleteBody", e.Status == http.StatusNotImplemented, e.Status == http.StatusLengthRequired:
		return true
	}
	class := Classify(e) // a policy may deny what is not UNSIGNED-PAYLOAD
	return class == Corrupt || class == Refused || class == Denied
}

// A framed body is aws-chunked: all its bytes as one chunk, and behind it a
// trailer with their sum. It is read once.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
// (recalled, not read again); the SDK frames bodies of known length so.
type framed struct {
	bytes  io.Reader
	kind   sum.Kind
	tally  *sum.Tally
	moved  func(int) // called with the bytes of the chunk alone; may be nil
	before string    // of the framing, what is still to come in front of the bytes
	left   int64     // of the bytes
	after  string    // of the framing, behind them; "" until all are read
	whole  atomic.Bool
}

// frame wraps b, which has a byte at least, and returns how long it becomes.
func frame(b Body, k sum.Kind) (*framed, int64) {
	f := &framed{bytes: b.Reader, kind: k, tally: sum.NewTally(k), moved: b.Moved,
		before: strconv.FormatInt(b.Size, 16) + "\r\n", left: b.Size}
	return f, int64(len(f.before)) + b.Size + int64(len(f.trailer()))
}

// trailer is what ends the body, with the sum as it stands.
func (f *framed) trailer() string {
	return "\r\n0\r\n" + strings.ToLower(checksumHeader(f.kind)) + ":" + f.tally.Sums().Told(f.kind) + "\r\n\r\n"
}

func (f *framed) Read(p []byte) (n int, err error) {
	switch {
	case f.before != "":
		n = copy(p, f.before)
		f.before = f.before[n:]
		return n, nil
	case f.left > 0:
		return f.readBytes(p)
	case f.after == "":
		return 0, io.EOF
	}
	n = copy(p, f.after)
	f.after = f.after[n:]
	return n, nil
}

func (f *framed) readBytes(p []byte) (int, error) {
	n, err := f.bytes.Read(p[:min(int64(len(p)), f.left)])
	f.tally.Write(p[:n])
	f.left -= int64(n)
	if n > 0 && f.moved != nil {
		f.moved(n)
	}
	if f.left == 0 {
		f.after = f.trailer()
		f.whole.Store(true)
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// sums are those of all bytes; an error while some have not been read, which an
// answer must not come before.
func (f *framed) sums(answer Answer) (sum.Sums, error) {
	if !f.whole.Load() {
		return sum.Sums{}, nonsense(answer, "a success before the body's end")
	}
	return f.tally.Sums(), nil
}

// describe is what the header says of a framed body of so many bytes.
func (f *framed) describe(h http.Header, size int64) {
	h.Set("Content-Encoding", "aws-chunked")
	h.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(size))
	h.Set("X-Amz-Trailer", strings.ToLower(checksumHeader(f.kind)))
	h.Set("X-Amz-Sdk-Checksum-Algorithm", string(kept(f.kind)))
}
