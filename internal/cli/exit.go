package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/config"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/profile"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/verify"
	"github.com/sealift/sealift/internal/walk"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/receipt"
	"github.com/sealift/sealift/session"
)

// Exit codes. Code 6 belongs to a command that is still to come.
const (
	codeDone        = 0
	codeFailed      = 1
	codeUsage       = 2
	codeIncomplete  = 3 // and can be resumed
	codeDenied      = 4
	codeIntegrity   = 5
	codeUnread      = 7
	codeInterrupted = 130
)

// Errors of the command line itself.
var (
	errFolder       = errors.New("is a folder")
	errNotRegular   = errors.New("is not a regular file")
	errURL          = errors.New("not an S3 address")
	errSlash        = errors.New("a folder, or several sources, need a destination that ends in /")
	errSameKey      = errors.New("two sources for one key")
	errNoTerminal   = errors.New("no terminal to ask on")
	errUnnarrowed   = errors.New("session would not be narrowed")
	errNoPrefix     = errors.New("no prefix to narrow to")
	errReceipt      = errors.New("receipt could not be kept")
	errOutput       = errors.New("result could not be printed")
	errNoSandbox    = errors.New("sealift-sandbox is not there")
	errDemoUnproven = errors.New("demo did not hold")
)

// A usageError is a mistake in the command line that has its own remedy.
type usageError struct{ text, hint string }

func usagef(format string, args ...any) *usageError {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

func (e *usageError) Error() string { return e.text }

// An advised error has a remedy of its own, in place of the table's.
type advised struct {
	err  error
	hint string
}

func (e *advised) Error() string { return e.err.Error() }
func (e *advised) Unwrap() error { return e.err }

// A saidError was told to the user already; only its code is left to give.
type saidError struct{ err error }

func (e *saidError) Error() string { return e.err.Error() }
func (e *saidError) Unwrap() error { return e.err }

// A remedy is what to tell whoever meets an error, and how the process ends.
type remedy struct {
	is   func(error) bool
	code int
	hint string // "" has none; several lines are several hints
}

func as(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func asType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// both matches what two conditions match.
func both(a, b func(error) bool) func(error) bool {
	return func(err error) bool { return a(err) && b(err) }
}

// wholeFile matches what is wrong with a configuration file as such.
func wholeFile(err error) bool {
	e, ok := errors.AsType[*config.FileError](err)
	return ok && e.Line == 0
}

// coded matches what S3 answered by its error code.
func coded(codes ...string) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*sealift.Error](err)
		return ok && slices.Contains(codes, e.Code)
	}
}

// trustAsks matches a refusal of STS that names one of these conditions or
// actions.
func trustAsks(names ...string) func(error) bool {
	return func(err error) bool {
		r, ok := errors.AsType[*session.Refusal](err)
		return ok && (slices.Contains(names, r.Condition) || r.Condition == "" && slices.Contains(names, r.Action))
	}
}

// refusedAs matches a refusal of STS by its error code.
func refusedAs(code string) func(error) bool {
	return func(err error) bool {
		r, ok := errors.AsType[*session.Refusal](err)
		return ok && r.Code == code && r.Reason == nil
	}
}

// stsBusy matches an answer of STS that says to come again.
func stsBusy(err error) bool {
	r, ok := errors.AsType[*session.Refusal](err)
	return ok && s3wire.Classify(&s3wire.CredentialsError{Err: r}) == s3wire.Unready
}

// deniedFor matches a refusal that names the right to an action.
func deniedFor(action string) func(error) bool {
	return func(err error) bool { return coded("AccessDenied")(err) && strings.Contains(err.Error(), action) }
}

// missingLock matches S3's refusal of a lock in a bucket that keeps none.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
// (recalled, not read again).
func missingLock(err error) bool {
	return coded("InvalidRequest")(err) && strings.Contains(strings.ReplaceAll(err.Error(), " ", ""), "ObjectLockConfiguration")
}

// unverified tells that a server's certificate was not accepted.
func unverified(err error) bool {
	return asType[*tls.CertificateVerificationError](err) || asType[x509.UnknownAuthorityError](err) || asType[x509.HostnameError](err)
}

