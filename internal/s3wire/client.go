// Package s3wire speaks S3's REST protocol for the few operations an upload
// needs: signed requests on net/http, bounded answers, errors with a class.
//
// It sends each request once and decides nothing: what to do about an error is
// package engine's. It follows no redirect, keeps no secret beyond a request,
// and takes from the SDK what only AWS should write: the signature and the
// endpoint rules. It may import the SDK, plan and sum.
package s3wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A Config says where a Client sends its requests and who signs them.
type Config struct {
	Credentials aws.CredentialsProvider
	Region      string
	Endpoint    string // URL; "" is AWS's own
	Addressing
	Transport http.RoundTripper
	UserAgent string
	Stall     time.Duration // how long an attempt may stand still; 0 is DefaultStall
}

// DefaultStall is how long an attempt may move no byte before it is given up.
const DefaultStall = 45 * time.Second

// completeStall is the same for CompleteMultipartUpload, which S3 may work on
// for minutes.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
// (read 2026-11-24).
const completeStall = 5 * time.Minute

// unsigned is the payload hash of bodies that a checksum header guards instead.
const unsigned = "UNSIGNED-PAYLOAD"

// A Client sends requests to S3. It is safe for concurrent use.
type Client struct {
	config Config
	fresh  http.RoundTripper // does not use a connection twice
	signer *v4.Signer
	skew   atomic.Int64 // nanoseconds that the server's clock is ahead of ours
	heard  atomic.Bool  // the server has answered

	trailers atomic.Int32 // whether the server takes sums behind the bytes
	unsummed sync.Map     // kinds of checksum that the server was found not to keep

	mu      sync.Mutex
	targets map[string]target // by bucket
}

// New returns a Client. It opens no connection.
func New(c Config) *Client {
	if c.Stall == 0 {
		c.Stall = DefaultStall
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return &Client{config: c, fresh: withoutReuse(c.Transport), signer: signer, targets: map[string]target{}}
}

// An Answer is what every answer of S3 carries, errors included.
type Answer struct {
	Operation Operation
	RequestID string    // x-amz-request-id, "" when S3 did not answer
	ID2       string    // x-amz-id-2
	KeyID     string    // access key id that signed the request
	Time      time.Time // when the request was sent, by the local clock, UTC
}

// An Operation is one S3 call, as CloudTrail spells it.
type Operation string

// The operations of an upload.
const (
	CreateMultipartUpload   Operation = "CreateMultipartUpload"
	UploadPart              Operation = "UploadPart"
	CompleteMultipartUpload Operation = "CompleteMultipartUpload"
	AbortMultipartUpload    Operation = "AbortMultipartUpload"
	ListParts               Operation = "ListParts"
	PutObject               Operation = "PutObject"
	HeadObject              Operation = "HeadObject"
	GetObject               Operation = "GetObject"
	ListObjects             Operation = "ListObjects"
	ListMultipartUploads    Operation = "ListMultipartUploads"
)

// A request is one call before it is signed.
type request struct {
	operation Operation
	method    string
	bucket    string
	key       string
	query     string // canonical: sorted and escaped
	header    http.Header
	body      io.Reader // nil for none
	size      int64     // bytes of body
	moved     func(int) // called with each read's bytes; nil for none
	fresh     bool      // over a connection of its own
	hash      string    // of the payload, as it is signed; "" is unsigned
}

// do sends r once. The answer's body is returned unread; whoever reads it
// closes it. On an error of any kind, the body is closed and the error is an
// *Error.
func (c *Client) do(ctx context.Context, r request) (*http.Response, Answer, error) {
	target, creds, err := c.prepare(ctx, r.bucket)
	answer := Answer{Operation: r.operation, KeyID: creds.AccessKeyID, Time: time.Now().UTC()}
	if err != nil {
		return nil, answer, &Error{Answer: answer, Err: err}
	}
	ctx, watch := newWatch(ctx, c.stall(r.operation))
	hr, body, err := c.sign(ctx, r, target, creds, watch)
	if err != nil {
		watch.stop()
		return nil, answer, &Error{Answer: answer, Err: err}
	}
	transport := c.config.Transport
	if r.fresh {
		transport = c.fresh
	}
	body.way.out.Store(true) // unless the transport says that it waits
	resp, err := transport.RoundTrip(hr)
	if err != nil {
		cause := body.cause(ctx, err)
		watch.stop()
		return nil, answer, &Error{Answer: answer, Whole: body.whole(r.size), Err: cause}
	}
	c.heard.Store(true)
	resp.Body = &watched{ReadCloser: resp.Body, watch: watch}
	answer.RequestID = resp.Header.Get("x-amz-request-id")
	answer.ID2 = resp.Header.Get("x-amz-id-2")
	if resp.StatusCode/100 != 2 {
		return nil, answer, c.refusal(ctx, r.bucket, resp, answer)
	}
	return resp, answer, nil
}

func (c *Client) stall(op Operation) time.Duration {
	if op == CompleteMultipartUpload {
		return max(c.config.Stall, completeStall)
	}
	return c.config.Stall
}

// prepare says where a request goes and who signs it. It may take as long as
// the provider does: somebody may have to find an MFA device. Credentials that
// cannot be had are a *CredentialsError.
func (c *Client) prepare(ctx context.Context, bucket string) (target, aws.Credentials, error) {
	t, err := c.target(ctx, bucket)
	if err != nil {
		return target{}, aws.Credentials{}, err
	}
	creds, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return target{}, aws.Credentials{}, &CredentialsError{Err: err}
	}
	return t, creds, nil
}

