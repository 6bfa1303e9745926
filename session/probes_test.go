package session_test

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// An upload session may write one key, and nothing else: every probe below must
// be answered 403 AccessDenied, by a real server to really signed requests.

const (
	allowed   = "in/file.bin"    // what the session is for
	bystander = "in/other.bin"   // someone else's object
	otherBuck = "another-bucket" // someone else's bucket, which the role may not touch either
)

// target is where the probes go.
type target struct {
	*s3.Client
	sandbox *sandboxtest.Sandbox
	config  aws.Config
	bucket  string
	upload  string // id of the session's own multipart upload
	foreign string // id of someone else's, on bystander
	version string // of bystander
}

type probe struct {
	name string
	do   func(context.Context, *target) error
}

// errOf drops an answer.
func errOf[T any](_ T, err error) error { return err }

func body() io.Reader { return strings.NewReader("x") }

var otherKeys = []string{
	bystander, "in/file.bi", "in/file.bin2", "in/file.bin/x", "in/File.bin", "file.bin", "/in/file.bin", "in/", "in", "*", "in/*", "in/file?bin",
	"in/file.bin*", "${*}", "in/${*}", "in/file.bin${*}", "?", "$", "${aws:username}", "in/file.bin\u200b", "in/file.bın", "in//file.bin", "in/x/file.bin",
}

func keyProbes() []probe {
	var out []probe
	for _, key := range otherKeys {
		out = append(out, probe{"put " + key, func(ctx context.Context, t *target) error {
			return errOf(t.PutObject(ctx, &s3.PutObjectInput{Bucket: &t.bucket, Key: &key, Body: body()}))
		}}, probe{"create " + key, func(ctx context.Context, t *target) error {
			return errOf(t.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &t.bucket, Key: &key}))
		}})
	}
	return out
}

