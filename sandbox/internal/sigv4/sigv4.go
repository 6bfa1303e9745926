// Package sigv4 checks AWS Signature Version 4 on requests, in the
// Authorization header or in a presigned URL.
//
// It builds the canonical request from exactly the headers the client signed,
// as the standard says, so it has no opinion on which headers those should
// be. It does not read bodies: whether the body has the signed hash is for
// whoever reads it.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// (recalled, not read again for this code).
package sigv4

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"
	maxExpires = 7 * 24 * time.Hour
)

var (
	// ErrUnsigned is a request without any signature.
	ErrUnsigned = errors.New("request is not signed")
	// ErrMalformed is a signature that cannot be read; it is wrapped.
	ErrMalformed = errors.New("malformed signature")
)

// A Request is what a signature covers of an HTTP request.
type Request struct {
	Method string
	Path   string // as on the wire, still escaped
	Query  string // as on the wire, without ?
	Host   string
	Header func(name string) []string // every value of a header; the name is lower case
}

func (r Request) first(name string) string {
	if v := r.Header(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// A Signature is what a request says of its signer. Nothing in it is proven
// before Verify.
type Signature struct {
	AccessKeyID string
	Token       string // session token; "" = long-lived key
	Date        string // yyyymmdd of the scope
	Region      string
	Service     string
	Time        time.Time
	Expires     time.Duration // presigned URLs only; 0 = header
	Presigned   bool
	SignedNames []string // lower case, sorted as sent
	PayloadHash string
	value       string
}

// Parse reads the signature of r. It is ErrUnsigned where there is none.
func Parse(r Request) (Signature, error) {
	query, err := url.ParseQuery(r.Query)
	if err != nil {
		query = url.Values{}
	}
	if query.Get("X-Amz-Algorithm") != "" {
		return parseQuery(query)
	}
	auth := r.first("authorization")
	if auth == "" {
		return Signature{}, ErrUnsigned
	}
	return parseHeader(r, auth)
}

func parseHeader(r Request, auth string) (Signature, error) {
	rest, ok := strings.CutPrefix(auth, algorithm)
	if !ok {
		return Signature{}, malformed("the authorization mechanism is not " + algorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	s := Signature{
		Token:       r.first("x-amz-security-token"),
		PayloadHash: r.first("x-amz-content-sha256"),
		value:       fields["Signature"],
	}
	date := r.first("x-amz-date")
	if date == "" {
		date = r.first("date")
	}
	return s.finish(fields["Credential"], fields["SignedHeaders"], date)
}

func parseQuery(q url.Values) (Signature, error) {
	if q.Get("X-Amz-Algorithm") != algorithm {
		return Signature{}, malformed("the authorization mechanism is not " + algorithm)
	}
	s := Signature{
		Presigned:   true,
		Token:       q.Get("X-Amz-Security-Token"),
		PayloadHash: "UNSIGNED-PAYLOAD",
		value:       q.Get("X-Amz-Signature"),
	}
	if h := q.Get("X-Amz-Content-Sha256"); h != "" {
		s.PayloadHash = h
	}
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > int(maxExpires/time.Second) {
		return Signature{}, malformed("X-Amz-Expires is not between 1 and 604800 seconds")
	}
	s.Expires = time.Duration(seconds) * time.Second
	return s.finish(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Date"))
}

func (s Signature) finish(credential, signed, date string) (Signature, error) {
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return Signature{}, malformed("the credential is not KEY/DATE/REGION/SERVICE/aws4_request")
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = scope[0], scope[1], scope[2], scope[3]
	s.SignedNames = strings.Split(strings.ToLower(signed), ";")
	if !slices.Contains(s.SignedNames, "host") {
		return Signature{}, malformed("host is not among the signed headers")
	}
	if s.value == "" {
		return Signature{}, malformed("there is no signature")
	}
	var err error
	if s.Time, err = time.Parse(timeFormat, date); err != nil {
		return Signature{}, malformed("the date is not of the form " + timeFormat)
	}
	if !strings.HasPrefix(date, s.Date) {
		return Signature{}, malformed("the credential's date is not the request's")
	}
	return s, nil
}

func malformed(why string) error { return &malformedError{why} }

type malformedError struct{ why string }

func (e *malformedError) Error() string { return e.why }
func (e *malformedError) Unwrap() error { return ErrMalformed }
