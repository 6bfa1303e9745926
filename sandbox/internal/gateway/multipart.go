package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/sealift/sealift/sandbox/internal/upload"
)

// CreateMultipartUpload also remembers who opened the upload and how.
func (s *Store) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	k := s.keep(*in.Bucket, asked(ctx))
	in.Metadata = k.into(in.Metadata)
	in.ContentEncoding = unchunked(in.ContentEncoding)
	out, err := s.Posix.CreateMultipartUpload(ctx, in)
	if err != nil {
		return out, err
	}
	err = s.uploads.Add(&upload.Upload{
		ID: out.UploadId, Bucket: *in.Bucket, Key: *in.Key,
		Initiator: asked(ctx).Caller, Started: time.Now().UTC(),
		Encryption: k.Algorithm, KMSKey: k.KMSKey, Context: k.Context, BucketKey: k.BucketKey, StorageClass: k.StorageClass,
	})
	if err != nil {
		return out, err
	}
	k.tell(ctx)
	k.tellContext(ctx)
	return out, nil
}

// UploadPart also tells the encryption of the upload. A part that arrives when
// its upload has ended meanwhile leaves nothing behind: the engine would make
// a folder for it anew.
func (s *Store) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	id := aws.ToString(in.UploadId)
	u, ok := s.uploads.Find(*in.Bucket, *in.Key, id)
	if !ok {
		return nil, s3err.GetNoSuchUploadErr(id)
	}
	out, err := s.Posix.UploadPart(ctx, in)
	u.Lock()
	defer u.Unlock()
	if u.Ended() {
		_ = s.sweep(ctx, u) // mostly there is nothing
		return nil, s3err.GetNoSuchUploadErr(id)
	}
	if err != nil {
		return out, err
	}
	s.EncryptionOfUpload(*in.Bucket, *in.Key, id).tell(ctx)
	return out, nil
}

// sweeps is how often the engine is asked to remove an upload's folder, into
// which a part may just be written.
const sweeps = 5

// sweep removes what the engine holds of an upload.
func (s *Store) sweep(ctx context.Context, u *upload.Upload) (err error) {
	for range sweeps {
		err = s.Posix.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.Bucket, Key: &u.Key, UploadId: &u.ID})
		if !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return err
}

// A completed is the first answer to Complete.
type completed struct {
	Result  s3response.CompleteMultipartUploadResult
	Version string
}

// CompleteMultipartUpload takes only ids of uploads that were opened here,
// and repeats its first answer to a repeated request.
func (s *Store) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	id := aws.ToString(in.UploadId)
	u, ok := s.uploads.Find(*in.Bucket, *in.Key, id)
	if !ok {
		return s3response.CompleteMultipartUploadResult{}, "", s3err.GetNoSuchUploadErr(id)
	}
	u.Lock()
	defer u.Unlock()
	e := encryptionOf(u)
	parts := digest(in.MultipartUpload)
	if u.Answer != nil {
		return repeat(ctx, u, e, parts)
	}
	if err := checkOrder(in.MultipartUpload.Parts); err != nil {
		return s3response.CompleteMultipartUploadResult{}, "", err
	}
	result, version, err := s.Posix.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return result, version, err
	}
	answer, err := json.Marshal(completed{result, version})
	if err != nil {
		return result, version, fmt.Errorf("remember answer: %w", err)
	}
	if err := s.uploads.Answer(u, answer, parts); err != nil {
		return result, version, err
	}
	e.tell(ctx)
	return result, version, nil
}

// checkOrder wants part numbers to rise, and to have no gaps where parts come
// with checksums; the engine takes gaps, and looks at sizes first.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
// (recalled, not read again for this code).
func checkOrder(parts []types.CompletedPart) error {
	for i, p := range parts {
		n := aws.ToInt32(p.PartNumber)
		gap := n != int32(i)+1 && summed(p)
		if gap || i > 0 && n <= aws.ToInt32(parts[i-1].PartNumber) {
			return s3err.GetAPIError(s3err.ErrInvalidPartOrder)
		}
	}
	return nil
}

// summed says whether a part of a Complete carries a checksum.
func summed(p types.CompletedPart) bool {
	for _, sum := range []*string{p.ChecksumCRC32, p.ChecksumCRC32C, p.ChecksumCRC64NVME, p.ChecksumSHA1, p.ChecksumSHA256} {
		if aws.ToString(sum) != "" {
			return true
		}
	}
	return false
}

func repeat(ctx context.Context, u *upload.Upload, e Encryption, parts string) (s3response.CompleteMultipartUploadResult, string, error) {
	if parts != u.Parts {
		return s3response.CompleteMultipartUploadResult{}, "", s3err.GetNoSuchUploadErr(u.ID)
	}
	var first completed
	if err := json.Unmarshal(u.Answer, &first); err != nil {
		return first.Result, "", fmt.Errorf("repeat answer of upload %s: %w", u.ID, err)
	}
	e.tell(ctx)
	return first.Result, first.Version, nil
}

// digest names a list of parts.
func digest(m *types.CompletedMultipartUpload) string {
	h := sha256.New()
	for _, p := range m.Parts {
		fmt.Fprintf(h, "%d %s\n", aws.ToInt32(p.PartNumber), aws.ToString(p.ETag))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// AbortMultipartUpload also forgets the upload.
func (s *Store) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	id := aws.ToString(in.UploadId)
	u, ok := s.uploads.Find(*in.Bucket, *in.Key, id)
	if !ok {
		return s3err.GetNoSuchUploadErr(id)
	}
	u.Lock()
	defer u.Unlock()
	if u.Ended() {
		return s3err.GetNoSuchUploadErr(id)
	}
	if err := s.sweep(ctx, u); err != nil {
		return err
	}
	u.Abort()
	return s.uploads.Drop(id)
}

// ListParts also tells who opened the upload.
func (s *Store) ListParts(ctx context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	out, err := s.Posix.ListParts(ctx, in)
	if u, ok := s.uploads.Find(*in.Bucket, *in.Key, aws.ToString(in.UploadId)); ok {
		out.Owner, out.Initiator = s.owner(), initiator(u)
		if u.StorageClass != "" {
			out.StorageClass = types.StorageClass(u.StorageClass)
		}
	}
	return out, err
}

func (s *Store) owner() s3response.Owner { return s3response.Owner{ID: s.account.ID()} }

func initiator(u *upload.Upload) s3response.Initiator {
	return s3response.Initiator{ID: u.Initiator, DisplayName: u.Initiator}
}
