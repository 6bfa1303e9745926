package cli

import (
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/receipt"
)

// skips tells whether an object that is there can be a reason to be content.
func (o Storage) skips() bool { return o.IfExists == "skip" || o.IfExists == "changed" }

// replaces tells whether an object that is there may be replaced.
func (o Storage) replaces() bool { return o.IfExists == "changed" || o.IfExists == "overwrite" }

// memory is what receipts kept here say of a destination, nil where nobody
// asks.
func (u *Upload) memory(s *Streams, to destination) *memory {
	state := u.state(s)
	if !u.skips() || state == "" {
		return nil
	}
	return remember(filepath.Join(state, "receipts"), to.bucket, to.prefix())
}

// known is how --if-exists asks the memory: changed for a file of this size and
// time of last write, skip for any.
func (u *Upload) known(m *memory, bucket string) func(key string, size int64, modified time.Time) (receipt.Object, bool) {
	if m == nil {
		return nil
	}
	return func(key string, size int64, modified time.Time) (receipt.Object, bool) {
		o, known := m.holds(bucket, key, size, modified)
		if !known && u.IfExists == "skip" {
			_, known = m.last(bucket, key)
		}
		return o, known
	}
}

// preserves tells whether files that are named one by one keep time and mode.
func (u *Upload) preserves() bool {
	return u.Preserve == "all" || u.Preserve == "auto" && u.IfExists == "changed"
}

// errKnown says that the receipts know a file, and nothing was sent.
var errKnown = errors.New("known to be stored")

// skip counts a file whose key holds an object that is to stay.
func (r *run) skip(bucket string, one sending) {
	r.results.Lock()
	r.sum.Skipped++
	r.results.Unlock()
	r.note("%s is there already: %s is skipped", address(bucket, one.key), one.path)
}

// skipKnown does so where the receipts say it, and nothing was asked.
func (r *run) skipKnown(bucket string, one sending) {
	r.teller.event(sealift.Event{Type: "skipped", Time: time.Now().UTC(), Run: r.id, Bucket: bucket, Key: one.key,
		Source: one.path, Size: one.size, Err: sealift.ErrExists})
	r.skip(bucket, one)
}

// doubt is cast where the run may replace objects. It is to be settled with
// what went wrong, and stays where a receipt may be missing from the state
// folder: older ones are not the last word then. What is wrong with the state
// folder has been said.
func (r *run) doubt(s *Streams, to destination) (settle func(errs ...error)) {
	state := r.upload.state(s)
	if !r.upload.replaces() || state == "" {
		return func(...error) {}
	}
	d := doubt{Bucket: to.bucket, Prefix: to.key, Since: time.Now().UTC()}
	back, err := d.cast(filepath.Join(state, "receipts"), r.id)
	if err != nil {
		return func(...error) {}
	}
	return func(errs ...error) {
		if r.upload.keepsHere() && !slices.ContainsFunc(errs, unsure) {
			back()
		}
	}
}

// unsure tells of an error that an object may be stored of which no receipt is
// kept.
func unsure(err error) bool {
	return errors.Is(err, sealift.ErrUnknownOutcome) || errors.Is(err, sealift.ErrIntegrity) || errors.Is(err, errReceipt)
}

// keepsHere tells whether receipts are kept in the state folder.
func (u *Upload) keepsHere() bool { return u.Receipt == "" || isAddress(u.Receipt) }
