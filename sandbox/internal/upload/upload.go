// Package upload remembers multipart uploads: who opened them, with which
// encryption, and how they ended.
//
// The S3 engine forgets an upload when it is complete, and then takes an
// invented upload id for a repeated Complete whenever the key exists. With
// this memory an unknown id is NoSuchUpload, and a true repeat gets the first
// answer again. One JSON file an upload; finished ones are kept.
package upload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// An Upload is what is remembered of one. Only its end, Answer and Parts, is
// ever changed, between Lock and Unlock.
type Upload struct {
	ID           string
	Bucket       string
	Key          string
	Initiator    string // ARN of who created it
	Started      time.Time
	Encryption   string          `json:",omitempty"` // AES256, aws:kms
	KMSKey       string          `json:",omitempty"`
	Context      string          `json:",omitempty"` // KMS encryption context, base64 of JSON
	BucketKey    bool            `json:",omitempty"`
	StorageClass string          `json:",omitempty"`
	Answer       json.RawMessage `json:",omitempty"` // first answer of Complete
	Parts        string          `json:",omitempty"` // digest of the parts it was completed with

	once    sync.Mutex // held while it is being ended
	aborted bool
}

// Ended tells whether the upload takes no more parts. Ask between Lock and
// Unlock.
func (u *Upload) Ended() bool { return u.aborted || u.Answer != nil }

// Abort ends the upload. Call it between Lock and Unlock.
func (u *Upload) Abort() { u.aborted = true }

// Lock lets one Complete or Abort of the upload through at a time.
func (u *Upload) Lock() { u.once.Lock() }

// Unlock ends what Lock began.
func (u *Upload) Unlock() { u.once.Unlock() }

// Uploads are all that are known. It is safe for concurrent use.
type Uploads struct {
	dir string

	mu   sync.Mutex
	byID map[string]*Upload
}

// Open reads the uploads kept in dir, which is made if need be.
func Open(dir string) (*Uploads, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open uploads: %w", err)
	}
	us := &Uploads{dir: dir, byID: map[string]*Upload{}}
	files, err := fs.Glob(os.DirFS(dir), "*.json")
	if err != nil {
		return nil, fmt.Errorf("open uploads: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return nil, fmt.Errorf("open uploads: %w", err)
		}
		u := &Upload{}
		if err := json.Unmarshal(text, u); err != nil {
			return nil, fmt.Errorf("open upload %s: %w", file, err)
		}
		us.byID[u.ID] = u
	}
	return us, nil
}

// Find gives the upload of an id, if it is of this bucket and key.
func (us *Uploads) Find(bucket, key, id string) (*Upload, bool) {
	us.mu.Lock()
	defer us.mu.Unlock()
	u := us.byID[id]
	if u == nil || u.Bucket != bucket || u.Key != key {
		return nil, false
	}
	return u, true
}

// Add remembers a new upload. The strings in u may be fiber's, which are
// overwritten by the connection's next request.
func (us *Uploads) Add(u *Upload) error {
	for _, s := range []*string{&u.ID, &u.Bucket, &u.Key, &u.Initiator, &u.Encryption, &u.KMSKey, &u.Context, &u.StorageClass} {
		*s = strings.Clone(*s)
	}
	us.mu.Lock()
	us.byID[u.ID] = u
	us.mu.Unlock()
	return us.store(u)
}

// Answer ends an upload with the first answer of Complete to these parts.
// Call it between Lock and Unlock.
func (us *Uploads) Answer(u *Upload, answer json.RawMessage, parts string) error {
	u.Answer, u.Parts = answer, parts
	return us.store(u)
}

// store replaces the upload's file in one step.
func (us *Uploads) store(u *Upload) error {
	text, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("remember upload %s: %w", u.ID, err)
	}
	next := us.file(u.ID) + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("remember upload %s: %w", u.ID, err)
	}
	if err := os.Rename(next, us.file(u.ID)); err != nil {
		return fmt.Errorf("remember upload %s: %w", u.ID, err)
	}
	return nil
}

// Drop forgets an aborted upload.
func (us *Uploads) Drop(id string) error {
	us.mu.Lock()
	defer us.mu.Unlock()
	if us.byID[id] == nil {
		return nil
	}
	delete(us.byID, id)
	if err := os.Remove(us.file(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget upload %s: %w", id, err)
	}
	return nil
}

// file is only asked for ids that the engine made.
func (us *Uploads) file(id string) string { return filepath.Join(us.dir, id+".json") }
