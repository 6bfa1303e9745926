package journal

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A Phase is how far a transfer has come.
type Phase string

// The phases, and what each leaves to be found out of S3.
const (
	PhaseNone       Phase = ""           // there is no record
	PhaseBegun      Phase = "begun"      // nothing
	PhaseCreating   Phase = "creating"   // perhaps there is an upload whose id nobody has
	PhaseOpen       Phase = "open"       // whether the upload is still there, and has parts beside those known
	PhaseCompleting Phase = "completing" // whether the object is stored; if not, as open
	PhaseCompleted  Phase = "completed"  // nothing: it is stored
	PhaseAborting   Phase = "aborting"   // whether the upload is still there: its abort is owed
	PhaseAborted    Phase = "aborted"    // nothing: it is gone
)

// A State is what the records of a journal say together: all that going on with
// a transfer needs. The zero State is that of no records.
type State struct {
	Begin    Begin
	Phase    Phase
	UploadID string       // of the present upload; "" when there is none, or its id is not known
	Parts    map[int]Part // of the present upload, by number; nil from Scan
	Stored   int          // how many Parts there are
	Bytes    int64        // of Parts
	Source   Fingerprint  // as it was last seen with the same bytes
	Created  Created      // the answer that opened the present upload
	Whole    Completing   // the last
	Object   Completed

	Restarts int
	Lost     int      // intents to create that nothing came of, as far as is known; the present one included
	Gone     []string // ids of earlier uploads, for which nothing is owed
	Owed     []string // ids of uploads that are still to be aborted, the present one last

	Records int   // how many
	Unknown int   // how many of them a newer program wrote
	Tail    int64 // bytes after the last record that can be trusted; not those of this process
}

// Add takes in the next record. One that cannot follow those before it, or
// contradicts them, is ErrInvalid and names its number, from 1; the State is
// then as it was.
func (s *State) Add(r Record) error {
	err := r.check()
	if err == nil {
		err = s.add(r)
	}
	if err != nil {
		return fmt.Errorf("%w: record %d, %q: %w", ErrInvalid, s.Records+1, r.kind(), err)
	}
	s.Records++
	return nil
}

func (s *State) add(r Record) error {
	if begin, is := r.(Begin); is {
		return s.begin(begin)
	}
	if s.Phase == PhaseNone {
		return errors.New("the first record is not begin")
	}
	if _, is := r.(Unknown); is {
		s.Unknown++
		return nil
	}
	if !slices.Contains(after(r), s.Phase) {
		return fmt.Errorf("it cannot follow when the transfer is %s", s.Phase)
	}
	switch r := r.(type) {
	case Creating:
		s.Phase = PhaseCreating
		s.Lost++
	case Created:
		return s.created(r)
	case Part:
		return s.part(r)
	case Touched:
		return s.touched(r)
	case Completing:
		s.Phase, s.Whole = PhaseCompleting, r
	case Completed:
		s.Phase, s.Object = PhaseCompleted, r
	case Aborting:
		s.aborting()
	case Aborted:
		return s.aborted(r)
	case Restarted:
		s.restarted()
	}
	return nil
}

// after are the phases in which a record may come. An intent may be repeated:
// who goes on with a journal has it again.
func after(r Record) []Phase {
	switch r.(type) {
	case Creating:
		return []Phase{PhaseBegun, PhaseCreating}
	case Created:
		return []Phase{PhaseCreating}
	case Part: // one in flight may be stored after an intent, and S3's word of one may be taken then
		return []Phase{PhaseOpen, PhaseCompleting, PhaseAborting}
	case Touched:
		return []Phase{PhaseBegun, PhaseCreating, PhaseOpen, PhaseCompleting, PhaseAborting}
	case Completing:
		return []Phase{PhaseOpen, PhaseCompleting}
	case Completed:
		return []Phase{PhaseCompleting}
	case Aborting:
		return []Phase{PhaseCreating, PhaseOpen, PhaseCompleting, PhaseAborting}
	case Aborted: // one of those owed, at any time
		return []Phase{PhaseBegun, PhaseCreating, PhaseOpen, PhaseCompleting, PhaseCompleted, PhaseAborting, PhaseAborted}
	case Restarted: // from aborting: its abort stays owed
		return []Phase{PhaseCreating, PhaseOpen, PhaseCompleting, PhaseAborting, PhaseAborted}
	}
	return nil
}

