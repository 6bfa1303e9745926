package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
)

// A request is one thing to ask of S3, over all its attempts.
type request struct {
	op       s3wire.Operation
	upload   string    // id of the multipart upload; only a part's is known here
	part     int       // its number; 0 for what is not about one part
	size     int64     // bytes of the source that it sends
	attempt  int       // the present one, from 1
	since    time.Time // when trouble last began; zero when there is none
	long     int       // attempts that were getting on for long before they broke
	renewals int
	corrupt  int
	mended   int
	lost     bool // an attempt may have happened, and its answer does not tell
	class    s3wire.Class
	answer   s3wire.Answer
}

// send makes attempts of r, each with one call of try within a slot, until
// Decide says other than Retry or Renew. The error is nil only with Done. r
// keeps what is known, so that send can go on with the same request later.
func (t *Transfer) send(ctx context.Context, r *request, try func(context.Context) (s3wire.Answer, error)) (Action, error) {
	for {
		r.attempt++
		err := t.attempt(ctx, r, try)
		if err != nil && ctx.Err() != nil {
			return Fail, context.Cause(ctx)
		}
		if r.class == s3wire.Network && r.op == s3wire.UploadPart {
			err = t.ask(ctx, r, err)
		}
		t.tellSkew(r, err)
		verdict := t.decide(r, err)
		switch verdict.Action {
		case Done:
			return Done, nil
		case Renew:
			t.S3.Invalidate(r.answer.KeyID)
			r.renewals++
		case Retry, Settle:
			if err := t.pause(ctx, r, verdict, err); err != nil {
				return Fail, err
			}
		}
		if verdict.Action != Retry && verdict.Action != Renew {
			return verdict.Action, &RequestError{Op: r.op, Part: r.part, Class: r.class, Err: err}
		}
	}
}

func (t *Transfer) attempt(ctx context.Context, r *request, try func(context.Context) (s3wire.Answer, error)) error {
	slot, err := t.Budget.slots.acquire(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	answer, err := try(ctx)
	r.answer, r.class = answer, s3wire.Classify(err)
	slot.release(r.class == s3wire.Busy, r.weight())
	t.ledger.note(answer)
	if s3wire.Lost(err) {
		r.lost = true
		t.loose.CompareAndSwap(false, r.op == s3wire.UploadPart)
	}
	if err != nil {
		r.failed(began)
	}
	return err
}

// An attempt with a body that takes so long is getting on: one that stands
// still is ended sooner. Large parts on slow lines need that; a part that
// breaks as often as maxLong will not get through.
const (
	gettingOn = 2 * s3wire.DefaultStall
	maxLong   = 10
)

// failed counts an attempt that began at that time. Trouble begins with the
// first, and anew with one that was getting on.
func (r *request) failed(began time.Time) {
	body := r.op == s3wire.UploadPart || r.op == s3wire.PutObject
	long := body && time.Since(began) > gettingOn && r.long < maxLong
	if long {
		r.long++
	}
	if long || r.since.IsZero() {
		r.since = time.Now()
	}
}

// weight is how many bytes an attempt that succeeded has moved; a request that
// has none moves something too.
func (r *request) weight() int64 {
	if r.class != s3wire.OK {
		return 0
	}
	return max(1, r.size)
}

func (t *Transfer) decide(r *request, err error) Verdict {
	switch r.class {
	case s3wire.Corrupt:
		r.corrupt++
	case s3wire.Relocated, s3wire.Skewed, s3wire.Untrailed:
		r.mended++
	}
	s := Situation{Op: r.op, Class: r.class, Attempt: r.attempt, KeepTrying: t.KeepTrying, Heard: t.S3.Heard(),
		Renewals: r.renewals, Corrupt: r.corrupt, Mended: r.mended, Lost: r.lost}
	if !r.since.IsZero() {
		s.Trouble = time.Since(r.since)
	}
	if e, ok := errors.AsType[*s3wire.Error](err); ok {
		s.RetryAfter = e.RetryAfter
	}
	return Decide(s)
}

// ask puts a question without a body after a part's connection broke: S3 cuts
// the connection when it refuses a body it has not read, and the refusal is
// lost with it.
func (t *Transfer) ask(ctx context.Context, r *request, err error) error {
	asked := t.probe(ctx, r.upload)
	e, ok := errors.AsType[*s3wire.Error](asked)
	switch class := s3wire.Classify(asked); {
	case !ok, class == s3wire.Denied && !revoked(r, e):
		return err
	case class == s3wire.Expired, class == s3wire.NoUpload, class == s3wire.NoBucket, class == s3wire.Skewed, class == s3wire.Denied:
		r.class, r.answer = class, e.Answer
		return asked
	}
	return err
}

// revoked reports whether a denied question tells of the part too. Who may not
// list parts may still send them, so the part must have broken before, and the
// denial be explicit, as that of IAM's AWSRevokeOlderSessions is.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
// (recalled, not read again for this code).
func revoked(r *request, e *s3wire.Error) bool {
	return r.attempt > 1 && strings.Contains(e.Message, "explicit deny")
}

// tellSkew says that the clock here is wrong. Requests are dated by S3's from
// then on; it is said once for all of the client's, and again after a jump.
func (t *Transfer) tellSkew(r *request, err error) {
	e, ok := errors.AsType[*s3wire.Error](err)
	if !ok || !e.Jumped {
		return
	}
	switch ahead := e.Skew.Round(time.Minute); {
	case ahead > 0:
		t.tell(r.op, fmt.Errorf("the clock of this machine is %v behind S3's, by which requests are dated from now on: set it", ahead))
	case ahead < 0:
		t.tell(r.op, fmt.Errorf("the clock of this machine is %v ahead of S3's, by which requests are dated from now on: set it", -ahead))
	default:
		t.tell(r.op, errors.New("the clock of this machine agrees with S3's again"))
	}
}

// probe asks S3 whether it holds the upload: nil when it does.
func (t *Transfer) probe(ctx context.Context, id string) error {
	slot, err := t.Budget.slots.acquire(ctx)
	if err != nil {
		return err
	}
	_, _, err = t.S3.PartsPage(ctx, t.Object, id, 0, 1)
	slot.release(s3wire.Classify(err) == s3wire.Busy, 0)
	return err
}

// lasting is how long trouble lasts before it is shown as waiting.
const lasting = 5 * time.Second

func (t *Transfer) pause(ctx context.Context, r *request, v Verdict, err error) error {
	wait := v.Floor
	if v.Jitter > 0 {
		wait += rand.N(v.Jitter)
	}
	step := Step{Type: Retried, Operation: r.op, Part: r.part, Attempt: r.attempt, Wait: wait, RequestID: r.answer.RequestID, Err: err}
	if time.Since(r.since) > lasting {
		step.Type = Waiting
	}
	t.ledger.retried()
	t.Report(step)
	t.Logger.Debug("request is sent again", "transfer", t.ID, "part", r.part, "attempt", r.attempt, "request_id", r.answer.RequestID, "err", err)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
