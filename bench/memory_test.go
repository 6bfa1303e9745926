//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"io"
	rand2 "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealift/sealift/bench/null"
	"github.com/sealift/sealift/internal/sandboxtest"
)

// maxResident is the most memory that the client may hold, whatever the size
// of the file, in bytes.
const maxResident = 48 << 20

// TestUploadStaysSmall uploads a file of SEALIFT_BENCH_MIB over TLS to the
// sandbox and holds the client's peak resident memory against maxResident.
func TestUploadStaysSmall(t *testing.T) {
	mib := setting(t, "SEALIFT_BENCH_MIB", 256)
	dir := t.TempDir()
	program := build(t)
	source := randomFile(t, filepath.Join(dir, "source"), mib<<20)
	sandbox := sandboxtest.Start(t, "--tls")
	cmd := exec.CommandContext(t.Context(), program, "upload", "--quiet", "--state-dir", filepath.Join(dir, "state"), source, "s3://"+sandbox.Bucket+"/source")
	cmd.Env = sandbox.Env("")
	begun := time.Now()
	var out bytes.Buffer
	cmd.Stderr = &out
	resident, err := resident(cmd)
	if err != nil {
		t.Fatalf("upload: %v\n%s", err, &out)
	}
	t.Logf("%d MiB over TLS with SHA-256: %.1f s wall, %.1f s CPU, peak RSS %.1f MiB", mib, time.Since(begun).Seconds(),
		(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), float64(resident)/(1<<20))
	if resident > maxResident {
		t.Errorf("peak RSS is %d bytes, at most %d", resident, maxResident)
	}
}

// maxStreaming is the same for a stream of whatever length.
const maxStreaming = 256 << 20

// TestStreamStaysSmall pipes SEALIFT_BENCH_STREAM_MIB, with parts of
// SEALIFT_BENCH_STREAM_PART if that is set, through standard input to a server
// that keeps nothing, and holds the client's peak resident memory against
// maxStreaming. Parts over 16 MiB go through the spool folder: a part size says
// at once what comes to a stream after 8 GiB.
func TestStreamStaysSmall(t *testing.T) {
	mib, parts := setting(t, "SEALIFT_BENCH_STREAM_MIB", 256), []string{"auto", "64MiB", "600MiB"}
	if s := os.Getenv("SEALIFT_BENCH_STREAM_PART"); s != "" {
		parts = []string{s}
	}
	dir := t.TempDir()
	program := build(t)
	server := serveNothing(t, new(null.Server))
	for _, part := range parts {
		cmd := server.upload(t, program, dir, "--part-size", part, "-", "s3://bucket/"+part)
		cmd.Stdin = io.LimitReader(rand2.NewChaCha8([32]byte{}), mib<<20)
		begun := time.Now()
		var out bytes.Buffer
		cmd.Stderr = &out
		resident, err := resident(cmd)
		if err != nil {
			t.Fatalf("upload: %v\n%s", err, &out)
		}
		t.Logf("%d MiB through a pipe and over TLS, parts of %s, with SHA-256: %.1f s wall, %.1f s CPU, peak RSS %.1f MiB", mib, part, time.Since(begun).Seconds(),
			(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), float64(resident)/(1<<20))
		if resident > maxStreaming {
			t.Errorf("parts of %s: peak RSS is %d bytes, at most %d", part, resident, maxStreaming)
		}
	}
}

func randomFile(t *testing.T, path string, size int64) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := io.CopyN(w, rand.Reader, size); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}
