package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// A verifier runs the command in a folder where a receipt of a file is.
type verifier struct {
	*sandboxtest.Sandbox
	dir string
}

// withReceipt uploads a file of that size as in/a, with the receipt a.json.
func withReceipt(t *testing.T, size int) verifier {
	t.Helper()
	v := verifier{sandboxtest.Start(t), t.TempDir()}
	randomFile(t, v.dir, "a", size)
	if out, code := v.run(t, "upload", "--quiet", "--receipt", "a.json", "a", "s3://"+v.Bucket+"/in/a"); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	return v
}

func (v verifier) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return v.with(t, nil, args...)
}

// with runs the command with more in its environment.
func (v verifier) with(t *testing.T, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sealift", args...)
	cmd.Dir = v.dir
	cmd.Env = append(append(v.Env(v.Profile), "XDG_STATE_HOME="+v.dir, "XDG_CONFIG_HOME="+v.dir), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (v verifier) admin(t *testing.T) *s3.Client {
	return s3.NewFromConfig(v.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })
}

// reading are the arguments that ask S3 alone.
func (v verifier) reading(more ...string) []string {
	return append([]string{"verify", "--against", "s3", "--reader-role-arn", v.ReaderRoleARN, "a.json"}, more...)
}

func TestVerifyReadsEveryByteOfALargeObject(t *testing.T) {
	v := withReceipt(t, 40<<20)
	if out, code := v.run(t, v.reading("--download", "--json")...); code != 0 || !strings.Contains(out, `"download source.sha256"`) {
		t.Errorf("%d %s", code, out)
	}
}

func TestVerifyNamesADeletedObject(t *testing.T) {
	v := withReceipt(t, 100)
	client := v.admin(t)
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &v.Bucket, Key: aws.String("in/a")}); err != nil {
		t.Fatal(err)
	}
	if out, code := v.run(t, v.reading()...); code != 5 || !strings.Contains(out, "nothing in S3") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := v.run(t, v.reading("--allow-newer")...); code != 0 {
		t.Errorf("its version is there: %d %s", code, out)
	}
	list, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &v.Bucket, Prefix: aws.String("in/a")})
	if err != nil || len(list.Versions) != 1 {
		t.Fatal(list, err)
	}
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &v.Bucket, Key: aws.String("in/a"), VersionId: list.Versions[0].VersionId}); err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]string{"--json": "nothing in S3", "--allow-newer": "the version is gone, or may not be read", "--download": "nothing in S3"} {
		if out, code := v.run(t, v.reading(more)...); code != 5 || !strings.Contains(out, want) {
			t.Errorf("%s: %d %s", more, code, out)
		}
	}
	if out, code := v.run(t, v.reading("--narrow", "off", "--allow-newer")...); code != 5 || !strings.Contains(out, "nothing in S3") {
		t.Errorf("with more rights: %d %s", code, out)
	}
}

// A server that stores other bytes than it says is found by reading them. One
// bit in the last range is enough; an answer that is cut is asked for again.
func TestVerifyFindsOtherBytesThanS3Says(t *testing.T) {
	v := withReceipt(t, 20<<20)
	target, err := url.Parse(v.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var flip atomic.Bool
	var cut atomic.Int32
	var cuts atomic.Int32
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}, ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(r *http.Response) error {
			if !strings.HasPrefix(r.Request.Header.Get("Range"), "bytes=16777216-") {
				return nil
			}
			text, err := io.ReadAll(r.Body)
			if flip.Load() {
				text[len(text)-1] ^= 1
			}
			if cut.Add(-1) >= 0 {
				cuts.Add(1)
				text = text[:1000]
			}
			r.Body = io.NopCloser(bytes.NewReader(text))
			return err
		}}
	server := httptest.NewServer(proxy)
	defer server.Close()
	through := []string{"AWS_ENDPOINT_URL=" + server.URL, "AWS_ENDPOINT_URL_S3=" + server.URL}
	cut.Store(2)
	if out, code := v.with(t, through, v.reading("--download", "--endpoint-url", server.URL)...); code != 0 || cuts.Load() != 2 {
		t.Errorf("cut %d times: %d %s", cuts.Load(), code, out)
	}
	flip.Store(true)
	out, code := v.with(t, through, v.reading("--download", "--endpoint-url", server.URL)...)
	if code != 5 || !strings.Contains(out, "source.sha256 is") || !strings.Contains(out, "source.crc64nvme is") || !strings.Contains(out, "in the object's bytes") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := v.with(t, through, v.reading("--endpoint-url", server.URL)...); code != 0 {
		t.Errorf("without --download: %d %s", code, out)
	}
}

// Against files no socket is opened: neither the endpoint nor a proxy nor
// whoever gives credentials hears of it, whatever the environment says.
func TestVerifyAsksNoNetworkForFiles(t *testing.T) {
	v := withReceipt(t, 1000)
	heard := make(chan string, 100)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			heard <- c.RemoteAddr().String()
			c.Close()
		}
	}()
	at := "http://" + listener.Addr().String()
	env := []string{"AWS_ENDPOINT_URL=" + at, "HTTPS_PROXY=" + at, "HTTP_PROXY=" + at, "ALL_PROXY=" + at,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + at, "AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + at,
		"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_PROFILE=",
		"AWS_CONFIG_FILE=" + filepath.Join(v.dir, "none"), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(v.dir, "none")}
	if out, code := v.with(t, env, "verify", "a.json"); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	if out, code := v.with(t, append(env, "SEALIFT_READER_PROFILE=reader-profile"), "verify", "--against", "file", "a.json"); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	select {
	case who := <-heard:
		t.Errorf("%s was heard", who)
	default:
	}
	if strace, err := exec.LookPath("strace"); err == nil {
		cmd := exec.CommandContext(t.Context(), strace, "-f", "-e", "trace=socket,connect", "sealift", "verify", "a.json")
		cmd.Dir, cmd.Env = v.dir, append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err == nil && strings.Contains(string(out), "socket(") {
			t.Errorf("a socket is opened:\n%s", out)
		}
	}
}
