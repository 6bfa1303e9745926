package cli

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/sealift/sealift/policy"
)

// Identity says who a command acts as, and how narrowly.
type Identity struct {
	Profile         string
	Region          string
	EndpointURL     string
	CABundle        string
	RoleARN         string
	ExternalID      string
	MFASerial       string
	MFACode         string
	SourceIdentity  string
	SessionName     string
	SessionTags     pairs
	SessionDuration time.Duration
	Narrow          string
	ReaderProfile   string
	ReaderRoleARN   string
	AllowLongLived  bool
	AllowPlainHTTP  bool

	configFile, credentialsFile string // the demo's own; "" = AWS's places
}

func (i *Identity) bind(f *pflag.FlagSet) {
	f.StringVar(&i.Profile, "profile", "", "AWS `PROFILE` to sign in by; AWS_PROFILE without it")
	f.StringVar(&i.Region, "region", "", "`REGION` of the bucket; the profile's without it")
	f.StringVar(&i.EndpointURL, "endpoint-url", "", "`URL` of another S3 and STS server than AWS")
	f.StringVar(&i.CABundle, "ca-bundle", "", "trust the certificates in this `FILE` only")
	f.StringVar(&i.RoleARN, "role-arn", "", "role to assume, by `ARN`; the profile's without it")
	f.StringVar(&i.ExternalID, "external-id", "", "external `ID` that the role's trust policy asks for")
	f.StringVar(&i.MFASerial, "mfa-serial", "", "MFA device, by serial number or `ARN`")
	f.StringVar(&i.MFACode, "mfa-code", "", "its present `CODE`; asked for on a terminal without it")
	f.StringVar(&i.SourceIdentity, "source-identity", "", "source identity of the session, as a `NAME`")
	f.StringVar(&i.SessionName, "session-name", "", "role session `NAME`, with {run} in it; sealift-{run} without it")
	i.SessionTags = pairs{parse: onePair, kind: "k=v"}
	f.Var(&i.SessionTags, "session-tag", "session tag, as k=v; may be repeated")
	f.DurationVar(&i.SessionDuration, "session-duration", 0, "how long a session lasts, from 15m to the role's maximum (default 1h);\nit is renewed for as long as the upload takes")
	oneOf(f, &i.Narrow, "narrow", "how far to narrow the session: auto to the keys while they fit, else to the\nprefix; require refuses to run un-narrowed, and is the default where CI is set\nand a role is known", "auto", "require", "prefix", "off")
	f.StringVar(&i.ReaderProfile, "reader-profile", "", "AWS `PROFILE` that may read, to look what is there")
	f.StringVar(&i.ReaderRoleARN, "reader-role-arn", "", "role that may read, by `ARN`, assumed from the same base identity")
	f.BoolVar(&i.AllowLongLived, "allow-long-lived-keys", false, "use keys of a user as they are, without a role")
	f.BoolVar(&i.AllowPlainHTTP, "allow-plain-http", false, "let an endpoint in plain http be another machine")
}

// narrowing writes the session policy for what a command wants to write, and
// the wider one for when STS cannot pack it. Both are nil when not narrowed.
func narrowing(mode string, want policy.Want) (narrowed, wider *policy.Narrowed, err error) {
	if mode == "off" {
		return nil, nil, nil
	}
	prefix, prefixErr := want.Wider()
	if mode == "prefix" {
		return &prefix, nil, prefixErr
	}
	exact, err := policy.Narrow(want)
	if err != nil {
		return nil, nil, err
	}
	if prefixErr == nil && exact.Kind != policy.KindPrefix {
		wider = &prefix
	}
	return &exact, wider, nil
}
