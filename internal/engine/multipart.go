package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
	"golang.org/x/sync/errgroup"
)

// maxRestarts is how often a transfer begins a new multipart upload because
// the one it had is gone, or met another write.
const maxRestarts = 3

// abortTime is how long giving up an upload may take.
const abortTime = 30 * time.Second

// multipart stores the source as parts: all of them committed, or the upload
// aborted, or kept for whoever goes on with its journal.
func (t *Transfer) multipart(ctx context.Context) (Result, error) {
	var done *Result
	err := t.openJournal(ctx)
	if err == nil {
		t.from, done, err = t.pickUp(ctx)
	}
	t.started()
	if err != nil && (t.keeps(ctx, err) || t.unsettled(err)) {
		err = &keptError{err}
	}
	if done != nil || err != nil {
		return orNone(done), t.closeJournal(err)
	}
	for restarts := 0; ; restarts++ {
		r, action, err := t.upload(ctx, t.fill)
		if action != Restart || restarts == maxRestarts || ctx.Err() != nil {
			return r, t.closeJournal(err)
		}
		if classOf(err) == s3wire.NoUpload {
			err = fmt.Errorf("%w: %w", errGone, err)
		}
		t.startOver(err)
	}
}

// errGone begins an upload anew whose parts S3 no longer has.
var errGone = errors.New("the multipart upload is gone: aborted by a lifecycle rule of the bucket, or by somebody")

func orNone(r *Result) Result {
	if r == nil {
		return Result{}
	}
	return *r
}

// upload is one multipart upload, from Create, or from where an earlier process
// left it, to Complete or Abort. What fills it sends the parts and completes.
func (t *Transfer) upload(ctx context.Context, fill func(ctx context.Context, id string) (Result, Action, error)) (Result, Action, error) {
	id, opened := t.from.id, t.from.created
	if id == "" {
		var err error
		if id, opened, err = t.create(ctx); err != nil {
			if t.keeps(ctx, err) {
				err = &keptError{err}
			}
			return Result{}, Fail, err
		}
	}
	r, action, err := fill(ctx, id)
	if err == nil {
		r.UploadID, r.Requests = id, append([]s3wire.Answer{opened}, r.Requests...)
		return r, Done, nil
	}
	t.from = resumption{}
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrIntegrity) && r.Stored.ETag != "":
		return Result{}, Fail, err
	case action != Restart && t.keeps(ctx, err):
		return Result{}, Fail, &keptError{err}
	}
	t.write(journal.Aborting{})
	if left := t.abort(ctx, id); left != nil {
		return Result{}, Fail, &openError{err, id, left}
	}
	t.write(journal.Aborted{})
	return Result{}, action, err
}

// An openError is a failure after which the upload could not be given up. Its
// cause is why the transfer failed, not why the upload is open.
type openError struct {
	err  error
	id   string
	left error
}

func (e *openError) Error() string {
	return fmt.Sprintf("%v; its multipart upload %s is still open: %v", e.err, e.id, e.left)
}

func (e *openError) Unwrap() error { return e.err }

func (t *Transfer) create(ctx context.Context) (string, s3wire.Answer, error) {
	var id string
	t.write(journal.Creating{})
	r := &request{op: s3wire.CreateMultipartUpload}
	_, err := t.send(ctx, r, func(ctx context.Context) (answer s3wire.Answer, err error) {
		ctx, cancel := untilAnswered(ctx, new(s3wire.Body))
		defer cancel()
		id, answer, err = t.S3.Create(ctx, t.Object)
		return answer, err
	})
	if r.lost && err != nil {
		err = fmt.Errorf("%w; a multipart upload may be open whose id never came: the bucket's lifecycle rule ends it", err)
	} else if r.lost {
		t.Logger.Warn("an answer to CreateMultipartUpload was lost; what it opened, if anything, is left to the bucket's lifecycle rule",
			"bucket", t.Object.Bucket, "key", t.Object.Key)
	}
	t.begin()
	if err == nil {
		t.write(created(id, r.answer))
	}
	return id, r.answer, err
}

