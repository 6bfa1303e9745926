package sealift

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sealift/sealift/internal/s3wire"
)

// Errors by meaning. Those that Upload returns wrap one of them where one fits.
var (
	// ErrInvalid: the call itself is wrong; nothing was sent.
	ErrInvalid = errors.New("invalid upload")
	// ErrExists: the key holds an object and overwriting was not allowed.
	ErrExists = errors.New("object exists")
	// ErrSourceChanged: the source was not the same bytes throughout. Nothing
	// of it was stored.
	ErrSourceChanged = errors.New("source changed during the upload")
	// ErrResumable: the upload is kept in S3, and recorded in Config.Journal. The
	// same Upload, or Resume, goes on with it.
	ErrResumable = errors.New("upload can be resumed")
	// ErrUnknownOutcome: S3's last answer was lost and it cannot be proven
	// whether the object was stored. There is no receipt.
	ErrUnknownOutcome = errors.New("outcome cannot be proven")
	// ErrDenied: the credentials do not allow it, or there are none.
	ErrDenied = errors.New("access denied")
	// ErrIntegrity: S3 and the source disagree about the bytes.
	ErrIntegrity = errors.New("checksums disagree")
	// ErrUnreadable: a file of a tree cannot be read, or cannot be named as a
	// key. Nothing of it was sent.
	ErrUnreadable = errors.New("source cannot be read")
	// ErrNoChecksum: the server keeps no checksum of the kind that it was told,
	// so that nothing could be proven. Options.Checksum names another kind, or
	// none. An object that was sent whole may be stored: it is then
	// ErrUnknownOutcome too.
	ErrNoChecksum = s3wire.ErrNoChecksum
	// ErrSessionExpired: the session ended and could not be renewed.
	ErrSessionExpired = errors.New("session expired")
)

// An Error says at which request a transfer failed.
type Error struct {
	ID        string // ULID of the transfer
	Op        string // operation as CloudTrail spells it; "" when none was sent
	Part      int    // from 1; 0 for what is not about one part
	Code      string // S3's error code; "" when S3 did not answer
	RequestID string // x-amz-request-id of the last answer, or ""
	Err       error
}

// Error names the operation, the part and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		if e.Part > 0 {
			b.WriteString(" " + strconv.Itoa(e.Part))
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
