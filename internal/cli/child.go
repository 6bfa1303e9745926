package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/sealift/sealift/internal/redact"
)

// A sandboxChild is the sandbox program, run by this one on a free port.
type sandboxChild struct {
	ready  readyLine
	cmd    *exec.Cmd
	exited chan error // gets what Wait returned
}

// readyLine is what the sandbox says of itself when it answers. Its secrets
// are not read: the profile's files hold them.
type readyLine struct {
	Type            string `json:"type"`
	Endpoint        string `json:"endpoint"`
	Region          string `json:"region"`
	User            string `json:"user"`
	Profile         string `json:"profile"`
	ConfigFile      string `json:"config_file"`
	CredentialsFile string `json:"credentials_file"`
	RoleARN         string `json:"role_arn"`
	ReaderRoleARN   string `json:"reader_role_arn"`
	Bucket          string `json:"bucket"`
	CAFile          string `json:"ca_file"`
	PID             int    `json:"pid"`
}

// startSandbox starts the sandbox in a folder and waits until it answers. Stop
// it, whatever comes.
func startSandbox(ctx context.Context, folder string) (*sandboxChild, error) {
	program, err := findSandbox()
	if err != nil {
		return nil, err
	}
	c := &sandboxChild{cmd: exec.Command(program, "--json", "--addr", "127.0.0.1:0", "--dir", folder, "--tls"), exited: make(chan error, 1)}
	c.cmd.Env = ownEnvironment(os.Environ())
	c.cmd.SysProcAttr = apart()
	complaints := &redactedTail{}
	c.cmd.Stderr = complaints
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	if err := c.await(ctx, out); err != nil {
		c.stop()
		return nil, fmt.Errorf("start sandbox: %w%s", err, complaints)
	}
	return c, nil
}

// start runs the child from a thread that stays: on Linux the child dies with
// that thread, so it cannot outlive this process.
func (c *sandboxChild) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.exited <- c.cmd.Wait()
			close(c.exited)
		}
	}()
	return <-started
}

// startWithin is how long a sandbox may take to answer.
const startWithin = 20 * time.Second

func (c *sandboxChild) await(ctx context.Context, out io.Reader) error {
	lines := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(out, 1<<20)).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &c.ready)
		}
		if err == nil && (c.ready.Type != "sandbox" || c.ready.Endpoint == "") {
			err = errors.New("its first line does not say where it is")
		}
		lines <- err
	}()
	select {
	case err := <-lines:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(startWithin):
		return fmt.Errorf("no answer in %v", startWithin)
	}
}

// stop ends the child: asked first, then told.
func (c *sandboxChild) stop() {
	_ = askToEnd(c.cmd.Process)
	select {
	case <-c.exited:
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
}

// kill ends the child at once, and waits a little until it is gone.
func (c *sandboxChild) kill() {
	_ = c.cmd.Process.Kill()
	select {
	case <-c.exited:
	case <-time.After(undoWithin / 2):
	}
}

// ownEnvironment is an environment without what would make a child or a
// client depend on its surroundings.
func ownEnvironment(all []string) []string {
	var kept []string
	for _, pair := range all {
		if !ambient(pair) {
			kept = append(kept, pair)
		}
	}
	return kept
}

// ambient tells the variables of AWS clients and of Sealift.
func ambient(name string) bool {
	return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "SEALIFT_")
}

// redactedTail keeps the end of what a child complains about.
type redactedTail struct{ text []byte }

func (t *redactedTail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-1000):]
	return len(p), nil
}

func (t *redactedTail) String() string {
	if len(t.text) == 0 {
		return ""
	}
	return ": " + redact.Escape(strings.TrimSpace(string(t.text)))
}
