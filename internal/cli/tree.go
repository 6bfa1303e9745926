package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/walk"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/receipt"
)

// A grove is a run that sends a tree: folders, or chosen files.
type grove struct {
	*run
	to      destination
	sources []string
	names   *nameList // --files-from; nil = none
	tree    sealift.Tree

	roll    roll  // where receipts are kept
	printed bool  // they are the results; the roll is for when that fails
	lost    error // a result or a receipt that did not get where it should

	bad     badFiles
	stopped []string // transfers that are kept, to be gone on with
	passed  int      // told of one by one
}

// grow does what run.do does, for a tree.
func (r *run) grow(ctx context.Context, s *Streams, sources []string, to destination) error {
	u := r.upload
	if !to.folder() {
		return fmt.Errorf("%w: %s", errSlash, address(to.bucket, to.key))
	}
	g := &grove{run: r, to: to, sources: sources}
	names, err := u.list(s, false)
	if err != nil {
		return err
	}
	defer names.close()
	g.names = names
	if err := g.plan(ctx, s); err != nil {
		return err
	}
	log, closeLog, err := u.logger(s)
	if err != nil {
		return err
	}
	r.teller = newTeller(s, u.Output, r.id, amount{tree: true}, log)
	r.advise = u.advise
	if s.oneScreen() {
		r.Out = r.progress
	}
	if u.DryRun {
		err = g.rehearse(ctx, s)
	} else {
		err = g.begin(ctx, s)
	}
	if lost := closeLog(); lost != nil {
		s.Say("warning: the log in %s is not whole: %v", u.LogFile, lost)
	}
	return err
}

// plan makes the tree, and refuses what can be known to be wrong with it.
func (g *grove) plan(ctx context.Context, s *Streams) error {
	u := g.upload
	if g.names != nil && len(g.sources) == 0 {
		g.sources = []string{"."}
	}
	for _, path := range g.sources {
		if path == "" {
			return &usageError{"a source has no name", "is a variable empty, or a space too much in the command line?"}
		}
	}
	keep, err := u.filter(g.sources, g.bad.ignoreFile)
	if err != nil {
		return err
	}
	if err := cmp.Or(g.recordable(nil), g.shelve(s)); err != nil {
		return err
	}
	if err := (sealift.Object{Bucket: g.to.bucket, Key: u.Manifest}).Check(); u.Manifest != "" && err != nil {
		return &usageError{fmt.Sprintf("--manifest: %v", err), "name the key of an object, as PREFIX/manifest.jsonl"}
	}
	object := u.object(g.to.bucket, "")
	object.Preserve = u.Preserve != "none"
	g.memory, g.several = u.memory(s, g.to), true
	if g.claim != nil {
		g.before = g.claim.stored(g.to.bucket, g.to.prefix(), []string{g.roll.path})
		g.roll.more = g.claim.resumed
		if _, err := os.Stat(g.roll.path); err == nil && g.claim.resumed && isAddress(u.Receipt) {
			g.kept = []string{g.roll.path}
		}
	}
	g.tree = sealift.Tree{
		Bucket: g.to.bucket, Prefix: g.to.key, Sources: g.sources, FollowSymlinks: u.FollowSymlinks, Keep: keep.Keep, Form: form,
		Skip: g.ours(s), Options: object.Options, Manifest: u.Manifest, Known: g.run.known(g.to.bucket),
	}
	if object.ContentType == "" {
		g.tree.Prepare = func(f *os.File, o *sealift.Options) { o.ContentType = contentType(f.Name(), f) }
	}
	if g.names == nil {
		return g.tree.Check()
	}
	g.tree.Names = g.names.names
	return cmp.Or(g.tree.Check(), g.checkNames(ctx))
}

// checkNames refuses a list with a name that leads out of the folder.
func (g *grove) checkNames(ctx context.Context) error {
	err := walk.Tree{Sources: g.sources, Names: g.names.names, Follow: g.upload.FollowSymlinks}.CheckNames(ctx)
	if err != nil {
		return fmt.Errorf("--files-from %s: %w", g.upload.FilesFrom, err)
	}
	return nil
}

// ours are the files and folders of this program that are not to be sent.
func (g *grove) ours(s *Streams) []string {
	var all []string
	for _, path := range []string{g.upload.state(s), g.upload.LogFile, g.roll.path} {
		if path != "" {
			all = append(all, path)
		}
	}
	return all
}

