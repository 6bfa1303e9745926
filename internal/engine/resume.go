package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/internal/sum"
)

// ErrKept says, beside why a transfer failed, that its upload is kept in S3 and
// its journal here, to be gone on with.
var ErrKept = errors.New("the upload can be gone on with")

// ErrStale is an object that an earlier process stored, of bytes that the
// source no longer has. The Result is of that object.
var ErrStale = errors.New("the source has changed since it was stored")

// errDiffers begins an upload anew: its parts are of other bytes.
var errDiffers = errors.New("the source is not what it was when its parts were stored")

// A resumption is what is left of an earlier process's upload.
type resumption struct {
	id         string              // "" = nothing is
	created    s3wire.Answer       // to Create
	completing bool                // it may be completed already
	taken      []int               // parts that S3 has, to be held against the source
	offered    map[int]s3wire.Part // parts that S3 has and the journal does not
}

// pickUp goes on from the journal. What it finds in S3 it takes over; a Result
// is that of a transfer that is stored already.
func (t *Transfer) pickUp(ctx context.Context) (resumption, *Result, error) {
	if t.Journal == nil {
		return resumption{}, nil, nil
	}
	s := t.Journal.State()
	if err := t.payOff(ctx, s); err != nil {
		return resumption{}, nil, err
	}
	switch s.Phase {
	case journal.PhaseCreating:
		t.tell(s3wire.CreateMultipartUpload, errors.New("an earlier CreateMultipartUpload was not answered: what it opened, if anything, is left to the bucket's lifecycle rule"))
	case journal.PhaseOpen, journal.PhaseCompleting:
		return t.takeOver(ctx, s)
	case journal.PhaseAborting, journal.PhaseAborted:
		t.write(journal.Restarted{})
	}
	return resumption{}, nil, nil
}

// payOff aborts the uploads that are still to be aborted.
func (t *Transfer) payOff(ctx context.Context, s journal.State) error {
	for _, id := range s.Owed {
		if err := t.abort(ctx, id); err != nil {
			return fmt.Errorf("abort multipart upload %s of an earlier run: %w", id, err)
		}
		t.write(journal.Aborted{UploadID: id})
	}
	return nil
}

// takeOver takes the parts that S3 still has, by number, size and checksum.
func (t *Transfer) takeOver(ctx context.Context, s journal.State) (resumption, *Result, error) {
	t.begin()
	listed, err := t.list(ctx, s.UploadID)
	switch {
	case classOf(err) == s3wire.NoUpload && s.Phase == journal.PhaseCompleting:
		return t.wasCompleted(ctx, s)
	case classOf(err) == s3wire.NoUpload:
		// A part of the process that is no more may land yet, and open it again.
		t.loose.Store(true)
		if err := t.abort(ctx, s.UploadID); err != nil {
			t.Logger.Info("an upload that is gone could not be aborted", "transfer", t.ID, "err", err)
		}
		t.startOver(errGone)
		return resumption{}, nil, nil
	case err != nil: // whatever it is, the upload may be open, and the journal alone knows it
		return resumption{}, nil, &keptError{err}
	}
	r := resumption{id: s.UploadID, created: answered(s.Created), completing: s.Phase == journal.PhaseCompleting, offered: map[int]s3wire.Part{}}
	for _, p := range listed {
		if p.Number < 1 || p.Number > t.plan.Parts || p.Size != t.plan.Part(p.Number).Size {
			continue
		}
		known, ok := s.Parts[p.Number]
		was := sent(known)
		was.ETag = p.ETag
		if ok && t.samePart(p, was) {
			t.keep(was)
			t.progress.settle(0, p.Size, true)
			r.taken = append(r.taken, p.Number)
		} else {
			r.offered[p.Number] = p
		}
	}
	return r, nil, nil
}

// sent is a part of the journal as s3wire has it.
func sent(p journal.Part) s3wire.Part {
	return s3wire.Part{Number: p.Number, Size: p.Size, ETag: p.ETag, Sum: p.CRC, Other: p.Other}
}

