package profile

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"unicode"

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
	ErrSignIn        = errors.New("not signed in")                                      // see SignInError
	ErrProcess       = errors.New("credential_process gave no credentials")             // it failed, or printed something else
	ErrBroken        = errors.New("a key, secret or token has a control character")     // no server was asked
	ErrSessionName   = errors.New("session name without {run} cannot be joined")        // to the trail
	ErrEndpoint      = errors.New("endpoint not allowed")                               // no URL, or a metadata address
	ErrPlainHTTP     = errors.New("plain http off loopback")                            // without leave
	ErrBundle        = errors.New("CA bundle cannot be used")                           // not there, or no PEM
	ErrEnvironment   = errors.New("environment cannot be used as it is")                // a variable of AWS's holds nonsense
	ErrFiles         = errors.New("AWS configuration files cannot be used as they are") // the cause says why
)

// A SignInError says that a person has to sign in, again or for the first
// time. It is ErrSignIn.
type SignInError struct {
	Command string // that does it, as aws sso login --profile NAME
	Err     error
}

func (e *SignInError) Error() string { return ErrSignIn.Error() + ": " + e.Err.Error() }

// Unwrap gives ErrSignIn and the cause.
func (e *SignInError) Unwrap() []error { return []error{ErrSignIn, e.Err} }

// A SourceError says that where a profile has its credentials from, there are
// none. It is ErrNoCredentials.
type SourceError struct {
	Setting string // of the profile: source_profile or credential_source
	Source  string // its value
}

func (e *SourceError) Error() string {
	return e.Setting + " " + e.Source + ": " + ErrNoCredentials.Error()
}

// Unwrap gives ErrNoCredentials.
func (e *SourceError) Unwrap() error { return ErrNoCredentials }

// marked tells failures of a base provider apart.
type marked struct {
	provider aws.CredentialsProvider
	implicit bool   // nothing names this provider: it is the last resort
	signIn   string // the command by which a person signs in for it; "" = nobody does
	process  bool   // a program prints them
}

// Retrieve asks the provider. Its errors are a session.BaseError.
func (m marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	creds, err := m.provider.Retrieve(ctx)
	switch {
	case err == nil && broken(creds):
		return aws.Credentials{}, &session.BaseError{Err: fmt.Errorf("%w: %w", session.ErrInvalidBase, ErrBroken)}
	case err == nil:
		return creds, nil
	case ctx.Err() != nil:
		return aws.Credentials{}, context.Cause(ctx)
	}
	return aws.Credentials{}, &session.BaseError{Err: m.tell(err)}
}

// broken tells keys that hold a line's end or the like, as copied ones do. No
// header can carry them.
func broken(c aws.Credentials) bool {
	return strings.ContainsFunc(c.AccessKeyID+c.SecretAccessKey+c.SessionToken, unicode.IsControl)
}

func (m marked) tell(err error) error {
	if asked, ok := errors.AsType[*session.RoleError](err); ok {
		return asked // a role on the way to the last one: it tells itself
	}
	if m.signIn != "" && signInAgain(err) {
		return &SignInError{m.signIn, err}
	}
	if m.process {
		return fmt.Errorf("%w: %w: %s", session.ErrInvalidBase, ErrProcess, processFault(err))
	}
	if m.implicit {
		return fmt.Errorf("%w: %w", ErrNoCredentials, redact.Error(err))
	}
	return fmt.Errorf("%w: %w", session.ErrInvalidBase, redact.Error(err))
}

// processFault is what may be told of a credential_process: the SDK's own
// words hold what the program printed, which may be a secret.
func processFault(err error) string {
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return ended.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timed out") {
		return "it takes too long"
	}
	return "its output is not what SDKs read"
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
func (l *loader) files(err error) error {
	assume, chained := errors.AsType[config.SharedConfigAssumeRoleError](err)
	missing, ok := errors.AsType[config.SharedConfigProfileNotExistError](err)
	switch {
	case ok && chained:
		return fmt.Errorf("source_profile %s: %w: %s", missing.Profile, ErrNoProfile, missing.Profile)
	case ok:
		return fmt.Errorf("%w: %s", ErrNoProfile, missing.Profile)
	case chained && assume.Err == nil:
		return &SourceError{Setting: "source_profile", Source: assume.Profile}
	}
	configFile, credentialsFile := l.options.sharedFiles()
	return fmt.Errorf("%w (%s, %s): %w", ErrFiles, configFile, credentialsFile, err)
}
