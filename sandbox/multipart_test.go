package sandbox_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"
)

const partSize = 5 << 20

func sum64(b []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64nvme.Checksum(b)))
}

// A transfer is a multipart upload with CRC64NVME over the whole object.
type transfer struct {
	c           *s3.Client
	bucket, key string
	id          string
	body        []byte
	parts       []types.CompletedPart
}

func open(t testing.TB, c *s3.Client, bucket, key string, edits ...func(*s3.CreateMultipartUploadInput)) *transfer {
	t.Helper()
	in := &s3.CreateMultipartUploadInput{
		Bucket: &bucket, Key: &key,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject,
	}
	for _, edit := range edits {
		edit(in)
	}
	out, err := c.CreateMultipartUpload(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return &transfer{c: c, bucket: bucket, key: key, id: *out.UploadId}
}

func (u *transfer) send(t testing.TB, body []byte) *s3.UploadPartOutput {
	t.Helper()
	n := int32(len(u.parts) + 1)
	out, err := u.c.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, PartNumber: &n,
		Body: bytes.NewReader(body), ChecksumCRC64NVME: aws.String(sum64(body)),
	})
	if err != nil {
		t.Fatal(err)
	}
	u.body = append(u.body, body...)
	u.parts = append(u.parts, types.CompletedPart{PartNumber: &n, ETag: out.ETag, ChecksumCRC64NVME: out.ChecksumCRC64NVME})
	return out
}

func (u *transfer) complete(ctx context.Context, edits ...func(*s3.CompleteMultipartUploadInput)) (*s3.CompleteMultipartUploadOutput, error) {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id,
		MultipartUpload:   &types.CompletedMultipartUpload{Parts: u.parts},
		ChecksumCRC64NVME: aws.String(sum64(u.body)), ChecksumType: types.ChecksumTypeFullObject,
		MpuObjectSize: aws.Int64(int64(len(u.body))), IfNoneMatch: aws.String("*"),
	}
	for _, edit := range edits {
		edit(in)
	}
	return u.c.CompleteMultipartUpload(ctx, in)
}

func TestMultipartWithWholeObjectChecksum(t *testing.T) {
	b := start(t)
	c, reader := b.s3(b.assume()), b.s3(b.reader())
	u := open(t, c, b.Bucket, "in/big", func(in *s3.CreateMultipartUploadInput) {
		in.Metadata = map[string]string{"sealift-transfer": "01K"}
		in.ContentType = aws.String("application/x-iso9660-image")
	})
	for _, n := range []int{partSize, partSize, 12_345} {
		body := noise(n)
		if out := u.send(t, body); aws.ToString(out.ChecksumCRC64NVME) != sum64(body) || out.ServerSideEncryption != "AES256" {
			t.Errorf("part: got %v %v", aws.ToString(out.ChecksumCRC64NVME), out.ServerSideEncryption)
		}
	}
	done, err := u.complete(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := sum64(u.body)
	if aws.ToString(done.ChecksumCRC64NVME) != want || done.ChecksumType != types.ChecksumTypeFullObject ||
		!strings.HasSuffix(aws.ToString(done.ETag), `-3"`) || aws.ToString(done.VersionId) == "" || done.ServerSideEncryption != "AES256" {
		t.Errorf("complete: got %+v", done)
	}
	head, err := reader.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: &u.key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(head.ChecksumCRC64NVME) != want || head.ChecksumType != types.ChecksumTypeFullObject || *head.ContentLength != int64(len(u.body)) ||
		head.Metadata["sealift-transfer"] != "01K" || len(head.Metadata) != 1 || *head.ContentType != "application/x-iso9660-image" ||
		head.ServerSideEncryption != "AES256" || head.StorageClass != "" || *head.VersionId != *done.VersionId {
		t.Errorf("head: got %+v", head)
	}
	attributes, err := reader.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{
		Bucket: &b.Bucket, Key: &u.key,
		ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesChecksum, types.ObjectAttributesObjectSize, types.ObjectAttributesEtag, types.ObjectAttributesStorageClass},
	})
	if err != nil {
		t.Fatal(err)
	}
	if attributes.Checksum == nil || aws.ToString(attributes.Checksum.ChecksumCRC64NVME) != want || *attributes.ObjectSize != int64(len(u.body)) || attributes.StorageClass != "STANDARD" {
		t.Errorf("attributes: got %+v", attributes)
	}
	got, err := reader.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: &u.key})
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(body, u.body) {
		t.Errorf("the object is not what was sent: %v", err)
	}
}

