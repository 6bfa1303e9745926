package sealift

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A Config says with which credentials an Uploader works, where, and how much
// of the machine it may use. Only Credentials and Region must be set. It is
// copied by New.
type Config struct {
	// Credentials sign every request. A *session.Session is one, and lets
	// receipts say which role was assumed and how narrow the session was. A
	// provider with a method Invalidate(accessKeyID string) is told of keys
	// that S3 calls expired, and asked again.
	Credentials aws.CredentialsProvider

	// Reader is used only to look whether an object is there: before an upload
	// that must not overwrite, and after an answer that was lost. Nil does
	// without: S3 then refuses an existing object at the end of the upload, and
	// an answer lost at a bad moment can be ErrUnknownOutcome.
	Reader aws.CredentialsProvider

	Region   string // of the bucket; required, "us-east-1" for most other servers
	Endpoint string // URL of an S3 server; "" is AWS's own, by the SDK's rules

	// AllowPlainHTTP lets an Endpoint in plain http be off loopback.
	AllowPlainHTTP bool

	RootCAs   *x509.CertPool    // nil is the system's; unused with Transport
	Transport http.RoundTripper // nil is one tuned for S3; it must not follow redirects

	Budget *Budget // nil is one of its own, of DefaultConnections

	// KeepTrying is how long one request is tried anew while S3 is out of
	// reach or busy. 0 is ten minutes; negative is not at all.
	KeepTrying time.Duration

	Run string // ULID of the run, for events, receipts and the User-Agent; "" makes one

	Logger *slog.Logger // nil discards

	// OnEvent is called with every event, in order, from one goroutine. It
	// must return soon: transfers wait for it.
	OnEvent func(Event)
}
