package sealift

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/sealift/sealift/internal/engine"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/receipt"
)

// An Uploader sends sources to S3. It is safe for concurrent use; all its
// transfers belong to one run.
type Uploader struct {
	config Config
	s3     *s3wire.Client
	reader *s3wire.Client // nil when nobody may look
	events *events
	left   left // journals to go on with

	mu     sync.Mutex
	closed bool
	under  sync.WaitGroup // uploads under way

	closing sync.Once
}

// New returns an Uploader. It opens no connection and asks for no credentials.
// A configuration that cannot work is ErrInvalid.
func New(c Config) (*Uploader, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	u := &Uploader{config: c, s3: c.client(c.Credentials), events: deliver(c.OnEvent)}
	if c.Reader != nil {
		u.reader = c.client(c.Reader)
	}
	return u, nil
}

// Run returns the ULID of the run, given or made.
func (u *Uploader) Run() string { return u.config.Run }

// Format names the run, whatever the verb: fmt would print the keys that
// providers hold.
func (u *Uploader) Format(f fmt.State, _ rune) { fmt.Fprint(f, "uploader of run ", u.config.Run) }

// Close waits for uploads under way and for their events to be delivered, and
// closes idle connections. An Uploader cannot be used after it.
func (u *Uploader) Close() error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.closing.Do(func() {
		u.under.Wait()
		u.events.close()
		if t, ok := u.config.Transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	})
	return nil
}

// Upload stores source as object and returns its receipt. When it returns,
// every event of the transfer has been delivered.
//
// An error that is not ErrUnknownOutcome or ErrIntegrity means that nothing
// was stored, and that what was begun has been aborted; the error says so where
// even that failed. When ctx ends, no more is sent, but what S3 may have acted on
// is seen through, within a minute: the result is a receipt if the object is
// stored, else an error that wraps context.Cause(ctx), and ErrUnknownOutcome
// too if nobody can tell.
//
// With IfExists "skip" or "changed", an object that is to stay is ErrExists
// too, and its event "skipped".
//
// Errors can be told apart with errors.Is and the sentinels of this package;
// what S3 said is in an *Error.
func (u *Uploader) Upload(ctx context.Context, source Source, object Object) (*receipt.Receipt, error) {
	if source.of == nil {
		return nil, fmt.Errorf("%w: no source", ErrInvalid)
	}
	if err := u.check(object); err != nil {
		return nil, err
	}
	if source.of.Flows() && object.IfExists == "changed" {
		return nil, fmt.Errorf("%w: whether a stream has changed cannot be told before it is read", ErrInvalid)
	}
	if err := u.begin(); err != nil {
		return nil, err
	}
	defer u.leave()
	r, _, err := u.upload(ctx, source, object)
	return r, err
}

// existing is what is known of an object that kept a transfer from being sent.
type existing struct {
	skip     bool // and that is as it should be
	size     int64
	checksum *receipt.Checksum // nil when nobody could look
}

// upload is Upload without its checks, and without waiting for events.
func (u *Uploader) upload(ctx context.Context, source Source, object Object) (*receipt.Receipt, existing, error) {
	given := object
	if info, err := source.of.Stat(); err == nil && object.Preserve {
		preserve(&object.Options, info.ModTime(), info.Mode())
	}
	t := u.transfer(source, object)
	if id, again := u.transferOf(t, object); id != t.ID {
		rename(t, id)
		t.Again = again
	}
	r, err := u.record(ctx, t, given)
	if r != nil {
		return r, existing{}, nil
	}
	if err != nil {
		return nil, existing{}, u.failed(t, err)
	}
	return u.carry(ctx, t, object)
}

// carry runs a transfer and makes its receipt.
func (u *Uploader) carry(ctx context.Context, transfer *engine.Transfer, object Object) (*receipt.Receipt, existing, error) {
	started := time.Now().UTC()
	if transfer.Journal != nil {
		started = transfer.Journal.State().Begin.Started
	}
	result, err := transfer.Run(ctx)
	if err == nil || errors.Is(err, engine.ErrStale) {
		r := u.receipt(transfer, result, object, started)
		u.stored(transfer, r)
		if err == nil {
			return r, existing{}, nil
		}
		return nil, existing{}, meaningOf(transfer.ID, err)
	}
	if errors.Is(err, engine.ErrKept) {
		u.left.add(object.Bucket, object.Key, transfer.ID)
	}
	err = meaningOf(transfer.ID, err)
	event := failure(transfer, err)
	there := existing{skip: object.skips() && errors.Is(err, ErrExists)}
	if there.skip {
		event.Type, event.Sent, event.Acknowledged = "skipped", 0, 0
		if found, seen := transfer.Existing(); seen {
			there.size = found.Size
			if found.Checksum != "" {
				c := checksum(found.Stored, strings.Contains(found.Checksum, "-"))
				there.checksum = &c
			}
		}
	}
	u.report(transfer, event)
	return nil, there, err
}

