package cli

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/profile"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// signedIn is who a command acts as, and where.
type signedIn struct {
	session  *session.Session
	reader   aws.CredentialsProvider // nil when nobody may look
	region   string
	endpoint string // "" = AWS's own
	roots    *x509.CertPool
	s3       profile.S3
}

// at is the Config of an Uploader that goes where they act.
func (w *signedIn) at() sealift.Config {
	return sealift.Config{Credentials: w.session, Reader: w.reader, Region: w.region, Endpoint: w.endpoint, RootCAs: w.roots,
		DualStack: w.s3.DualStack, FIPS: w.s3.FIPS, Accelerate: w.s3.Accelerate, PathStyle: w.s3.PathStyle}
}

// leastSession is the shortest session that AWS gives. Other servers, as the
// sandbox with --min-session, may give shorter ones: they are asked.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// (parameter DurationSeconds; read 2026-11-24).
const leastSession = 15 * time.Minute

// regionName is what can stand in a host's name and in a signature.
var regionName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// signIn reads the profile, assumes the role with a session narrowed to what
// is wanted, and makes sure that it was granted.
func (i *Identity) signIn(ctx context.Context, tell *teller, want policy.Want) (*signedIn, error) {
	options := i.options(tell)
	id, err := profile.Load(ctx, options)
	if err != nil {
		return nil, err
	}
	who := &signedIn{region: id.Region, endpoint: id.Endpoint("s3"), roots: id.RootCAs, s3: id.S3}
	if who.region == "" {
		return nil, &usageError{"no region is known", "give --region, or region in the profile"}
	}
	if !regionName.MatchString(who.region) {
		return nil, &usageError{fmt.Sprintf("region %q: none is called that", who.region), "give --region, AWS_REGION, or region in the profile, as eu-west-1"}
	}
	if err := s3wire.CheckEndpoint(who.endpoint, i.AllowPlainHTTP); err != nil {
		return nil, fmt.Errorf("%s: %w", i.endpointFrom(), err)
	}
	if err := i.checkAddressing(who); err != nil {
		return nil, err
	}
	wire := s3wire.New(s3wire.Config{Region: who.region, Endpoint: who.endpoint, Addressing: s3wire.Addressing(who.s3)})
	if err := wire.CheckBucket(ctx, want.Bucket); err != nil {
		return nil, &usageError{err.Error(), "an access point or a bucket cannot be addressed so: check its name, --region, --endpoint-url, --addressing-style, and --use-accelerate-endpoint, --use-fips-endpoint and --use-dualstack-endpoint, in the profile too"}
	}
	if i.SessionDuration > 0 && i.SessionDuration < leastSession && id.How != profile.Held && id.Endpoint("sts") == "" {
		return nil, &usageError{fmt.Sprintf("--session-duration %v is below the 15m that AWS gives at least", i.SessionDuration), "give a time from 15m to 12h, as 1h or 3600"}
	}
	narrowed, wider, err := i.narrowed(tell, id, want)
	if err != nil {
		return nil, err
	}
	if who.session, err = id.Session(narrowed, wider); err != nil {
		return nil, err
	}
	if _, err := who.session.Retrieve(ctx); err != nil {
		return nil, nameAside(err, id.SetAside)
	}
	granted, _ := who.session.Identity("")
	tell.session(granted)
	who.reader, err = i.readAs(ctx, options)
	if err != nil && exitCode(err) != codeUsage {
		tell.Say("warning: going on without a reader: %v", err)
		tell.hint(err)
		err = nil
	}
	return who, err
}

// checkAddressing refuses, by their names, settings that do not go together.
func (i *Identity) checkAddressing(who *signedIn) error {
	on := map[string]bool{"use-dualstack-endpoint": who.s3.DualStack, "use-fips-endpoint": who.s3.FIPS, "use-accelerate-endpoint": who.s3.Accelerate}
	for _, c := range []struct {
		both          bool
		one, excludes string
	}{
		{who.endpoint != "", "use-dualstack-endpoint", i.endpointFrom()},
		{who.endpoint != "", "use-fips-endpoint", i.endpointFrom()},
		{who.endpoint != "", "use-accelerate-endpoint", i.endpointFrom()},
		{who.s3.FIPS, "use-accelerate-endpoint", "--use-fips-endpoint"},
		{who.s3.PathStyle, "use-accelerate-endpoint", "--addressing-style path"},
	} {
		if on[c.one] && c.both {
			return &usageError{fmt.Sprintf("--%s and %s exclude each other", c.one, c.excludes),
				"give --" + c.one + "=false, or leave out the other; the profile and AWS_USE_… variables set them too (" + strings.ReplaceAll(c.one, "-", "_") + ")"}
		}
	}
	return nil
}

// endpointFrom is what names the endpoint.
func (i *Identity) endpointFrom() string {
	if i.EndpointURL != "" {
		return "--endpoint-url"
	}
	return "AWS_ENDPOINT_URL or endpoint_url"
}

