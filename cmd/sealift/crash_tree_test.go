//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/receipt"
)

// A clearing is a folder whose upload is killed, again and again, until it is
// let be.
type clearing struct {
	sandbox *sandboxtest.Sandbox
	proxy   *between
	dir     string
	prefix  string
	args    []string
	files   map[string][]byte // by name within the folder
}

// crashBacklog is how many receipts may wait to be written at most: events of the
// library that are not yet delivered.
const crashBacklog = 64

// filesOfTree are files that go by one PutObject, and by several parts, with
// the edges between.
func filesOfTree() map[string][]byte {
	files := map[string][]byte{
		"empty": {}, "one": {1}, "a part": bytesLike("a part", crashPart), "a part and a byte": bytesLike("more", crashPart+1),
		"large": bytesLike("large", 3*crashPart-7), "larger": bytesLike("larger", 5*crashPart),
	}
	for i := range 60 {
		name := fmt.Sprintf("small/%02d/%d", i%7, i)
		files[name] = bytesLike(name, 1+i*1500)
	}
	return files
}

// Whenever it is killed, by SIGKILL, the same command goes on with a folder: each
// file is an object with its bytes, stored once, and has one receipt, or it is
// said that nobody heard whether it was stored. A reader leaves none of those.
// SEALIFT_CRASHES says how many folders, SEALIFT_SEED which instants.
func TestKilledFoldersAreResumed(t *testing.T) {
	crashes, seed := crashFigures(t)
	random := rand.New(rand.NewPCG(seed, 2))
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, false)
	files := filesOfTree()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, "in", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	newClearing(sandbox, proxy, dir, files, -1, false).run(t, random, 0)
	long := time.Since(began)
	kills, unheard := 0, 0
	for i := range crashes {
		began = time.Now()
		killed, lost := newClearing(sandbox, proxy, dir, files, i, i%2 == 1).run(t, random, long)
		kills, unheard = kills+killed, unheard+lost
		if killed == 0 { // the machine was busier when it was measured
			long = min(long, time.Since(began))
		}
		if t.Failed() {
			t.Fatalf("seed %d, folder %d", seed, i)
		}
	}
	t.Logf("seed %d: %d folders of %d files, killed %d times; of %d files nobody heard the answer", seed, crashes, len(files), kills, unheard)
}

func newClearing(sandbox *sandboxtest.Sandbox, proxy *between, dir string, files map[string][]byte, i int, reader bool) *clearing {
	c := &clearing{sandbox: sandbox, proxy: proxy, dir: dir, files: files, prefix: fmt.Sprintf("clearing-%d/", i)}
	c.args = []string{"upload", "--json", "--part-size", strconv.Itoa(crashPart), "--concurrency", strconv.Itoa(crashConcurrency)}
	if reader {
		c.args = append(c.args, "--reader-role-arn", sandbox.ReaderRoleARN)
	}
	c.args = append(c.args, "in", "s3://"+sandbox.Bucket+"/"+c.prefix)
	return c
}

// run kills the upload up to three times within that long, and lets it end. It
// returns how often, and of how many files nobody heard the answer.
func (c *clearing) run(t *testing.T, random *rand.Rand, long time.Duration) (kills, unheard int) {
	t.Helper()
	code := -1
	var out *bytes.Buffer
	for code < 0 {
		cmd, text := c.proxy.sealift(t, c.sandbox, c.dir, c.args...)
		after := 50 * time.Second
		if long > 0 && kills < 3 {
			after = time.Duration(random.Int64N(int64(long)))
		}
		if out = text; killedAfter(t, cmd, after) {
			if kills++; len(c.left(t)) == 0 && len(c.receipts(t)) == len(c.files) {
				c.check(t, nil)
				return kills, 0 // it had done all
			}
			continue
		}
		code = cmd.ProcessState.ExitCode()
	}
	unsaid := c.unsaid(t, out)
	if reader := slices.Contains(c.args, "--reader-role-arn"); code != 0 && code != 5 || (code == 0) != (len(unsaid) == 0) || reader && code != 0 || len(unsaid) > kills*(crashConcurrency+crashBacklog) {
		t.Errorf("killed %d times: exit code %d, unheard of %v\n%s", kills, code, unsaid, troubles(out))
	}
	c.check(t, unsaid)
	return kills, len(unsaid)
}

