package sealift_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
)

// unseekable hides everything of a reader but Read.
type unseekable struct{ io.Reader }

// breaking is a reader that gives so many bytes and then err.
func breaking(n int, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(random(n)), &failing{err})
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// quiet fails the test if goroutines of uploads are left when it ends.
func quiet(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { quietNow(t) })
}

func quietNow(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	for range 100 {
		all := stacks[:runtime.Stack(stacks, true)]
		if !bytes.Contains(all, []byte("sealift/internal/engine.")) && !bytes.Contains(all, []byte("internal/source.(*Intake)")) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
}

// bare fails the test if files are left in the folder.
func bare(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("spool folder holds %v, error %v", left, err)
	}
}

func TestStreamsOfEveryLengthAreStored(t *testing.T) {
	t.Parallel()
	f := start(t)
	for _, c := range []struct {
		size     int
		partSize int64
		parts    int // 0 is one PutObject
	}{
		{0, 0, 0}, {1, 0, 0}, {5*mib - 1, 5 * mib, 0}, {5 * mib, 5 * mib, 0}, {5*mib + 1, 5 * mib, 2},
		{8*mib - 1, 0, 0}, {8 * mib, 0, 0}, {8*mib + 1, 0, 2}, {16 * mib, 0, 2}, {100 * mib, 0, 13}, {41 * mib, 20 * mib, 3},
	} {
		for _, spool := range []string{"", t.TempDir()} {
			key := key(t)
			data := random(c.size)
			sum := sha256.Sum256(data)
			conf := f.config(t, key)
			var events []sealift.Event
			conf.OnEvent = func(e sealift.Event) { events = append(events, e) }
			r, err := open(t, conf).Upload(t.Context(), sealift.Stream(unseekable{bytes.NewReader(data)}, spool),
				sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: c.partSize, SourceHash: "sha256"}})
			if err != nil {
				t.Fatalf("%d bytes: %v", c.size, err)
			}
			if !bytes.Equal(f.get(t, key), data) {
				t.Errorf("%d bytes: the object is another", c.size)
			}
			if r.Source.Path != "-" || r.Source.Size != int64(c.size) || r.Source.Modified != nil || r.Source.SHA256 == nil || *r.Source.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("%d bytes: receipt has source %+v", c.size, r.Source)
			}
			if parts := 0; r.Multipart != nil {
				parts = r.Multipart.Parts
				if parts != c.parts {
					t.Errorf("%d bytes: %d parts", c.size, parts)
				}
			} else if c.parts != 0 {
				t.Errorf("%d bytes: one PutObject", c.size)
			}
			if _, err := r.Encode(); err != nil {
				t.Errorf("%d bytes: receipt: %v", c.size, err)
			}
			if first, last := events[0], events[len(events)-1]; first.Type != "started" || first.Size != -1 || last.Type != "stored" || last.Size != int64(c.size) {
				t.Errorf("%d bytes: events from %+v to %+v", c.size, first, last)
			}
			if spool != "" {
				bare(t, spool)
			}
		}
	}
}

// A stream that breaks off is never stored, wherever it does.
func TestBrokenStreamsAreNotStored(t *testing.T) {
	f := start(t)
	broken := errors.New("the disk is on fire")
	for _, n := range []int{0, 1, 8*mib - 1, 8 * mib, 8*mib + 1, 16 * mib, 20 * mib} {
		quiet(t)
		key := key(t)
		folder := t.TempDir()
		up := open(t, f.config(t, key))
		_, err := up.Upload(t.Context(), sealift.Stream(breaking(n, broken), folder), sealift.Object{Bucket: f.Bucket, Key: key})
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: error is %v", n, err)
		}
		if got := f.get(t, key); got != nil {
			t.Errorf("after %d bytes: an object of %d bytes is stored", n, len(got))
		}
		if n := f.openUploads(t, key); n != 0 {
			t.Errorf("%d uploads are left open", n)
		}
		bare(t, folder)
		up.Close()
	}
}

// A failure tells what was sent until then: no less than S3 has confirmed.
func TestFailureTellsWhatWasSent(t *testing.T) {
	f := start(t)
	key := key(t)
	broken := errors.New("the disk is on fire")
	confirmed := make(chan struct{})
	var once sync.Once
	var failed sealift.Event
	conf := f.config(t, key)
	conf.OnEvent = func(e sealift.Event) {
		switch {
		case e.Type == "failed":
			failed = e
		case e.Acknowledged > 0:
			once.Do(func() { close(confirmed) })
		}
	}
	_, err := open(t, conf).Upload(t.Context(), sealift.Stream(io.MultiReader(bytes.NewReader(random(9*mib)), &after{confirmed, broken}), ""), sealift.Object{Bucket: f.Bucket, Key: key})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if failed.Acknowledged != 8*mib || failed.Sent < failed.Acknowledged {
		t.Errorf("sent %d, acknowledged %d", failed.Sent, failed.Acknowledged)
	}
}

