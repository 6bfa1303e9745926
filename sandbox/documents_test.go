package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sealift/sealift/policy"
)

// Trap 5: the documents the engine does not take are stored and answered, and
// each says in S3's words when it is not there.
func TestTrap05BucketDocuments(t *testing.T) {
	b := start(t)
	c, ctx, bucket := b.s3(b.admin()), t.Context(), &b.Bucket
	for _, d := range []struct {
		name          string
		write, remove func() error
		read          func() (bool, error) // says whether what was written came back
		absent        string               // error code, "" = an empty document
	}{
		{"lifecycle",
			func() error {
				return second(c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{
					Rules: []types.LifecycleRule{{ID: aws.String("abort"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
						AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(7)}}},
				}}))
			},
			func() error {
				return second(c.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: bucket}))
			},
			func() (bool, error) {
				out, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
				return err == nil && len(out.Rules) == 1 && *out.Rules[0].AbortIncompleteMultipartUpload.DaysAfterInitiation == 7, err
			}, "NoSuchLifecycleConfiguration"},
		{"encryption",
			func() error {
				return second(c.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
					Rules: []types.ServerSideEncryptionRule{{BucketKeyEnabled: aws.Bool(true), ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms}}},
				}}))
			},
			func() error {
				return second(c.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: bucket}))
			},
			func() (bool, error) {
				out, err := c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: bucket})
				return err == nil && out.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm == types.ServerSideEncryptionAwsKms, err
			}, ""},
		{"notification",
			func() error {
				return second(c.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: bucket, NotificationConfiguration: &types.NotificationConfiguration{
					TopicConfigurations: []types.TopicConfiguration{{TopicArn: &b.TopicARN, Events: []types.Event{types.EventS3ObjectCreated}}},
				}}))
			},
			func() error {
				return second(c.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: bucket, NotificationConfiguration: &types.NotificationConfiguration{}}))
			},
			func() (bool, error) {
				out, err := c.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: bucket})
				return err == nil && len(out.TopicConfigurations) == 1 && *out.TopicConfigurations[0].TopicArn == b.TopicARN, err
			}, ""},
		{"public access block",
			func() error {
				return second(c.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)}}))
			},
			func() error {
				return second(c.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: bucket}))
			},
			func() (bool, error) {
				out, err := c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: bucket})
				return err == nil && *out.PublicAccessBlockConfiguration.BlockPublicAcls && !aws.ToBool(out.PublicAccessBlockConfiguration.BlockPublicPolicy), err
			}, "NoSuchPublicAccessBlockConfiguration"},
		{"logging",
			func() error {
				return second(c.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: bucket, BucketLoggingStatus: &types.BucketLoggingStatus{
					LoggingEnabled: &types.LoggingEnabled{TargetBucket: &b.TrailBucket, TargetPrefix: aws.String("s3/")},
				}}))
			},
			func() error {
				return second(c.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: bucket, BucketLoggingStatus: &types.BucketLoggingStatus{}}))
			},
			func() (bool, error) {
				out, err := c.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: bucket})
				return err == nil && out.LoggingEnabled != nil && *out.LoggingEnabled.TargetBucket == b.TrailBucket, err
			}, ""},
		{"policy",
			func() error {
				text := policy.Names{Account: b.Account, Bucket: b.Bucket, NewKeysOnly: true}.BucketPolicy().Indented()
				return second(c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucket, Policy: &text}))
			},
			func() error { return second(c.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: bucket})) },
			func() (bool, error) {
				out, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucket})
				return err == nil && *out.Policy == policy.Names{Account: b.Account, Bucket: b.Bucket, NewKeysOnly: true}.BucketPolicy().Indented(), err
			}, "NoSuchBucketPolicy"},
		// The engine's own, to be sure that they are still answered.
		{"cors",
			func() error {
				return second(c.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: bucket, CORSConfiguration: &types.CORSConfiguration{
					CORSRules: []types.CORSRule{{AllowedMethods: []string{"PUT"}, AllowedOrigins: []string{"https://page.example"}}},
				}}))
			},
			func() error { return second(c.DeleteBucketCors(ctx, &s3.DeleteBucketCorsInput{Bucket: bucket})) },
			func() (bool, error) {
				out, err := c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: bucket})
				return err == nil && out.CORSRules[0].AllowedOrigins[0] == "https://page.example", err
			}, "NoSuchCORSConfiguration"},
		{"tagging",
			func() error {
				return second(c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: bucket, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}))
			},
			func() error { return second(c.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: bucket})) },
			func() (bool, error) {
				out, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: bucket})
				return err == nil && *out.TagSet[0].Value == "b", err
			}, "NoSuchTagSet"},
		{"ownership",
			func() error {
				return second(c.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: bucket, OwnershipControls: &types.OwnershipControls{
					Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerPreferred}}}}))
			},
			func() error {
				return second(c.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: bucket}))
			},
			func() (bool, error) {
				out, err := c.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: bucket})
				return err == nil && out.OwnershipControls.Rules[0].ObjectOwnership == types.ObjectOwnershipBucketOwnerPreferred, err
			}, "OwnershipControlsNotFoundError"},
	} {
		t.Run(d.name, func(t *testing.T) {
			if err := d.write(); err != nil {
				t.Fatalf("write: %v", err)
			}
			if same, err := d.read(); err != nil || !same {
				t.Errorf("read: got another one, %v", err)
			}
			if err := d.remove(); err != nil {
				t.Fatalf("remove: %v", err)
			}
			same, err := d.read()
			if d.absent != "" {
				refused(t, err, http.StatusNotFound, d.absent)
			} else if err != nil || same {
				t.Errorf("after removal: got %v %v", same, err)
			}
		})
	}
}

