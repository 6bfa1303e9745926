package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3response"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/bucket"
	"github.com/sealift/sealift/sandbox/internal/upload"
)

// Trap 10: where files have no extended attributes, what is known of objects
// is kept beside them. This is the one gateway of this test process.
func TestTrap10WithoutExtendedAttributes(t *testing.T) {
	dir := t.TempDir()
	acct, err := account.New(account.State{ID: "123456789012", Region: "us-east-1", SealKey: account.NewSealKey(),
		Roles: map[string]*account.Role{}, Users: map[string]*account.User{"u": {Name: "u", Policies: map[string]json.RawMessage{}}}})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := bucket.Open(filepath.Join(dir, "buckets"))
	if err != nil {
		t.Fatal(err)
	}
	uploads, err := upload.Open(filepath.Join(dir, "uploads"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Dir: dir, Account: acct, Documents: documents, Uploads: uploads, sidecar: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	if made, err := s.MakeBucket("one-bucket", false); err != nil || !made {
		t.Fatalf("got %v %v", made, err)
	}
	if made, err := s.MakeBucket("one-bucket", false); err != nil || made {
		t.Errorf("made again: got %v %v", made, err)
	}
	ctx := context.Background()
	name, key := aws.String("one-bucket"), aws.String("a/b")
	for _, text := range []string{"first", "second"} {
		_, err := s.PutObject(ctx, s3response.PutObjectInput{Bucket: name, Key: key, Body: bytes.NewReader([]byte(text)),
			ContentLength: aws.Int64(int64(len(text))), Metadata: map[string]string{"m": text}})
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := s.GetObject(ctx, &s3.GetObjectInput{Bucket: name, Key: key, Range: aws.String("")})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(out.Body)
	if err != nil || string(body) != "second" || out.Metadata["m"] != "second" || len(out.Metadata) != 1 {
		t.Errorf("got %q %v %v", body, out.Metadata, err)
	}
	list, err := s.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: name, Prefix: aws.String(""), Delimiter: aws.String(""),
		KeyMarker: aws.String(""), VersionIdMarker: aws.String(""), MaxKeys: aws.Int32(10)})
	if err != nil || len(list.Versions) != 2 {
		t.Errorf("got %d versions, %v", len(list.Versions), err)
	}
}
