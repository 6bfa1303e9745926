package s3wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// ErrOutlives says that a presigned request would be good for longer than the
// credentials that sign it. S3 ends it with them, whatever it says.
var ErrOutlives = errors.New("a presigned request cannot outlive its session")

// MaxPresigned is how long a presigned request can be good for at most.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
// (X-Amz-Expires; recalled, not read again for this code).
const MaxPresigned = 7 * 24 * time.Hour

// Presign returns the PutObject of size bytes, signed for whoever has it,
// from now for that long. URL and header are whole, the body is for the sender
// to fill in. It is a secret.
//
// Everything that binds the sender stands in a signed header, and nothing of it
// in the query: of a checksum in the query S3 checks the signature and then
// nothing more. The length is signed too, but for 0, which the signer leaves
// out: only a checksum that nobody can forge binds an empty body.
//
// Source: https://github.com/aws/aws-sdk-go-v2/issues/2610 and
// https://github.com/ministackorg/ministack/pull/1705 (read 2026-11-25).
func (c *Client) Presign(ctx context.Context, o Object, size int64, s Checksum, overwrite bool, lasts time.Duration) (*http.Request, error) {
	target, creds, err := c.prepare(ctx, o.Bucket)
	if err != nil {
		return nil, err
	}
	now, lasts := c.now(), lasts.Truncate(time.Second)
	if creds.CanExpire && now.Add(lasts).After(creds.Expires) {
		return nil, fmt.Errorf("%w: it would end at %s, the session ends at %s", ErrOutlives,
			now.Add(lasts).Format(time.RFC3339), creds.Expires.UTC().Format(time.RFC3339))
	}
	h := o.describe()
	condition(h, overwrite)
	h.Set(s.Header, s.Value)
	hr := (&http.Request{
		Method: http.MethodPut, Header: h, ContentLength: size,
		URL:   target.url(o.Key, "X-Amz-Expires="+strconv.Itoa(int(lasts/time.Second))),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	hr.Host = hr.URL.Host
	signed, _, err := c.signer.PresignHTTP(ctx, creds, hr, unsigned, target.service, target.region, now,
		func(o *v4.SignerOptions) { o.DisableHeaderHoisting = true })
	if err != nil {
		return nil, fmt.Errorf("presign request: %w", err)
	}
	if hr.URL, err = url.Parse(signed); err != nil {
		return nil, errors.New("presign request: the signer made no URL") // err would show it
	}
	return hr, nil
}
