// Package sandboxtest starts the real sandbox program for tests: built from
// this repository once per test run, one process per test, on loopback.
//
// It fails the test where the sandbox cannot be built or started; it never
// skips. Only tests import it.
package sandboxtest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// A Sandbox is one that runs: the line it printed when it was ready, and its
// folder.
type Sandbox struct {
	Type             string `json:"type"` // "sandbox"
	Endpoint         string `json:"endpoint"`
	Region           string `json:"region"`
	Account          string `json:"account"`
	User             string `json:"user"`
	AccessKeyID      string `json:"access_key_id"` // of the user
	SecretAccessKey  string `json:"secret_access_key"`
	Profile          string `json:"profile"`
	ConfigFile       string `json:"config_file"`
	CredentialsFile  string `json:"credentials_file"`
	RoleARN          string `json:"role_arn"`
	AdminAccessKeyID string `json:"admin_access_key_id"`
	AdminSecretKey   string `json:"admin_secret_access_key"`
	ReaderRoleARN    string `json:"reader_role_arn"`
	Bucket           string `json:"bucket"`
	TrailBucket      string `json:"trail_bucket"`
	TrailARN         string `json:"trail_arn"`
	TopicARN         string `json:"topic_arn"`
	CAFile           string `json:"ca_file"` // "" without --tls
	PID              int    `json:"pid"`
	Dir              string `json:"-"` // its --dir
	Line             string `json:"-"` // what it printed, without the newline

	process *os.Process
	ended   chan error // what the process ended with
	stopped bool       // Stop was called
}

// startWithin is how long a sandbox may take until it answers, on a machine
// that is busy with other tests.
const startWithin = 60 * time.Second

// Start runs the sandbox with these arguments beside --addr, --dir and --json,
// and stops it when the test ends. A --dir or --addr among args replaces
// Start's own.
func Start(t testing.TB, args ...string) *Sandbox {
	t.Helper()
	s, err := start(t, Program(t), args)
	if err != nil {
		t.Fatalf("start sandbox: %v", err)
	}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

func start(t testing.TB, program string, args []string) (*Sandbox, error) {
	dir, addr := flagValue(args, "--dir"), flagValue(args, "--addr")
	full := slices.Clone(args)
	if dir == "" {
		dir = t.TempDir()
		full = append(full, "--dir", dir)
	}
	if addr == "" {
		full = append(full, "--addr", "127.0.0.1:0")
	}
	cmd := exec.Command(program, append(full, "--json")...)
	cmd.Env = withoutAWS(os.Environ())
	cmd.Dir = dir
	stderr := &tail{}
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Sandbox{Dir: dir, ended: make(chan error, 1), process: cmd.Process}
	line := make(chan string, 1)
	go func() {
		r := bufio.NewReader(stdout)
		text, _ := r.ReadString('\n')
		line <- text
		_, _ = r.WriteTo(stderr)
		s.ended <- cmd.Wait()
	}()
	select {
	case s.Line = <-line:
	case <-time.After(startWithin):
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("no line within %v\n%s", startWithin, stderr)
	}
	s.Line = strings.TrimSpace(s.Line)
	if err := json.Unmarshal([]byte(s.Line), s); err != nil {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("read line %q: %w\n%s", s.Line, err, stderr)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("sandbox said:\n%s", stderr)
		}
	})
	return s, nil
}

// Stop ends the sandbox as a user does, and fails the test if it does not stop
// cleanly within ten seconds. Stopping twice is nothing.
func (s *Sandbox) Stop(t testing.TB) {
	t.Helper()
	if s.stopped {
		return
	}
	s.stopped = true
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		_ = s.process.Kill() // no signals on this system, or it is gone
	}
	select {
	case err := <-s.ended:
		if err != nil && runtime.GOOS != "windows" {
			t.Errorf("sandbox ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		_ = s.process.Kill()
		t.Errorf("sandbox does not stop")
	}
}

// Env is the environment in which any AWS client works against the sandbox, as
// the profile; "" is the uploader's. Other AWS variables are not in it.
func (s *Sandbox) Env(profile string) []string {
	if profile == "" {
		profile = s.Profile
	}
	env := append(withoutAWS(os.Environ()), "AWS_CONFIG_FILE="+s.ConfigFile,
		"AWS_SHARED_CREDENTIALS_FILE="+s.CredentialsFile, "AWS_PROFILE="+profile, "AWS_EC2_METADATA_DISABLED=true")
	if s.CAFile != "" {
		env = append(env, "AWS_CA_BUNDLE="+s.CAFile)
	}
	return env
}

// Config is an SDK configuration with these keys; token "" is none.
func (s *Sandbox) Config(t testing.TB, accessKeyID, secret, token string) aws.Config {
	t.Helper()
	return aws.Config{
		Region:       s.Region,
		BaseEndpoint: &s.Endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secret, token),
		HTTPClient:   s.Client(t),
	}
}

// UserConfig is an SDK configuration with the user's own keys.
func (s *Sandbox) UserConfig(t testing.TB) aws.Config {
	return s.Config(t, s.AccessKeyID, s.SecretAccessKey, "")
}

// AdminConfig is an SDK configuration of the administrator: all rights.
func (s *Sandbox) AdminConfig(t testing.TB) aws.Config {
	return s.Config(t, s.AdminAccessKeyID, s.AdminSecretKey, "")
}

// Client trusts the sandbox's certificate and follows no redirects.
func (s *Sandbox) Client(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			t.Fatalf("no certificate in %s", s.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// flagValue is what args give a flag, as "--x v" or "--x=v".
func flagValue(args []string, name string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, name+"="); ok {
			return v
		}
		if a == name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// withoutAWS is an environment in which no AWS or Sealift setting stands.
func withoutAWS(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_") || strings.HasPrefix(kv, "SEALIFT_") || strings.HasPrefix(kv, "ACTIONS_ID_TOKEN_")
	})
}

// tail keeps what a program says, for the log of a failed test.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len() < 1<<20 {
		l.buf.Write(p)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// root is the repository's folder: the one above the working directory that
// holds both modules.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "sandbox", "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("find sandbox/go.mod above the working directory: %w", os.ErrNotExist)
		}
		dir = filepath.Dir(dir)
	}
}
