package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// What a user sees is in testdata/script, one story a file. All scripts share
// one sandbox; each has keys of its own under $DEST.
func TestScripts(t *testing.T) {
	sandbox := peopled(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(e *testscript.Env) error { return surround(t, e, sandbox) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"random": random, "line": line, "fifo": fifo, "await": await, "code": code,
		},
	})
}

// surround gives a script the sandbox, and a home without anything in it.
func surround(t *testing.T, e *testscript.Env, sandbox *sandboxtest.Sandbox) error {
	home := filepath.Join(e.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	program, err := exec.LookPath("sealift")
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"SEALIFT":                     program,
		"HOME":                        home,
		"USERPROFILE":                 home,
		"XDG_STATE_HOME":              filepath.Join(e.WorkDir, "state"),
		"XDG_CONFIG_HOME":             filepath.Join(e.WorkDir, "etc"),
		"TMPDIR":                      e.Getenv("TMPDIR"),
		"TEST_SYSTEM_CONFIG":          filepath.Join(e.WorkDir, "system.toml"),
		"AWS_CONFIG_FILE":             sandbox.ConfigFile,
		"AWS_SHARED_CREDENTIALS_FILE": sandbox.CredentialsFile,
		"AWS_PROFILE":                 sandbox.Profile,
		"AWS_EC2_METADATA_DISABLED":   "true",
		"ENDPOINT":                    sandbox.Endpoint,
		"BUCKET":                      sandbox.Bucket,
		"DEST":                        "s3://" + sandbox.Bucket + "/" + strings.TrimPrefix(filepath.Base(e.WorkDir), "script-"),
		"ROLES":                       strings.TrimSuffix(sandbox.RoleARN, "s3-uploader-role"),
		"PATH":                        filepath.Dir(sandboxtest.Program(t)) + string(os.PathListSeparator) + e.Getenv("PATH"),
	} {
		e.Setenv(name, value)
	}
	return nil
}

// random NAME SIZE makes a file of random bytes, the same for each name.
func random(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytesLike(args[0], size), 0o600))
}

// bytesLike are random bytes, the same for each name.
func bytesLike(name string, size int) []byte {
	var seed [32]byte
	copy(seed[:], name)
	data := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(data)
	return data
}

// await FILE waits until it is there.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for range 200 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s does not come", args[0])
}

// line FILE TYPE [PATH VALUE] checks JSON lines: one of that type is there,
// and in the last such line the dotted path has the value. `! line FILE TYPE`
// checks that none is.
func line(ts *testscript.TestScript, neg bool, args []string) {
	var found map[string]any
	for text := range bytes.Lines([]byte(ts.ReadFile(args[0]))) {
		var one map[string]any
		if err := json.Unmarshal(text, &one); err != nil {
			ts.Fatalf("not a JSON line: %s", text)
		}
		if one["type"] == args[1] {
			found = one
		}
	}
	if neg {
		if found != nil {
			ts.Fatalf("there is a line of type %s: %v", args[1], found)
		}
		return
	}
	if found == nil {
		ts.Fatalf("no line of type %s", args[1])
	}
	if len(args) == 4 {
		if got := at(found, strings.Split(args[2], ".")); got != args[3] {
			ts.Fatalf("%s of %s is %q, want %q", args[2], args[1], got, args[3])
		}
	}
}

// code CODE ARGS... runs sealift and wants this exit code.
func code(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("sealift", args[1:]...)
	got := 0
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// at is the value at a path within JSON, as text.
func at(value any, path []string) string {
	for _, name := range path {
		fields, _ := value.(map[string]any)
		value = fields[name]
	}
	if value == nil {
		return "null"
	}
	if n, ok := value.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}