// list asks S3 which parts it has.
func (t *Transfer) list(ctx context.Context, id string) ([]s3wire.Part, error) {
	var listed []s3wire.Part
	r := &request{op: s3wire.ListParts, upload: id}
	_, err := t.send(ctx, r, func(ctx context.Context) (s3wire.Answer, error) {
		var err error
		listed, err = t.S3.Parts(ctx, t.Object, id)
		return answerOf(s3wire.Answer{}, err), err
	})
	return listed, err
}

// wasCompleted finds out what became of a Complete whose upload is gone.
func (t *Transfer) wasCompleted(ctx context.Context, s journal.State) (resumption, *Result, error) {
	result, action, err := t.completeAgain(ctx, s)
	if action == Restart {
		t.startOver(err)
		return resumption{}, nil, nil
	}
	if err != nil {
		return resumption{}, nil, err
	}
	return resumption{}, result, t.same(ctx, s)
}

// completeAgain sends the Complete of an earlier process once more. With
// Restart, that one stored nothing.
func (t *Transfer) completeAgain(ctx context.Context, s journal.State) (*Result, Action, error) {
	whole := sum.Sums{CRC: s.Whole.CRC, Other: s.Whole.Other}
	c := &completion{id: s.UploadID, whole: whole}
	c.lost = true
	for number := 1; number <= t.plan.Parts; number++ {
		p, ok := s.Parts[number]
		if !ok {
			return nil, Fail, fmt.Errorf("%w: the journal does not know part %d, which was sent", ErrUnknown, number)
		}
		c.parts = append(c.parts, sent(p))
	}
	stored, action, err := t.complete(ctx, c)
	if err != nil {
		return nil, action, err
	}
	return &Result{Stored: stored, UploadID: s.UploadID, Sum: whole.CRC, SHA256: s.Whole.SHA256,
		Requests: append([]s3wire.Answer{answered(s.Created)}, proof(c.answer, stored)...), Signer: c.answer.KeyID}, Done, nil
}

// same is ErrStale unless the source still has the bytes of the parts that were
// sent.
func (t *Transfer) same(ctx context.Context, s journal.State) error {
	if t.print == source.Fingerprint(s.Source) {
		return nil
	}
	var whole sum.CRC
	for number := 1; number <= t.plan.Parts; number++ {
		p := t.part(number)
		sums, err := t.sum(ctx, p)
		if err != nil {
			return err
		}
		whole = sum.Combine(whole, sums.CRC, p.size)
	}
	if whole != s.Whole.CRC {
		return ErrStale
	}
	t.touched()
	return nil
}

// touched records the fingerprint of a source that was found to hold the bytes
// that were sent.
func (t *Transfer) touched() {
	if print := journal.Fingerprint(t.print); t.Journal != nil && t.Journal.State().Source != print {
		t.write(journal.Touched{Source: print})
	}
}

// startOver forgets the upload, and says why.
func (t *Transfer) startOver(why error) {
	t.write(journal.Restarted{})
	t.tell(s3wire.CreateMultipartUpload, fmt.Errorf("the upload begins again: %w", why))
	t.progress.restart()
}

// tell says aloud what is to be known and ends nothing.
func (t *Transfer) tell(op s3wire.Operation, what error) {
	t.Logger.Warn(what.Error(), "transfer", t.ID, "bucket", t.Object.Bucket, "key", t.Object.Key)
	step := t.progress.step()
	step.Operation, step.Err = op, what
	t.Report(step)
}

// recheck sums again the parts that were taken over, from the source as it is
// now, while others are sent. It returns a function that waits for it; what
// differs ends ctx.
func (t *Transfer) recheck(ctx context.Context, taken []int, end context.CancelCauseFunc) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		err := t.compare(ctx, taken)
		if err != nil {
			end(err)
		}
		done <- err
	}()
	return func() error { return <-done }
}

func (t *Transfer) compare(ctx context.Context, taken []int) error {
	want := t.sums()
	for _, number := range taken {
		got, err := t.sum(ctx, t.part(number))
		if err != nil {
			return &s3wire.SourceError{Err: err}
		}
		if got.CRC != want[number] {
			return fmt.Errorf("%w: part %d", errDiffers, number)
		}
	}
	return nil
}

