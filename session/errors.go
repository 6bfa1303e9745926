package session

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/sealift/sealift/internal/redact"
)

// What a caller can act on. Test with errors.Is; [Refusal] has the facts.
var (
	ErrGrant          = errors.New("grant cannot be asked for")       // a field is wrong; nothing was sent
	ErrDenied         = errors.New("role may not be assumed")         // trust policy, or the caller's own
	ErrExpiredBase    = errors.New("base credentials expired")        // or the web identity token
	ErrInvalidBase    = errors.New("base credentials not accepted")   // no such key, wrong secret, no credentials
	ErrToken          = errors.New("web identity token not received") // from the provider, before STS was asked
	ErrMFANeeded      = errors.New("MFA code needed")                 // the device wants one and there is none
	ErrMFARefused     = errors.New("MFA code refused")                // wrong, or used before
	ErrDuration       = errors.New("session duration not allowed")    // above the role's maximum, or chaining's hour
	ErrPolicyTooLarge = errors.New("session policy too large")        // STS cannot pack it, and no fallback fits
)

// errAbandoned marks a renewal whose caller left before it ended.
var errAbandoned = errors.New("renewal abandoned")

// A Refusal is an answer of STS that gives no session. Message is the
// server's and must be escaped before a terminal.
type Refusal struct {
	Code      string // as AccessDenied
	Message   string
	RequestID string // "" = none
	Action    string // the action that is not allowed, as sts:TagSession; "" = not told
	Condition string // the trust policy's key that does not hold, as sts:ExternalId; "" = not told
	Detail    string // what the server knows beyond the message; AWS tells nothing, the sandbox does
	Reason    error  // one of the sentinels, or nil
	err       error  // what the SDK returned
}

func (r *Refusal) Error() string {
	text := r.Code
	if r.Message != "" {
		text += ": " + r.Message
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	if r.RequestID != "" {
		text += " (request " + r.RequestID + ")"
	}
	if r.Reason == nil {
		return text
	}
	return r.Reason.Error() + ": " + text
}

// Unwrap gives the sentinel and what the SDK returned.
func (r *Refusal) Unwrap() []error {
	if r.Reason == nil {
		return []error{r.err}
	}
	return []error{r.Reason, r.err}
}

// A RoleError says which role gave no session. In a chain it may be one on the
// way to the grant's own.
type RoleError struct {
	RoleARN string
	Err     error
}

func (e *RoleError) Error() string { return "assume role " + e.RoleARN + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *RoleError) Unwrap() error { return e.Err }

// A BaseError is what a provider of base credentials may return. The SDK wraps
// what a provider returns in what it was doing; a session takes that off again
// and returns the BaseError.
type BaseError struct {
	Err error
}

func (e *BaseError) Error() string { return "get base credentials: " + redact.URLs(e.Err.Error()) }

// Unwrap gives the cause.
func (e *BaseError) Unwrap() error { return e.Err }

// classify makes a Refusal of an answer with an error code, and takes the
// queries out of the URLs of anything else.
func classify(err error) error {
	if base, ok := errors.AsType[*BaseError](err); ok {
		return base
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return unanswered(err)
	}
	r := &Refusal{Code: api.ErrorCode(), Message: api.ErrorMessage(), err: err}
	if answer, ok := errors.AsType[*http.ResponseError](err); ok {
		r.RequestID = answer.RequestID
		if answer.Response != nil && answer.Response.Response != nil {
			r.Detail = answer.Response.Header.Get(detailHeader)
		}
	}
	r.Reason = reason(r.Code, r.Message)
	if r.Reason == ErrDenied {
		r.Action = deniedAction.FindString(r.Message)
		if m := trustCondition.FindStringSubmatch(r.Message + " " + r.Detail); m != nil {
			r.Condition = m[1]
		}
	}
	return r
}

// detailHeader is where the sandbox says what AWS keeps to itself.
const detailHeader = "X-Sandbox-Reason"

// unanswered is an error without an answer of STS: of the network, or of the
// base credentials, which the SDK asks for while it signs.
func unanswered(err error) error {
	if sent, ok := errors.AsType[*url.Error](err); ok {
		return redact.Error(sent) // without the SDK's frame around it
	}
	if strings.Contains(err.Error(), "get identity: ") {
		return fmt.Errorf("%w: %w", ErrInvalidBase, redact.Error(err))
	}
	return redact.Error(err)
}

// deniedAction and trustCondition find what a refusal tells about its cause.
// AWS names the action and never the condition; a server that names one says
// "condition sts:ExternalId", in the message or in the header of the sandbox.
var (
	deniedAction   = regexp.MustCompile(`sts:(AssumeRoleWithWebIdentity|AssumeRole|SetSourceIdentity|TagSession)\b`)
	trustCondition = regexp.MustCompile(`\bcondition ((?:sts|aws):[\w+=.@/-]+|[\w./-]+:(?:aud|sub|amr)\b)`)
)

// reason is the sentinel for an error code.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
// and the errors of AssumeRole and AssumeRoleWithWebIdentity (recalled, not
// read again). STS has no code of its own for durations and for MFA: the
// message tells them from other validation errors and denials.
func reason(code, message string) error {
	lower := strings.ToLower(message)
	switch strings.TrimSuffix(code, "Exception") {
	case "AccessDenied", "InvalidIdentityToken", "IDPRejectedClaim", "UnauthorizedOperation":
		if strings.Contains(lower, "multifactorauthentication failed") {
			return ErrMFARefused
		}
		return ErrDenied
	case "ExpiredToken", "RequestExpired", "TokenRefreshRequired":
		return ErrExpiredBase
	case "InvalidClientTokenId", "UnrecognizedClient", "SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken",
		"InvalidTokenId", "MissingAuthenticationToken", "IncompleteSignature", "OptInRequired":
		return ErrInvalidBase
	case "PackedPolicyTooLarge":
		return ErrPolicyTooLarge
	case "ValidationError", "Validation":
		if strings.Contains(lower, "duration") || strings.Contains(lower, "session limit") {
			return ErrDuration
		}
	}
	return nil
}
