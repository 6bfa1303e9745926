package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	smithymiddleware "github.com/aws/smithy-go/middleware"

	"github.com/sealift/sealift/policy"
)

// role is the source of a grant's credentials.
type role struct {
	config  Config
	grant   Grant
	unpacks atomic.Bool // STS could not pack the policy; the fallback is sent
}

func newRole(c Config, g Grant) *role {
	g.Tags = maps.Clone(g.Tags)
	return &role{config: c, grant: g}
}

// answer is what both ways of assuming a role give.
type answer struct {
	credentials    *types.Credentials
	user           *types.AssumedRoleUser
	sourceIdentity *string
	metadata       smithymiddleware.Metadata
}

// fetch asks STS once; twice where it cannot pack the policy and there is a
// wider one, which is remembered.
func (r *role) fetch(ctx context.Context) (*credential, error) {
	narrowed := r.grant.Policy
	if r.unpacks.Load() {
		narrowed = r.grant.Fallback
	}
	a, err := r.assume(ctx, narrowed)
	if errors.Is(err, ErrPolicyTooLarge) && r.grant.Fallback != nil && !r.unpacks.Swap(true) {
		narrowed = r.grant.Fallback
		a, err = r.assume(ctx, narrowed)
	}
	if err != nil {
		return nil, err
	}
	return r.received(a, narrowed)
}

func (r *role) invalidate() {}

func (r *role) assume(ctx context.Context, narrowed *policy.Narrowed) (answer, error) {
	var text *string
	if narrowed != nil {
		text = &narrowed.Text
	}
	var a answer
	var err error
	if r.config.WebIdentity != nil {
		a, err = r.byToken(ctx, text)
	} else {
		a, err = r.byBase(ctx, text)
	}
	if err != nil {
		return answer{}, &RoleError{r.grant.RoleARN, err}
	}
	return a, nil
}

// byBase assumes the role with the base credentials of the STS client.
func (r *role) byBase(ctx context.Context, text *string) (answer, error) {
	g := r.grant
	in := &sts.AssumeRoleInput{
		RoleArn: &g.RoleARN, RoleSessionName: &g.Name, DurationSeconds: aws.Int32(g.seconds()), Policy: text,
		ExternalId: optional(g.ExternalID), SourceIdentity: optional(g.SourceIdentity), SerialNumber: optional(g.MFASerial),
	}
	for _, k := range slices.Sorted(maps.Keys(g.Tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(g.Tags[k])})
	}
	if g.MFASerial != "" {
		code, err := r.config.MFACode(ctx)
		if err != nil {
			return answer{}, fmt.Errorf("%w: %w", ErrMFANeeded, err)
		}
		in.TokenCode = &code
	}
	out, err := r.config.STS.AssumeRole(ctx, in)
	if err != nil {
		return answer{}, classify(err)
	}
	return answer{out.Credentials, out.AssumedRoleUser, out.SourceIdentity, out.ResultMetadata}, nil
}

// byToken assumes the role with a token of an identity provider.
func (r *role) byToken(ctx context.Context, text *string) (answer, error) {
	token, err := r.config.WebIdentity(ctx)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	out, err := r.config.STS.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &r.grant.RoleARN, RoleSessionName: &r.grant.Name, WebIdentityToken: &token,
		DurationSeconds: aws.Int32(r.grant.seconds()), Policy: text})
	if err != nil {
		return answer{}, classify(err)
	}
	return answer{out.Credentials, out.AssumedRoleUser, out.SourceIdentity, out.ResultMetadata}, nil
}

// received makes credentials of an answer. What is left of them is reckoned
// from the server's own clock where the two disagree by more than a minute: the
// local one may be wrong by more than a session lasts, and the server tells the
// time in whole seconds.
func (r *role) received(a answer, narrowed *policy.Narrowed) (*credential, error) {
	c := a.credentials
	if c == nil || aws.ToString(c.AccessKeyId) == "" || aws.ToString(c.SecretAccessKey) == "" ||
		aws.ToString(c.SessionToken) == "" || c.Expiration == nil {
		return nil, &RoleError{r.grant.RoleARN, errors.New("answer holds no credentials")}
	}
	now := time.Now()
	server, ok := middleware.GetServerTime(a.metadata)
	if !ok || server.Sub(now).Abs() < time.Minute {
		server = now
	}
	lasts := c.Expiration.Sub(server)
	if lasts <= 0 {
		return nil, &RoleError{r.grant.RoleARN, fmt.Errorf("session ends in %v", lasts)}
	}
	id := Identity{RoleARN: r.grant.RoleARN, Name: r.grant.Name, SourceIdentity: aws.ToString(a.sourceIdentity),
		KeyID: *c.AccessKeyId, From: now.UTC(), Expires: c.Expiration.UTC(), Ends: now.Add(lasts).UTC(), Narrowing: policy.KindOff}
	if a.user != nil {
		id.AssumedRoleARN = aws.ToString(a.user.Arn)
	}
	if narrowed != nil {
		id.Narrowing, id.PolicySHA256 = narrowed.Kind, narrowed.SHA256
	}
	return &credential{identity: id, renew: renewAt(now, lasts), end: now.Add(lasts - margin(lasts)), aws: aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
		Source: "sealift", CanExpire: true, Expires: now.Add(lasts), AccountID: account(id.AssumedRoleARN)}}, nil
}

// account is the account id of an ARN, or "".
func account(arn string) string {
	if fields := strings.SplitN(arn, ":", 6); len(fields) == 6 {
		return fields[4]
	}
	return ""
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
