package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
)

// A part of 64 MiB takes a slow line seven minutes. If it breaks twice, S3 was
// not out of reach for fourteen.
func TestAttemptsThatGetOnAreNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempt := func(r *request, lasts time.Duration) time.Duration {
			began := time.Now()
			time.Sleep(lasts)
			r.failed(began)
			return time.Since(r.since)
		}
		part := &request{op: s3wire.UploadPart}
		for n := range maxLong {
			if got := attempt(part, 7*time.Minute); got != 0 {
				t.Errorf("attempt %d: trouble for %v", n+1, got)
			}
		}
		if got := attempt(part, 7*time.Minute); got != 7*time.Minute {
			t.Errorf("after %d long attempts: trouble for %v", maxLong, got)
		}
		for _, op := range []s3wire.Operation{s3wire.UploadPart, s3wire.CompleteMultipartUpload} {
			r := &request{op: op}
			attempt(r, s3wire.DefaultStall)
			lasts := s3wire.DefaultStall // stands still
			if op == s3wire.CompleteMultipartUpload {
				lasts = time.Hour // works on it
			}
			if got := attempt(r, lasts); got != lasts {
				t.Errorf("%s: trouble for %v, want %v", op, got, lasts)
			}
		}
	})
}
