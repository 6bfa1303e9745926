package s3wire

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
)

// A Choice says which state of an object is meant. The zero value is the key's
// present one, whatever it is.
type Choice struct {
	Version string // its id; "" = the key's present object
	ETag    string // that it must have, as S3 wrote it; "" = any
}

// versionQuery names a version; "" names none.
func versionQuery(version string) string {
	if version == "" {
		return ""
	}
	return "versionId=" + escape(version, false)
}

// Get reads size bytes of an object from offset on into buf, which holds so
// many. An answer of any other range, or of another length, is nonsense. An
// object whose ETag is another is Exists, as every condition that fails.
func (c *Client) Get(ctx context.Context, o Object, which Choice, offset int64, buf []byte) error {
	h := o.guard()
	set(h, "If-Match", which.ETag)
	if len(buf) > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(buf))-1))
	}
	resp, answer, err := c.do(ctx, request{operation: GetObject, method: http.MethodGet,
		bucket: o.Bucket, key: o.Key, query: versionQuery(which.Version), header: h})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// Whoever ignores the range sends the whole: its beginning is asked for, or
	// it is other bytes.
	if resp.StatusCode != http.StatusPartialContent && offset > 0 {
		return nonsense(answer, "it ignores the range")
	}
	if resp.ContentLength >= 0 && resp.ContentLength != int64(len(buf)) {
		return nonsense(answer, fmt.Sprintf("%d bytes, and %d were asked for", resp.ContentLength, len(buf)))
	}
	if _, err := io.ReadFull(resp.Body, buf); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return &Error{Answer: answer, Whole: true, Err: fmt.Errorf("read %s: %w", GetObject, err)}
	}
	return nil
}

// Listed reports whether a listing of the bucket shows the object's key. It
// settles what a session without more rights is told of keys that are not
// there: that it may not look.
func (c *Client) Listed(ctx context.Context, o Object) (bool, error) {
	resp, answer, err := c.do(ctx, request{operation: ListObjects, method: http.MethodGet,
		bucket: o.Bucket, query: "list-type=2&max-keys=1&prefix=" + escape(o.Key, false), header: o.guard()})
	if err != nil {
		return false, err
	}
	var page struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []struct{ Key string }
	}
	if err := decode(resp, answer, &page); err != nil {
		return false, err
	}
	return len(page.Contents) > 0 && page.Contents[0].Key == o.Key, nil // the key itself sorts first
}
