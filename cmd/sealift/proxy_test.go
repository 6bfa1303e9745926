package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealift/sealift/internal/sandboxtest"
)

// A between is a server that passes requests on to a sandbox. It can hold
// parts back, and keeps what STS answers.
type between struct {
	*httptest.Server

	reached chan struct{} // closed when a part has come in after the first
	once    sync.Once
	hold    bool
	delay   time.Duration // of every part
	keep    bool          // uploads may not be aborted
	mute    bool          // what opens an upload is not answered
	parts   int
	sent    atomic.Int64 // parts that came in whole
	meddles atomic.Pointer[meddler]

	mu      sync.Mutex
	answers bytes.Buffer // of STS
}

// A meddler answers a request in the sandbox's place, or returns false.
type meddler func(w http.ResponseWriter, r *http.Request) bool

// meddle lets m see every request from now on; nil ends that.
func (b *between) meddle(m meddler) { b.meddles.Store(&m) }

func (b *between) meddled(w http.ResponseWriter, r *http.Request) bool {
	m := b.meddles.Load()
	if m == nil || *m == nil || !(*m)(w, r) {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return true
}

// newBetween stands before the sandbox. With hold, parts after the first are
// not answered until their client leaves.
func newBetween(t *testing.T, sandbox *sandboxtest.Sandbox, hold bool) *between {
	t.Helper()
	target, err := url.Parse(sandbox.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	b := &between{reached: make(chan struct{}), hold: hold}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: b.listen,
	}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.meddled(w, r) {
			return
		}
		if b.keeps() && r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if b.mutes(r) {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			b.once.Do(func() { close(b.reached) })
			<-r.Context().Done()
			return
		}
		if b.holdsBack(r) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		if r.URL.Query().Has("partNumber") && r.Method == http.MethodPut {
			time.Sleep(b.delay)
			b.sent.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(b.CloseClientConnections)
	t.Cleanup(b.Close)
	return b
}

// release holds nothing back any more, and lets uploads be aborted.
func (b *between) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hold, b.keep, b.mute = false, false, false
}

func (b *between) mutes(r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mute && r.Method == http.MethodPost && r.URL.Query().Has("uploads")
}

func (b *between) keeps() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keep
}

func (b *between) holdsBack(r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.hold || !r.URL.Query().Has("partNumber") {
		return false
	}
	b.parts++
	if b.parts > 1 {
		b.once.Do(func() { close(b.reached) })
	}
	return b.parts > 1
}

// listen keeps the answers of STS.
func (b *between) listen(r *http.Response) error {
	if r.Request.Method != http.MethodPost || r.Request.URL.Path != "/" {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers.Write(text)
	return err
}

// profiles writes AWS files that name this server and the user's keys.
func (b *between) profiles(t *testing.T, sandbox *sandboxtest.Sandbox) (config, credentials string) {
	t.Helper()
	dir := t.TempDir()
	config, credentials = filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	text := "[profile uploader-profile]\nregion = us-east-1\nendpoint_url = " + b.URL + "\nrole_arn = " + sandbox.RoleARN + "\nsource_profile = base\n" +
		"[profile base]\nregion = us-east-1\nendpoint_url = " + b.URL + "\n"
	keys := "[base]\naws_access_key_id = " + sandbox.AccessKeyID + "\naws_secret_access_key = " + sandbox.SecretAccessKey + "\n"
	for path, text := range map[string]string{config: text, credentials: keys} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config, credentials
}

// sealift is the command, ready to run in a folder of its own.
func (b *between) sealift(t *testing.T, sandbox *sandboxtest.Sandbox, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	config, credentials := b.profiles(t, sandbox)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "sealift", args...)
	cmd.Dir = dir
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "AWS_") && !strings.HasPrefix(pair, "CI=") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, "HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CONFIG_HOME="+filepath.Join(dir, "etc"), "TMPDIR="+tmp,
		"AWS_CONFIG_FILE="+config, "AWS_SHARED_CREDENTIALS_FILE="+credentials, "AWS_PROFILE=uploader-profile", "AWS_EC2_METADATA_DISABLED=true",
		"PATH="+filepath.Dir(sandboxtest.Program(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// randomFile makes a file of random bytes in dir.
func randomFile(t *testing.T, dir, name string, size int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), bytesLike(name, size), 0o600); err != nil {
		t.Fatal(err)
	}
}