// fill sends all parts, holds their sums against the source, and completes.
func (t *Transfer) fill(ctx context.Context, id string) (Result, Action, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if t.Hash == Beside && t.witness == nil {
		t.witness = t.Source.Watch(ctx, t.plan.Size)
		defer t.endWitness(cancel)
		if len(t.from.taken) > 0 {
			t.witness.Free()
		}
	}
	if action, err := t.sendRest(ctx, id); err != nil {
		return Result{}, action, err
	}
	parts, whole, err := t.gathered()
	if err != nil {
		return Result{}, Fail, err
	}
	sha, err := t.testimony(ctx, whole.CRC)
	if err != nil {
		return Result{}, Fail, err
	}
	if err := t.lastLook(ctx); err != nil {
		return Result{}, Fail, err
	}
	t.touched()
	t.write(journal.Completing{CRC: whole.CRC, Other: whole.Other, SHA256: sha})
	c := &completion{id: id, parts: parts, whole: whole}
	c.lost = t.from.completing
	stored, action, err := t.complete(ctx, c)
	return Result{Stored: stored, Sum: whole.CRC, SHA256: sha, Requests: proof(c.answer, stored), Signer: c.answer.KeyID}, action, err
}

// sendRest sends what S3 does not have yet, and holds what it has against the
// source.
func (t *Transfer) sendRest(ctx context.Context, id string) (Action, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	checked := t.recheck(ctx, t.from.taken, end)
	action, err := t.sendParts(ctx, id)
	if err != nil {
		end(err)
	}
	if differs := checked(); errors.Is(differs, errDiffers) {
		return Restart, differs
	} else if err == nil {
		err = differs
	}
	return action, err
}

// endWitness waits for the second read, so that nothing is left running.
func (t *Transfer) endWitness(cancel context.CancelFunc) {
	cancel()
	t.witness.Testimony()
	t.witness = nil
}

// lastLook fingerprints the source once more, before Complete.
func (t *Transfer) lastLook(ctx context.Context) error {
	changed := t.Source.Unchanged(t.print)
	if errors.Is(changed, source.ErrChanged) {
		return t.reconfirm(ctx, changed, t.sums())
	}
	return changed
}

// sendParts sends what S3 does not have yet. A source that was only touched
// meanwhile is gone on with.
func (t *Transfer) sendParts(ctx context.Context, id string) (Action, error) {
	for range maxTouches {
		action, err := t.sendMissing(ctx, id)
		if !errors.Is(err, source.ErrChanged) {
			return action, err
		}
		if err := t.reconfirm(ctx, err, t.sums()); err != nil {
			return Fail, err
		}
	}
	return Fail, fmt.Errorf("%w: it is touched again and again", source.ErrChanged)
}

