package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// withHeader adds a header that the SDK has no field for, or would not send.
func withHeader(name, value string) func(*s3.Options) {
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Build.Add(middleware.BuildMiddlewareFunc("with"+name, func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
				in.Request.(*smithyhttp.Request).Header.Set(name, value)
				return next.HandleBuild(ctx, in)
			}), middleware.After)
		})
	}
}

// KMS options that S3 takes with KMS only, or not together.
func TestKMSHeadersThatS3Refuses(t *testing.T) {
	b := start(t, "--with-options")
	key := "arn:aws:kms:us-east-1:123456789012:key/5ea11f70-0000-4000-8000-000000000001"
	for name, in := range map[string]s3.PutObjectInput{
		"a bucket key with DSSE": {ServerSideEncryption: types.ServerSideEncryptionAwsKmsDsse, BucketKeyEnabled: aws.Bool(true)},
		"no base64":              {ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSEncryptionContext: aws.String("{}")},
		"no texts":               {ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSEncryptionContext: aws.String("eyJhIjoxfQ==")},
	} {
		t.Run(name, func(t *testing.T) {
			in.Bucket, in.Key, in.SSEKMSKeyId, in.Body = &b.Bucket, aws.String("k"), &key, strings.NewReader("x")
			_, err := b.s3(b.admin()).PutObject(t.Context(), &in)
			refused(t, err, http.StatusBadRequest, "InvalidArgument")
		})
	}
}

// What S3 refuses by its headers is refused for the same reason, for a small
// object and for a multipart upload alike, and leaves nothing behind.
func TestHeadersThatS3Refuses(t *testing.T) {
	b := start(t)
	admin := b.s3(b.admin())
	if _, err := admin.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &b.Bucket}); err != nil {
		t.Fatal(err) // it denies other encryption, which hides the reason
	}
	for _, c := range []struct {
		header, value string
		status        int
		code          string
	}{
		{"X-Amz-Storage-Class", "NOPE", 400, "InvalidStorageClass"},
		{"X-Amz-Storage-Class", "EXPRESS_ONEZONE", 400, "InvalidStorageClass"},
		{"X-Amz-Server-Side-Encryption", "ROT13", 400, "InvalidArgument"},
		{"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "k", 400, "InvalidArgument"},
		{"X-Amz-Server-Side-Encryption-Context", "e30=", 400, "InvalidArgument"},
		{"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true", 400, "InvalidArgument"},
		{"X-Amz-Object-Lock-Mode", "GOVERNANCE", 400, "InvalidArgument"},
		{"X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256", 501, "NotImplemented"},
		{"X-Amz-Acl", "public-read", 400, "AccessControlListNotSupported"},
		{"X-Amz-Grant-Read", "uri=http://acs.amazonaws.com/groups/global/AllUsers", 400, "AccessControlListNotSupported"},
		{"X-Amz-Tagging", "a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1", 400, "BadRequest"},
		{"X-Amz-Acl", "bucket-owner-full-control", 200, ""},
		{"X-Amz-Storage-Class", "GLACIER_IR", 200, ""},
		{"X-Amz-Tagging", "a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1", 200, ""},
	} {
		with := withHeader(c.header, c.value)
		_, putErr := admin.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String("k"), Body: strings.NewReader("x")}, with)
		_, openErr := admin.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.Bucket, Key: aws.String("k")}, with)
		for _, err := range []error{putErr, openErr} {
			if c.code == "" {
				if err != nil {
					t.Errorf("%s: %s: %v", c.header, c.value, err)
				}
				continue
			}
			refused(t, err, c.status, c.code)
		}
		if _, err := admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: aws.String("k")}); (err == nil) != (c.code == "") {
			t.Errorf("%s: %s: head: %v", c.header, c.value, err)
		}
		must[*s3.DeleteObjectOutput](t)(admin.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b.Bucket, Key: aws.String("k")}))
	}
}

