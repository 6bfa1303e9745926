// Package bucket keeps the documents of buckets that the S3 engine does not:
// policy, encryption, lifecycle, notification, public access block, logging.
//
// Documents are kept as the client wrote them, one JSON file a bucket, and
// given back so. They are checked for shape only. Of their effects, this half
// of the sandbox knows the policy (weighed on every request), the default
// encryption, and the block on public policies; rules of lifecycle,
// notification and logging are stored and do nothing yet.
package bucket

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sealift/sealift/sandbox/internal/iameval"
)

// Documents are those of all buckets. It is safe for concurrent use.
type Documents struct {
	dir string

	mu     sync.RWMutex
	texts  map[string]map[string]string // bucket → document → text
	policy map[string]*iameval.Document // bucket → parsed policy
}

// Open reads the documents kept in dir, which is made if need be.
func Open(dir string) (*Documents, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open bucket documents: %w", err)
	}
	d := &Documents{dir: dir, texts: map[string]map[string]string{}, policy: map[string]*iameval.Document{}}
	files, err := fs.Glob(os.DirFS(dir), "*.json")
	if err != nil {
		return nil, fmt.Errorf("open bucket documents: %w", err)
	}
	for _, file := range files {
		if err := d.load(file); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *Documents) load(file string) error {
	text, err := os.ReadFile(filepath.Join(d.dir, file))
	if err != nil {
		return fmt.Errorf("read bucket documents: %w", err)
	}
	var docs map[string]string
	if err := json.Unmarshal(text, &docs); err != nil {
		return fmt.Errorf("read bucket documents %s: %w", file, err)
	}
	bucket := strings.TrimSuffix(file, ".json")
	d.texts[bucket] = docs
	return d.parsePolicy(bucket, docs[Policy])
}

func (d *Documents) parsePolicy(bucket, text string) error {
	if text == "" {
		delete(d.policy, bucket)
		return nil
	}
	p, err := iameval.Parse("policy of bucket "+bucket, text, iameval.Resource)
	if err != nil {
		return err
	}
	d.policy[bucket] = &p
	return nil
}

// Get gives a document, "" if the bucket has none.
func (d *Documents) Get(bucket, name string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.texts[bucket][name]
}

// Policy is the bucket's policy, nil if it has none.
func (d *Documents) Policy(bucket string) *iameval.Document {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.policy[bucket]
}

// Put stores a document; the text "" removes it. The bucket's name may be
// fiber's, which is overwritten by the connection's next request.
func (d *Documents) Put(bucket, name, text string) error {
	bucket = strings.Clone(bucket)
	d.mu.Lock()
	defer d.mu.Unlock()
	docs := maps.Clone(d.texts[bucket])
	if docs == nil {
		docs = map[string]string{}
	}
	docs[name] = text
	if text == "" {
		delete(docs, name)
	}
	if name == Policy {
		if err := d.parsePolicy(bucket, text); err != nil {
			return err
		}
	}
	d.texts[bucket] = docs
	return d.store(bucket, docs)
}

// Drop forgets a bucket.
func (d *Documents) Drop(bucket string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.texts, bucket)
	delete(d.policy, bucket)
	if err := os.Remove(d.file(bucket)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove documents of bucket %s: %w", bucket, err)
	}
	return nil
}

func (d *Documents) file(bucket string) string { return filepath.Join(d.dir, bucket+".json") }

// store replaces the bucket's file in one step.
func (d *Documents) store(bucket string, docs map[string]string) error {
	text, err := json.MarshalIndent(docs, "", "\t")
	if err != nil {
		return fmt.Errorf("write documents of bucket %s: %w", bucket, err)
	}
	next := d.file(bucket) + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("write documents of bucket %s: %w", bucket, err)
	}
	if err := os.Rename(next, d.file(bucket)); err != nil {
		return fmt.Errorf("write documents of bucket %s: %w", bucket, err)
	}
	return nil
}
