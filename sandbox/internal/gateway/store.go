package gateway

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/bucket"
	"github.com/sealift/sealift/sandbox/internal/upload"
)

// A Store is the engine's storage and what S3 remembers that the engine
// forgets: encryption and storage class of objects, who opened an upload, how
// it ended.
type Store struct {
	*posix.Posix
	account   *account.Account
	documents *bucket.Documents
	uploads   *upload.Uploads
}

var _ backend.Backend = (*Store)(nil)

// An Asked is what a request says that the engine does not pass on to its
// storage.
type Asked struct {
	Caller       string // ARN
	Encryption   string // x-amz-server-side-encryption
	KMSKey       string
	StorageClass string
}

const askedKey = "sealift-sandbox-asked"

// Attach hands a to the storage along with the request.
func Attach(c fiber.Ctx, a Asked) { c.Locals(askedKey, a) }

func asked(ctx context.Context) Asked {
	a, _ := ctx.Value(askedKey).(Asked)
	return a
}

// A keeping is what is remembered with an object. It travels as one entry of
// the object's own metadata, so that it follows versions, copies and restarts.
type keeping struct {
	Encryption   string `json:"e,omitempty"`
	KMSKey       string `json:"k,omitempty"`
	StorageClass string `json:"s,omitempty"`
}

const keepingKey = "sealift-sandbox-keeping"

// keep decides what is remembered of an object being written.
func (s *Store) keep(ctx context.Context, bucket string) keeping {
	a := asked(ctx)
	k := keeping{a.Encryption, a.KMSKey, a.StorageClass}
	if k.Encryption == "" {
		k.Encryption, k.KMSKey = s.documents.DefaultEncryption(bucket)
	}
	if k.Encryption == "aws:kms" && k.KMSKey == "" {
		k.KMSKey = fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/s3", s.account.Region(), s.account.ID())
	}
	return k
}

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
	k := keeping{Encryption: "AES256"}
	if text, ok := metadata[keepingKey]; ok {
		delete(metadata, keepingKey)
		_ = json.Unmarshal([]byte(text), &k) // only keep writes it
	}
	return k
}

// tell puts the encryption into the answer's headers.
func (k keeping) tell(ctx context.Context) {
	rc, ok := ctx.(*fasthttp.RequestCtx)
	if !ok {
		return
	}
	rc.Response.Header.Set("x-amz-server-side-encryption", k.Encryption)
	if k.KMSKey != "" {
		rc.Response.Header.Set("x-amz-server-side-encryption-aws-kms-key-id", k.KMSKey)
	}
}

// class is the storage class as S3 tells it: the standard one goes unsaid.
func (k keeping) class() types.StorageClass {
	if k.StorageClass == string(types.StorageClassStandard) {
		return ""
	}
	return types.StorageClass(k.StorageClass)
}

// CreateBucket also gives the bucket the documents S3 gives a new one.
func (s *Store) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	if in.CreateBucketConfiguration == nil {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{} // the engine reads it unchecked
	}
	if err := s.Posix.CreateBucket(ctx, in, acl); err != nil {
		return err
	}
	return s.documents.Put(*in.Bucket, bucket.PublicAccessBlock, bucket.DefaultPublicAccessBlock)
}

// MakeBucket makes a bucket as the sandbox starts: versioned, ACLs off. It is
// no error if there is one.
func (s *Store) MakeBucket(name string) error {
	acl, err := json.Marshal(auth.ACL{Owner: s.account.ID()})
	if err != nil {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	ctx := context.Background()
	if s.HasBucket(ctx, name) {
		return nil
	}
	in := &s3.CreateBucketInput{Bucket: &name, ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}
	if err := s.CreateBucket(ctx, in, acl); err != nil {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	if err := s.PutBucketVersioning(ctx, name, types.BucketVersioningStatusEnabled); err != nil {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	return nil
}

// HasBucket says whether there is such a bucket.
func (s *Store) HasBucket(ctx context.Context, name string) bool {
	_, err := s.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
	return err == nil
}

// DeleteBucket also forgets the bucket's documents.
func (s *Store) DeleteBucket(ctx context.Context, name string) error {
	if err := s.Posix.DeleteBucket(ctx, name); err != nil {
		return err
	}
	return s.documents.Drop(name)
}

// PutObject also remembers encryption and storage class.
func (s *Store) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	k := s.keep(ctx, *in.Bucket)
	in.Metadata = k.into(in.Metadata)
	out, err := s.Posix.PutObject(ctx, in)
	if err == nil {
		k.tell(ctx)
	}
	return out, err
}

// CopyObject also remembers encryption and storage class, unless the copy
// keeps its source's metadata.
func (s *Store) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	k := s.keep(ctx, *in.Bucket)
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		in.Metadata = k.into(in.Metadata)
	}
	out, err := s.Posix.CopyObject(ctx, in)
	if err == nil {
		k.tell(ctx)
	}
	return out, err
}

// HeadObject also tells encryption and storage class.
func (s *Store) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	out, err := s.Posix.HeadObject(ctx, in)
	if err == nil {
		k := takeKeeping(out.Metadata)
		k.tell(ctx)
		out.StorageClass = k.class()
	}
	return out, err
}

// GetObject also tells encryption and storage class.
func (s *Store) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	out, err := s.Posix.GetObject(ctx, in)
	if err == nil {
		k := takeKeeping(out.Metadata)
		k.tell(ctx)
		out.StorageClass = k.class()
	}
	return out, err
}

// GetObjectAttributes also tells the storage class.
func (s *Store) GetObjectAttributes(ctx context.Context, in *s3.GetObjectAttributesInput) (s3response.GetObjectAttributesResponse, error) {
	out, err := s.Posix.GetObjectAttributes(ctx, in)
	if err != nil || out.StorageClass == "" {
		return out, err
	}
	head, err := s.Posix.HeadObject(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId})
	if err != nil {
		return out, err
	}
	if class := takeKeeping(head.Metadata).class(); class != "" {
		out.StorageClass = class
	}
	return out, nil
}