// after is a reader that fails when a channel is closed.
type after struct {
	closed <-chan struct{}
	err    error
}

func (a *after) Read([]byte) (int, error) {
	<-a.closed
	return 0, a.err
}

// A mishap is a set of faults and what must come of a stream that meets them.
type mishap struct {
	name   string
	size   int // bytes; three times as many where they are spooled
	faults []fault.Fault
	want   error // nil is stored
	fails  bool  // S3 asks for what has been let go
}

func TestStreamsSurviveLostAnswers(t *testing.T) {
	t.Parallel()
	f := start(t)
	const large = 25 * mib
	for _, c := range []mishap{
		{name: "create never arrives", size: large, faults: []fault.Fault{{Op: "CreateMultipartUpload", Nth: 1}}},
		{name: "part is lost before", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 2}}},
		{name: "part is lost after", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 2, After: true}, {Op: "UploadPart", Nth: 4, After: true}}},
		{name: "S3 is busy", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 1, Status: 503, Code: "SlowDown"}, {Op: "UploadPart", Nth: 3, Status: 503, Code: "SlowDown"}}},
		{name: "part arrives spoilt", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 1, Status: 400, Code: "BadDigest"}}},
		{name: "every part arrives spoilt", size: large, faults: []fault.Fault{{Op: "UploadPart", Status: 400, Code: "BadDigest"}}, want: sealift.ErrIntegrity},
		{name: "token expires", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 3, Status: 400, Code: "ExpiredToken"}}},
		{name: "part is denied", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 2, Status: 403, Code: "AccessDenied"}}, want: sealift.ErrDenied},
		{name: "complete is lost before", size: large, faults: []fault.Fault{{Op: "CompleteMultipartUpload", Nth: 1}}},
		{name: "complete is lost after", size: large, faults: []fault.Fault{{Op: "CompleteMultipartUpload", Nth: 1, After: true}}},
		{name: "complete finds a part amiss", size: large, faults: []fault.Fault{{Op: "CompleteMultipartUpload", Nth: 1, Status: 400, Code: "InvalidPart"}}},
		{name: "the upload is gone", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 3, Status: 404, Code: "NoSuchUpload"}}, fails: true},
		{name: "complete meets another write", size: large, faults: []fault.Fault{{Op: "CompleteMultipartUpload", Nth: 1, Status: 409, Code: "ConditionalRequestConflict"}}, fails: true},
		{name: "put is lost before", size: 1000, faults: []fault.Fault{{Op: "PutObject", Nth: 1}}},
		{name: "put is lost after", size: 1000, faults: []fault.Fault{{Op: "PutObject", Nth: 1, After: true}}, want: sealift.ErrUnknownOutcome},
	} {
		for name, spool := range map[string]bool{c.name: false, c.name + ", spooled": true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f.pour(t, c, spool)
			})
		}
	}
}

// pour uploads a stream through c's faults, from memory or from the spool
// folder, and checks the outcome.
func (f *fixture) pour(t *testing.T, c mishap, spool bool) {
	key, folder := key(t), t.TempDir()
	conf := f.config(t, key)
	conf.Transport = fault.Through(t, f.transport(t), c.faults...)
	data := random(c.size)
	partSize := int64(5 * mib)
	if spool {
		data, partSize = random(c.size*3), 17*mib
	}
	source := sealift.Stream(unseekable{bytes.NewReader(data)}, folder)
	r, err := open(t, conf).Upload(t.Context(), source, sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: partSize}})
	if c.fails {
		if err == nil || !strings.Contains(err.Error(), "cannot be read again") {
			t.Errorf("error is %v", err)
		}
	} else if !errors.Is(err, c.want) && !f.unproven(err) || (err == nil) != (r != nil) {
		t.Errorf("error is %v, want %v", err, c.want)
	}
	got := f.get(t, key)
	if err == nil && !bytes.Equal(got, data) {
		t.Errorf("reported as stored, but the object has %d bytes", len(got))
	}
	if err != nil && got != nil && !errors.Is(err, sealift.ErrUnknownOutcome) {
		t.Errorf("an object of %d bytes is stored", len(got))
	}
	if n := f.openUploads(t, key); n != 0 {
		t.Errorf("%d uploads are left open", n)
	}
	bare(t, folder)
}

