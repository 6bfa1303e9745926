package cli

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// Identity says who a command acts as, and how narrowly.
type Identity struct {
	Profile         string
	Region          string
	EndpointURL     string
	DualStack       optional
	FIPS            optional
	Accelerate      optional
	AddressingStyle string
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
	group(f, "Identity", i.bindIdentity)
	group(f, "Session", i.bindSession)
}

func (i *Identity) bindIdentity(f *pflag.FlagSet) {
	f.StringVar(&i.Profile, "profile", "", "AWS `PROFILE` to sign in by; else AWS_PROFILE")
	f.StringVar(&i.RoleARN, "role-arn", "", "`ARN` of the role to assume; else the profile's")
	f.StringVar(&i.ExternalID, "external-id", "", "external `ID` that the role's trust policy asks for")
	f.StringVar(&i.MFASerial, "mfa-serial", "", "MFA device, by serial number or `ARN`")
	f.StringVar(&i.MFACode, "mfa-code", "", "its present `CODE`; else asked for, on a terminal only")
	f.StringVar(&i.Region, "region", "", "`REGION` of the bucket; else the profile's")
	f.StringVar(&i.EndpointURL, "endpoint-url", "", "`URL` of an S3 server that is not AWS; also of its STS, where no other is configured")
	for _, b := range []struct {
		to          *optional
		name, usage string
	}{
		{&i.DualStack, "use-dualstack-endpoint", "reach AWS by IPv6 too (default the profile's)"},
		{&i.FIPS, "use-fips-endpoint", "reach AWS by endpoints whose cryptography is validated by FIPS 140 (default the profile's)"},
		{&i.Accelerate, "use-accelerate-endpoint", "reach S3 by the nearest edge, where the bucket has transfer acceleration on (default the profile's)"},
	} {
		f.Var(b.to, b.name, b.usage)
		f.Lookup(b.name).NoOptDefVal = "true"
	}
	f.Var(choice{to: &i.AddressingStyle, from: []string{"auto", "virtual", "path"}}, "addressing-style", "where the bucket's name stands: path is in the path, for servers that know no other; auto and virtual in the host's name where it can be (default the profile's, else auto)")
	f.StringVar(&i.CABundle, "ca-bundle", "", "trust the certificates in this `FILE` and no others")
	f.StringVar(&i.ReaderProfile, "reader-profile", "", "AWS `PROFILE` that may read: to look whether a key is taken, and to settle lost answers")
	f.StringVar(&i.ReaderRoleARN, "reader-role-arn", "", "`ARN` of a role that may read, assumed from the same base identity")
	f.BoolVar(&i.AllowLongLived, "allow-long-lived-keys", false, "send keys of a user to S3 where there is no role")
	f.BoolVar(&i.AllowPlainHTTP, "allow-plain-http", false, "let an endpoint in plain http be another machine")
}

// bindWriter is bindIdentity without a reader: for commands that look at
// no object.
func (i *Identity) bindWriter(f *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	all.SortFlags = false
	i.bindIdentity(all)
	all.VisitAll(func(one *pflag.Flag) {
		if one.Name != "reader-profile" && one.Name != "reader-role-arn" {
			f.AddFlag(one)
		}
	})
}

func (i *Identity) bindSession(f *pflag.FlagSet) {
	oneOf(f, &i.Narrow, "narrow", "auto narrows to the keys while they fit in a session policy, else to the prefix that the destination names; require also refuses to go on un-narrowed, and is the default where CI is set and a role is known; prefix; off (default auto)",
		"auto", "require", "prefix", "off")
	f.Var(span{&i.SessionDuration, time.Second, session.MaxDuration, "a time from 15m to 12h, as 1h or 3600"}, "session-duration", "how long a session lasts, 15m to the role's maximum, as 1h or in seconds; it is renewed for as long as the upload takes (default 1h)")
	f.StringVar(&i.SessionName, "session-name", "", "role session `NAME`, with {run} in it (default sealift-{run})")
	f.StringVar(&i.SourceIdentity, "source-identity", "", "source identity, a `NAME` that stays in the trail")
	i.SessionTags = pairs{parse: onePair, kind: "K=V"}
	f.Var(&i.SessionTags, "session-tag", "session tag; may be repeated")
}

// narrowing writes the session policy for what a command wants to write, and
// the wider one for when STS cannot pack it. Both are nil when not narrowed.
func narrowing(mode string, want policy.Want) (narrowed, wider *policy.Narrowed, err error) {
	if mode == "off" {
		return nil, nil, nil
	}
	if mode == "prefix" && want.Prefix == "" && !want.Housekeeping {
		return nil, nil, fmt.Errorf("--narrow prefix: %w: the destination names no prefix, and a whole bucket is too much", errNoPrefix)
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
