// Package profile reads, for one --profile, who a run is and how it gets its
// session: the base identity's configuration, and the last role as a grant.
//
//	id, err := profile.Load(ctx, profile.Options{Profile: "uploader-profile", Run: run})
//	s, err := id.Session(&narrowed, &wider)  // nil, nil = not narrowed
//
// The files, the variables and their order are the SDK's; its providers fetch
// the base credentials (keys, SSO, sign-in, process, container, instance). Only
// the chain of roles is walked here, because the last AssumeRole must carry a
// session policy, and because the SDK's own ignores endpoint_url and
// AWS_ENDPOINT_URL: every STS client is built from the finished configuration.
//
// The SDK and this package read the environment of the process. A command that
// must not be steered by it (demo) unsets what [Ambient] lists before it calls
// Load, and names the files in Options.
//
// Nothing is written, nothing is printed, and no secret is in an error. Only
// the command's packages may import this one.
package profile

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// Options are what the command line says about identity. The zero value is
// what the environment and the default profile say.
type Options struct {
	Profile         string // "" = the environment's keys, then AWS_PROFILE, then default
	ConfigFile      string // "" = AWS_CONFIG_FILE, then ~/.aws/config
	CredentialsFile string // "" = AWS_SHARED_CREDENTIALS_FILE, then ~/.aws/credentials

	Region          string // "" = AWS_REGION, AWS_DEFAULT_REGION, the profile's
	EndpointURL     string // for S3, and for services that have no endpoint of their own
	DualStack       *bool  // nil = AWS_USE_DUALSTACK_ENDPOINT, the profile's
	FIPS            *bool  // nil = AWS_USE_FIPS_ENDPOINT, the profile's
	Accelerate      *bool  // nil = the profile's, in its section s3
	AddressingStyle string // auto, virtual or path; "" = the profile's, in its section s3
	CABundle        string // a PEM file; "" = AWS_CA_BUNDLE, the profile's ca_bundle, the system's

	AllowPlainHTTP     bool // STS by plain http off loopback
	AllowLongLivedKeys bool // base credentials without a session token and a role

	RoleARN        string // "" = the profile's
	ExternalID     string // "" = the profile's
	MFASerial      string // "" = the profile's
	SourceIdentity string
	SessionName    string // must contain {run}; "" = the profile's if it does, else sealift-<run>
	Tags           map[string]string
	Duration       time.Duration // 0 = the profile's duration_seconds, else one hour

	Run string // the run's ULID; "" = session names without one

	MFACode func(ctx context.Context, serial string) (string, error) // nil = there is nobody to ask
	OnRenew func(session.Identity)                                   // nil = nobody does
	OnDelay func(session.Identity, time.Duration, error)             // of session.Config; nil = nobody does
	Logger  *slog.Logger                                             // nil discards
}

// Reader are the options of the identity that only reads: another profile, or
// another role of the same base identity. ok is false when neither is given.
// What was asked for the upload role (external id, tags, source identity) is
// not asked for the reader role.
func (o Options) Reader(profile, roleARN string) (reader Options, ok bool) {
	o.ExternalID, o.SourceIdentity, o.Tags, o.OnRenew, o.OnDelay = "", "", nil, nil, nil
	o.RoleARN = roleARN
	if profile != "" {
		o.Profile = profile
	}
	return o, profile != "" || roleARN != ""
}

// A How says how a session comes about.
type How string

// The ways to a session.
const (
	AssumeRole  How = "assume-role"  // by sts:AssumeRole, narrowed
	WebIdentity How = "web-identity" // by sts:AssumeRoleWithWebIdentity, narrowed
	Held        How = "held"         // temporary credentials as they are, or long-lived keys by leave
)

// An Identity is who a run is.
type Identity struct {
	Profile string // "" = none: the environment, or nothing
	Region  string // "" = not known
	How     How
	RoleARN string // of the last role; "" with Held
	// SetAside is the profile's role_session_name when it was not used,
	// because no trail could be joined to it.
	SetAside string
	// LongLived says that keys without a session token go to S3 themselves.
	LongLived bool
	// AWS has the base identity's credentials, which must not go to S3 unless
	// How is Held, and an HTTP client that follows no redirects. BaseEndpoint
	// is not set: ask Endpoint.
	AWS aws.Config
	// S3 is how S3's own endpoints are chosen.
	S3 S3
	// RootCAs is what the CA bundle holds; nil = the system's.
	RootCAs *x509.CertPool

	endpoints endpoints
	grant     session.Grant
	config    session.Config
}

