package cli

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// client is an ordinary S3 client with someone's credentials: what the demo
// shows must hold for any client.
func (w *signedIn) client(as aws.CredentialsProvider) *s3.Client {
	return s3.New(s3.Options{
		Region: w.region, BaseEndpoint: aws.String(w.endpoint), UsePathStyle: true, Credentials: as, RetryMaxAttempts: 1,
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12}
		}),
	})
}

// A probe is something that a narrowed session must not be able to do.
type probe struct {
	name string // for JSON
	text string // for people
	try  func(context.Context, *s3.Client) error
}

// probes are what a thief would try first.
func probes(bucket, key string) []probe {
	b, k, other := aws.String(bucket), aws.String(key), aws.String("another-"+key)
	return []probe{
		{"get", "read the object back", func(ctx context.Context, c *s3.Client) error {
			_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: k})
			return err
		}},
		{"put", "write another key", func(ctx context.Context, c *s3.Client) error {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: other, Body: strings.NewReader("mine now")})
			return err
		}},
		{"list", "list the bucket", func(ctx context.Context, c *s3.Client) error {
			_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b})
			return err
		}},
		{"delete", "delete the object", func(ctx context.Context, c *s3.Client) error {
			_, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: k})
			return err
		}},
	}
}

// refused returns nil if S3 refused the probe with 403 AccessDenied. Anything
// else, another refusal too, proves nothing.
func (p probe) refused(ctx context.Context, c *s3.Client) error {
	err := p.try(ctx, c)
	if err == nil {
		return fmt.Errorf("%w: the session could %s", errDemoUnproven, p.text)
	}
	answer, answered := errors.AsType[*awshttp.ResponseError](err)
	code, _ := errors.AsType[smithy.APIError](err)
	if !answered || code == nil || answer.HTTPStatusCode() != http.StatusForbidden || code.ErrorCode() != "AccessDenied" {
		return fmt.Errorf("%w: to %s was not denied but: %w", errDemoUnproven, p.text, err)
	}
	return nil
}

// readBack reads an object and returns how many bytes it has and their
// SHA-256.
func readBack(ctx context.Context, c *s3.Client, bucket, key string) (int64, string, error) {
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return 0, "", err
	}
	defer got.Body.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, got.Body)
	return n, hex.EncodeToString(hash.Sum(nil)), err
}
