package profile

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/session"
)

// A loader knows the files and the finished configuration without credentials.
type loader struct {
	options   Options
	name      string // of the profile; "default" where none is named
	shared    config.SharedConfig
	env       config.EnvConfig
	aws       aws.Config
	roots     *x509.CertPool
	endpoints endpoints
}

// found is how the last session comes about.
type found struct {
	how         How
	base        aws.CredentialsProvider
	role        role
	token       func(context.Context) (string, error) // of web identity
	environment bool                                  // not the profile's doing
}

// role is what a profile says about its role.
type role struct {
	arn, externalID, mfaSerial, sessionName string
	duration                                time.Duration
}

func newLoader(ctx context.Context, o Options) (*loader, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvironment, err)
	}
	named := cmp.Or(o.Profile, env.SharedConfigProfile)
	l := &loader{options: o, env: env, name: cmp.Or(named, "default")}
	if err := l.readFiles(ctx, named); err != nil {
		return nil, err
	}
	if l.endpoints, err = newEndpoints(o, l.shared); err != nil {
		return nil, err
	}
	return l, l.configure(ctx, named)
}

// readFiles reads the profile; only a default one need not be there.
func (l *loader) readFiles(ctx context.Context, named string) error {
	configFile, credentialsFile := l.options.sharedFiles()
	for _, path := range []string{configFile, credentialsFile} {
		if err := readable(path); err != nil {
			return fmt.Errorf("%w: %w", ErrFiles, err)
		}
	}
	shared, err := config.LoadSharedConfigProfile(ctx, l.name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = []string{configFile}, []string{credentialsFile}
	})
	if missing, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok && named == "" && missing.Profile == l.name {
		return nil
	}
	if err != nil {
		return l.files(err)
	}
	l.shared = shared
	return nil
}

// configure lets the SDK put region, retries and the rest together. The
// credentials are found afterwards, so it is told not to look for any; so are
// the endpoints.
func (l *loader) configure(ctx context.Context, named string) error {
	configFile, credentialsFile := l.options.sharedFiles()
	opts := []func(*config.LoadOptions) error{
		config.WithCredentialsProvider(aws.AnonymousCredentials{}),
		config.WithSharedConfigFiles([]string{configFile}),
		config.WithSharedCredentialsFiles([]string{credentialsFile}),
		config.WithRegion(l.options.Region),
		config.WithLogger(sdkLog{l.options.Logger}),
	}
	if dual := l.options.DualStack; dual != nil {
		opts = append(opts, config.WithUseDualStackEndpoint(dualStack(*dual)))
	}
	if fips := l.options.FIPS; fips != nil {
		opts = append(opts, config.WithUseFIPSEndpoint(withFIPS(*fips)))
	}
	if named != "" {
		opts = append(opts, config.WithSharedConfigProfile(named))
	}
	bundle, err := l.bundle()
	if err != nil {
		return err
	}
	if bundle != nil {
		opts = append(opts, config.WithCustomCABundle(bytes.NewReader(bundle)))
		l.roots = x509.NewCertPool()
		if !l.roots.AppendCertsFromPEM(bundle) {
			return fmt.Errorf("%w: %s holds no certificate in PEM", ErrBundle, l.bundlePath())
		}
	}
	if l.aws, err = config.LoadDefaultConfig(ctx, opts...); err != nil {
		return l.files(err)
	}
	l.aws.BaseEndpoint = nil
	l.aws.HTTPClient = newClient(l.roots, 0)
	l.aws.Credentials = nil
	return nil
}

// bundlePath is where the CA bundle lies; "" = there is none.
func (l *loader) bundlePath() string {
	return cmp.Or(l.options.CABundle, l.env.CustomCABundle, l.shared.CustomCABundle)
}

