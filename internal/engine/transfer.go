// Package engine sends one source to one object and does not say "stored"
// unless S3 has said so with the right sum.
//
// Decide, a pure function, is all that knows what to do after an answer; the
// rest carries it out. A Transfer sends what it must within the Budget it
// is given, aborts what it cannot complete, and tells what it does as Steps. The
// package may import journal, plan, source, s3wire and sum; it knows no session,
// no receipt, and of files only the journal that it is given.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/internal/sum"
)

// Errors that Run returns, beside source.ErrChanged, plan's, and *RequestError.
var (
	ErrExists    = errors.New("the key holds an object already")
	ErrUnknown   = errors.New("it cannot be proven whether the object was stored")
	ErrIntegrity = errors.New("S3 and the source disagree about the bytes")
)

// A RequestError is a request that came to nothing.
type RequestError struct {
	Op    s3wire.Operation
	Part  int // from 1; 0 for what is not about one part
	Class s3wire.Class
	Err   error // mostly an *s3wire.Error
}

func (e *RequestError) Error() string { return e.Err.Error() }

// Unwrap returns what the wire said.
func (e *RequestError) Unwrap() error { return e.Err }

// classOf is the class of the answer that a request ended with; of an end that
// the caller made, Cancelled.
func classOf(err error) s3wire.Class {
	if r, ok := errors.AsType[*RequestError](err); ok {
		return r.Class
	}
	return s3wire.Cancelled
}

// A Hash says how a source is read a second time.
type Hash int

// NoHash does not; Beside does while the parts are sent; After does when the
// last part has been read.
const (
	NoHash Hash = iota
	Beside
	After
)

// TransferMetadata is the metadata under which an object keeps its transfer.
const TransferMetadata = "sealift-transfer"

// A Transfer is one source going to one object. Fill the exported fields, call
// Run once.
type Transfer struct {
	ID         string // ULID; also in Object.Metadata
	Source     *source.Source
	Object     s3wire.Object
	PartSize   int64 // bytes; 0 chooses
	Overwrite  bool
	Same       func(s3wire.Found, source.Fingerprint) bool // with Overwrite: what the key may hold that is ErrExists all the same; nil = nothing
	Hash       Hash
	S3         *s3wire.Client
	Reader     *s3wire.Client // nil when nobody may look
	Budget     *Budget
	KeepTrying time.Duration
	Logger     *slog.Logger
	Report     func(Step) // called from many goroutines
	Again      bool       // an earlier process may have sent it by one PutObject, as the transfer of this ID, and not have heard the answer

	// Journal is where an upload in parts is recorded: one that is there is gone
	// on with. Where it is nil, NewJournal makes one, unless that is nil too. When
	// Run fails the journal is closed, or removed where it has nothing to tell;
	// after a success it is the caller's, who removes it when the Result is safe.
	Journal    *journal.Journal
	NewJournal func(source.Fingerprint, plan.Plan) (*journal.Journal, error)

	plan     plan.Plan
	print    source.Fingerprint
	witness  *source.Witness // of the present upload; nil but with Beside
	progress progress
	ledger   ledger
	only     partial       // the parts that are this transfer's to send
	loose    atomic.Bool   // a part that was sent whole may yet land
	existing *s3wire.Found // by the reader, where it is ErrExists
	from     resumption    // what an earlier process left
	dead     atomic.Bool   // the journal cannot be written any more

	mu    sync.Mutex
	parts map[int]s3wire.Part // those that S3 has, of the present upload
}

// A Result is what Run knows of an object that is stored.
type Result struct {
	Stored   s3wire.Stored // its Checksum "" where an ETag, or a look alone, had to do
	Plan     plan.Plan
	UploadID string // "" for a single PutObject
	Sum      sum.CRC
	SHA256   string          // hex; "" with NoHash
	Modified *time.Time      // of the source; nil when it has no such time
	Requests []s3wire.Answer // those that made the object, in order, and the look that proved it if one had to
	Signer   string          // access key id that signed the last of them that was not a look
	Spans    []Span
	Sent     int64 // body bytes
	Retries  int
}

