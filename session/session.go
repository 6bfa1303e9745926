package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sealift/sealift/policy"
)

// A Session gives credentials for a grant for as long as they are asked for.
// It is safe for concurrent use.
type Session struct {
	source   source
	config   Config
	patience time.Duration // with a renewal ahead

	mu      sync.Mutex
	current *credential // nil before the first
	flight  *flight     // the renewal under way, or nil
	history []Identity  // oldest first
}

// A source gets credentials from somewhere, once a call.
type source interface {
	fetch(context.Context) (*credential, error)
	invalidate() // forget what is cached
}

// A credential is what a source gave. It is always held by pointer: fmt prints
// the fields of what it reaches by value.
type credential struct {
	aws      aws.Credentials // Expires is by the local clock
	identity Identity
	renew    time.Time // from then on it is renewed ahead; zero = never
	end      time.Time // from then on it is not given out; zero = never
	invalid  bool      // a server has said that it is expired
}

// A flight is one renewal that many wait for.
type flight struct {
	done chan struct{} // closed when err is set
	err  error
}

// An Identity says what a receipt tells of one set of credentials.
type Identity struct {
	RoleARN        string // "" = temporary credentials of no known role
	AssumedRoleARN string // with the session's name at the end
	Name           string
	SourceIdentity string
	KeyID          string    // of the access key; no secret
	From           time.Time // when it was received, UTC
	To             time.Time // when another took its place; zero = still current
	Expires        time.Time // by the server's clock, UTC; zero = not known
	Ends           time.Time // the same by the local clock, which may be wrong, UTC
	Narrowing      policy.Kind
	PolicySHA256   string // of the session policy's text; "" = not narrowed
}

// margin is how long credentials must still last to be given out, because a
// request takes its time: ten seconds, or a tenth of a short session.
func margin(lasts time.Duration) time.Duration { return min(10*time.Second, lasts/10) }

// How long a renewal ahead may take. The goroutine that renews holds
// credentials that still work, and must not wait forever for better.
const (
	renewWithin = 30 * time.Second
	codeWithin  = 3 * time.Minute // when someone must find an MFA device
)

// New makes a session for the grant. It asks STS nothing yet. The error is
// [ErrGrant] for a grant that cannot be asked for and [ErrMFANeeded] for one
// that needs a code while the configuration gives none.
func New(c Config, g Grant) (*Session, error) {
	if err := g.check(c); err != nil {
		return nil, fmt.Errorf("make session: %w: %w", ErrGrant, err)
	}
	if g.MFASerial != "" && c.MFACode == nil {
		return nil, fmt.Errorf("make session: %w: %s", ErrMFANeeded, g.MFASerial)
	}
	s := &Session{source: newRole(c, g), config: c, patience: renewWithin}
	if g.MFASerial != "" {
		s.patience = codeWithin
	}
	return s, nil
}

// Retrieve gives credentials that last. It asks STS only when there are none
// or their renewal is due, and then once, however many goroutines ask. While
// the credentials at hand still work, a renewal that fails is tried again
// later and the others do not wait. Errors are told apart by the sentinels of
// this package.
func (s *Session) Retrieve(ctx context.Context) (aws.Credentials, error) {
	for {
		if err := ctx.Err(); err != nil {
			return aws.Credentials{}, context.Cause(ctx)
		}
		s.mu.Lock()
		now := time.Now()
		c, f := s.current, s.flight
		usable := c.usable(now)
		if usable && (f != nil || !c.due(now)) {
			s.mu.Unlock()
			return c.aws, nil
		}
		if f == nil {
			f = &flight{done: make(chan struct{})}
			s.flight = f
			s.mu.Unlock()
			return s.lead(ctx, f, c, usable)
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return aws.Credentials{}, context.Cause(ctx)
		case <-f.done:
		}
		if f.err != nil && !errors.Is(f.err, errAbandoned) {
			return aws.Credentials{}, f.err
		}
	}
}

