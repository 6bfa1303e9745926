package sealift

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
)

// Presign returns a PUT request that stores size bytes with that checksum as
// object, for somebody else to send within lasts, a second to seven days. The
// method, the URL, the header and the length are signed: S3 refuses it with any
// other. Body is left to the sender. Nothing is sent here, there are no events,
// and there is no receipt: this Uploader does not learn what becomes of it.
//
// The URL is a secret until then: whoever has it, and the header, can send
// these bytes once, or over and over where object.IfExists is "overwrite".
//
// checksum is a CRC64NVME in base64, or a SHA-256 in base64 or hex. A CRC finds
// accidents; other bytes of that length with the same CRC can be made on purpose,
// with the same SHA-256 they cannot. An empty object is bound by its SHA-256,
// whichever is given. Of object's Options, PartSize and SourceHash do not matter.
//
// What S3 would refuse is ErrInvalid, and so is what would last longer than
// the credentials.
func (u *Uploader) Presign(ctx context.Context, object Object, size int64, checksum string, lasts time.Duration) (*http.Request, error) {
	if err := cmp.Or(u.check(object), object.decided()); err != nil {
		return nil, err
	}
	bound, err := boundTo(size, checksum)
	switch {
	case err != nil:
		return nil, &meant{ErrInvalid, err}
	case lasts < time.Second || lasts > s3wire.MaxPresigned:
		return nil, fmt.Errorf("%w: a presigned request lasts from a second to seven days, not %v", ErrInvalid, lasts)
	}
	request, err := u.s3.Presign(ctx, object.wire(object.Metadata), size, bound, object.IfExists == "overwrite", lasts)
	if err != nil {
		return nil, meaningOf("", err)
	}
	u.config.Logger.LogAttrs(ctx, slog.LevelInfo, "request presigned", slog.String("run", u.config.Run),
		slog.String("bucket", object.Bucket), slog.String("key", object.Key), slog.Int64("bytes", size))
	return request, nil
}

// decided refuses what to do with a key that is taken where only S3 can do it:
// it refuses an object, or replaces it.
func (o Object) decided() error {
	if o.IfExists == "" || o.IfExists == "fail" || o.IfExists == "overwrite" {
		return nil
	}
	return fmt.Errorf("%w: if-exists %s where nobody looks; S3 knows fail and overwrite", ErrInvalid, o.IfExists)
}

// boundTo is the header that binds a body of size bytes to its checksum.
func boundTo(size int64, checksum string) (s3wire.Checksum, error) {
	if size < 0 || size > plan.MaxPartSize {
		return s3wire.Checksum{}, fmt.Errorf("size %d is outside 0 to %d, which S3 takes in one request", size, int64(plan.MaxPartSize))
	}
	c, err := s3wire.ParseChecksum(checksum)
	if err != nil {
		return s3wire.Checksum{}, err
	}
	return c.For(size)
}
