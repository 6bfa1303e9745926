package session_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/session"
)

// errDeniedEach stands for an answer 200 that denies every key on its own.
var errDeniedEach = errors.New("denied each")

// refused tells 403 AccessDenied. HEAD answers have no body to name it.
func refused(err error) bool {
	if errors.Is(err, errDeniedEach) {
		return true
	}
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	api, named := errors.AsType[smithy.APIError](err)
	if !ok || !named || answer.HTTPStatusCode() != http.StatusForbidden {
		return false
	}
	head := answer.Response.Request != nil && answer.Response.Request.Method == http.MethodHead
	return api.ErrorCode() == "AccessDenied" || head && api.ErrorCode() == "Forbidden"
}

func client(c aws.Config) *s3.Client {
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle, o.RetryMaxAttempts = true, 1 })
}

// uploadSession is a session of the sandbox's upload role.
func uploadSession(t *testing.T, sb *sandboxtest.Sandbox, n *policy.Narrowed) aws.Config {
	t.Helper()
	s, err := session.New(session.Config{STS: sts.NewFromConfig(sb.UserConfig(t))},
		session.Grant{RoleARN: sb.RoleARN, Name: "sealift-01KMATRIX", Policy: n})
	if err != nil {
		t.Fatal(err)
	}
	c := sb.UserConfig(t)
	c.Credentials = s
	return c
}

func narrowTo(t *testing.T, w policy.Want) *policy.Narrowed {
	t.Helper()
	n, err := policy.Narrow(w)
	if err != nil {
		t.Fatal(err)
	}
	return &n
}

// furnish makes what the probes must not touch, as the administrator.
func furnish(t *testing.T, sb *sandboxtest.Sandbox) (admin *s3.Client, version, foreign string) {
	t.Helper()
	admin = client(sb.AdminConfig(t))
	if _, err := admin.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(otherBuck)}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(otherBuck), Key: aws.String("secret"), Body: body()}); err != nil {
		t.Fatal(err)
	}
	put, err := admin.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: aws.String(bystander), Body: strings.NewReader("untouched")})
	if err != nil {
		t.Fatal(err)
	}
	created, err := admin.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &sb.Bucket, Key: aws.String(bystander)})
	if err != nil {
		t.Fatal(err)
	}
	return admin, aws.ToString(put.VersionId), *created.UploadId
}

func TestUploadSessionCanDoNothingElse(t *testing.T) {
	sb := sandboxtest.Start(t)
	admin, version, foreign := furnish(t, sb)
	c := uploadSession(t, sb, narrowTo(t, policy.Want{Bucket: sb.Bucket, Keys: []string{allowed}, Prefix: "in/"}))
	at := &target{Client: client(c), sandbox: sb, config: c, bucket: sb.Bucket, version: version, foreign: foreign}
	if _, err := at.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &at.bucket, Key: aws.String(allowed), Body: strings.NewReader("mine")}); err != nil {
		t.Fatalf("the upload itself: %v", err)
	}
	at.upload = startUpload(t, at)
	probes := slices.Concat(keyProbes(), objectProbes, multipartProbes, bucketProbes, elsewhereProbes)
	if len(probes) < 40 {
		t.Errorf("only %d probes", len(probes))
	}
	for _, p := range probes {
		t.Run(p.name, func(t *testing.T) {
			if err := p.do(t.Context(), at); !refused(err) {
				t.Errorf("got %v, want 403 AccessDenied", err)
			}
		})
	}
	finishUpload(t, at)
	untouched(t, sb, admin, foreign)
}

// startUpload opens the session's own multipart upload.
func startUpload(t *testing.T, at *target) string {
	t.Helper()
	out, err := at.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &at.bucket, Key: aws.String(allowed)})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return *out.UploadId
}

// finishUpload does all that an upload session is for.
func finishUpload(t *testing.T, at *target) {
	t.Helper()
	ctx, key := t.Context(), aws.String(allowed)
	part, err := at.UploadPart(ctx, &s3.UploadPartInput{Bucket: &at.bucket, Key: key, UploadId: &at.upload, PartNumber: aws.Int32(1), Body: bytes.NewReader(make([]byte, 5<<20))})
	if err != nil {
		t.Fatalf("part: %v", err)
	}
	if out, err := at.ListParts(ctx, &s3.ListPartsInput{Bucket: &at.bucket, Key: key, UploadId: &at.upload}); err != nil || len(out.Parts) != 1 {
		t.Errorf("list parts: %v", err)
	}
	if _, err := at.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &at.bucket, Key: key, UploadId: &at.upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: part.ETag, PartNumber: aws.Int32(1), ChecksumCRC32: part.ChecksumCRC32}}}}); err != nil {
		t.Errorf("complete: %v", err)
	}
	second := startUpload(t, at)
	if _, err := at.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &at.bucket, Key: key, UploadId: &second}); err != nil {
		t.Errorf("abort: %v", err)
	}
}