func TestVersioningIsTheEngines(t *testing.T) {
	b := start(t)
	c := b.s3(b.admin())
	one := must[*s3.PutObjectOutput](t)(put(t.Context(), c, b.Bucket, "k", []byte("1")))
	two := must[*s3.PutObjectOutput](t)(put(t.Context(), c, b.Bucket, "k", []byte("2")))
	if *one.VersionId == *two.VersionId {
		t.Error("both have one version id")
	}
	list := must[*s3.ListObjectVersionsOutput](t)(c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &b.Bucket}))
	if len(list.Versions) != 2 {
		t.Errorf("got %d versions", len(list.Versions))
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b.Bucket, Key: aws.String("k")}); err != nil {
		t.Error(err)
	}
	if _, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: aws.String("k"), VersionId: one.VersionId}); err != nil {
		t.Errorf("a version under a delete marker: %v", err)
	}
}

// Bad documents are refused and leave the old ones in force.
func TestBadDocumentsAreRefused(t *testing.T) {
	b := start(t)
	c := b.s3(b.admin())
	for name, text := range map[string]string{
		"no JSON": `{`, "no principal": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
		"no statement": `{"Version":"2012-10-17","Statement":[]}`,
	} {
		_, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &b.Bucket, Policy: &text})
		if api := refused(t, err, http.StatusBadRequest, "MalformedPolicy"); api == nil {
			t.Errorf("%s was taken", name)
		}
	}
	deny := func(action, resource, principal string) string {
		return `{"Statement":{"Effect":"Deny","Principal":` + principal + `,"Action":"` + action + `","Resource":"` + resource + `"}}`
	}
	const (
		bucketARN  = "arn:aws:s3:::my-secure-upload-bucket-007"
		objectsARN = bucketARN + "/*"
	)
	for _, bad := range []struct{ policy, says string }{
		{deny("s3:PutObject", "arn:aws:s3:::another-bucket/*", `"*"`), "invalid resource"},
		{deny("s3:PutObject", "*", `"*"`), "invalid resource"},
		{deny("s3:CompleteMultipartUpload", objectsARN, `"*"`), "invalid action"},
		{deny("iam:PassRole", objectsARN, `"*"`), "invalid action"},
		{deny("s3:PutObject", bucketARN, `"*"`), "does not apply"},
		{deny("s3:ListBucket", bucketARN+"/in/", `"*"`), "does not apply"},
		{deny("s3:PutObject", objectsARN, `{"AWS":"uploader"}`), "Invalid principal"},
		{`{"Statement":[{"Sid":"` + strings.Repeat("S", 20<<10) + `"}]}`, "maximum allowed document size"},
	} {
		_, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &b.Bucket, Policy: &bad.policy})
		if err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%.200s: got %v", bad.policy, err)
		}
	}
	for _, good := range []string{
		deny("s3:PutObject", objectsARN, `{"AWS":["123456789012","arn:aws:iam::123456789012:role/s3-uploader-role"]}`),
		deny("s3:GetBucketPolicyStatus", bucketARN, `{"Service":"cloudtrail.amazonaws.com"}`),
		deny("s3:PutObjectRetention", bucketARN+"/locked/*", `"*"`),
		deny("s3:*", objectsARN, `"*"`),
	} {
		if _, err := b.s3(b.admin()).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &b.TrailBucket,
			Policy: aws.String(strings.ReplaceAll(good, b.Bucket, b.TrailBucket))}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	public := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/*"}]}`
	_, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &b.Bucket, Policy: &public})
	denied(t, err, "BlockPublicPolicy")
	status := must[*s3.GetBucketPolicyStatusOutput](t)(c.GetBucketPolicyStatus(t.Context(), &s3.GetBucketPolicyStatusInput{Bucket: &b.Bucket}))
	if aws.ToBool(status.PolicyStatus.IsPublic) {
		t.Error("the default policy is public")
	}
}

// The default bucket policy is the library's: other encryption is refused.
func TestDefaultBucketPolicyIsInForce(t *testing.T) {
	b := start(t)
	got := must[*s3.GetBucketPolicyOutput](t)(b.s3(b.admin()).GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &b.Bucket}))
	if want := (policy.Names{Account: b.Account, Bucket: b.Bucket}).BucketPolicy().Compact(); *got.Policy != want {
		t.Errorf("got %s\nwant %s", *got.Policy, want)
	}
	for _, name := range []string{b.Bucket, b.TrailBucket} { // the sandbox must take what it starts with
		p := must[*s3.GetBucketPolicyOutput](t)(b.s3(b.admin()).GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &name}))
		must[*s3.PutBucketPolicyOutput](t)(b.s3(b.admin()).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: p.Policy}))
	}
	_, err := put(t.Context(), b.s3(b.assume()), b.Bucket, "k", []byte("x"), func(in *s3.PutObjectInput) { in.ServerSideEncryption = types.ServerSideEncryptionAwsKms })
	denied(t, err, "with an explicit deny in a resource-based policy")
}
