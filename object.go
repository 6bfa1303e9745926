package sealift

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sealift/sealift/internal/engine"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
)

// An Object says where a source goes.
type Object struct {
	Bucket string // a name, or the ARN of an access point
	Key    string // UTF-8, 1 to 1,024 bytes, no control characters, no "." or ".." segment
	Options
}

// Options say how an object is stored. The zero value refuses to overwrite,
// plans the parts by itself, hashes nothing beyond what S3 keeps, and leaves
// encryption and storage class to the bucket.
type Options struct {
	PartSize int64 // bytes, 5 MiB to 5 GiB; 0 chooses
	// IfExists says what to do where the key holds an object: "fail" or
	// "overwrite"; "skip" to leave it as it is; "changed" to overwrite it unless
	// the Reader sees that it has the source's size and, as metadata "mtime",
	// its time of last write. "" is "fail". "skip" finds that out as "fail" does.
	IfExists   string
	SourceHash string // "none", "sha256" or "strict"; "" is "none"

	// Checksum is the one that S3 is told and keeps: "crc64nvme", "crc32",
	// "crc32c", "sha1", "sha256", or "none" for servers that know none; "" is
	// "crc64nvme". Of an object in parts the last three are no checksum of the
	// whole: a SHA is one of the parts' sums, and with "none" the ETag must be
	// the parts' MD5, or the Reader is asked who stored the object, how large.
	Checksum string

	// What is sent along with the object when it is read. "" is none, and
	// leaves the type to S3. Printable ASCII, 2 KiB altogether.
	ContentType        string
	ContentLanguage    string
	ContentEncoding    string // says what the bytes are; nothing is encoded
	ContentDisposition string
	CacheControl       string
	Expires            time.Time // for caches, not for S3; zero is none, to the second

	// Preserve keeps a file's time of last write and its mode in the metadata
	// "mtime" and "mode", as rclone reads them, where Metadata has not those.
	Preserve bool

	Metadata     map[string]string // names in lower case; "sealift-transfer" is taken
	Tags         map[string]string // at most 10; needs s3:PutObjectTagging
	StorageClass string            // "" is STANDARD; on AWS one of AWS's

	Encryption string            // "AES256", "aws:kms" or "aws:kms:dsse"; "" is the bucket's default
	KMSKeyID   string            // ARN, id or alias; only with one of the two of KMS
	KMSContext map[string]string // what KMS is told on top, for its policies and its trail: no secret; only with KMS
	BucketKey  *bool             // ask KMS once for many objects; only with "aws:kms"; nil is the bucket's default

	// Object lock, where the bucket keeps one. Mode and date go together and
	// need s3:PutObjectRetention; LegalHold needs s3:PutObjectLegalHold.
	LockMode  string    // "GOVERNANCE" or "COMPLIANCE"; "" is the bucket's default
	LockUntil time.Time // in the future; to the millisecond
	LegalHold bool      // cannot be deleted until the hold is taken off

	ExpectedBucketOwner string // account id that must own the bucket; "" does not ask
	RequesterPays       bool   // agree to pay for the requests, where the bucket asks for that
}

// transferMetadata is the name under which an object keeps its transfer's ULID.
const transferMetadata = engine.TransferMetadata

// Limits of S3 objects.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
// and UsingMetadata.html, object-tagging.html (read 2026-11-24).
const (
	maxKey      = 1024 // bytes of UTF-8
	maxMetadata = 2048 // bytes, names and values together
	maxTags     = 10
	maxHeaders  = 2048 // bytes of what is sent along with an object, names and values together
)

// Check refuses with ErrInvalid what S3 would refuse, or would store under a
// key that other tools cannot name.
func (o Object) Check() error {
	if o.Preserve {
		preserve(&o.Options, time.Unix(-1<<33, 1), fs.ModeSetuid) // as long as they get
	}
	for _, check := range []func() error{o.checkKey, o.checkChoices, o.checkMetadata, o.checkTags, o.checkHeaders, o.checkEncryption, o.checkLock} {
		if err := check(); err != nil {
			return &meant{ErrInvalid, err}
		}
	}
	return nil
}

