package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/ui"
	"github.com/sealift/sealift/receipt"
	"github.com/sealift/sealift/session"
)

// A teller tells of a run as it goes: to the eye, as JSON lines, to the log.
type teller struct {
	Streams           // talk goes above what moves
	under    *Streams // as the command got them
	run      string
	json     *jsonLines
	progress ui.Progress
	log      *slog.Logger
	quiet    bool

	unseen sync.Once // it has been said that the reader cannot look

	advise func(error) error // gives an error the remedy of this command's flags; nil = the table's

	mu      sync.Mutex
	keyID   string             // of the session in use
	delayed time.Time          // when it was last said that it cannot be renewed; zero = it was
	told    map[string]bool    // keys whose failure has been printed as JSON
	trouble map[string]trouble // with reaching S3, by key
}

// newTeller begins to tell. Close it before the command's last words.
func newTeller(s *Streams, o Output, run string, of amount, log *slog.Logger) *teller {
	t := &teller{Streams: *s, under: s, run: run, log: log, quiet: o.Quiet, told: map[string]bool{}, trouble: map[string]trouble{}}
	t.progress = o.progress(s, of)
	t.Streams.Err = t.progress
	if o.JSON {
		t.json = &jsonLines{out: s.Out}
	}
	return t
}

// note tells the user something that is no error.
func (t *teller) note(format string, args ...any) {
	if !t.quiet {
		t.Say(format, args...)
	}
}

// eventLine is an event of the library as JSON.
type eventLine struct {
	head
	Transfer     string           `json:"transfer,omitempty"`
	Source       string           `json:"source,omitempty"`
	Object       string           `json:"object,omitempty"`
	Size         *int64           `json:"size,omitempty"`
	Parts        int              `json:"parts,omitempty"`
	Stored       int              `json:"stored_parts,omitempty"`
	Resumable    *bool            `json:"resumable,omitempty"`
	Sent         *int64           `json:"sent,omitempty"`
	Acknowledged *int64           `json:"acknowledged,omitempty"`
	Operation    string           `json:"operation,omitempty"`
	Part         int              `json:"part,omitempty"`
	Attempt      int              `json:"attempt,omitempty"`
	Wait         float64          `json:"wait,omitempty"` // seconds
	RequestID    string           `json:"request_id,omitempty"`
	Reason       string           `json:"reason,omitempty"`
	Error        string           `json:"error,omitempty"`
	Hint         string           `json:"hint,omitempty"`
	Exit         int              `json:"exit,omitempty"`
	Receipt      *receipt.Receipt `json:"receipt,omitempty"`
}

func lineOf(e sealift.Event) eventLine {
	l := eventLine{head: head{e.Type, e.Time, e.Run}, Transfer: e.Transfer, Source: e.Source, Object: address(e.Bucket, e.Key),
		Parts: e.Parts, Operation: e.Operation, Part: e.Part, Attempt: e.Attempt,
		Wait: e.Wait.Seconds(), RequestID: e.RequestID, Receipt: e.Receipt}
	switch e.Type {
	case "progress", "failed":
		l.Sent, l.Acknowledged = &e.Sent, &e.Acknowledged
		l.Size = &e.Size
	case "started":
		l.Size, l.Resumable, l.Stored = &e.Size, &e.Resumable, e.Stored
	case "stored":
		l.Size = &e.Size
	case "skipped":
		l.Size, l.Reason = &e.Size, e.Err.Error()
	}
	if e.Size < 0 { // of a stream on its way
		l.Size = nil
	}
	if e.Key == "" {
		l.Object = ""
	}
	if e.Err != nil && e.Type != "skipped" {
		l.Error = e.Err.Error()
	}
	if e.Type == "failed" {
		l.Hint, l.Exit = hintFor(e.Err), exitCode(e.Err)
	}
	return l
}

// An amount is how much there is to send, as far as it is known before.
type amount struct {
	transfers int
	bytes     int64
	tree      bool   // found on the way
	done      string // what is said of one that succeeded; "" = stored
}

// amount is how much all of them are.
func (all sendings) amount() amount {
	a := amount{transfers: len(all)}
	for _, one := range all {
		a.bytes += one.size
	}
	return a
}

// event hears of every step of every transfer, in order.
func (t *teller) event(e sealift.Event) {
	t.progress.Event(e)
	t.heed(e)
	if t.advise != nil && e.Type != "skipped" { // of which there may be millions, and no hint
		e.Err = t.advise(e.Err)
	}
	if t.json != nil {
		t.json.print(lineOf(e))
	}
	if e.Type == "failed" {
		t.mu.Lock()
		t.told[e.Key] = true
		t.mu.Unlock()
	}
	t.aloud(e)
	if e.Type == "waiting" {
		t.note("%s, trying again in %v: %v", whoKeeps(e.Err), e.Wait.Round(time.Second/10), e.Err)
	}
}

