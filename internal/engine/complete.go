package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
)

// settleGrace is how long the outcome of a request may take to be settled after
// the caller has given up.
func settleGrace() time.Duration { return 15 * time.Second }

// maxSettles bounds how often one Complete is settled.
const maxSettles = 20

// A completion is the last request of a multipart upload and what is known of
// its outcome.
type completion struct {
	request
	id       string
	parts    []s3wire.Part // all of them, by number
	whole    sum.Sums
	settles  int
	repeated bool // it was answered again after the upload was seen to be gone
	adopted  bool // S3's own list of the parts has been taken over
	refused  bool // the key was seen to be taken while the upload was open
}

// complete makes the object of the parts. It goes on for a while after ctx has
// ended, because a Complete that was sent may have happened. With Restart,
// nothing was stored and the parts are of no use any more.
func (t *Transfer) complete(ctx context.Context, c *completion) (s3wire.Stored, Action, error) {
	c.op = s3wire.CompleteMultipartUpload
	ctx, cancel := detached(ctx, settleGrace)
	defer cancel()
	for {
		var stored s3wire.Stored
		action, err := t.send(ctx, &c.request, func(ctx context.Context) (s3wire.Answer, error) {
			var err error
			stored, err = t.S3.Complete(ctx, t.Object, c.id, c.parts, t.plan.Size, c.whole, t.Overwrite)
			return answerOf(stored.Answer, err), err
		})
		if action == Settle {
			stored, action, err = t.settle(ctx, c, err)
		}
		switch action {
		case Retry:
			continue
		case Fail:
			stored, err = t.completeFailed(ctx, c, err)
		}
		if err == nil {
			stored, err = t.accept(ctx, stored, c.whole)
		}
		return stored, action, err
	}
}

// completeFailed gives the failure of a Complete its meaning. It returns an
// object if one attempt had its effect after all.
func (t *Transfer) completeFailed(ctx context.Context, c *completion, err error) (s3wire.Stored, error) {
	switch {
	case errors.Is(err, ErrUnknown): // whatever it wraps
	case c.lost:
		if found, sight := t.look(ctx, c.whole); sight == ours {
			return found.Stored, nil
		}
		return s3wire.Stored{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	case classOf(err) == s3wire.Exists:
		return s3wire.Stored{}, ErrExists
	case classOf(err) == s3wire.Corrupt:
		return s3wire.Stored{}, t.corrupt(err)
	}
	return s3wire.Stored{}, err
}

// settle is called when a Complete may have happened. It never aborts: that
// could undo what it asks about.
//
//	the reader sees our object    it is stored
//	S3 still holds the parts      not yet: Complete again; if that is refused
//	                              twice, the key is another's
//	the upload is gone            Complete again: S3 repeats its first answer,
//	                              or nothing is proven
func (t *Transfer) settle(ctx context.Context, c *completion, cause error) (s3wire.Stored, Action, error) {
	unknown := fmt.Errorf("%w: %w", ErrUnknown, cause)
	if c.settles++; c.settles > maxSettles {
		return s3wire.Stored{}, Fail, unknown
	}
	if c.class == s3wire.BadPart {
		return s3wire.Stored{}, t.adopt(ctx, c), cause
	}
	found, sight := t.look(ctx, c.whole)
	if sight == ours {
		return found.Stored, Done, nil
	}
	open, err := t.isOpen(ctx, c)
	definite := c.class == s3wire.Exists || c.class == s3wire.NoUpload
	switch {
	case err != nil:
		return s3wire.Stored{}, Retry, nil
	case open && c.class == s3wire.Exists && c.lost && !c.refused:
		// The one that was lost may be at work still, with the object there and
		// the upload not yet gone.
		c.refused = true
		pauseFor(ctx, lookPause)
		return s3wire.Stored{}, Retry, nil
	case open && c.class == s3wire.Exists:
		c.lost = false
		return s3wire.Stored{}, Fail, ErrExists
	case open || !definite:
		return s3wire.Stored{}, Retry, nil
	case !c.lost:
		return s3wire.Stored{}, Restart, cause
	case !c.repeated:
		c.repeated = true
		return s3wire.Stored{}, Retry, nil
	case sight == absent:
		return s3wire.Stored{}, Restart, cause
	}
	return s3wire.Stored{}, Fail, unknown
}

// isOpen asks S3 whether it still holds the upload. A Complete that was
// answered NoSuchUpload has asked already.
func (t *Transfer) isOpen(ctx context.Context, c *completion) (bool, error) {
	if c.class == s3wire.NoUpload {
		return false, nil
	}
	err := t.probe(ctx, c.id)
	if s3wire.Classify(err) == s3wire.NoUpload {
		return false, nil
	}
	if err != nil {
		pauseFor(ctx, lookPause)
	}
	return err == nil, err
}

// adopt takes over S3's own ETags of the parts, once, where their sums and
// sizes are those that were sent: a part that was sent twice has the ETag of
// one of them.
func (t *Transfer) adopt(ctx context.Context, c *completion) Action {
	if c.adopted {
		return Fail
	}
	c.adopted = true
	listed, err := t.S3.Parts(ctx, t.Object, c.id)
	if err != nil || len(listed) != len(c.parts) {
		return Fail
	}
	same := slices.EqualFunc(listed, c.parts, t.samePart)
	if !same {
		return Fail
	}
	for i := range c.parts {
		c.parts[i].ETag = listed[i].ETag
	}
	return Retry
}

// samePart reports whether S3 has the bytes that were sent as that part: it
// says so by the checksum it was told, or where it was told none by an ETag
// that is their MD5.
func (t *Transfer) samePart(listed, sent s3wire.Part) bool {
	if listed.Number != sent.Number || listed.Size != sent.Size {
		return false
	}
	if !t.Object.Kind.Told() {
		return plainETag(listed.ETag) == sent.Sums().ETag()
	}
	return !listed.Silent && listed.Sums().Told(t.Object.Kind) == sent.Sums().Told(t.Object.Kind)
}
