package sandbox_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// The engine's strings are overwritten by the connection's next request. What
// is kept of a request must be kept in copies.
func TestBucketsKeepTheirDocuments(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("bucket-number-%02d", i))
		if _, err := admin.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &names[i]}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		if _, err := admin.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Many clients at once, each on connections of its own and with a session of
// its own, see what they did and nothing of the others. With -race the
// sandbox too is watched.
func TestManyClientsAtOnce(t *testing.T) {
	b := start(t)
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			session := b.assume(func(in *stsInput) { in.RoleSessionName = aws.String(fmt.Sprintf("client-%d", i)) })
			c, reader := b.s3(session), b.s3(b.reader())
			for j := range 4 {
				key := fmt.Sprintf("client/%d/%0*d", i, j+1, j)
				u := open(t, c, b.Bucket, key)
				gone := open(t, c, b.Bucket, key+"-gone")
				body := noise(1000 + i)
				u.send(t, body)
				open, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.Bucket, Prefix: aws.String(fmt.Sprintf("client/%d/", i))})
				if err != nil || len(open.Uploads) != 2 {
					t.Errorf("list: got %+v %v", open, err)
					return
				}
				want := fmt.Sprintf("arn:aws:sts::123456789012:assumed-role/s3-uploader-role/client-%d", i)
				if got := aws.ToString(open.Uploads[0].Initiator.ID); got != want {
					t.Errorf("got initiator %s, want %s", got, want)
				}
				if _, err := c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &b.Bucket, Key: &gone.key, UploadId: &gone.id}); err != nil {
					t.Errorf("abort: %v", err)
				}
				first, err := u.complete(t.Context())
				if err != nil || aws.ToString(first.ChecksumCRC64NVME) != sum64(body) {
					t.Errorf("complete: got %+v %v", first, err)
					return
				}
				again, err := u.complete(t.Context())
				if err != nil || aws.ToString(again.ETag) != aws.ToString(first.ETag) {
					t.Errorf("complete again: got %+v %v", again, err)
				}
				if _, err := put(t.Context(), c, b.Bucket, key+"-small", body); err != nil {
					t.Errorf("put: %v", err)
				}
				head, err := reader.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: &key})
				if err != nil || *head.ContentLength != int64(len(body)) {
					t.Errorf("head: got %+v %v", head, err)
				}
			}
		})
	}
	group.Wait()
}
