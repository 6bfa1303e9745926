package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/sealift/sealift/sandbox"
	"github.com/sealift/sealift/sandbox/internal/command"
)

// The S3 engine allows one sandbox a process, so every sandbox of these tests
// is this test program run again as sealift-sandbox.
const child = "SEALIFT_SANDBOX_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program is sealift-sandbox with args, in a clean environment.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), child+"=1", "GORACE=exitcode=66")
	return cmd
}

// A box is one running sandbox.
type box struct {
	sandbox.Ready
	t       testing.TB
	process *exec.Cmd
	stdout  *bufio.Reader
	stderr  bytes.Buffer
	stopped bool
}

// start runs a sandbox on a free port until the test ends.
func start(t testing.TB, args ...string) *box {
	t.Helper()
	b := &box{t: t, process: program(append([]string{"--addr", "127.0.0.1:0", "--json"}, args...)...)}
	b.process.Stderr = &b.stderr
	out, err := b.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.stop)
	b.stdout = bufio.NewReader(out)
	line, err := b.stdout.ReadBytes('\n')
	if err != nil {
		t.Fatalf("sandbox said nothing: %v\n%s", err, b.stderr.String())
	}
	if err := json.Unmarshal(line, &b.Ready); err != nil {
		t.Fatalf("read %q: %v", line, err)
	}
	return b
}

// stop stops the sandbox as a user would and wants a clean end.
func (b *box) stop() {
	if b.stopped {
		return
	}
	b.stopped = true
	b.process.Process.Signal(syscall.SIGTERM)
	rest, _ := io.ReadAll(b.stdout)
	if err := b.process.Wait(); err != nil {
		b.t.Errorf("sandbox ended with %v\n%s", err, b.stderr.String())
	}
	if len(rest) > 0 {
		b.t.Errorf("sandbox printed more than its one line: %q", rest)
	}
}

// config is the SDK's, with keys and without retries.
func (b *box) config(c aws.Credentials) aws.Config {
	b.t.Helper()
	client := awshttp.NewBuildableClient()
	opts := []func(*config.LoadOptions) error{
		config.WithRegion(b.Region),
		config.WithBaseEndpoint(b.Endpoint),
		config.WithHTTPClient(client),
		config.WithCredentialsProvider(credentials.StaticCredentialsProvider{Value: c}),
		config.WithRetryMaxAttempts(1),
		config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}),
	}
	if b.CAFile != "" {
		pem, err := os.ReadFile(b.CAFile)
		if err != nil {
			b.t.Fatal(err)
		}
		opts = append(opts, config.WithCustomCABundle(bytes.NewReader(pem)))
	}
	cfg, err := config.LoadDefaultConfig(b.t.Context(), opts...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	return cfg
}

func (b *box) user() aws.Credentials {
	return aws.Credentials{AccessKeyID: b.AccessKeyID, SecretAccessKey: b.SecretAccessKey}
}

func (b *box) admin() aws.Credentials {
	return aws.Credentials{AccessKeyID: b.AdminAccessKeyID, SecretAccessKey: b.AdminSecretAccessKey}
}

func (b *box) s3(c aws.Credentials) *s3.Client   { return s3.NewFromConfig(b.config(c)) }
func (b *box) sts(c aws.Credentials) *sts.Client { return sts.NewFromConfig(b.config(c)) }

// assume gives a session of the upload role, as changed by edits.
func (b *box) assume(edits ...func(*sts.AssumeRoleInput)) aws.Credentials {
	b.t.Helper()
	out, err := b.tryAssume(b.user(), edits...)
	if err != nil {
		b.t.Fatalf("assume role: %v", err)
	}
	return out
}

func (b *box) tryAssume(as aws.Credentials, edits ...func(*sts.AssumeRoleInput)) (aws.Credentials, error) {
	in := &sts.AssumeRoleInput{RoleArn: aws.String(b.RoleARN), RoleSessionName: aws.String("sealift-test")}
	for _, edit := range edits {
		edit(in)
	}
	out, err := b.sts(as).AssumeRole(b.t.Context(), in)
	if err != nil {
		return aws.Credentials{}, err
	}
	c := out.Credentials
	return aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey,
		SessionToken: *c.SessionToken, CanExpire: true, Expires: *c.Expiration,
	}, nil
}

// reader gives a session of the reader role.
func (b *box) reader() aws.Credentials {
	return b.assume(func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(b.ReaderRoleARN) })
}

func withPolicy(text string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.Policy = &text }
}

// refused wants err to be AWS's answer of a status and code.
func refused(t testing.TB, err error, status int, code string) smithy.APIError {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want %d %s", err, status, code)
	}
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() != status || api.ErrorCode() != code {
		t.Fatalf("got %v, want %d %s", err, status, code)
	}
	return api
}

// denied wants err to be a 403 AccessDenied whose message has every part.
func denied(t testing.TB, err error, parts ...string) {
	t.Helper()
	api := refused(t, err, http.StatusForbidden, "AccessDenied")
	for _, part := range parts {
		if !strings.Contains(api.ErrorMessage(), part) {
			t.Errorf("message %q does not say %q", api.ErrorMessage(), part)
		}
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func put(ctx context.Context, c *s3.Client, bucket, key string, body []byte, edits ...func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
	in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}
	for _, edit := range edits {
		edit(in)
	}
	return c.PutObject(ctx, in)
}

// eventually waits for a condition that a moment makes true.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 200 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s did not happen", what)
}

// temp is a folder below the test's own, with a name that needs quoting.
func temp(t testing.TB) string { return filepath.Join(t.TempDir(), "sand box") }

type stsInput = sts.AssumeRoleInput

type v4Request = v4.PresignedHTTPRequest