// untouched looks, as the administrator, whether a probe got through.
func untouched(t *testing.T, sb *sandboxtest.Sandbox, admin *s3.Client, foreign string) {
	t.Helper()
	list, err := admin.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &sb.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, *o.Key)
	}
	if want := []string{allowed, bystander}; !slices.Equal(keys, want) {
		t.Errorf("bucket holds %q, want %q", keys, want)
	}
	got, err := admin.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &sb.Bucket, Key: aws.String(bystander)})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if text, _ := io.ReadAll(got.Body); string(text) != "untouched" {
		t.Errorf("bystander holds %q", text)
	}
	parts, err := admin.ListParts(t.Context(), &s3.ListPartsInput{Bucket: &sb.Bucket, Key: aws.String(bystander), UploadId: &foreign})
	if err != nil || len(parts.Parts) != 0 {
		t.Errorf("foreign upload: %v, %v", parts, err)
	}
}

// Keys that are wildcards to IAM must stand for themselves alone.
func TestWildcardsInKeysAreLiteral(t *testing.T) {
	sb := sandboxtest.Start(t)
	for own, others := range map[string][]string{
		"*":               {"a", "**", "in/file.bin", "${*}"},
		"in/*":            {"in/a", "in/", "in/**"},
		"file?":           {"file1", "file", "file??"},
		"${*}":            {"*", "a"},
		"$":               {"a", "${$}"},
		"${aws:username}": {"uploader", "s3-uploader-role"},
		"$*?{}":           {"$abc{}", "$"},
	} {
		t.Run(own, func(t *testing.T) {
			s := client(uploadSession(t, sb, narrowTo(t, policy.Want{Bucket: sb.Bucket, Keys: []string{own}})))
			for _, key := range others {
				_, err := s.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &key, Body: body()})
				if !refused(err) {
					t.Errorf("put %s: got %v", key, err)
				}
			}
			if _, err := s.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &own, Body: body()}); err != nil {
				t.Errorf("put %s: %v", own, err)
			}
		})
	}
}

// What is outside ASCII goes into the policy as escapes and must come out as
// the same key.
func TestKeysOutsideASCIIAreTheirOwn(t *testing.T) {
	sb := sandboxtest.Start(t)
	for own, other := range map[string]string{"Übergröße.iso": "Ubergroße.iso", "写真/🚀 1.raw": "写真/🚀 2.raw", "<&>\"\\'": "<&>\"\\"} {
		s := client(uploadSession(t, sb, narrowTo(t, policy.Want{Bucket: sb.Bucket, Keys: []string{own}})))
		if _, err := s.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &own, Body: body()}); err != nil {
			t.Errorf("put %s: %v", own, err)
		}
		if _, err := s.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &other, Body: body()}); !refused(err) {
			t.Errorf("put %s: got %v", other, err)
		}
	}
}

func TestSessionsOfSeveralKeysAndOfAPrefix(t *testing.T) {
	sb := sandboxtest.Start(t)
	for name, c := range map[string]struct {
		want    policy.Want
		in, out []string
	}{
		"objects": {policy.Want{Keys: []string{"in/a", "in/b"}, Prefix: "in/"}, []string{"in/a", "in/b"}, []string{"in/c", "in/ab", "a"}},
		"prefix":  {policy.Want{Prefix: "in/"}, []string{"in/a", "in/x/y"}, []string{"inn/a", "a", "IN/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Bucket = sb.Bucket
			s := client(uploadSession(t, sb, narrowTo(t, c.want)))
			for _, key := range c.in {
				if _, err := s.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &key, Body: body()}); err != nil {
					t.Errorf("put %s: %v", key, err)
				}
			}
			for _, key := range c.out {
				if _, err := s.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sb.Bucket, Key: &key, Body: body()}); !refused(err) {
					t.Errorf("put %s: got %v", key, err)
				}
			}
			if _, err := s.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &sb.Bucket}); !refused(err) {
				t.Errorf("list uploads: got %v", err)
			}
		})
	}
}