// unreached tells that no server answered, or the connection broke.
func unreached(err error) bool {
	request, sent := errors.AsType[*sealift.Error](err)
	broken := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	network := asType[*net.OpError](err) || asType[*net.DNSError](err) || asType[*url.Error](err) || asType[tls.RecordHeaderError](err)
	return network || sent && request.Op != "" && request.Code == "" && broken
}

// remedies is the table: the first row that fits an error is its remedy.
func remedies() []remedy {
	return []remedy{
		{both(as(sealift.ErrUnknownOutcome), as(sealift.ErrNoChecksum)), codeIntegrity, "look whether the object is there and whose it is\n" + checksumHint},
		{as(sealift.ErrNoChecksum), codeFailed, checksumHint},
		{as(sealift.ErrUnknownOutcome), codeIntegrity, "look whether the object is there and whose it is; a reader (--reader-profile) settles this by itself next time"},
		{as(errInterrupted), codeInterrupted, ""},
		{as(context.Canceled), codeInterrupted, ""},
		{as(errDeadline), codeIncomplete, "give a longer --deadline, or the same command again: it goes on"},

		{asType[*differs], codeIntegrity, "find out who changed it; what was uploaded is what the receipt says"},
		{as(verify.ErrUnproven), codeIntegrity, "--download reads every byte, and proves it"},
		{as(verify.ErrUnclear), codeIntegrity, "--narrow off tells which, with a role that may list the bucket (s3:ListBucket); so does the bucket's owner"},
		{as(verify.ErrMoving), codeUnread, "verify it again when nothing writes to it"},
		{as(receipt.ErrInvalid), codeIntegrity, "a receipt that was edited proves nothing: take the one that sealift wrote"},
		{as(receipt.ErrVersion), codeIntegrity, "another release wrote it: verify it with that one, or a newer one"},
		{as(errNoReceipts), codeUsage, "name files that upload wrote: *.json, *.jsonl, or a folder of them"},
		{asType[*usageError], codeUsage, ""},
		{asType[*config.LockedError], codeUsage, "leave it out, or ask whoever keeps that file"},
		{both(asType[*config.FileError], as(fs.ErrPermission)), codeUsage, "check who may read it, and HOME or XDG_CONFIG_HOME, which say where it lies"},
		{wholeFile, codeUsage, "it must be a text file in TOML: docs/configuration.md describes it"},
		{asType[*config.FileError], codeUsage, "a setting is a flag's long name, as part-size = \"16MiB\"; docs/configuration.md lists them"},
		{asType[*config.ValueError], codeUsage, ""},
		{as(errURL), codeUsage, "write s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ to keep the file's name"},
		{as(errSlash), codeUsage, "end the destination in / to put them all under it"},
		{as(errSameKey), codeUsage, "rename one, or upload them to different prefixes"},
		{as(sealift.ErrUnreadable), codeUnread, ""},
		{as(walk.ErrOverlap), codeUsage, "name each folder once, and nothing that is in it"},
		{as(walk.ErrClash), codeUsage, "rename one, or upload them to different prefixes"},
		{as(walk.ErrSkipped), codeUsage, "it is Sealift's own: state folder (--state-dir), log (--log-file) or receipts (--receipt)"},
		{as(walk.ErrOutside), codeUsage, "names in --files-from are relative to the folder that is uploaded, and stay in it"},
		{as(walk.ErrListed), codeUsage, "--files-from goes with one folder; without one it is the current folder"},
		{as(walk.ErrLongLine), codeUsage, "--files-from takes one path a line, or paths that end in NUL"},
		{as(walk.ErrMixed), codeUsage, "--files-from takes one path a line, or paths that end in NUL, but not both"},
		{as(walk.ErrUTF16), codeUsage, "write the list of --files-from as UTF-8"},
		{as(walk.ErrName), codeUsage, "rename it: S3 keys are UTF-8, without control characters, of at most 1,024 bytes"},
		{as(walk.ErrKind), codeUsage, "copy what it holds into a file, and upload that"},
		{as(errFolder), codeUsage, "name the files in it"},
		{as(errNotRegular), codeUsage, "copy what it holds into a file, and upload that"},
		{as(s3wire.ErrPlainHTTP), codeUsage, "use https, or --allow-plain-http where the network is your own"},
		{as(s3wire.ErrEndpoint), codeUsage, endpointHint},
		{as(plan.ErrPartSize), codeUsage, "give --part-size 5MiB to 5GiB, or auto"},
		{as(plan.ErrTooMany), codeUsage, "give a larger --part-size, or auto"},
		{as(policy.ErrTooWide), codeUsage, "upload under a prefix (s3://BUCKET/PREFIX/), or give --narrow off"},
		{as(errNoPrefix), codeUsage, "upload under a prefix (s3://BUCKET/PREFIX/), or leave --narrow at auto, which narrows to the keys"},
		{as(errNoTerminal), codeUsage, "give the MFA code with --mfa-code"},

		{as(errReceipt), codeFailed, "the object is stored and its receipt is on standard output: keep that; --state-dir or --receipt say where receipts go"},
		{as(errOutput), codeFailed, ""},
		{as(sealift.ErrExists), codeFailed, "choose another key, or replace it with --if-exists overwrite"},
		{coded("NoSuchBucket"), codeFailed, "check the bucket's name, --region and the account; sealift creates no buckets"},
		{coded("NoSuchUpload"), codeFailed, "what aborts uploads while they go on must wait longer: a lifecycle rule of the bucket (AbortIncompleteMultipartUpload), or somebody's cleaning up; then give the same command again"},
		{coded("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"), codeFailed, "the bucket is in another region: give it with --region"},
		{coded("InsufficientStorage"), codeFailed, "the server's disk is full: a sandbox keeps objects in its --dir, the demo's in TMPDIR"},
		{as(errNoSandbox), codeFailed, "build it (make build) and leave it beside sealift, or put it on PATH"},
		{as(errDemoUnproven), codeFailed, ""},

		{asType[*profile.SignInError], codeDenied, ""}, // hintFor names the command
		{asType[*profile.SourceError], codeDenied, ""},
		{as(profile.ErrProcess), codeDenied, "run credential_process of the profile by hand: it must print the JSON that docs.aws.amazon.com/sdkref describes, and nothing else"},
		{as(profile.ErrNoProfile), codeUsage, profileBlock},
		{as(profile.ErrNoCredentials), codeDenied, profileBlock},
		{as(profile.ErrSessionName), codeUsage, "put {run} in it: every run has its own name then, and the trail can be joined to the receipt"},
		{as(profile.ErrPlainHTTP), codeUsage, "use https, or --allow-plain-http where the network is your own"},
		{as(profile.ErrEndpoint), codeUsage, endpointHint},
		{both(as(profile.ErrFiles), as(fs.ErrPermission)), codeUsage, "check who may read it"},
		{as(profile.ErrFiles), codeUsage, "correct the file: docs.aws.amazon.com/sdkref describes it"},
		{as(profile.ErrBundle), codeUsage, "name a PEM file: --ca-bundle, AWS_CA_BUNDLE, or ca_bundle in the profile"},
		{as(profile.ErrEnvironment), codeUsage, "correct that variable, or unset it"},
		{as(profile.ErrLongLivedKeys), codeDenied, "name the role to assume with --role-arn, or as role_arn in the profile\n--allow-long-lived-keys uses them as they are"},
		{as(errUnnarrowed), codeDenied, "name the role to assume with --role-arn, or give --narrow off to go on without"},
		{as(session.ErrGrant), codeUsage, "check --session-duration, --session-name, --source-identity, --session-tag, --external-id, and duration_seconds, role_session_name, external_id and mfa_serial in the profile"},
		{as(session.ErrDuration), codeUsage, "give a --session-duration from 15m to the role's maximum; where a role assumes another the maximum is 1h"},
		{as(session.ErrPolicyTooLarge), codeUsage, "upload under a prefix (s3://BUCKET/PREFIX/), or fewer files at once"},
		{refusedAs("ValidationError"), codeUsage, "correct what it names: roleArn is --role-arn or role_arn in the profile, externalId --external-id, serialNumber --mfa-serial, tokenCode --mfa-code"},
		{as(session.ErrExpiredBase), codeDenied, "sign in again (aws sso login), or put new keys in the profile"},
		{as(profile.ErrBroken), codeDenied, "copy the keys again, without the end of a line"},
		{as(session.ErrInvalidBase), codeDenied, "check the keys of the profile with: aws sts get-caller-identity"},
		{both(as(session.ErrToken), asType[*fs.PathError]), codeDenied, "check web_identity_token_file in the profile, or AWS_WEB_IDENTITY_TOKEN_FILE"},
		{as(session.ErrToken), codeDenied, "in GitHub Actions the job needs: permissions: id-token: write"},
		{as(session.ErrMFANeeded), codeUsage, "give the MFA code with --mfa-code"},
		{as(session.ErrMFARefused), codeDenied, "wait for the device's next code: each is taken once; check its serial number (--mfa-serial)"},
		{trustAsks("sts:ExternalId"), codeDenied, "give the id that the role's owner agreed with you, with --external-id or as external_id in the profile"},
		{trustAsks("aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"), codeDenied, "name your MFA device with --mfa-serial, or as mfa_serial in the profile"},
		{trustAsks("sts:SourceIdentity", "sts:SetSourceIdentity"), codeDenied, "give a --source-identity that the trust policy takes, or none if it may not be set"},
		{trustAsks("sts:RoleSessionName"), codeDenied, "give a --session-name that the trust policy takes; it must contain {run}"},
		{trustAsks("sts:TagSession"), codeDenied, "leave out --session-tag, or let the trust policy and the user's policy allow sts:TagSession"},
		{stsBusy, codeFailed, "STS throttles or is down: give the same command again later"},
		{as(session.ErrDenied), codeDenied, "check the role's name, its trust policy and that this user may call sts:AssumeRole on it\na trust policy may ask for --external-id, --mfa-serial, --source-identity, --session-tag or a --session-name"},
		{as(sealift.ErrSessionExpired), codeDenied, "the session ended and could not be renewed: sign in again, and give the same command"},
		{deniedFor("perform: kms:"), codeDenied, "let the role's policy and the key's allow kms:GenerateDataKey and kms:Decrypt, with this encryption context where one is given; a key that is the bucket's default must be named (--sse aws:kms --sse-kms-key-id KEY), so that the narrowed session may use it"},
		{coded("KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.InvalidStateException", "KMS.InvalidKeyUsageException", "KMS.NotFoundException"), codeDenied,
			"the KMS key (--sse-kms-key-id, or the bucket's default) is disabled, about to be deleted, or of another kind: let its owner enable it (aws kms enable-key), or name another"},
		{deniedFor("s3:PutObjectRetention"), codeDenied, "let the role's policy allow s3:PutObjectRetention, or leave out --object-lock-mode"},
		{deniedFor("s3:PutObjectLegalHold"), codeDenied, "let the role's policy allow s3:PutObjectLegalHold, or leave out --object-lock-legal-hold-status"},
		{missingLock, codeFailed, "the bucket keeps no object locks: turn them on for the bucket, or leave out --object-lock-mode and --object-lock-legal-hold-status"},
		{deniedFor("s3:PutObjectTagging"), codeDenied, "let the role's policy allow s3:PutObjectTagging, or leave out --tagging"},
		{coded("AccessDenied"), codeDenied, "the role must allow s3:PutObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts on this bucket and key, and the bucket's policy must not deny it\ncheck the bucket's name too: S3 says the same of one that is not there or is not yours"},
		{coded("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"), codeDenied, "S3 does not take these keys: check them with aws sts get-caller-identity, and that the endpoint's server is the one that gave them"},
		{as(sealift.ErrDenied), codeDenied, "check the role's policy, the bucket's policy and the account with: aws sts get-caller-identity"},

		{as(sealift.ErrSourceChanged), codeIntegrity, "upload it again when nothing writes to it"},
		{as(sealift.ErrIntegrity), codeIntegrity, "upload it again; if it happens twice, suspect memory, disk or a proxy on the way"},

		{as(s3wire.ErrOutlives), codeUsage, "give a shorter --expires, or a longer --session-duration"},
		{asType[tls.RecordHeaderError], codeFailed, "what answers there speaks no TLS: if it is your own server, write http:// in --endpoint-url or endpoint_url"},
		{unverified, codeFailed, "give the authority that signed the server's certificate with --ca-bundle, if you trust it"},
		{unreached, codeFailed, "nothing answered: check the network, a proxy on the way (HTTPS_PROXY), and --endpoint-url or endpoint_url in the profile where one is set"},
		{as(fs.ErrNotExist), codeUsage, "check the path"},
		{as(fs.ErrPermission), codeUsage, "check who may read it"},
		{as(sealift.ErrInvalid), codeUsage, "sealift upload --help says what each flag takes"},
	}
}