func (s *State) begin(r Begin) error {
	if s.Phase != PhaseNone {
		return errors.New("the transfer has begun already")
	}
	s.Phase, s.Begin, s.Source = PhaseBegun, r, r.Source.Fingerprint
	return nil
}

func (s *State) created(r Created) error {
	if r.UploadID == s.UploadID || slices.Contains(s.Gone, r.UploadID) || slices.Contains(s.Owed, r.UploadID) {
		return errors.New("the id is that of an earlier upload")
	}
	s.Phase, s.UploadID, s.Created = PhaseOpen, r.UploadID, r
	s.Lost--
	return nil
}

func (s *State) part(r Part) error {
	if s.UploadID == "" {
		return errors.New("there is no upload")
	}
	if !s.Begin.fits(r) {
		return fmt.Errorf("part %d of %d bytes is not of the plan", r.Number, r.Size)
	}
	if s.Parts == nil {
		s.Parts = map[int]Part{}
	}
	s.Bytes += r.Size - s.Parts[r.Number].Size
	s.Parts[r.Number] = r
	s.Stored = len(s.Parts)
	return nil
}

func (s *State) touched(r Touched) error {
	if r.Source.Size != s.Source.Size {
		return fmt.Errorf("the source had %d bytes and has %d", s.Source.Size, r.Source.Size)
	}
	s.Source = r.Source
	return nil
}

// aborting makes the abort of the present upload owed, once. One whose id is
// not known is owed by the phase alone.
func (s *State) aborting() {
	s.Phase = PhaseAborting
	if s.UploadID != "" && !slices.Contains(s.Owed, s.UploadID) {
		s.Owed = append(s.Owed, s.UploadID)
	}
}

func (s *State) aborted(r Aborted) error {
	id := r.UploadID
	if id == "" {
		id = s.UploadID
	}
	if id == s.UploadID {
		if s.Phase != PhaseAborting {
			return fmt.Errorf("it cannot follow when the transfer is %s", s.Phase)
		}
		s.Phase = PhaseAborted
		s.leave(id)
		return nil
	}
	if !slices.Contains(s.Owed, id) {
		return errors.New("no abort of that upload is owed")
	}
	s.Owed = slices.DeleteFunc(s.Owed, func(owed string) bool { return owed == id })
	s.Gone = append(s.Gone, id)
	return nil
}

// leave ends the present upload: nothing of it counts any more.
func (s *State) leave(id string) {
	s.Owed = slices.DeleteFunc(s.Owed, func(owed string) bool { return owed == id })
	if id != "" {
		s.Gone = append(s.Gone, id)
	}
	s.UploadID, s.Parts, s.Stored, s.Bytes, s.Whole, s.Created = "", nil, 0, 0, Completing{}, Created{}
}

// restarted goes back to the beginning. What was to be aborted still is.
func (s *State) restarted() {
	owed := s.Phase == PhaseAborting && s.UploadID != ""
	id := s.UploadID
	if owed {
		id = ""
	}
	s.Phase = PhaseBegun
	s.leave(id)
	s.Restarts++
}

// Owes reports whether an upload is, or may be, still to be aborted.
func (s State) Owes() bool { return len(s.Owed) > 0 || s.Phase == PhaseAborting }

// clone is a copy that the next Add does not change.
func (s State) clone() State {
	s.Parts = maps.Clone(s.Parts)
	s.Gone, s.Owed = slices.Clone(s.Gone), slices.Clone(s.Owed)
	return s
}
