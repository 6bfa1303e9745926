//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// A folder of two small files and a large one, stopped when the small ones are
// stored.
func interruptedFolder(t *testing.T, sandbox *sandboxtest.Sandbox, args ...string) *stopped {
	t.Helper()
	return interrupted(t, sandbox, []string{"in/a", "in/b", "in/z.iso"}, args...)
}

// stateFiles are the names of what is in a folder of the state.
func stateFiles(t *testing.T, s *stopped, folder string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(s.dir, "state", "sealift", folder), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, filepath.Base(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// over checks that nothing is left to go on with, and nothing open.
func (s *stopped) over(t *testing.T) {
	t.Helper()
	if left := append(stateFiles(t, s, "runs"), stateFiles(t, s, "journal")...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if n := openUploads(t, s.sandbox); n != 0 {
		t.Errorf("%d uploads are open", n)
	}
}

// Wherever receipts go, a run that stopped goes on, and has one of each.
func TestReceiptsOfAResumedRun(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	bucket := "s3://" + sandbox.Bucket
	for _, to := range []string{"", "all.jsonl", "folder/", "-", bucket + "/receipts/"} {
		for _, source := range [][]string{{"in"}, {"in/a", "in/b", "in/z.iso"}} {
			if to == "all.jsonl" && len(source) > 1 {
				continue
			}
			prefix := "/receipts-of/" + strings.NewReplacer("/", "_", ":", "_").Replace(to+strings.Join(source, "_")) + "/"
			args := []string{"upload"}
			if to != "" {
				args = append(args, "--receipt", to)
			}
			args = append(append(args, source...), bucket+prefix)
			s := interruptedFolder(t, sandbox, args...)
			said := s.said
			if got := s.sealift(t, 0, "resume", s.run(t)); true {
				said += got
			}
			count := func(text string) int { return strings.Count(text, `"transfer":`) }
			total := 0
			switch to {
			case "", bucket + "/receipts/":
				total = s.receiptsUnder(t, filepath.Join(s.dir, "state", "sealift", "receipts"))
			case "-":
				total = count(said)
			default:
				total = s.receiptsUnder(t, filepath.Join(s.dir, to))
			}
			if total != 3 {
				t.Errorf("--receipt %q of %v: %d receipts\n%s", to, source, total, said)
			}
			s.over(t)
		}
	}
}

// receiptsUnder counts the lines of files.
func (s *stopped) receiptsUnder(t *testing.T, path string) (n int) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		n += strings.Count(string(text), "\n")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

// A process that ended between keeping its receipt and forgetting its run leaves
// nothing to do.
func TestRunThatEndedWithItsReceiptIsOver(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	args := []string{"upload", "--receipt", "r.json", "big.iso", "s3://" + sandbox.Bucket + "/over.iso"}
	s := interrupted(t, sandbox, []string{"big.iso"}, args...)
	path := filepath.Join(s.dir, "state", "sealift", "runs", s.run(t)+".json")
	record, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s.sealift(t, 0, args...)
	if err := os.WriteFile(path, record, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.sealift(t, 0, args...); !strings.Contains(got, "is skipped") {
		t.Errorf("it says\n%s", got)
	}
	s.over(t)
	if got := s.sealift(t, 2, args...); !strings.Contains(got, "--receipt r.json is there already") {
		t.Errorf("a new run says\n%s", got)
	}
}

// A run is not forgotten when going on with it comes to nothing.
func TestFailedResumeForgetsNothing(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	args := []string{"upload", "in", "s3://" + sandbox.Bucket + "/kept/"}
	s := interruptedFolder(t, sandbox, args...)
	journals, err := filepath.Glob(filepath.Join(s.dir, "state", "sealift", "journal", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range journals { // so that the run alone is left
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for code, breaks := range map[int]string{2: "AWS_PROFILE=nobody", 3: "AWS_ENDPOINT_URL_S3=http://127.0.0.1:1"} {
		cmd, out := s.free.sealift(t, sandbox, s.dir, append([]string{"upload", "--keep-trying=0"}, args[1:]...)...)
		cmd.Env = append(cmd.Env, breaks)
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got == 0 || code == 3 && got != 3 {
			t.Errorf("%s: exit code %d\n%s", breaks, got, out)
		}
		if code == 3 && !strings.Contains(out.String(), "go on with: sealift resume "+s.run(t)) {
			t.Errorf("%s: it says\n%s", breaks, out)
		}
	}
	if got := s.sealift(t, 0, "resume", s.run(t)); !strings.Contains(got, "2 skipped") {
		t.Errorf("resume says\n%s", got)
	}
}

// A folder that is gone, or called by a link.
func TestResumeWhereFoldersMoved(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := interrupted(t, sandbox, []string{"one/big.iso"}, "upload", "one/big.iso", "s3://"+sandbox.Bucket+"/moved.iso")
	s.sealift(t, 0, "abort", s.run(t))

	home := s.dir
	if err := os.Symlink("one", filepath.Join(home, "link")); err != nil {
		t.Fatal(err)
	}
	linked := newBetween(t, sandbox, true)
	cmd, out := linked.sealift(t, sandbox, home, "upload", "big.iso", "s3://"+sandbox.Bucket+"/moved.iso")
	cmd.Dir = filepath.Join(home, "link")
	cmd.Env = append(cmd.Env, "PWD="+cmd.Dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-linked.reached
	time.Sleep(time.Second)
	_ = cmd.Process.Signal(os.Interrupt)
	if code := exits(t, cmd); code != 130 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	s.said, s.free = out.String(), linked
	linked.release()
	run := s.run(t)

	if err := os.Rename(filepath.Join(home, "one"), filepath.Join(home, "two")); err != nil {
		t.Fatal(err)
	}
	if got := s.sealift(t, 2, "resume"); !strings.Contains(got, "go on with run "+run) || !strings.Contains(got, "sealift abort "+run) {
		t.Errorf("resume says\n%s", got)
	}
	if err := os.Rename(filepath.Join(home, "two"), filepath.Join(home, "one")); err != nil {
		t.Fatal(err)
	}
	if got := s.sealift(t, 0, "resume", run); !strings.Contains(got, "of 5 parts are stored") {
		t.Errorf("resume says\n%s", got)
	}
	s.over(t)
}

// Records that were written by other hands are passed over, said, and run
// nothing.
func TestForgedRuns(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := &stopped{sandbox: sandbox, free: newBetween(t, sandbox, false), dir: t.TempDir()}
	runs := filepath.Join(s.dir, "state", "sealift", "runs")
	if err := os.MkdirAll(runs, 0o700); err != nil {
		t.Fatal(err)
	}
	const id = "01KAV8Y0000000000000000000"
	for name, text := range map[string]string{
		"itself":      `{"version":1,"run":"` + id + `","folder":"/","args":["resume"]}`,
		"no words":    `{"version":1,"run":"` + id + `","folder":"/","args":[]}`,
		"another's":   `{"version":1,"run":"01KAV8Y0000000000000000001","folder":"/","args":["upload"]}`,
		"newer":       `{"version":2,"run":"` + id + `"}`,
		"no JSON":     "\x1b]0;owned\a{",
		"nowhere":     `{"version":1,"run":"` + id + `","args":["upload","a","s3://b/c"]}`,
		"a huge one":  strings.Repeat(" ", 5<<20),
		"escapes":     `{"version":1,"run":"` + id + `","folder":"/no\u001b[31m","args":["upload","\u001b[2J\u202e","s3://b/c"]}`,
		"empty words": `{"version":1,"run":"` + id + `","folder":"/","args":["upload","","s3://b/c"]}`,
	} {
		if err := os.WriteFile(filepath.Join(runs, id+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"status"}, {"resume"}, {"status", "--json"}} {
			cmd, out := s.free.sealift(t, sandbox, s.dir, args...)
			_ = cmd.Run()
			code := cmd.ProcessState.ExitCode()
			if code < 0 || strings.ContainsAny(out.String(), "\x1b\a\u202e") {
				t.Errorf("%s: %v: exit code %d\n%q", name, args, code, out)
			}
			if out.Len() == 0 {
				t.Errorf("%s: %v says nothing", name, args)
			}
		}
	}
}

// What must be recorded and cannot be is refused.
func TestRequiredJournal(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := &stopped{sandbox: sandbox, free: newBetween(t, sandbox, false), dir: t.TempDir()}
	randomFile(t, s.dir, "big.iso", 20<<20)
	to := "s3://" + sandbox.Bucket + "/required.iso"
	if got := s.sealift(t, 2, "upload", "--require-journal", "--no-journal", "big.iso", to); !strings.Contains(got, "exclude each other") {
		t.Errorf("both: %s", got)
	}
	cmd, out := s.free.sealift(t, sandbox, s.dir, "upload", "--require-journal", "big.iso", to)
	cmd.Env = append(cmd.Env, "HOME=", "XDG_STATE_HOME=")
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(out.String(), "there is no state folder") {
		t.Errorf("no folder: exit code %d\n%s", code, out)
	}
	cmd, out = s.free.sealift(t, sandbox, s.dir, "upload", "--require-journal", "-", to)
	cmd.Stdin = strings.NewReader("text")
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(out.String(), "cannot be gone on with") {
		t.Errorf("a stream: exit code %d\n%s", code, out)
	}
}

// A list that came by standard input is asked for again.
func TestListOfAResumedRun(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	args := []string{"upload", "--files-from", "-", "in", "s3://" + sandbox.Bucket + "/list/"}
	s := &stopped{sandbox: sandbox, free: newBetween(t, sandbox, true), dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	randomFile(t, s.dir, "in/big.iso", 40<<20)
	cmd, out := s.free.sealift(t, sandbox, s.dir, args...)
	cmd.Stdin = strings.NewReader("big.iso\n")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-s.free.reached
	_ = cmd.Process.Signal(os.Interrupt)
	if code := exits(t, cmd); code != 130 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	s.said = out.String()
	s.free.release()
	if got := s.sealift(t, 2, "resume"); !strings.Contains(got, "it goes on with run "+s.run(t)) {
		t.Errorf("resume says\n%s", got)
	}
	cmd, out = s.free.sealift(t, sandbox, s.dir, args...)
	cmd.Stdin = strings.NewReader("big.iso\n")
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "going on with run "+s.run(t)) {
		t.Errorf("%v\n%s", err, out)
	}
	s.over(t)
}

// Of two runs with the same command line the one that is named goes on.
func TestTheNamedRunGoesOn(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	s := interrupted(t, sandbox, []string{"big.iso"}, "upload", "big.iso", "s3://"+sandbox.Bucket+"/named.iso")
	run := s.run(t)
	runs := filepath.Join(s.dir, "state", "sealift", "runs")
	text, err := os.ReadFile(filepath.Join(runs, run+".json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"01KAV8Y0000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"} {
		if err := os.WriteFile(filepath.Join(runs, other+".json"), []byte(strings.Replace(string(text), run, other, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.sealift(t, 0, "resume", "--json", run); !strings.Contains(got, `"type":"stored"`) || strings.Contains(got, `"run":"7ZZZ`) || strings.Contains(got, `"run":"01KAV8Y`) {
		t.Errorf("resume says\n%s", got)
	}
	if left := stateFiles(t, s, "runs"); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}
