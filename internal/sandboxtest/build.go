package sandboxtest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Program is the path of the sandbox program. SEALIFT_TEST_SANDBOX names one
// that is built already; else the first test to ask builds it, and the other
// packages of the same `go test` wait for that and share it.
func Program(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("SEALIFT_TEST_SANDBOX"); path != "" {
		return path
	}
	path, err := build()
	if err != nil {
		t.Fatalf("build sandbox: %v", err)
	}
	return path
}

func build() (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(root))
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("sealift-sandboxtest-%d-%x", os.Getuid(), sum[:4]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	program := filepath.Join(dir, "sealift-sandbox"+exeSuffix())
	stamp, run := filepath.Join(dir, "run"), testRun()
	if built, err := os.ReadFile(stamp); err == nil && run != "" && string(built) == run {
		if _, err := os.Stat(program); err == nil {
			return program, nil
		}
	}
	if err := goBuild(filepath.Join(root, "sandbox"), program); err != nil {
		return "", err
	}
	return program, os.WriteFile(stamp, []byte(run), 0o600)
}

// goBuild builds beside and renames, so that a sandbox that runs keeps its file.
func goBuild(module, program string) error {
	fresh := program + fmt.Sprintf(".%d", os.Getpid())
	cmd := exec.Command("go", "build", "-o", fresh, "./cmd/sealift-sandbox")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.Rename(fresh, program)
}

// testRun names the `go test` that started this process: its number and when
// it started. "" means unknown, and then every process builds for itself,
// which the build cache makes short.
func testRun() string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", os.Getppid()))
	if err != nil {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const startTime = 19 // field 22 of the whole line; the name and number are cut off
	if len(fields) <= startTime {
		return ""
	}
	return fmt.Sprintf("%s %d %s", strings.TrimSpace(string(boot)), os.Getppid(), fields[startTime])
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
