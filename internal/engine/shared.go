package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
)

// A transfer can be shared: one process opens the multipart upload, others send
// ranges of its parts, one completes it or gives it up. Each has a Transfer of
// its own with the same ID, Object and plan; what they must tell one another,
// the caller carries. Nobody of them begins anew or aborts by itself: the
// upload is not theirs alone.

// ErrPlan says that what a process was told does not fit the plan.
var ErrPlan = errors.New("it does not fit the plan")

// A partial is a Transfer's part in a shared one: those of the plan from first
// to last. Zero is all.
type partial struct{ first, last int }

// Open begins a shared transfer of size bytes, whose Source is not read yet. It
// returns the id of the upload, and the plan.
func (t *Transfer) Open(ctx context.Context, size int64) (string, plan.Plan, error) {
	if err := t.share(size); err != nil {
		return "", plan.Plan{}, err
	}
	if err := t.refuseExisting(ctx); err != nil {
		return "", plan.Plan{}, err
	}
	id, _, err := t.create(ctx)
	return id, t.plan, err
}

// share makes t one of several with that plan.
func (t *Transfer) share(size int64) (err error) {
	if t.plan, err = plan.For(size, t.PartSize); err != nil {
		return err
	}
	t.print = source.Fingerprint{Size: size}
	t.progress.size = size
	t.begin()
	return nil
}

// SendParts sends the parts from first to last of a shared transfer of size
// bytes, all of which Source has. It returns those that S3 has, by number, also
// beside an error.
func (t *Transfer) SendParts(ctx context.Context, id string, size int64, first, last int) ([]s3wire.Part, error) {
	if err := t.share(size); err != nil {
		return nil, err
	}
	if t.Source.Flows() {
		return nil, fmt.Errorf("%w: a stream is read once, from its start", ErrPlan)
	}
	if first < 1 || last < first || last > t.plan.Parts {
		return nil, fmt.Errorf("%w: parts %d to %d are not within 1 to %d", ErrPlan, first, last, t.plan.Parts)
	}
	t.only = partial{first, last}
	var err error
	if t.print, err = t.Source.Settle(ctx); err != nil {
		return nil, err
	}
	if t.print.Size != size {
		return nil, fmt.Errorf("%w: the source has %d bytes, the transfer %d", ErrPlan, t.print.Size, size)
	}
	t.progress.size = min(int64(last)*t.plan.PartSize, size) - int64(first-1)*t.plan.PartSize
	t.Report(Step{Type: Started, Size: t.progress.size, Parts: last - first + 1})
	defer t.progress.tell(t.Report, true)()
	_, err = t.sendParts(ctx, id)
	if err == nil {
		err = t.lastLook(ctx)
	}
	return t.kept(), err
}

// kept returns the parts that S3 has, by number.
func (t *Transfer) kept() []s3wire.Part {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := make([]s3wire.Part, 0, len(t.parts))
	for _, p := range t.parts {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b s3wire.Part) int { return a.Number - b.Number })
	return parts
}

// Finish completes a shared transfer of size bytes from all its parts, in any
// order. Other than Run it leaves the upload open when it fails.
func (t *Transfer) Finish(ctx context.Context, id string, size int64, parts []s3wire.Part) (Result, error) {
	if err := t.share(size); err != nil {
		return Result{}, err
	}
	if err := t.gather(parts); err != nil {
		return Result{}, err
	}
	t.Report(Step{Type: Started, Size: size, Parts: t.plan.Parts})
	all, whole, err := t.gathered()
	if err != nil {
		return Result{}, err
	}
	c := &completion{id: id, parts: all, whole: whole}
	stored, action, err := t.complete(ctx, c)
	if action == Restart && classOf(err) == s3wire.NoUpload || errors.Is(err, ErrExists) {
		stored, err = t.byAnother(ctx, c, err)
	}
	if err != nil {
		return Result{}, err
	}
	return Result{Stored: stored, Plan: t.plan, UploadID: id, Sum: whole.CRC, Requests: proof(c.answer, stored), Signer: c.answer.KeyID,
		Spans: t.ledger.spans(), Retries: t.ledger.retries()}, nil
}

// byAnother is called when the upload is gone, or the key taken. A process that
// is no more may have completed the transfer before this one; then it is stored,
// or nothing is proven.
func (t *Transfer) byAnother(ctx context.Context, c *completion, err error) (s3wire.Stored, error) {
	ctx, cancel := detached(ctx, settleGrace)
	defer cancel()
	exists := errors.Is(err, ErrExists)
	if exists && s3wire.Classify(t.probe(ctx, c.id)) == s3wire.OK {
		return s3wire.Stored{}, err // nobody has
	}
	found, sight := t.look(ctx, c.whole)
	switch {
	case sight == ours:
		return found.Stored, nil
	case sight == absent, sight == another && exists:
		return s3wire.Stored{}, err
	}
	return s3wire.Stored{}, fmt.Errorf("%w: %w", ErrUnknown, err)
}

// gather takes over parts that others sent, and refuses them unless they are
// the plan's, each once.
func (t *Transfer) gather(parts []s3wire.Part) error {
	for _, p := range parts {
		switch {
		case p.Number < 1 || p.Number > t.plan.Parts:
			return fmt.Errorf("%w: part %d is not within 1 to %d", ErrPlan, p.Number, t.plan.Parts)
		case p.Size != t.plan.Part(p.Number).Size:
			return fmt.Errorf("%w: part %d has %d bytes, not %d", ErrPlan, p.Number, p.Size, t.plan.Part(p.Number).Size)
		}
		if _, twice := t.parts[p.Number]; twice {
			return fmt.Errorf("%w: part %d is there twice", ErrPlan, p.Number)
		}
		t.keep(p)
	}
	if missing := t.missing(); len(missing) > 0 {
		return fmt.Errorf("%w: %d of %d parts are missing, the first is part %d", ErrPlan, len(missing), t.plan.Parts, missing[0])
	}
	return nil
}

// GiveUp aborts a shared transfer. An upload that is gone, for whatever
// reason, is none to give up.
func (t *Transfer) GiveUp(ctx context.Context, id string) error {
	t.loose.Store(true) // parts of others may yet land
	return t.abort(ctx, id)
}