// remedyFor is the table's row for an error, or the last resort.
func remedyFor(err error) remedy {
	for _, r := range remedies() {
		if r.is(err) {
			return r
		}
	}
	return remedy{code: codeFailed}
}

func exitCode(err error) int {
	if err == nil {
		return codeDone
	}
	if code, ok := errors.AsType[codeError](err); ok {
		return int(code)
	}
	code := remedyFor(err).code
	denied := code != codeUsage && errors.Is(err, sealift.ErrDenied) // usage: as an MFA code that is needed again
	if errors.Is(err, sealift.ErrResumable) && code != codeInterrupted && code != codeIntegrity && !denied {
		return codeIncomplete
	}
	return code
}

// hintFor is the remedy in words: what the error brings itself, else the
// table's.
func hintFor(err error) string {
	if u, ok := errors.AsType[*usageError](err); ok {
		return u.hint
	}
	if a, ok := errors.AsType[*advised](err); ok {
		return a.hint
	}
	if s, ok := errors.AsType[*profile.SignInError](err); ok {
		return "sign in: " + s.Command
	}
	if s, ok := errors.AsType[*profile.SourceError](err); ok {
		return sourceHint(s)
	}
	return strings.TrimSpace(remedyFor(err).hint)
}

// sourceHint is how a profile comes to its credentials.
func sourceHint(e *profile.SourceError) string {
	switch e.Source {
	case "Environment":
		return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN where there is one, or name another source in the profile"
	case "EcsContainer":
		return "run it in a container of ECS or EKS, or name another source in the profile"
	}
	return "write the keys of [" + e.Source + "] into ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE), or name another source_profile"
}

