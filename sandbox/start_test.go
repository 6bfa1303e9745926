package sandbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Programs read this line; a key that changes its name breaks them.
func TestReadyLineHasExactlyItsKeys(t *testing.T) {
	cmd := program("--addr", "127.0.0.1:0", "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(out)
	var line map[string]any
	if err := dec.Decode(&line); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(os.Interrupt)
	rest, _ := io.ReadAll(io.MultiReader(dec.Buffered(), out))
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
	if strings.TrimSpace(string(rest)) != "" || stderr.Len() > 0 {
		t.Errorf("more was printed: %q and %q", rest, stderr.String())
	}
	var got []string
	for k := range line {
		got = append(got, k)
	}
	slices.Sort(got)
	want := strings.Fields(`access_key_id account admin_access_key_id admin_secret_access_key bucket ca_file config_file
		credentials_file endpoint pid profile reader_role_arn region role_arn secret_access_key topic_arn trail_arn trail_bucket type user`)
	if !slices.Equal(got, want) {
		t.Errorf("got keys %v\nwant %v", got, want)
	}
	if line["type"] != "sandbox" || line["profile"] != "uploader-profile" || line["account"] != "123456789012" {
		t.Errorf("got %v", line)
	}
}

// On a machine that does other things as well, the clock tells little; then
// the processor time of the whole run, start and stop, must do.
func TestStartsInLessThanHalfASecond(t *testing.T) {
	const limit = 500 * time.Millisecond
	best, work := time.Hour, time.Hour
	for range 3 {
		begin := time.Now()
		b := start(t)
		best = min(best, time.Since(begin))
		if _, err := b.sts(b.user()).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Errorf("it was not ready: %v", err)
		}
		b.stop()
		work = min(work, b.process.ProcessState.UserTime()+b.process.ProcessState.SystemTime())
	}
	if best > limit && work > limit {
		t.Errorf("took %v, %v of processor time", best, work)
	}
}

// Trap 1: the engine changes the working directory. Paths that were relative
// when the program started must mean what they meant then.
func TestTrap01RelativeDirStaysWhereItWas(t *testing.T) {
	at := t.TempDir()
	cmd := program("--addr", "127.0.0.1:0", "--json", "--tls", "--dir", "some/where")
	cmd.Dir = at
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var line struct {
		ConfigFile string `json:"config_file"`
		CAFile     string `json:"ca_file"`
	}
	if err := json.NewDecoder(out).Decode(&line); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{line.ConfigFile, line.CAFile} {
		if !filepath.IsAbs(path) {
			t.Errorf("%s is not absolute", path)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(at, "some", "where", "data", "my-secure-upload-bucket-007")); err != nil {
		t.Error(err)
	}
}

// Trap 2: the engine does not say which port it got, and prints to standard
// output. Many sandboxes must find a port each, and print one line.
func TestTrap02FreePortsDoNotCollide(t *testing.T) {
	seen := map[string]bool{}
	for range 4 {
		b := start(t)
		if seen[b.Endpoint] {
			t.Errorf("%s was given twice", b.Endpoint)
		}
		seen[b.Endpoint] = true
	}
}

func TestUsedPortIsNamedAndFails(t *testing.T) {
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	code, stderr := end(t, "--addr", l.Addr().String())
	want := "sealift-sandbox: listen on " + l.Addr().String() + ": address already in use; choose another with --addr, or --addr 127.0.0.1:0 for a free one\n"
	if code != 1 || stderr != want {
		t.Errorf("got exit %d and %q, want %q", code, stderr, want)
	}
}

func TestUsageErrorsExit2(t *testing.T) {
	for _, args := range [][]string{
		{"--no-such-flag"}, {"extra"}, {"--addr", "0.0.0.0:0"}, {"--addr", "nonsense"}, {"--min-session", "soon"},
	} {
		if code, stderr := end(t, args...); code != 2 || stderr == "" {
			t.Errorf("%v: got exit %d and %q", args, code, stderr)
		}
	}
}

// end runs the program to its end.
func end(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	cmd := program(args...)
	var b bytes.Buffer
	cmd.Stderr = &b
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), b.String()
}