// bundle is the PEM text of the CA bundle, or nil.
func (l *loader) bundle() ([]byte, error) {
	path := l.bundlePath()
	if path == "" {
		return nil, nil
	}
	if err := readable(path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	return text, nil
}

// maxFile bounds the files that are read whole, in bytes.
const maxFile = 64 << 20

// readable refuses a file that would not end, or that would be waited for: the
// SDK reads what it is named to the end. It refuses one that may not be read,
// which the SDK takes for one that is not there. That is left to whoever opens
// it, and so is /dev/null, which is empty.
func readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return err
	case err != nil || path == os.DevNull:
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxFile:
		return fmt.Errorf("%s has over %d bytes", path, maxFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// find follows the SDK's order: a named profile; else keys in the environment,
// a web identity in the environment, the profile. GitHub's tokens come in
// where a role is known and nothing else says who asks.
//
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
// (recalled) and the SDK's config.resolveCredentialChain (read 2026-11-24).
func (l *loader) find(ctx context.Context) (found, error) {
	fromEnvironment := l.options.Profile == ""
	arn := l.options.RoleARN
	switch {
	case fromEnvironment && l.env.Credentials.HasKeys():
		f := found{how: Held, base: marked{provider: static(l.env.Credentials)}, role: role{arn: arn}, environment: true}
		if arn != "" {
			f.how = AssumeRole
		}
		return f, nil
	case fromEnvironment && l.env.WebIdentityTokenFilePath != "":
		r := role{arn: cmp.Or(arn, l.env.RoleARN), sessionName: l.env.RoleSessionName}
		if r.arn == "" {
			return found{}, fmt.Errorf("AWS_WEB_IDENTITY_TOKEN_FILE without a role: %w", ErrNoCredentials)
		}
		return found{how: WebIdentity, role: r, token: tokenFile(l.env.WebIdentityTokenFilePath), environment: true}, nil
	}
	r := roleOf(&l.shared)
	r.arn = cmp.Or(arn, r.arn)
	if gh, ok := newGitHub(l); ok && !namesSource(&l.shared) {
		if r.arn = cmp.Or(r.arn, l.env.RoleARN); r.arn != "" {
			return found{how: WebIdentity, role: r, token: gh.token}, nil
		}
	}
	if byToken(&l.shared) && r.arn != "" {
		return found{how: WebIdentity, role: r, token: tokenFile(l.shared.WebIdentityTokenFile)}, nil
	}
	base, err := l.withoutRole(&l.shared)
	if err != nil {
		return found{}, err
	}
	f := found{how: Held, base: base, role: r}
	if r.arn != "" {
		f.how = AssumeRole
	}
	return f, nil
}

// roleOf is what a profile says about its role.
func roleOf(s *config.SharedConfig) role {
	r := role{arn: s.RoleARN, externalID: s.ExternalID, mfaSerial: s.MFASerial, sessionName: s.RoleSessionName}
	if s.RoleDurationSeconds != nil {
		r.duration = *s.RoleDurationSeconds
	}
	return r
}

// tokenFile reads a web identity token anew each time: who runs the machine
// replaces it.
func tokenFile(path string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return readToken(f)
	}
}

// maxToken is how long a token may be, in bytes. STS takes 20,000 characters.
const maxToken = 64 << 10

func readToken(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxToken+1))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxToken {
		return "", fmt.Errorf("read token: %d bytes are no token", len(text))
	}
	return token, nil
}

// sts asks as these credentials; nil asks unsigned.
func (l *loader) sts(p aws.CredentialsProvider) *sts.Client { return stsClient(l.aws, l.endpoints, p) }

// askWithin is how long one question to STS may take.
const askWithin = 30 * time.Second

// stsClient is built from the finished configuration.
func stsClient(c aws.Config, e endpoints, p aws.CredentialsProvider) *sts.Client {
	c = c.Copy()
	c.Region = cmp.Or(c.Region, "us-east-1")
	c.Credentials = p
	return sts.NewFromConfig(c, func(o *sts.Options) {
		o.BaseEndpoint = nil
		if url := e.of("sts"); url != "" {
			o.BaseEndpoint = &url
		}
		o.HTTPClient = withTimeout(c.HTTPClient, askWithin)
	})
}

// inner is a role on the way to the last one.
func (l *loader) inner(r role, base aws.CredentialsProvider, token func(context.Context) (string, error)) (aws.CredentialsProvider, error) {
	g := session.Grant{RoleARN: r.arn, Duration: r.duration}
	c := session.Config{STS: l.sts(base), WebIdentity: token, Logger: l.options.Logger}
	if token == nil {
		g.ExternalID, g.MFASerial, c.MFACode = r.externalID, r.mfaSerial, l.options.code(r.mfaSerial)
	}
	var err error
	if g.Name, _, err = sessionName(Options{Run: l.options.Run}, r.sessionName); err != nil {
		return nil, err
	}
	s, err := session.New(c, g)
	if err != nil {
		return nil, err
	}
	return marked{provider: s}, nil
}