// Complete is where S3 finds out; each lie must be refused and leave the
// upload open.
func TestCompleteRefusesWhatIsNotSo(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	u := open(t, c, b.Bucket, "in/big")
	u.send(t, noise(partSize))
	u.send(t, noise(100))
	for name, edit := range map[string]func(*s3.CompleteMultipartUploadInput){
		"another checksum": func(in *s3.CompleteMultipartUploadInput) { in.ChecksumCRC64NVME = aws.String(sum64([]byte("x"))) },
		"another size":     func(in *s3.CompleteMultipartUploadInput) { in.MpuObjectSize = aws.Int64(7) },
		"another etag": func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload = &types.CompletedMultipartUpload{Parts: []types.CompletedPart{u.parts[0], {PartNumber: aws.Int32(2), ETag: u.parts[0].ETag, ChecksumCRC64NVME: u.parts[1].ChecksumCRC64NVME}}}
		},
		"wrong order": func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload = &types.CompletedMultipartUpload{Parts: []types.CompletedPart{u.parts[1], u.parts[0]}}
		},
		"another type": func(in *s3.CompleteMultipartUploadInput) {
			in.ChecksumType = types.ChecksumTypeComposite
		},
	} {
		if _, err := u.complete(t.Context(), edit); err == nil {
			t.Errorf("%s: was completed", name)
		}
	}
	if _, err := u.complete(t.Context()); err != nil {
		t.Errorf("the truth: %v", err)
	}
}

func TestPartsWithWrongChecksumAreRefused(t *testing.T) {
	b := start(t)
	u := open(t, b.s3(b.assume()), b.Bucket, "in/big")
	_, err := u.c.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: &b.Bucket, Key: &u.key, UploadId: &u.id, PartNumber: aws.Int32(1),
		Body: bytes.NewReader(noise(partSize)), ChecksumCRC64NVME: aws.String(sum64([]byte("x"))),
	})
	refused(t, err, http.StatusBadRequest, "BadDigest")
}

func TestIfNoneMatch(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	once := func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }
	if _, err := put(t.Context(), c, b.Bucket, "k", []byte("1"), once); err != nil {
		t.Fatal(err)
	}
	_, err := put(t.Context(), c, b.Bucket, "k", []byte("2"), once)
	refused(t, err, http.StatusPreconditionFailed, "PreconditionFailed")

	u := open(t, c, b.Bucket, "k")
	u.send(t, noise(10))
	_, err = u.complete(t.Context())
	refused(t, err, http.StatusPreconditionFailed, "PreconditionFailed")
	if _, err := u.complete(t.Context(), func(in *s3.CompleteMultipartUploadInput) { in.IfNoneMatch = nil }); err != nil {
		t.Errorf("without the condition: %v", err)
	}
}