// accepted reports whether S3 has a part already that no journal tells of, with
// the bytes that the source has.
func (t *Transfer) accepted(ctx context.Context, p part) (bool, error) {
	there, ok := t.from.offered[p.number]
	if !ok {
		return false, nil
	}
	sums, err := t.sum(ctx, p)
	if err != nil {
		return false, err
	}
	mine := s3wire.Part{Number: p.number, Size: p.size, ETag: there.ETag, Sum: sums.CRC, Other: sums.Other}
	if !t.samePart(there, mine) {
		return false, nil
	}
	t.stored(mine)
	t.progress.settle(0, p.size, true)
	return true, nil
}

// stored records a part that S3 has.
func (t *Transfer) stored(p s3wire.Part) {
	t.keep(p)
	t.write(journal.Part{Number: p.Number, Size: p.Size, ETag: p.ETag, CRC: p.Sum, Other: p.Other})
}

// openJournal takes up the journal that there is, if it is of a source of this
// size, or begins one.
func (t *Transfer) openJournal(ctx context.Context) error {
	if t.Journal != nil {
		s := t.Journal.State()
		if s.Begin.Source.Size == t.print.Size {
			return nil
		}
		t.tell(s3wire.CreateMultipartUpload, fmt.Errorf("the upload begins again: %w: it had %d bytes and has %d", errDiffers, s.Begin.Source.Size, t.print.Size))
		if err := t.MakeRoom(ctx); err != nil {
			return err
		}
	}
	if t.NewJournal == nil {
		return nil
	}
	j, err := t.NewJournal(t.print, t.plan)
	if err != nil {
		return fmt.Errorf("begin journal: %w", err)
	}
	t.Journal = j
	return nil
}

// ErrCompleted is an upload that is not to be given up any more: an earlier
// process completed it.
var ErrCompleted = errors.New("the upload was completed, and its object is stored")

// Discard gives up what the journal tells of, in S3 and here. An upload that is
// gone is none to give up; where it may have been completed, that is found out:
// ErrCompleted leaves the journal to whoever wants the receipt, and after
// ErrUnknown there is nothing more to find out. It goes on for a while after ctx
// has ended.
func (t *Transfer) Discard(ctx context.Context) error {
	s := t.Journal.State()
	if err := t.notCompleted(ctx, s); err != nil {
		if errors.Is(err, ErrUnknown) {
			err = errors.Join(err, t.dropJournal())
		}
		return err
	}
	owed := s.Owed
	if s.UploadID != "" && !slices.Contains(owed, s.UploadID) {
		owed = append(slices.Clone(owed), s.UploadID)
		t.write(journal.Aborting{})
	}
	t.loose.Store(true) // a part of the process that is no more may yet land
	for _, id := range owed {
		if err := t.abort(ctx, id); err != nil {
			return &openError{errors.New("not given up"), id, err}
		}
	}
	return t.dropJournal()
}

// notCompleted is nil unless the upload may have been completed.
func (t *Transfer) notCompleted(ctx context.Context, s journal.State) (err error) {
	if s.Phase != journal.PhaseCompleting {
		return nil
	}
	switch err := t.probe(ctx, s.UploadID); s3wire.Classify(err) {
	case s3wire.OK:
		return nil
	case s3wire.NoUpload:
	default:
		return err
	}
	now := t.plan
	defer func() { t.plan = now }()
	if t.plan, err = plan.For(s.Begin.Source.Size, s.Begin.PartSize); err != nil {
		return err
	}
	_, action, err := t.completeAgain(ctx, s)
	if action == Restart {
		return nil
	}
	return cmp.Or(err, ErrCompleted)
}