// checksumHint is what to do with a server that does not keep the checksum.
const checksumHint = "give a --checksum-algorithm that the server knows, as crc32 or sha256, or none if it knows none: its ETag, or a reader (--reader-profile), must then show what was stored"

// endpointHint is how to write an endpoint, and where.
const endpointHint = "write it as https://HOST[:PORT]: --endpoint-url, AWS_ENDPOINT_URL and its like, or endpoint_url in the profile"

// profileBlock is what to write when there are none.
const profileBlock = `write a profile that names whose keys to use and which role to assume, in ~/.aws/config:
    [profile uploader-profile]
    role_arn = arn:aws:iam::ACCOUNT:role/s3-uploader-role
    source_profile = uploader-base
    region = REGION
and the keys of [uploader-base] in ~/.aws/credentials; then give --profile uploader-profile`

// worst is the error that decides how a run of several transfers ends:
// interruption, then what cannot be trusted, then denial, then what can be gone
// on with, then the rest.
func worst(errs []error) error {
	var found error
	rank := map[int]int{codeInterrupted: 6, codeIntegrity: 5, codeDenied: 4, codeIncomplete: 3, codeFailed: 2, codeUnread: 1, codeUsage: 1}
	for _, err := range errs {
		if err != nil && (found == nil || rank[exitCode(err)] > rank[exitCode(found)]) {
			found = err
		}
	}
	return found
}
