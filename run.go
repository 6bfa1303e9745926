package sealift

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealift/sealift/internal/engine"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
	"github.com/sealift/sealift/internal/walk"
	"github.com/sealift/sealift/receipt"
)

// ahead is how many files may be found before their turn comes.
const ahead = 2048

// largeAtOnce is how many files of several parts are sent at the same time:
// their parts fill the budget, and a disk that reads few files reads faster.
const largeAtOnce = 4

// A Run is a tree on its way. Its Wait must be called.
type Run struct {
	ID string // ULID, that of its Uploader

	up    *Uploader
	tree  Tree
	done  chan struct{}
	stop  context.CancelCauseFunc
	large chan struct{} // holds one for each large file under way

	found struct {
		files, bytes atomic.Int64
		all          atomic.Bool
	}
	denied     atomic.Int64 // transfers
	lastStored atomic.Int64 // when, in nanoseconds since 1970

	mu       sync.Mutex // guards what follows
	sum      Summary
	failure  error // the one that weighs most
	unread   error // the first
	ended    error // what ended the walk
	manifest *manifest
}

// A Summary counts what became of the files of a tree.
type Summary struct {
	Stored     int64 // files
	Skipped    int64 // not sent, since the key held an object or was known to
	PassedOver int64 // links, FIFOs, sockets, devices, and what Tree.Skip names
	Failed     int64 // not stored, or not known to be
	Unreadable int64 // could not be read, or cannot be named as a key
	Bytes      int64 // of what was stored

	Manifest *receipt.Receipt // of the manifest; nil when none was written
}

// Start begins to send a tree, and returns when all has been checked that can
// be before anything is sent; what cannot work is ErrInvalid. Files are found
// while others are sent, and share the Budget; neither memory nor open files
// grow with their number. One bad file stops no other.
//
// What becomes of each file is told as an Event: "stored", "skipped" or
// "failed". When ctx ends no more are begun, and those under way end as Upload
// says.
func (u *Uploader) Start(ctx context.Context, t Tree) (*Run, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if err := u.check(t.object("x")); err != nil {
		return nil, err
	}
	if err := u.begin(); err != nil {
		return nil, err
	}
	r := &Run{ID: u.config.Run, up: u, tree: t, done: make(chan struct{}), large: make(chan struct{}, largeAtOnce)}
	if t.Manifest != "" {
		var err error
		if r.manifest, err = newManifest(u.config.Run, t); err != nil {
			u.under.Done()
			return nil, err
		}
	}
	ctx, r.stop = context.WithCancelCause(ctx)
	go r.do(ctx)
	return r, nil
}

// Wait returns when all has been sent and every event delivered. The error is
// nil only if every file was stored or skipped, and the manifest, if there is
// to be one, written. It wraps what ended the run early, else the failure that
// weighs most, else ErrUnreadable.
func (r *Run) Wait() (Summary, error) {
	<-r.done
	return r.sum, r.failure
}

// Found returns how many files have been found so far to be sent, of how many
// bytes, and whether those are all.
func (r *Run) Found() (files, bytes int64, all bool) {
	return r.found.files.Load(), r.found.bytes.Load(), r.found.all.Load()
}

// do walks and sends until there is nothing left.
func (r *Run) do(ctx context.Context) {
	defer close(r.done)
	defer r.up.under.Done()
	defer r.up.events.flush()
	defer r.stop(nil)
	if err := r.manifestTaken(ctx); err != nil {
		r.end(err)
		r.conclude(ctx)
		return
	}
	files := make(chan walk.Entry, ahead)
	var group sync.WaitGroup
	group.Go(func() { r.walk(ctx, files) })
	for range r.up.config.Budget.of.Most() {
		group.Go(func() {
			for e := range files {
				if ctx.Err() == nil {
					r.send(ctx, e)
				}
			}
		})
	}
	group.Wait()
	r.conclude(ctx)
}