// lead renews for everyone who waits. old is what there is; usable tells
// whether it can serve a little longer.
func (s *Session) lead(ctx context.Context, f *flight, old *credential, usable bool) (aws.Credentials, error) {
	f.err = errAbandoned // unless told otherwise below, or never, if a source panics
	defer func() {
		s.mu.Lock()
		s.flight = nil
		s.mu.Unlock()
		close(f.done)
	}()
	call, cancel := ctx, context.CancelFunc(func() {})
	if usable {
		call, cancel = context.WithTimeout(ctx, s.patience)
	}
	defer cancel()
	fresh, err := s.source.fetch(call)
	switch {
	case err == nil:
		s.take(fresh)
		f.err = nil
		return fresh.aws, nil
	case ctx.Err() != nil: // the caller left; those who wait try themselves
		return aws.Credentials{}, context.Cause(ctx)
	}
	if again := s.postpone(old, time.Now()); usable && again > 0 {
		f.err = nil
		s.logger().Warn("session not renewed, tried again later", "session", old.identity.Name, "err", err)
		if s.config.OnDelay != nil {
			s.config.OnDelay(old.identity, again, err)
		}
		return old.aws, nil
	}
	f.err = err
	return aws.Credentials{}, err
}

// take makes fresh the current credentials.
func (s *Session) take(fresh *credential) {
	s.mu.Lock()
	n := len(s.history)
	again := n > 0 && s.history[n-1].KeyID == fresh.identity.KeyID
	switch {
	case again: // a provider gave the same again
		fresh.identity.From = s.history[n-1].From
		s.history[n-1] = fresh.identity
	case n > 0:
		s.history[n-1].To = fresh.identity.From
		fallthrough
	default:
		s.history = append(s.history, fresh.identity)
	}
	s.current = fresh
	s.mu.Unlock()
	if again {
		return
	}
	s.logger().Info("session received", "session", fresh.identity.Name)
	if s.config.OnRenew != nil {
		s.config.OnRenew(fresh.identity)
	}
}

// postpone tries the renewal of c again after a tenth of what is left, between
// a second and a minute. It returns when; 0 is that c cannot be used any more.
func (s *Session) postpone(c *credential, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.usable(now) {
		return 0
	}
	wait := time.Minute
	if !c.end.IsZero() {
		wait = min(max(c.end.Sub(now)/10, time.Second), time.Minute)
	}
	wait = wait/2 + rand.N(wait)
	c.renew = now.Add(wait)
	return wait
}

// Invalidate says that a server has called these credentials expired. If they
// are the current ones, the next Retrieve gets others; if they have been
// replaced since, nothing happens, so that many failed requests renew once.
func (s *Session) Invalidate(accessKeyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.identity.KeyID == accessKeyID && !s.current.invalid {
		s.current.invalid = true
		s.source.invalidate()
	}
}

// Identity tells of the credentials with this key that this session gave out;
// "" means the current ones.
func (s *Session) Identity(accessKeyID string) (Identity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Backward(s.history) {
		if accessKeyID == "" || id.KeyID == accessKeyID {
			return id, true
		}
	}
	return Identity{}, false
}

// History tells of all credentials this session gave out, oldest first.
func (s *Session) History() []Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.history)
}

// String names the session and shows no secret.
func (s *Session) String() string {
	id, _ := s.Identity("")
	return "session " + id.Name + " " + id.KeyID
}

// GoString is String: the fields hold secrets.
func (s *Session) GoString() string { return s.String() }

// LogValue is String: the fields hold secrets.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

func (s *Session) logger() *slog.Logger {
	if s.config.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.config.Logger
}

// usable tells whether c can be given out.
func (c *credential) usable(now time.Time) bool {
	return c != nil && !c.invalid && (c.end.IsZero() || now.Before(c.end))
}

// due tells whether the renewal of c is due.
func (c *credential) due(now time.Time) bool { return !c.renew.IsZero() && !now.Before(c.renew) }

// renewAt is when credentials received now and lasting so long are renewed:
// when max(5 min, a quarter) is left, or half of a session under 10 minutes,
// up to a tenth earlier, so that many processes do not ask together.
func renewAt(now time.Time, lasts time.Duration) time.Time {
	ahead := max(5*time.Minute, lasts/4)
	if lasts < 10*time.Minute {
		ahead = lasts / 2
	}
	return now.Add(lasts - ahead - rand.N(ahead/10+1))
}
