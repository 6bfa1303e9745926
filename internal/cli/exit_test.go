package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/config"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/profile"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// Exit codes are an interface: which error has which does not change.
func TestEveryErrorHasItsExitCode(t *testing.T) {
	coded := func(code string) error { return &sealift.Error{Code: code, Err: errors.New(code)} }
	for code, errs := range map[int][]error{
		codeFailed: {errors.New("anything"), sealift.ErrExists, coded("NoSuchBucket"), errReceipt, errOutput, errNoSandbox, errDemoUnproven},
		codeUsage: {usagef("x"), &config.LockedError{}, &config.ValueError{}, &config.FileError{}, errURL, errSlash, errSameKey, errFolder,
			errNotRegular, s3wire.ErrPlainHTTP, s3wire.ErrEndpoint, plan.ErrPartSize, plan.ErrTooMany, policy.ErrTooWide, errNoPrefix, errNoTerminal,
			session.ErrGrant, session.ErrDuration, session.ErrPolicyTooLarge, session.ErrMFANeeded, profile.ErrNoProfile,
			profile.ErrSessionName, profile.ErrBundle, profile.ErrEnvironment, &session.Refusal{Code: "ValidationError"}, profile.ErrEndpoint, profile.ErrPlainHTTP, profile.ErrFiles, sealift.ErrInvalid, fs.ErrNotExist, fs.ErrPermission},
		codeDenied: {profile.ErrNoCredentials, &profile.SignInError{Err: fs.ErrNotExist}, &profile.SourceError{}, profile.ErrProcess, profile.ErrBroken, profile.ErrLongLivedKeys, errUnnarrowed, session.ErrExpiredBase, session.ErrInvalidBase,
			session.ErrToken, session.ErrMFARefused, session.ErrDenied, sealift.ErrSessionExpired, sealift.ErrDenied, coded("AccessDenied")},
		codeIntegrity:   {sealift.ErrUnknownOutcome, errors.Join(errInterrupted, sealift.ErrUnknownOutcome), sealift.ErrSourceChanged, sealift.ErrIntegrity},
		codeInterrupted: {errInterrupted, context.Canceled},
	} {
		for _, err := range errs {
			wrapped := fmt.Errorf("upload a.txt: %w", fmt.Errorf("around: %w", err))
			if got := exitCode(wrapped); got != code {
				t.Errorf("%v: exit code %d, want %d", err, got, code)
			}
		}
	}
	// An error number of the system is the network's only when a connection
	// says so.
	missing, refused := &fs.PathError{Op: "open", Path: "a", Err: syscall.ENOENT}, &net.OpError{Op: "dial", Err: syscall.EACCES}
	if unreached(missing) || exitCode(missing) != codeUsage {
		t.Errorf("%v: exit code %d, want %d", missing, exitCode(missing), codeUsage)
	}
	if !unreached(refused) || exitCode(refused) != codeFailed {
		t.Errorf("%v: exit code %d, want %d", refused, exitCode(refused), codeFailed)
	}
	if exitCode(nil) != codeDone {
		t.Error("nothing wrong is not 0")
	}
}

// A refusal of STS that names what the trust policy asks for has the remedy
// for just that.
func TestTrustConditionsHaveTheirRemedy(t *testing.T) {
	for want, r := range map[string]session.Refusal{
		"--external-id":     {Condition: "sts:ExternalId", Action: "sts:AssumeRole"},
		"--mfa-serial":      {Condition: "aws:MultiFactorAuthPresent", Action: "sts:AssumeRole"},
		"--session-name":    {Condition: "sts:RoleSessionName"},
		"--source-identity": {Action: "sts:SetSourceIdentity"},
		"--session-tag":     {Action: "sts:TagSession"},
		"trust policy":      {Action: "sts:AssumeRole"},
	} {
		r.Reason = session.ErrDenied
		if got := hintFor(fmt.Errorf("assume: %w", &r)); !strings.Contains(got, want) {
			t.Errorf("%+v: hint %q, want %s", r, got, want)
		}
	}
}

// Of several failures the gravest decides.
func TestTheGravestErrorDecides(t *testing.T) {
	order := []error{nil, fs.ErrNotExist, sealift.ErrExists, sealift.ErrDenied, sealift.ErrUnknownOutcome, errInterrupted}
	for i := range order {
		for j := range order {
			if got := worst([]error{order[i], order[j]}); !errors.Is(got, order[max(i, j)]) {
				t.Errorf("of %v and %v: %v", order[i], order[j], got)
			}
		}
	}
}