// stored tells of an object that is stored, and then lets its journal go.
func (u *Uploader) stored(t *engine.Transfer, r *receipt.Receipt) {
	event := u.dress(t, Event{Type: "stored", Size: r.Source.Size, Receipt: r})
	u.log(event)
	if t.Journal == nil {
		u.events.send(event)
		return
	}
	u.completed(t, r)
	j := t.Journal
	u.events.sendThen(event, func() { u.remove(j) })
}

// begin counts something that Close waits for.
func (u *Uploader) begin() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return fmt.Errorf("%w: the uploader is closed", ErrInvalid)
	}
	u.under.Add(1)
	return nil
}

// check refuses what neither S3 nor this server takes.
func (u *Uploader) check(o Object) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := u.s3.CheckBucket(context.Background(), o.Bucket); err != nil {
		return &meant{ErrInvalid, err}
	}
	if u.config.Endpoint == "" {
		if err := o.checkStorageClass(); err != nil {
			return &meant{ErrInvalid, err}
		}
	}
	return nil
}

func (u *Uploader) transfer(source Source, object Object) *engine.Transfer {
	return u.transferAs(ulid.Make().String(), source, object)
}

func (u *Uploader) transferAs(id string, source Source, object Object) *engine.Transfer {
	metadata := maps.Clone(object.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	metadata[transferMetadata] = id
	t := &engine.Transfer{
		ID: id, Source: source.of,
		Object:   object.wire(metadata),
		PartSize: object.PartSize, Overwrite: object.IfExists == "overwrite" || object.IfExists == "changed",
		Hash: map[string]engine.Hash{"sha256": engine.Beside, "strict": engine.After}[object.SourceHash],
		S3:   u.s3, Reader: u.reader, Budget: u.config.Budget.of,
		KeepTrying: u.config.KeepTrying, Logger: u.config.Logger,
	}
	if object.IfExists == "changed" {
		t.Same = same
	}
	t.Report = func(s engine.Step) { u.report(t, eventOf(s)) }
	return t
}

// same reports whether an object is what a source would become, as far as its
// size and its metadata say.
func same(found s3wire.Found, print source.Fingerprint) bool {
	return found.Size == print.Size && isTime(found.Meta(timeMetadata), time.Unix(0, print.Modified))
}

// report sends an event on its way, with what all events of t have.
func (u *Uploader) report(t *engine.Transfer, e Event) {
	e = u.dress(t, e)
	u.log(e)
	u.events.send(e)
}

func (u *Uploader) dress(t *engine.Transfer, e Event) Event {
	e.Time, e.Run, e.Transfer = time.Now().UTC(), u.config.Run, t.ID
	e.Bucket, e.Key, e.Source = t.Object.Bucket, t.Object.Key, t.Source.Name()
	return e
}

// log tells what marks the life of a transfer.
func (u *Uploader) log(e Event) {
	message, tells := map[string]string{"started": "transfer started", "waiting": "transfer waits for S3",
		"stored": "transfer stored", "skipped": "transfer skipped", "failed": "transfer failed"}[e.Type]
	if !tells || !u.config.Logger.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	facts := []slog.Attr{slog.String("run", e.Run), slog.String("transfer", e.Transfer), slog.String("bucket", e.Bucket), slog.String("key", e.Key)}
	if e.Type != "waiting" && e.Size >= 0 {
		facts = append(facts, slog.Int64("bytes", e.Size))
	}
	if e.RequestID != "" {
		facts = append(facts, slog.String("request_id", e.RequestID))
	}
	if e.Err != nil {
		facts = append(facts, slog.Any("err", e.Err))
	}
	u.config.Logger.LogAttrs(context.Background(), slog.LevelInfo, message, facts...)
}

func eventOf(s engine.Step) Event {
	return Event{Type: s.Type, Size: s.Size, Parts: s.Parts, Stored: s.Stored, Resumable: s.Resumable, Sent: s.Sent, Acknowledged: s.Acknowledged,
		Operation: string(s.Operation), Part: s.Part, Attempt: s.Attempt, Wait: s.Wait, RequestID: s.RequestID, Err: s.Err}
}
