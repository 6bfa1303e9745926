package sandbox_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Trap 3: an error that is known before the body was read must not reach the
// client as a reset, with or without Expect: 100-continue.
func TestTrap03RefusedBodiesAreDrained(t *testing.T) {
	b := start(t)
	session := b.assume(withPolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/only"}]}`))
	body := noise(8 << 20)
	for name, threshold := range map[string]int64{"expecting": 1, "at once": -1} {
		t.Run(name, func(t *testing.T) {
			c := s3.NewFromConfig(b.config(session), func(o *s3.Options) { o.ContinueHeaderThresholdBytes = threshold })
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					for range 10 {
						_, err := put(t.Context(), c, b.Bucket, "other", body)
						var refusal interface{ ErrorCode() string }
						if !errors.As(err, &refusal) || refusal.ErrorCode() != "AccessDenied" {
							t.Errorf("got %v", err)
						}
					}
				})
			}
			group.Wait()
			_, err := put(t.Context(), c, "no-such-bucket-here", "other", body) // refused by policy as well
			denied(t, err)
		})
	}
	// Refused by the engine, not by the front.
	_, err := put(t.Context(), b.s3(b.admin()), "no-such-bucket-here", "k", body)
	refused(t, err, http.StatusNotFound, "NoSuchBucket")
	_, err = put(t.Context(), b.s3(b.assume()), b.Bucket, "k", body, func(in *s3.PutObjectInput) { in.ChecksumCRC64NVME = aws.String(sum64(nil)) })
	refused(t, err, http.StatusBadRequest, "BadDigest")
}

// Trap 4: keys are file paths here. What that breaks must be refused, never
// silently wrong. Help says so.
func TestTrap04KeysAreFilePaths(t *testing.T) {
	b := start(t)
	c := b.s3(b.admin())
	if _, err := put(t.Context(), c, b.Bucket, "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a/b", strings.Repeat("s", 256), "up/../and/away", "./x", "x//y", "/x"} {
		_, err := put(t.Context(), c, b.Bucket, key, []byte("2"))
		var answer interface{ HTTPStatusCode() int }
		if !errors.As(err, &answer) || answer.HTTPStatusCode() >= 500 {
			t.Errorf("key %.20q: got %v", key, err)
		}
	}
	for _, key := range []string{"ünï/cödé %20+&=?#", "sp ace", "star*", "q?", "dollar$", "a'b\"c", "percent%2F", "dir/file.txt", "日本"} {
		body := noise(10)
		if _, err := put(t.Context(), c, b.Bucket, key, body); err != nil {
			t.Errorf("key %q: %v", key, err)
			continue
		}
		got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: &key})
		if err != nil {
			t.Errorf("key %q: %v", key, err)
			continue
		}
		if read, _ := io.ReadAll(got.Body); !bytes.Equal(read, body) {
			t.Errorf("key %q: another object came back", key)
		}
	}
}

// Trap 5: encryption headers are remembered with the object, whichever way it
// came, and repeated by every answer that S3 repeats them in.
func TestTrap05EncryptionIsEchoed(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	kms := "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	if _, err := admin.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &b.Bucket}); err != nil {
		t.Fatal(err) // the default one denies other encryption than AES256
	}
	head := func(key, version string) *s3.HeadObjectOutput {
		in := &s3.HeadObjectInput{Bucket: &b.Bucket, Key: &key}
		if version != "" {
			in.VersionId = &version
		}
		return must[*s3.HeadObjectOutput](t)(admin.HeadObject(t.Context(), in))
	}
	first := must[*s3.PutObjectOutput](t)(put(t.Context(), admin, b.Bucket, "k", []byte("1"), func(in *s3.PutObjectInput) {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &kms
		in.StorageClass = types.StorageClassStandardIa
	}))
	if first.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(first.SSEKMSKeyId) != kms {
		t.Errorf("put: got %+v", first)
	}
	must[*s3.PutObjectOutput](t)(put(t.Context(), admin, b.Bucket, "k", []byte("2")))
	if h := head("k", *first.VersionId); h.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(h.SSEKMSKeyId) != kms || h.StorageClass != types.StorageClassStandardIa {
		t.Errorf("first version: got %+v", h)
	}
	if h := head("k", ""); h.ServerSideEncryption != types.ServerSideEncryptionAes256 || h.StorageClass != "" || len(h.Metadata) != 0 {
		t.Errorf("second version: got %+v", h)
	}
	u := open(t, admin, b.Bucket, "m", func(in *s3.CreateMultipartUploadInput) {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &kms
	})
	if part := u.send(t, noise(9)); part.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(part.SSEKMSKeyId) != kms {
		t.Errorf("part: got %+v", part)
	}
	done := must[*s3.CompleteMultipartUploadOutput](t)(u.complete(t.Context()))
	if done.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(done.SSEKMSKeyId) != kms {
		t.Errorf("complete: got %+v", done)
	}
	got := must[*s3.GetObjectOutput](t)(admin.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: aws.String("m")}))
	if got.ServerSideEncryption != types.ServerSideEncryptionAwsKms || len(got.Metadata) != 0 {
		t.Errorf("get: got %+v", got)
	}
}

