//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// openUploads counts what is left open in the sandbox's bucket.
func openUploads(t *testing.T, sandbox *sandboxtest.Sandbox) int {
	t.Helper()
	client := s3.NewFromConfig(sandbox.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })
	got, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &sandbox.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	return len(got.Uploads)
}

// exits waits for a command that a signal ends.
func exits(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		_ = cmd.Process.Kill()
		<-done
		t.Fatal("it does not end")
	}
	return cmd.ProcessState.ExitCode()
}

// amid uploads files of some parts, or the folder of several, whose uploads an
// interruption aborts. It comes back while parts are held back.
func (b *between) amid(t *testing.T, sandbox *sandboxtest.Sandbox, names ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	dir, sources := t.TempDir(), names
	for _, name := range names {
		randomFile(t, dir, name, 40<<20)
	}
	if len(names) > 1 {
		sources = []string{"--if-exists", "changed", "."}
	}
	args := slices.Concat([]string{"upload", "--on-interrupt", "abort"}, sources, []string{"s3://" + sandbox.Bucket + "/in/"})
	cmd, out := b.sealift(t, sandbox, dir, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-b.reached
	return cmd, out
}

// interrupt signals a command and waits until it ends as one that was
// interrupted.
func interrupt(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer, signal os.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if code := exits(t, cmd); code != 130 {
		t.Errorf("%v: exit code %d, want 130\n%s", signal, code, out)
	}
}

// With --on-interrupt abort the first signal aborts the upload, on a context
// that is not the cancelled one: nothing is left in S3.
func TestInterruptionAbortsTheUpload(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		proxy := newBetween(t, sandbox, true)
		cmd, out := proxy.amid(t, sandbox, "big.iso")
		if openUploads(t, sandbox) != 1 {
			t.Errorf("%v: there is no upload to abort", signal)
		}
		interrupt(t, cmd, out, signal)
		if !strings.Contains(out.String(), "0 of 1 stored; what was begun has been aborted") {
			t.Errorf("%v: it says\n%s", signal, out)
		}
		if n := openUploads(t, sandbox); n != 0 {
			t.Errorf("%v: %d uploads are left open", signal, n)
		}
	}
}

// What could not be aborted is said, with its id.
func TestInterruptionSaysWhatIsLeftOpen(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, true)
	proxy.keep = true
	cmd, out := proxy.amid(t, sandbox, "big.iso")
	interrupt(t, cmd, out, syscall.SIGINT)
	for _, want := range []string{"upload big.iso to s3://", "its multipart upload ", " is still open", "has been aborted, but for what is said above"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

// Whoever signals twice does not wait for S3.
func TestSecondInterruptionLeavesAtOnce(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, true)
	cmd, out := proxy.amid(t, sandbox, "big.iso")
	suspended(t, sandbox) // so that the abort gets no answer
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	began := time.Now()
	if code := exits(t, cmd); code != 130 || time.Since(began) > 3*time.Second {
		t.Errorf("exit code %d after %v\n%s", code, time.Since(began), out)
	}
	if !strings.Contains(out.String(), "left at once: sealift resume ") {
		t.Errorf("it does not say what it leaves\n%s", out)
	}
}

// suspended stops the sandbox until the test ends.
func suspended(t *testing.T, sandbox *sandboxtest.Sandbox) {
	t.Helper()
	if err := syscall.Kill(sandbox.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(sandbox.PID, syscall.SIGCONT) })
}

// Whoever stops reading the results stops nothing else: what was begun is
// stored, receipts are kept, and the command says that it could not print.
func TestABrokenPipeEndsNoUpload(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, false)
	for _, args := range [][]string{{"upload"}, {"upload", "--json"}} {
		dir := t.TempDir()
		for _, name := range []string{"a", "b", "c"} {
			randomFile(t, dir, name, 100)
		}
		cmd, out := proxy.sealift(t, sandbox, dir, append(args, "a", "b", "c", "s3://"+sandbox.Bucket+"/"+filepath.Base(dir)+"/"+args[len(args)-1]+"/")...)
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		cmd.Stdout = write
		_ = cmd.Run() // its code says it
		write.Close()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), "result could not be printed") {
			t.Errorf("%v: exit code %d\n%s", args, code, out)
		}
		kept, err := filepath.Glob(filepath.Join(dir, "state", "sealift", "receipts", "*", "*.json"))
		if err != nil || len(kept) != 3 {
			t.Errorf("%v: %d receipts are kept, want 3: %v", args, len(kept), err)
		}
	}
}

// A demo that is interrupted takes its sandbox and its folder along, wherever
// it is, also when it is told to hurry.
func TestInterruptedDemoLeavesNothing(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, false)
	for _, at := range []string{"An AWS of its own", "sandbox answers", "signed in", "The upload", "read the object back", "Another role"} {
		for _, signals := range []int{1, 2} {
			dir := t.TempDir()
			cmd, _ := proxy.sealift(t, sandbox, dir, "demo")
			said := &lookout{word: at, seen: make(chan struct{})}
			cmd.Stdout, cmd.Stderr = said, said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-said.seen
			for range signals {
				_ = cmd.Process.Signal(syscall.SIGINT) // it may be gone by then
				time.Sleep(5 * time.Millisecond)
			}
			code := exits(t, cmd)
			if whole := said.contains("Everything held"); code != 130 && (code != 0 || !whole) {
				t.Errorf("at %q, signalled %d times: exit code %d\n%s", at, signals, code, &said.text)
			}
			if left := namesIn(t, dir+"/tmp"); len(left) > 0 {
				t.Errorf("at %q, signalled %d times: left behind %v", at, signals, left)
			}
			if children := childrenOf(t, dir); len(children) > 0 {
				t.Errorf("at %q, signalled %d times: still running %v", at, signals, children)
			}
		}
	}
}

// A lookout keeps what a command prints and says when a word is in it.
type lookout struct {
	word string
	seen chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	once sync.Once
}

func (l *lookout) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.text.Write(p)
	l.mu.Unlock()
	if l.contains(l.word) {
		l.once.Do(func() { close(l.seen) })
	}
	return len(p), nil
}

func (l *lookout) contains(word string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), word)
}