// Load reads the profile and finds the base identity. It asks no role yet; it
// asks the base identity for its credentials only where no role is known,
// because those then go to S3. Errors: [ErrNoProfile], [ErrNoCredentials],
// [ErrLongLivedKeys], [ErrSessionName], [ErrEndpoint], and those of session.
func Load(ctx context.Context, o Options) (*Identity, error) {
	l, err := newLoader(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("load profile %s: %w", cmp.Or(o.Profile, os.Getenv("AWS_PROFILE"), "default"), err)
	}
	f, err := l.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("load profile %s: %w", l.name, err)
	}
	id := &Identity{Profile: l.shared.Profile, Region: l.aws.Region, How: f.how, RoleARN: f.role.arn,
		AWS: l.aws.Copy(), RootCAs: l.roots, endpoints: l.endpoints}
	if f.environment {
		id.Profile = ""
	}
	id.AWS.Credentials = f.base
	if id.S3, err = l.addressing(ctx); err != nil {
		return nil, fmt.Errorf("load profile %s: %w", l.name, err)
	}
	if err := id.fill(o, f, l); err != nil {
		return nil, err
	}
	if id.How != Held {
		return id, nil
	}
	if o.SourceIdentity != "" || len(o.Tags) > 0 {
		return nil, fmt.Errorf("load profile %s: %w: source identity or tags without a role", l.name, session.ErrGrant)
	}
	return id, id.judge(ctx, o.AllowLongLivedKeys)
}

// fill makes the grant of what was found and asked.
func (id *Identity) fill(o Options, f found, l *loader) error {
	name, aside, err := sessionName(o, f.role.sessionName)
	if err != nil {
		return err
	}
	id.SetAside = aside
	id.grant = session.Grant{RoleARN: f.role.arn, Name: name, SourceIdentity: o.SourceIdentity, Tags: o.Tags,
		ExternalID: o.ExternalID, MFASerial: o.MFASerial, Duration: cmp.Or(o.Duration, f.role.duration)}
	id.config = session.Config{STS: l.sts(f.base), WebIdentity: f.token, OnRenew: o.OnRenew, OnDelay: o.OnDelay, Logger: o.Logger}
	if id.How == AssumeRole {
		id.grant.ExternalID = cmp.Or(o.ExternalID, f.role.externalID)
		id.grant.MFASerial = cmp.Or(o.MFASerial, f.role.mfaSerial)
		id.config.MFACode = o.code(id.grant.MFASerial)
	}
	return nil
}

// code asks for the code of one device; nil when there is nobody to ask.
func (o Options) code(serial string) func(context.Context) (string, error) {
	if o.MFACode == nil {
		return nil
	}
	return func(ctx context.Context) (string, error) { return o.MFACode(ctx, serial) }
}

// judge looks at credentials that would go to S3 as they are.
func (id *Identity) judge(ctx context.Context, allowed bool) error {
	creds, err := id.AWS.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	id.LongLived = creds.SessionToken == ""
	if id.LongLived && !allowed {
		return fmt.Errorf("use access key %s: %w", creds.AccessKeyID, ErrLongLivedKeys)
	}
	return nil
}

// Session makes the session of this identity, narrowed by a policy, or by the
// wider one where STS cannot pack it; nil = not narrowed. Held credentials
// cannot be narrowed, and session.Identity says so. It asks STS nothing yet.
func (id *Identity) Session(narrowed, wider *policy.Narrowed) (*session.Session, error) {
	if id.How == Held {
		return session.Held(id.AWS.Credentials, ""), nil
	}
	g := id.grant
	g.Policy, g.Fallback = narrowed, wider
	return session.New(id.config, g)
}

// Endpoint is the URL for a service, as s3 or sts; "" = AWS's own.
func (id *Identity) Endpoint(service string) string { return id.endpoints.of(service) }

// STS asks as these credentials; nil = as the base identity.
func (id *Identity) STS(p aws.CredentialsProvider) *sts.Client {
	if p == nil {
		p = id.AWS.Credentials
	}
	return stsClient(id.AWS, id.endpoints, p)
}

// sessionName is the name for the last role's session, and the profile's name
// when that is not used.
func sessionName(o Options, profiles string) (name, setAside string, err error) {
	const run = "{run}"
	pattern := "sealift-" + run
	switch {
	case o.SessionName != "" && !strings.Contains(o.SessionName, run):
		return "", "", fmt.Errorf("session name %q: %w", o.SessionName, ErrSessionName)
	case o.SessionName != "":
		pattern = o.SessionName
	case strings.Contains(profiles, run):
		pattern = profiles
	default:
		setAside = profiles
	}
	if o.Run == "" {
		return strings.Trim(strings.ReplaceAll(pattern, run, ""), "-"), setAside, nil
	}
	return strings.ReplaceAll(pattern, run, o.Run), setAside, nil
}

// sharedFiles are the config and the credentials file to read.
func (o Options) sharedFiles() (configFile, credentialsFile string) {
	return cmp.Or(o.ConfigFile, os.Getenv("AWS_CONFIG_FILE"), config.DefaultSharedConfigFilename()),
		cmp.Or(o.CredentialsFile, os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), config.DefaultSharedCredentialsFilename())
}

// Ambient lists the names in environ (as os.Environ gives it) that steer this
// package or the SDK.
func Ambient(environ []string) []string {
	var names []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "ACTIONS_ID_TOKEN_REQUEST_") {
			names = append(names, name)
		}
	}
	return names
}
