package sealift

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
)

// headers are the standard headers that an object keeps.
func (o Options) headers() map[string]string {
	h := map[string]string{"Content-Type": o.ContentType, "Content-Language": o.ContentLanguage, "Content-Encoding": o.ContentEncoding,
		"Content-Disposition": o.ContentDisposition, "Cache-Control": o.CacheControl}
	if !o.Expires.IsZero() {
		h["Expires"] = o.Expires.UTC().Format(http.TimeFormat)
	}
	return h
}

// checkHeaders refuses what would not arrive as it was given. S3 takes 2 KiB of
// what it calls system-defined metadata.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
// (recalled, not read again).
func (o Object) checkHeaders() error {
	size := 0
	headers := o.headers()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		if err := plainText(name, value); err != nil {
			return err
		}
		if value != "" {
			size += len(name) + len(value)
		}
	}
	for encoding := range strings.SplitSeq(o.ContentEncoding, ",") {
		if strings.EqualFold(strings.TrimSpace(encoding), "aws-chunked") {
			return errors.New("content encoding aws-chunked says how a body is framed on its way: the object would not keep it, and this body is not framed")
		}
	}
	if size > maxHeaders {
		return fmt.Errorf("content type, language, encoding, disposition, cache control and expires have %d bytes together, S3 takes %d", size, maxHeaders)
	}
	if year := o.Expires.UTC().Year(); !o.Expires.IsZero() && (year < 1 || year > 9999) {
		return fmt.Errorf("expires in the year %d is no date of HTTP", year)
	}
	return cmp.Or(plainText("storage class", o.StorageClass), plainText("expected bucket owner", o.ExpectedBucketOwner))
}

// plainText refuses a header's value that HTTP would change or refuse.
func plainText(name, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("%s %q is not printable ASCII", name, value)
	}
	if strings.TrimSpace(value) != value {
		return fmt.Errorf("%s %q has blanks around it, which HTTP drops", name, value)
	}
	return nil
}

// checkStorageClass refuses a name that AWS does not know. Other servers may
// have names of their own.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
// (read 2026-11-25 in the SDK's text of it): those of general purpose buckets.
func (o Options) checkStorageClass() error {
	known := []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"}
	if o.StorageClass == "" || slices.Contains(known, o.StorageClass) {
		return nil
	}
	return fmt.Errorf("storage class %q is none of %s", o.StorageClass, strings.Join(known, ", "))
}

// checkEncryption refuses KMS options that do not go together.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingDSSEncryption.html
// ("S3 Bucket Keys aren't supported for DSSE-KMS") and API_PutObject.html (read
// 2026-11-25).
func (o Object) checkEncryption() error {
	kms := o.Encryption == "aws:kms" || o.Encryption == "aws:kms:dsse"
	switch {
	case o.Encryption != "" && o.Encryption != "AES256" && !kms:
		return fmt.Errorf("encryption %q is none of AES256, aws:kms, aws:kms:dsse", o.Encryption)
	case o.KMSKeyID != "" && !kms:
		return errors.New("a KMS key goes with encryption aws:kms or aws:kms:dsse only")
	case len(o.KMSContext) > 0 && !kms:
		return errors.New("a KMS encryption context goes with encryption aws:kms or aws:kms:dsse only")
	case o.BucketKey != nil && o.Encryption != "aws:kms":
		return errors.New("a bucket key goes with encryption aws:kms only")
	}
	return cmp.Or(plainText("KMS key", o.KMSKeyID), o.checkContext())
}

// maxContext bounds the header of an encryption context, in bytes: S3 takes 8
// KiB of headers altogether.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
// (RequestHeaderSectionTooLarge; recalled, not read again).
const maxContext = 4096

func (o Object) checkContext() error {
	for name, value := range o.KMSContext {
		switch {
		case name == "":
			return errors.New("KMS encryption context with an empty name")
		case name == "aws:s3:arn":
			return errors.New("KMS encryption context aws:s3:arn is S3's own")
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return fmt.Errorf("KMS encryption context %q=%q is not UTF-8", name, value)
		}
	}
	if size := len(s3wire.EncodeContext(o.KMSContext)); size > maxContext {
		return fmt.Errorf("KMS encryption context has %d bytes, %d can be sent", size, maxContext)
	}
	return nil
}

// checkLock refuses a retention that is half one, or over before it begins.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
// (read 2026-11-25 in the SDK's text of it).
func (o Object) checkLock() error {
	switch {
	case o.LockMode != "" && o.LockMode != "GOVERNANCE" && o.LockMode != "COMPLIANCE":
		return fmt.Errorf("object lock mode %q is neither GOVERNANCE nor COMPLIANCE", o.LockMode)
	case o.LockMode != "" && o.LockUntil.IsZero():
		return fmt.Errorf("object lock mode %s needs a date to retain the object until", o.LockMode)
	case o.LockMode == "" && !o.LockUntil.IsZero():
		return errors.New("a date to retain the object until needs an object lock mode")
	case o.LockMode != "" && !o.LockUntil.After(time.Now()):
		return fmt.Errorf("object lock: %s is in the past", o.LockUntil.UTC().Format(time.RFC3339))
	case (o.LockMode != "" || o.LegalHold) && strings.EqualFold(o.Checksum, string(sum.None)):
		return errors.New("object lock needs a checksum: S3 must know that it locks what was sent")
	case o.LockUntil.UTC().Year() > 9999:
		return fmt.Errorf("object lock: the year %d is past 9999", o.LockUntil.UTC().Year())
	}
	return nil
}
