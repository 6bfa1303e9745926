package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/receipt"
)

// A run is one invocation of upload, from its sources to their receipts.
type run struct {
	id      string // ULID
	upload  *Upload
	claim   *claim // nil where nothing is to be gone on with
	several bool   // sources, so that there is more to go on with than one upload
	began   bool   // it has signed in

	*teller
	shelf  shelf
	silent bool // the caller shows the receipts

	results sync.Mutex // one result at a time; guards what follows
	sum     sealift.Summary
	planned *rehearsal // with --dry-run
	memory  *memory    // of the destination; nil where nobody asks
	before  *memory    // of what this run stored before it stopped; nil where it has just begun
	beside  string     // key of the receipts in S3; "" = none
	kept    []string
	ledger  roll // of what is stored, where receipts are printed

	receipts []*receipt.Receipt
	lost     map[string]error // results and receipts that did not get where they should, by transfer
}

// atOnce is how many sources are sent at the same time; their requests share
// one budget.
const atOnce = 4

// do goes from the command line to the receipts.
func (r *run) do(ctx context.Context, s *Streams, args []string) error {
	u, last := r.upload, len(args)-1
	if err := misplaced(args[:last]); err != nil {
		return err
	}
	to, err := parseDestination(args[last])
	if err != nil {
		return err
	}
	if u.tree(args[:last]) {
		if slices.Contains(args[:last], standardInput) {
			return errAlone("standard input")
		}
		return r.grow(ctx, s, args[:last], to)
	}
	all, err := gather(args[:last], to)
	if err != nil {
		return err
	}
	if err := cmp.Or(u.flowing(s, all), u.check(to.bucket, all)); err != nil {
		return err
	}
	if r.beside, err = r.receiptKey(to, len(all) > 1); err != nil {
		return err
	}
	if err := r.recordable(all); err != nil {
		return err
	}
	if r.shelf, err = newShelf(u.local(), u.state(s), r.id, len(all) > 1, r.again()); err != nil {
		return err
	}
	log, closeLog, err := u.logger(s)
	if err != nil {
		return err
	}
	r.teller = newTeller(s, u.Output, r.id, all.amount(), log)
	r.advise = u.advise
	if s.oneScreen() {
		r.Out = r.progress // results too go above what moves
	}
	r.memory, r.several = u.memory(s, to), len(all) > 1
	if r.claim != nil {
		r.before = r.claim.stored(to.bucket, to.prefix(), r.shelf.files())
	}
	if r.again() && isAddress(u.Receipt) {
		r.kept = r.shelf.files()
	}
	if u.DryRun {
		r.progress.Close()
		err = r.rehearse(to.bucket, all)
	} else {
		err = r.begin(ctx, s, to, all)
	}
	if lost := closeLog(); lost != nil {
		s.Say("warning: the log in %s is not whole: %v", u.LogFile, lost)
	}
	return err
}

// begin signs in and sends.
func (r *run) begin(ctx context.Context, s *Streams, to destination, all sendings) error {
	defer r.progress.Close()
	if err := r.shelf.writable(); err != nil {
		r.Say("warning: receipts cannot be kept, they will go to standard output: %v", err)
	}
	who, err := r.upload.Identity.signIn(ctx, r.teller, r.want(to, all))
	if err != nil {
		return err
	}
	r.began = true
	r.payOff(ctx, s, to.bucket, who)
	r.strays(ctx, s, to.bucket, who)
	if r.resumable(all) {
		r.keepClaim()
	}
	return r.transfer(ctx, s, who, to, all)
}

// again tells whether the run is gone on with.
func (r *run) again() bool { return r.claim != nil && r.claim.resumed }

// keepClaim writes the run down, and says that it goes on.
func (r *run) keepClaim() {
	if r.claim == nil {
		return
	}
	r.claim.keep()
	if r.claim.kept && r.several && r.upload.Receipt == "-" {
		r.ledger = roll{path: r.claim.ledger(r.claim.state), more: true}
	}
	if r.claim.resumed && r.several {
		r.note("going on with run %s of %s", r.id, humanize.Time(r.claim.Started))
	}
}

