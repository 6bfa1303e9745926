package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/sealift/sealift/policy"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/bucket"
	"github.com/sealift/sealift/sandbox/internal/certs"
	"github.com/sealift/sealift/sandbox/internal/front"
	"github.com/sealift/sealift/sandbox/internal/gateway"
	"github.com/sealift/sealift/sandbox/internal/oidc"
	"github.com/sealift/sealift/sandbox/internal/profile"
	"github.com/sealift/sealift/sandbox/internal/sts"
	"github.com/sealift/sealift/sandbox/internal/upload"
)

// serve opens what is in dir, answers until ctx ends, and stops.
func serve(ctx context.Context, opts Options, dir string) error {
	acct, err := account.Open(filepath.Join(dir, "account.json"), func() (account.State, error) { return newAccount(opts.WithOptions) })
	if err != nil {
		return err
	}
	documents, err := bucket.Open(filepath.Join(dir, "buckets"))
	if err != nil {
		return err
	}
	uploads, err := upload.Open(filepath.Join(dir, "uploads"))
	if err != nil {
		return err
	}
	cfg := gateway.Config{Dir: dir, Account: acct, Documents: documents, Uploads: uploads}
	var ca string
	if opts.TLS {
		host, _, _ := net.SplitHostPort(opts.Addr) // checked by checkAddr
		files, err := certs.Ensure(filepath.Join(dir, "tls"), host, time.Now())
		if err != nil {
			return err
		}
		ca, cfg.CertFile, cfg.KeyFile = files.CA, files.Cert, files.Key
	}
	store, err := gateway.Open(cfg)
	if err != nil {
		return err
	}
	if err := makeBuckets(store, documents, opts.TLS, opts.WithOptions); err != nil {
		return err
	}
	issuer := oidc.New(filepath.Join(dir, "issuer.pem"))
	makeFront := func(bound string) fiber.Handler {
		return front.New(front.Config{
			Account: acct, Documents: documents, Store: store, Issuer: issuer,
			STS: &sts.Service{
				Account: acct, Tokens: issuer, Now: time.Now,
				MinDuration: opts.MinSession, PackedLimit: opts.PackedLimit, MFACode: opts.MFACode,
			},
			Endpoint: endpoint(opts, bound), Now: time.Now, Checksums: front.Checksums(opts.Checksums),
		}).Handle
	}
	server, err := gateway.Serve(ctx, cfg, store, opts.Addr, makeFront)
	if err != nil {
		return err
	}
	defer store.Shutdown()
	if err := announce(opts, acct, dir, endpoint(opts, server.Addr()), ca); err != nil {
		return stop(server, err)
	}
	select {
	case err := <-server.Done():
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return stop(server, nil)
	}
}

// stop stops the server; cause, if there is one, is the error that counts.
func stop(server *gateway.Server, cause error) error {
	err := server.Stop()
	if cause != nil {
		return cause
	}
	return err
}

func endpoint(opts Options, bound string) string {
	if opts.TLS {
		return "https://" + bound
	}
	return "http://" + bound
}

// announce writes the profiles and tells whoever waits.
func announce(opts Options, acct *account.Account, dir, endpoint, ca string) error {
	n := names(opts.TLS, opts.WithOptions)
	userKey, userSecret := keyOf(acct.User(n.User))
	adminKey, adminSecret := keyOf(acct.User(admin))
	set := profile.Set{
		Endpoint: endpoint, Region: acct.Region(), CAFile: ca, Default: uploadProfile,
		Profiles: append(roleProfiles(n),
			profile.Profile{Name: baseProfile, AccessKeyID: userKey, SecretAccessKey: userSecret},
			profile.Profile{Name: admin, AccessKeyID: adminKey, SecretAccessKey: adminSecret}),
	}
	files, err := set.Write(dir)
	if err != nil {
		return err
	}
	if opts.OnReady == nil {
		return nil
	}
	return opts.OnReady(Ready{
		Type: "sandbox", Endpoint: endpoint, Region: acct.Region(), Account: acct.ID(),
		User: n.User, AccessKeyID: userKey, SecretAccessKey: userSecret,
		Profile: uploadProfile, ConfigFile: files.Config, CredentialsFile: files.Credentials,
		RoleARN: n.UploadRoleARN(), ReaderRoleARN: n.ReaderRoleARN(),
		AdminAccessKeyID: adminKey, AdminSecretAccessKey: adminSecret,
		Bucket: n.Bucket, TrailBucket: n.TrailBucket, TrailARN: n.TrailARN(), TopicARN: n.TopicARN(),
		CAFile: ca, PID: os.Getpid(),
		Env: set.Env(files), EnvFile: files.Env,
	})
}

// Names of the profiles, beside admin's own.
const (
	uploadProfile  = "uploader-profile"
	baseProfile    = "uploader-base"
	readerProfile  = "reader-profile"
	monitorProfile = "monitor-profile"
)

// roleProfiles are those that assume a role with the user's keys.
func roleProfiles(n policy.Names) []profile.Profile {
	return []profile.Profile{
		{Name: uploadProfile, RoleARN: n.UploadRoleARN(), Source: baseProfile, SessionName: sessionName()},
		{Name: readerProfile, RoleARN: n.ReaderRoleARN(), Source: baseProfile, SessionName: sessionName()},
		{Name: monitorProfile, RoleARN: n.MonitorRoleARN(), Source: baseProfile, SessionName: sessionName()},
	}
}

// sessionName is new at every start: the AWS CLI caches sessions by role and
// session name, not by endpoint, and would hand an old sandbox's session to a
// new one.
func sessionName() string {
	raw := make([]byte, 6)
	rand.Read(raw) // never fails
	return "sandbox-" + hex.EncodeToString(raw)
}

// keyOf gives the user's one key.
func keyOf(u *account.User) (id, secret string) {
	for id, secret = range u.Keys {
	}
	return id, secret
}
