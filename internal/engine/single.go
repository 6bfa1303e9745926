package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/internal/sum"
)

// single stores a source of one part by one PutObject. Its bytes are read and
// summed, and read again if that was asked for, before anything is sent; S3
// refuses the body if a later read differs.
func (t *Transfer) single(ctx context.Context) (Result, error) {
	whole, sha, err := t.readWhole(ctx)
	if err != nil {
		return Result{}, err
	}
	return t.put(ctx, t.part(1), whole, sha)
}

// put sends all there is, which has these sums.
func (t *Transfer) put(ctx context.Context, p part, whole sum.Sums, sha string) (Result, error) {
	p.sums = &whole
	r := &request{op: s3wire.PutObject, size: p.size}
	var stored s3wire.Stored
	action, err := t.send(ctx, r, func(ctx context.Context) (s3wire.Answer, error) {
		body, settle := t.body(ctx, p)
		ctx, cancel := untilAnswered(ctx, &body)
		defer cancel()
		s, err := t.S3.Put(ctx, t.Object, body, t.Overwrite)
		settle(err == nil)
		stored = s
		return answerOf(s.Answer, err), err
	})
	if err != nil {
		stored, err = t.putFailed(ctx, r, action, whole, err)
	}
	if err == nil {
		stored, err = t.accept(ctx, stored, whole)
	}
	if err != nil {
		return Result{}, err
	}
	return Result{Stored: stored, Sum: whole.CRC, SHA256: sha, Requests: proof(r.answer, stored), Signer: r.answer.KeyID}, nil
}

// putFailed finds out what became of a PutObject that was not answered with a
// success. A refusal because the key is taken, after an attempt whose answer
// was lost, may be about our own object; so may giving up, whoever does.
func (t *Transfer) putFailed(ctx context.Context, r *request, action Action, whole sum.Sums, err error) (s3wire.Stored, error) {
	class := classOf(err)
	switch {
	case class == s3wire.Corrupt:
		return s3wire.Stored{}, t.corrupt(err)
	case !r.lost && class == s3wire.Exists && t.Again:
		return t.sentBefore(ctx, whole)
	case !r.lost && class == s3wire.Exists:
		return s3wire.Stored{}, ErrExists
	case !r.lost:
		return s3wire.Stored{}, err
	}
	ctx, cancel := detached(ctx, settleGrace)
	defer cancel()
	found, sight := t.look(ctx, whole)
	switch {
	case sight == ours:
		return found.Stored, nil
	case sight == another && action == Settle:
		return s3wire.Stored{}, ErrExists
	case sight == absent && action != Settle:
		return s3wire.Stored{}, err
	}
	return s3wire.Stored{}, fmt.Errorf("%w: %w", ErrUnknown, err)
}

// sentBefore finds out whether the object that holds the key is what an earlier
// process sent as this transfer, and did not hear the answer of.
func (t *Transfer) sentBefore(ctx context.Context, whole sum.Sums) (s3wire.Stored, error) {
	ctx, cancel := detached(ctx, settleGrace)
	defer cancel()
	switch found, sight := t.look(ctx, whole); sight {
	case ours:
		return found.Stored, nil
	case another:
		return s3wire.Stored{}, ErrExists
	}
	return s3wire.Stored{}, fmt.Errorf("%w: the key holds an object, of which the run before it stopped may have been the writer", ErrUnknown)
}

// readWhole sums a source of one part, twice where a hash is asked for, while
// its fingerprint stays the same.
func (t *Transfer) readWhole(ctx context.Context) (sum.Sums, string, error) {
	whole, err := t.sum(ctx, t.part(1))
	if err != nil {
		return sum.Sums{}, "", err
	}
	sha, err := t.testimony(ctx, whole.CRC)
	if err != nil {
		return sum.Sums{}, "", err
	}
	for range maxTouches {
		changed := t.Source.Unchanged(t.print)
		if changed == nil {
			return whole, sha, nil
		}
		if !errors.Is(changed, source.ErrChanged) {
			return sum.Sums{}, "", changed
		}
		if err := t.reconfirm(ctx, changed, map[int]sum.CRC{1: whole.CRC}); err != nil {
			return sum.Sums{}, "", err
		}
	}
	return sum.Sums{}, "", fmt.Errorf("%w: it is touched again and again", source.ErrChanged)
}

// corrupt tells a source that changed from bytes that were spoilt on the way.
func (t *Transfer) corrupt(err error) error {
	if changed := t.Source.Unchanged(t.print); changed != nil {
		return changed
	}
	return fmt.Errorf("%w: %w", ErrIntegrity, err)
}

// proof is the answer to the request that stored an object, and to the look
// that found the object where that answer was lost.
func proof(stored s3wire.Answer, s s3wire.Stored) []s3wire.Answer {
	if s.Operation == s3wire.HeadObject {
		return []s3wire.Answer{stored, s.Answer}
	}
	return []s3wire.Answer{stored}
}