// Trap 5: the bucket's default encryption applies to objects that ask for none.
func TestTrap05DefaultEncryption(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	kms := "arn:aws:kms:us-east-1:123456789012:key/k"
	_, err := admin.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{Bucket: &b.Bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &kms}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	out := must[*s3.PutObjectOutput](t)(put(t.Context(), admin, b.Bucket, "k", []byte("1")))
	if out.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(out.SSEKMSKeyId) != kms {
		t.Errorf("got %+v", out)
	}
	// Whoever may not use the key may not write.
	_, err = put(t.Context(), b.s3(b.assume()), b.Bucket, "k", []byte("1"))
	denied(t, err, "kms:GenerateDataKey on resource: \""+kms+"\"")
}

// Trap 8: without s3:ListBucket a missing key is a 403, with it a 404.
func TestTrap08MissingKeys(t *testing.T) {
	b := start(t)
	blind := b.s3(b.assume(func(in *stsInput) { in.RoleArn = &b.ReaderRoleARN },
		withPolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectAttributes"],"Resource":"*"}]}`)))
	seeing := b.s3(b.reader())
	ask := map[string]func(*s3.Client) error{
		"get": func(c *s3.Client) error {
			_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: aws.String("none")})
			return err
		},
		"head": func(c *s3.Client) error {
			_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: aws.String("none")})
			return err
		},
		"attributes": func(c *s3.Client) error {
			_, err := c.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{Bucket: &b.Bucket, Key: aws.String("none"), ObjectAttributes: []types.ObjectAttributes{"ETag"}})
			return err
		},
	}
	for name, do := range ask {
		for who, c := range map[int]*s3.Client{http.StatusForbidden: blind, http.StatusNotFound: seeing} {
			var answer interface{ HTTPStatusCode() int }
			if err := do(c); !errors.As(err, &answer) || answer.HTTPStatusCode() != who {
				t.Errorf("%s: got %v, want %d", name, err, who)
			}
		}
	}
	_, err := seeing.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: aws.String("none")})
	refused(t, err, http.StatusNotFound, "NoSuchKey")
	if _, err := put(t.Context(), b.s3(b.assume()), b.Bucket, "some", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := blind.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: aws.String("some")}); err != nil {
		t.Errorf("a key that is there: %v", err)
	}
}

// Trap 9: x-amz-expected-bucket-owner is the account's number, for every
// operation.
func TestTrap09ExpectedBucketOwner(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	for owner, want := range map[string]bool{"123456789012": true, "210987654321": false} {
		set := func(in *s3.PutObjectInput) { in.ExpectedBucketOwner = &owner }
		_, putErr := put(t.Context(), admin, b.Bucket, "k", []byte("x"), set)
		_, listErr := admin.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b.Bucket, ExpectedBucketOwner: &owner})
		_, documentErr := admin.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: &b.Bucket, ExpectedBucketOwner: &owner})
		for _, err := range []error{putErr, listErr, documentErr} {
			if (err == nil) != want {
				t.Errorf("owner %s: got %v", owner, err)
			}
			if !want {
				denied(t, err)
			}
		}
	}
}