// Trap 13: Complete with an invented upload id is NoSuchUpload even where an
// object holds the key, and a true repeat gets the first answer again.
func TestTrap13CompleteKnowsItsUploads(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	u := open(t, c, b.Bucket, "in/big")
	u.send(t, noise(partSize))
	u.send(t, noise(1))
	first, err := u.complete(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := u.complete(t.Context())
	if err != nil {
		t.Fatalf("repeated: %v", err)
	}
	if *again.ETag != *first.ETag || aws.ToString(again.ChecksumCRC64NVME) != *first.ChecksumCRC64NVME ||
		again.ChecksumType != first.ChecksumType || *again.VersionId != *first.VersionId || again.ServerSideEncryption != first.ServerSideEncryption {
		t.Errorf("repeated: got %+v\nwant %+v", again, first)
	}
	for name, invented := range map[string]*transfer{
		"an invented id":       {c: c, bucket: b.Bucket, key: u.key, id: "2b1f0e9c-0d4e-4f43-9d6f-2f6d4f8f8b1e", body: u.body, parts: u.parts},
		"an id of another key": {c: c, bucket: b.Bucket, key: "in/other", id: u.id, body: u.body, parts: u.parts},
		"the id, other parts":  {c: c, bucket: b.Bucket, key: u.key, id: u.id, body: u.body, parts: u.parts[:1]},
		"an id that is a path": {c: c, bucket: b.Bucket, key: u.key, id: "../../../etc", body: u.body, parts: u.parts},
	} {
		_, err := invented.complete(t.Context())
		if api := refused(t, err, http.StatusNotFound, "NoSuchUpload"); api == nil {
			t.Errorf("%s was taken", name)
		}
	}
	aborted := open(t, c, b.Bucket, "in/big")
	aborted.send(t, noise(10))
	if _, err := c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &b.Bucket, Key: &u.key, UploadId: &aborted.id}); err != nil {
		t.Fatal(err)
	}
	_, err = aborted.complete(t.Context())
	refused(t, err, http.StatusNotFound, "NoSuchUpload")
}

// Trap 13: of many Completes at once all get the one answer, and one version
// is stored.
func TestTrap13ConcurrentCompletesAgree(t *testing.T) {
	b := start(t)
	u := open(t, b.s3(b.assume()), b.Bucket, "in/big")
	u.send(t, noise(partSize))
	u.send(t, noise(1))
	var group sync.WaitGroup
	versions := make([]string, 8)
	for i := range versions {
		group.Go(func() {
			out, err := u.complete(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			versions[i] = *out.VersionId
		})
	}
	group.Wait()
	for _, v := range versions {
		if v != versions[0] {
			t.Errorf("got versions %v", versions)
			break
		}
	}
}

// Trap 14: who opened an upload stands in the listing, session and all.
func TestTrap14InitiatorIsTheSession(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	u := open(t, c, b.Bucket, "in/open", func(in *s3.CreateMultipartUploadInput) { in.StorageClass = types.StorageClassStandardIa })
	u.send(t, noise(10))
	want := "arn:aws:sts::123456789012:assumed-role/s3-uploader-role/sealift-test"
	list, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Uploads) != 1 || aws.ToString(list.Uploads[0].Initiator.ID) != want || list.Uploads[0].StorageClass != types.StorageClassStandardIa ||
		list.Uploads[0].ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("got %+v", list.Uploads)
	}
	parts, err := c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: &b.Bucket, Key: &u.key, UploadId: &u.id})
	if err != nil {
		t.Fatal(err)
	}
	if len(parts.Parts) != 1 || aws.ToString(parts.Parts[0].ChecksumCRC64NVME) != sum64(u.body) || aws.ToString(parts.Parts[0].ETag) != *u.parts[0].ETag ||
		aws.ToString(parts.Initiator.ID) != want || parts.ChecksumAlgorithm != types.ChecksumAlgorithmCrc64nvme || parts.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("got %+v", parts)
	}
}

// The AWS CLI and boto3 use composite checksums of other algorithms.
func TestCompositeChecksums(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	out, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.Bucket, Key: aws.String("k"), ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for n := int32(1); n <= 2; n++ {
		part, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &b.Bucket, Key: aws.String("k"), UploadId: out.UploadId, PartNumber: &n,
			Body: bytes.NewReader(noise(partSize)), ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: &n, ETag: part.ETag, ChecksumSHA256: part.ChecksumSHA256})
	}
	done, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &b.Bucket, Key: aws.String("k"), UploadId: out.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(aws.ToString(done.ChecksumSHA256), "-2") || done.ChecksumType != types.ChecksumTypeComposite {
		t.Errorf("got %+v", done)
	}
}
