package sealift

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/engine"
	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/source"
	"github.com/sealift/sealift/receipt"
)

// A Journal is a folder in which uploads in parts of files are recorded, so that
// a later process can go on where one stopped: after kill -9 and a loss of
// power too (docs/format/journal.md). What is small enough for one PutObject is
// begun again instead, and a stream cannot be.
//
// Upload goes on by itself with what it finds recorded of the same file, object
// and options, and then keeps the transfer's ULID. A transfer that another
// process is at is an error that names the process. The folder holds no
// credential; it is made for this user alone.
type Journal struct {
	Folder string

	// Required makes an upload fail that cannot be recorded, for want of space
	// or rights. Else it goes on, and its event "started" is not Resumable.
	Required bool

	// Again says that an earlier process of Config.Run may have sent sources
	// before it stopped. Where a key is then found taken for one that goes by one
	// PutObject, that may be its doing: the Reader tells, and without one it is
	// ErrUnknownOutcome.
	Again bool
}

// left are the journals of transfers that stopped, by object, as far as they are
// known: those that were there when it was first asked, and those of this
// Uploader since.
type left struct {
	once sync.Once
	err  error

	mu  sync.Mutex
	ids map[[2]string][]string // of transfers, by bucket and key
}

func (l *left) add(bucket, key, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		l.ids = map[[2]string][]string{}
	}
	at := [2]string{bucket, key}
	l.ids[at] = append(l.ids[at], id)
}

// take forgets those of an object and returns them.
func (l *left) take(bucket, key string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := [2]string{bucket, key}
	ids := l.ids[at]
	delete(l.ids, at)
	return ids
}

// scan finds the journals that there are, once.
func (l *left) scan(folder string) error {
	l.once.Do(func() {
		journal.Tidy(durable.System{}, folder)
		var found []journal.Entry
		if found, _, l.err = journal.Scan(durable.System{}, folder); l.err != nil {
			return
		}
		for _, e := range found {
			if e.State.Begin.Bucket != "" {
				l.add(e.State.Begin.Bucket, e.State.Begin.Key, e.Transfer)
			}
		}
	})
	return l.err
}

// record joins t to the journal of an earlier transfer of the same file, object
// and options, where there is one, else makes it begin its own. What was stored
// already, and only its receipt not handed out, is a receipt.
func (u *Uploader) record(ctx context.Context, t *engine.Transfer, o Object) (*receipt.Receipt, error) {
	if u.config.Journal == nil || t.Source.Flows() {
		return nil, nil
	}
	begin, err := u.beginning(t, o)
	if err != nil {
		return nil, err
	}
	t.NewJournal = func(print source.Fingerprint, plan plan.Plan) (*journal.Journal, error) {
		begin.Transfer, begin.Started = t.ID, time.Now().UTC()
		begin.Source.Fingerprint, begin.PartSize = journal.Fingerprint(print), plan.PartSize
		begin.Session = u.sessionName(ctx)
		j, err := journal.Create(durable.System{}, u.config.Journal.Folder, begin)
		if err != nil && !u.config.Journal.Required {
			t.Logger.Warn("the upload is not recorded, and cannot be resumed", "transfer", t.ID, "err", err)
			u.report(t, Event{Type: "progress", Size: print.Size, Err: fmt.Errorf("the upload cannot be resumed: %w", err)})
			return nil, nil
		}
		return j, err
	}
	if begin.Source.Path == "" {
		return nil, nil // only Resume can tell that it is the same
	}
	if err := u.left.scan(u.config.Journal.Folder); err != nil && u.config.Journal.Required {
		return nil, err
	}
	for _, id := range u.left.take(o.Bucket, o.Key) {
		r, err := u.join(ctx, t, o, id, begin)
		if r != nil || err != nil || t.Journal != nil {
			return r, err
		}
	}
	return nil, nil
}

