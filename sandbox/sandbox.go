// Package sandbox is an AWS on loopback that is enough for Sealift: S3, STS
// and the evaluation of IAM policies, in one process and one folder.
//
// Run starts it and returns when it is told to stop. It serves real
// signatures only, and refuses what AWS would refuse; what it cannot do
// stands in the help of sealift-sandbox. There can be one sandbox a process,
// because the S3 engine (versitygw) changes the working directory.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/sealift/sealift/sandbox/internal/front"
)

// DefaultAddr is where a sandbox listens unless told otherwise.
const DefaultAddr = "127.0.0.1:9090"

// Options say how a sandbox runs. The zero value works.
type Options struct {
	// Addr is host:port; "" = DefaultAddr, port 0 = a free one. Anything but
	// loopback is refused unless AllowRemote is set.
	Addr string
	// Dir keeps everything and is made if need be; "" = a temporary folder
	// that is removed in the end.
	Dir string
	// TLS serves https with a certificate of the sandbox's own authority.
	TLS bool
	// AllowRemote lets Addr be more than loopback: whoever reaches it can ask
	// the token issuer for tokens.
	AllowRemote bool

	// MinSession is the shortest session STS gives; 0 = AWS's 900 s.
	MinSession time.Duration
	// PackedLimit is how many bytes of packed session policy are let through;
	// 0 = a default near AWS's.
	PackedLimit int
	// MFACode is a code every MFA device takes; "" = only real ones.
	MFACode string

	// WithOptions lets the upload role of a new folder also tag, lock and
	// encrypt with a KMS key of the customer's, and its bucket keep object
	// locks.
	WithOptions bool

	// Checksums is "keep", as S3; "ignore" or "refuse" are servers that know
	// none. "" = "keep".
	Checksums string

	// OnReady is called once, when requests are answered; nil = nobody asks.
	OnReady func(Ready) error
}

var (
	// ErrAddr is an address that is not host:port.
	ErrAddr = errors.New("not an address")
	// ErrChecksums is a way with checksums that there is not.
	ErrChecksums = errors.New("none of keep, ignore, refuse")
	// ErrRemote is an address that others can reach, without AllowRemote.
	ErrRemote = errors.New("not a loopback address")
)

// Ready says how to reach a running sandbox. It is the one line that
// sealift-sandbox --json prints.
type Ready struct {
	Type                 string `json:"type"` // "sandbox"
	Endpoint             string `json:"endpoint"`
	Region               string `json:"region"`
	Account              string `json:"account"`
	User                 string `json:"user"`
	AccessKeyID          string `json:"access_key_id"`
	SecretAccessKey      string `json:"secret_access_key"`
	Profile              string `json:"profile"`
	ConfigFile           string `json:"config_file"`
	CredentialsFile      string `json:"credentials_file"`
	RoleARN              string `json:"role_arn"`
	AdminAccessKeyID     string `json:"admin_access_key_id"`
	AdminSecretAccessKey string `json:"admin_secret_access_key"`
	ReaderRoleARN        string `json:"reader_role_arn"`
	Bucket               string `json:"bucket"`
	TrailBucket          string `json:"trail_bucket"`
	TrailARN             string `json:"trail_arn"`
	TopicARN             string `json:"topic_arn"`
	CAFile               string `json:"ca_file"` // "" without TLS
	PID                  int    `json:"pid"`

	// Env is the shell text that points AWS clients here; it stands in EnvFile.
	Env     string `json:"-"`
	EnvFile string `json:"-"`
}

// Run runs a sandbox until ctx ends, which is no error.
func Run(ctx context.Context, opts Options) error {
	if opts.Addr == "" {
		opts.Addr = DefaultAddr
	}
	if err := checkAddr(opts); err != nil {
		return err
	}
	if !front.CheckChecksums(front.Checksums(opts.Checksums)) {
		return fmt.Errorf("checksums %q: %w", opts.Checksums, ErrChecksums)
	}
	dir, temporary, err := makeDir(opts.Dir)
	if err != nil {
		return err
	}
	if temporary {
		defer os.RemoveAll(dir)
	}
	release, err := lock(dir)
	if err != nil {
		return err
	}
	defer release()
	return serve(ctx, opts, dir)
}

func checkAddr(opts Options) error {
	host, _, err := net.SplitHostPort(opts.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w: %w", opts.Addr, ErrAddr, err)
	}
	ip := net.ParseIP(host)
	if host == "localhost" || ip != nil && ip.IsLoopback() || opts.AllowRemote {
		return nil
	}
	return fmt.Errorf("listen on %s: %w", opts.Addr, ErrRemote)
}

// makeDir gives the sandbox's folder as an absolute path: the engine changes
// the working directory.
func makeDir(dir string) (abs string, temporary bool, err error) {
	if dir == "" {
		dir, err = os.MkdirTemp("", "sealift-sandbox-")
		temporary = true
	} else {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		abs, err = filepath.Abs(dir)
	}
	if err != nil {
		return "", false, fmt.Errorf("make folder: %w", err)
	}
	return abs, temporary, nil
}
