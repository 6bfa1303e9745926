package engine

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealift/sealift/internal/s3wire"
)

// A body that was not read to its end when the caller gave up is never whole at
// S3: the transport may go on reading for a moment, and gets nothing. Otherwise
// an interrupted PutObject is one whose outcome nobody can prove.
func TestNothingMoreGoesOutAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		b := s3wire.Body{Reader: strings.NewReader("body"), Size: 4}
		free, cancel := untilAnswered(ctx, &b)
		defer cancel()
		if _, err := io.ReadFull(b.Reader, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		why := errors.New("enough")
		end(why)
		<-free.Done()
		if n, err := b.Reader.Read(make([]byte, 8)); n != 0 || !errors.Is(err, why) {
			t.Errorf("after the end %d bytes were read: %v", n, err)
		}
	})
}

// A body that had gone out whole may be stored: the answer is waited for, but
// not for ever.
func TestTheAnswerToAWholeBodyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		b := s3wire.Body{Reader: strings.NewReader("body"), Size: 4}
		free, cancel := untilAnswered(ctx, &b)
		defer cancel()
		if _, err := io.ReadAll(b.Reader); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		end(errors.New("enough"))
		<-free.Done()
		if waited := time.Since(began); waited != answerGrace {
			t.Errorf("waited %v for the answer, want %v", waited, answerGrace)
		}
	})
}
