package verify

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sealift/sealift/internal/engine"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
	"github.com/sealift/sealift/receipt"
)

// A Reader looks at objects. It is safe for concurrent use.
type Reader struct {
	S3       *s3wire.Client
	Newer    bool          // the key may hold a newer version than the receipt's
	Download bool          // every byte is read too
	Buffers  chan []byte   // for downloads: what they share; as many as it holds
	Owner    string        // account that must own the bucket; "" = any
	Keep     time.Duration // how long one request is tried
	Waiting  func(error)   // called where trouble lasts; may be called by many goroutines
}

// Object holds a receipt against the object: its version, size, ETag, checksum,
// encryption and transfer, and with Download its bytes. An object that is gone
// differs. ErrUnproven says that all else holds, and nothing stands for the
// bytes.
func (f *Findings) Object(ctx context.Context, r *receipt.Receipt, by *Reader, moved func(int)) error {
	o := s3wire.Object{Bucket: r.Object.Bucket, Key: r.Object.Key, Kind: sum.Kind(r.Object.Checksum.Algorithm), Owner: by.Owner}
	found, there, err := by.find(ctx, f, r, o)
	if err != nil || !there {
		return err
	}
	f.compare("s3", "object.size", number(r.Object.Size), number(found.Size))
	f.compare("s3", "object.etag", r.Object.ETag, found.ETag)
	f.compare("s3", "transfer", r.Transfer, found.Meta(engine.TransferMetadata))
	if r.Object.Encryption != nil {
		f.compare("s3", "object.encryption", *r.Object.Encryption, found.Encryption)
	}
	if r.Object.KMSKeyID != nil {
		f.compare("s3", "object.kms_key_id", *r.Object.KMSKeyID, found.KMSKeyID)
	}
	proven := f.checksum(r, found.Stored)
	if found.Size != r.Object.Size {
		return nil // it differs already, and other bytes have other sums
	}
	if by.Download {
		return by.download(ctx, f, r, o, moved)
	}
	if !proven {
		return ErrUnproven
	}
	return nil
}

// checksum compares what S3 keeps, and reports whether there was something to
// compare. A receipt without one was given by a server that kept none; S3 makes
// a CRC64NVME later too.
func (f *Findings) checksum(r *receipt.Receipt, s s3wire.Stored) bool {
	want := r.Object.Checksum
	switch {
	case s.Checksum == "":
		return false
	case string(s.Kind) == want.Algorithm:
		f.compare("s3", "object.checksum.type", want.Type, cmp.Or(s.ChecksumType, want.Type))
		f.compare("s3", "object.checksum.value", want.Value, s.Checksum)
		return true
	case s.Kind.Own() && s.ChecksumType != "COMPOSITE":
		f.compare("s3", "source.crc64nvme", r.Source.CRC64NVME, s.Checksum)
		return true
	}
	return false
}

// find looks for the receipt's version, and whether it is what the key holds.
func (by *Reader) find(ctx context.Context, f *Findings, r *receipt.Receipt, o s3wire.Object) (s3wire.Found, bool, error) {
	version := text(r.Object.VersionID)
	if !by.Newer || version == "" {
		found, there, err := by.head(ctx, o, "")
		switch {
		case err != nil:
			return found, false, err
		case there && (version == "" || versionOf(found) == version || found.VersionID == version):
			f.compare("s3", "object.version_id", version, versionOf(found))
			return found, true, nil
		case version == "":
			f.compare("s3", "object.key", r.Object.Key, "")
			return found, false, nil
		}
		f.compare("s3", "object.version_id", version, found.VersionID) // what the key holds now
	}
	found, there, err := by.head(ctx, o, version)
	if err == nil && !there {
		f.compare("s3", "object.version_id", version, "")
	}
	if err == nil && there {
		f.compare("s3", "object.version_id", version, found.VersionID)
	}
	return found, there, err
}

// versionOf is a version as receipts have it. What was stored before a bucket
// kept versions has one that is called null.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html
// (recalled, not read again).
func versionOf(found s3wire.Found) string {
	if found.VersionID == "null" {
		return ""
	}
	return found.VersionID
}

// head looks at one version. Where S3 says that it may not be looked at, which
// it may say of what is not there, a listing settles it.
func (by *Reader) head(ctx context.Context, o s3wire.Object, version string) (found s3wire.Found, there bool, err error) {
	err = by.again(ctx, s3wire.HeadObject, func(ctx context.Context) (err error) {
		found, err = by.S3.HeadVersion(ctx, o, version)
		return err
	})
	switch s3wire.Classify(err) {
	case s3wire.OK:
		return found, true, nil
	case s3wire.NoObject:
		return s3wire.Found{}, false, nil
	case s3wire.Denied:
		return s3wire.Found{}, false, by.settle(ctx, o, version, err)
	case s3wire.Refused:
		if isMarker(err) {
			return s3wire.Found{}, false, nil
		}
	}
	return s3wire.Found{}, false, err
}

// settle returns nil if the object is not there, else why it may not be looked
// at: an answer to HEAD has no words, one to GET has. Of a missing key S3 says
// that the right to list is missing. A version that is refused without a word may
// be gone, hidden by another, or forbidden: nobody can tell.
func (by *Reader) settle(ctx context.Context, o s3wire.Object, version string, denied error) error {
	var listed bool
	err := by.again(ctx, s3wire.ListObjects, func(ctx context.Context) (err error) {
		listed, err = by.S3.Listed(ctx, o)
		return err
	})
	seen := err == nil
	if seen && !listed && version == "" {
		return nil
	}
	told := by.S3.Get(ctx, o, s3wire.Choice{Version: version}, 0, make([]byte, 1))
	switch s3wire.Classify(told) {
	case s3wire.NoObject:
		return nil
	case s3wire.Denied:
		denied = told
	}
	switch words := denied.Error(); {
	case strings.Contains(words, "s3:ListBucket") && version != "":
		return nil
	case strings.Contains(words, "perform:"), version == "", !seen:
		return denied
	}
	return fmt.Errorf("%w: version %s: %w", ErrUnclear, version, denied)
}

// again tries until the engine says that it is done or of no use.
func (by *Reader) again(ctx context.Context, op s3wire.Operation, try func(context.Context) error) error {
	s := engine.Situation{Op: op, KeepTrying: by.Keep}
	var since time.Time
	for {
		s.Attempt++
		err := try(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.Class, s.Heard = s3wire.Classify(err), by.S3.Heard()
		e, answered := asError(err)
		if answered {
			s.RetryAfter = e.RetryAfter
		}
		switch {
		case err == nil:
		case since.IsZero():
			since = time.Now()
		default:
			s.Trouble = time.Since(since)
		}
		if s.Class == s3wire.Relocated || s.Class == s3wire.Skewed {
			s.Mended++
		}
		verdict := engine.Decide(s)
		switch verdict.Action {
		case engine.Renew:
			s.Renewals++
			if answered {
				by.S3.Invalidate(e.KeyID)
			}
		case engine.Retry:
			if s.Trouble > 5*time.Second {
				by.Waiting(err)
			}
			if err := wait(ctx, verdict); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func wait(ctx context.Context, v engine.Verdict) error {
	pause := v.Floor
	if v.Jitter > 0 {
		pause += rand.N(v.Jitter)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
