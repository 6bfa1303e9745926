//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/receipt"
)

// A victim is one upload that is killed, again and again, until it is let be.
type victim struct {
	sandbox *sandboxtest.Sandbox
	proxy   *between
	dir     string
	key     string
	args    []string

	lost int // creates that nobody heard the answer of
}

// Figures of the kill test.
const (
	crashParts       = 6
	crashPart        = 5 << 20
	crashConcurrency = 3
)

// Whenever it is killed, by SIGKILL, the same command goes on: the object has
// the file's bytes, there is one receipt, nothing is left open, and no more was
// sent again than was in flight. SEALIFT_CRASHES says how many instants,
// SEALIFT_SEED which.
func TestKilledUploadsAreResumed(t *testing.T) {
	crashes, seed := crashFigures(t)
	random := rand.New(rand.NewPCG(seed, 1))
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, false)
	dir := t.TempDir()
	data := bytesLike("crash", crashParts*crashPart-3)
	if err := os.WriteFile(filepath.Join(dir, "big.iso"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	long := newCrash(t, sandbox, proxy, dir, -1).undisturbed(t, data)
	kills, again, lost := 0, int64(0), 0
	for i := range crashes {
		c := newCrash(t, sandbox, proxy, dir, i)
		sent, killed := c.run(t, random, long, data)
		kills, lost = kills+killed, lost+c.lost
		again = max(again, sent-crashParts-int64(killed-1)*crashConcurrency)
		if sent > crashParts+int64(killed)*crashConcurrency {
			t.Errorf("upload %d: %d parts were sent for %d, killed %d times", i, sent, crashParts, killed)
		}
		if t.Failed() {
			t.Fatalf("seed %d, upload %d", seed, i)
		}
	}
	t.Logf("seed %d: %d uploads, killed %d times, all resumed; at most %d parts sent again after one kill, of %d in flight; %d uploads orphaned by a Create that nobody heard answered",
		seed, crashes, kills, max(0, again), crashConcurrency, lost)
}

func crashFigures(t *testing.T) (crashes int, seed uint64) {
	t.Helper()
	crashes, seed = 6, uint64(time.Now().UnixNano())
	if text := os.Getenv("SEALIFT_CRASHES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		crashes = n
	}
	if text := os.Getenv("SEALIFT_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	return crashes, seed
}

func newCrash(t *testing.T, sandbox *sandboxtest.Sandbox, proxy *between, dir string, i int) *victim {
	t.Helper()
	key := fmt.Sprintf("crash/%d.iso", i)
	return &victim{sandbox: sandbox, proxy: proxy, dir: dir, key: key,
		args: []string{"upload", "--quiet", "--part-size", strconv.Itoa(crashPart), "--concurrency", strconv.Itoa(crashConcurrency), "big.iso", "s3://" + sandbox.Bucket + "/" + key}}
}

// undisturbed tells how long it takes.
func (c *victim) undisturbed(t *testing.T, data []byte) time.Duration {
	t.Helper()
	began := time.Now()
	cmd, out := c.proxy.sealift(t, c.sandbox, c.dir, c.args...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	long := time.Since(began)
	c.check(t, data)
	return long
}

// run kills the upload once to three times, at random instants, and lets it end.
func (c *victim) run(t *testing.T, random *rand.Rand, long time.Duration, data []byte) (sent int64, kills int) {
	t.Helper()
	before := c.proxy.sent.Load()
	for range 1 + random.IntN(3) {
		if c.stored(t) {
			break // it was killed when it had done all
		}
		cmd, out := c.proxy.sealift(t, c.sandbox, c.dir, c.args...)
		if killedAfter(t, cmd, time.Duration(random.Int64N(int64(long)))) {
			kills++
		} else if code := cmd.ProcessState.ExitCode(); code != 0 {
			t.Fatalf("exit code %d\n%s", code, out)
		}
		c.heed(out)
	}
	if !c.stored(t) {
		cmd, out := c.proxy.sealift(t, c.sandbox, c.dir, c.args...)
		before := c.told(t)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s\nbefore: %s\nafter: %s", err, out, before, c.told(t))
		}
		c.heed(out)
	}
	c.check(t, data)
	return c.proxy.sent.Load() - before, kills
}

// heed counts the creates that were lost.
func (c *victim) heed(out *bytes.Buffer) {
	c.lost += strings.Count(out.String(), "CreateMultipartUpload was not answered")
}

// killedAfter kills a command after a while, and reports whether it was still
// running.
func killedAfter(t *testing.T, cmd *exec.Cmd, after time.Duration) bool {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	_ = cmd.Wait()
	timer.Stop()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

// receipts are those of this upload that are kept.
func (c *victim) receipts(t *testing.T) []*receipt.Receipt {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.dir, "state", "sealift", "receipts", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var mine []*receipt.Receipt
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := receipt.Read(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if r.Object.Key == c.key {
			mine = append(mine, r)
		}
	}
	return mine
}

// told is what the state folder has of unfinished uploads, for the log of a
// failed test.
func (c *victim) told(t *testing.T) string {
	var all strings.Builder
	for _, path := range c.left(t) {
		text, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s: %v\n%s\n", filepath.Base(path), err, text)
	}
	return all.String()
}

func (c *victim) stored(t *testing.T) bool { return len(c.receipts(t)) > 0 && len(c.left(t)) == 0 }

// left are the files of state that are there while there is something to go on
// with.
func (c *victim) left(t *testing.T) []string {
	t.Helper()
	var left []string
	for _, folder := range []string{"journal", "runs"} {
		found, err := filepath.Glob(filepath.Join(c.dir, "state", "sealift", folder, "*.j*"))
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return left
}

// check holds what is there against what should be.
func (c *victim) check(t *testing.T, data []byte) {
	t.Helper()
	client := s3.NewFromConfig(c.sandbox.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })
	got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &c.sandbox.Bucket, Key: &c.key})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := io.ReadAll(got.Body)
	got.Body.Close()
	if err != nil || !bytes.Equal(stored, data) {
		t.Errorf("the object has %d bytes, which are not the file's: %v", len(stored), err)
	}
	if kept := c.receipts(t); len(kept) != 1 {
		t.Errorf("%d receipts are kept", len(kept))
	}
	if left := c.left(t); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	open, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &c.sandbox.Bucket, Prefix: &c.key})
	if err != nil {
		t.Fatal(err)
	}
	if len(open.Uploads) > c.lost {
		t.Errorf("%d uploads are open, %d creates were lost", len(open.Uploads), c.lost)
	}
}
