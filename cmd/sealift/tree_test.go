//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// A folder that is given up leaves nothing open, and says what it stored.
func TestInterruptionAbortsAFolder(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, true)
	dir := t.TempDir()
	for _, name := range []string{"a.iso", "b.iso", "c.iso", "d.iso", "e.iso", "f.iso"} {
		randomFile(t, dir, name, 40<<20)
	}
	cmd, out := proxy.sealift(t, sandbox, dir, "upload", "--on-interrupt", "abort", "--if-exists", "changed", ".", "s3://"+sandbox.Bucket+"/in/")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-proxy.reached
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := exits(t, cmd); code != 130 {
		t.Errorf("exit code %d, want 130\n%s", code, out)
	}
	if !strings.Contains(out.String(), "interrupted: what was begun has been aborted\n") {
		t.Errorf("it says\n%s", out)
	}
	if n := openUploads(t, sandbox); n != 0 {
		t.Errorf("%d uploads are left open", n)
	}
}
