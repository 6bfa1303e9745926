package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/receipt"
)

// onEnd says what is done when ctx has ended early.
func (u *Upload) onEnd(ctx context.Context) string {
	what := "stopping"
	if u.OnInterrupt == "abort" || u.NoJournal {
		what = "aborting what is under way"
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		what += "; once more leaves at once"
	}
	return fmt.Sprintf("%v: %s", context.Cause(ctx), what)
}

// sayResume says how to go on with the run.
func (r *run) sayResume(s *Streams) {
	if r.claim != nil && r.claim.kept {
		s.Say("go on with: sealift resume %s (or the same command)", r.id)
	}
}

// left is said where the process leaves at once.
func (r *run) left(s *Streams) {
	if r.claim != nil && r.claim.kept {
		s.Say("left at once: sealift resume %s goes on, sealift abort %[1]s gives up", r.id)
		return
	}
	s.Say("left at once: what was begun may still be open in S3, and cost; a lifecycle rule of the bucket can abort it")
}

// known is what needs not be sent: what this run stored before it stopped, and
// what --if-exists finds in the receipts. Nil is nothing.
func (r *run) known(bucket string) func(key string, size int64, modified time.Time) (receipt.Object, bool) {
	ask := r.upload.known(r.memory, bucket)
	if r.before == nil {
		return ask
	}
	return func(key string, size int64, modified time.Time) (receipt.Object, bool) {
		if o, stored := r.before.holds(bucket, key, size, modified); stored || ask == nil {
			return o, stored
		}
		return ask(key, size, modified)
	}
}

// aborts tells whether an upload that was kept is to be given up all the same.
func (r *run) aborts(err error) bool {
	return r.upload.OnInterrupt == "abort" && errors.Is(err, sealift.ErrResumable) && stoppedEarly(err)
}

// abortKept gives up an upload that was kept where the user wants that.
func (r *run) abortKept(ctx context.Context, up *sealift.Uploader, err error) error {
	failed, ok := errors.AsType[*sealift.Error](err)
	if !ok || !r.aborts(err) {
		return err
	}
	if left := up.Abort(context.WithoutCancel(ctx), failed.ID); left != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), left)
	}
	return context.Cause(ctx)
}

// giveUpKept does so with all of a tree.
func (g *grove) giveUpKept(ctx context.Context, up *sealift.Uploader) {
	if g.upload.OnInterrupt != "abort" || ctx.Err() == nil {
		return
	}
	for _, id := range g.stopped {
		if err := up.Abort(context.WithoutCancel(ctx), id); err != nil {
			g.Say("warning: transfer %s is not given up: %v", id, err)
		}
	}
	g.stopped = nil
}

// payOff aborts what earlier runs owe to abort in this bucket: they were
// interrupted in that, or could not reach S3. Where it cannot be done now, it is
// owed still.
func (r *run) payOff(ctx context.Context, s *Streams, bucket string, who *signedIn) {
	if r.claim == nil || r.claim.state == "" {
		return
	}
	a := &Abort{Output: Output{Quiet: true, LogLevel: "off"}, past: past{StateDir: r.claim.state}}
	endpoint := who.at().Endpoint
	owed := slices.DeleteFunc(a.journals(s), func(e journal.Entry) bool {
		b := e.State.Begin
		return e.Held || e.Err != nil || !e.State.Owes() || b.Bucket != bucket || b.Endpoint != endpoint || b.Run == r.id
	})
	if len(owed) == 0 {
		return
	}
	gone, err := a.giveUp(ctx, s, r.upload.Identity, owed)
	for _, e := range gone {
		r.note("aborted what run %s had left open: %s", e.State.Begin.Run, address(bucket, e.State.Begin.Key))
	}
	if err != nil {
		r.note("still to be aborted: %v", err)
	}
}

// strays aborts what this run may have opened in S3 before it stopped, without
// having heard of it: by a housekeeping session, where the role gives one. Else
// the library says that it is left to the bucket's lifecycle rule.
func (r *run) strays(ctx context.Context, s *Streams, bucket string, who *signedIn) {
	if r.claim == nil || !r.claim.resumed {
		return
	}
	past := past{StateDir: r.claim.state}
	for _, e := range past.journals(s) {
		b := e.State.Begin
		if e.Held || e.Err != nil || b.Run != r.id || b.Bucket != bucket || b.Endpoint != who.at().Endpoint || e.State.Phase != journal.PhaseCreating || b.Session == "" {
			continue
		}
		if err := r.stray(ctx, s, past, e); err != nil {
			r.log.Warn("could not look for uploads of a lost CreateMultipartUpload", "bucket", bucket, "key", b.Key, "err", err)
		}
	}
}

func (r *run) stray(ctx context.Context, s *Streams, past past, e journal.Entry) error {
	b := e.State.Begin
	tell := newTeller(s, Output{Quiet: true, NoProgress: true, LogLevel: "off"}, r.id, amount{}, r.log)
	defer tell.progress.Close()
	c := &Cleanup{Identity: r.upload.Identity, Storage: r.upload.Storage, past: past}
	keeper, _, err := c.keeper(ctx, tell, b.Bucket, b.Key, b.Key)
	if err != nil {
		return err
	}
	known := func(id string) bool {
		return id == e.State.UploadID || slices.Contains(e.State.Owed, id) || slices.Contains(e.State.Gone, id)
	}
	gone, err := keeper.Strays(ctx, b.Key, b.Session, known)
	if err != nil {
		return err
	}
	if len(gone) > 0 {
		r.note("aborted %s of %s that nobody had heard of", uploads(len(gone)), address(b.Bucket, b.Key))
	}
	j, err := journal.Open(durable.System{}, journalsOf(past.StateDir), e.Transfer)
	if err != nil {
		return err
	}
	return errors.Join(j.Commit(journal.Restarted{}), j.Close())
}

// files are the receipts that lie on the shelf.
func (s shelf) files() []string {
	if s.folder == "" {
		return []string{s.file}
	}
	files, _ := filepath.Glob(filepath.Join(s.folder, "*.json"))
	return files
}

// resumable tells whether there may be something to go on with: uploads in
// parts, or several of whatever kind, but no stream.
func (r *run) resumable(all sendings) bool {
	for _, one := range all {
		p, err := plan.For(one.size, int64(r.upload.PartSize))
		if one.stream || err != nil {
			return false
		}
		if !p.Single() {
			return true
		}
	}
	return len(all) > 1
}
