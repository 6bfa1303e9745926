package sealift_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/receipt"
)

// A stop is an upload that stops at a chosen request, and what it takes to go
// on with it.
type stop struct {
	*fixture
	key    string
	folder string // of journals
	path   string
	data   []byte
	object sealift.Object

	mu     sync.Mutex
	events []sealift.Event
}

const stopPart = 5 * mib

func (f *fixture) stop(t *testing.T, parts int) *stop {
	t.Helper()
	s := &stop{fixture: f, key: key(t), folder: filepath.Join(t.TempDir(), "journal"), data: random(parts*stopPart - 7)}
	source := file(t, s.data)
	s.path = source.Name()
	s.object = sealift.Object{Bucket: f.Bucket, Key: s.key, Options: sealift.Options{PartSize: stopPart, SourceHash: "sha256", Metadata: map[string]string{"a": "b"}}}
	return s
}

func (s *stop) config(t *testing.T) sealift.Config {
	c := s.fixture.config(t, s.key)
	c.Journal = &sealift.Journal{Folder: s.folder, Required: true}
	c.Budget = sealift.NewBudget(2, 0)
	c.OnEvent = func(e sealift.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	}
	return c
}

// upload uploads with these faults; a nil ctx is the test's.
func (s *stop) upload(ctx context.Context, t *testing.T, c sealift.Config, faults ...fault.Fault) (*receipt.Receipt, *fault.Transport, error) {
	t.Helper()
	through := fault.Through(t, s.transport(t), faults...)
	c.Transport = through
	s.events = nil
	up, err := sealift.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	f, err := os.Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := up.Upload(ctx, sealift.File(f), s.object)
	return r, through, err
}

// interrupt stops the upload when it sends its nth part.
func (s *stop) interrupt(t *testing.T, nth int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, _, err := s.upload(ctx, t, s.config(t), fault.Fault{Op: "UploadPart", Nth: nth, Do: cancel})
	if !errors.Is(err, sealift.ErrResumable) || !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if n := s.openUploads(t, s.key); n != 1 {
		t.Fatalf("%d uploads are open after it stopped", n)
	}
}

// first is the first event of that type.
func (s *stop) first(kind string) sealift.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Type == kind {
			return e
		}
	}
	return sealift.Event{}
}

// said are the words of the events that tell aloud.
func (s *stop) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var words []string
	for _, e := range s.events {
		if e.Type == "progress" && e.Err != nil {
			words = append(words, e.Err.Error())
		}
	}
	return strings.Join(words, "\n")
}

// done checks that the object is what it should be and nothing is left over.
func (s *stop) done(t *testing.T, r *receipt.Receipt, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v; said: %s", err, s.said())
	}
	if err := r.Check(); err != nil || r.Source.SHA256 == nil {
		t.Errorf("receipt: %v, %+v", err, r.Source)
	}
	if !bytes.Equal(s.get(t, s.key), s.data) {
		t.Error("the object has other bytes")
	}
	s.clean(t)
}

