//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// No secret is anywhere but where it must be: not in what is printed, logged,
// kept or left behind, whatever goes wrong, nor with a child process. Access
// key ids are no secrets. `sealift credentials` and `presign` print secrets on
// purpose, on standard output only.
func TestSecretsShowNowhere(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	open, held := newBetween(t, sandbox, false), newBetween(t, sandbox, true)
	dir := t.TempDir()
	randomFile(t, dir, "big.iso", 20<<20)
	randomFile(t, dir, "small", 100)
	dest := "s3://" + sandbox.Bucket + "/"
	var seen bytes.Buffer
	run := func(b *between, code int, args ...string) {
		t.Helper()
		cmd, out := b.sealift(t, sandbox, dir, args...)
		_ = cmd.Run() // the code says it all
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%v: exit code %d, want %d\n%s", args, got, code, out)
		}
		seen.Write(out.Bytes())
	}
	log := func(args ...string) []string {
		return append(args, "--log-level", "debug", "--log-file", "sealift.log")
	}
	run(open, 0, log("upload", "big.iso", dest)...)
	run(open, 0, "upload", "--log-level", "debug", "small", dest)
	run(open, 0, log("upload", "--json", "small", dest+"json")...)
	run(open, 1, log("upload", "--json", "small", dest+"json")...)
	run(open, 4, log("upload", "--role-arn", sandbox.RoleARN+"x", "small", dest)...)
	run(open, 4, log("upload", "--tagging", "a=b", "small", dest+"tagged")...)
	run(open, 4, log("upload", "--expected-bucket-owner", "999999999999", "small", dest+"owner")...)
	run(open, 2, log("upload", "--endpoint-url", "http://192.0.2.1", "small", dest)...)
	run(open, 1, log("upload", "--endpoint-url", "http://127.0.0.1:1", "--keep-trying", "0s", "small", dest+"x")...)
	run(open, 2, log("upload", "small", "small", dest)...)
	run(open, 0, log("cleanup", "--yes", "--older-than", "0s", dest)...)
	run(open, 4, log("cleanup", "--role-arn", sandbox.ReaderRoleARN, dest)...)
	crash(t, held, sandbox, dir, log("upload", "big.iso", dest+"crash"), &seen)

	for _, args := range [][]string{log("credentials", "--allow", dest+"key"), log("presign", "--file", "small", dest),
		{"presign", "--log-level", "debug", "--file", "small", dest}} {
		cmd, out := open.sealift(t, sandbox, dir, args...)
		cmd.Stdout = nil
		if err := cmd.Run(); err != nil {
			t.Error(err)
		}
		seen.Write(out.Bytes())
	}
	run(open, 2, log("presign", "--file", "small", "--expires", "2h", dest)...)

	seen.WriteString(childOfDemo(t, open, sandbox, dir))
	search(t, &seen, dir, secretsOf(t, sandbox, open, held))
}

// crash makes the command die with a trace of all goroutines, mid-upload.
func crash(t *testing.T, b *between, sandbox *sandboxtest.Sandbox, dir string, args []string, seen *bytes.Buffer) {
	t.Helper()
	cmd, out := b.sealift(t, sandbox, dir, args...)
	cmd.Env = append(cmd.Env, "GOTRACEBACK=all")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-b.reached
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !strings.Contains(out.String(), "goroutine") {
		t.Errorf("no trace in %q", out)
	}
	seen.Write(out.Bytes())
}

// childOfDemo runs the demo with a sandbox that only tells its environment and
// arguments, while secrets are in ours.
func childOfDemo(t *testing.T, b *between, sandbox *sandboxtest.Sandbox, dir string) string {
	t.Helper()
	bin := t.TempDir()
	told := filepath.Join(bin, "told")
	script := "#!/bin/sh\n{ env; echo \"$@\"; } > " + told + "\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "sealift-sandbox"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd, out := b.sealift(t, sandbox, dir, "demo")
	cmd.Env = append(cmd.Env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"AWS_SECRET_ACCESS_KEY="+sandbox.SecretAccessKey, "AWS_ACCESS_KEY_ID="+sandbox.AccessKeyID,
		"AWS_SESSION_TOKEN="+sandbox.AdminSecretKey, "SEALIFT_MFA_CODE=123456")
	_ = cmd.Run() // it fails: that was no sandbox
	text, err := os.ReadFile(told)
	if err != nil {
		t.Fatalf("the child was not run: %v\n%s", err, out)
	}
	if bytes.Contains(text, []byte("SEALIFT_MFA_CODE")) {
		t.Error("the child got the MFA code")
	}
	return out.String() + string(text)
}

// secretsOf are the user's, the administrator's, and those of every session
// that STS gave.
func secretsOf(t *testing.T, sandbox *sandboxtest.Sandbox, all ...*between) map[string]string {
	t.Helper()
	secrets := map[string]string{"user's secret key": sandbox.SecretAccessKey, "administrator's secret key": sandbox.AdminSecretKey}
	for _, b := range all {
		b.mu.Lock()
		dec := xml.NewDecoder(bytes.NewReader(b.answers.Bytes()))
		b.mu.Unlock()
		dec.Strict = false
		name := ""
		for {
			token, err := dec.Token()
			if err != nil {
				break
			}
			switch token := token.(type) {
			case xml.StartElement:
				name = token.Name.Local
			case xml.CharData:
				if name == "SecretAccessKey" || name == "SessionToken" {
					secrets[name+" "+hex.EncodeToString(token[:4])] = string(token)
				}
			case xml.EndElement:
				name = ""
			}
		}
	}
	if len(secrets) < 2+2*8 {
		t.Errorf("only %d secrets are known", len(secrets))
	}
	return secrets
}

// search looks for secrets, as they are and encoded, in what was seen and in
// every file below dir.
func search(t *testing.T, seen *bytes.Buffer, dir string, secrets map[string]string) {
	t.Helper()
	places := map[string][]byte{"the output": seen.Bytes()}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			places[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(places["the output"]) < 5000 || len(places[filepath.Join(dir, "sealift.log")]) < 500 {
		t.Errorf("there is too little to search: %d bytes of output, %d of log", seen.Len(), len(places[filepath.Join(dir, "sealift.log")]))
	}
	for what, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte(secret))} {
			for place, text := range places {
				if bytes.Contains(text, []byte(form)) {
					t.Errorf("the %s is in %s", what, place)
				}
			}
		}
	}
}

// namesIn lists a folder.
func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// childrenOf lists the processes that have dir in their arguments.
func childrenOf(t *testing.T, dir string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-eo", "args").Output()
	if err != nil {
		t.Skip(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) {
			found = append(found, line)
		}
	}
	return found
}
