package cleanup

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
)

// attempts is how often a request is sent. All that is asked here may be asked
// twice.
const attempts = 6

// ask sends a request until it is answered, with full jitter between.
func (k *Keeper) ask(ctx context.Context, send func() error) error {
	for attempt := 1; ; attempt++ {
		err := send()
		if attempt == attempts {
			return err
		}
		switch s3wire.Classify(err) {
		case s3wire.Skewed, s3wire.Relocated:
		case s3wire.Expired:
			if e, ok := errors.AsType[*s3wire.Error](err); ok {
				k.S3.Invalidate(e.KeyID)
			}
		case s3wire.Network, s3wire.Server, s3wire.Busy, s3wire.Unready:
			k.log().Debug("request is sent again", "attempt", attempt, "err", err)
			pause(ctx, rand.N(100*time.Millisecond<<attempt))
		default:
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func denied(err error) bool { return s3wire.Classify(err) == s3wire.Denied }