// Whoever leaves while the stream gives nothing is not held up by it.
func TestUploadLeavesAStreamThatStandsStill(t *testing.T) {
	f := start(t)
	for name, before := range map[string]int{"at once": 0, "in the first part": 1000, "between parts": 8*mib + 1} {
		for _, kind := range []string{"reader", "pipe"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				quiet(t)
				key, folder := key(t), t.TempDir()
				var r io.ReadCloser
				var w io.WriteCloser
				if kind == "pipe" {
					var err error
					if r, w, err = os.Pipe(); err != nil {
						t.Fatal(err)
					}
				} else {
					r, w = io.Pipe()
				}
				var writer sync.WaitGroup
				writer.Go(func() { w.Write(random(before)) })
				ctx, cancel := context.WithCancelCause(t.Context())
				left := errors.New("left")
				time.AfterFunc(500*time.Millisecond, func() { cancel(left) })
				up := open(t, f.config(t, key))
				began := time.Now()
				_, err := up.Upload(ctx, sealift.Stream(r, folder), sealift.Object{Bucket: f.Bucket, Key: key})
				if took := time.Since(began); !errors.Is(err, left) || took > 10*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
				if f.get(t, key) != nil || f.openUploads(t, key) != 0 {
					t.Error("something is left in the bucket")
				}
				bare(t, folder)
				if kind == "pipe" { // nobody has to close it for its reader to end
					quietNow(t)
				}
				r.Close()
				writer.Wait()
				w.Close()
				up.Close()
			})
		}
	}
}

// What cannot work is refused before anything is read or sent.
func TestBadStreamsAreRefused(t *testing.T) {
	conf := sealift.Config{Credentials: &silent{t}, Transport: &silent{t}, Region: "eu-west-1"}
	for name, c := range map[string]struct {
		options sealift.Options
		spool   string
		want    error
	}{
		"small parts":                {sealift.Options{PartSize: 1}, "", sealift.ErrInvalid},
		"large parts without a disk": {sealift.Options{PartSize: 33 * mib}, "", sealift.ErrInvalid},
		"no spool folder":            {sealift.Options{}, t.TempDir() + "/none", os.ErrNotExist},
		"only if changed":            {sealift.Options{IfExists: "changed"}, "", sealift.ErrInvalid},
	} {
		_, err := open(t, conf).Upload(t.Context(), sealift.Stream(strings.NewReader("x"), c.spool),
			sealift.Object{Bucket: "b", Key: "k", Options: c.options})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Streams that share a Budget share its memory, and do not hold each other up.
func TestStreamsShareMemory(t *testing.T) {
	f := start(t)
	folder := t.TempDir()
	budget := sealift.NewBudget(4, 0)
	var all sync.WaitGroup
	for range 12 {
		key := key(t)
		conf := f.config(t, key)
		conf.Budget = budget
		up := open(t, conf)
		all.Go(func() {
			data := random(20 * mib)
			_, err := up.Upload(t.Context(), sealift.Stream(unseekable{bytes.NewReader(data)}, folder), sealift.Object{Bucket: f.Bucket, Key: key})
			if err != nil {
				t.Error(err)
			} else if !bytes.Equal(f.get(t, key), data) {
				t.Error("the object is another")
			}
		})
	}
	all.Wait()
	bare(t, folder)
}

// A stream that stands still holds nothing up: neither with a byte nor with
// none does it keep another from the memory that it needs.
func TestStreamsThatStandStillHoldNothingUp(t *testing.T) {
	quiet(t)
	f := start(t)
	budget, folder := sealift.NewBudget(2, 0), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var still sync.WaitGroup
	for i := range 20 {
		key := key(t)
		conf := f.config(t, key)
		conf.Budget = budget
		up := open(t, conf)
		r, w := io.Pipe()
		defer w.Close()
		still.Go(func() {
			if _, err := up.Upload(ctx, sealift.Stream(r, folder), sealift.Object{Bucket: f.Bucket, Key: key}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			r.Close()
		})
		if i%2 == 0 {
			w.Write([]byte("x"))
		}
	}
	key := key(t)
	conf := f.config(t, key)
	conf.Budget = budget
	data := random(30 * mib)
	if _, err := open(t, conf).Upload(t.Context(), sealift.Stream(unseekable{bytes.NewReader(data)}, folder), sealift.Object{Bucket: f.Bucket, Key: key}); err != nil {
		t.Error(err)
	}
	cancel()
	still.Wait()
	bare(t, folder)
}

// What is left of a stream that was read is not stored for the whole.
func TestStreamsAreReadOnce(t *testing.T) {
	f := start(t)
	key := key(t)
	up := open(t, f.config(t, key))
	source := sealift.Stream(strings.NewReader("once"), "")
	object := sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{IfExists: "overwrite"}}
	if _, err := up.Upload(t.Context(), source, object); err != nil {
		t.Fatal(err)
	}
	if _, err := up.Upload(t.Context(), source, object); !errors.Is(err, sealift.ErrInvalid) {
		t.Errorf("error is %v", err)
	}
	if got := f.get(t, key); string(got) != "once" {
		t.Errorf("the object is %q", got)
	}
}
