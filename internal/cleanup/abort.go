package cleanup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/s3wire"
)

// How long an upload is aborted again while parts land in it, and how long is
// waited between.
const (
	abortTime = time.Minute
	lookPause = 500 * time.Millisecond
)

// ErrHeld says that a process has taken up the upload's journal meanwhile.
var ErrHeld = errors.New("it is under way again")

// ErrOpen says that parts landed for as long as it was aborted.
var ErrOpen = errors.New("parts still land in it")

// Abort gives an upload up, and looks until S3 no longer knows it: a part under
// way may land after the abort, and keep it open. It holds the upload's journal
// meanwhile, so that no process can go on with it, and removes the journal then.
// An upload that is gone is no error. Once it has begun, Abort goes on for a
// minute when ctx ends.
func (k *Keeper) Abort(ctx context.Context, f Found) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.Transfer != "" {
		k.journal.Lock()
		defer k.journal.Unlock()
	}
	done, err := k.hold(f)
	if err != nil {
		return fmt.Errorf("abort upload of %s: %w", f.Key, err)
	}
	err = k.abort(ctx, f.Key, f.ID)
	if err := errors.Join(err, done(err == nil)); err != nil {
		return fmt.Errorf("abort upload of %s: %w", f.Key, err)
	}
	return nil
}

// None weighs none, for Each.
func None(Found) bool { return false }

// AbortAll aborts several at the same time. The errors are in their order.
func (k *Keeper) AbortAll(ctx context.Context, all []Found) []error {
	return each(all, func(f Found) error { return k.Abort(ctx, f) })
}

func (k *Keeper) abort(ctx context.Context, key, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	o := k.at(key)
	for ctx.Err() == nil {
		err := k.ask(ctx, func() error {
			_, err := k.S3.Abort(ctx, o, id)
			return err
		})
		if s3wire.Classify(err) == s3wire.NoUpload {
			return nil
		}
		if err != nil {
			return err
		}
		err = k.ask(ctx, func() error {
			_, _, err := k.S3.PartsWeight(ctx, o, id, 0, 1)
			return err
		})
		switch s3wire.Classify(err) {
		case s3wire.NoUpload:
			return nil
		case s3wire.OK:
			pause(ctx, lookPause)
		case s3wire.Denied:
			k.log().Info("could not look whether the aborted upload is gone", "key", key, "err", err)
			return nil
		default:
			return err
		}
	}
	return ErrOpen
}

// hold takes the journal that names the upload, and says in it that the upload
// is given up. done tells it what became of that, and lets it go.
func (k *Keeper) hold(f Found) (done func(gone bool) error, err error) {
	nothing := func(bool) error { return nil }
	if f.Transfer == "" {
		return nothing, nil
	}
	j, err := journal.Open(k.Disk, k.Journals, f.Transfer)
	if _, held := errors.AsType[*journal.HeldError](err); held {
		return nil, ErrHeld
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nothing, nil // it was over meanwhile; Abort finds out
	}
	if err != nil { // nobody can go on with it
		k.log().Info("the upload's journal cannot be opened", "transfer", f.Transfer, "err", err)
		return nothing, nil
	}
	if s := j.State(); s.UploadID == f.ID && s.Phase == journal.PhaseCompleting {
		return nil, errors.Join(ErrHeld, j.Close())
	}
	if s := j.State(); s.UploadID == f.ID && s.Phase != journal.PhaseAborting {
		err = j.Commit(journal.Aborting{})
	}
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return func(gone bool) error {
		if !gone {
			return j.Close()
		}
		var err error
		if slices.Contains(j.State().Owed, f.ID) { // else it is nothing to this journal any more
			err = j.Commit(journal.Aborted{UploadID: f.ID})
		}
		if s := j.State(); err == nil && len(s.Owed) == 0 && s.Phase == journal.PhaseAborted {
			return j.Remove()
		}
		return errors.Join(err, j.Close())
	}, nil
}

// Strays aborts what lost answers to CreateMultipartUpload have left of a run:
// the open uploads of exactly this key whose initiator is the session of that
// name, and whose id known does not know. Never another's. It returns those that
// were aborted, and the first error; a key that has none is no error. No
// process may be at work on the key in a session of that name meanwhile.
func (k *Keeper) Strays(ctx context.Context, key, session string, known func(id string) bool) ([]s3wire.Upload, error) {
	if key == "" || session == "" {
		return nil, errors.New("find stray uploads: no key, or no name of a session")
	}
	var aborted []s3wire.Upload
	_, err := k.Each(ctx, key, None, func(page []Found) error {
		for _, f := range page {
			if f.Garbled || f.Key != key || SessionOf(f.Initiator) != session || f.Whose == ByJournal || known(f.ID) {
				continue
			}
			if err := k.abort(ctx, key, f.ID); err != nil {
				return fmt.Errorf("abort stray upload of %s: %w", key, err)
			}
			aborted = append(aborted, f.Upload)
		}
		return nil
	})
	return aborted, err
}
