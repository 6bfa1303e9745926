package front

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/sealift/sealift/sandbox/internal/access"
	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/sigv4"
)

// A request is what the front reads of an HTTP request: its line and headers
// at once, its body only when asked.
type request struct {
	c      fiber.Ctx
	path   string // unescaped
	query  url.Values
	body   *body
	signed sigv4.Request
	sig    sigv4.Signature
	sigErr error
}

func newRequest(c fiber.Ctx) *request {
	raw, rawQuery, _ := strings.Cut(string(c.Request().Header.RequestURI()), "?")
	if at := strings.Index(raw, "://"); at >= 0 { // absolute form
		_, rest, _ := strings.Cut(raw[at+3:], "/")
		raw = "/" + rest
	}
	q := &request{c: c, path: raw, body: newBody(c)}
	if plain, err := url.PathUnescape(raw); err == nil {
		q.path = plain
	}
	if values, err := url.ParseQuery(rawQuery); err == nil {
		q.query = values
	}
	q.signed = sigv4.Request{
		Method: c.Method(), Path: raw, Query: rawQuery,
		Host: string(c.Request().Header.Host()), Header: q.values,
	}
	q.sig, q.sigErr = sigv4.Parse(q.signed)
	return q
}

// values are all values of a header.
func (q *request) values(name string) []string {
	var out []string
	for _, v := range q.c.Request().Header.PeekAll(name) {
		out = append(out, string(v))
	}
	return out
}

func (q *request) header(name string) string {
	return string(q.c.Request().Header.Peek(name))
}

// service is the service of the signature's scope. Unsigned forms sent to the
// root are STS's, which has one unsigned call; all else unsigned is S3's.
func (q *request) service() string {
	if q.sigErr == nil {
		return q.sig.Service
	}
	if q.c.Method() == http.MethodPost && q.path == "/" {
		return "sts"
	}
	return "s3"
}

// s3 is the request as package access looks at it.
func (q *request) s3() access.Request {
	bucket, key := access.SplitPath(q.path)
	return access.Request{
		Method: q.c.Method(), Bucket: bucket, Key: key, Query: q.query,
		Header: q.header,
	}
}

// whole reads the whole body and holds it to the signed hash.
func (q *request) whole() ([]byte, *awserr.Error) {
	body := q.c.Request().Body()
	claimed := q.sig.PayloadHash
	if len(claimed) != sha256.Size*2 { // UNSIGNED-PAYLOAD, or none
		return body, nil
	}
	sum := sha256.Sum256(body)
	if hex.EncodeToString(sum[:]) != strings.ToLower(claimed) {
		return nil, awserr.New(http.StatusBadRequest, "XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return body, nil
}

// form reads the parameters of the query protocol, of the body or the query.
func (q *request) form() (url.Values, *awserr.Error) {
	if q.c.Request().Header.ContentLength() > maxForm {
		return nil, awserr.New(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request is too large")
	}
	form := url.Values{}
	for k, v := range q.query {
		form[k] = v
	}
	if q.c.Method() != http.MethodPost {
		return form, nil
	}
	posted, err := url.ParseQuery(string(q.c.Request().Body()))
	if err != nil {
		return nil, awserr.New(http.StatusBadRequest, "MalformedQueryString", "%v", err)
	}
	for k, v := range posted {
		form[k] = v
	}
	return form, nil
}