// shelve finds where the receipts go.
func (g *grove) shelve(s *Streams) error {
	named := g.upload.local()
	var err error
	if g.beside, err = g.receiptKey(g.to, true); err != nil {
		return err
	}
	if state := g.upload.state(s); (named == "" || named == "-") && state != "" {
		g.roll.path = filepath.Join(state, "receipts", g.id+".jsonl")
	}
	g.printed = named == "-"
	if named == "" || named == "-" {
		return nil
	}
	if info, err := os.Stat(named); strings.HasSuffix(named, "/") || err == nil && info.IsDir() {
		sh, err := newShelf(named, "", g.id, true, false)
		g.roll.path = filepath.Join(sh.folder, g.id+".jsonl")
		return err
	}
	sh, err := newShelf(named, "", g.id, false, g.again())
	g.roll.path = sh.file
	return err
}

// begin signs in and sends.
func (g *grove) begin(ctx context.Context, s *Streams) error {
	defer g.progress.Close()
	if g.upload.keepsHere() {
		state := shelf{state: filepath.Dir(g.roll.path), folder: g.roll.path}
		if g.roll.path == "" {
			state = shelf{}
		}
		if err := state.writable(); err != nil {
			g.Say("warning: receipts cannot be kept, they will go to standard output: %v", err)
		}
	}
	want := g.upload.allow(policy.Want{Bucket: g.to.bucket, Prefix: g.to.key})
	if g.upload.Manifest != "" {
		want.Beside = append(want.Beside, g.upload.Manifest)
	}
	if g.beside != "" {
		want.Beside = append(want.Beside, g.beside)
	}
	if g.to.key == "" && g.upload.Narrow != "off" {
		return &usageError{fmt.Sprintf("%s names no prefix to narrow the session to, and a whole bucket is too much", address(g.to.bucket, "")),
			"upload under a prefix (s3://BUCKET/PREFIX/), or give --narrow off"}
	}
	who, err := g.upload.Identity.signIn(ctx, g.teller, want)
	if err != nil {
		return err
	}
	g.began = true
	g.payOff(ctx, s, g.to.bucket, who)
	g.strays(ctx, s, g.to.bucket, who)
	g.keepClaim()
	return g.send(ctx, s, who)
}

// send uploads everything as whoever signed in.
func (g *grove) send(ctx context.Context, s *Streams, who *signedIn) error {
	up, err := sealift.New(g.config(who, g.heard))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { g.Say("%s", g.upload.onEnd(ctx)) })
	defer s.leaving.keep(func() { g.left(s) })()
	settle := g.doubt(s, g.to)
	run, err := up.Start(ctx, g.tree)
	if err == nil {
		g.progress.Of(run.Found)
		g.sum, err = run.Wait()
	}
	stop()
	g.giveUpKept(ctx, up)
	err = errors.Join(err, up.Close())
	if lost := g.roll.close(); lost != nil {
		g.lost = cmpError(g.lost, lost)
	}
	_ = g.ledger.close() // it is no receipt
	settle(g.lost, g.bad.unsure)
	if g.roll.size > 0 {
		g.kept = []string{g.roll.path}
	}
	g.lost = cmpError(g.lost, g.storeReceipts(ctx, who, g.to.bucket))
	g.progress.Close()
	return g.end(ctx, s, err)
}

// heard is told of everything that becomes of files, in order.
func (g *grove) heard(e sealift.Event) {
	switch e.Type {
	case "stored":
		g.result(e.Receipt)
	case "failed":
		if errors.Is(e.Err, sealift.ErrResumable) {
			g.stopped = append(g.stopped, e.Transfer)
		}
		if !isEnd(e.Err) { // else it was aborted or kept, and there is no more to say
			e.Err = g.troubled(e.Key, e.Err)
			g.bad.add(g.Streams, &e, g.adviseOf(e.Err, e.Key == g.upload.Manifest))
		}
	case "skipped":
		if !errors.Is(e.Err, sealift.ErrExists) {
			g.passOver(e)
		}
	}
	g.teller.event(e)
	g.noted(e)
	g.forget(e)
}

// mostPassed is how many entries that are passed over are told of one by one.
const mostPassed = 20