// transfer sends everything as whoever signed in. What went wrong with single
// sources is told when nothing moves any more.
func (r *run) transfer(ctx context.Context, s *Streams, who *signedIn, to destination, all sendings) error {
	up, err := sealift.New(r.config(who, r.heard))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { r.Say("%s", r.upload.onEnd(ctx)) })
	if !r.silent {
		defer s.leaving.keep(func() { r.left(s) })()
	}
	settle := r.doubt(s, to)
	errs := r.sendAll(ctx, up, to.bucket, all)
	settle(errs...)
	stop()
	err = up.Close()
	_ = r.ledger.close() // it is no receipt
	if stored := r.storeReceipts(ctx, who, to.bucket); stored != nil {
		err = errors.Join(err, stored)
	}
	r.progress.Close()
	return r.conclude(ctx, s, to.bucket, all, append(errs, err))
}

// config is that of the library's Uploader.
func (r *run) config(who *signedIn, heard func(sealift.Event)) sealift.Config {
	c := who.at()
	c.AllowPlainHTTP, c.Proxy, c.Budget = r.upload.AllowPlainHTTP, http.ProxyFromEnvironment, r.upload.budget()
	c.KeepTrying, c.Run, c.Logger, c.OnEvent, c.Journal = r.upload.keepTrying(), r.id, r.log, heard, r.journal()
	return c
}

// sendAll sends every source, a few at once, and returns one error or nil for
// each.
func (r *run) sendAll(ctx context.Context, up *sealift.Uploader, bucket string, all sendings) []error {
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, one := range all {
		group.Go(func() error {
			errs[i] = r.send(ctx, up, bucket, one)
			return nil
		})
	}
	_ = group.Wait() // errors are in errs
	return errs
}

// send uploads one source and keeps its receipt.
func (r *run) send(ctx context.Context, up *sealift.Uploader, bucket string, one sending) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	upload := r.one
	if one.stream {
		upload = r.pour
	}
	got, err := upload(ctx, up, bucket, one)
	switch {
	case err == errKnown:
		return nil
	case r.upload.skips() && errors.Is(err, sealift.ErrExists):
		r.skip(bucket, one)
		return nil
	}
	err = r.abortKept(ctx, up, err)
	err = r.troubled(one.key, r.upload.advise(err))
	r.results.Lock()
	defer r.results.Unlock()
	if err != nil {
		r.sum.Failed++
		return err
	}
	r.sum.Stored++
	r.sum.Bytes += got.Object.Size
	r.receipts = append(r.receipts, got)
	return r.lost[got.Transfer]
}

// heard is told of everything that becomes of transfers, in order. What is
// stored is kept here: until this returns, the library can tell of it again if
// the process ends.
func (r *run) heard(e sealift.Event) {
	if e.Type == "stored" {
		r.results.Lock()
		if err := r.result(e.Receipt); err != nil {
			if r.lost == nil {
				r.lost = map[string]error{}
			}
			r.lost[e.Transfer] = err
		}
		r.results.Unlock()
	}
	r.event(e)
	r.noted(e)
}

// noted puts what is stored, and has its receipt printed, into the ledger: so
// far as that can be.
func (r *run) noted(e sealift.Event) {
	if e.Type == "stored" && r.ledger.path != "" {
		_ = r.ledger.keep(e.Receipt)
	}
}

