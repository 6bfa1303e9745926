// Package session turns a grant, the permission asked for, into a session, the
// credentials received: by sts:AssumeRole or AssumeRoleWithWebIdentity, with a
// session policy attached, renewed ahead of expiry for as long as it is used.
//
// A [Session] is an aws.CredentialsProvider for any number of goroutines. It
// starts none of its own, keeps nothing on disk, and reads no environment,
// file or profile. The package may import policy, internal/redact and the SDK.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/policy"
)

// A Grant is the permission asked for.
type Grant struct {
	RoleARN        string
	Name           string            // role session name, as sealift-<run>
	ExternalID     string            // "" = none
	MFASerial      string            // "" = no MFA; else Config.MFACode is asked at every renewal
	SourceIdentity string            // "" = none; not with web identity
	Tags           map[string]string // session tags; nil = none; not with web identity
	Duration       time.Duration     // rounded up to a second; 0 = DefaultDuration

	Policy   *policy.Narrowed // nil = not narrowed: the whole role
	Fallback *policy.Narrowed // sent instead where STS cannot pack Policy; nil = that is ErrPolicyTooLarge
}

// DefaultDuration is how long a session lasts when the grant does not say. No
// role's maximum is shorter.
const DefaultDuration = time.Hour

// MaxDuration is the longest session of any role. What a role's own maximum
// is, only STS knows; role chaining ends at one hour.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// (read 2026-11-24 in the SDK's text of it).
const MaxDuration = 12 * time.Hour

// API is what a session asks of STS. An *sts.Client is one; build it from the
// base identity's finished configuration.
type API interface {
	AssumeRole(context.Context, *sts.AssumeRoleInput, ...func(*sts.Options)) (*sts.AssumeRoleOutput, error)
	AssumeRoleWithWebIdentity(context.Context, *sts.AssumeRoleWithWebIdentityInput, ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error)
}

// Config says how to ask.
type Config struct {
	STS API // required

	// WebIdentity gives a fresh token of the identity provider. It is called
	// for every session; nil means AssumeRole with the base credentials.
	WebIdentity func(context.Context) (string, error)

	// MFACode gives the code of the grant's device, a new one each time.
	MFACode func(context.Context) (string, error)

	// OnRenew hears of every session received, the first included, in the
	// goroutine that asked for it. nil = nobody does.
	OnRenew func(Identity)

	// OnDelay hears of every renewal that failed while the credentials at hand
	// still work: which they are, when it is tried again, and why it failed; in
	// the goroutine that asked. nil = nobody does.
	OnDelay func(current Identity, again time.Duration, err error)

	Logger *slog.Logger // nil discards
}

// validName is what STS takes as a session name or source identity.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// (parameters RoleSessionName, SourceIdentity; read 2026-11-24).
var validName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// check refuses grants that cannot be asked for, before anything is sent.
func (g Grant) check(c Config) error {
	switch {
	case c.STS == nil:
		return errors.New("no STS client")
	case g.RoleARN == "":
		return errors.New("no role")
	case !validName.MatchString(g.Name):
		return fmt.Errorf("session name %q is not 2 to 64 letters, digits or +=,.@-_", g.Name)
	case g.SourceIdentity != "" && !validName.MatchString(g.SourceIdentity):
		return fmt.Errorf("source identity %q is not 2 to 64 letters, digits or +=,.@-_", g.SourceIdentity)
	case g.Duration < 0 || g.Duration > MaxDuration:
		return fmt.Errorf("session duration %v is outside 0 to %v", g.Duration, MaxDuration)
	case c.WebIdentity != nil && g.SourceIdentity != "":
		return errors.New("web identity takes no source identity")
	case c.WebIdentity != nil && len(g.Tags) > 0:
		return errors.New("web identity takes no session tags")
	case c.WebIdentity != nil && (g.ExternalID != "" || g.MFASerial != ""):
		return errors.New("web identity takes no external id and no MFA device")
	}
	return nil
}

// seconds is the duration as STS takes it.
func (g Grant) seconds() int32 {
	d := g.Duration
	if d == 0 {
		d = DefaultDuration
	}
	return int32((d + time.Second - 1) / time.Second)
}
