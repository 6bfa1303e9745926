package journal_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/journal"
)

// reduce is the state after a begin and records.
func reduce(t *testing.T, records ...journal.Record) journal.State {
	t.Helper()
	all := states(t, append([]journal.Record{begin()}, records...))
	return all[len(all)-1]
}

func TestTheLastOfAPartCounts(t *testing.T) {
	again := part(6)
	again.ETag, again.CRC = `"again"`, 9
	s := reduce(t, journal.Creating{}, journal.Created{UploadID: "u"}, part(6), part(1), again)
	if s.Stored != 2 || s.Bytes != 8*mib+3 || s.Parts[6] != again || s.Parts[1] != part(1) || s.UploadID != "u" || s.Phase != journal.PhaseOpen {
		t.Errorf("%+v", s)
	}
}

// An upload that is gone takes its parts with it, and its id is remembered.
func TestRestartingForgetsTheParts(t *testing.T) {
	s := reduce(t, journal.Creating{}, journal.Created{UploadID: "u"}, part(1), completing(), journal.Restarted{})
	if s.Phase != journal.PhaseBegun || s.Stored != 0 || s.Bytes != 0 || len(s.Parts) != 0 || s.UploadID != "" || s.Restarts != 1 || !slices.Equal(s.Gone, []string{"u"}) || s.Owes() || s.Whole != (journal.Completing{}) {
		t.Errorf("%+v", s)
	}
}

// An abort is owed until S3 no longer has the upload, whatever happens between.
func TestAnAbortIsOwedUntilItIsDone(t *testing.T) {
	open := []journal.Record{journal.Creating{}, journal.Created{UploadID: "u"}, part(1), journal.Aborting{}, journal.Aborting{}}
	s := reduce(t, open...)
	if !s.Owes() || !slices.Equal(s.Owed, []string{"u"}) || s.UploadID != "u" || s.Phase != journal.PhaseAborting {
		t.Errorf("aborting: %+v", s)
	}
	done := reduce(t, append(slices.Clone(open), journal.Aborted{})...)
	if done.Owes() || !slices.Equal(done.Gone, []string{"u"}) || done.Phase != journal.PhaseAborted {
		t.Errorf("aborted: %+v", done)
	}
	anew := append(slices.Clone(open), journal.Restarted{}, journal.Creating{}, journal.Created{UploadID: "v"}, completing(), journal.Completed{})
	s = reduce(t, anew...)
	if !s.Owes() || !slices.Equal(s.Owed, []string{"u"}) || s.Phase != journal.PhaseCompleted {
		t.Errorf("completed by another upload: %+v", s)
	}
	s = reduce(t, append(anew, journal.Aborted{UploadID: "u"})...)
	if s.Owes() || s.Phase != journal.PhaseCompleted || !slices.Equal(s.Gone, []string{"u"}) {
		t.Errorf("and aborted then: %+v", s)
	}
}

// A Create without an answer may have opened an upload that nobody knows.
func TestLostCreatesAreCounted(t *testing.T) {
	if s := reduce(t, journal.Creating{}, journal.Creating{}); s.Lost != 2 || s.Phase != journal.PhaseCreating {
		t.Errorf("%+v", s)
	}
	if s := reduce(t, journal.Creating{}, journal.Creating{}, journal.Created{UploadID: "u"}); s.Lost != 1 {
		t.Errorf("%+v", s)
	}
	if s := reduce(t, journal.Creating{}, journal.Restarted{}, journal.Creating{}, journal.Created{UploadID: "u"}); s.Lost != 1 {
		t.Errorf("%+v", s)
	}
	s := reduce(t, journal.Creating{}, journal.Aborting{})
	if !s.Owes() || len(s.Owed) != 0 {
		t.Errorf("%+v", s)
	}
	if s = reduce(t, journal.Creating{}, journal.Aborting{}, journal.Aborted{}); s.Owes() || len(s.Gone) != 0 {
		t.Errorf("%+v", s)
	}
}

