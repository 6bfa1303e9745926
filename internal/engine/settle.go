package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
)

// A sight is what a look at the object's key showed.
type sight int

const (
	unseen  sight = iota // nobody may look, or S3 does not answer
	absent               // the key holds no object
	another              // it holds one that is not this transfer's
	ours                 // it holds this transfer's, whole
)

// Looks at the object, when its outcome depends on it.
const (
	looks     = 5
	lookPause = time.Second
)

// look asks, through the reader, what the key holds. An object is ours by
// identity: its metadata names this transfer, and its size and sum are right.
func (t *Transfer) look(ctx context.Context, whole sum.Sums) (s3wire.Found, sight) {
	if t.Reader == nil {
		return s3wire.Found{}, unseen
	}
	for range looks {
		found, err := t.head(ctx)
		switch s3wire.Classify(err) {
		case s3wire.OK:
			return found, t.recognise(found, whole)
		case s3wire.NoObject:
			return found, absent
		case s3wire.Network, s3wire.Busy, s3wire.Server, s3wire.Unready:
		default:
			t.Logger.Info("could not look at the object", "transfer", t.ID, "err", err)
			return found, unseen
		}
		pauseFor(ctx, lookPause)
	}
	return s3wire.Found{}, unseen
}

// head asks the reader what the key holds, and again at once when the reader
// has learned how to ask.
func (t *Transfer) head(ctx context.Context) (s3wire.Found, error) {
	for asked := 1; ; asked++ {
		slot, err := t.Budget.slots.acquire(ctx)
		if err != nil {
			return s3wire.Found{}, err
		}
		found, err := t.Reader.Head(ctx, t.Object)
		class := s3wire.Classify(err)
		slot.release(class == s3wire.Busy, 0)
		switch {
		case asked == looks:
		case class == s3wire.Relocated, class == s3wire.Skewed:
			continue
		case class == s3wire.Expired:
			t.Reader.Invalidate(answerOf(found.Answer, err).KeyID)
			continue
		}
		return found, err
	}
}

// recognise tells whether an object is this transfer's, and whole. One that is
// by its name and size, and of which S3 names no checksum, is so only where S3
// was told none.
func (t *Transfer) recognise(found s3wire.Found, whole sum.Sums) sight {
	if found.Meta(TransferMetadata) != t.ID || found.Size != t.plan.Size {
		return another
	}
	switch t.judge(found.Stored, whole) {
	case contradicted:
		return another
	case silent:
		if t.Object.Kind.Told() {
			return unseen
		}
	}
	return ours
}

// accept holds S3's success against the source. Only an answer with the whole's
// own checksum is proof, or an ETag that is its MD5 where S3 was told no
// checksum; where S3 names neither, the reader may find it.
func (t *Transfer) accept(ctx context.Context, s s3wire.Stored, whole sum.Sums) (s3wire.Stored, error) {
	switch t.judge(s, whole) {
	case proven:
		return s, nil
	case contradicted:
		return s, t.disagree(s, whole)
	}
	if found, sight := t.look(ctx, whole); sight == ours {
		return found.Stored, nil
	}
	if !t.Object.Kind.Told() {
		return s, fmt.Errorf("%w: S3 was told no checksum, and its ETag %s is no MD5 of what was sent", ErrUnknown, s.ETag)
	}
	return s, fmt.Errorf("%w: %w", ErrUnknown, t.noChecksum(nil))
}
