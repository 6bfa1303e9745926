// Package cleanup finds multipart uploads that were left open in a bucket, says
// whose they are and what they cost, and aborts those that a rule names.
//
// It reads a listing page by page and keeps none of it, so its memory does not
// grow with the number of uploads. It aborts nothing by itself: a [Rule] decides,
// upload by upload, and refuses whatever it cannot be sure of. It needs a
// housekeeping session, and takes from S3 and from the folder of journals only;
// it may import s3wire, journal and durable.
package cleanup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/s3wire"
)

// A Keeper looks after one bucket.
type Keeper struct {
	S3       *s3wire.Client
	Bucket   s3wire.Object // the bucket and its guard; its Key is not used
	Disk     durable.Disk
	Journals string       // folder of the journals; "" knows none
	Logger   *slog.Logger // nil discards

	journal sync.Mutex // one abort at a time holds a journal, which may name several uploads
}

// atOnce is how many uploads are looked at, or aborted, at the same time.
const atOnce = 8

// A Whose says why an upload is ours, if it is.
type Whose string

// Whose an upload is.
const (
	ByJournal Whose = "journal" // a journal here names it
	BySession Whose = "session" // it was opened by a session that is named as Sealift's are
	Other     Whose = "other"   // nothing says that it is ours
)

// A Found is an upload that is open, and what is known of it.
type Found struct {
	s3wire.Upload
	Whose Whose

	// Of the journal, where one names it.
	Run, Transfer string // ULIDs
	PID           int    // of the process that holds it; 0 where that is not known
	Held          bool   // a living process holds it
	Unsettled     bool   // whether its object is stored is not known
	Resumable     bool   // its run can be gone on with

	Weighed bool // Weight is known
	Weight  s3wire.Weight
	Err     error // why it is not, where it was asked for
}

// Active is when the upload last changed, as far as is known: it was opened
// then, or a part was stored. Zero where nothing is known.
func (f Found) Active() time.Time {
	if f.Weight.Last.After(f.Initiated) {
		return f.Weight.Last
	}
	return f.Initiated
}

// Each gives do the uploads that are open under the prefix, page by page, with
// the weight of those for which weigh is true. One that goes away while it is
// looked at is left out, and counted in gone. Each returns the first error of a
// listing, or do's.
func (k *Keeper) Each(ctx context.Context, prefix string, weigh func(Found) bool, do func([]Found) error) (gone int, err error) {
	known, err := k.known()
	if err != nil {
		return 0, err
	}
	for after, same := (s3wire.Marker{}), 0; ; {
		var page []s3wire.Upload
		var next s3wire.Marker
		err := k.ask(ctx, func() (err error) {
			page, next, err = k.S3.UploadsPage(ctx, k.at(prefix), after, s3wire.MaxUploads)
			return err
		})
		if err != nil {
			return gone, fmt.Errorf("list open uploads of %s: %w", k.Bucket.Bucket, err)
		}
		found, err := k.look(ctx, known, page, weigh)
		gone += len(page) - len(found)
		if err == nil && len(found) > 0 {
			err = do(found)
		}
		if err != nil || next == (s3wire.Marker{}) {
			return gone, err
		}
		if same++; next.Key != after.Key {
			same = 0
		}
		if same == pagesOfKey {
			return gone, fmt.Errorf("list open uploads of %s: %d pages of one key: %w", k.Bucket.Bucket, same, ErrEndless)
		}
		after = next
	}
}

// pagesOfKey is how many pages of one key a listing may have: ids have no order
// by which it could be seen that they go round.
const pagesOfKey = 1000

// ErrEndless says that a listing comes to no end.
var ErrEndless = errors.New("the listing comes to no end")

// look finds out what is known of the uploads of a page. Those that are gone
// are left out.
func (k *Keeper) look(ctx context.Context, known journals, page []s3wire.Upload, weigh func(Found) bool) ([]Found, error) {
	all := make([]Found, len(page))
	there := make([]bool, len(page))
	group := errgroup.Group{}
	group.SetLimit(atOnce)
	for i, u := range page {
		all[i], there[i] = known.found(u), true
		if u.Garbled || !weigh(all[i]) {
			continue
		}
		group.Go(func() error {
			there[i] = k.weigh(ctx, &all[i])
			return nil
		})
	}
	_ = group.Wait() // none fails
	var left []Found
	for i, f := range all {
		if there[i] {
			left = append(left, f)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return left, nil
}

// weigh adds up an upload's parts. It reports whether the upload is still there.
func (k *Keeper) weigh(ctx context.Context, f *Found) bool {
	var whole s3wire.Weight
	const pages = 10_000/1_000 + 1
	for marker, n := 0, 0; n < pages; n++ {
		var page s3wire.Weight
		var next int
		err := k.ask(ctx, func() (err error) {
			page, next, err = k.S3.PartsWeight(ctx, k.at(f.Key), f.ID, marker, 1000)
			return err
		})
		if s3wire.Classify(err) == s3wire.NoUpload {
			return false
		}
		if err != nil {
			f.Err = fmt.Errorf("list parts of %s: %w", f.Key, err)
			return true
		}
		whole.Parts, whole.Bytes = whole.Parts+page.Parts, whole.Bytes+page.Bytes
		if page.Last.After(whole.Last) {
			whole.Last = page.Last
		}
		if next == 0 {
			f.Weight, f.Weighed = whole, true
			return true
		}
		marker = next
	}
	f.Err = fmt.Errorf("list parts of %s: more than an upload can have", f.Key)
	return true
}

// at is the object of that key.
func (k *Keeper) at(key string) s3wire.Object {
	o := k.Bucket
	o.Key = key
	return o
}

func (k *Keeper) log() *slog.Logger {
	if k.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return k.Logger
}

// journals are the uploads that journals name, by id.
type journals map[string]journal.Entry

// known reads the folder of journals.
func (k *Keeper) known() (journals, error) {
	known := journals{}
	if k.Journals == "" {
		return known, nil
	}
	entries, more, err := journal.Scan(k.Disk, k.Journals)
	if err != nil {
		return nil, err
	}
	if more {
		k.log().Warn("there are more journals than are read")
	}
	for _, e := range entries {
		if e.State.UploadID != "" {
			known[e.State.UploadID] = e
		}
		for _, id := range e.State.Owed {
			known[id] = e
		}
	}
	return known, nil
}

// found is an upload with what its journal and its initiator tell.
func (j journals) found(u s3wire.Upload) Found {
	f := Found{Upload: u, Whose: Other}
	if strings.HasPrefix(SessionOf(u.Initiator), sessionPrefix) {
		f.Whose = BySession
	}
	e, ok := j[u.ID]
	if !ok || e.State.Begin.Key != u.Key {
		return f
	}
	f.Whose, f.Run, f.Transfer, f.Held, f.PID = ByJournal, e.State.Begin.Run, e.Transfer, e.Held, e.PID
	f.Unsettled = e.State.Phase == journal.PhaseCompleting && e.State.UploadID == u.ID
	f.Resumable = e.State.Phase == journal.PhaseOpen && e.State.UploadID == u.ID && e.Err == nil
	return f
}

// sessionPrefix begins the names of Sealift's sessions.
const sessionPrefix = "sealift-"

// SessionOf is the name of the session in the ARN of an assumed role; "" for
// anything else.
func SessionOf(initiator string) string {
	fields := strings.SplitN(initiator, ":", 6)
	if len(fields) != 6 || fields[0] != "arn" || fields[2] != "sts" {
		return ""
	}
	path := strings.Split(fields[5], "/")
	if len(path) != 3 || path[0] != "assumed-role" {
		return ""
	}
	return path[2]
}