// join makes t go on with the journal of that transfer if it is of what begin
// says. One of the same file with other options is of no use any more.
func (u *Uploader) join(ctx context.Context, t *engine.Transfer, o Object, id string, begin journal.Begin) (*receipt.Receipt, error) {
	j, err := journal.Open(durable.System{}, u.config.Journal.Folder, id)
	if _, held := errors.AsType[*journal.HeldError](err); held {
		return nil, fmt.Errorf("the object is being uploaded already: %w", err)
	}
	if err != nil {
		t.Logger.Warn("a journal cannot be gone on with", "transfer", id, "err", err)
		u.report(t, Event{Type: "progress", Err: fmt.Errorf("an earlier upload cannot be gone on with, and may be open in S3: %w", err)})
		return nil, nil
	}
	s := j.State()
	if s.Begin.Source.Path != begin.Source.Path || s.Begin.Endpoint != begin.Endpoint {
		return nil, j.Close() // of something else
	}
	if s.Phase == journal.PhaseCompleted {
		return u.handOut(ctx, t, j, s)
	}
	if s.Begin.Options != begin.Options {
		old := u.transferAs(id, Source{t.Source}, o)
		old.Journal = j
		old.Report = t.Report
		t.Logger.Warn("an earlier upload of the same file had other options, and is given up", "transfer", id)
		u.report(t, Event{Type: "progress", Err: fmt.Errorf("the upload begins again: transfer %s of the same file had other options", id)})
		return nil, old.MakeRoom(ctx)
	}
	rename(t, id)
	t.Journal = j
	return nil, nil
}

// handOut returns the receipt of a transfer that was stored by a process that
// did not live to tell. If the file has other bytes by now, the receipt goes to
// OnEvent alone, and the transfer is to be begun.
func (u *Uploader) handOut(ctx context.Context, t *engine.Transfer, j *journal.Journal, s journal.State) (*receipt.Receipt, error) {
	r, err := receipt.Read(strings.NewReader(string(s.Object.Receipt)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the journal of transfer %s says that it is stored, and its receipt cannot be read: %w", s.Begin.Transfer, err), j.Close())
	}
	print, err := t.Source.Settle(ctx)
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	event := Event{Type: "stored", Time: time.Now().UTC(), Run: u.config.Run, Transfer: r.Transfer, Bucket: r.Object.Bucket, Key: r.Object.Key,
		Source: r.Source.Path, Size: r.Source.Size, Receipt: r}
	u.log(event)
	u.events.sendThen(event, func() { u.remove(j) })
	if journal.Fingerprint(print) != s.Source {
		return nil, nil
	}
	return r, nil
}

// rename makes t the transfer with that id.
func rename(t *engine.Transfer, id string) {
	t.ID = id
	t.Object.Metadata[transferMetadata] = id // the map is this transfer's own
}

// transferOf is the ULID of the transfer of a source to an object. What goes by
// one PutObject stands in no journal: so that the next process of the run knows
// its own object again, it has the same ULID there.
func (u *Uploader) transferOf(t *engine.Transfer, o Object) (id string, again bool) {
	run, err := ulid.ParseStrict(u.config.Run)
	info, unstated := t.Source.Stat()
	if u.config.Journal == nil || err != nil || unstated != nil || t.Source.Flows() {
		return t.ID, false
	}
	if p, err := plan.For(info.Size(), o.PartSize); err != nil || !p.Single() {
		return t.ID, false
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d\x00%d", run, o.Bucket, o.Key, info.Size(), info.ModTime().UnixNano()))
	copy(run[6:], sum[:]) // behind the time
	return run.String(), u.config.Journal.Again
}

// remove deletes the journal of a transfer that is over.
func (u *Uploader) remove(j *journal.Journal) {
	if err := j.Remove(); err != nil {
		u.config.Logger.Warn("a journal is left, of a transfer that is over", "path", j.Path(), "err", err)
	}
}

// beginning is what the journal of t begins with, but for what Run finds out.
func (u *Uploader) beginning(t *engine.Transfer, o Object) (journal.Begin, error) {
	described := o.Options
	described.PartSize, described.SourceHash, described.IfExists = 0, "", ""
	digest, err := digestOf(described)
	if err != nil {
		return journal.Begin{}, err
	}
	text, err := json.Marshal(o.Options)
	if err != nil {
		return journal.Begin{}, err
	}
	b := journal.Begin{Run: u.config.Run, Bucket: o.Bucket, Key: o.Key, Endpoint: u.config.Endpoint, Region: u.config.Region,
		Options: digest, Object: journal.JSON(text), Checksum: t.Object.Kind.Name()}
	if _, err := t.Source.Stat(); err == nil {
		if b.Source.Path, err = whereabouts(t.Source.Name()); err != nil {
			return journal.Begin{}, err
		}
	}
	return b, nil
}

// whereabouts is the path of a file that stays the same by whatever links the
// folder it is in is reached. The file may be a link itself: another file that
// it comes to name is a source that has changed.
func whereabouts(name string) (string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(path)
	if !filepath.IsAbs(name) { // the shell may call the working folder by a link
		here, err := os.Getwd()
		if err != nil {
			return "", err
		}
		if real, err := filepath.EvalSymlinks(here); err == nil {
			folder = real + string(filepath.Separator) + filepath.Dir(name)
		}
	}
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		return filepath.Join(real, filepath.Base(path)), nil
	}
	return path, nil
}

// digestOf is the digest of all that options say; what is left at its zero value
// they do not say, so that options of later versions change nothing.
func digestOf(o Options) (string, error) {
	said := map[string]any{}
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			said[v.Type().Field(i).Name] = f.Interface()
		}
	}
	return journal.Digest(said)
}

