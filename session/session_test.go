package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/sealift/sealift/session"
)

const roleARN = "arn:aws:iam::123456789012:role/s3-uploader-role"

// clock is an STS whose time is the test's: it cannot be the sandbox, which
// lives outside a synctest bubble.
type clock struct {
	latency time.Duration
	fail    func(call int) error // nil = never

	mu     sync.Mutex
	calls  []time.Time
	asked  []*sts.AssumeRoleInput
	tokens []*sts.AssumeRoleWithWebIdentityInput
	flying int
}

func (c *clock) answer(ctx context.Context, seconds int32) (*types.Credentials, error) {
	c.mu.Lock()
	c.calls = append(c.calls, time.Now())
	n := len(c.calls)
	c.flying++
	if c.flying > 1 {
		panic("two calls at once")
	}
	c.mu.Unlock()
	defer func() { c.mu.Lock(); c.flying--; c.mu.Unlock() }()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(c.latency):
	}
	if c.fail != nil {
		if err := c.fail(n); err != nil {
			return nil, err
		}
	}
	return &types.Credentials{AccessKeyId: aws.String(fmt.Sprintf("ASIA%016d", n)), SecretAccessKey: aws.String("secret-canary"),
		SessionToken: aws.String("token-canary"), Expiration: aws.Time(time.Now().Add(time.Duration(seconds) * time.Second))}, nil
}

func (c *clock) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	c.mu.Lock()
	c.asked = append(c.asked, in)
	c.mu.Unlock()
	creds, err := c.answer(ctx, *in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{Credentials: creds, SourceIdentity: in.SourceIdentity,
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String("arn:aws:sts::123456789012:assumed-role/s3-uploader-role/" + *in.RoleSessionName)}}, nil
}

func (c *clock) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput, _ ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	c.mu.Lock()
	c.tokens = append(c.tokens, in)
	c.mu.Unlock()
	creds, err := c.answer(ctx, *in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithWebIdentityOutput{Credentials: creds}, nil
}

func (c *clock) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

func open(t *testing.T, c session.Config, g session.Grant) *session.Session {
	t.Helper()
	if g.RoleARN == "" {
		g.RoleARN = roleARN
	}
	if g.Name == "" {
		g.Name = "sealift-01K"
	}
	s, err := session.New(c, g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Over three hours of sessions of 15 minutes, 64 goroutines must always hold
// credentials with at least half of the promised lead left, and STS must be
// asked once a renewal.
func TestRenewalAheadAsksOnce(t *testing.T) {
	for _, lasts := range []time.Duration{15 * time.Minute, time.Hour, 4 * time.Minute} {
		t.Run(lasts.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { renewAhead(t, lasts) })
		})
	}
}

func renewAhead(t *testing.T, lasts time.Duration) {
	server := &clock{latency: 300 * time.Millisecond}
	renewed := 0
	s := open(t, session.Config{STS: server, OnRenew: func(session.Identity) { renewed++ }}, session.Grant{Duration: lasts})
	ahead := max(5*time.Minute, lasts/4)
	if lasts < 10*time.Minute {
		ahead = lasts / 2
	}
	const runs = 3 * time.Hour
	start := time.Now()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for time.Since(start) < runs {
				creds, err := s.Retrieve(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if left := time.Until(creds.Expires); left < ahead-time.Minute {
					t.Errorf("only %v left", left)
				}
				time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Second))))
			}
		})
	}
	wg.Wait()
	most := int(runs/(lasts-ahead-ahead/10)) + 1
	least := int(runs / (lasts - ahead + 10*time.Second))
	if n := server.count(); n > most || n < least {
		t.Errorf("STS was asked %d times, want %d to %d", n, least, most)
	}
	history := s.History()
	if len(history) != server.count() || renewed != len(history) {
		t.Fatalf("%d identities and %d callbacks for %d sessions", len(history), renewed, server.count())
	}
	for i, id := range history {
		if got, ok := s.Identity(id.KeyID); !ok || got != id {
			t.Errorf("Identity(%s) = %+v, %v", id.KeyID, got, ok)
		}
		if i > 0 && !history[i-1].To.Equal(id.From) {
			t.Errorf("session %d ends %v, the next begins %v", i-1, history[i-1].To, id.From)
		}
	}
	last, ok := s.Identity("")
	if !ok || !last.To.IsZero() || last.AssumedRoleARN == "" || last.RoleARN != roleARN || last.Narrowing != "off" {
		t.Errorf("the current one is %+v", last)
	}
}

func TestFirstSessionIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clock{latency: time.Second}
		s := open(t, session.Config{STS: server}, session.Grant{})
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if _, err := s.Retrieve(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if server.count() != 1 || *server.asked[0].DurationSeconds != 3600 {
			t.Errorf("asked %d times, for %d s", server.count(), *server.asked[0].DurationSeconds)
		}
	})
}

func TestFirstFailureIsToldToAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clock{latency: time.Second, fail: func(int) error { return errors.New("down") }}
		s := open(t, session.Config{STS: server}, session.Grant{})
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if _, err := s.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "assume role "+roleARN+": down") {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		if server.count() != 1 {
			t.Errorf("asked %d times", server.count())
		}
	})
}

func TestInvalidateRenewsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clock{latency: time.Second}
		s := open(t, session.Config{STS: server}, session.Grant{})
		first, err := s.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				time.Sleep(time.Duration(rand.Int64N(int64(5 * time.Second))))
				s.Invalidate(first.AccessKeyID) // many find out, some after the renewal
				creds, err := s.Retrieve(t.Context())
				if err != nil || creds.AccessKeyID == first.AccessKeyID {
					t.Errorf("got %s, %v", creds.AccessKeyID, err)
				}
			})
		}
		wg.Wait()
		if server.count() != 2 {
			t.Errorf("asked %d times, want 2", server.count())
		}
	})
}

// While the credentials at hand still work, a failing STS must not be felt.
func TestFailedRenewalKeepsWhatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := func(n int) error {
			if n > 1 {
				return errors.New("down")
			}
			return nil
		}
		server := &clock{latency: time.Second, fail: down}
		var delays int
		heard := func(at session.Identity, again time.Duration, err error) {
			delays++
			if left := time.Until(at.Ends); left <= 0 || left > 5*time.Minute+30*time.Second || again <= 0 || again > max(left, 2*time.Second) || err == nil {
				t.Errorf("%v before the end: again in %v, %v", left, again, err)
			}
		}
		s := open(t, session.Config{STS: server, OnDelay: heard}, session.Grant{Duration: 15 * time.Minute})
		start := time.Now()
		for time.Since(start) < 14*time.Minute+45*time.Second {
			creds, err := s.Retrieve(t.Context())
			if err != nil || creds.AccessKeyID != "ASIA0000000000000001" {
				t.Fatalf("after %v: %s, %v", time.Since(start), creds.AccessKeyID, err)
			}
			time.Sleep(time.Second)
		}
		if n := server.count(); n < 5 || n > 60 || delays != n-1 {
			t.Errorf("tried %d times, of which %d delays were told", n, delays)
		}
		time.Sleep(10 * time.Second)
		if _, err := s.Retrieve(t.Context()); err == nil {
			t.Error("expired credentials were given out")
		}
		server.fail = nil
		if creds, err := s.Retrieve(t.Context()); err != nil || time.Until(creds.Expires) != 15*time.Minute {
			t.Errorf("after STS came back: %v", err)
		}
	})
}

func TestStuckRenewalIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clock{}
		s := open(t, session.Config{STS: server}, session.Grant{Duration: 15 * time.Minute})
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.latency = time.Hour
		time.Sleep(11 * time.Minute)
		before := time.Now()
		if _, err := s.Retrieve(t.Context()); err != nil || time.Since(before) > time.Minute {
			t.Errorf("after %v: %v", time.Since(before), err)
		}
	})
}

// One caller's end must not be everyone's.
func TestCallerWhoLeavesDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &clock{latency: time.Minute}
		s := open(t, session.Config{STS: server}, session.Grant{})
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Retrieve(ctx); !errors.Is(err, gone) {
				t.Errorf("leader got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := s.Retrieve(t.Context()); err != nil {
				t.Errorf("waiter got %v", err)
			}
		})
		short, stop := context.WithTimeoutCause(t.Context(), 30*time.Second, gone)
		defer stop()
		wg.Go(func() {
			if _, err := s.Retrieve(short); !errors.Is(err, gone) {
				t.Errorf("impatient waiter got %v", err)
			}
		})
		synctest.Wait()
		cancel(gone)
		wg.Wait()
		if n := server.count(); n < 2 || n > 3 { // 3 if the impatient one led the second
			t.Errorf("asked %d times", n)
		}
		if _, err := s.Retrieve(ctx); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSessionPrintsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, session.Config{STS: &clock{}}, session.Grant{})
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		type holder struct{ s *session.Session }
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
			fmt.Fprintf(&b, verb+verb, s, holder{s})
		}
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "s", s, "h", holder{s})
		if strings.Contains(b.String(), "canary") {
			t.Errorf("got %s", b.String())
		}
	})
}

type provider struct {
	creds       aws.Credentials
	err         error
	calls       int
	invalidated int
}

func (p *provider) Retrieve(context.Context) (aws.Credentials, error) {
	p.calls++
	return p.creds, p.err
}
func (p *provider) Invalidate() { p.invalidated++ }

func TestHeldCredentialsAreUsedAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{creds: aws.Credentials{AccessKeyID: "ASIA1", SecretAccessKey: "s", SessionToken: "t", CanExpire: true, Expires: time.Now().Add(time.Hour)}}
		s := session.Held(p, "sealift-01K")
		for range 100 {
			if got, err := s.Retrieve(t.Context()); err != nil || got != p.creds {
				t.Fatalf("got %+v, %v", got, err)
			}
			time.Sleep(10 * time.Second)
		}
		if p.calls > 20 {
			t.Errorf("provider was asked %d times", p.calls)
		}
		id, ok := s.Identity("ASIA1")
		if !ok || id.Name != "sealift-01K" || id.Narrowing != "off" || len(s.History()) != 1 || id.Expires.IsZero() {
			t.Errorf("got %+v of %d", id, len(s.History()))
		}
		p.creds.AccessKeyID = "ASIA2"
		s.Invalidate("ASIA1")
		s.Invalidate("ASIA1")
		if got, err := s.Retrieve(t.Context()); err != nil || got.AccessKeyID != "ASIA2" || p.invalidated != 1 {
			t.Errorf("got %s, %v after %d", got.AccessKeyID, err, p.invalidated)
		}
		time.Sleep(2 * time.Hour)
		if _, err := s.Retrieve(t.Context()); !errors.Is(err, session.ErrExpiredBase) {
			t.Errorf("got %v, want ErrExpiredBase", err)
		}
		if _, ok := s.Identity("ASIA3"); ok {
			t.Error("knows a key it never gave out")
		}
	})
}
