package cli

import (
	"github.com/spf13/pflag"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/policy"
)

// Storage says how objects are stored.
type Storage struct {
	SSE           string
	KMSKeyID      string
	KMSContext    encryptionContext
	BucketKey     optional
	StorageClass  string
	ContentType   string
	Language      string
	Encoding      string
	Disposition   string
	CacheControl  string
	Expires       moment
	Metadata      pairs
	Tagging       pairs
	LockMode      string
	LockUntil     moment
	LegalHold     string
	ExpectedOwner account
	RequestPayer  string
	IfExists      string
	SourceHash    string
	Checksum      string
	PartSize      size
}

func (o *Storage) bind(f *pflag.FlagSet) {
	o.IfExists = "fail"
	f.Var(choice{to: &o.IfExists, from: []string{"fail", "skip", "changed", "overwrite"}}, "if-exists", "where the key holds an object: fail; skip, to leave it; changed, to replace it unless it came from a file of this size and time of last write; overwrite. skip and changed ask the receipts kept here, then a reader; fail and skip S3 at the end (default fail)")
	f.StringVar(&o.ContentType, "content-type", "", "media `TYPE`; else told from the name or the first bytes")
	f.StringVar(&o.Language, "content-language", "", "`LANGUAGE` of the content, as de-CH")
	f.StringVar(&o.Encoding, "content-encoding", "", "`CODING` that the bytes are in, as gzip; nothing is encoded")
	f.StringVar(&o.Disposition, "content-disposition", "", "`VALUE` of Content-Disposition, as attachment")
	f.StringVar(&o.CacheControl, "cache-control", "", "`VALUE` of Cache-Control")
	f.Var(&o.Expires, "expires", "when caches should forget the object, as 2027-01-31T12:00:00Z; S3 keeps it")
	o.Metadata = pairs{parse: commaPairs, kind: "K=V"}
	f.Var(&o.Metadata, "metadata", "metadata, as k=v[,k=v]; may be repeated")
	o.Tagging = pairs{parse: queryPairs, kind: "K=V"}
	f.Var(&o.Tagging, "tagging", "object tags, URL-encoded as k=v[&k=v]; may be repeated; needs s3:PutObjectTagging")
	f.StringVar(&o.StorageClass, "storage-class", "", "storage `CLASS`, as STANDARD_IA (default STANDARD)")
	f.Var(choice{to: &o.SSE, from: []string{"AES256", "aws:kms", "aws:kms:dsse"}}, "sse", "encryption; else the bucket's default")
	f.StringVar(&o.KMSKeyID, "sse-kms-key-id", "", "KMS key to encrypt with, by `ARN` or by id; means --sse aws:kms; no alias, unless --narrow off")
	f.Var(&o.KMSContext, "ssekms-encryption-context", "what KMS is told on top, for its policies and its trail, as {\"team\":\"x\"} or the base64 of that; no secret; means --sse aws:kms")
	f.Var(&o.BucketKey, "bucket-key-enabled", "let S3 ask KMS once for many objects; --sse aws:kms only (default the bucket's)")
	f.Lookup("bucket-key-enabled").NoOptDefVal = "true"
	f.Var(choice{to: &o.LockMode, from: []string{"GOVERNANCE", "COMPLIANCE"}}, "object-lock-mode", "keep the object from being deleted until --object-lock-retain-until-date; needs s3:PutObjectRetention")
	f.Var(&o.LockUntil, "object-lock-retain-until-date", "until when, as 2027-01-31T12:00:00Z")
	f.Var(choice{to: &o.LegalHold, from: []string{"ON", "OFF"}}, "object-lock-legal-hold-status", "ON keeps the object from being deleted until the hold is taken off; needs s3:PutObjectLegalHold (default OFF)")
	f.Var(&o.ExpectedOwner, "expected-bucket-owner", "refuse a bucket that is not this `ACCOUNT`'s")
	f.Var(choice{to: &o.RequestPayer, from: []string{"requester"}}, "request-payer", "agree to pay for the requests, where the bucket asks for that")
}

func (o *Storage) bindSending(f *pflag.FlagSet) {
	f.Var(&o.PartSize, "part-size", "auto, which is 8MiB and grows with the file, or 5MiB to 5GiB; MB is 1024² bytes as in the AWS CLI (default auto)")
	o.Checksum = "crc64nvme"
	f.Var(choice{to: &o.Checksum, from: []string{"crc64nvme", "crc32", "crc32c", "sha1", "sha256", "none"}, fold: true}, "checksum-algorithm", "checksum that S3 is told and keeps: of the whole with a CRC, of the parts' sums with a SHA; none is for servers that know none, and is proven by an ETag that is an MD5, or by a reader (default crc64nvme)")
	oneOf(f, &o.SourceHash, "source-hash", "sha256 reads the source a second time, just behind the senders; strict after the last part was read (default sha256)", "sha256", "strict", "none")
}

// object is where and how a key is stored.
func (o Storage) object(bucket, key string) sealift.Object {
	options := sealift.Options{
		PartSize: int64(o.PartSize), IfExists: o.IfExists, SourceHash: o.SourceHash, Checksum: o.Checksum,
		ContentType: o.ContentType, ContentLanguage: o.Language, ContentEncoding: o.Encoding, ContentDisposition: o.Disposition,
		CacheControl: o.CacheControl, Expires: o.Expires.at, Metadata: o.Metadata.of, Tags: o.Tagging.of,
		StorageClass: o.StorageClass, Encryption: o.SSE, KMSKeyID: o.KMSKeyID, KMSContext: o.KMSContext.of, BucketKey: o.BucketKey.value,
		LockMode: o.LockMode, LockUntil: o.LockUntil.at, LegalHold: o.LegalHold == "ON",
		ExpectedBucketOwner: string(o.ExpectedOwner), RequesterPays: o.RequestPayer != "",
	}
	if o.SSE == "" && (o.KMSKeyID != "" || len(o.KMSContext.of) > 0) {
		options.Encryption = "aws:kms"
	}
	return sealift.Object{Bucket: bucket, Key: key, Options: options}
}

// allow adds to want what the options need beside writing.
func (o Storage) allow(want policy.Want) policy.Want {
	want.Tagging = len(o.Tagging.of) > 0
	want.Retention, want.LegalHold = o.LockMode != "", o.LegalHold == "ON"
	want.KMSKey, want.KMSContext = o.KMSKeyID, o.KMSContext.of
	return want
}
