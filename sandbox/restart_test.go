package sandbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A folder is a sandbox: after a restart it has the same keys, sessions,
// buckets, documents, objects, open uploads, and what it answered before.
func TestRestartGoesOn(t *testing.T) {
	dir := temp(t)
	before := start(t, "--dir", dir)
	session, ctx := before.assume(), t.Context()
	admin := before.s3(before.admin())
	must[*s3.CreateBucketOutput](t)(admin.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("second-bucket")}))
	putPolicy(t, admin, before.Bucket, `{"Sid":"Mine","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/no/*"}`)
	must[*s3.PutObjectOutput](t)(put(ctx, admin, before.Bucket, "kept", []byte("x"), func(in *s3.PutObjectInput) { in.StorageClass = types.StorageClassStandardIa }))
	half := open(t, before.s3(session), before.Bucket, "half")
	half.send(t, noise(partSize))
	whole := open(t, before.s3(session), before.Bucket, "whole")
	whole.send(t, noise(10))
	first := must[*s3.CompleteMultipartUploadOutput](t)(whole.complete(ctx))
	before.stop()

	after := start(t, "--dir", dir)
	if after.AccessKeyID != before.AccessKeyID || after.AdminSecretAccessKey != before.AdminSecretAccessKey {
		t.Error("keys have changed")
	}
	admin = after.s3(after.admin())
	c := after.s3(session)
	_, err := put(ctx, c, after.Bucket, "no/x", []byte("x"))
	denied(t, err, "explicit deny")
	head := must[*s3.HeadObjectOutput](t)(admin.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &after.Bucket, Key: aws.String("kept")}))
	if head.ServerSideEncryption != "AES256" || head.StorageClass != types.StorageClassStandardIa {
		t.Errorf("got %+v", head)
	}
	must[*s3.HeadBucketOutput](t)(admin.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("second-bucket")}))
	list := must[*s3.ListMultipartUploadsOutput](t)(c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &after.Bucket}))
	if len(list.Uploads) != 1 || !strings.HasSuffix(aws.ToString(list.Uploads[0].Initiator.ID), "/sealift-test") {
		t.Errorf("got %+v", list.Uploads)
	}
	half.c, whole.c = c, c
	half.send(t, noise(5))
	if _, err := half.complete(ctx); err != nil {
		t.Errorf("go on: %v", err)
	}
	again := must[*s3.CompleteMultipartUploadOutput](t)(whole.complete(ctx))
	if *again.VersionId != *first.VersionId || *again.ChecksumCRC64NVME != *first.ChecksumCRC64NVME {
		t.Errorf("repeated: got %+v, want %+v", again, first)
	}
}

// The process can die while an upload is being put together; what the client
// then repeats must not be answered 200 with nothing stored.
func TestDeathInCompleteIsRepaired(t *testing.T) {
	dir := temp(t)
	before := start(t, "--dir", dir)
	session := before.assume()
	u := open(t, before.s3(session), before.Bucket, "k")
	u.send(t, noise(10))
	before.stop()
	matches := must[[]string](t)(filepath.Glob(filepath.Join(dir, "data", before.Bucket, ".sgwtmp", "multipart", "*", u.id)))
	if len(matches) != 1 {
		t.Fatalf("found %v", matches)
	}
	if err := os.Rename(matches[0], matches[0]+".abc-1.inprogress"); err != nil {
		t.Fatal(err)
	}
	after := start(t, "--dir", dir)
	u.c = after.s3(session)
	done, err := u.complete(t.Context())
	if err != nil || aws.ToString(done.ChecksumCRC64NVME) != sum64(u.body) {
		t.Errorf("got %+v %v", done, err)
	}
}

func TestTLS(t *testing.T) {
	dir := temp(t)
	b := start(t, "--tls", "--dir", dir)
	if !strings.HasPrefix(b.Endpoint, "https://") || b.CAFile != filepath.Join(dir, "tls", "ca.pem") {
		t.Errorf("got %s and %s", b.Endpoint, b.CAFile)
	}
	c := b.s3(b.assume())
	u := open(t, c, b.Bucket, "k")
	u.send(t, noise(partSize))
	u.send(t, noise(1))
	if _, err := u.complete(t.Context()); err != nil {
		t.Error(err)
	}
	for file, parts := range map[string][]string{
		b.ConfigFile:              {"ca_bundle = " + b.CAFile, "endpoint_url = " + b.Endpoint},
		filepath.Join(dir, "env"): {"export AWS_CA_BUNDLE='" + b.CAFile + "'"},
	} {
		text := string(must[[]byte](t)(os.ReadFile(file)))
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s does not say %q", file, part)
			}
		}
	}
	// Policies ask for TLS, and see which.
	putPolicy(t, b.s3(b.admin()), b.Bucket, `{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::my-secure-upload-bucket-007/*","Condition":{"NumericLessThan":{"s3:TlsVersion":"1.3"}}}`)
	if _, err := put(t.Context(), c, b.Bucket, "new", []byte("x")); err != nil {
		t.Errorf("TLS 1.3: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must[[]byte](t)(os.ReadFile(b.CAFile)))
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}}}
	_, err := put(t.Context(), s3.NewFromConfig(b.config(b.admin()), func(o *s3.Options) { o.HTTPClient = old }), b.Bucket, "old", []byte("x"))
	denied(t, err, "explicit deny")
	tooOld := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}}
	if answer, err := tooOld.Get(b.Endpoint); err == nil {
		answer.Body.Close()
		t.Error("TLS 1.1 was taken")
	}
}

// The default policies follow --tls: a folder made with it must work without.
func TestDefaultPoliciesFollowTLS(t *testing.T) {
	dir := temp(t)
	b := start(t, "--tls", "--dir", dir)
	ca := must[[]byte](t)(os.ReadFile(b.CAFile))
	got := must[*s3.GetBucketPolicyOutput](t)(b.s3(b.admin()).GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &b.Bucket}))
	if !strings.Contains(*got.Policy, "aws:SecureTransport") {
		t.Errorf("with TLS: got %s", *got.Policy)
	}
	b.stop()
	plain := start(t, "--dir", dir)
	if _, err := put(t.Context(), plain.s3(plain.assume()), plain.Bucket, "k", []byte("x")); err != nil {
		t.Errorf("without TLS: %v", err)
	}
	plain.stop()
	again := start(t, "--tls", "--dir", dir)
	if string(must[[]byte](t)(os.ReadFile(again.CAFile))) != string(ca) {
		t.Error("the authority has changed without need")
	}
}
