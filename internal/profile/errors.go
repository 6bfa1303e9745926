package profile

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"

	"github.com/sealift/sealift/internal/redact"
	"github.com/sealift/sealift/session"
)

// What a command can give a remedy for.
var (
	ErrNoProfile     = errors.New("no such profile")
	ErrNoCredentials = errors.New("no credentials")                                     // nowhere anything to sign with
	ErrLongLivedKeys = errors.New("long-lived keys and no role")                        // they would go to S3
	ErrSignIn        = errors.New("not signed in")                                      // aws sso login, aws login
	ErrSessionName   = errors.New("session name without {run} cannot be joined")        // to the trail
	ErrEndpoint      = errors.New("endpoint not allowed")                               // plain http, or a metadata address
	ErrBundle        = errors.New("CA bundle holds no certificate")                     // in PEM
	ErrEnvironment   = errors.New("environment cannot be used as it is")                // a variable of AWS's holds nonsense
	ErrFiles         = errors.New("AWS configuration files cannot be used as they are") // the cause says why
)

// marked tells failures of a base provider apart.
type marked struct {
	provider aws.CredentialsProvider
	implicit bool // nothing names this provider: it is the last resort
	signIn   bool // a person signs in for it, and has to again
}

// Retrieve asks the provider. Its errors are a session.BaseError.
func (m marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	creds, err := m.provider.Retrieve(ctx)
	switch {
	case err == nil:
		return creds, nil
	case ctx.Err() != nil:
		return aws.Credentials{}, context.Cause(ctx)
	}
	return aws.Credentials{}, &session.BaseError{Err: m.tell(err)}
}

func (m marked) tell(err error) error {
	if asked, ok := errors.AsType[*session.RoleError](err); ok {
		return asked // a role on the way to the last one: it tells itself
	}
	if m.signIn && signInAgain(err) {
		return fmt.Errorf("%w: %w", ErrSignIn, err)
	}
	if m.implicit {
		return fmt.Errorf("%w: %w", ErrNoCredentials, redact.Error(err))
	}
	return fmt.Errorf("%w: %w", session.ErrInvalidBase, redact.Error(err))
}

// signInAgain tells a sign-in that is over, or never was, from a service that
// cannot be reached or refuses the role.
func signInAgain(err error) bool {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return false
	}
	api, answered := errors.AsType[smithy.APIError](err)
	return !answered || api.ErrorCode() == "UnauthorizedException"
}

// Invalidate makes a caching provider ask again.
func (m marked) Invalidate() {
	if cache, ok := m.provider.(interface{ Invalidate() }); ok {
		cache.Invalidate()
	}
}

// files names what is wrong with the configuration files.
func files(err error) error {
	if missing, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return fmt.Errorf("%w: %s", ErrNoProfile, missing.Profile)
	}
	return fmt.Errorf("%w: %w", ErrFiles, err)
}
