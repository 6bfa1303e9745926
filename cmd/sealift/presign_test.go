package main

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// The session that signs a URL can itself write that key and no other: what
// the URL is made of is worth no more than it.
func TestPresigningSessionIsNarrowedToTheKey(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, false)
	dir := t.TempDir()
	randomFile(t, dir, "a", 10)
	cmd, out := proxy.sealift(t, sandbox, dir, "presign", "s3://"+sandbox.Bucket+"/in/a", "--file", "a")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var answer struct {
		AccessKeyID     string `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		SecretAccessKey string `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		SessionToken    string `xml:"AssumeRoleResult>Credentials>SessionToken"`
	}
	if err := xml.Unmarshal(proxy.answers.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "X-Amz-Credential="+answer.AccessKeyID) {
		t.Fatalf("%s did not sign\n%s", answer.AccessKeyID, out)
	}
	client := s3.NewFromConfig(sandbox.Config(t, answer.AccessKeyID, answer.SecretAccessKey, answer.SessionToken),
		func(o *s3.Options) { o.UsePathStyle = true })
	for key, allowed := range map[string]bool{"in/a": true, "in/b": false, "in/a/b": false, "in/": false, "a": false} {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &sandbox.Bucket, Key: aws.String(key), Body: bytes.NewReader(nil)})
		if allowed != (err == nil) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &sandbox.Bucket, Key: aws.String("in/a")}); err == nil {
		t.Error("it may read")
	}
}