// clean checks that neither journal nor upload is left.
func (s *stop) clean(t *testing.T) {
	t.Helper()
	if n := s.openUploads(t, s.key); n != 0 {
		t.Errorf("%d uploads are open", n)
	}
	if left, err := filepath.Glob(filepath.Join(s.folder, "*")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// An upload that stopped goes on: what S3 has is not sent again, and the
// transfer is the same.
func TestUploadGoesOn(t *testing.T) {
	f := start(t)
	s := f.stop(t, 8)
	s.interrupt(t, 6)
	stopped := s.first("started")
	if !stopped.Resumable || stopped.Stored != 0 {
		t.Errorf("started: %+v", stopped)
	}
	r, through, err := s.upload(t.Context(), t, s.config(t))
	s.done(t, r, err)
	began := s.first("started")
	if began.Stored < 4 || began.Acknowledged != int64(began.Stored)*stopPart || through.Count("UploadPart") > 8-began.Stored || through.Count("CreateMultipartUpload") != 0 {
		t.Errorf("started with %+v, and sent %d parts", began, through.Count("UploadPart"))
	}
	if r.Transfer != stopped.Transfer || len(r.Requests) != 2 || r.Requests[0].Operation != "CreateMultipartUpload" || r.Requests[0].RequestID == "" {
		t.Errorf("receipt of %s, stopped was %s: %+v", r.Transfer, stopped.Transfer, r.Requests)
	}
}

// A file that has changed meanwhile is sent from the start, and that is said:
// with the same size, with another, and even where its times say nothing.
func TestChangedFileStartsOver(t *testing.T) {
	t.Parallel()
	f := start(t)
	for _, c := range []struct {
		name   string
		change func(s *stop)
	}{
		{"same size", func(s *stop) { s.data[3] ^= 1 }},
		{"longer", func(s *stop) { s.data = append(s.data, 1, 2, 3) }},
		{"shorter", func(s *stop) { s.data = s.data[:len(s.data)-stopPart] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := f.stop(t, 6)
			s.interrupt(t, 4)
			info, err := os.Stat(s.path)
			if err != nil {
				t.Fatal(err)
			}
			c.change(s)
			if err := os.WriteFile(s.path, s.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(s.path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
			r, _, err := s.upload(t.Context(), t, s.config(t))
			s.done(t, r, err)
			if !strings.Contains(s.said(), "begins again") {
				t.Errorf("said: %q", s.said())
			}
		})
	}
}

// A file that was only touched, or copied, is gone on with.
func TestTouchedFileGoesOn(t *testing.T) {
	f := start(t)
	s := f.stop(t, 6)
	s.interrupt(t, 4)
	if err := os.WriteFile(s.path+".copy", s.data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path+".copy", s.path); err != nil {
		t.Fatal(err)
	}
	r, through, err := s.upload(t.Context(), t, s.config(t))
	s.done(t, r, err)
	if through.Count("CreateMultipartUpload") != 0 {
		t.Error("it was begun again")
	}
}

// What was done to the upload, or the options, meanwhile is found out.
func TestUploadThatCannotGoOnStartsOver(t *testing.T) {
	t.Parallel()
	f := start(t)
	t.Run("aborted", func(t *testing.T) {
		s := f.stop(t, 6)
		s.interrupt(t, 4)
		f.abortAll(t, s.key)
		r, _, err := s.upload(t.Context(), t, s.config(t))
		s.done(t, r, err)
		// A part that was under way may keep S3 from missing it at the first look.
		if !strings.Contains(s.said(), "the upload begins again: ") {
			t.Errorf("said: %q", s.said())
		}
	})
	t.Run("other options", func(t *testing.T) {
		s := f.stop(t, 6)
		s.interrupt(t, 4)
		s.object.Metadata = map[string]string{"a": "c"}
		r, _, err := s.upload(t.Context(), t, s.config(t))
		s.done(t, r, err)
		if !strings.Contains(s.said(), "had other options") {
			t.Errorf("said: %q", s.said())
		}
	})
}

// abortAll aborts what is open of a key, as a lifecycle rule does.
func (f *fixture) abortAll(t *testing.T, key string) {
	t.Helper()
	out, err := f.admin.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &f.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range out.Uploads {
		if aws.ToString(u.Key) != key {
			continue
		}
		if _, err := f.admin.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &f.Bucket, Key: u.Key, UploadId: u.UploadId}); err != nil {
			t.Fatal(err)
		}
	}
}

// A Complete whose process died before it was answered is found out: nothing is
// sent again, and there is one receipt.
func TestLostCompleteIsFoundOutLater(t *testing.T) {
	f := start(t)
	for name, after := range map[string]bool{"it had happened": true, "it had not": false} {
		t.Run(name, func(t *testing.T) {
			s := f.stop(t, 4)
			c := s.config(t)
			c.KeepTrying = -1
			_, _, err := s.upload(t.Context(), t, c, fault.Fault{Op: "CompleteMultipartUpload", After: after})
			if !errors.Is(err, sealift.ErrUnknownOutcome) {
				t.Fatalf("lost: %v", err)
			}
			r, through, err := s.upload(t.Context(), t, s.config(t))
			if !after || !f.unproven(err) {
				s.done(t, r, err)
			}
			if through.Count("UploadPart") != 0 || f.versions(t, s.key) > 1 {
				t.Errorf("%d parts were sent again, %d versions", through.Count("UploadPart"), f.versions(t, s.key))
			}
		})
	}
}

// An outage that lasts keeps the upload.
func TestOutageKeepsTheUpload(t *testing.T) {
	f := start(t)
	s := f.stop(t, 6)
	c := s.config(t)
	c.KeepTrying = -1
	_, _, err := s.upload(t.Context(), t, c, fault.Fault{Op: "UploadPart", Nth: 4})
	if !errors.Is(err, sealift.ErrResumable) {
		t.Fatalf("outage: %v", err)
	}
	r, _, err := s.upload(t.Context(), t, s.config(t))
	s.done(t, r, err)
}

// Resume goes on by the transfer's ULID alone, from a copy of the file
// elsewhere; Abort gives it up.
func TestResumeAndAbortByULID(t *testing.T) {
	t.Parallel()
	f := start(t)
	s := f.stop(t, 6)
	s.interrupt(t, 4)
	id := s.first("started").Transfer
	up := open(t, s.config(t))
	r, err := up.Resume(t.Context(), id, sealift.File(file(t, s.data)))
	s.done(t, r, err)
	if _, err := up.Resume(t.Context(), id, sealift.File(file(t, s.data))); !errors.Is(err, sealift.ErrInvalid) {
		t.Errorf("a second time: %v", err)
	}

	s = f.stop(t, 6)
	s.interrupt(t, 4)
	up = open(t, s.config(t))
	if err := up.Abort(t.Context(), s.first("started").Transfer); err != nil {
		t.Fatal(err)
	}
	s.clean(t)
	if f.get(t, s.key) != nil {
		t.Error("an object is there")
	}
}

// Of two that upload the same file to the same object one is told of the other.
func TestJournalIsHeldByOne(t *testing.T) {
	f := start(t)
	s := f.stop(t, 6)
	s.interrupt(t, 4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var second error
	_, _, err := s.upload(ctx, t, s.config(t), fault.Fault{Op: "UploadPart", Nth: 1, Do: func() {
		up, err := sealift.New(sealift.Config{Credentials: s.session(t, s.key), Region: f.Region, Endpoint: f.Endpoint, RootCAs: f.roots(t),
			Journal: &sealift.Journal{Folder: s.folder}})
		if err != nil {
			t.Error(err)
			return
		}
		defer up.Close()
		source, err := os.Open(s.path)
		if err != nil {
			t.Error(err)
			return
		}
		defer source.Close()
		_, second = up.Upload(t.Context(), sealift.File(source), s.object)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if second == nil || !strings.Contains(second.Error(), "process") {
		t.Errorf("the second: %v", second)
	}
}

// A journal that cannot be kept is said, and the upload goes on; unless it is
// required.
func TestJournalThatCannotBeKept(t *testing.T) {
	f := start(t)
	s := f.stop(t, 3)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.folder = filepath.Join(blocked, "journal")
	if _, _, err := s.upload(t.Context(), t, s.config(t)); err == nil || s.get(t, s.key) != nil {
		t.Fatalf("required: %v", err)
	}
	c := s.config(t)
	c.Journal.Required = false
	r, _, err := s.upload(t.Context(), t, c)
	if err != nil || r == nil || !bytes.Equal(s.get(t, s.key), s.data) {
		t.Fatal(err)
	}
	if s.first("started").Resumable || !strings.Contains(s.said(), "cannot be resumed") {
		t.Errorf("started %+v, said %q", s.first("started"), s.said())
	}
}

// A receipt that the process did not live to hand out is handed out by the next.
func TestReceiptOfADeadProcess(t *testing.T) {
	f := start(t)
	s := f.stop(t, 3)
	c := s.config(t)
	keep := filepath.Join(t.TempDir(), "kept")
	c.OnEvent = func(e sealift.Event) {
		if e.Type == "stored" { // as if the process ended now
			if err := os.CopyFS(keep, os.DirFS(s.folder)); err != nil {
				t.Error(err)
			}
		}
	}
	first, _, err := s.upload(t.Context(), t, c)
	s.done(t, first, err)
	s.folder = keep
	_ = os.Remove(filepath.Join(keep, first.Transfer+".lock"))
	again, through, err := s.upload(t.Context(), t, s.config(t))
	s.done(t, again, err)
	if again.Transfer != first.Transfer || !again.Finished.Equal(first.Finished) || through.Count("CreateMultipartUpload") != 0 {
		t.Errorf("got %+v, want %+v", again, first)
	}
	if e := s.first("stored"); e.Receipt == nil || e.Transfer != first.Transfer {
		t.Errorf("stored: %+v", e)
	}
}
