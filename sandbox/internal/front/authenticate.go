package front

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/awserr"
	"github.com/sealift/sealift/sandbox/internal/sigv4"
)

// maxSkew is how far a client's clock may be off.
const maxSkew = 15 * time.Minute

// authenticate proves who signed the request. An unsigned call of STS is
// nobody's and no error; every other unsigned request is refused, since the
// sandbox has no public buckets.
func (f *Front) authenticate(q *request) (*account.Caller, *awserr.Error) {
	switch {
	case errors.Is(q.sigErr, sigv4.ErrUnsigned) && q.service() == "sts":
		return nil, nil
	case errors.Is(q.sigErr, sigv4.ErrUnsigned):
		return nil, awserr.Denied("Access Denied").Because("the request is not signed, and the sandbox has no public buckets")
	case q.sigErr != nil:
		return nil, awserr.New(http.StatusBadRequest, "AuthorizationHeaderMalformed",
			"The authorization header is malformed; %v", q.sigErr)
	}
	if err := q.hashBody(); err != nil {
		return nil, err
	}
	now := f.Now()
	if err := f.inTime(q, now); err != nil {
		return nil, err
	}
	if q.sig.Service == "s3" && q.sig.Region != f.Account.Region() {
		q.c.Set("x-amz-bucket-region", f.Account.Region())
		return nil, awserr.New(http.StatusBadRequest, "AuthorizationHeaderMalformed",
			"The authorization header is malformed; the region '%s' is wrong; expecting '%s'", q.sig.Region, f.Account.Region()).
			With("Region", f.Account.Region())
	}
	caller, secret, err := f.Account.Authenticate(q.sig.AccessKeyID, q.sig.Token, now)
	if err != nil && !errors.Is(err, account.ErrExpired) {
		return nil, unknown(q, err)
	}
	if !q.sig.Verify(q.signed, secret) {
		return nil, mismatch(q)
	}
	if err != nil {
		return nil, expired(q)
	}
	return &caller, nil
}

// inTime refuses clocks that are far off and presigned URLs that are over.
func (f *Front) inTime(q *request, now time.Time) *awserr.Error {
	if q.sig.Presigned && now.After(q.sig.Time.Add(q.sig.Expires)) {
		return awserr.Denied("Request has expired").
			With("X-Amz-Expires", strconv.Itoa(int(q.sig.Expires.Seconds()))).
			With("Expires", q.sig.Time.Add(q.sig.Expires).UTC().Format(time.RFC3339)).
			With("ServerTime", now.UTC().Format(time.RFC3339))
	}
	skew := now.Sub(q.sig.Time)
	if skew < -maxSkew || skew > maxSkew && !q.sig.Presigned {
		if q.sig.Service != "s3" {
			return awserr.New(http.StatusForbidden, "SignatureDoesNotMatch", "Signature expired: %s is now earlier than %s (%s - 15 min.)",
				q.sig.Time.Format(time.RFC3339), now.Add(-maxSkew).UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
		return awserr.New(http.StatusForbidden, "RequestTimeTooSkewed",
			"The difference between the request time and the current time is too large.").
			With("RequestTime", q.sig.Time.Format(time.RFC3339)).
			With("ServerTime", now.UTC().Format(time.RFC3339)).
			With("MaxAllowedSkewMilliseconds", strconv.FormatInt(maxSkew.Milliseconds(), 10))
	}
	return nil
}

// unknown is the answer to keys and tokens nobody has.
func unknown(q *request, err error) *awserr.Error {
	switch {
	case q.sig.Service != "s3":
		return awserr.New(http.StatusForbidden, "InvalidClientTokenId",
			"The security token included in the request is invalid").Because(err.Error())
	case errors.Is(err, account.ErrToken):
		return awserr.New(http.StatusBadRequest, "InvalidToken",
			"The provided token is malformed or otherwise invalid.").With("Token-0", q.sig.Token)
	}
	return awserr.New(http.StatusForbidden, "InvalidAccessKeyId",
		"The AWS Access Key Id you provided does not exist in our records.").With("AWSAccessKeyId", q.sig.AccessKeyID)
}

func mismatch(q *request) *awserr.Error {
	if q.sig.Service != "s3" {
		return awserr.New(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return awserr.New(http.StatusForbidden, "SignatureDoesNotMatch",
		"The request signature we calculated does not match the signature you provided. Check your key and signing method.").
		With("AWSAccessKeyId", q.sig.AccessKeyID)
}

func expired(q *request) *awserr.Error {
	if q.sig.Service != "s3" {
		return awserr.New(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
	return awserr.New(http.StatusBadRequest, "ExpiredToken", "The provided token has expired.").With("Token-0", q.sig.Token)
}

// hashBody makes sure that the signature covers the body of a call that is
// not S3's: there the hash need not stand in a header, and is then part of
// the signature only.
func (q *request) hashBody() *awserr.Error {
	if q.sig.Service == "s3" {
		return nil
	}
	if q.c.Request().Header.ContentLength() > maxForm {
		return awserr.New(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request is too large")
	}
	sum := sha256.Sum256(q.c.Request().Body())
	q.sig.PayloadHash = hex.EncodeToString(sum[:])
	return nil
}

// connection is what conditions may ask of how the request came.
func (f *Front) connection(q *request) map[string][]string {
	now := f.Now().UTC()
	ctx := map[string][]string{
		"aws:CurrentTime":     {now.Format(time.RFC3339)},
		"aws:EpochTime":       {strconv.FormatInt(now.Unix(), 10)},
		"aws:SecureTransport": {strconv.FormatBool(q.c.Secure())},
		"aws:SourceIp":        {q.c.IP()},
		"aws:RequestedRegion": {f.Account.Region()},
	}
	if ua := q.header("user-agent"); ua != "" {
		ctx["aws:UserAgent"] = []string{ua}
	}
	if state := q.c.RequestCtx().TLSConnectionState(); state != nil {
		major, minor := state.Version>>8-2, state.Version&0xff-1 // 0x0303 is TLS 1.2
		ctx["s3:TlsVersion"] = []string{fmt.Sprintf("%d.%d", major, minor)}
	}
	return ctx
}
