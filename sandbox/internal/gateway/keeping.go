package gateway

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/valyala/fasthttp"

	"github.com/sealift/sealift/sandbox/internal/upload"
)

// An Encryption is the encryption an object has been given. The sandbox
// remembers and repeats it; nothing is encrypted.
type Encryption struct {
	Algorithm string `json:"e,omitempty"` // AES256, aws:kms, aws:kms:dsse
	KMSKey    string `json:"k,omitempty"` // as the client named it
	Context   string `json:"c,omitempty"` // base64 of JSON, as the client sent it
	BucketKey bool   `json:"b,omitempty"`
}

// ByKMS says whether a KMS key is used.
func (e Encryption) ByKMS() bool { return e.Algorithm == "aws:kms" || e.Algorithm == "aws:kms:dsse" }

// A keeping is what is remembered with an object. It travels as one entry of
// the object's own metadata, so that it follows versions, copies and restarts.
type keeping struct {
	Encryption
	StorageClass string `json:"s,omitempty"`
}

const keepingKey = "sealift-sandbox-keeping"

// keep decides what is remembered of an object being written.
func (s *Store) keep(bucket string, a Asked) keeping {
	return keeping{s.EncryptionFor(bucket, a), a.StorageClass}
}

// EncryptionFor is the encryption of an object being written: as asked for,
// or the bucket's default.
func (s *Store) EncryptionFor(bucket string, a Asked) Encryption {
	e := a.Encryption
	if e.Algorithm == "" {
		e.Algorithm, e.KMSKey = s.documents.DefaultEncryption(bucket)
	}
	if e.ByKMS() && e.KMSKey == "" {
		e.KMSKey = fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/s3", s.account.Region(), s.account.ID())
	}
	return e
}

// EncryptionOfUpload is that of a multipart upload, zero if it is unknown.
func (s *Store) EncryptionOfUpload(bucket, key, id string) Encryption {
	u, ok := s.uploads.Find(bucket, key, id)
	if !ok {
		return Encryption{}
	}
	return encryptionOf(u)
}

func encryptionOf(u *upload.Upload) Encryption {
	return Encryption{u.Encryption, u.KMSKey, u.Context, u.BucketKey}
}

// EncryptionOf is that of a stored object, zero if there is none.
func (s *Store) EncryptionOf(ctx context.Context, bucket, key, version string) Encryption {
	in := &s3.HeadObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := s.Posix.HeadObject(ctx, in)
	if err != nil {
		return Encryption{}
	}
	return takeKeeping(out.Metadata).Encryption
}

// into adds k to an object's metadata.
func (k keeping) into(metadata map[string]string) map[string]string {
	text, err := json.Marshal(k)
	if err != nil {
		return metadata // strings always marshal
	}
	if metadata == nil {
		metadata = map[string]string{}
	}
	metadata[keepingKey] = string(text)
	return metadata
}

// takeKeeping takes what is remembered out of an object's metadata.
func takeKeeping(metadata map[string]string) keeping {
	k := keeping{Encryption: Encryption{Algorithm: "AES256"}}
	if text, ok := metadata[keepingKey]; ok {
		delete(metadata, keepingKey)
		_ = json.Unmarshal([]byte(text), &k) // only into writes it
	}
	return k
}

// tell puts the encryption into the answer's headers.
func (e Encryption) tell(ctx context.Context) {
	rc, ok := ctx.(*fasthttp.RequestCtx)
	if !ok || e.Algorithm == "" {
		return
	}
	rc.Response.Header.Set("x-amz-server-side-encryption", e.Algorithm)
	if e.KMSKey != "" {
		rc.Response.Header.Set("x-amz-server-side-encryption-aws-kms-key-id", e.KMSKey)
	}
	if e.BucketKey {
		rc.Response.Header.Set("x-amz-server-side-encryption-bucket-key-enabled", "true")
	}
}

// tellContext does what S3 does for writes only.
func (e Encryption) tellContext(ctx context.Context) {
	if rc, ok := ctx.(*fasthttp.RequestCtx); ok && e.Context != "" {
		rc.Response.Header.Set("x-amz-server-side-encryption-context", e.Context)
	}
}

// class is the storage class as S3 tells it: the standard one goes unsaid.
func (k keeping) class() types.StorageClass {
	if k.StorageClass == string(types.StorageClassStandard) {
		return ""
	}
	return types.StorageClass(k.StorageClass)
}
