package sealift

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/oklog/ulid/v2"
	"github.com/sealift/sealift/internal/s3wire"
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

	// How AWS's own endpoints are chosen. With an Endpoint only PathStyle can
	// be, and Accelerate alone or with DualStack.
	DualStack  bool // reachable by IPv6 too
	FIPS       bool // with cryptography validated by FIPS 140
	Accelerate bool // by the nearest edge, where the bucket has that turned on
	PathStyle  bool // the bucket in the path, and not in the host's name

	// AllowPlainHTTP lets an Endpoint in plain http be off loopback.
	AllowPlainHTTP bool

	RootCAs   *x509.CertPool                        // nil is the system's
	Proxy     func(*http.Request) (*url.URL, error) // nil is none; http.ProxyFromEnvironment is one
	Transport http.RoundTripper                     // nil is one tuned for S3, with RootCAs and Proxy; it must not follow redirects

	Budget *Budget // nil is one of its own, which follows the server

	Journal *Journal // nil records nothing: what stops is aborted, and begun again

	// KeepTrying is how long one request is tried anew while S3, or who renews
	// the credentials, is out of reach or busy. A server that has never
	// answered is given up after half a minute, credentials that never came at
	// once. 0 is ten minutes; negative is not at all.
	KeepTrying time.Duration

	Run string // ULID of the run, for events, receipts and the User-Agent; "" makes one

	Logger *slog.Logger // nil discards

	// OnEvent is called with every event, in order, from one goroutine. It
	// must return soon: transfers wait for it.
	OnEvent func(Event)
}

// check refuses with ErrInvalid what cannot work, before anything is opened.
func (c Config) check() error {
	switch {
	case c.Credentials == nil:
		return fmt.Errorf("%w: no credentials provider", ErrInvalid)
	case c.Region == "":
		return fmt.Errorf("%w: no region", ErrInvalid)
	}
	if _, err := ulid.ParseStrict(c.Run); c.Run != "" && err != nil {
		return fmt.Errorf("%w: run %q is not a ULID", ErrInvalid, c.Run)
	}
	if err := s3wire.CheckEndpoint(c.Endpoint, c.AllowPlainHTTP); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := c.addressing().Check(c.Endpoint); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func (c Config) addressing() s3wire.Addressing {
	return s3wire.Addressing{DualStack: c.DualStack, FIPS: c.FIPS, Accelerate: c.Accelerate, PathStyle: c.PathStyle}
}

// withDefaults fills in what was left to the library.
func (c Config) withDefaults() Config {
	if c.Run == "" {
		c.Run = ulid.Make().String()
	}
	if c.Transport == nil {
		c.Transport = s3wire.NewTransport(c.RootCAs, c.Proxy)
	}
	if c.Budget == nil {
		c.Budget = NewBudget(0, 0)
	}
	if c.KeepTrying == 0 {
		c.KeepTrying = keepTrying
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// keepTrying is how long a request is tried when the configuration does not say.
const keepTrying = 10 * time.Minute

// client is how the Uploader talks to S3 with those credentials.
func (c Config) client(credentials aws.CredentialsProvider) *s3wire.Client {
	return s3wire.New(s3wire.Config{
		Credentials: credentials, Region: c.Region, Endpoint: c.Endpoint, Addressing: c.addressing(), Transport: c.Transport,
		UserAgent: fmt.Sprintf("sealift/%s (%s; %s) run/%s", Version, runtime.GOOS, runtime.GOARCH, c.Run),
	})
}
