package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync/atomic"

	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/internal/sum"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// UnknownSize is the Size of a stream that has not ended.
const UnknownSize = -1

// errOnce is why a stream cannot begin its upload again.
var errOnce = errors.New("a stream cannot be read again to begin anew")

// A stream is a source on its way in, that is read once: parts are cut as it
// comes, summed as they are read, held until S3 has them, and let go.
type stream struct {
	t      *Transfer
	in     *source.Intake
	cut    plan.Stream
	number int       // of the last part
	size   int64     // bytes read
	sha    hash.Hash // nil when nobody asked for it

	disk       *semaphore.Weighted // bytes of the spool folder
	remembered atomic.Int32        // parts held in memory
}

// An arrival is a part of a stream that has been read and summed.
type arrival struct {
	part
	release func()
}

// streaming makes ready to send a stream, and refuses what cannot work.
func (t *Transfer) streaming() (*stream, error) {
	s := &stream{t: t, cut: plan.Stream{PartSize: t.PartSize}, disk: semaphore.NewWeighted(spoolSize)}
	folder := t.Source.SpoolFolder()
	if folder == "" {
		s.cut.Most = unspooled
	}
	if err := s.cut.Check(); err != nil {
		return nil, err
	}
	if folder == "" && t.PartSize > unspooled {
		return nil, fmt.Errorf("%w: part size %d of a stream needs a spool folder; without one it is at most %d", plan.ErrPartSize, t.PartSize, unspooled)
	}
	if folder != "" { // better known before anything is sent
		trial, err := source.NewSpool(folder)
		if err != nil {
			return nil, err
		}
		if err := trial.Close(); err != nil {
			return nil, err
		}
	}
	if t.Hash != NoHash {
		s.sha = sha256.New()
	}
	t.progress.size = UnknownSize
	return s, nil
}

// run stores the stream: by one PutObject if it ends within the first part,
// else as parts.
func (s *stream) run(ctx context.Context) (Result, error) {
	var err error
	if s.in, err = s.t.Source.Intake(); err != nil {
		return Result{}, err
	}
	defer s.in.Close()
	first, err := s.next(ctx)
	if err == io.EOF {
		first, err = nothing(s.t.Object.Kind), nil
	}
	if err != nil {
		return Result{}, err
	}
	defer first.release()
	switch ended, err := s.in.Ended(ctx); {
	case err != nil:
		return Result{}, err
	case ended:
		s.end()
		return s.t.put(ctx, first.part, *first.sums, s.hex())
	}
	r, action, err := s.t.upload(ctx, func(ctx context.Context, id string) (Result, Action, error) {
		return s.pour(ctx, id, first)
	})
	if action == Restart {
		err = fmt.Errorf("%w; %w", err, errOnce)
	}
	return r, err
}

// nothing is the only part of an empty stream.
func nothing(kind sum.Kind) *arrival {
	sums := sum.NewTally(kind).Sums()
	return &arrival{part{1, source.ReaderAt(strings.NewReader(""), 0), 0, 0, &sums}, func() {}}
}

// pour sends the parts as they come, and completes.
func (s *stream) pour(ctx context.Context, id string, first *arrival) (Result, Action, error) {
	if action, err := s.sendAll(ctx, id, first); err != nil {
		return Result{}, action, err
	}
	s.end()
	parts, whole, err := s.t.gathered()
	if err != nil {
		return Result{}, Fail, err
	}
	c := &completion{id: id, parts: parts, whole: whole}
	stored, action, err := s.t.complete(ctx, c)
	return Result{Stored: stored, Sum: whole.CRC, SHA256: s.hex(), Requests: proof(c.answer, stored), Signer: c.answer.KeyID}, action, err
}

// sendAll sends each part on a goroutine of its own; how many there are is
// bounded by where parts are held. The first failure stops them all, and so
// does a stream that breaks off.
func (s *stream) sendAll(ctx context.Context, id string, first *arrival) (Action, error) {
	group, gctx := errgroup.WithContext(ctx)
	var failed failure
	send := func(p *arrival) {
		group.Go(func() error {
			defer p.release()
			if action, err := s.t.sendPart(gctx, id, p.part); err != nil {
				return failed.first(action, err)
			}
			return nil
		})
	}
	group.Go(func() error {
		p, err := first, error(nil)
		for ; err == nil; p, err = s.next(gctx) {
			send(p)
		}
		if err != io.EOF {
			return failed.first(Fail, err)
		}
		return nil
	})
	err := group.Wait()
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return failed.action, err
}

// next reads the next part, which has at least one byte. At the end of the
// stream it is io.EOF.
func (s *stream) next(ctx context.Context) (*arrival, error) {
	// Asked first, so that room is not held for bytes that are long in coming.
	if ended, err := s.in.Ended(ctx); err != nil {
		return nil, err
	} else if ended {
		return nil, io.EOF
	}
	size, err := s.cut.Next(s.number+1, s.size)
	if err != nil {
		return nil, err
	}
	h, err := s.hold(ctx, size)
	if err != nil {
		return nil, err
	}
	sums, err := s.read(ctx, h, size)
	if err != nil {
		h.release()
		return nil, err
	}
	h.full()
	s.number++
	s.size += h.size
	return &arrival{part{s.number, source.ReaderAt(h, h.size), 0, h.size, &sums}, h.release}, nil
}

// read fills h with at most so many bytes, and sums them.
func (s *stream) read(ctx context.Context, h *held, most int64) (sum.Sums, error) {
	tally := sum.NewTally(s.t.Object.Kind)
	for h.size < most {
		buf := h.room(most - h.size)
		n, err := s.in.Fill(ctx, buf)
		if err != nil && err != io.EOF {
			h.lose()
			return sum.Sums{}, err
		}
		tally.Write(buf[:n])
		if s.sha != nil {
			s.sha.Write(buf[:n])
		}
		if err := h.take(buf[:n]); err != nil {
			return sum.Sums{}, err
		}
		if err == io.EOF {
			break
		}
	}
	return tally.Sums(), nil
}

// end makes known how long the stream was.
func (s *stream) end() {
	partSize, _ := s.cut.Next(1, 0)
	s.t.plan = plan.Plan{Size: s.size, PartSize: partSize, Parts: max(1, s.number)}
	s.t.progress.learn(s.size)
}

func (s *stream) hex() string {
	if s.sha == nil {
		return ""
	}
	return hex.EncodeToString(s.sha.Sum(nil))
}