// Trap 10: buckets are made with and without a configuration.
func TestTrap10CreateBucket(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	name := "made-by-a-test"
	if _, err := admin.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	_, err := admin.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	refused(t, err, http.StatusConflict, "BucketAlreadyOwnedByYou")
	list := must[*s3.ListBucketsOutput](t)(admin.ListBuckets(t.Context(), &s3.ListBucketsInput{}))
	var names []string
	for _, bucket := range list.Buckets {
		names = append(names, *bucket.Name)
	}
	if want := []string{name, b.Bucket, b.TrailBucket}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	block := must[*s3.GetPublicAccessBlockOutput](t)(admin.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &name}))
	if !*block.PublicAccessBlockConfiguration.BlockPublicPolicy {
		t.Error("a new bucket lets the public in")
	}
	if _, err := admin.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	_, err = admin.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &name})
	refused(t, err, http.StatusNotFound, "NoSuchBucket")
}

func TestBucketsStartAsPromised(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	for _, name := range []string{b.Bucket, b.TrailBucket} {
		versioning := must[*s3.GetBucketVersioningOutput](t)(admin.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &name}))
		if versioning.Status != types.BucketVersioningStatusEnabled {
			t.Errorf("%s is not versioned", name)
		}
		ownership := must[*s3.GetBucketOwnershipControlsOutput](t)(admin.GetBucketOwnershipControls(t.Context(), &s3.GetBucketOwnershipControlsInput{Bucket: &name}))
		if ownership.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced {
			t.Errorf("%s has ACLs", name)
		}
		encryption := must[*s3.GetBucketEncryptionOutput](t)(admin.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: &name}))
		if encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != types.ServerSideEncryptionAes256 {
			t.Errorf("%s is not AES256", name)
		}
		block := must[*s3.GetPublicAccessBlockOutput](t)(admin.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &name}))
		if p := block.PublicAccessBlockConfiguration; !*p.BlockPublicAcls || !*p.BlockPublicPolicy || !*p.IgnorePublicAcls || !*p.RestrictPublicBuckets {
			t.Errorf("%s lets the public in", name)
		}
	}
}

// DeleteObjects is decided key by key.
func TestDeleteObjectsKeyByKey(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	for _, key := range []string{"a/1", "a/2", "b/1"} {
		must[*s3.PutObjectOutput](t)(put(t.Context(), admin, b.Bucket, key, []byte("x")))
	}
	putPolicy(t, admin, b.Bucket, `{"Effect":"Allow","Principal":{"AWS":"`+userARN+`"},"Action":"s3:DeleteObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/a/*"}`)
	out, err := b.s3(b.user()).DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &b.Bucket, Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{{Key: aws.String("a/1")}, {Key: aws.String("b/1")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Deleted) != 1 || *out.Deleted[0].Key != "a/1" || len(out.Errors) != 1 || *out.Errors[0].Key != "b/1" || *out.Errors[0].Code != "AccessDenied" {
		t.Errorf("got %+v and %+v", out.Deleted, out.Errors)
	}
	out, err = admin.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &b.Bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("b/1")}}}})
	if err != nil || len(out.Deleted) != 1 {
		t.Errorf("got %+v %v", out, err)
	}
	list := must[*s3.ListObjectsV2Output](t)(admin.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b.Bucket}))
	if len(list.Contents) != 1 || *list.Contents[0].Key != "a/2" {
		t.Errorf("left: %+v", list.Contents)
	}
}

func TestEmptyAndStreamedBodies(t *testing.T) {
	b := start(t, "--tls")
	c, reader := b.s3(b.assume()), b.s3(b.reader())
	if _, err := put(t.Context(), c, b.Bucket, "empty", nil); err != nil {
		t.Error(err)
	}
	// Over TLS the SDK sends the checksum as a trailer of a chunked body.
	body := noise(3 << 20)
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String("streamed"), Body: bytes.NewReader(body), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.ChecksumCRC64NVME) != sum64(body) {
		t.Errorf("got %v", out.ChecksumCRC64NVME)
	}
	head := must[*s3.HeadObjectOutput](t)(reader.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: aws.String("empty")}))
	if *head.ContentLength != 0 {
		t.Errorf("got %d bytes", *head.ContentLength)
	}
}
