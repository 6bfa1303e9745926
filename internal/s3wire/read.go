package s3wire

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"

	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/sum"
)

// Parts lists the parts that S3 has of an upload, all of them, by number. A
// part that S3 names no checksum of the object's kind for is Silent.
func (c *Client) Parts(ctx context.Context, o Object, uploadID string) ([]Part, error) {
	var parts []Part
	for marker := 0; ; {
		page, next, err := c.PartsPage(ctx, o, uploadID, marker, 1000)
		if err != nil {
			return nil, err
		}
		parts = append(parts, page...)
		if next == 0 {
			return parts, nil
		}
		if len(parts) > plan.MaxParts {
			return nil, nonsense(Answer{Operation: ListParts}, "more parts than an upload can have")
		}
		marker = next
	}
}

// PartsPage lists at most limit parts after the number marker, and says after
// which number the next page begins; 0 when there is none.
func (c *Client) PartsPage(ctx context.Context, o Object, uploadID string, marker, limit int) ([]Part, int, error) {
	query := fmt.Sprintf("max-parts=%d&part-number-marker=%d&uploadId=%s", limit, marker, escape(uploadID, false))
	resp, answer, err := c.do(ctx, request{operation: ListParts, method: http.MethodGet,
		bucket: o.Bucket, key: o.Key, query: query, header: o.guard()})
	if err != nil {
		return nil, 0, err
	}
	var page partsPage
	if err := decode(resp, answer, &page); err != nil {
		return nil, 0, err
	}
	parts := make([]Part, 0, len(page.Part))
	for _, p := range page.Part {
		parts = append(parts, p.as(o.Kind))
	}
	if !page.IsTruncated {
		return parts, 0, nil
	}
	if page.NextPartNumberMarker <= marker {
		return nil, 0, nonsense(answer, "its pages do not advance")
	}
	return parts, page.NextPartNumberMarker, nil
}

type partsPage struct {
	XMLName              xml.Name `xml:"ListPartsResult"`
	IsTruncated          bool
	NextPartNumberMarker int
	Part                 []listedPart
}

type listedPart struct {
	PartNumber int
	Size       int64
	ETag       string
	checksums
}

func (l listedPart) as(kind sum.Kind) Part {
	p := Part{Number: l.PartNumber, Size: l.Size, ETag: l.ETag}
	said := l.of(kind)
	p.Silent = said == "" && kind.Told()
	if kind.Own() || !kind.Told() {
		p.Sum, _ = sum.Parse(said)
	} else {
		p.Other = said
	}
	return p
}

// Head asks what S3 has under the object's key: its size, its metadata, and
// its checksum, of the object's kind or, where it has none, of another. No object is NoObject; a session that may not
// look is Denied.
func (c *Client) Head(ctx context.Context, o Object) (Found, error) {
	return c.HeadVersion(ctx, o, "")
}

// HeadVersion is Head of one version; "" is the key's present object.
func (c *Client) HeadVersion(ctx context.Context, o Object, version string) (Found, error) {
	h := o.guard()
	h.Set("X-Amz-Checksum-Mode", "ENABLED")
	resp, answer, err := c.do(ctx, request{operation: HeadObject, method: http.MethodHead,
		bucket: o.Bucket, key: o.Key, query: versionQuery(version), header: h})
	if err != nil {
		return Found{}, err
	}
	found := Found{Stored: stored(answer, resp.Header, o.Kind), Size: resp.ContentLength, Metadata: resp.Header}
	for _, kind := range sum.Kinds() {
		if value := resp.Header.Get(checksumHeader(kind)); found.Checksum == "" && value != "" {
			found.Kind, found.Checksum = kept(kind), value
		}
	}
	if n, err := strconv.ParseInt(resp.Header.Get("Content-Length"), 10, 64); err == nil {
		found.Size = n
	}
	return found, drain(resp, answer)
}

// Found is an object that Head saw.
type Found struct {
	Stored
	Size     int64 // bytes
	Metadata http.Header
}

// Meta returns the object's metadata of that name, "" when it has none.
func (f Found) Meta(name string) string { return f.Metadata.Get("X-Amz-Meta-" + name) }