// manifestTaken looks whether the manifest's key is taken, where somebody may
// look: no file is to be sent for a manifest that cannot be written.
func (r *Run) manifestTaken(ctx context.Context) error {
	if r.manifest == nil {
		return nil
	}
	object := r.tree.manifestObject()
	if r.up.transfer(File(r.manifest.file), object).Taken(ctx) {
		return fmt.Errorf("write manifest %s: %w", object.Key, &meant{ErrExists, engine.ErrExists})
	}
	return nil
}

// walk finds the files, and puts those to be sent into the channel.
func (r *Run) walk(ctx context.Context, files chan<- walk.Entry) {
	defer close(files)
	for e, err := range r.tree.walk().Walk(ctx) {
		switch {
		case err != nil:
			r.end(err)
			return
		case e.Kind == walk.Fault && errors.Is(e.Err, walk.ErrKind):
			r.passOver(e, e.Err)
		case e.Kind == walk.Fault:
			r.unreadable(e, e.Err)
		case e.Kind == walk.Link:
			r.passOver(e, errLink)
		case e.Kind == walk.Skipped:
			r.passOver(e, walk.ErrSkipped)
		case r.tree.object(e.Name).Key == r.tree.Manifest:
			r.unreadable(e, errManifest)
		case r.known(e):
		default:
			r.found.files.Add(1)
			r.found.bytes.Add(e.Info.Size())
			select {
			case files <- e:
			case <-ctx.Done():
				return
			}
		}
	}
	r.found.all.Store(ctx.Err() == nil)
}

// errLink says why a link is not sent.
var errLink = errors.New("a link, which is not followed")

// errManifest says why a file under the manifest's key is not sent.
var errManifest = fmt.Errorf("%w: the manifest has this key", walk.ErrClash)

// known skips a file that is known to be stored as it is.
func (r *Run) known(e walk.Entry) bool {
	if r.tree.Known == nil {
		return false
	}
	o, known := r.tree.Known(r.tree.Prefix+e.Name, e.Info.Size(), e.Info.ModTime())
	if !known {
		return false
	}
	r.report(e, Event{Type: "skipped", Size: e.Info.Size(), Err: ErrExists})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Skipped++
	r.list(r.tree.Prefix+e.Name, o.Size, &o.Checksum, nil)
	return true
}

// send uploads one file.
func (r *Run) send(ctx context.Context, e walk.Entry) {
	if p, err := plan.For(e.Info.Size(), r.tree.Options.PartSize); err == nil && !p.Single() {
		select {
		case r.large <- struct{}{}:
			defer func() { <-r.large }()
		case <-ctx.Done():
			return
		}
	}
	f, err := e.Open()
	if err != nil {
		r.unreadable(e, err)
		return
	}
	defer f.Close() // read only
	object := r.tree.object(e.Name)
	if r.tree.Prepare != nil {
		r.tree.Prepare(f, &object.Options)
	}
	if err := object.Check(); err != nil {
		r.unreadable(e, err)
		return
	}
	began := time.Now()
	stored, existing, err := r.up.upload(ctx, File(f), object)
	switch {
	case err == nil:
		r.store(stored)
	case existing.skip:
		r.skip(object.Key, existing)
	default:
		r.fail(ctx, object.Key, err, began)
	}
}

func (r *Run) store(s *receipt.Receipt) {
	r.lastStored.Store(time.Now().UnixNano())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Stored++
	r.sum.Bytes += s.Object.Size
	checksum := s.Object.Checksum
	if checksum == (receipt.Checksum{}) { // the server keeps none; the source's is known
		checksum = receipt.Checksum{Algorithm: string(sum.CRC64NVME), Type: "FULL_OBJECT", Value: s.Source.CRC64NVME}
	}
	r.list(s.Object.Key, s.Object.Size, &checksum, s.Source.SHA256)
}

// skip counts a file whose key holds an object already.
func (r *Run) skip(key string, there existing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Skipped++
	r.list(key, there.size, there.checksum, nil)
}

