package sealift

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/sealift/sealift/internal/engine"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/internal/sum"
	"github.com/sealift/sealift/receipt"
)

// Create opens a multipart upload for size bytes that several processes, on as
// many machines, send together:
//
//	ref, err := up.Create(ctx, size, object)        // one process
//	parts, err := up.Parts(ctx, ref, source, 1, 40) // each sends a range
//	r, err := up.Complete(ctx, ref, parts)          // one that has all parts
//
// The Ref, and the parts, go from one to the other as JSON. How a transfer is
// told apart and done only once is the caller's. Whoever gives up calls
// AbortParts: until Complete or that, S3 keeps the parts, and has them paid for.
//
// Object's SourceHash must be none, for nobody reads the whole source, and its
// Checksum crc64nvme.
func (u *Uploader) Create(ctx context.Context, size int64, object Object) (Ref, error) {
	if object.SourceHash != "" && object.SourceHash != "none" {
		return Ref{}, fmt.Errorf("%w: source hash %s of a source that no process reads as a whole", ErrInvalid, object.SourceHash)
	}
	if kind, err := sum.ParseKind(object.Checksum); err == nil && !kind.Own() {
		return Ref{}, fmt.Errorf("%w: checksum %s: the parts of several processes carry crc64nvme alone", ErrInvalid, object.Checksum)
	}
	if err := cmp.Or(u.check(object), object.decided()); err != nil {
		return Ref{}, err
	}
	if err := u.begin(); err != nil {
		return Ref{}, err
	}
	defer u.leave()
	t := u.transfer(unread(size), object)
	id, plan, err := t.Open(ctx, size)
	if err != nil {
		return Ref{}, u.failed(t, err)
	}
	ref := Ref{Bucket: object.Bucket, Key: object.Key, UploadID: id, Transfer: t.ID, Size: size, PartSize: plan.PartSize,
		IfExists: "fail", ExpectedBucketOwner: object.ExpectedBucketOwner, RequesterPays: object.RequesterPays,
		StorageClass: object.StorageClass, Tags: t.Object.Tags}
	if t.Overwrite {
		ref.IfExists = "overwrite"
	}
	if err := ref.check(); err != nil { // S3 told an id that nobody could use
		return Ref{}, u.failed(t, fmt.Errorf("%w; the upload is left open", err))
	}
	return ref, nil
}

// Parts sends the parts from first to last of ref, from 1 to ref.Parts().
// The source has the bytes of the whole, though only those of the range are read;
// the sources of different processes may be different files with the same bytes.
// Each part carries its own sum, and the source's fingerprint is compared around
// each, as in Upload.
//
// The parts that S3 has are returned in order, also beside an error: sending
// them again does no harm, but costs. Nothing is aborted, whatever happens. The
// events are those of Upload, with the range for the whole, and no "stored".
func (u *Uploader) Parts(ctx context.Context, ref Ref, from Source, first, last int) ([]Part, error) {
	if from.of == nil {
		return nil, fmt.Errorf("%w: no source", ErrInvalid)
	}
	if from.of.Flows() {
		return nil, fmt.Errorf("%w: a stream has no parts before it is read", ErrInvalid)
	}
	t, err := u.shared(ref, from)
	if err != nil {
		return nil, err
	}
	defer u.leave()
	sent, err := t.SendParts(ctx, ref.UploadID, ref.Size, first, last)
	var parts []Part
	for _, p := range sent {
		parts = append(parts, Part{Number: p.Number, Size: p.Size, ETag: p.ETag, CRC64NVME: p.Sum.String()})
	}
	if err != nil {
		return parts, u.failed(t, err)
	}
	return parts, nil
}

// Complete makes the object of all parts of ref, in any order, and returns its
// receipt. Parts that are missing, there twice or of another size are ErrInvalid,
// before anything is sent. S3 compares every part's sum with what it has, and the
// sum of the whole, which is combined from them.
//
// A lost answer is settled as in Upload, and ErrUnknownOutcome means the same. It
// is also what an upload that is gone comes to, unless Config.Reader can tell: an
// earlier Complete may have had its effect. With any other error nothing was
// stored; the upload is then left as it is, for another Complete or AbortParts.
// After ConditionalRequestConflict, another write, S3 takes its parts no more:
// what is left is AbortParts, and Create.
//
// The receipt names this Uploader's run, sessions and requests, no path, time or
// SHA-256 of a source, and begins when Create did.
func (u *Uploader) Complete(ctx context.Context, ref Ref, parts []Part) (*receipt.Receipt, error) {
	sent := make([]s3wire.Part, len(parts))
	for i, p := range parts {
		var err error
		if sent[i], err = p.wire(); err != nil {
			return nil, err
		}
	}
	t, err := u.shared(ref, unread(ref.Size))
	if err != nil {
		return nil, err
	}
	defer u.leave()
	started := time.Now().UTC()
	if created := ulid.Time(ulid.MustParse(ref.Transfer).Time()).UTC(); created.Before(started) {
		started = created
	}
	result, err := t.Finish(ctx, ref.UploadID, ref.Size, sent)
	if err != nil {
		return nil, u.failed(t, err)
	}
	r := u.receipt(t, result, ref.object(), started)
	u.report(t, Event{Type: "stored", Size: r.Source.Size, Receipt: r})
	return r, nil
}

// AbortParts gives up the upload of ref, and looks until S3 no longer knows it,
// also when ctx ends meanwhile. Call it when nobody sends parts any more: one that
// lands later keeps the upload open. An upload that is gone, aborted or
// completed, is no error.
func (u *Uploader) AbortParts(ctx context.Context, ref Ref) error {
	t, err := u.shared(ref, unread(ref.Size))
	if err != nil {
		return err
	}
	defer u.leave()
	if err := t.GiveUp(ctx, ref.UploadID); err != nil {
		return u.failed(t, err)
	}
	return nil
}

// shared is this process's side of ref's transfer. The caller leaves.
func (u *Uploader) shared(ref Ref, from Source) (*engine.Transfer, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	if err := u.begin(); err != nil {
		return nil, err
	}
	t := u.transfer(from, ref.object())
	t.ID, t.Object.Metadata = ref.Transfer, nil // it is at the object since Create
	return t, nil
}

// unread is the source where none is read.
func unread(size int64) Source { return Source{source.ReaderAt(nil, size)} }

// leave ends what begin began, when its events are delivered.
func (u *Uploader) leave() {
	u.events.flush()
	u.under.Done()
}

// failed tells of a failure, and gives it its meaning.
func (u *Uploader) failed(t *engine.Transfer, err error) error {
	err = meaningOf(t.ID, err)
	u.report(t, failure(t, err))
	return err
}

// failure is the event of a transfer that failed.
func failure(t *engine.Transfer, err error) Event {
	sent, acknowledged := t.Moved()
	return Event{Type: "failed", Size: t.Size(), Sent: sent, Acknowledged: acknowledged, Err: err}
}
