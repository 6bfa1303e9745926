package sandbox_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sealift/sealift/policy"
)

// A session narrowed to one key can write that key and nothing else; the
// narrowing is the library's own.
func TestNarrowedSessionsWriteTheirKeyOnly(t *testing.T) {
	b := start(t)
	for _, key := range []string{"in/plain", "in/*", "in/what?", "in/${aws:username}", "in/$5"} {
		t.Run(key, func(t *testing.T) {
			narrowed, err := policy.Narrow(policy.Want{Bucket: b.Bucket, Keys: []string{key}})
			if err != nil {
				t.Fatal(err)
			}
			c := b.s3(b.assume(withPolicy(narrowed.Text)))
			if _, err := put(t.Context(), c, b.Bucket, key, []byte("x")); err != nil {
				t.Errorf("its own key: %v", err)
			}
			for _, other := range []string{"in/other", "in/plain2", "in/whatx", "out", "in/uploader"} {
				_, err := put(t.Context(), c, b.Bucket, other, []byte("x"))
				denied(t, err, "no session policy allows the s3:PutObject action")
			}
			u := open(t, c, b.Bucket, key)
			u.send(t, []byte("whole"))
			if _, err := u.complete(t.Context(), func(in *s3.CompleteMultipartUploadInput) { in.IfNoneMatch = nil }); err != nil {
				t.Errorf("multipart: %v", err)
			}
		})
	}
}

// The upload role can do what uploads need and not read, list or delete.
func TestUploadRoleIsWriteOnly(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	must[*s3.PutObjectOutput](t)(put(t.Context(), c, b.Bucket, "k", []byte("x")))
	ctx, bucket, key := t.Context(), &b.Bucket, aws.String("k")
	for action, err := range map[string]error{
		"s3:GetObject":                  second(c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})),
		"s3:DeleteObject":               second(c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key})),
		"s3:ListBucket":                 second(c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})),
		"s3:ListBucketVersions":         second(c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket})),
		"s3:GetBucketPolicy":            second(c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucket})),
		"s3:PutBucketPolicy":            second(c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String("{}")})),
		"s3:PutObjectTagging":           second(put(ctx, c, b.Bucket, "k", []byte("x"), func(in *s3.PutObjectInput) { in.Tagging = aws.String("a=b") })),
		"s3:PutObjectAcl":               second(put(ctx, c, b.Bucket, "k", []byte("x"), func(in *s3.PutObjectInput) { in.ACL = types.ObjectCannedACLPublicRead })),
		"s3:ListAllMyBuckets":           second(c.ListBuckets(ctx, &s3.ListBucketsInput{})),
		"s3:CreateBucket":               second(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("new-bucket")})),
		"s3:GetObjectVersion":           second(c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, VersionId: aws.String("01M8699K2X7J9S3PBC96PPAC4V")})),
		"s3:PutEncryptionConfiguration": second(c.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: bucket})),
	} {
		t.Run(action, func(t *testing.T) {
			denied(t, err, "assumed-role/s3-uploader-role/sealift-test is not authorized to perform: "+action+" on resource:")
		})
	}
	_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String(b.Bucket + "/k")})
	denied(t, err, "s3:GetObject")
	_, err = put(ctx, c, b.TrailBucket, "k", []byte("x"))
	denied(t, err, "s3:PutObject")
}

func second[T any](_ T, err error) error { return err }

// Trap 6: policies see what the request really says, also what the engine
// would not tell them, and a signed Referer stays the client's.
func TestTrap06ConditionsSeeTheRequest(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	type edit = func(*s3.PutObjectInput)
	header := func(name, value string) func(*s3.Options) {
		return func(o *s3.Options) {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue(name, value))
		}
	}
	none := func(*s3.Options) {}
	for _, c := range []struct {
		name, condition string
		passes, fails   edit
		with            func(*s3.Options) // for passes
	}{
		{"encryption", `"StringNotEquals":{"s3:x-amz-server-side-encryption":"AES256"}`,
			func(in *s3.PutObjectInput) { in.ServerSideEncryption = types.ServerSideEncryptionAes256 }, func(*s3.PutObjectInput) {}, none},
		{"if-none-match", `"Null":{"s3:if-none-match":"true"},"Bool":{"s3:ObjectCreationOperation":"true"}`,
			func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }, func(*s3.PutObjectInput) {}, none},
		{"tag", `"StringNotEquals":{"s3:RequestObjectTag/team":"blue"}`,
			func(in *s3.PutObjectInput) { in.Tagging = aws.String("team=blue&x=1") }, func(in *s3.PutObjectInput) { in.Tagging = aws.String("team=red") }, none},
		{"tag keys", `"ForAnyValue:StringNotEquals":{"s3:RequestObjectTagKeys":["team"]}`,
			func(in *s3.PutObjectInput) { in.Tagging = aws.String("team=blue") }, func(in *s3.PutObjectInput) { in.Tagging = aws.String("team=blue&x=1") }, none},
		{"storage class", `"StringNotEqualsIfExists":{"s3:x-amz-storage-class":"STANDARD_IA"}`,
			func(in *s3.PutObjectInput) { in.StorageClass = types.StorageClassStandardIa }, func(in *s3.PutObjectInput) { in.StorageClass = types.StorageClassGlacierIr }, none},
		{"referer, signed", `"StringNotEquals":{"aws:Referer":"https://client.example/"}`,
			func(*s3.PutObjectInput) {}, func(*s3.PutObjectInput) {}, header("Referer", "https://client.example/")},
		{"source address", `"NotIpAddress":{"aws:SourceIp":"127.0.0.0/8"}`, func(*s3.PutObjectInput) {}, nil, none},
		{"time", `"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`, func(*s3.PutObjectInput) {}, nil, none},
		{"signature", `"StringNotEquals":{"s3:authType":"REST-HEADER"}`, func(*s3.PutObjectInput) {}, nil, none},
		{"resource account", `"StringNotEquals":{"s3:ResourceAccount":"123456789012"}`, func(*s3.PutObjectInput) {}, nil, none},
		{"user name", `"StringNotEquals":{"aws:username":"sandbox-admin"}`, func(*s3.PutObjectInput) {}, nil, none},
		{"plain http", `"Bool":{"aws:SecureTransport":"false"}`, nil, func(*s3.PutObjectInput) {}, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			putPolicy(t, admin, b.Bucket, `{"Sid":"Guard","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/*","Condition":{`+c.condition+`}}`)
			key := "c/" + strings.ReplaceAll(c.name, " ", "-") + "/"
			if c.passes != nil {
				client := s3.NewFromConfig(b.config(b.admin()), c.with)
				if _, err := put(t.Context(), client, b.Bucket, key+"1", []byte("x"), c.passes); err != nil {
					t.Errorf("should pass: %v", err)
				}
			}
			if c.fails != nil {
				_, err := put(t.Context(), admin, b.Bucket, key+"2", []byte("x"), c.fails)
				denied(t, err, "with an explicit deny in a resource-based policy")
			}
		})
	}
}

