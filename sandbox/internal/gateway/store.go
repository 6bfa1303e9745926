package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
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
	data      string // folder of the buckets
}

var _ backend.Backend = (*Store)(nil)

// An Asked is what a request says that the engine does not pass on to its
// storage.
type Asked struct {
	Caller       string // ARN
	Encryption   Encryption
	StorageClass string
}

const askedKey = "sealift-sandbox-asked"

// Attach hands a to the storage along with the request.
func Attach(c fiber.Ctx, a Asked) { c.Locals(askedKey, a) }

func asked(ctx context.Context) Asked {
	a, _ := ctx.Value(askedKey).(Asked)
	return a
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

// MakeBucket makes a bucket as the sandbox starts: versioned, ACLs off. It
// says whether it did; there may be one already. With lock it keeps object
// locks.
func (s *Store) MakeBucket(name string, lock bool) (made bool, err error) {
	ctx := context.Background()
	if s.HasBucket(ctx, name) {
		return false, nil
	}
	acl, err := json.Marshal(auth.ACL{Owner: s.account.ID()})
	if err != nil {
		return false, fmt.Errorf("make bucket %s: %w", name, err)
	}
	in := &s3.CreateBucketInput{Bucket: &name, ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced, ObjectLockEnabledForBucket: &lock}
	if err := s.CreateBucket(ctx, in, acl); err != nil {
		return false, fmt.Errorf("make bucket %s: %w", name, err)
	}
	if err := s.PutBucketVersioning(ctx, name, types.BucketVersioningStatusEnabled); err != nil {
		return false, fmt.Errorf("make bucket %s: %w", name, err)
	}
	return true, nil
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

// TakesACLs says whether the bucket lets requests give ACLs at all; new ones
// do not.
func (s *Store) TakesACLs(ctx context.Context, bucket string) bool {
	ownership, err := s.GetBucketOwnershipControls(ctx, bucket)
	return err != nil || ownership != types.ObjectOwnershipBucketOwnerEnforced
}

// PutObject also remembers encryption and storage class.
func (s *Store) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	k := s.keep(*in.Bucket, asked(ctx))
	in.Metadata = k.into(in.Metadata)
	in.ContentEncoding = unchunked(in.ContentEncoding)
	out, err := s.Posix.PutObject(ctx, in)
	if err == nil {
		k.tell(ctx)
		k.tellContext(ctx)
	}
	return out, err
}

// unchunked takes aws-chunked off: it is the encoding of the request, and not
// of the object.
func unchunked(encoding *string) *string {
	if encoding == nil {
		return nil
	}
	var left []string
	for part := range strings.SplitSeq(*encoding, ",") {
		if part = strings.TrimSpace(part); part != "" && !strings.EqualFold(part, "aws-chunked") {
			left = append(left, part)
		}
	}
	if left == nil {
		return nil
	}
	joined := strings.Join(left, ",")
	return &joined
}

// CopyObject also remembers encryption and storage class, unless the copy
// keeps its source's metadata.
func (s *Store) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	k := s.keep(*in.Bucket, asked(ctx))
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
