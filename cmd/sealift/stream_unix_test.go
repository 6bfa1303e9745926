//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// stored reports whether the bucket holds anything under that key.
func stored(t *testing.T, sandbox *sandboxtest.Sandbox, key string) bool {
	t.Helper()
	client := s3.NewFromConfig(sandbox.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: &sandbox.Bucket, Key: &key})
	return err == nil
}

// spooled fails the test if the spool folder under dir holds anything.
func spooled(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(dir, "state", "sealift", "spool"))
	if err != nil && !os.IsNotExist(err) || len(left) > 0 {
		t.Errorf("spool folder holds %v, error %v", left, err)
	}
}

// Whoever interrupts a stream that gives nothing is not held up by it, and
// nothing is left of it, here or in S3: before its first byte, in its first
// part, while parts of it lie in the spool folder, and before its FIFO is
// opened.
func TestInterruptionEndsAStream(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	for name, size := range map[string]int{"at-once": 0, "first-part": 1000, "parts": 60 << 20, "fifo": 0} {
		t.Run(name, func(t *testing.T) {
			through := newBetween(t, sandbox, false)
			dir := t.TempDir()
			source := "-"
			if name == "fifo" {
				source = "pipe"
				if err := syscall.Mkfifo(filepath.Join(dir, source), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd, out := through.sealift(t, sandbox, dir, "upload", "--part-size", "17MiB", source, "s3://"+sandbox.Bucket+"/"+name)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			cmd.Stdin = r
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			r.Close()
			if _, err := w.Write(bytesLike(name, size)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if size > 1<<20 && openUploads(t, sandbox) != 1 {
				t.Error("there is no upload to abort")
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if code := exits(t, cmd); code != 130 {
				t.Errorf("exit code %d, want 130\n%s", code, out)
			}
			if !strings.Contains(out.String(), "0 of 1 stored; what was begun has been aborted") {
				t.Errorf("it says\n%s", out)
			}
			if stored(t, sandbox, name) || openUploads(t, sandbox) != 0 {
				t.Error("something is left in S3")
			}
			spooled(t, dir)
		})
	}
}

// A Ctrl-C ends both sides of a pipe. The writer's end is not taken for the
// stream's, whoever hears of it first.
func TestInterruptedWriterIsNotTheEnd(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	for _, size := range []int{1000, 20 << 20} {
		through := newBetween(t, sandbox, false)
		dir := t.TempDir()
		cmd, out := through.sealift(t, sandbox, dir, "upload", "-", "s3://"+sandbox.Bucket+"/cut-short")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(bytesLike("cut-short", size)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		in.Close()
		time.Sleep(20 * time.Millisecond)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := exits(t, cmd); code != 130 {
			t.Errorf("exit code %d, want 130\n%s", code, out)
		}
		if stored(t, sandbox, "cut-short") || openUploads(t, sandbox) != 0 {
			t.Error("something is left in S3")
		}
	}
}

// A spool folder without room is said, and nothing is stored.
func TestFullSpoolFolderIsSaid(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	through := newBetween(t, sandbox, false)
	dir := t.TempDir()
	cmd, out := through.sealift(t, sandbox, dir, "upload", "--part-size", "17MiB", "-", "s3://"+sandbox.Bucket+"/full")
	cmd.Stdin = io.LimitReader(endless{}, 60<<20)
	// A file may have 10 MiB: as good as a disk that is full.
	cmd.Args = append([]string{"sh", "-c", `ulimit -f 20480; exec "$@"`, "sh"}, cmd.Args...)
	cmd.Path = "/bin/sh"
	if err := cmd.Run(); err == nil {
		t.Fatalf("it is stored\n%s", out)
	}
	if !strings.Contains(out.String(), "put bytes of the stream aside: write ") {
		t.Errorf("it says\n%s", out)
	}
	if stored(t, sandbox, "full") || openUploads(t, sandbox) != 0 {
		t.Error("something is left in S3")
	}
	spooled(t, dir)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
