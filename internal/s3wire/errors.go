package s3wire

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// An Error is a request that did not succeed.
type Error struct {
	Answer
	Status     int           // HTTP status; 0 when S3 did not answer
	Code       string        // S3's error code; "" when there is none
	Message    string        // S3's words, as they came
	Header     string        // the header that S3 complains of; "" when it names none
	RetryAfter time.Duration // as S3 asked; 0 when it did not
	Jumped     bool          // with RequestTimeTooSkewed: that the clocks differ so is news, and this is the first to hear of it
	Skew       time.Duration // with Jumped: how far S3's clock is ahead of the local one
	Relocated  bool          // the bucket was found in another region, and the client now goes there
	Untrailed  bool          // the server may know no trailers, and the client now sends none
	Whole      bool          // with Err: the request had gone out whole, so it may have happened
	Err        error         // why there is no answer; nil when there is one
}

// Error gives S3's code and words, or why there are none.
func (e *Error) Error() string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.Code == "":
		return fmt.Sprintf("S3 answered %d", e.Status)
	case e.Message == "":
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns why there is no answer.
func (e *Error) Unwrap() error { return e.Err }

// A CredentialsError says that there were no credentials to sign with.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string { return "get credentials: " + e.Err.Error() }

// Unwrap returns the provider's error.
func (e *CredentialsError) Unwrap() error { return e.Err }

// A SourceError says that the body could not be read while it was sent.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return "read source: " + e.Err.Error() }

// Unwrap returns the source's error.
func (e *SourceError) Unwrap() error { return e.Err }

// A Class is what an error means, as far as it matters for what to do next.
type Class int

// The classes of errors.
const (
	OK            Class = iota // no error
	Cancelled                  // the caller's context ended
	Network                    // no answer, or not a whole one: it may have happened
	Busy                       // S3 was too busy, or lost patience with the body: it did not happen
	Server                     // S3 failed: it may have happened
	Expired                    // these credentials are not taken any more
	Skewed                     // the clocks differ too much; the client has corrected its own
	Relocated                  // the bucket is elsewhere; the client now goes there
	Untrailed                  // the server may not take sums behind the bytes; the client now sends them before
	NoCredentials              // there is nothing to sign with
	Unready                    // the same, but only because nobody answers who gives credentials
	Denied                     // refused, and will be again
	Exists                     // 412: the key holds an object
	Conflict                   // 409: another write to the key came between
	NoUpload                   // NoSuchUpload: completed, aborted or never there
	NoBucket                   // NoSuchBucket
	NoObject                   // 404 for the object
	Corrupt                    // S3 got other bytes than were summed
	BadPart                    // InvalidPart, InvalidPartOrder
	Source                     // the source could not be read
	Refused                    // anything else that S3 will not do
)