// sign builds the signed request.
func (c *Client) sign(ctx context.Context, r request, target target, creds aws.Credentials, w *watch) (*http.Request, *body, error) {
	sent := &body{Reader: r.body, watch: w, moved: r.moved, way: wayOf(ctx)}
	hr := (&http.Request{
		Method:        r.method,
		URL:           target.url(r.key, r.query),
		Header:        r.header,
		ContentLength: r.size,
		Proto:         "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(sent.trace(ctx))
	if r.header == nil {
		hr.Header = http.Header{}
	}
	if r.size > 0 {
		hr.Body = sent
	}
	hr.Host = hr.URL.Host
	hr.Header.Set("User-Agent", c.config.UserAgent)
	hash := cmp.Or(r.hash, unsigned)
	hr.Header.Set("X-Amz-Content-Sha256", hash)
	err := c.signer.SignHTTP(ctx, creds, hr, hash, target.service, target.region, c.now())
	if err != nil {
		return nil, nil, fmt.Errorf("sign request: %w", err)
	}
	return hr, sent, nil
}

// now is the time as S3 has it, as far as it has been told.
func (c *Client) now() time.Time {
	return time.Now().Add(time.Duration(c.skew.Load())).UTC()
}

// Heard reports whether the server has ever answered, with whatever.
func (c *Client) Heard() bool { return c.heard.Load() }

// Invalidate tells the credentials that S3 no longer takes this key, if they
// want to hear of it.
func (c *Client) Invalidate(keyID string) {
	if i, ok := c.config.Credentials.(interface{ Invalidate(accessKeyID string) }); ok && keyID != "" {
		i.Invalidate(keyID)
	}
}

// A body counts what the transport reads of a request's body, and remembers
// whether it was the source, not the network, that failed.
type body struct {
	io.Reader
	watch *watch
	moved func(int)
	way   *Way
	read  atomic.Int64
	err   atomic.Pointer[error]

	asked, got atomic.Bool // for a connection; false where the transport does not tell
}

// trace lets the transport tell whether there was a connection.
func (b *body) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { b.asked.Store(true); b.way.out.Store(b.got.Load()) },
		GotConn: func(httptrace.GotConnInfo) { b.got.Store(true); b.way.out.Store(true) },
	})
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.watch.move()
	b.read.Add(int64(n))
	if n > 0 && b.moved != nil {
		b.moved(n)
	}
	if err != nil && err != io.EOF {
		b.err.Store(&err)
	}
	return n, err
}

func (b *body) Close() error { return nil }

// whole reports whether a request that got no answer had gone out whole: its
// body had been read to the end, over a connection that there was, or that the
// transport says nothing of.
func (b *body) whole(size int64) bool {
	return b.read.Load() == size && (b.got.Load() || !b.asked.Load())
}

// cause finds out why a request got no answer.
func (b *body) cause(ctx context.Context, err error) error {
	if read := b.err.Load(); read != nil {
		return &SourceError{Err: *read}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// A *url.Error would print the URL, a *net.OpError does not.
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &impatience{err.Error()}
	}
	return err
}

// An impatience is a time that the transport has set itself, as for a dial: it
// claims to be a context's end, and the caller's has not ended.
type impatience struct{ text string }

func (e *impatience) Error() string { return e.text }

// escape writes s as S3's canonical URIs have it: all but the unreserved
// characters, and '/' where keepSlash, as %XX.
func escape(s string, keepSlash bool) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		ch := s[i]
		switch {
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9',
			ch == '-', ch == '_', ch == '.', ch == '~', ch == '/' && keepSlash:
			b.WriteByte(ch)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[ch>>4])
			b.WriteByte(hex[ch&15])
		}
	}
	return b.String()
}