func TestListConditions(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume(func(in *sts.AssumeRoleInput) { in.RoleArn = &b.ReaderRoleARN },
		withPolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":"in/*"},"NumericLessThanEquals":{"s3:max-keys":"10"}}}]}`)))
	if _, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b.Bucket, Prefix: aws.String("in/x"), MaxKeys: aws.Int32(10)}); err != nil {
		t.Error(err)
	}
	for _, in := range []*s3.ListObjectsV2Input{
		{Bucket: &b.Bucket}, {Bucket: &b.Bucket, Prefix: aws.String("out/")}, {Bucket: &b.Bucket, Prefix: aws.String("in/x"), MaxKeys: aws.Int32(11)},
	} {
		_, err := c.ListObjectsV2(t.Context(), in)
		denied(t, err, "no session policy allows")
	}
}

// Unsigned, misdated, wrongly signed and over-age requests are refused as S3
// refuses them; a presigned URL is as good as a header while it lasts.
func TestPresignedURLs(t *testing.T) {
	b := start(t)
	signer := s3.NewPresignClient(b.s3(b.assume(withPolicy(putAny))))
	sign := func(life time.Duration) *v4Request {
		in := &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String("pre/signed key")}
		return must[*v4Request](t)(signer.PresignPutObject(t.Context(), in, s3.WithPresignExpires(life)))
	}
	url, short := sign(time.Minute), sign(time.Second)
	send := func(url string) (int, string) {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader([]byte("hello"))))
		answer := must[*http.Response](t)(http.DefaultClient.Do(r))
		defer answer.Body.Close()
		return answer.StatusCode, string(must[[]byte](t)(io.ReadAll(answer.Body)))
	}
	if code, body := send(url.URL); code != http.StatusOK {
		t.Errorf("got %d %s", code, body)
	}
	if code, body := send(strings.Replace(url.URL, "signed", "sealed", 1)); code != http.StatusForbidden || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("another key: got %d %s", code, body)
	}
	unsigned, _, _ := strings.Cut(url.URL, "?")
	if code, body := send(unsigned); code != http.StatusForbidden || !strings.Contains(body, "AccessDenied") {
		t.Errorf("unsigned: got %d %s", code, body)
	}
	time.Sleep(2100 * time.Millisecond) // times of signatures are whole seconds
	if code, body := send(short.URL); code != http.StatusForbidden || !strings.Contains(body, "Request has expired") {
		t.Errorf("over age: got %d %s", code, body)
	}
}

// A reader's session narrowed to a key reads that key and its versions, sees
// whether it is there, and does nothing else.
func TestNarrowedReadersReadTheirKeyOnly(t *testing.T) {
	b := start(t)
	writer := b.s3(b.assume())
	keys := []string{"in/plain", "in/*", "in/what?", "in/${aws:username}", "in/$5", "in/other", "out"}
	for _, key := range keys {
		must[*s3.PutObjectOutput](t)(put(t.Context(), writer, b.Bucket, key, []byte("x")))
	}
	for _, want := range []policy.Want{
		{Keys: []string{"in/plain"}}, {Keys: []string{"in/*"}}, {Keys: []string{"in/what?"}}, {Keys: []string{"in/${aws:username}"}},
		{Keys: []string{"in/$5", "in/other"}}, {Prefix: "in/"},
	} {
		want.Bucket, want.Read = b.Bucket, true
		narrowed, err := policy.Narrow(want)
		if err != nil {
			t.Fatal(err)
		}
		c := b.s3(b.assume(func(in *sts.AssumeRoleInput) { in.RoleArn = &b.ReaderRoleARN }, withPolicy(narrowed.Text)))
		ctx := t.Context()
		for _, key := range keys {
			may := slices.Contains(want.Keys, key) || want.Prefix != "" && strings.HasPrefix(key, want.Prefix)
			_, read := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Bucket, Key: &key})
			_, listed := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.Bucket, Prefix: &key})
			if (read == nil) != may || (listed == nil) != may {
				t.Errorf("%+v: %s: read %v, listed %v", want, key, read, listed)
			}
		}
		for _, err := range []error{
			second(put(ctx, c, b.Bucket, "in/plain", []byte("x"))),
			second(c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Bucket, Key: &keys[0]})),
			second(c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.Bucket})),
			second(c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &b.Bucket})),
			second(c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &b.Bucket})),
		} {
			denied(t, err)
		}
	}
}
