//go:build linux

package bench

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is the command, built once, in a folder that TestMain removes.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "sealift")
	cmd := exec.Command("go", "build", "-o", path, "../cmd/sealift")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "sealift-bench-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

func build(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// nothing is a server with TLS that keeps nothing, in the test's own process.
type nothing struct {
	*httptest.Server
	roots string // file of its certificate
}

func serveNothing(t *testing.T, h http.Handler) *nothing {
	t.Helper()
	n := &nothing{httptest.NewTLSServer(h), filepath.Join(t.TempDir(), "roots.pem")}
	t.Cleanup(n.Close)
	if err := os.WriteFile(n.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

// upload is the command with these arguments, ready to run against n.
func (n *nothing) upload(t *testing.T, program, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"upload", "--quiet", "--state-dir", filepath.Join(dir, "state"),
		"--endpoint-url", n.URL, "--ca-bundle", n.roots, "--region", "us-east-1", "--allow-long-lived-keys", "--narrow", "off"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	return cmd
}

// resident runs cmd and returns the most memory that its process had resident,
// in bytes. The system's account of a child, ru_maxrss, counts the process that
// it was forked from too, so /proc is asked while it runs.
func resident(cmd *exec.Cmd) (peak int64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan struct{})
	most := make(chan int64)
	go func() {
		for last := int64(0); ; {
			last = max(last, highWater(cmd.Process.Pid))
			select {
			case <-done:
				most <- last
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	err = cmd.Wait()
	close(done)
	return <-most, err
}

// highWater is VmHWM of a process, in bytes; 0 when it is gone.
func highWater(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var kib int64
	if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok {
		_, _ = fmt.Sscan(rest, &kib)
	}
	return kib << 10
}