var objectProbes = []probe{
	{"get own key", func(ctx context.Context, t *target) error {
		return errOf(t.GetObject(ctx, &s3.GetObjectInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
	{"head own key", func(ctx context.Context, t *target) error {
		return errOf(t.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
	{"attributes of own key", func(ctx context.Context, t *target) error {
		return errOf(t.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: &t.bucket, Key: aws.String(allowed), ObjectAttributes: []types.ObjectAttributes{"ETag"}}))
	}},
	{"get other key", func(ctx context.Context, t *target) error {
		return errOf(t.GetObject(ctx, &s3.GetObjectInput{Bucket: &t.bucket, Key: aws.String(bystander)}))
	}},
	{"get a version", func(ctx context.Context, t *target) error {
		return errOf(t.GetObject(ctx, &s3.GetObjectInput{Bucket: &t.bucket, Key: aws.String(bystander), VersionId: &t.version}))
	}},
	{"get a missing key", func(ctx context.Context, t *target) error {
		return errOf(t.GetObject(ctx, &s3.GetObjectInput{Bucket: &t.bucket, Key: aws.String("in/missing")}))
	}},
	{"delete own key", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
	{"delete other key", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &t.bucket, Key: aws.String(bystander)}))
	}},
	{"delete a version", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &t.bucket, Key: aws.String(bystander), VersionId: &t.version}))
	}},
	{"delete many", func(ctx context.Context, t *target) error {
		out, err := t.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &t.bucket, Delete: &types.Delete{
			Objects: []types.ObjectIdentifier{{Key: aws.String(bystander)}, {Key: aws.String(allowed)}}}})
		if err != nil || len(out.Deleted) > 0 || len(out.Errors) != 2 {
			return err
		}
		for _, e := range out.Errors {
			if aws.ToString(e.Code) != "AccessDenied" {
				return errors.New(aws.ToString(e.Code))
			}
		}
		return errDeniedEach
	}},
	{"read ACL", func(ctx context.Context, t *target) error {
		return errOf(t.GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
	{"write ACL", func(ctx context.Context, t *target) error {
		return errOf(t.PutObjectAcl(ctx, &s3.PutObjectAclInput{Bucket: &t.bucket, Key: aws.String(allowed), ACL: types.ObjectCannedACLPublicRead}))
	}},
	{"put with ACL", func(ctx context.Context, t *target) error {
		return errOf(t.PutObject(ctx, &s3.PutObjectInput{Bucket: &t.bucket, Key: aws.String(allowed), Body: body(), ACL: types.ObjectCannedACLPublicRead}))
	}},
	{"read tags", func(ctx context.Context, t *target) error {
		return errOf(t.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
	{"write tags", func(ctx context.Context, t *target) error {
		return errOf(t.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: &t.bucket, Key: aws.String(allowed),
			Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}))
	}},
	{"delete tags", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteObjectTagging(ctx, &s3.DeleteObjectTaggingInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
	{"put with tags", func(ctx context.Context, t *target) error {
		return errOf(t.PutObject(ctx, &s3.PutObjectInput{Bucket: &t.bucket, Key: aws.String(allowed), Body: body(), Tagging: aws.String("a=b")}))
	}},
	{"create with tags", func(ctx context.Context, t *target) error {
		return errOf(t.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &t.bucket, Key: aws.String(allowed), Tagging: aws.String("a=b")}))
	}},
	{"copy other onto own", func(ctx context.Context, t *target) error {
		return errOf(t.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &t.bucket, Key: aws.String(allowed), CopySource: aws.String(t.bucket + "/" + bystander)}))
	}},
	{"copy own onto other", func(ctx context.Context, t *target) error {
		return errOf(t.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &t.bucket, Key: aws.String("in/copy"), CopySource: aws.String(t.bucket + "/" + allowed)}))
	}},
	{"copy out of another bucket", func(ctx context.Context, t *target) error {
		return errOf(t.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &t.bucket, Key: aws.String(allowed), CopySource: aws.String(otherBuck + "/secret")}))
	}},
	{"copy as part", func(ctx context.Context, t *target) error {
		return errOf(t.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: &t.bucket, Key: aws.String(allowed), UploadId: &t.upload,
			PartNumber: aws.Int32(1), CopySource: aws.String(t.bucket + "/" + bystander)}))
	}},
	{"retention", func(ctx context.Context, t *target) error {
		return errOf(t.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{Bucket: &t.bucket, Key: aws.String(allowed), BypassGovernanceRetention: aws.Bool(true)}))
	}},
	{"read retention", func(ctx context.Context, t *target) error {
		return errOf(t.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
	{"legal hold", func(ctx context.Context, t *target) error {
		return errOf(t.PutObjectLegalHold(ctx, &s3.PutObjectLegalHoldInput{Bucket: &t.bucket, Key: aws.String(allowed),
			LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOff}}))
	}},
	{"restore", func(ctx context.Context, t *target) error {
		return errOf(t.RestoreObject(ctx, &s3.RestoreObjectInput{Bucket: &t.bucket, Key: aws.String(allowed)}))
	}},
}

var multipartProbes = []probe{
	{"part of foreign upload", func(ctx context.Context, t *target) error {
		return errOf(t.UploadPart(ctx, &s3.UploadPartInput{Bucket: &t.bucket, Key: aws.String(bystander), UploadId: &t.foreign, PartNumber: aws.Int32(1), Body: body()}))
	}},
	{"parts of foreign upload", func(ctx context.Context, t *target) error {
		return errOf(t.ListParts(ctx, &s3.ListPartsInput{Bucket: &t.bucket, Key: aws.String(bystander), UploadId: &t.foreign}))
	}},
	{"complete foreign upload", func(ctx context.Context, t *target) error {
		return errOf(t.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &t.bucket, Key: aws.String(bystander), UploadId: &t.foreign,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: aws.String("x"), PartNumber: aws.Int32(1)}}}}))
	}},
	{"abort foreign upload", func(ctx context.Context, t *target) error {
		return errOf(t.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &t.bucket, Key: aws.String(bystander), UploadId: &t.foreign}))
	}},
	{"list uploads", func(ctx context.Context, t *target) error {
		return errOf(t.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &t.bucket}))
	}},
}