// Run sends the source. When it returns an error that is not ErrUnknown, the
// object was not stored by it; when ctx ends, it returns context.Cause(ctx)
// after it has aborted what it began.
func (t *Transfer) Run(ctx context.Context) (Result, error) {
	send, err := t.prepare(ctx)
	if err == nil {
		err = t.admit(ctx)
	}
	if err != nil {
		return Result{}, t.notBegun(ctx, err)
	}
	defer t.progress.tell(t.Report, t.Source.Flows() || !t.plan.Single())()
	r, err := send(ctx)
	if err != nil {
		return Result{}, t.noteRefusal(err)
	}
	r.Plan, r.Modified = t.plan, t.Source.Modified(t.print)
	r.Spans, r.Sent, r.Retries = t.ledger.spans(), t.progress.total(), t.ledger.retries()
	return r, nil
}

// admit looks whether there is a point in sending anything.
func (t *Transfer) admit(ctx context.Context) error {
	if t.plan.Single() || t.Source.Flows() {
		t.started()
	}
	if t.Object.Kind.Told() && t.S3.Unsummed(t.Object.Kind) {
		return t.noChecksum(nil)
	}
	if err := t.refuseExisting(ctx); err != nil {
		return err
	}
	if t.plan.Single() && t.Journal != nil { // the source was larger once
		t.tell(s3wire.PutObject, fmt.Errorf("the upload begins again: %w: it had %d bytes and has %d", errDiffers, t.Journal.State().Begin.Source.Size, t.print.Size))
		return t.MakeRoom(ctx)
	}
	return nil
}

// started tells that the transfer begins, and from where.
func (t *Transfer) started() {
	step := t.progress.step()
	t.Report(Step{Type: Started, Size: step.Size, Acknowledged: step.Acknowledged, Parts: t.plan.Parts, Stored: len(t.from.taken), Resumable: t.resumable()})
}

// prepare looks at the source, plans what can be planned, and says how it is
// sent.
func (t *Transfer) prepare(ctx context.Context) (send func(context.Context) (Result, error), err error) {
	if t.Source.Flows() {
		s, err := t.streaming()
		if err != nil {
			return nil, err
		}
		return s.run, nil
	}
	if t.print, err = t.Source.Settle(ctx); err != nil {
		return nil, err
	}
	if t.Journal != nil && t.Journal.State().Begin.Source.Size == t.print.Size {
		t.PartSize = t.Journal.State().Begin.PartSize
	}
	if t.plan, err = plan.For(t.print.Size, t.PartSize); err != nil {
		return nil, err
	}
	t.progress.size = t.plan.Size
	if t.plan.Single() {
		return t.single, nil
	}
	return t.multipart, nil
}

// Size is that of the source, in bytes: 0 until Run knows it, UnknownSize while
// a stream has not ended.
func (t *Transfer) Size() int64 { return t.progress.step().Size }

// Existing is the object that made Run return ErrExists, if it was seen.
func (t *Transfer) Existing() (s3wire.Found, bool) {
	if t.existing == nil {
		return s3wire.Found{}, false
	}
	return *t.existing, true
}

// Moved is how many bytes went to the network that may still count, and how
// many of them S3 has confirmed.
func (t *Transfer) Moved() (sent, acknowledged int64) {
	now := t.progress.step()
	return now.Sent, now.Acknowledged
}

// refuseExisting looks whether the key is taken, where somebody may look. What
// cannot be seen is left to S3, which refuses at the end.
func (t *Transfer) refuseExisting(ctx context.Context) error {
	if t.Overwrite && t.Same == nil || t.Reader == nil {
		return nil
	}
	found, err := t.head(ctx)
	switch {
	case err == nil && found.Meta(TransferMetadata) == t.ID && (t.Journal != nil || t.Again && !t.Overwrite):
		return nil // an earlier process may have stored it: that is found out by its sum
	case err == nil && t.Overwrite && !t.Same(found, t.print):
		return nil
	case err == nil:
		t.existing = &found
		return ErrExists
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s3wire.Classify(err) != s3wire.NoObject:
		t.Logger.Info("could not look whether the object exists", "bucket", t.Object.Bucket, "key", t.Object.Key, "err", err)
		step := t.progress.step()
		step.Operation, step.RequestID, step.Err = s3wire.HeadObject, answerOf(found.Answer, err).RequestID, err
		t.Report(step)
	}
	return nil
}