// fail counts a transfer that came to nothing. Errors of reading are the
// source's.
func (r *Run) fail(ctx context.Context, key string, err error, began time.Time) {
	if ctx.Err() == nil && r.hopeless(err, began) {
		r.end(fmt.Errorf("upload to s3://%s/%s: %w", r.tree.Bucket, key, err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(err, ErrUnreadable) {
		r.sum.Unreadable++
		r.unread = first(r.unread, err)
		return
	}
	r.sum.Failed++
	if r.failure == nil || weight(err) > weight(r.failure) {
		r.failure = err
	}
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// weight ranks failures.
func weight(err error) int {
	switch {
	case errors.Is(err, ErrUnknownOutcome), errors.Is(err, ErrIntegrity), errors.Is(err, ErrSourceChanged):
		return 3
	case errors.Is(err, ErrDenied), errors.Is(err, ErrSessionExpired):
		return 2
	}
	return 1
}

// manyDenied is how many transfers are denied before it is clear that all
// would be, where none was stored.
const manyDenied = 16

// hopeless reports whether no other file can fare better than one that ended
// with err and was begun at that time.
func (r *Run) hopeless(err error, began time.Time) bool {
	if e, ok := errors.AsType[*Error](err); ok && slices.Contains([]string{"NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed",
		"IllegalLocationConstraintException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InsufficientStorage"}, e.Code) {
		return true
	}
	if errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrNoChecksum) {
		return true
	}
	class := s3wire.OK
	if e, ok := errors.AsType[*engine.RequestError](err); ok {
		class = e.Class
	}
	switch class {
	case s3wire.NoCredentials, s3wire.Unready:
		return true
	case s3wire.Network, s3wire.Server, s3wire.Busy: // given up after KeepTrying
		return r.lastStored.Load() < began.UnixNano()
	case s3wire.Denied:
		return r.denied.Add(1) >= manyDenied && r.lastStored.Load() == 0
	}
	return false
}

// end stops the run for a reason that is its own.
func (r *Run) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = first(r.ended, err)
	r.stop(r.ended)
}

// passOver tells of what is not sent by its kind.
func (r *Run) passOver(e walk.Entry, why error) {
	r.report(e, Event{Type: "skipped", Size: sizeOf(e), Err: why})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.PassedOver++
}

// unreadable tells of what cannot be sent.
func (r *Run) unreadable(e walk.Entry, err error) {
	if p, ok := err.(*fs.PathError); ok {
		err = p.Err // the event names the path
	}
	err = &meant{ErrUnreadable, err}
	r.report(e, Event{Type: "failed", Size: sizeOf(e), Err: err})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Unreadable++
	r.unread = first(r.unread, fmt.Errorf("%s: %w", e.Path, err))
}

func sizeOf(e walk.Entry) int64 {
	if e.Info == nil || !e.Info.Mode().IsRegular() {
		return 0
	}
	return e.Info.Size()
}

// report tells of a file that no transfer was begun for.
func (r *Run) report(e walk.Entry, event Event) {
	event.Time, event.Run, event.Bucket, event.Source = time.Now().UTC(), r.ID, r.tree.Bucket, e.Path
	if e.Name != "" {
		event.Key = r.tree.Prefix + e.Name
	}
	r.up.events.send(event)
}

// list puts an object into the manifest. One whose sum is not known makes it
// impossible.
func (r *Run) list(key string, size int64, checksum *receipt.Checksum, sha256 *string) {
	if r.manifest != nil {
		r.manifest.add(key, size, checksum, sha256)
	}
}

// conclude writes the manifest, and makes one error of all.
func (r *Run) conclude(ctx context.Context) {
	if r.ended == nil && ctx.Err() != nil {
		r.ended = context.Cause(ctx)
	}
	files := r.sum.Stored + r.sum.Skipped + r.sum.Failed + r.sum.Unreadable
	switch {
	case r.ended != nil:
		r.failure = r.ended
	case r.sum.Failed > 0:
		r.failure = fmt.Errorf("%d of %d files failed: %w", r.sum.Failed, files, r.failure)
	case r.sum.Unreadable > 0:
		r.failure = fmt.Errorf("%d of %d files could not be read: %w", r.sum.Unreadable, files, r.unread)
	}
	if r.manifest == nil {
		return
	}
	defer r.manifest.close()
	if r.failure == nil {
		r.sum.Manifest, r.failure = r.manifest.upload(ctx, r.up, r.tree.manifestObject())
	}
}
