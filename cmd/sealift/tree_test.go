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
	cmd, out := proxy.amid(t, sandbox, "a.iso", "b.iso", "c.iso", "d.iso", "e.iso", "f.iso")
	interrupt(t, cmd, out, syscall.SIGINT)
	if !strings.Contains(out.String(), "interrupted: what was begun has been aborted\n") {
		t.Errorf("it says\n%s", out)
	}
	if n := openUploads(t, sandbox); n != 0 {
		t.Errorf("%d uploads are left open", n)
	}
}