// nameAside adds, where a role may not be assumed, that the session was not
// named as the profile says: the trust policy may ask for that.
func nameAside(err error, name string) error {
	if name == "" || !errors.Is(err, session.ErrDenied) {
		return err
	}
	return &advised{err, hintFor(err) + "\nthe profile's role_session_name is not used, for no trail could be joined to it: where the trust policy asks for it, let it take --session-name " + name + "-{run}"}
}

// options are what the profile is read with.
func (i *Identity) options(tell *teller) profile.Options {
	return profile.Options{
		Profile: i.Profile, ConfigFile: i.configFile, CredentialsFile: i.credentialsFile,
		Region: i.Region, DualStack: i.DualStack.value, FIPS: i.FIPS.value, Accelerate: i.Accelerate.value, AddressingStyle: i.AddressingStyle,
		EndpointURL: i.EndpointURL, CABundle: i.CABundle,
		AllowPlainHTTP: i.AllowPlainHTTP, AllowLongLivedKeys: i.AllowLongLived,
		RoleARN: i.RoleARN, ExternalID: i.ExternalID, MFASerial: i.MFASerial,
		SourceIdentity: i.SourceIdentity, SessionName: i.SessionName, Tags: i.SessionTags.of, Duration: i.SessionDuration,
		Run: tell.run, MFACode: i.askMFA(tell), OnRenew: tell.session, OnDelay: tell.delay, Logger: tell.log,
	}
}

// narrowed decides on the session policy, and says where there is none.
func (i *Identity) narrowed(tell *teller, id *profile.Identity, want policy.Want) (narrowed, wider *policy.Narrowed, err error) {
	mode := i.Narrow
	if mode == "auto" && id.RoleARN != "" && tell.env("CI") != "" {
		mode = "require"
	}
	if id.SetAside != "" {
		tell.note("the profile's role_session_name %s is set aside, for no trail could be joined to it; --session-name %[1]s-{run} keeps it", id.SetAside)
	}
	if id.How == profile.Held {
		if mode == "require" {
			return nil, nil, fmt.Errorf("%w: there is no role to assume", errUnnarrowed)
		}
		tell.Say("warning: the credentials are used as they are, not narrowed: there is no role to assume")
		return nil, nil, nil
	}
	want.Partition = partition(id.RoleARN)
	if mode != "off" {
		if want.KMSKey, err = keyARN(want.KMSKey, id.RoleARN, cmp.Or(regionIn(want.Bucket), id.Region)); err != nil {
			return nil, nil, err
		}
	}
	if narrowed, wider, err = narrowing(mode, want); err != nil {
		return nil, nil, err
	}
	switch {
	case narrowed == nil:
		tell.note("the session is not narrowed: it may do whatever its role may")
	case narrowed.Kind == policy.KindPrefix && mode != "prefix" && len(want.Keys) > 0:
		tell.Say("warning: the keys do not fit in a session policy: the session is narrowed to %s", address(want.Bucket, want.Prefix))
	}
	return narrowed, wider, nil
}

// partition is that of an ARN: aws, aws-cn, aws-us-gov.
func partition(arn string) string {
	fields := strings.SplitN(arn, ":", 3)
	if len(fields) < 3 {
		return ""
	}
	return cmp.Or(fields[1], "aws")
}

// readAs is who may look what is there; nil when nobody was named.
func (i *Identity) readAs(ctx context.Context, o profile.Options) (aws.CredentialsProvider, error) {
	o, named := o.Reader(i.ReaderProfile, i.ReaderRoleARN)
	if !named {
		return nil, nil
	}
	var reader *session.Session
	id, err := profile.Load(ctx, o)
	if err == nil {
		reader, err = id.Session(nil, nil)
	}
	if err == nil {
		_, err = reader.Retrieve(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("sign in the reader: %w", &advised{err, i.readerHint(err)})
	}
	return reader, nil
}

// readerHint is the remedy for a reader that cannot sign in, by the flags that
// name it.
func (i *Identity) readerHint(err error) string {
	switch {
	case errors.Is(err, profile.ErrNoProfile) && i.ReaderProfile != "":
		return "--reader-profile names a profile in ~/.aws/config (AWS_CONFIG_FILE): check its name"
	case errors.Is(err, session.ErrDenied), refusedAs("ValidationError")(err):
		return "check --reader-role-arn, or role_arn in the reader's profile: the role must be there, and whoever signs in be allowed to assume it"
	case errors.Is(err, profile.ErrLongLivedKeys):
		return "name a role that may read: --reader-role-arn, or role_arn in the reader's profile"
	}
	return hintFor(err)
}

// askMFA gives the code of --mfa-code the first time, and asks for others.
func (i *Identity) askMFA(tell *teller) func(context.Context, string) (string, error) {
	given := i.MFACode
	return func(ctx context.Context, serial string) (string, error) {
		if given != "" {
			code := given
			given = ""
			return code, nil
		}
		return tell.under.Ask(ctx, "MFA code of "+serial)
	}
}
