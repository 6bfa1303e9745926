package verify

import (
	"context"
	"errors"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/receipt"
)

// Range is how much one GET asks for, in bytes: the size of the Reader's
// Buffers.
const Range = 8 << 20

// A piece is a range on its way.
type piece struct {
	buf  []byte
	size int
	got  chan struct{} // closed when it is there
}

// download reads every byte of the receipt's version in ranges, several at
// once, and sums them in order. Pieces are given buffers in order, so that the
// one that is waited for always has one.
func (by *Reader) download(ctx context.Context, f *Findings, r *receipt.Receipt, o s3wire.Object, moved func(int)) error {
	which := s3wire.Choice{Version: text(r.Object.VersionID)}
	if which.Version == "" {
		which.ETag = r.Object.ETag
	}
	pieces := make(chan *piece, cap(by.Buffers))
	g, ctx := errgroup.WithContext(ctx)
	t := newTally(r)
	g.Go(func() error {
		defer close(pieces)
		for at := int64(0); at == 0 || at < r.Object.Size; at += Range {
			select {
			case p := <-by.Buffers:
				one := &piece{buf: p, size: int(min(Range, r.Object.Size-at)), got: make(chan struct{})}
				pieces <- one
				g.Go(func() error {
					err := by.again(ctx, s3wire.GetObject, func(ctx context.Context) error {
						return by.S3.Get(ctx, o, which, at, one.buf[:one.size])
					})
					if err == nil {
						close(one.got)
					}
					return err
				})
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	var left *piece
	g.Go(func() (err error) {
		left, err = by.take(ctx, t, pieces, moved)
		return err
	})
	err := g.Wait()
	if left != nil {
		by.Buffers <- left.buf
	}
	for one := range pieces { // what nobody took after an error
		by.Buffers <- one.buf
	}
	switch s3wire.Classify(err) {
	case s3wire.OK:
		t.compare(f, "download")
		return nil
	case s3wire.Exists:
		f.compare("download", "object.etag", r.Object.ETag, "")
		return nil
	case s3wire.NoObject:
		f.compare("download", "object.version_id", which.Version, "")
		return nil
	}
	return err
}

// take sums pieces in order, and gives their buffers back. A buffer is given
// back only when nobody writes into it: of one that failed, after all is over.
func (by *Reader) take(ctx context.Context, t *tally, pieces chan *piece, moved func(int)) (left *piece, err error) {
	for one := range pieces {
		select {
		case <-one.got:
		case <-ctx.Done():
			return one, context.Cause(ctx)
		}
		t.write(one.buf[:one.size])
		moved(one.size)
		by.Buffers <- one.buf
	}
	return nil, nil
}

func asError(err error) (*s3wire.Error, bool) { return errors.AsType[*s3wire.Error](err) }

// isMarker tells that what the key holds is a mark that its object was deleted.
func isMarker(err error) bool {
	e, ok := asError(err)
	return ok && e.Status == http.StatusMethodNotAllowed
}