// A length that is not told or is more than S3 takes is refused before the
// body is read to its end.
func TestLengthsThatS3Refuses(t *testing.T) {
	b := start(t)
	signed, err := s3.NewPresignClient(b.s3(b.assume())).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	at := must[*url.URL](t)(url.Parse(signed.URL))
	for header, want := range map[string]string{
		"X-Nothing: said":                            "411 MissingContentLength",
		fmt.Sprintf("Content-Length: %d", 5<<30+1):   "400 EntityTooLarge",
		"Transfer-Encoding: chunked\r\nX-Nothing: x": "411 MissingContentLength",
	} {
		conn := must[net.Conn](t)(net.Dial("tcp", at.Host))
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n0\r\n\r\n", at.RequestURI(), at.Host, header)
		if strings.HasPrefix(header, "Content-Length") {
			conn.Write(make([]byte, 5<<20)) // the server reads some before it looks
		}
		conn.(*net.TCPConn).CloseWrite()
		answer := must[*http.Response](t)(http.ReadResponse(bufio.NewReader(conn), nil))
		text := must[[]byte](t)(io.ReadAll(answer.Body))
		conn.Close()
		_, rest, _ := strings.Cut(string(text), "<Code>")
		code, _, _ := strings.Cut(rest, "</Code>")
		if got := fmt.Sprint(answer.StatusCode, " ", code); got != want {
			t.Errorf("%s: got %s, want %s", header, got, want)
		}
	}
}

// Trap 4: what cannot be a file is refused when it is written first, not when
// all parts are there, and never with a 409, which would mean another writer.
func TestTrap04KeysAreRefusedBeforeTheirParts(t *testing.T) {
	b := start(t)
	c := b.s3(b.admin())
	if _, err := put(t.Context(), c, b.Bucket, "file", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t.Context(), c, b.Bucket, "folder/file", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for key, code := range map[string]string{
		"file/below":             "InvalidRequest",
		"file/below/more":        "InvalidRequest",
		"file/":                  "InvalidRequest",
		"folder":                 "InvalidRequest",
		"nul\x00":                "InvalidRequest",
		".sgwtmp/x":              "InvalidRequest",
		".sgwtmp":                "InvalidRequest",
		strings.Repeat("s", 256): "InvalidRequest",
		strings.Repeat("s", 200) + strings.Repeat("/"+strings.Repeat("s", 200), 4) + strings.Repeat("k", 21): "KeyTooLongError",
	} {
		_, err := put(t.Context(), c, b.Bucket, key, nil)
		refused(t, err, http.StatusBadRequest, code)
		_, err = c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.Bucket, Key: &key})
		refused(t, err, http.StatusBadRequest, code)
	}
	longest := strings.Repeat("s", 200) + strings.Repeat("/"+strings.Repeat("s", 200), 4) + strings.Repeat("k", 20)
	for _, key := range []string{"file", "folder/file", "folder/", longest} {
		if _, err := put(t.Context(), c, b.Bucket, key, nil); err != nil {
			t.Errorf("key %.20q: %v", key, err)
		}
	}
}

// S3 wants the parts of a Complete in order, and without gaps where they
// carry checksums.
func TestPartsHaveTheirOrder(t *testing.T) {
	b := start(t)
	c := b.s3(b.assume())
	u := open(t, c, b.Bucket, "k")
	small := u.send(t, []byte("small"))
	u.send(t, noise(partSize))
	u.send(t, noise(10))
	for name, parts := range map[string][]types.CompletedPart{
		"backwards":       {u.parts[1], u.parts[0]},
		"twice":           {u.parts[1], u.parts[1]},
		"a gap":           {u.parts[0], u.parts[2]},
		"not from number": {u.parts[1], u.parts[2]},
	} {
		_, err := u.complete(t.Context(), func(in *s3.CompleteMultipartUploadInput) {
			in.MultipartUpload.Parts, in.MpuObjectSize, in.ChecksumCRC64NVME = parts, nil, nil
		})
		if api := refused(t, err, http.StatusBadRequest, "InvalidPartOrder"); api == nil {
			t.Error(name)
		}
	}
	// Without checksums S3 takes gaps.
	out := must[*s3.CreateMultipartUploadOutput](t)(c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.Bucket, Key: aws.String("gap")}))
	part := must[*s3.UploadPartOutput](t)(c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &b.Bucket, Key: aws.String("gap"), UploadId: out.UploadId, PartNumber: aws.Int32(7), Body: strings.NewReader("small")}))
	if _, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &b.Bucket, Key: aws.String("gap"), UploadId: out.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(7), ETag: part.ETag}}}}); err != nil || *part.ETag != *small.ETag {
		t.Errorf("a gap without checksums: %v", err)
	}
}