var bucketProbes = []probe{
	{"list", func(ctx context.Context, t *target) error {
		return errOf(t.ListObjects(ctx, &s3.ListObjectsInput{Bucket: &t.bucket}))
	}},
	{"list v2", func(ctx context.Context, t *target) error {
		return errOf(t.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &t.bucket, Prefix: aws.String(allowed)}))
	}},
	{"list versions", func(ctx context.Context, t *target) error {
		return errOf(t.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &t.bucket}))
	}},
	{"head bucket", func(ctx context.Context, t *target) error {
		return errOf(t.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &t.bucket}))
	}},
	{"location", func(ctx context.Context, t *target) error {
		return errOf(t.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &t.bucket}))
	}},
	{"read policy", func(ctx context.Context, t *target) error {
		return errOf(t.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &t.bucket}))
	}},
	{"write policy", func(ctx context.Context, t *target) error {
		return errOf(t.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &t.bucket, Policy: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::` + t.bucket + `/*"}]}`)}))
	}},
	{"delete policy", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &t.bucket}))
	}},
	{"read bucket ACL", func(ctx context.Context, t *target) error {
		return errOf(t.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &t.bucket}))
	}},
	{"write bucket ACL", func(ctx context.Context, t *target) error {
		return errOf(t.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: &t.bucket, ACL: types.BucketCannedACLPublicRead}))
	}},
	{"stop versioning", func(ctx context.Context, t *target) error {
		return errOf(t.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &t.bucket,
			VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}}))
	}},
	{"read versioning", func(ctx context.Context, t *target) error {
		return errOf(t.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &t.bucket}))
	}},
	{"delete encryption", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: &t.bucket}))
	}},
	{"expire everything", func(ctx context.Context, t *target) error {
		return errOf(t.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: &t.bucket,
			LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{ID: aws.String("x"), Status: types.ExpirationStatusEnabled,
				Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}}}}}))
	}},
	{"silence notifications", func(ctx context.Context, t *target) error {
		return errOf(t.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: &t.bucket,
			NotificationConfiguration: &types.NotificationConfiguration{}}))
	}},
	{"open to the public", func(ctx context.Context, t *target) error {
		return errOf(t.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: &t.bucket}))
	}},
	{"write CORS", func(ctx context.Context, t *target) error {
		return errOf(t.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: &t.bucket, CORSConfiguration: &types.CORSConfiguration{
			CORSRules: []types.CORSRule{{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}}}}}))
	}},
	{"bucket tags", func(ctx context.Context, t *target) error {
		return errOf(t.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &t.bucket}))
	}},
	{"bucket logging", func(ctx context.Context, t *target) error {
		return errOf(t.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: &t.bucket, BucketLoggingStatus: &types.BucketLoggingStatus{}}))
	}},
	{"ownership", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: &t.bucket}))
	}},
	{"replicate away", func(ctx context.Context, t *target) error {
		return errOf(t.PutBucketReplication(ctx, &s3.PutBucketReplicationInput{Bucket: &t.bucket, ReplicationConfiguration: &types.ReplicationConfiguration{
			Role: aws.String(t.sandbox.RoleARN), Rules: []types.ReplicationRule{{Status: types.ReplicationRuleStatusEnabled,
				Destination: &types.Destination{Bucket: aws.String("arn:aws:s3:::" + otherBuck)}}}}}))
	}},
	{"delete bucket", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &t.bucket}))
	}},
	{"create bucket", func(ctx context.Context, t *target) error {
		return errOf(t.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("brand-new-bucket")}))
	}},
	{"list buckets", func(ctx context.Context, t *target) error {
		return errOf(t.ListBuckets(ctx, &s3.ListBucketsInput{}))
	}},
}

var elsewhereProbes = []probe{
	{"put to another bucket", func(ctx context.Context, t *target) error {
		return errOf(t.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(otherBuck), Key: aws.String(allowed), Body: body()}))
	}},
	{"put to the trail", func(ctx context.Context, t *target) error {
		return errOf(t.PutObject(ctx, &s3.PutObjectInput{Bucket: &t.sandbox.TrailBucket, Key: aws.String(allowed), Body: body()}))
	}},
	{"read another bucket", func(ctx context.Context, t *target) error {
		return errOf(t.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(otherBuck), Key: aws.String("secret")}))
	}},
	{"list another bucket", func(ctx context.Context, t *target) error {
		return errOf(t.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(otherBuck)}))
	}},
	{"delete the trail", func(ctx context.Context, t *target) error {
		return errOf(t.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &t.sandbox.TrailBucket}))
	}},
	{"put to a bucket that is not there", func(ctx context.Context, t *target) error {
		return errOf(t.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("no-such-bucket"), Key: aws.String(allowed), Body: body()}))
	}},
	{"become the reader", func(ctx context.Context, t *target) error {
		return errOf(sts.NewFromConfig(t.config).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &t.sandbox.ReaderRoleARN, RoleSessionName: aws.String("sealift-x")}))
	}},
	{"widen itself", func(ctx context.Context, t *target) error {
		return errOf(sts.NewFromConfig(t.config).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &t.sandbox.RoleARN, RoleSessionName: aws.String("sealift-x")}))
	}},
}