func (g *grove) passOver(e sealift.Event) {
	switch g.passed++; {
	case g.passed < mostPassed:
		g.note("passed over %s: %v", e.Source, e.Err)
	case g.passed == mostPassed:
		g.note("passed over %s: %v; others like it are counted only", e.Source, e.Err)
	}
}

// result keeps a receipt and prints what the run is for, as run.result does.
func (g *grove) result(got *receipt.Receipt) {
	if g.printed {
		err := g.printReceipt(got)
		if err != nil {
			err = cmp.Or(g.roll.keep(got), err)
		}
		g.lost = cmp.Or(g.lost, err)
		return
	}
	if err := g.roll.keep(got); err != nil {
		g.lost = cmp.Or(g.lost, g.insteadOfKeeping(got, err))
		return
	}
	if g.json == nil && (g.lost == nil || !errors.Is(g.lost, errOutput)) {
		g.lost = cmp.Or(g.lost, stored(g.printResult(result(address(got.Object.Bucket, got.Object.Key), g.roll.path))))
	}
}

// end tells how it went, and returns the error that decides the exit code.
func (g *grove) end(ctx context.Context, s *Streams, err error) error {
	g.bad.tell(s)
	g.sum.Unreadable += g.bad.ignored
	g.sum.Failed = max(0, g.sum.Failed-int64(len(g.stopped))) // they are kept
	g.tally(s)
	if cause := context.Cause(ctx); stoppedEarly(cause) {
		begun := "what was begun has been aborted"
		if len(g.stopped) > 0 {
			begun = count(int64(len(g.stopped)), "upload") + " kept"
		}
		if len(g.bad.texts) > 0 {
			begun += ", but for what is said above"
		}
		s.Say("%v: %s", cause, begun)
		g.sayResume(s)
		if g.bad.unsure != nil {
			cause = g.bad.unsure
		}
		return &saidError{g.run.stopped(cause, len(g.stopped))}
	}
	switch {
	case g.lost != nil:
		s.complain(g.lost)
	case err == nil && g.sum.Unreadable > 0:
		err = fmt.Errorf("%w: an ignore file", sealift.ErrUnreadable)
	}
	if err != nil && !g.told(err) {
		s.complain(g.adviseOf(err, true))
	}
	err = g.unfinished(worst([]error{g.lost, err, g.bad.worst}))
	if len(g.stopped) > 0 || errors.Is(err, sealift.ErrResumable) {
		g.sayResume(s)
	}
	if err != nil {
		return &saidError{err}
	}
	return nil
}

// told reports whether the lines about files have said already why the run
// failed.
func (g *grove) told(err error) bool {
	if errors.Is(err, sealift.ErrUnreadable) {
		return g.sum.Unreadable > 0
	}
	_, ofTransfer := errors.AsType[*sealift.Error](err)
	return ofTransfer && g.bad.worst != nil
}

// adviseOf is err with a hint; one of the manifest with its own.
func (g *grove) adviseOf(err error, manifest bool) error {
	if manifest && errors.Is(err, sealift.ErrExists) {
		return &advised{err, "name another key with --manifest: a manifest is never replaced"}
	}
	return g.upload.advise(err)
}

// tally is the last word of a tree.
func (g *grove) tally(s *Streams) {
	if g.quiet || g.json != nil {
		return
	}
	words := []string{count(g.sum.Stored, "file") + " stored (" + humanize.IBytes(uint64(g.sum.Bytes)) + ")"}
	for _, c := range []struct {
		n    int64
		what string
	}{{g.sum.Skipped, "skipped"}, {g.sum.PassedOver, "passed over"}, {g.sum.Failed, "failed"}, {g.sum.Unreadable, "could not be read"}} {
		if c.n > 0 {
			words = append(words, humanize.Comma(c.n)+" "+c.what)
		}
	}
	if g.roll.size > 0 {
		words[len(words)-1] += "; receipts in " + g.roll.path
	}
	s.Say("%s", strings.Join(words, ", "))
	if g.sum.Manifest != nil {
		s.Say("manifest in %s", address(g.to.bucket, g.upload.Manifest))
	} else if g.upload.Manifest != "" && !g.upload.DryRun {
		s.Say("no manifest: not every file is known to be stored")
	}
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return humanize.Comma(n) + " " + what + "s"
}