// Taken reports whether the key is known to hold an object that would make Run
// return ErrExists: false where nobody may look.
func (t *Transfer) Taken(ctx context.Context) bool {
	if t.Overwrite || t.Reader == nil {
		return false
	}
	_, err := t.head(ctx)
	return err == nil
}

// testimony waits for the second read and returns its SHA-256. A read that
// found other bytes than were sent is source.ErrChanged.
func (t *Transfer) testimony(ctx context.Context, sent sum.CRC) (string, error) {
	if t.Hash == NoHash {
		return "", nil
	}
	witness := t.witness
	if witness == nil {
		witness = t.Source.Watch(ctx, t.plan.Size)
	}
	read, sha, err := witness.Testimony()
	if err != nil {
		return "", err
	}
	if read != sent {
		return "", fmt.Errorf("%w: it was read twice, with CRC64NVME %s and %s", source.ErrChanged, sent, read)
	}
	return sha, nil
}

// reconfirm is called when the source's fingerprint has changed. It sums again
// what has been sent from the source as it is now: if that is the same bytes,
// only the inode was touched, and the transfer goes on with the fingerprint of
// today. Otherwise it is source.ErrChanged.
func (t *Transfer) reconfirm(ctx context.Context, changed error, sent map[int]sum.CRC) error {
	print, err := t.Source.Settle(ctx)
	if err != nil {
		return err
	}
	if print.Size != t.plan.Size {
		return changed
	}
	for number, want := range sent {
		got, err := t.sum(ctx, t.part(number))
		if err != nil {
			return err
		}
		if got.CRC != want {
			return changed
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if err := t.Source.Unchanged(print); err != nil {
		return err
	}
	t.Logger.Info("the source was touched but holds the same bytes", "transfer", t.ID)
	t.print = print
	return nil
}

// maxTouches is how often a source may be touched before it is called changed.
const maxTouches = 10

// sum reads a part and sums it, if it has not been.
func (t *Transfer) sum(ctx context.Context, p part) (sum.Sums, error) {
	if p.sums != nil {
		return *p.sums, nil
	}
	buf := t.Budget.buffer()
	defer t.Budget.putBack(buf)
	return p.of.Sum(ctx, p.at, p.size, buf[:], t.Object.Kind)
}

// answerGrace is how long the answer to a request that has gone out whole is
// waited for after the caller has given up.
const answerGrace = 10 * time.Second

// untilAnswered is a context for one attempt to send b. If ctx ends when all of
// b has gone out, S3 may act on it, and the answer is waited for. If it ends
// before that, no more of b goes out: what S3 never had whole, it cannot store.
// Nor is anything waited for that has no body and no connection yet.
func untilAnswered(ctx context.Context, b *s3wire.Body) (context.Context, context.CancelFunc) {
	g := &gate{Reader: b.Reader, left: b.Size}
	if b.Reader != nil {
		b.Reader = g
	}
	empty, way := b.Size == 0, new(s3wire.Way)
	return detached(s3wire.WithWay(ctx, way), func() time.Duration {
		if g.shut(context.Cause(ctx)) || empty && !way.Out() {
			return 0
		}
		return answerGrace
	})
}

// A gate hands on what it reads until it is shut. Whether it was shut before the
// last byte had passed is settled once, whoever reads meanwhile.
type gate struct {
	io.Reader
	mu   sync.Mutex
	left int64 // bytes that have not passed
	why  error // it was shut; nil while it is open
}

func (g *gate) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why != nil {
		return 0, g.why
	}
	g.left -= int64(n)
	return n, err
}

// shut lets nothing more through. It reports false, and does nothing, when all
// has passed.
func (g *gate) shut(why error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left > 0 {
		g.why = why
	}
	return g.left > 0
}

// detached is a context that outlives ctx by as long as grace says when ctx
// ends: for requests that must not be left half done.
func detached(ctx context.Context, grace func() time.Duration) (context.Context, context.CancelFunc) {
	free, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace(), func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(free, func() { timer.Stop() })
	})
	return free, func() { stop(); cancel(nil) }
}