// MakeRoom discards an upload of the same source to the same object, for another
// that is to begin. One that was, or may have been, completed is said, and none
// of the other's business: whether an object may be replaced S3 is asked at the
// end.
func (t *Transfer) MakeRoom(ctx context.Context) error {
	err := t.Discard(ctx)
	if !errors.Is(err, ErrCompleted) && !errors.Is(err, ErrUnknown) {
		return err
	}
	t.tell(s3wire.CompleteMultipartUpload, fmt.Errorf("the earlier upload: %w", err))
	if t.Journal == nil {
		return nil
	}
	return t.dropJournal()
}

// write adds a record to the journal: an intent to the disk before it returns.
// A journal that cannot be written is given up, and said; the transfer goes on.
func (t *Transfer) write(r journal.Record) {
	if t.Journal == nil || t.dead.Load() {
		return
	}
	add := t.Journal.Commit
	switch r.(type) {
	case journal.Part, journal.Touched:
		add = t.Journal.Append
	}
	if err := add(r); err != nil && t.dead.CompareAndSwap(false, true) {
		t.tell("", fmt.Errorf("the upload goes on, but can no longer be resumed from here: %w", err))
	}
}

// resumable reports whether another process could go on.
func (t *Transfer) resumable() bool { return t.Journal != nil && !t.dead.Load() && !t.Source.Flows() }

// keeps reports whether an upload that failed so is to be kept, to be gone on
// with: after trouble that passes, and where the caller left.
func (t *Transfer) keeps(ctx context.Context, err error) bool {
	if !t.resumable() {
		return false
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return true
	}
	switch classOf(err) {
	case s3wire.Network, s3wire.Busy, s3wire.Server, s3wire.Unready, s3wire.Expired, s3wire.NoCredentials:
		return true
	case s3wire.Denied:
		return len(t.sums()) > 0 // a right that was taken away can be given back
	}
	return false
}

// unsettled reports whether an earlier process's upload could not be looked at,
// or not whole: what is known of it must not be lost, whatever the reason. That
// its bucket is gone is an end.
func (t *Transfer) unsettled(err error) bool {
	return t.resumable() && t.Journal.State().UploadID != "" && classOf(err) != s3wire.NoBucket && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrStale)
}

// A keptError is a failure after which the upload was kept.
type keptError struct{ err error }

func (e *keptError) Error() string   { return e.err.Error() }
func (e *keptError) Unwrap() []error { return []error{ErrKept, e.err} }

// notBegun lets an earlier process's journal go when the transfer came to nothing
// before it was looked at: with its upload, where the key is taken.
func (t *Transfer) notBegun(ctx context.Context, err error) error {
	switch {
	case t.Journal == nil:
		return err
	case errors.Is(err, ErrExists):
		id := t.Journal.State().UploadID
		if left := t.MakeRoom(ctx); left != nil {
			return t.closeJournal(&openError{err, id, left})
		}
		return err
	}
	return t.closeJournal(&keptError{err})
}

// closeJournal lets the journal go when the transfer has failed: with what is
// in it, where there is something to go on with or to pay off.
func (t *Transfer) closeJournal(err error) error {
	if t.Journal == nil || err == nil || errors.Is(err, ErrStale) {
		return err
	}
	_, open := errors.AsType[*openError](err)
	if errors.Is(err, ErrKept) || errors.Is(err, ErrUnknown) || open || t.Journal.State().Owes() {
		if lost := t.Journal.Close(); lost != nil {
			t.tell("", fmt.Errorf("the journal is not whole: %w", lost))
		}
		return err
	}
	if left := t.dropJournal(); left != nil {
		t.tell("", left)
	}
	return err
}

func (t *Transfer) dropJournal() error {
	err := t.Journal.Remove()
	t.Journal = nil
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// answered is S3's answer to Create, as the journal has it.
func answered(c journal.Created) s3wire.Answer {
	return s3wire.Answer{Operation: s3wire.CreateMultipartUpload, RequestID: c.RequestID, ID2: c.ID2, KeyID: c.KeyID, Time: c.Time}
}

// created is the same for the journal.
func created(id string, a s3wire.Answer) journal.Created {
	return journal.Created{UploadID: id, RequestID: a.RequestID, ID2: a.ID2, KeyID: a.KeyID, Time: a.Time}
}