func TestHelpIsHonest(t *testing.T) {
	out, err := program("--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Examples:", "What it cannot do:", "keys are file paths", "--dir", "Exit codes"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("help does not say %q", part)
		}
	}
}

// Whichever way it is told to end, also by a terminal that closes.
func TestTemporaryFolderIsRemoved(t *testing.T) {
	for _, told := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		b := start(t)
		dir := filepath.Dir(b.ConfigFile)
		if _, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		}
		b.process.Process.Signal(told)
		b.stop() // tells it again
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v: %s is still there", told, dir)
		}
	}
}

func TestSecondSandboxInOneFolderIsRefused(t *testing.T) {
	dir := temp(t)
	start(t, "--dir", dir)
	if code, stderr := end(t, "--addr", "127.0.0.1:0", "--dir", dir); code != 1 || !strings.Contains(stderr, "another sandbox") {
		t.Errorf("got exit %d and %q", code, stderr)
	}
}

// Clients keep connections open; that must not hold up the end.
func TestIdleConnectionsDoNotHoldUpTheEnd(t *testing.T) {
	b := start(t)
	if _, err := b.s3(b.admin()).ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	b.stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// stall begins a PUT whose body does not come to its end.
func stall(t *testing.T, b *box) {
	t.Helper()
	signed := must[*v4Request](t)(s3.NewPresignClient(b.s3(b.assume())).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String("k")}))
	at := must[*url.URL](t)(url.Parse(signed.URL))
	conn := must[net.Conn](t)(net.Dial("tcp", at.Host))
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 9000000\r\n\r\n", at.RequestURI(), at.Host)
	if _, err := conn.Write(make([]byte, 6<<20)); err != nil { // and the rest never comes
		t.Fatal(err)
	}
}

// A client that has come to a stop is waited for, but not for long.
func TestStalledClientHoldsUpTheEndForTwoSeconds(t *testing.T) {
	b := start(t, "--dir", temp(t))
	stall(t, b)
	begin := time.Now()
	b.stop() // which wants a clean end
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
}

// Requests in flight are waited for, unless it is told twice.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	b := start(t, "--dir", temp(t))
	stall(t, b)
	b.stopped = true
	begin := time.Now()
	b.process.Process.Signal(os.Interrupt)
	time.Sleep(1200 * time.Millisecond)
	b.process.Process.Signal(os.Interrupt)
	var exit *exec.ExitError
	if err := b.process.Wait(); !errors.As(err, &exit) || time.Since(begin) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
}

// What a person gets on standard output can be evaluated by a shell.
func TestPlainOutputIsShell(t *testing.T) {
	dir := temp(t)
	cmd := program("--addr", "127.0.0.1:0", "--tls", "--dir", dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "writing env", func() bool {
		_, err := os.Stat(filepath.Join(dir, "env"))
		return err == nil
	})
	time.Sleep(50 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"stdout": out.String(),
		"env":    string(must[[]byte](t)(os.ReadFile(filepath.Join(dir, "env")))),
	} {
		sh := exec.Command("sh", "-eu", "-c", script+"\nprintf '%s\\n' \"$AWS_CONFIG_FILE\" \"$AWS_SHARED_CREDENTIALS_FILE\" \"$AWS_PROFILE\" \"$AWS_CA_BUNDLE\"\nenv | grep ^AWS_ | wc -l")
		// What the caller has set must not lead elsewhere.
		sh.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") }), "AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3=http://127.0.0.1:1", "AWS_ENDPOINT_URL_STS=http://127.0.0.1:1",
			"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_SESSION_TOKEN=c", "AWS_ROLE_ARN=d", "AWS_ROLE_SESSION_NAME=e",
			"AWS_WEB_IDENTITY_TOKEN_FILE=/f", "AWS_CA_BUNDLE=/g", "AWS_PROFILE=h", "AWS_REGION=i", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true")
		got, err := sh.CombinedOutput()
		want := strings.Join([]string{
			filepath.Join(dir, "config"), filepath.Join(dir, "credentials"), "uploader-profile", filepath.Join(dir, "tls", "ca.pem"), "4",
		}, "\n") + "\n"
		if err != nil || string(got) != want {
			t.Errorf("%s: got %v %q, want %q", name, err, got, want)
		}
	}
}
