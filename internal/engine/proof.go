package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
)

// A belief is what S3's words about an object are worth.
type belief int

const (
	proven       belief = iota // it names the whole's own sum
	silent                     // it names none
	contradicted               // it names another
)

// judge holds what S3 says of an object against the whole. It is pure.
//
// Told no checksum, S3 makes a CRC64NVME itself, and other servers have an ETag
// that is an MD5, unless they encrypt: then it may look like one and is none.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html (ETag;
// read 2026-11-25 in the SDK's text of it).
func (t *Transfer) judge(s s3wire.Stored, whole sum.Sums) belief {
	kind := t.Object.Kind
	if kind.Told() {
		return judgeChecksum(s, kind, whole.Told(kind), t.checksumType())
	}
	if b := judgeChecksum(s, sum.CRC64NVME, whole.CRC.String(), "FULL_OBJECT"); b != silent {
		return b
	}
	switch etag := plainETag(s.ETag); {
	case etag == whole.ETag():
		return proven
	case !alike(etag, whole.ETag()), s.Encryption != "" && s.Encryption != "AES256":
		return silent
	}
	return contradicted
}

// alike reports whether an ETag has the form of the MD5 that it should be: 32
// digits of hex, and of parts the same number of them. Any other is something
// else than an MD5 of these bytes or of others.
func alike(etag, want string) bool {
	return isMD5.MatchString(etag) && len(etag) == len(want) && etag[32:] == want[32:]
}

// judgeChecksum: one of another kind says nothing of these bytes; one of the
// other type is of something else, though it be of this kind.
func judgeChecksum(s s3wire.Stored, kind sum.Kind, want, wantType string) belief {
	switch {
	case s.Checksum == "", s.Kind != kindName(kind):
		return silent
	case s.Checksum == want && (s.ChecksumType == "" || s.ChecksumType == wantType):
		return proven
	}
	return contradicted
}

// checksumType is how S3 sums this object.
func (t *Transfer) checksumType() string {
	if t.plan.Single() {
		return "FULL_OBJECT"
	}
	return s3wire.ChecksumType(t.Object.Kind)
}

// isMD5 matches an ETag that looks like an MD5, or like one of the MD5s of
// parts.
var isMD5 = regexp.MustCompile(`^[0-9a-f]{32}(-[0-9]+)?$`)

func plainETag(etag string) string { return strings.ToLower(strings.Trim(etag, `"`)) }

// disagree says what S3 stored and what it should have.
func (t *Transfer) disagree(s s3wire.Stored, whole sum.Sums) error {
	switch {
	case s.Checksum == "":
		return fmt.Errorf("%w: S3 stored an object of ETag %s, the source's would be %s", ErrIntegrity, s.ETag, whole.ETag())
	case !t.Object.Kind.Told():
		return fmt.Errorf("%w: S3 stored %s %s, the source has %s", ErrIntegrity, s.Kind, s.Checksum, whole.CRC)
	case s.Checksum == whole.Told(t.Object.Kind):
		return fmt.Errorf("%w: S3 summed the object as %s, not as %s", ErrIntegrity, s.ChecksumType, t.checksumType())
	}
	return fmt.Errorf("%w: S3 stored %s %s, the source has %s", ErrIntegrity, s.Kind, s.Checksum, whole.Told(t.Object.Kind))
}

// confirm asks S3 for the checksum of a part that it took in silence. A server
// that keeps none is found out here, with the first part.
func (t *Transfer) confirm(ctx context.Context, id string, number int) error {
	slot, err := t.Budget.slots.acquire(ctx)
	if err != nil {
		return err
	}
	listed, _, err := t.S3.PartsPage(ctx, t.Object, id, number-1, 1)
	slot.release(s3wire.Classify(err) == s3wire.Busy, 0)
	if err != nil || len(listed) == 1 && listed[0].Number == number && !listed[0].Silent {
		return nil // what was not found out now shows at the end
	}
	return t.noChecksum(nil)
}

// noChecksum says that the server keeps no checksum of this kind, aloud the
// first time.
func (t *Transfer) noChecksum(cause error) error {
	err := fmt.Errorf("%w: it names no %s", s3wire.ErrNoChecksum, kindName(t.Object.Kind))
	if cause != nil {
		err = fmt.Errorf("%w: %w", s3wire.ErrNoChecksum, cause)
	}
	if t.S3.FoundUnsummed(t.Object.Kind) {
		t.Logger.Warn("the server keeps no such checksum: nothing can be proven by it", "bucket", t.Object.Bucket, "key", t.Object.Key, "err", err)
	}
	return err
}

func kindName(k sum.Kind) sum.Kind {
	if k.Own() {
		return sum.CRC64NVME
	}
	return k
}

// noteRefusal gives a refusal of the checksum its meaning.
func (t *Transfer) noteRefusal(err error) error {
	e, ok := errors.AsType[*s3wire.Error](err)
	if !ok || !t.Object.Kind.Told() || !e.RefusesChecksum() || errors.Is(err, s3wire.ErrNoChecksum) {
		return err
	}
	return t.noChecksum(err)
}