// whoKeeps is who is waited for.
func whoKeeps(err error) string {
	if _, unsigned := errors.AsType[*s3wire.CredentialsError](err); unsigned {
		return "there is no session to go on with"
	}
	return "S3 is out of reach or busy"
}

// aloud says what is no error and should be known.
func (t *teller) aloud(e sealift.Event) {
	switch {
	case e.Type == "started" && e.Stored > 0:
		t.note("resuming %s: %d of %d parts are stored", e.Transfer, e.Stored, e.Parts)
	case e.Type == "progress" && e.Operation == "HeadObject":
		t.unseen.Do(func() {
			t.Say("warning: the reader cannot look whether a key is taken; S3 tells at the end of the upload: %v", e.Err)
		})
	case e.Type == "progress" && e.Err != nil:
		t.Say("warning: %s: %v", address(e.Bucket, e.Key), e.Err)
	}
}

// trouble is since when nothing that was asked for a transfer came about, and
// how many bytes S3 had confirmed by then.
type trouble struct {
	since time.Time // zero = there is none
	acked int64
}

// heed keeps since when requests of a transfer have come to nothing.
func (t *teller) heed(e sealift.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, before := t.trouble[e.Key]
	switch e.Type {
	case "retried", "waiting":
		if now.since.IsZero() {
			now.since = e.Time
		}
	case "progress":
		if e.Acknowledged > now.acked {
			now = trouble{acked: e.Acknowledged}
		}
	}
	if before || now != (trouble{}) {
		t.trouble[e.Key] = now
	}
}

// troubled says of an error for how long S3 was tried, where nothing answered.
func (t *teller) troubled(key string, err error) error {
	t.mu.Lock()
	since := t.trouble[key].since
	t.mu.Unlock()
	if took := time.Since(since).Round(time.Second); !since.IsZero() && took > 0 && err != nil && unreached(err) {
		return fmt.Errorf("%w, tried for %v", err, took)
	}
	return err
}

// forget drops what is known of a transfer that has ended: in a tree there may
// be millions.
func (t *teller) forget(e sealift.Event) {
	switch e.Type {
	case "stored", "failed", "skipped":
		t.mu.Lock()
		delete(t.trouble, e.Key)
		delete(t.told, e.Key)
		t.mu.Unlock()
	}
}

// failure prints the JSON line of a transfer that failed before the library
// told of it.
func (t *teller) failure(s sending, object sealift.Object, err error) {
	t.mu.Lock()
	told := t.told[s.key]
	t.mu.Unlock()
	if told || t.json == nil {
		return
	}
	line := eventLine{head: heading("failed", t.run), Source: s.path, Object: address(object.Bucket, object.Key),
		Size: &s.size, Error: err.Error(), Hint: hintFor(err), Exit: exitCode(err)}
	if s.stream {
		line.Size = nil
	}
	t.json.print(line)
}

// sessionLine is a session received, as JSON. It holds no secret.
type sessionLine struct {
	head
	KeyID     string     `json:"key_id"`
	Name      string     `json:"name"`
	RoleARN   string     `json:"role_arn"`
	Narrowing string     `json:"narrowing"`
	Expires   *time.Time `json:"expires"`
}

// session hears of every session received, of some twice; the first is no
// renewal.
func (t *teller) session(id session.Identity) {
	t.progress.Session(id.Ends)
	t.mu.Lock()
	renewal, late := t.keyID != "" && t.keyID != id.KeyID, !t.delayed.IsZero()
	t.keyID, t.delayed = id.KeyID, time.Time{}
	t.mu.Unlock()
	if renewal && late {
		t.note("the session is renewed")
	}
	if !renewal || t.json == nil {
		return
	}
	line := sessionLine{head: heading("session_renewed", t.run), KeyID: id.KeyID, Name: id.Name, RoleARN: id.RoleARN, Narrowing: string(id.Narrowing)}
	if !id.Expires.IsZero() {
		line.Expires = &id.Expires
	}
	t.json.print(line)
}

// sayDelay is how often a renewal that fails again and again is said.
const sayDelay = 30 * time.Second

// delay hears of every renewal of the session that failed while it still lasts.
func (t *teller) delay(at session.Identity, again time.Duration, err error) {
	if t.json != nil {
		t.json.print(eventLine{head: heading("waiting", t.run), Operation: "AssumeRole", Wait: again.Seconds(), Error: err.Error()})
	}
	t.mu.Lock()
	due := time.Since(t.delayed) >= sayDelay
	if due {
		t.delayed = time.Now()
	}
	t.mu.Unlock()
	if !due {
		return
	}
	left := "" // of no known end
	if !at.Ends.IsZero() {
		left = fmt.Sprintf(", which lasts %v more,", max(0, time.Until(at.Ends)).Round(time.Second))
	}
	t.note("the session%s cannot be renewed for now, trying again in %v: %v", left, again.Round(time.Second/10), err)
}
