package session

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sealift/sealift/policy"
)

// Held makes a session of credentials that are used as they are: temporary
// ones of no role that could be assumed. It is not narrowed, and name is what
// receipts call it. Renewing is the provider's own affair.
func Held(p aws.CredentialsProvider, name string) *Session {
	return &Session{source: &held{p, name}, patience: renewWithin}
}

type held struct {
	provider aws.CredentialsProvider
	name     string
}

// recheck is how often a provider whose credentials do not expire, or not
// soon, is asked whether it has others.
const recheck = time.Minute

func (h *held) fetch(ctx context.Context) (*credential, error) {
	creds, err := h.provider.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("retrieve credentials: %w", classify(err))
	}
	now := time.Now()
	c := &credential{aws: creds, renew: now.Add(recheck), identity: Identity{
		Name: h.name, KeyID: creds.AccessKeyID, From: now.UTC(), Narrowing: policy.KindOff}}
	if creds.CanExpire {
		c.identity.Expires = creds.Expires.UTC()
		c.identity.Ends = c.identity.Expires
		left := creds.Expires.Sub(now)
		c.end = creds.Expires.Add(-margin(left))
		if left <= 0 {
			return nil, fmt.Errorf("retrieve credentials: %w: at %s", ErrExpiredBase, creds.Expires.UTC().Format(time.RFC3339))
		}
	}
	return c, nil
}

// invalidate makes a caching provider ask again.
func (h *held) invalidate() {
	if cache, ok := h.provider.(interface{ Invalidate() }); ok {
		cache.Invalidate()
	}
}