// Classify tells what err means. It is pure: the same error has one class.
func Classify(err error) Class {
	if err == nil {
		return OK
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Err != nil {
		return classifySilence(err)
	}
	if e.Relocated {
		return Relocated
	}
	if e.Untrailed {
		return Untrailed
	}
	if class, ok := codes[e.Code]; ok {
		return class
	}
	if e.Code != "" && (e.Status == http.StatusNotImplemented || e.Status == http.StatusConflict) {
		return Refused // in a server's own words: it will not change its mind
	}
	return classifyStatus(e.Status)
}

func classifySilence(err error) Class {
	_, noCreds := errors.AsType[*CredentialsError](err)
	_, unread := errors.AsType[*SourceError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return Cancelled
	case noCreds && outOfReach(err):
		return Unready
	case noCreds:
		return NoCredentials
	case errors.Is(err, context.DeadlineExceeded):
		return Cancelled
	case unread:
		return Source
	case errors.Is(err, ErrEndpoint):
		return Refused
	case isCertificate(err):
		return Refused
	}
	return Network
}

// outOfReach reports whether a provider of credentials got no answer, or one
// that says to come again.
// STS throttles with 400 and a code, as its query protocol has it.
func outOfReach(err error) bool {
	_, network := errors.AsType[net.Error](err)
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	said, named := errors.AsType[smithy.APIError](err)
	return network || ok && (answer.HTTPStatusCode() >= 500 || answer.HTTPStatusCode() == http.StatusTooManyRequests) ||
		named && codes[said.ErrorCode()] == Busy
}

// Lost reports whether a request whose answer is err may have happened all the
// same: it had gone out, and nothing that came back says what became of it. A
// 5xx without a code of S3's comes from something between, which cannot know.
func Lost(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Err != nil {
		return ok && e.Whole
	}
	class := Classify(err)
	return class == Server || class == Network || class == Busy && e.Code == "" && e.Status >= 500
}

// codes are S3's error codes that say more than their status.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
// (read 2026-11-24); those of other servers as they were seen.
var codes = map[string]Class{
	"SlowDown": Busy, "ServiceUnavailable": Busy, "RequestLimitExceeded": Busy, "Throttling": Busy,
	"ThrottlingException": Busy, "ThrottledException": Busy, "RequestThrottled": Busy, "RequestThrottledException": Busy,
	"TooManyRequests": Busy, "TooManyRequestsException": Busy,
	"RequestTimeout": Busy, "IncompleteBody": Busy,
	"InternalError": Server,
	"ExpiredToken":  Expired, "ExpiredTokenException": Expired, "TokenRefreshRequired": Expired,
	"RequestExpired": Expired, "InvalidToken": Expired, "InvalidTokenId": Expired, "InvalidAccessKeyId": Expired,
	"RequestTimeTooSkewed": Skewed,
	"AccessDenied":         Denied, "AllAccessDisabled": Denied, "AccountProblem": Denied, "SignatureDoesNotMatch": Denied,
	"KMS.DisabledException": Denied, "KMS.KMSInvalidStateException": Denied, "KMS.InvalidStateException": Denied,
	"KMS.InvalidKeyUsageException": Denied, "KMS.NotFoundException": Denied,
	"PreconditionFailed":         Exists,
	"ConditionalRequestConflict": Conflict, "OperationAborted": Conflict,
	"NoSuchUpload":       NoUpload,
	"NoSuchBucket":       NoBucket,
	"NoSuchKey":          NoObject,
	"NoSuchVersion":      NoObject,
	"InvalidObjectState": Refused,
	"BadDigest":          Corrupt, "XAmzContentChecksumMismatch": Corrupt, "XAmzContentSHA256Mismatch": Corrupt,
	"NotImplemented": Refused,
	"InvalidPart":    BadPart, "InvalidPartOrder": BadPart,
}

func classifyStatus(status int) Class {
	switch {
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return Busy
	case status >= 500, status == http.StatusRequestTimeout:
		return Server
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return Denied
	case status == http.StatusPreconditionFailed:
		return Exists
	case status == http.StatusConflict:
		return Conflict
	case status == http.StatusNotFound:
		return NoObject
	case status/100 == 2:
		return Network // a success whose body did not make sense
	}
	return Refused
}

// maxErrorBody bounds what is read of an error's body, in bytes.
const maxErrorBody = 64 << 10

// refusal makes an *Error of an answer that is not a success, closes the
// answer, and lets the client learn from it: the bucket's region, the server's
// time.
func (c *Client) refusal(ctx context.Context, bucket string, resp *http.Response, answer Answer) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	resp.Body.Close()
	e := parseError(text)
	e.Answer, e.Status = answer, resp.StatusCode
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = min(time.Duration(s)*time.Second, time.Hour)
	}
	if e.Code == "RequestTimeTooSkewed" {
		e.Skew, e.Jumped = c.learnTime(resp.Header.Get("Date"))
	}
	e.Relocated = c.learnRegion(ctx, bucket, resp, e)
	return e
}

// sameTime is how little may lie between two clocks that agree: the server
// tells the time in whole seconds, and the answer was on its way.
const sameTime = time.Minute

// learnTime sets the client's clock by the server's. It returns how far that is
// ahead of the local one, and whether the caller is the first to hear so.
func (c *Client) learnTime(date string) (ahead time.Duration, news bool) {
	at, err := http.ParseTime(date)
	if err != nil {
		return 0, false
	}
	before := c.skew.Load()
	ahead = time.Until(at)
	news = c.skew.CompareAndSwap(before, int64(ahead)) && (ahead-time.Duration(before)).Abs() >= sameTime
	return ahead, news
}

// learnRegion moves the client to the region that a signed answer names, when
// the answer is one that S3 gives for a wrong region. To a HEAD it gives no
// more than the status.
func (c *Client) learnRegion(ctx context.Context, bucket string, resp *http.Response, e *Error) bool {
	misplaced := resp.StatusCode/100 == 3 || resp.StatusCode == http.StatusBadRequest && e.Code == "" || e.Code == "AuthorizationHeaderMalformed" || e.Code == "IllegalLocationConstraintException"
	region := resp.Header.Get("x-amz-bucket-region")
	return misplaced && region != "" && len(region) < 64 && c.relocate(ctx, bucket, region)
}

// parseError reads S3's error document. Text that is none gives an empty code.
func parseError(text []byte) *Error {
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
		Header  string
	}
	if xml.Unmarshal(text, &doc) != nil {
		return &Error{}
	}
	return &Error{Code: doc.Code, Message: doc.Message, Header: doc.Header}
}
