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
	ExpectedOwner account
	IfExists      string
	SourceHash    string
	PartSize      size
}

func (o *Storage) bind(f *pflag.FlagSet) {
	o.IfExists = "fail"
	f.Var(choice{to: &o.IfExists, from: []string{"fail", "overwrite"}, later: []string{"skip", "changed"}}, "if-exists", "where the key holds an object: fail, checked first where there is a reader, and by S3 at the end of the upload; or overwrite (default fail; skip and changed come with folders)")
	f.StringVar(&o.ContentType, "content-type", "", "media `TYPE`; else told from the name or the first bytes")
	f.StringVar(&o.CacheControl, "cache-control", "", "`VALUE` of Cache-Control")
	o.Metadata = pairs{parse: commaPairs, kind: "K=V"}
	f.Var(&o.Metadata, "metadata", "metadata, as k=v[,k=v]; may be repeated")
	o.Tagging = pairs{parse: queryPairs, kind: "K=V"}
	f.Var(&o.Tagging, "tagging", "object tags, URL-encoded as k=v[&k=v]; may be repeated; needs s3:PutObjectTagging")
	f.StringVar(&o.StorageClass, "storage-class", "", "storage `CLASS`, as STANDARD_IA (default STANDARD)")
	f.Var(choice{to: &o.SSE, from: []string{"AES256", "aws:kms"}, later: []string{"aws:kms:dsse"}}, "sse", "encryption; else the bucket's default")
	f.StringVar(&o.KMSKeyID, "sse-kms-key-id", "", "KMS key to encrypt with, by `ARN` or by id; means --sse aws:kms; no alias, unless --narrow off")
	f.Var(&o.ExpectedOwner, "expected-bucket-owner", "refuse a bucket that is not this `ACCOUNT`'s")
}

func (o *Storage) bindSending(f *pflag.FlagSet) {
	f.Var(&o.PartSize, "part-size", "auto, which is 8MiB and grows with the file, or 5MiB to 5GiB; MB is 1024² bytes as in the AWS CLI (default auto)")
	oneOf(f, &o.SourceHash, "source-hash", "sha256 reads the source a second time, just behind the senders; strict after the last part was read (default sha256)", "sha256", "strict", "none")
}

// object is where and how a key is stored.
func (o Storage) object(bucket, key string) sealift.Object {
	options := sealift.Options{
		PartSize: int64(o.PartSize), IfExists: o.IfExists, SourceHash: o.SourceHash,
		ContentType: o.ContentType, CacheControl: o.CacheControl, Metadata: o.Metadata.of, Tags: o.Tagging.of,
		StorageClass: o.StorageClass, Encryption: o.SSE, KMSKeyID: o.KMSKeyID, ExpectedBucketOwner: string(o.ExpectedOwner),
	}
	if o.KMSKeyID != "" && o.SSE == "" {
		options.Encryption = "aws:kms"
	}
	return sealift.Object{Bucket: bucket, Key: key, Options: options}
}