// sessionName is that of the session in use, "" where there is none.
func (u *Uploader) sessionName(ctx context.Context) string {
	creds, err := u.config.Credentials.Retrieve(ctx)
	if err != nil {
		return ""
	}
	return u.session(creds.AccessKeyID).Name
}

// completed puts the receipt into the journal, so that it is not lost if this
// process ends before it is handed out.
func (u *Uploader) completed(t *engine.Transfer, r *receipt.Receipt) {
	text, err := r.Encode()
	if err == nil {
		done := journal.Completed{ETag: r.Object.ETag, Receipt: journal.JSON(text)}
		if r.Object.VersionID != nil {
			done.VersionID = *r.Object.VersionID
		}
		err = t.Journal.Commit(done)
	}
	if err != nil {
		t.Logger.Warn("the journal does not say that the transfer is over", "transfer", t.ID, "err", err)
	}
}

// Resume goes on with the transfer of that ULID, which an earlier process began
// and Config.Journal recorded: with the options that it had, from a source that
// has the same bytes, be it another file on another machine. Stored parts are
// summed again from it, and where they differ the upload begins anew. What is not
// recorded, or cannot be read, is ErrInvalid. All else is as in Upload.
func (u *Uploader) Resume(ctx context.Context, id string, source Source) (*receipt.Receipt, error) {
	if source.of == nil || source.of.Flows() {
		return nil, fmt.Errorf("%w: a source that can be read again is wanted", ErrInvalid)
	}
	j, object, err := u.open(id)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(u.check(object), u.begin()); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	defer u.leave()
	if info, err := source.of.Stat(); err == nil && object.Preserve {
		preserve(&object.Options, info.ModTime(), info.Mode())
	}
	t := u.transferAs(id, source, object)
	if s := j.State(); s.Phase == journal.PhaseCompleted {
		r, err := u.handOut(ctx, t, j, s)
		if r == nil && err == nil {
			err = fmt.Errorf("%w; what was stored is what it was", ErrSourceChanged)
		}
		return r, err
	}
	t.Journal = j
	r, _, err := u.carry(ctx, t, object)
	return r, err
}

// Abort gives up the transfer of that ULID, which an earlier process began and
// Config.Journal recorded, and looks until S3 no longer knows its upload, also
// when ctx ends meanwhile. What is not recorded is ErrInvalid. Where the upload
// was completed the object is stored: ErrExists, and Upload or Resume returns its
// receipt; where that cannot be proven, ErrUnknownOutcome, once.
func (u *Uploader) Abort(ctx context.Context, id string) error {
	j, object, err := u.open(id)
	if err != nil {
		return err
	}
	if err := u.begin(); err != nil {
		return errors.Join(err, j.Close())
	}
	defer u.leave()
	if s := j.State(); s.Phase == journal.PhaseCompleted {
		return errors.Join(&meant{ErrExists, engine.ErrCompleted}, j.Close())
	}
	t := u.transferAs(id, unread(j.State().Begin.Source.Size), object)
	t.Journal = j
	if err := t.Discard(ctx); err != nil {
		if t.Journal != nil {
			err = errors.Join(err, j.Close())
		}
		return meaningOf(id, err)
	}
	return nil
}

// open takes the journal of a transfer, and says what it was to become.
func (u *Uploader) open(id string) (*journal.Journal, Object, error) {
	if u.config.Journal == nil {
		return nil, Object{}, fmt.Errorf("%w: Config has no Journal", ErrInvalid)
	}
	if _, err := ulid.ParseStrict(id); err != nil {
		return nil, Object{}, fmt.Errorf("%w: transfer %q is not a ULID", ErrInvalid, id)
	}
	j, err := journal.Open(durable.System{}, u.config.Journal.Folder, id)
	if err != nil {
		return nil, Object{}, &meant{ErrInvalid, err}
	}
	begin := j.State().Begin
	object := Object{Bucket: begin.Bucket, Key: begin.Key}
	if err := json.Unmarshal([]byte(begin.Object), &object.Options); err != nil {
		return nil, Object{}, errors.Join(fmt.Errorf("%w: the journal of transfer %s does not say how its object is made: %w", ErrInvalid, id, err), j.Close())
	}
	return j, object, nil
}
