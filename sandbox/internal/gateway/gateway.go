// Package gateway runs versitygw, the S3 engine, inside the sandbox.
//
// The engine stores objects and speaks the protocol: ranges, checksums,
// multipart, versions, listings. It decides nothing about permissions: the
// front has already done so when a request gets here, and every caller is the
// account's administrator to the engine.
//
// There can be one gateway a process: the engine changes the working
// directory and keeps package variables. Paths must be absolute.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3event"
	"github.com/versity/versitygw/s3log"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/bucket"
	"github.com/sealift/sealift/sandbox/internal/upload"
)

// Config is what a gateway runs with.
type Config struct {
	Dir       string // absolute; data/ and versions/ are made in it
	Account   *account.Account
	Documents *bucket.Documents
	Uploads   *upload.Uploads
	CertFile  string // "" = plain http
	KeyFile   string

	// Audit and Events are told of every call and every stored or deleted
	// object; nil = nobody is.
	Audit  s3log.AuditLogger
	Events s3event.S3EventSender

	sidecar bool // as if files had no extended attributes, for tests
}

// Open prepares the storage, without serving it.
func Open(cfg Config) (*Store, error) {
	data, versions := filepath.Join(cfg.Dir, "data"), filepath.Join(cfg.Dir, "versions")
	for _, dir := range []string{data, versions} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make storage: %w", err)
		}
	}
	if err := repair(data); err != nil {
		return nil, err
	}
	storer, sidecar, err := metadata(cfg, data)
	if err != nil {
		return nil, err
	}
	var engine *posix.Posix
	err = quietly(func() (err error) {
		engine, err = posix.New(data, storer, posix.PosixOpts{
			VersioningDir:       versions,
			SideCarDir:          sidecar,
			ValidateBucketNames: true,
			CopyObjectThreshold: 5 << 30,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	return &Store{Posix: engine, account: cfg.Account, documents: cfg.Documents, uploads: cfg.Uploads, data: data}, nil
}

// metadata keeps what the engine knows of objects in extended attributes, or
// in a folder beside the data where the file system has none.
func metadata(cfg Config, data string) (storer meta.MetadataStorer, sidecar string, err error) {
	xattr := meta.XattrMeta{}
	if xattr.Test(data) == nil && !cfg.sidecar {
		return xattr, "", nil
	}
	sidecar = filepath.Join(cfg.Dir, "metadata")
	if err := os.MkdirAll(sidecar, 0o700); err != nil {
		return nil, "", fmt.Errorf("make storage: %w", err)
	}
	side, err := meta.NewSideCar(sidecar)
	if err != nil {
		return nil, "", fmt.Errorf("make storage: %w", err)
	}
	return side, sidecar, nil
}

// quietly runs f with standard output turned off: the engine greets there,
// and the sandbox's standard output is read by machines.
func quietly(f func() error) error {
	nothing, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer nothing.Close()
	stdout := os.Stdout
	os.Stdout = nothing
	defer func() { os.Stdout = stdout }()
	return f()
}

// A Server serves a Store over HTTP.
type Server struct {
	api  *s3api.S3ApiServer
	addr string
	done chan error
}

// inFlight is how many requests the engine takes at once.
const inFlight = 10_000

// Serve starts serving at addr (host:port; port 0 = a free one) with front
// before the engine, and returns when requests are answered.
func Serve(ctx context.Context, cfg Config, store *Store, addr string, front func(bound string) fiber.Handler) (*Server, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	// The engine does not say which port it got, so a free one is picked
	// first; somebody else may take it in between.
	for range 10 {
		bound := addr
		if port == "0" {
			if bound, err = freePort(host); err != nil {
				return nil, err
			}
		}
		var s *Server
		if s, err = serve(ctx, cfg, store, bound, front(bound)); err == nil {
			return s, nil
		}
		if port != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, err
}

func freePort(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("listen on %s: %w", host, err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func serve(ctx context.Context, cfg Config, store *Store, addr string, front fiber.Handler) (*Server, error) {
	ready := make(chan struct{})
	owner := cfg.Account.ID()
	opts := []s3api.Option{
		s3api.WithQuiet(), s3api.WithKeepAlive(),
		s3api.WithConcurrencyLimiter(inFlight, inFlight),
		s3api.WithMiddleware("/", front),
		s3api.WithOnListen(func() { close(ready) }),
	}
	if cfg.CertFile != "" {
		// The storage's type is internal to the engine; its name is not
		// needed to make one.
		certs := zeroOf(s3api.WithTLS)
		if err := certs.SetCertificate(cfg.CertFile, cfg.KeyFile); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", addr, err)
		}
		opts = append(opts, s3api.WithTLS(certs))
	}
	root := middlewares.RootUserConfig{Access: owner, Secret: account.NewSecret()} // nobody is told it
	api, err := s3api.New(store, root, cfg.Account.Region(), iam{cfg.Account}, cfg.Audit, nil, cfg.Events, nil, opts...)
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	s := &Server{api: api, addr: addr, done: make(chan error, 1)}
	go func() { s.done <- api.ServeMultiPort([]string{addr}) }()
	select {
	case <-ready:
		return s, s.answers(ctx)
	case err := <-s.done:
		return nil, fmt.Errorf("listen on %s: %w", addr, plain(err))
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// plain takes off what the engine and the net package say of an address that
// is named already.
func plain(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func zeroOf[T any](func(*T) s3api.Option) *T { return new(T) }

// answers waits until a connection is taken: the engine says it listens a
// moment before it does.
func (s *Server) answers(ctx context.Context) error {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("reach %s: %w", s.addr, err)
	}
	return conn.Close()
}

// Addr is the host:port that is served.
func (s *Server) Addr() string { return s.addr }

// Done gives the error that ended serving, nil after Stop.
func (s *Server) Done() <-chan error { return s.done }

// grace is how long requests in flight have to end. The engine would wait ten
// seconds for a client that has stopped reading or sending.
const grace = 2 * time.Second

// Stop takes no more connections, lets requests in flight end, for grace, and
// stops. One that does not end is left behind.
func (s *Server) Stop() error {
	stopped := make(chan error, 1)
	go func() { stopped <- s.api.ShutDown() }() // cannot be hurried: its own limit ends it
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-stopped:
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("stop engine: %w", err)
		}
	case <-timer.C:
	}
	return nil
}