// A client that signs for another region is told the right one where S3 tells
// it, and every answer has one request id.
func TestHeadersThatClientsLearnFrom(t *testing.T) {
	b := start(t)
	for _, c := range []struct {
		method, path, body, region string
		status                     int
	}{
		{http.MethodPut, "/" + b.Bucket + "/k", "x", b.Region, 200},
		{http.MethodGet, "/" + b.Bucket + "/k", "", b.Region, 200},
		{http.MethodHead, "/" + b.Bucket + "/none", "", b.Region, 404},
		{http.MethodGet, "/" + b.Bucket + "/none", "", b.Region, 404},
		{http.MethodGet, "/" + b.Bucket + "?policy", "", b.Region, 200},
		{http.MethodGet, "/" + b.Bucket + "?uploads", "", b.Region, 200},
		{http.MethodGet, "/" + b.Bucket + "?policy", "", "eu-west-1", 400},
	} {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), c.method, b.Endpoint+c.path, strings.NewReader(c.body)))
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		if err := v4.NewSigner().SignHTTP(t.Context(), b.admin(), r, "UNSIGNED-PAYLOAD", "s3", c.region, time.Now()); err != nil {
			t.Fatal(err)
		}
		answer := must[*http.Response](t)(http.DefaultClient.Do(r))
		answer.Body.Close()
		for _, name := range []string{"X-Amz-Request-Id", "X-Amz-Id-2"} {
			if ids := answer.Header.Values(name); answer.StatusCode != c.status || len(ids) != 1 {
				t.Errorf("%s %s: got %s, %s %q", c.method, c.path, answer.Status, name, ids)
			}
		}
		if region := answer.Header.Get("X-Amz-Bucket-Region"); c.region != b.Region && region != b.Region {
			t.Errorf("told region %q", region)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// aws-chunked is how a body travels, not what it is.
func TestChunkedIsNotTheObjectsEncoding(t *testing.T) {
	b := start(t, "--tls")
	c, reader := b.s3(b.assume()), b.s3(b.reader())
	for encoding, want := range map[string]string{"": "", "gzip": "gzip"} {
		in := &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String("k"), Body: bytes.NewReader(noise(100)), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32}
		if encoding != "" {
			in.ContentEncoding = &encoding
		}
		must[*s3.PutObjectOutput](t)(c.PutObject(t.Context(), in))
		head := must[*s3.HeadObjectOutput](t)(reader.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: aws.String("k")}))
		if got := aws.ToString(head.ContentEncoding); got != want {
			t.Errorf("%q: got %q", encoding, got)
		}
	}
}

// A client that hangs up is no business of whoever reads the terminal.
func TestHangingUpGoesUnsaid(t *testing.T) {
	b := start(t)
	signed := must[*v4Request](t)(s3.NewPresignClient(b.s3(b.assume())).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String("k")}))
	at := must[*url.URL](t)(url.Parse(signed.URL))
	conn := must[net.Conn](t)(net.Dial("tcp", at.Host))
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\nonly this", at.RequestURI(), at.Host)
	conn.(*net.TCPConn).CloseWrite()
	if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && answer.StatusCode == http.StatusOK {
		t.Error("half a body was taken")
	} else if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	conn.Close()
	b.stop()
	if said := b.stderr.String(); said != "" {
		t.Errorf("it said %q", said)
	}
}
