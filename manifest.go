package sealift

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/sealift/sealift/receipt"
)

// manifestVersion is the version of manifests that are written.
const manifestVersion = 1

// A manifest is a tree's list of objects while it is written, in a file of the
// system's folder for those.
type manifest struct {
	file    *os.File
	out     *bufio.Writer
	objects int64
	bytes   int64
	err     error // the first
}

// The lines of a manifest (docs/format/manifest.md).
type (
	manifestHead struct {
		Version int    `json:"version"`
		Run     string `json:"run"`
		Bucket  string `json:"bucket"`
		Prefix  string `json:"prefix"`
	}
	manifestLine struct {
		Key      string            `json:"key"`
		Size     int64             `json:"size"`
		Checksum *receipt.Checksum `json:"checksum"`
		SHA256   *string           `json:"sha256"`
	}
	manifestEnd struct {
		Objects int64 `json:"objects"`
		Bytes   int64 `json:"bytes"`
	}
)

func newManifest(run string, t Tree) (*manifest, error) {
	f, err := os.CreateTemp("", "sealift-manifest-*")
	if err != nil {
		return nil, fmt.Errorf("begin manifest: %w", err)
	}
	m := &manifest{file: f, out: bufio.NewWriterSize(f, 64<<10)}
	m.line(manifestHead{manifestVersion, run, t.Bucket, t.Prefix})
	return m, nil
}

// add lists one object.
func (m *manifest) add(key string, size int64, checksum *receipt.Checksum, sha256 *string) {
	if checksum == nil || checksum.Value == "" {
		m.fail(fmt.Errorf("the sum of %s is not known: its key held an object, and nobody may look", key))
		return
	}
	m.objects++
	m.bytes += size
	m.line(manifestLine{key, size, checksum, sha256})
}

func (m *manifest) line(of any) {
	if m.err != nil {
		return
	}
	enc := json.NewEncoder(m.out)
	enc.SetEscapeHTML(false)
	m.fail(enc.Encode(of))
}

func (m *manifest) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// upload ends the list and stores it.
func (m *manifest) upload(ctx context.Context, u *Uploader, o Object) (*receipt.Receipt, error) {
	m.line(manifestEnd{m.objects, m.bytes})
	m.fail(m.out.Flush())
	if m.err != nil {
		return nil, fmt.Errorf("write manifest: %w", m.err)
	}
	r, _, err := u.upload(ctx, File(m.file), o)
	if err != nil {
		return nil, fmt.Errorf("write manifest %s: %w", o.Key, err)
	}
	return r, nil
}

func (m *manifest) close() error {
	return errors.Join(m.file.Close(), os.Remove(m.file.Name()))
}

// manifestObject is where and how the manifest is stored: as the tree's
// objects are, but never over another.
func (t Tree) manifestObject() Object {
	o := Object{Bucket: t.Bucket, Key: t.Manifest, Options: t.Options}
	o.IfExists, o.ContentType, o.PartSize = "fail", "application/jsonl", 0
	o.ContentEncoding, o.ContentLanguage, o.ContentDisposition = "", "", "" // what the objects are, it is not
	return o
}