// Of all pairs of a phase and a record, those of the table are taken and no
// others; what is refused changes nothing.
func TestWhatMayFollowWhat(t *testing.T) {
	created := []journal.Record{begin(), journal.Creating{}, journal.Created{UploadID: "u"}}
	to := map[journal.Phase][]journal.Record{
		journal.PhaseNone: nil, journal.PhaseBegun: created[:1], journal.PhaseCreating: created[:2], journal.PhaseOpen: created,
		journal.PhaseCompleting: append(slices.Clone(created), completing()),
		journal.PhaseCompleted:  append(slices.Clone(created), completing(), journal.Completed{}),
		journal.PhaseAborting:   append(slices.Clone(created), journal.Aborting{}),
		journal.PhaseAborted:    append(slices.Clone(created), journal.Aborting{}, journal.Aborted{}),
	}
	none, begun, creating, open, completingP, completed, aborting, aborted := journal.PhaseNone, journal.PhaseBegun, journal.PhaseCreating, journal.PhaseOpen, journal.PhaseCompleting, journal.PhaseCompleted, journal.PhaseAborting, journal.PhaseAborted
	for _, c := range []struct {
		r   journal.Record
		may []journal.Phase
	}{
		{begin(), []journal.Phase{none}},
		{journal.Creating{}, []journal.Phase{begun, creating}},
		{journal.Created{UploadID: "w"}, []journal.Phase{creating}},
		{part(1), []journal.Phase{open, completingP, aborting}},
		{touched(), []journal.Phase{begun, creating, open, completingP, aborting}},
		{completing(), []journal.Phase{open, completingP}},
		{journal.Completed{}, []journal.Phase{completingP}},
		{journal.Aborting{}, []journal.Phase{creating, open, completingP, aborting}},
		{journal.Aborted{}, []journal.Phase{aborting}},
		{journal.Restarted{}, []journal.Phase{creating, open, completingP, aborting, aborted}},
		{journal.Unknown{Type: "new"}, []journal.Phase{begun, creating, open, completingP, completed, aborting, aborted}},
	} {
		for phase, records := range to {
			all := states(t, records)
			s := all[len(all)-1]
			if s.Phase != phase {
				t.Fatalf("phase %q, want %q", s.Phase, phase)
			}
			before := copyOf(s)
			err := s.Add(c.r)
			if want := slices.Contains(c.may, phase); (err == nil) != want {
				t.Errorf("%T when %q: %v, want it taken: %v", c.r, phase, err, want)
			}
			if err != nil && (!errors.Is(err, journal.ErrInvalid) || !same(s, before)) {
				t.Errorf("%T when %q: %v, and the state is %+v", c.r, phase, err, s)
			}
		}
	}
}

// A stream has no size before its end; its parts grow. All that is left to do for
// one that was cut off is to abort it.
func TestAStreamsPartsAreOfAnySize(t *testing.T) {
	disk := fault.NewDisk(t, 1)
	b := begin()
	b.Source = journal.Source{Path: "-", Fingerprint: journal.Fingerprint{Size: journal.UnknownSize}}
	large := part(2)
	large.Size, large.Number = 64*mib, 10_000
	write(t, disk, b, journal.Creating{}, journal.Created{UploadID: "u"}, part(1), large)
	j := open(t, disk)
	if s := j.State(); s.Bytes != 72*mib || s.Begin.Source != b.Source {
		t.Errorf("%+v", s)
	}
	if err := j.Remove(); err != nil {
		t.Fatal(err)
	}
	// A file's path must be one that a later run finds.
	b = begin()
	b.Source.Path = "big.iso"
	if _, err := journal.Create(disk, folder, b); !errors.Is(err, journal.ErrInvalid) {
		t.Errorf("a relative path: %v", err)
	}
}

// A path is bytes; those that are no text come back as they were.
func TestAPathOfAnyBytesComesBack(t *testing.T) {
	for _, path := range []string{"/data/\xff\xfe.iso", "/data/�.iso", "/\x01\n\"\\", "/ü\u2028", "/\xed\xa0\x80"} {
		disk := fault.NewDisk(t, 1)
		b := begin()
		b.Source.Path = path
		write(t, disk, b)
		if s, err := journal.Read(disk, folder, transfer); err != nil || s.Begin.Source != b.Source {
			t.Errorf("%q: %v, %q", path, err, s.Begin.Source.Path)
		}
	}
	for _, change := range []func(*journal.Begin){
		func(b *journal.Begin) { b.Key = "\xff" }, func(b *journal.Begin) { b.Session = "\xff" },
	} {
		b := begin()
		change(&b)
		if _, err := journal.Create(fault.NewDisk(t, 1), folder, b); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("text that is none: %v", err)
		}
	}
}
