package sealift

import (
	"errors"
	"io/fs"

	"github.com/sealift/sealift/internal/engine"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/source"
)

// meanings are the sentinels that stand for errors of the inner packages.
var meanings = []struct{ inner, outer error }{
	{engine.ErrUnknown, ErrUnknownOutcome}, // first: it may wrap any other
	{engine.ErrExists, ErrExists},
	{engine.ErrIntegrity, ErrIntegrity},
	{source.ErrChanged, ErrSourceChanged},
	{source.ErrRead, ErrInvalid},
	{plan.ErrNegative, ErrInvalid},
	{plan.ErrPartSize, ErrInvalid},
	{plan.ErrTooLarge, ErrInvalid},
	{plan.ErrTooMany, ErrInvalid},
	{engine.ErrPlan, ErrInvalid},
	{engine.ErrStale, ErrSourceChanged},
	{engine.ErrCompleted, ErrExists},
	{s3wire.ErrEndpoint, ErrInvalid},
	{s3wire.ErrOutlives, ErrInvalid},
}

// meaningOf makes the *Error of what the engine returned.
func meaningOf(id string, err error) error {
	e := withMeaning(id, err)
	if errors.Is(err, engine.ErrKept) {
		e.Err = &meant{ErrResumable, e.Err}
	}
	return e
}

func withMeaning(id string, err error) *Error {
	e := &Error{ID: id, Err: err}
	class := s3wire.OK
	if r, ok := errors.AsType[*engine.RequestError](err); ok {
		e.Op, e.Part, class = string(r.Op), r.Part, r.Class
	}
	if w, ok := errors.AsType[*s3wire.Error](err); ok {
		e.Code, e.RequestID = w.Code, w.RequestID
	}
	for _, m := range meanings {
		if errors.Is(err, m.inner) {
			e.Err = &meant{m.outer, err}
			return e
		}
	}
	if _, unread := errors.AsType[*fs.PathError](err); unread || class == s3wire.Source {
		e.Err = &meant{ErrUnreadable, err}
		return e
	}
	if outer := ofClass(class, e.Code); outer != nil {
		e.Err = &meant{outer, err}
	}
	return e
}

// ofClass is the sentinel for a class of answers, nil where there is none.
func ofClass(class s3wire.Class, code string) error {
	switch {
	case class == s3wire.Denied, class == s3wire.NoCredentials, class == s3wire.Expired && code == "InvalidAccessKeyId":
		return ErrDenied
	case class == s3wire.Expired:
		return ErrSessionExpired
	case class == s3wire.Corrupt:
		return ErrIntegrity
	}
	return nil
}

// meant is an error that errors.Is finds a sentinel in, and that reads as it
// did before.
type meant struct{ sentinel, err error }

func (m *meant) Error() string   { return m.err.Error() }
func (m *meant) Unwrap() []error { return []error{m.sentinel, m.err} }