// wire is the object with that metadata, as s3wire tells S3 of it.
func (o Object) wire(metadata map[string]string) s3wire.Object {
	kind, _ := sum.ParseKind(o.Checksum) // Check has read it
	return s3wire.Object{
		Bucket: o.Bucket, Key: o.Key, Kind: kind,
		ContentType: o.ContentType, ContentLanguage: o.ContentLanguage, ContentEncoding: o.ContentEncoding,
		ContentDisposition: o.ContentDisposition, CacheControl: o.CacheControl, Expires: o.Expires,
		Metadata: metadata, Tags: maps.Clone(o.Tags), StorageClass: o.StorageClass,
		Encryption: o.Encryption, KMSKeyID: o.KMSKeyID, KMSContext: maps.Clone(o.KMSContext), BucketKey: copied(o.BucketKey),
		LockMode: o.LockMode, LockUntil: o.LockUntil, LegalHold: o.LegalHold,
		Owner: o.ExpectedBucketOwner, RequesterPays: o.RequesterPays,
	}
}

// skips reports whether an object that is there is a reason to be content.
func (o Object) skips() bool { return o.IfExists == "skip" || o.IfExists == "changed" }

func copied(b *bool) *bool {
	if b == nil {
		return nil
	}
	value := *b
	return &value
}

func (o Object) checkKey() error {
	switch {
	case o.Bucket == "":
		return fmt.Errorf("bucket is empty")
	case o.Key == "":
		return fmt.Errorf("key is empty")
	case len(o.Key) > maxKey:
		return fmt.Errorf("key has %d bytes, S3 takes %d", len(o.Key), maxKey)
	case !utf8.ValidString(o.Key):
		return fmt.Errorf("key %q is not UTF-8", o.Key)
	case strings.ContainsFunc(o.Key, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("key %q has a control character", o.Key)
	}
	for segment := range strings.SplitSeq(o.Key, "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("key %q has a %q segment", o.Key, segment)
		}
	}
	return nil
}

func (o Object) checkChoices() error {
	switch o.IfExists {
	case "", "fail", "overwrite", "skip", "changed":
	default:
		return fmt.Errorf("if-exists %q is none of fail, overwrite, skip, changed", o.IfExists)
	}
	switch o.SourceHash {
	case "", "none", "sha256", "strict":
	default:
		return fmt.Errorf("source hash %q is none of none, sha256, strict", o.SourceHash)
	}
	_, err := sum.ParseKind(o.Checksum)
	return err
}

func (o Object) checkMetadata() error {
	size := len(transferMetadata) + 26
	for name, value := range o.Metadata {
		size += len(name) + len(value)
		switch {
		case name == transferMetadata:
			return fmt.Errorf("metadata %s is taken", name)
		case !isToken(name):
			return fmt.Errorf("metadata name %q is not lower-case letters, digits, '-', '_' and '.'", name)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return fmt.Errorf("metadata %s has a value outside printable ASCII", name)
		case strings.TrimSpace(value) != value:
			return fmt.Errorf("metadata %s has a value with blanks around it, which HTTP drops", name)
		}
	}
	if size > maxMetadata {
		return fmt.Errorf("metadata has %d bytes, S3 takes %d", size, maxMetadata)
	}
	return nil
}

func (o Object) checkTags() error {
	if len(o.Tags) > maxTags {
		return fmt.Errorf("%d tags, S3 takes %d", len(o.Tags), maxTags)
	}
	for name, value := range o.Tags {
		if name == "" || utf8.RuneCountInString(name) > 128 || utf8.RuneCountInString(value) > 256 {
			return fmt.Errorf("tag %q: a name has 1 to 128 characters, a value at most 256", name)
		}
	}
	return nil
}

func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}