// one opens a source and uploads it, unless it is known to be there.
func (r *run) one(ctx context.Context, up *sealift.Uploader, bucket string, one sending) (*receipt.Receipt, error) {
	f, _, err := open(one.path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	if known := r.known(bucket); known != nil {
		if info, err := f.Stat(); err == nil {
			if _, there := known(one.key, info.Size(), info.ModTime()); there {
				r.skipKnown(bucket, one)
				return nil, errKnown
			}
		}
	}
	object := r.upload.object(bucket, one.key)
	object.Preserve = r.upload.preserves()
	if object.ContentType == "" {
		object.ContentType = contentType(one.key, f)
	}
	return up.Upload(ctx, sealift.File(f), object)
}

// result keeps a receipt and prints what the run is for. Where a receipt
// cannot go where it should, it goes elsewhere, and the run fails.
func (r *run) result(got *receipt.Receipt) error {
	switch {
	case r.silent:
		return nil
	case r.shelf.stdout:
		return r.insteadOfPrinting(got, r.printReceipt(got))
	}
	path, err := r.shelf.keep(got)
	if err != nil {
		return r.insteadOfKeeping(got, err)
	}
	if !slices.Contains(r.kept, path) {
		r.kept = append(r.kept, path)
	}
	if r.json != nil {
		return nil
	}
	return stored(r.printResult(result(address(got.Object.Bucket, got.Object.Key), path)))
}

// insteadOfKeeping prints a receipt that could not be kept.
func (r *run) insteadOfKeeping(got *receipt.Receipt, err error) error {
	if printed := r.printReceipt(got); printed != nil {
		return r.showReceipt(got, fmt.Errorf("%w; %w", err, printed))
	}
	return err
}

// insteadOfPrinting keeps a receipt that could not be printed.
func (r *run) insteadOfPrinting(got *receipt.Receipt, err error) error {
	if err == nil {
		return nil
	}
	path, keep := r.shelf.keep(got)
	if keep != nil {
		return r.showReceipt(got, fmt.Errorf("%w; %w", err, keep))
	}
	r.kept = append(r.kept, path)
	return &advised{err, "the object is stored, and its receipt is in " + path}
}

// showReceipt is the last resort, when a receipt could neither be kept nor
// printed: standard error.
func (r *run) showReceipt(got *receipt.Receipt, err error) error {
	text, encode := got.Encode()
	if encode != nil {
		return errors.Join(err, encode)
	}
	fmt.Fprintf(r.Err, "sealift: receipt: %s\n", plain(text))
	return &advised{err, "the object is stored, and its receipt stands above, on standard error: keep that"}
}

// stored says of a result that could not be printed that it is one.
func stored(err error) error {
	if err == nil {
		return nil
	}
	return &advised{err, "the object is stored, and its receipt is kept where --receipt or --state-dir say"}
}

// printReceipt writes a receipt to standard output, where --json has not done
// so already.
func (r *run) printReceipt(got *receipt.Receipt) error {
	if r.json != nil {
		return r.json.failed()
	}
	text, err := got.Encode()
	if err != nil {
		return err
	}
	return r.printResult(string(plain(text)))
}

// conclude tells how each transfer that failed did, and returns the error that
// decides the exit code.
func (r *run) conclude(ctx context.Context, s *Streams, bucket string, all sendings, errs []error) error {
	open := false // something may be left in S3 of a transfer that was interrupted
	var unproven error
	kept := 0
	for i, one := range all {
		if errors.Is(errs[i], sealift.ErrResumable) {
			kept++
		}
		if errs[i] == nil || isEnd(errs[i]) {
			continue
		}
		open = open || stoppedEarly(errs[i])
		if errors.Is(errs[i], sealift.ErrUnknownOutcome) {
			unproven = errs[i]
		}
		if !errors.Is(errs[i], errReceipt) && !errors.Is(errs[i], errOutput) { // those are stored
			r.failure(one, r.upload.object(bucket, one.key), errs[i])
		}
		s.complain(r.upload.at(bucket, one, errs[i]))
	}
	if cause := context.Cause(ctx); stoppedEarly(cause) {
		begun := "what was begun has been aborted"
		if kept > 0 {
			begun = count(int64(kept), "upload") + " kept"
		}
		if open && kept == 0 {
			begun += ", but for what is said above"
		}
		s.Say("%v: %d of %d stored; %s", cause, r.sum.Stored, len(all), begun)
		if kept > 0 || len(all) > 1 {
			r.sayResume(s)
		}
		if unproven != nil {
			cause = unproven
		}
		return &saidError{r.stopped(cause, kept)}
	}
	err := r.unfinished(worst(errs[:len(all)]))
	if kept > 0 || errors.Is(err, sealift.ErrResumable) {
		r.sayResume(s)
	}
	if err != nil {
		return &saidError{err}
	}
	return errs[len(all)]
}

// summary is the last line of --json.
func (r *run) summary(err error) summary {
	s := conclude(r.id, err)
	s.Stored, s.Skipped, s.Passed, s.Failed, s.Unread, s.Bytes = r.sum.Stored, r.sum.Skipped, r.sum.PassedOver, r.sum.Failed, r.sum.Unreadable, r.sum.Bytes
	s.Receipts, s.Plan = append(s.Receipts, r.kept...), r.planned
	if r.sum.Manifest != nil {
		s.Manifest = address(r.sum.Manifest.Object.Bucket, r.sum.Manifest.Object.Key)
	}
	return s
}
