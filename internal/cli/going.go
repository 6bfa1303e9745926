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

// more tells whether there is something to go on with of a run that ended so:
// also where it came to nothing this time.
func (r *run) more(err error) bool {
	switch {
	case err == nil:
		return false
	case r.claim.resumed && !r.began, r.claim.pending():
		return true
	}
	return errors.Is(err, sealift.ErrResumable)
}

// unfinished is the error of a run of several files that ended before all had
// their turn, or that other circumstances would have brought further: what is
// stored need not be sent again.
func (r *run) unfinished(err error) error {
	if err == nil || !r.several || r.claim == nil || !r.claim.kept || !stoppedEarly(err) && !passing(err) {
		return err
	}
	return &resumable{err}
}

// stopped is why a run ended early that kept so many uploads.
func (r *run) stopped(cause error, kept int) error {
	if r.claim == nil || !r.claim.kept || kept == 0 && !r.several {
		return cause
	}
	return &resumable{cause}
}

// A resumable is an error of a run that can be gone on with.
type resumable struct{ err error }

func (e *resumable) Error() string   { return e.err.Error() }
func (e *resumable) Unwrap() []error { return []error{e.err, sealift.ErrResumable} }

// passing tells of trouble that is not a file's own and may be over the next
// time.
func passing(err error) bool {
	return unreached(err) || errors.Is(err, sealift.ErrDenied) || errors.Is(err, sealift.ErrSessionExpired) ||
		coded("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "ThrottlingException")(err)
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

// recordable refuses what is not recorded where --require-journal asks for that.
func (r *run) recordable(all sendings) error {
	u := r.upload
	if !u.NeedJournal || u.DryRun {
		return nil
	}
	switch {
	case u.NoJournal:
		return &usageError{"--require-journal and --no-journal exclude each other", "leave one of them out"}
	case len(all) == 1 && all[0].stream:
		return &usageError{"--require-journal: a stream is read once, and cannot be gone on with", "upload a file, or leave it out"}
	case r.journal() == nil:
		return &usageError{"--require-journal: there is no state folder", "set HOME or XDG_STATE_HOME, or give --state-dir"}
	}
	return nil
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
