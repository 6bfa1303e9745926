package cli

import (
	"github.com/spf13/pflag"

	"github.com/sealift/sealift"
)

// Storage says how objects are stored.
type Storage struct {
	SSE           string
	KMSKeyID      string
	StorageClass  string
	ContentType   string
	CacheControl  string
	Metadata      pairs
	Tagging       pairs
	ExpectedOwner string
	IfExists      string
	SourceHash    string
	PartSize      size
}

func (o *Storage) bind(f *pflag.FlagSet) {
	f.StringVar(&o.SSE, "sse", "", "encryption: `AES256|aws:kms`; the bucket's default without it")
	f.StringVar(&o.KMSKeyID, "sse-kms-key-id", "", "KMS key, as an ARN, to encrypt with (sets --sse aws:kms)")
	f.StringVar(&o.StorageClass, "storage-class", "", "storage `CLASS`, as STANDARD_IA")
	f.StringVar(&o.ContentType, "content-type", "", "media `TYPE`; told from the name or the first bytes without it")
	f.StringVar(&o.CacheControl, "cache-control", "", "Cache-Control `HEADER` kept with the object")
	o.Metadata = pairs{parse: commaPairs, kind: "k=v"}
	f.Var(&o.Metadata, "metadata", "metadata kept with the object, as k=v[,k=v]; may be repeated")
	o.Tagging = pairs{parse: queryPairs, kind: "k=v"}
	f.Var(&o.Tagging, "tagging", "object tags, URL-encoded as k=v[&k=v]; may be repeated; needs s3:PutObjectTagging")
	f.StringVar(&o.ExpectedOwner, "expected-bucket-owner", "", "refuse a bucket that is not this `ACCOUNT`'s")
	oneOf(f, &o.IfExists, "if-exists", "what to do where the key holds an object (skip and changed come with folders):\nfail is checked first with a reader, and by S3 itself at the end of the upload", "fail", "overwrite")
	oneOf(f, &o.SourceHash, "source-hash", "sha256 reads the source a second time, just behind the senders;\nstrict does so after the last part", "sha256", "strict", "none")
	f.Var(&o.PartSize, "part-size", "`auto` is 8MiB and grows with the file; else 5MiB to 5GiB")
}

// object is where and how one source is stored.
func (o Storage) object(bucket string, s sending) sealift.Object {
	options := sealift.Options{
		PartSize: int64(o.PartSize), IfExists: o.IfExists, SourceHash: o.SourceHash,
		ContentType: o.ContentType, CacheControl: o.CacheControl, Metadata: o.Metadata.of, Tags: o.Tagging.of,
		StorageClass: o.StorageClass, Encryption: o.SSE, KMSKeyID: o.KMSKeyID, ExpectedBucketOwner: o.ExpectedOwner,
	}
	if options.ContentType == "" {
		options.ContentType = s.contentType()
	}
	if o.KMSKeyID != "" && o.SSE == "" {
		options.Encryption = "aws:kms"
	}
	return sealift.Object{Bucket: bucket, Key: s.key, Options: options}
}
