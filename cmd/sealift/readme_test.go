//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// heading begins the part of README whose commands must work as they stand.
const heading = "## Thirty seconds with the sandbox"

var (
	shellBlock  = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")
	sandboxLine = regexp.MustCompile(`(?m)^\s*bin/sealift sandbox\b.*[^&\s]\s*$`)
)

// README's commands are run word for word, in a folder that has bin/ and
// big.iso: the block that starts the sandbox in one shell, as in a terminal of
// its own, the others together in a second one.
func TestReadmeCommandsWork(t *testing.T) {
	blocks := readmeBlocks(t)
	free(t, "127.0.0.1:9090")
	dir := t.TempDir()
	furnish(t, dir)
	var second []string
	for _, block := range blocks {
		if sandboxLine.MatchString(block) {
			background(t, dir, block)
		} else {
			second = append(second, block)
		}
	}
	out, err := shell(dir, strings.Join(second, "\n")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "s3://my-secure-upload-bucket-007/") {
		t.Errorf("nothing was uploaded:\n%s", out)
	}
}

// readmeBlocks are the shell blocks below the heading, up to the next.
func readmeBlocks(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), heading+"\n")
	if !found {
		t.Fatalf("README has no %q", heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var blocks []string
	for _, m := range shellBlock.FindAllStringSubmatch(rest, -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) < 2 {
		t.Fatalf("%d shell blocks below %q, want one for each terminal", len(blocks), heading)
	}
	return blocks
}

// free makes sure that the sandbox's usual port can be had.
func free(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("the sandbox's usual address is taken: %v", err)
	}
	l.Close()
}

// furnish puts the programs into bin/ and makes something to upload.
func furnish(t *testing.T, dir string) {
	t.Helper()
	program, err := exec.LookPath("sealift")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"sealift": program, "sealift-sandbox": sandboxtest.Program(t)} {
		if err := os.Symlink(target, filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	randomFile(t, dir, "big.iso", 20<<20)
}

func shell(dir, script string) *exec.Cmd {
	cmd := exec.Command("sh", "-e", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH"), "TERM=dumb"}
	return cmd
}

// background runs a block until the test ends, and waits for its folder to
// have the file to source.
func background(t *testing.T, dir, block string) {
	t.Helper()
	cmd := shell(dir, "exec "+strings.TrimSpace(block))
	cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(sandboxtest.Program(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	_, rest, _ := strings.Cut(block, "--dir ")
	folder := strings.Trim(strings.Fields(rest + " .")[0], `"'=`)
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(dir, folder)
	}
	for range 200 {
		if _, err := os.Stat(filepath.Join(folder, "env")); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no sandbox after %q", block)
}
