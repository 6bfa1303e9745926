//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sealift/sealift/bench/null"
)

// Bounds of the client's peak resident memory, in bytes.
const (
	maxOfFile = 32 << 20 // any file, any part size, concurrency as it is found
	maxOfTree = 64 << 20 // any number of files
)

// TestHugeSourceStaysSmall begins to upload a sparse file of 100 GiB, with
// small and with large parts, and interrupts it after the server has got
// SEALIFT_BENCH_MIB of it.
func TestHugeSourceStaysSmall(t *testing.T) {
	enough := setting(t, "SEALIFT_BENCH_MIB", 256) << 20
	dir := t.TempDir()
	program := build(t)
	source := filepath.Join(dir, "sparse")
	if err := os.WriteFile(source, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(source, 100<<30); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"auto", "1GiB"} {
		counted := &counting{next: new(null.Server), enough: enough, reached: make(chan struct{})}
		cmd := serveNothing(t, counted).upload(t, program, dir, "--source-hash", "none", "--part-size", part, source, "s3://bucket/sparse")
		go func() {
			select {
			case <-counted.reached:
			case <-time.After(2 * time.Minute):
				t.Errorf("parts of %s: %d bytes came in two minutes", part, enough)
			}
			_ = cmd.Process.Signal(syscall.SIGINT)
		}()
		resident, err := resident(cmd)
		if cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("parts of %s: %v", part, err)
		}
		t.Logf("100 GiB, parts of %s, interrupted: peak RSS %.1f MiB", part, float64(resident)/(1<<20))
		if resident > maxOfFile {
			t.Errorf("parts of %s: peak RSS is %d bytes, at most %d", part, resident, maxOfFile)
		}
	}
}

// TestTreeStaysSmall uploads SEALIFT_BENCH_FILES sparse files of 4 KiB, receipts
// on, and holds memory and the time until the first byte against their bounds.
func TestTreeStaysSmall(t *testing.T) {
	files := int(setting(t, "SEALIFT_BENCH_FILES", 10_000))
	dir := t.TempDir()
	program := build(t)
	source := filepath.Join(dir, "tree")
	makeTree(t, source, files)
	counted := &counting{next: new(null.Server), enough: 1, reached: make(chan struct{})}
	cmd := serveNothing(t, counted).upload(t, program, dir, "--source-hash", "none", source+"/", "s3://bucket/tree/")
	begun := time.Now()
	var out bytes.Buffer
	cmd.Stderr = &out
	resident, err := resident(cmd)
	if err != nil {
		t.Fatalf("upload: %v\n%.2000s", err, &out)
	}
	first := counted.first.Sub(begun)
	t.Logf("%d files of 4 KiB: first byte after %.2f s, %.1f s wall, %.1f s CPU, peak RSS %.1f MiB", files, first.Seconds(), time.Since(begun).Seconds(),
		(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), float64(resident)/(1<<20))
	if resident > maxOfTree {
		t.Errorf("peak RSS is %d bytes, at most %d", resident, maxOfTree)
	}
	if first > 5*time.Second { // the bar is 1 s, on a machine that does nothing else
		t.Errorf("the first byte came after %v", first)
	}
}

// TestRepeatStaysSmall uploads such a tree, and again where one more file has
// been added: memory and the time until that file's first byte are bounded also
// by what the receipts of all the others come to.
func TestRepeatStaysSmall(t *testing.T) {
	files := int(setting(t, "SEALIFT_BENCH_FILES", 10_000))
	dir := t.TempDir()
	program := build(t)
	source := filepath.Join(dir, "tree")
	makeTree(t, source, files)
	server := serveNothing(t, new(null.Server))
	first := server.upload(t, program, dir, "--source-hash", "none", "--if-exists", "changed", source+"/", "s3://bucket/tree/")
	if out, err := first.CombinedOutput(); err != nil {
		t.Fatalf("upload: %v\n%.2000s", err, out)
	}
	randomFile(t, filepath.Join(source, "new"), 1000)
	counted := &counting{next: new(null.Server), enough: 1, reached: make(chan struct{})}
	cmd := serveNothing(t, counted).upload(t, program, dir, "--source-hash", "none", "--if-exists", "changed", source+"/", "s3://bucket/tree/")
	begun := time.Now()
	var out bytes.Buffer
	cmd.Stdout = &out
	resident, err := resident(cmd)
	if err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("repeat: %v\n%.2000s", err, &out)
	}
	t.Logf("repeat of %d files: first byte after %.2f s, %.1f s wall, %.1f s CPU, peak RSS %.1f MiB", files, counted.first.Sub(begun).Seconds(), time.Since(begun).Seconds(),
		(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), float64(resident)/(1<<20))
	if resident > maxOfTree {
		t.Errorf("peak RSS is %d bytes, at most %d", resident, maxOfTree)
	}
}

// makeTree makes so many sparse files of 4 KiB, a thousand in a folder.
func makeTree(t *testing.T, dir string, files int) {
	t.Helper()
	for i := range files {
		folder := filepath.Join(dir, fmt.Sprintf("%04d", i/1000))
		if i%1000 == 0 {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("file-%07d", i)))
		if err == nil {
			err = f.Truncate(4096)
			f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// counting counts the bytes of bodies as they come in. A body is not waited
// for: of parts of 1 GiB, eight at once, the first would be whole after 8 GiB.
type counting struct {
	next    http.Handler
	enough  int64
	reached chan struct{} // closed when enough bytes have come

	mu    sync.Mutex
	bytes int64
	first time.Time // when the first request came
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	if c.first.IsZero() {
		c.first = time.Now()
	}
	c.mu.Unlock()
	r.Body = counted{r.Body, c}
	c.next.ServeHTTP(w, r)
}

// counted is a body whose bytes are counted.
type counted struct {
	io.ReadCloser
	by *counting
}

func (b counted) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.by.mu.Lock()
	defer b.by.mu.Unlock()
	before := b.by.bytes
	b.by.bytes += int64(n)
	if before < b.by.enough && b.by.bytes >= b.by.enough {
		close(b.by.reached)
	}
	return n, err
}

// setting is a number from the environment, or otherwise.
func setting(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}