// sendMissing sends the missing parts, lowest numbers first, on as many
// goroutines as there can be slots. The first failure stops them all.
func (t *Transfer) sendMissing(ctx context.Context, id string) (Action, error) {
	missing := t.missing()
	work := make(chan int)
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(work)
		for _, number := range missing {
			select {
			case work <- number:
			case <-gctx.Done():
				return nil
			}
		}
		return nil
	})
	var failed failure
	for range min(t.Budget.slots.most(), len(missing)) {
		group.Go(func() error {
			for number := range work {
				if action, err := t.sendPart(gctx, id, t.part(number)); err != nil {
					return failed.first(action, err)
				}
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return failed.action, err
}

// A failure keeps the action that goes with the first error of many goroutines.
type failure struct {
	once   sync.Once
	action Action
}

func (f *failure) first(action Action, err error) error {
	f.once.Do(func() { f.action = action })
	return err
}

// ready sums the part, if that must be done before it is sent.
func (t *Transfer) ready(ctx context.Context, p part) (part, error) {
	if p.sums != nil || p.size > 0 && t.S3.Trails(ctx, t.Object) {
		return p, nil
	}
	sums, err := t.sum(ctx, p)
	p.sums = &sums
	return p, err
}

// sendPart reads, sums and sends one part, over as many attempts as it takes.
// The fingerprint is held against the source before and after each.
func (t *Transfer) sendPart(ctx context.Context, id string, p part) (Action, error) {
	t.witness.Admit(p.at)
	if there, err := t.accepted(ctx, p); there || err != nil {
		return Fail, err
	}
	r := &request{op: s3wire.UploadPart, upload: id, part: p.number, size: p.size}
	var unconfirmed bool
	action, err := t.send(ctx, r, func(ctx context.Context) (s3wire.Answer, error) {
		if err := t.Source.Unchanged(t.print); err != nil {
			return s3wire.Answer{}, &s3wire.SourceError{Err: err}
		}
		p, err := t.ready(ctx, p)
		if err != nil {
			return s3wire.Answer{}, &s3wire.SourceError{Err: err}
		}
		got := t.race(ctx, id, p)
		if got.err == nil {
			unconfirmed = got.stored.Silent
			t.stored(got.stored)
			t.Logger.Debug("part stored", "transfer", t.ID, "part", p.number, "bytes", p.size, "attempt", r.attempt, "request_id", got.answer.RequestID)
		}
		return got.answer, got.err
	})
	if err == nil {
		if err = t.Source.Unchanged(t.print); err == nil && unconfirmed {
			err = t.confirm(ctx, id, p.number)
		}
		if err != nil {
			action = Fail
		}
	}
	if classOf(err) == s3wire.Corrupt {
		err = t.corrupt(err)
	}
	return action, err
}

// body is the body of one attempt to send a part, and what must be called when
// the attempt is over. The sums of one that has none yet go behind it.
func (t *Transfer) body(ctx context.Context, p part) (s3wire.Body, func(acknowledged bool)) {
	var moved int64
	var mu sync.Mutex // the transport may read on after the answer
	var over bool
	b := s3wire.Body{Reader: t.Budget.throttle(ctx, p.of.Section(p.at, p.size)), Size: p.size, Behind: p.sums == nil}
	if p.sums != nil {
		b.Sum, b.Other = p.sums.CRC, p.sums.Other
	}
	b.Moved = func(n int) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			moved += int64(n)
			t.progress.move(n)
		}
	}
	return b, func(acknowledged bool) {
		mu.Lock()
		defer mu.Unlock()
		over = true
		t.progress.settle(moved, p.size, acknowledged)
	}
}

// briefly is a context for one attempt of several within abortTime.
func briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, abortTime/4, s3wire.ErrStalled)
}

// abort gives the upload up and makes sure that S3 holds none of its parts,
// also when ctx has ended. It returns why the upload may still be open.
func (t *Transfer) abort(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	for ctx.Err() == nil {
		r := &request{op: s3wire.AbortMultipartUpload}
		_, err := t.send(ctx, r, func(ctx context.Context) (s3wire.Answer, error) {
			ctx, cancel := briefly(ctx)
			defer cancel()
			return t.S3.Abort(ctx, t.Object, id)
		})
		if classOf(err) == s3wire.NoBucket && s3wire.Classify(t.probe(ctx, id)) == s3wire.NoBucket {
			return nil // the upload went with it
		}
		if err != nil {
			return err
		}
		// A part whose answer nobody waited for may land after the abort.
		if t.loose.Swap(false) {
			pauseFor(ctx, lookPause)
		}
		asking, answered := briefly(ctx)
		err = t.probe(asking, id)
		answered()
		switch s3wire.Classify(err) {
		case s3wire.NoUpload:
			return nil
		case s3wire.OK, s3wire.Server, s3wire.Busy, s3wire.Network:
			pauseFor(ctx, lookPause)
		default:
			t.Logger.Info("could not look whether the aborted upload is gone", "transfer", t.ID, "err", err)
			return nil
		}
	}
	return context.Cause(ctx)
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
