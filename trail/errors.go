package trail

import (
	"errors"
	"fmt"
)

// What can be wrong with a trail; errors.Is finds them in what is yielded.
// After all but ErrNotTrail and ErrTruncated the rest of the file is read.
var (
	// ErrNotTrail: the file, or one line of it, is something else.
	ErrNotTrail = errors.New("no CloudTrail records")
	// ErrTruncated: the file ends before its records do.
	ErrTruncated = errors.New("cut short")
	// ErrCorrupt: what was inflated is not what was compressed. The file's
	// events were yielded before this was known; none of them can be trusted.
	ErrCorrupt = errors.New("corrupt gzip")
	// ErrMembers: more follows the first gzip member. AWS writes one. Events
	// at or after the error's offset come from the others.
	ErrMembers = errors.New("more than one gzip member")
	// ErrRecord: a record is no valid JSON, or no event.
	ErrRecord = errors.New("bad record")
	// ErrDuplicate: an object has a name twice, so that two readers could read
	// it differently.
	ErrDuplicate = errors.New("name given twice")
	// ErrSize: a record is larger than Options.MaxRecord.
	ErrSize = errors.New("record too large")
)

// An Error is something that is wrong at one place of a trail.
type Error struct {
	Position Position
	Raw      JSON  // the bytes that are refused, as far as they are in memory; they may not be JSON
	Err      error // wraps one of the errors above, or what reading the file came to
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Position, e.Err) }
func (e *Error) Unwrap() error { return e.Err }