// troubles are the lines that tell of no success.
func troubles(out *bytes.Buffer) string {
	var lines []string
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, `{"type":"s`) && !strings.Contains(line, `{"type":"progress"`) || strings.Contains(line, `"summary"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// unsaid are the keys of which the last command said that nobody can tell.
func (c *clearing) unsaid(t *testing.T, out *bytes.Buffer) []string {
	t.Helper()
	var keys []string
	for line := range strings.Lines(out.String()) {
		var event struct {
			Type, Object, Error string
			Exit                int
		}
		if json.Unmarshal([]byte(line), &event) != nil || event.Type != "failed" {
			continue
		}
		if event.Exit != 5 || !strings.Contains(event.Error, "cannot be proven") {
			t.Errorf("failed: %s", line)
		}
		keys = append(keys, strings.TrimPrefix(event.Object, "s3://"+c.sandbox.Bucket+"/"))
	}
	return keys
}

// check holds what is there against what should be.
func (c *clearing) check(t *testing.T, unsaid []string) {
	t.Helper()
	client := s3.NewFromConfig(c.sandbox.AdminConfig(t), func(o *s3.Options) { o.UsePathStyle = true })
	receipts := c.receipts(t)
	for name, data := range c.files {
		key := c.prefix + name
		got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &c.sandbox.Bucket, Key: &key})
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		stored, err := io.ReadAll(got.Body)
		got.Body.Close()
		if err != nil || !bytes.Equal(stored, data) {
			t.Errorf("%s has %d bytes, which are not the file's: %v", key, len(stored), err)
		}
		want := 1
		if slices.Contains(unsaid, key) {
			want = 0
		}
		if len(receipts[key]) != want {
			t.Errorf("%s has %d receipts, want %d", key, len(receipts[key]), want)
		}
		for _, r := range receipts[key] {
			if r.Transfer != got.Metadata["sealift-transfer"] {
				t.Errorf("%s: the receipt is of transfer %s, the object of %s", key, r.Transfer, got.Metadata["sealift-transfer"])
			}
		}
		delete(receipts, key)
	}
	if len(receipts) > 0 {
		t.Errorf("receipts of what is not there: %v", slices.Collect(maps.Keys(receipts)))
	}
	versions, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &c.sandbox.Bucket, Prefix: &c.prefix})
	if err != nil || len(versions.Versions) != len(c.files) {
		t.Errorf("%d versions of %d files: %v", len(versions.Versions), len(c.files), err)
	}
	open, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &c.sandbox.Bucket, Prefix: &c.prefix})
	if err != nil || len(open.Uploads) > 0 {
		t.Errorf("%d uploads are open: %v", len(open.Uploads), err)
	}
	if left := c.left(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// left are the files of state that are there while there is something to go on
// with.
func (c *clearing) left(t *testing.T) (all []string) {
	t.Helper()
	for _, folder := range []string{"runs", "journal"} {
		left, err := filepath.Glob(filepath.Join(c.dir, "state", "sealift", folder, "*.j*"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, left...)
	}
	return all
}

// receipts are those of this folder, by key.
func (c *clearing) receipts(t *testing.T) map[string][]*receipt.Receipt {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.dir, "state", "sealift", "receipts", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]*receipt.Receipt{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range receipt.Lines(f) {
			if err != nil {
				t.Errorf("%s: %v", path, err)
			} else if strings.HasPrefix(r.Object.Key, c.prefix) {
				all[r.Object.Key] = append(all[r.Object.Key], r)
			}
		}
		f.Close()
	}
	return all
}
