package sealift_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
)

// lostComplete stops an upload whose Complete was sent and not answered.
func (s *stop) lostComplete(t *testing.T, after bool) {
	t.Helper()
	c := s.config(t)
	c.KeepTrying = -1
	_, _, err := s.upload(t.Context(), t, c, fault.Fault{Op: "CompleteMultipartUpload", After: after})
	if !errors.Is(err, sealift.ErrUnknownOutcome) {
		t.Fatalf("lost: %v", err)
	}
}

// Where the file has changed since its last Complete was sent, what S3 stored is
// what it was then: that is told, and is no success.
func TestLostCompleteOfAChangedFile(t *testing.T) {
	f := start(t)
	s := f.stop(t, 4)
	s.lostComplete(t, true)
	changed := append([]byte(nil), s.data...)
	changed[3] ^= 1
	if err := os.WriteFile(s.path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.upload(t.Context(), t, s.config(t))
	if f.unproven(err) {
		return
	}
	if !errors.Is(err, sealift.ErrSourceChanged) {
		t.Errorf("got %v, receipt %v", err, r)
	}
	if e := s.first("stored"); e.Receipt == nil {
		t.Error("what is stored was not told")
	}
	if r != nil {
		t.Error("it is called stored")
	}
	s.clean(t)
}

// Who may not look at the upload now can do so later: nothing is forgotten.
func TestDeniedLookKeepsTheJournal(t *testing.T) {
	f := start(t)
	for _, code := range []string{"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"} {
		s := f.stop(t, 6)
		s.interrupt(t, 4)
		_, _, err := s.upload(t.Context(), t, s.config(t), fault.Fault{Op: "ListParts", Status: 403, Code: code})
		if !errors.Is(err, sealift.ErrDenied) || !errors.Is(err, sealift.ErrResumable) {
			t.Errorf("%s: %v", code, err)
		}
		r, through, err := s.upload(t.Context(), t, s.config(t))
		s.done(t, r, err)
		if through.Count("CreateMultipartUpload") != 0 {
			t.Errorf("%s: it was begun again", code)
		}
	}
}

// What is given up when it may have been completed is not called given up.
func TestAbortOfALostComplete(t *testing.T) {
	f := start(t)
	for name, after := range map[string]bool{"it had happened": true, "it had not": false} {
		t.Run(name, func(t *testing.T) {
			s := f.stop(t, 4)
			s.lostComplete(t, after)
			id := s.first("started").Transfer
			up := open(t, s.config(t))
			err := up.Abort(t.Context(), id)
			if !after {
				if err != nil || f.get(t, s.key) != nil {
					t.Fatal(err)
				}
				s.clean(t)
				return
			}
			if !errors.Is(err, sealift.ErrExists) && !errors.Is(err, sealift.ErrUnknownOutcome) {
				t.Fatalf("it is called given up: %v", err)
			}
			if errors.Is(err, sealift.ErrUnknownOutcome) {
				s.clean(t) // there is nothing more to find out
				return
			}
			r, _, err := s.upload(t.Context(), t, s.config(t))
			s.done(t, r, err)
		})
	}
}

// A journal that cannot be read is said aloud, and left as it is.
func TestDamagedJournalIsSaid(t *testing.T) {
	f := start(t)
	s := f.stop(t, 4)
	s.interrupt(t, 3)
	paths, err := filepath.Glob(filepath.Join(s.folder, "*.journal"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	other := filepath.Join(s.folder, "01KAV8Y0000000000000000001.journal")
	if err := os.Rename(paths[0], other); err != nil { // another transfer's name
		t.Fatal(err)
	}
	r, _, err := s.upload(t.Context(), t, s.config(t))
	if err != nil || r == nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.said(), "cannot be gone on with") {
		t.Errorf("said: %q", s.said())
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// An upload that begins again keeps what its file is like, as the first did.
func TestUploadThatBeginsAgainPreserves(t *testing.T) {
	f := start(t)
	s := f.stop(t, 4)
	s.object.Preserve = true
	s.interrupt(t, 3)
	f.abortAll(t, s.key)
	r, _, err := s.upload(t.Context(), t, s.config(t))
	s.done(t, r, err)
	got, err := f.admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &f.Bucket, Key: &s.key})
	if err != nil || got.Metadata["mtime"] == "" || got.Metadata["sealift-transfer"] != r.Transfer || got.Metadata["a"] != "b" {
		t.Errorf("metadata %v, %v", got.Metadata, err)
	}
}

// What a process sent by one PutObject, and died before it heard the answer, the
// next one of its run knows again by a reader. Nobody else's object is taken for
// it.
func TestUnheardPutIsKnownAgain(t *testing.T) {
	f := start(t)
	for name, c := range map[string]struct {
		reader, another bool
		want            error
	}{
		"reader":             {reader: true},
		"no reader":          {want: sealift.ErrUnknownOutcome},
		"reader, another's":  {reader: true, another: true, want: sealift.ErrExists},
		"no reader, another": {another: true, want: sealift.ErrUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			if !c.reader {
				f.not(t, "versitygw", "it cuts the connection of a body that it refuses unread, and its refusal is lost with that")
			}
			s := f.stop(t, 1)
			config := s.config(t)
			config.Run = "01KAV8Y0000000000000000000"
			config.KeepTrying = -1
			if c.another {
				f.put(t, s.key, "another's")
			} else if _, _, err := s.upload(t.Context(), t, config, fault.Fault{Op: "PutObject", After: true}); !errors.Is(err, sealift.ErrUnknownOutcome) {
				t.Fatalf("lost: %v", err)
			}
			config.Journal.Again = true
			if c.reader {
				config.Reader = f.reader(t)
			}
			r, _, err := s.upload(t.Context(), t, config)
			if !errors.Is(err, c.want) || (err == nil) != (r != nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.want == nil {
				s.done(t, r, err)
			}
			if n := f.versions(t, s.key); n > 1 {
				t.Errorf("%d versions", n)
			}
		})
	}
}

// A reader that sees the object of a lost Complete does not take it for
// another's; and where another's is there, nothing is left open.
func TestReaderAndAJournal(t *testing.T) {
	f := start(t)
	for _, ifExists := range []string{"", "changed", "overwrite"} {
		s := f.stop(t, 4)
		s.object.IfExists, s.object.Preserve = ifExists, true
		s.lostComplete(t, true)
		c := s.config(t)
		c.Reader = f.reader(t)
		r, through, err := s.upload(t.Context(), t, c)
		s.done(t, r, err)
		if n := through.Count("UploadPart"); n != 0 || f.versions(t, s.key) > 1 {
			t.Errorf("%q: %d parts were sent again, %d versions", ifExists, n, f.versions(t, s.key))
		}
	}
	s := f.stop(t, 4)
	s.interrupt(t, 3)
	f.put(t, s.key, "another's")
	c := s.config(t)
	c.Reader = f.reader(t)
	if _, _, err := s.upload(t.Context(), t, c); !errors.Is(err, sealift.ErrExists) {
		t.Errorf("another's: %v", err)
	}
	s.clean(t)
}

// A file that has become so short that it goes by one PutObject leaves nothing of
// what it was.
func TestFileThatShrankToOnePart(t *testing.T) {
	f := start(t)
	s := f.stop(t, 4)
	s.interrupt(t, 3)
	s.data = s.data[:100]
	if err := os.WriteFile(s.path, s.data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.upload(t.Context(), t, s.config(t))
	s.done(t, r, err)
	if !strings.Contains(s.said(), "begins again") {
		t.Errorf("said: %q", s.said())
	}
}
