//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sealift/sealift/internal/sandboxtest"
)

// A stopped command is one that was interrupted while parts were under way.
type stopped struct {
	sandbox *sandboxtest.Sandbox
	free    *between // holds nothing back any more
	dir     string
	said    string // by the interrupted command
}

// interrupted stops an upload of these sources by SIGINT: those called *.iso have
// 40 MiB, the others 100 bytes.
func interrupted(t *testing.T, sandbox *sandboxtest.Sandbox, files []string, args ...string) *stopped {
	t.Helper()
	s := &stopped{sandbox: sandbox, free: newBetween(t, sandbox, true), dir: t.TempDir()}
	for _, name := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(s.dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		size := 40 << 20
		if filepath.Ext(name) != ".iso" {
			size = 100
		}
		randomFile(t, s.dir, name, size)
	}
	cmd, out := s.free.sealift(t, sandbox, s.dir, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-s.free.reached
	for range 500 {
		if slices.Contains(args, "--no-journal") || s.recorded() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := exits(t, cmd); code != 130 {
		t.Fatalf("exit code %d, want 130\n%s", code, out)
	}
	s.said = out.String()
	s.free.release()
	return s
}

// recorded tells whether a journal has a part.
func (s *stopped) recorded() bool {
	paths, _ := filepath.Glob(filepath.Join(s.dir, "state", "sealift", "journal", "*.journal"))
	return slices.ContainsFunc(paths, func(path string) bool {
		text, _ := os.ReadFile(path)
		return strings.Contains(string(text), `"type":"part"`)
	})
}

// sealift runs a command that must end with that code, and returns what it says.
func (s *stopped) sealift(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd, out := s.free.sealift(t, s.sandbox, s.dir, args...)
	_ = cmd.Run() // its code says it
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("sealift %v: exit code %d, want %d\n%s", args, got, code, out)
	}
	return out.String()
}

// run is the ULID that the interrupted command named.
func (s *stopped) run(t *testing.T) string {
	t.Helper()
	_, rest, found := strings.Cut(s.said, "go on with: sealift resume ")
	id, _, _ := strings.Cut(rest, " ")
	if !found || len(id) != 26 {
		t.Fatalf("it does not say how to go on:\n%s", s.said)
	}
	return id
}

// An interrupted upload is kept, listed, and gone on with by its ULID; then
// nothing is unfinished.
func TestInterruptedUploadIsResumed(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := interrupted(t, sandbox, []string{"big.iso"}, "upload", "big.iso", "s3://"+sandbox.Bucket+"/resumed.iso")
	run := s.run(t)
	for _, want := range []string{run + "  stopped", "sealift upload big.iso s3://" + sandbox.Bucket + "/resumed.iso", "of 5 parts stored", " of 40 MiB"} {
		if got := s.sealift(t, 0, "status"); !strings.Contains(got, want) {
			t.Errorf("status does not say %q:\n%s", want, got)
		}
	}
	if got := s.sealift(t, 0, "resume", run); !strings.Contains(got, "of 5 parts are stored") || !strings.Contains(got, "/resumed.iso\t") {
		t.Errorf("resume says\n%s", got)
	}
	if got := s.sealift(t, 0, "resume"); !strings.Contains(got, "nothing to go on with") {
		t.Errorf("a second resume says\n%s", got)
	}
	if got := s.sealift(t, 0, "status"); !strings.Contains(got, run+"  over") {
		t.Errorf("status says\n%s", got)
	}
	if n := openUploads(t, sandbox); n != 0 {
		t.Errorf("%d uploads are open", n)
	}
}

// A folder goes on where it stopped: what is stored is not sent again, and all
// its receipts are in one file.
func TestInterruptedFolderIsResumed(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := interrupted(t, sandbox, []string{"in/a.iso", "in/b.iso", "in/c.iso"}, "upload", "in", "s3://"+sandbox.Bucket+"/tree/")
	randomFile(t, filepath.Join(s.dir, "in"), "small", 10)
	run := s.run(t)
	got := s.sealift(t, 0, "upload", "--json", "in", "s3://"+sandbox.Bucket+"/tree/")
	stored := 0
	for line := range strings.Lines(got) {
		var event struct {
			Type, Run string
			Stored    int
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			continue // talk
		}
		if event.Run != run {
			t.Errorf("%s event of run %s, not of %s", event.Type, event.Run, run)
		}
		if event.Type == "stored" {
			stored++
		}
	}
	kept, err := filepath.Glob(filepath.Join(s.dir, "state", "sealift", "receipts", "*.jsonl"))
	if err != nil || len(kept) != 1 || stored != 4 {
		t.Errorf("%d stored, receipts in %v, %v", stored, kept, err)
	}
	text, err := os.ReadFile(kept[0])
	if err != nil || strings.Count(string(text), "\n") != 4 {
		t.Errorf("%d receipts, %v", strings.Count(string(text), "\n"), err)
	}
	if n := openUploads(t, sandbox); n != 0 {
		t.Errorf("%d uploads are open", n)
	}
}

// What was interrupted can be given up, whole or by transfer, and nothing is
// left of it.
func TestInterruptedUploadIsGivenUp(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	for _, by := range []string{"run", "transfer"} {
		s := interrupted(t, sandbox, []string{"big.iso"}, "upload", "big.iso", "s3://"+sandbox.Bucket+"/given-up.iso")
		name := s.run(t)
		if by == "transfer" {
			journals, err := filepath.Glob(filepath.Join(s.dir, "state", "sealift", "journal", "*.journal"))
			if err != nil || len(journals) != 1 {
				t.Fatalf("journals: %v, %v", journals, err)
			}
			name = strings.TrimSuffix(filepath.Base(journals[0]), ".journal")
		}
		s.sealift(t, 0, "abort", name)
		if n := openUploads(t, sandbox); n != 0 {
			t.Errorf("by %s: %d uploads are open", by, n)
		}
		if got := s.sealift(t, 2, "abort", s.run(t)[:25]+"!"); !strings.Contains(got, "is not the ULID") {
			t.Errorf("nonsense: %s", got)
		}
		if by == "run" {
			if got := s.sealift(t, 2, "resume", name); !strings.Contains(got, "nothing unfinished is known of "+name) {
				t.Errorf("resume after abort says\n%s", got)
			}
		}
	}
}

// With --no-journal nothing is kept, as nothing could be gone on with.
func TestUnrecordedUploadIsAborted(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := interrupted(t, sandbox, []string{"big.iso"}, "upload", "--no-journal", "big.iso", "s3://"+sandbox.Bucket+"/unrecorded.iso")
	if strings.Contains(s.said, "go on with") || !strings.Contains(s.said, "has been aborted") || openUploads(t, sandbox) != 0 {
		t.Errorf("%d open, it says\n%s", openUploads(t, sandbox), s.said)
	}
}

// A deadline ends a run as an interruption does, with another code.
func TestDeadlineKeepsTheUpload(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := &stopped{sandbox: sandbox, free: newBetween(t, sandbox, true), dir: t.TempDir()}
	randomFile(t, s.dir, "big.iso", 40<<20)
	args := []string{"upload", "--deadline", "2s", "big.iso", "s3://" + sandbox.Bucket + "/late.iso"}
	s.said = s.sealift(t, 3, args...)
	if !strings.Contains(s.said, "--deadline is reached: 0 of 1 stored; 1 upload kept") {
		t.Errorf("it says\n%s", s.said)
	}
	s.run(t)
	s.free.release()
	args[2] = "50s"
	if got := s.sealift(t, 0, args...); !strings.Contains(got, "late.iso\t") {
		t.Errorf("then it says\n%s", got)
	}
}

// An abort that could not be done is owed: the next upload to the bucket pays it
// off, whatever it uploads.
func TestOwedAbortIsPaidOff(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := &stopped{sandbox: sandbox, free: newBetween(t, sandbox, true), dir: t.TempDir()}
	s.free.keep = true // refuses to abort
	randomFile(t, s.dir, "big.iso", 40<<20)
	randomFile(t, s.dir, "other", 10)
	s.sealift(t, 3, "upload", "--deadline", "2s", "--on-interrupt", "abort", "big.iso", "s3://"+sandbox.Bucket+"/owed.iso")
	if n := openUploads(t, sandbox); n != 1 {
		t.Fatalf("%d uploads are open", n)
	}
	s.free.release()
	if got := s.sealift(t, 0, "upload", "other", "s3://"+sandbox.Bucket+"/other"); !strings.Contains(got, "aborted what run ") || openUploads(t, sandbox) != 0 {
		t.Errorf("%d uploads are open, it says\n%s", openUploads(t, sandbox), got)
	}
	if got := s.sealift(t, 0, "status"); strings.Contains(got, "its abort is owed") {
		t.Errorf("status says\n%s", got)
	}
}

// An upload whose id never came, because the process was killed before, is found
// by its session's name and aborted; another's on the same key is not touched.
func TestUploadThatNobodyHeardOfIsAborted(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := &stopped{sandbox: sandbox, free: newBetween(t, sandbox, false), dir: t.TempDir()}
	s.free.mute = true
	randomFile(t, s.dir, "big.iso", 40<<20)
	client := s3.NewFromConfig(sandbox.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })
	key := "stray.iso"
	theirs, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &sandbox.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"upload", "big.iso", "s3://" + sandbox.Bucket + "/" + key}
	cmd, out := s.free.sealift(t, sandbox, s.dir, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-s.free.reached
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	exits(t, cmd)
	if n := openUploads(t, sandbox); n != 2 {
		t.Fatalf("%d uploads are open, theirs and ours are two\n%s", n, out)
	}
	s.free.release()
	if got := s.sealift(t, 0, args...); !strings.Contains(got, "aborted 1 upload of s3://"+sandbox.Bucket+"/"+key+" that nobody had heard of") {
		t.Errorf("it says\n%s", got)
	}
	left, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &sandbox.Bucket})
	if err != nil || len(left.Uploads) != 1 || *left.Uploads[0].UploadId != *theirs.UploadId {
		t.Errorf("left: %+v, %v", left.Uploads, err)
	}
}
