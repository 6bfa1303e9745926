package session_test

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/policy"
)

// housekeepingProbes are what an upload session may and a housekeeping session
// must not, and listings beside its own.
var housekeepingProbes = []probe{
	{"put own key", func(ctx context.Context, t *target) error {
		return errOf(t.PutObject(ctx, &s3.PutObjectInput{Bucket: &t.bucket, Key: aws.String(allowed), Body: body()}))
	}},
	{"create own key", func(ctx context.Context, t *target) error {
		return errOf(t.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
	{"part of own upload", func(ctx context.Context, t *target) error {
		return errOf(t.UploadPart(ctx, &s3.UploadPartInput{Bucket: &t.bucket, Key: aws.String(allowed), UploadId: &t.upload, PartNumber: aws.Int32(1), Body: body()}))
	}},
	{"complete own upload", func(ctx context.Context, t *target) error {
		return errOf(t.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &t.bucket, Key: aws.String(allowed), UploadId: &t.upload}))
	}},
	{"list uploads of another prefix", func(ctx context.Context, t *target) error {
		return errOf(t.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &t.bucket, Prefix: aws.String("in/")}))
	}},
	{"list uploads of another bucket", func(ctx context.Context, t *target) error {
		return errOf(t.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(otherBuck), Prefix: aws.String(allowed)}))
	}},
}

// A housekeeping session may find and abort the uploads of its key, and nothing
// else: neither what an upload session may, nor what that may not.
func TestHousekeepingSessionCanDoNothingElse(t *testing.T) {
	sb := sandboxtest.Start(t)
	admin, version, foreign := furnish(t, sb)
	if _, err := admin.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: aws.String(allowed), Body: body()}); err != nil {
		t.Fatal(err)
	}
	uploader := uploadSession(t, sb, narrowTo(t, policy.Want{Bucket: sb.Bucket, Keys: []string{allowed}}))
	c := uploadSession(t, sb, narrowTo(t, policy.Want{Bucket: sb.Bucket, Keys: []string{allowed}, Prefix: allowed, Housekeeping: true}))
	at := &target{Client: client(c), sandbox: sb, config: c, bucket: sb.Bucket, version: version, foreign: foreign}
	at.upload = startUpload(t, &target{Client: client(uploader), bucket: sb.Bucket})
	probes := slices.Concat(keyProbes(), objectProbes, multipartProbes, bucketProbes, elsewhereProbes, housekeepingProbes)
	probes = slices.DeleteFunc(probes, func(p probe) bool { return p.name == "list uploads" }) // see below
	if len(probes) < 80 {
		t.Errorf("only %d probes", len(probes))
	}
	for _, p := range probes {
		t.Run(p.name, func(t *testing.T) {
			if err := p.do(t.Context(), at); !refused(err) {
				t.Errorf("got %v, want 403 AccessDenied", err)
			}
		})
	}
	keepHouse(t, at)
	untouched(t, sb, admin, foreign)
}

// keepHouse does all that a housekeeping session is for.
func keepHouse(t *testing.T, at *target) {
	t.Helper()
	ctx, key := t.Context(), aws.String(allowed)
	list, err := at.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &at.bucket, Prefix: key})
	if err != nil || len(list.Uploads) != 1 || *list.Uploads[0].UploadId != at.upload {
		t.Errorf("list uploads: %v", err)
	}
	if _, err := at.ListParts(ctx, &s3.ListPartsInput{Bucket: &at.bucket, Key: key, UploadId: &at.upload}); err != nil {
		t.Errorf("list parts: %v", err)
	}
	if _, err := at.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &at.bucket, Key: key, UploadId: &at.upload}); err != nil {
		t.Errorf("abort: %v", err)
	}
}

// The prefix of a housekeeping session ends where it ends.
func TestHousekeepingKeepsToItsPrefix(t *testing.T) {
	sb := sandboxtest.Start(t)
	uploader := client(uploadSession(t, sb, narrowTo(t, policy.Want{Bucket: sb.Bucket, Prefix: "in"})))
	keeper := client(uploadSession(t, sb, narrowTo(t, policy.Want{Bucket: sb.Bucket, Prefix: "in/*/", Housekeeping: true})))
	for key, may := range map[string]bool{"in/*/a": true, "in/*/b/c": true, "in/x/a": false, "in/*": false, "inn/*/a": false} {
		up, err := uploader.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &sb.Bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		_, err = keeper.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &sb.Bucket, Key: &key, UploadId: up.UploadId})
		if may != (err == nil) || !may && !refused(err) {
			t.Errorf("abort %s: %v", key, err)
		}
	}
	if _, err := keeper.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &sb.Bucket, Prefix: aws.String("in/*/")}); err != nil {
		t.Errorf("list: %v", err)
	}
}
