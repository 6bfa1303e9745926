// Package front is the sandbox's reception: every request passes it before
// the S3 engine.
//
// It checks the signature, finds the caller, and sends the request where it
// belongs: STS and the token issuer are answered here, and so are the bucket
// documents the engine does not keep. For S3 it decides, by the caller's
// policies and the bucket's, whether the request may go on; nothing behind it
// decides again.
package front

import (
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/utils"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/bucket"
	"github.com/sealift/sealift/sandbox/internal/gateway"
	"github.com/sealift/sealift/sandbox/internal/oidc"
	"github.com/sealift/sealift/sandbox/internal/sts"
)

// Config is what the front stands before.
type Config struct {
	Account   *account.Account
	Documents *bucket.Documents
	Store     *gateway.Store
	STS       *sts.Service
	Issuer    *oidc.Identity
	Endpoint  string // scheme://host:port
	Now       func() time.Time
	Checksums Checksums
}

// A Front is the handler; see the package comment.
type Front struct{ Config }

// New makes a Front.
func New(cfg Config) *Front { return &Front{cfg} }

// reasonHeader says why a request was refused, which AWS does not.
const reasonHeader = "X-Sandbox-Reason"

// Handle answers a request or lets the engine do so.
func (f *Front) Handle(c fiber.Ctx) error {
	q := newRequest(c)
	defer q.body.finish()
	defer onceOnly(c)
	if isIssuer(q.path) {
		return f.serveIssuer(c, q)
	}
	if c.Method() == http.MethodOptions {
		return c.Next() // CORS preflight carries no signature
	}
	who, err := f.authenticate(q)
	switch {
	case err != nil && q.service() == "s3":
		return f.refuse(c, err)
	case err != nil:
		return f.refuseQuery(c, err)
	case q.service() == "s3":
		return f.serveS3(c, q, who)
	case q.service() == "sts":
		return f.serveSTS(c, q, who)
	}
	return f.refuseQuery(c, awserr.New(http.StatusNotImplemented, "NotImplemented",
		"The sandbox has no service %q", q.service()))
}

// onceOnly takes off the ids that the engine adds a second time, under the
// same name in other letters; clients join what comes twice.
func onceOnly(c fiber.Ctx) {
	h := &c.Response().Header
	for _, name := range []string{utils.HeaderAmzRequestID, utils.HeaderAmzID2} {
		if id := string(h.Peek(name)); id != "" {
			h.Del(textproto.CanonicalMIMEHeaderKey(name))
			h.Set(name, id)
		}
	}
}

// refuse writes an S3 error.
func (f *Front) refuse(c fiber.Ctx, e *awserr.Error) error {
	requestID, hostID := utils.EnsureRequestIDs(c)
	if e.Reason != "" {
		c.Set(reasonHeader, headerSafe(e.Reason))
	}
	c.Response().Header.SetContentType("application/xml")
	return c.Status(e.Status).Send(e.S3(requestID, hostID))
}

// refuseQuery writes an error as STS does.
func (f *Front) refuseQuery(c fiber.Ctx, e *awserr.Error) error {
	if e.Reason != "" {
		c.Set(reasonHeader, headerSafe(e.Reason))
	}
	requestID, _ := utils.EnsureRequestIDs(c)
	c.Set("x-amzn-RequestId", requestID)
	c.Response().Header.SetContentType("text/xml")
	return c.Status(e.Status).Send(e.Query(sts.Namespace, requestID))
}

// maxForm bounds the body of a call to STS; policies and tags are far below.
const maxForm = 256 << 10 // bytes

// serveSTS answers a call in the query protocol; who is nil if unsigned.
func (f *Front) serveSTS(c fiber.Ctx, q *request, who *account.Caller) error {
	form, err := q.form()
	if err != nil {
		return f.refuseQuery(c, err)
	}
	requestID, _ := utils.EnsureRequestIDs(c)
	body, err := f.STS.Do(sts.Request{Form: form, Caller: who, Context: f.connection(q)}, requestID)
	if err != nil {
		return f.refuseQuery(c, err)
	}
	c.Set("x-amzn-RequestId", requestID)
	c.Response().Header.SetContentType("text/xml")
	return c.Status(http.StatusOK).Send(body)
}

// headerSafe keeps text to what a header may hold.
func headerSafe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
}
