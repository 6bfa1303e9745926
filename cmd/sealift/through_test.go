package main

import (
	"strings"
	"testing"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// S3 too is reached through the proxy that the environment names: nothing
// answers at this address but through it.
func TestUploadGoesThroughTheProxy(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, false)
	dir := t.TempDir()
	randomFile(t, dir, "a.bin", 20<<20)
	cmd, out := proxy.sealift(t, sandbox, dir, "upload", "--endpoint-url", "http://192.0.2.1", "--allow-plain-http",
		"--keep-trying", "1s", "a.bin", "s3://"+sandbox.Bucket+"/through-proxy")
	cmd.Env = append(cmd.Env, "HTTP_PROXY="+proxy.URL, "NO_PROXY=")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out.String(), "/through-proxy\t") {
		t.Errorf("it says\n%s", out)
	}
}
