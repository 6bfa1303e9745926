package sealift_test

import (
	"bytes"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
)

// A sleepy transport holds the first request for each of some parts back until
// its client gives up, or they are awoken.
type sleepy struct {
	next   http.RoundTripper
	parts  map[string]*atomic.Int32
	awake  chan struct{}
	sent   atomic.Int32 // requests for parts
	outrun atomic.Int32 // requests that were given up
}

func (s *sleepy) RoundTrip(r *http.Request) (*http.Response, error) {
	number := r.URL.Query().Get("partNumber")
	if number != "" {
		s.sent.Add(1)
	}
	if n := s.parts[number]; n != nil && n.Add(1) == 1 {
		select {
		case <-s.awake:
		case <-r.Context().Done():
			if s.outrun.Add(1) == 1 {
				s.awaken()
			}
			return nil, r.Context().Err()
		}
	}
	return s.next.RoundTrip(r)
}

// newSleepy holds back those parts, by number.
func newSleepy(next http.RoundTripper, slow ...string) *sleepy {
	s := &sleepy{next: next, awake: make(chan struct{}), parts: map[string]*atomic.Int32{}}
	for _, number := range slow {
		s.parts[number] = new(atomic.Int32)
	}
	return s
}

// awaken lets everything on after a while in which another second attempt would
// be made, if it may: they are looked for twice a second.
func (s *sleepy) awaken() { time.AfterFunc(1500*time.Millisecond, func() { close(s.awake) }) }

// A part that takes far longer than the others is sent a second time beside:
// the upload ends without it, has each byte once, and sends little more.
func TestSlowPartIsOutrun(t *testing.T) {
	f := start(t)
	const parts = 60
	for name, slow := range map[string][]string{
		"one":                    {"55"},
		"more than may be again": {"52", "54", "56"},
	} {
		t.Run(name, func(t *testing.T) {
			key := key(t)
			conf := f.config(t, key)
			transport := newSleepy(f.transport(t), slow...)
			conf.Transport = transport
			conf.Budget = sealift.NewBudget(4, 0)
			var acknowledged int64
			conf.OnEvent = func(e sealift.Event) {
				if e.Type == "progress" && (e.Acknowledged < acknowledged || e.Acknowledged > parts*5*mib) {
					t.Errorf("%d bytes are acknowledged after %d", e.Acknowledged, acknowledged)
				}
				acknowledged = max(acknowledged, e.Acknowledged)
			}
			data := bytes.Repeat(random(mib), 5*parts)
			r, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(len(data))),
				sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
			if err != nil {
				t.Fatal(err)
			}
			if n := transport.outrun.Load(); n != 1 {
				t.Errorf("%d slow parts were outrun, want 1", n)
			}
			if n := transport.sent.Load(); n != parts+1 {
				t.Errorf("%d requests for %d parts", n, parts)
			}
			if r.BytesSent > int64(len(data))*102/100 {
				t.Errorf("%d bytes were sent of %d", r.BytesSent, len(data))
			}
			if !bytes.Equal(f.get(t, key), data) {
				t.Error("the object is not the source")
			}
		})
	}
}

// A second attempt that fails, or that both are stored, changes nothing.
func TestSecondAttemptMayFail(t *testing.T) {
	f := start(t)
	key := key(t)
	conf := f.config(t, key)
	transport := newSleepy(nil, "60")
	transport.next = fault.Through(t, f.transport(t), fault.Fault{Op: "UploadPart", Nth: 60, Status: 403, Code: "AccessDenied", Do: transport.awaken})
	conf.Transport = transport
	conf.Budget = sealift.NewBudget(4, 0)
	data := bytes.Repeat(random(mib), 5*60)
	if _, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(len(data))),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(f.get(t, key), data) {
		t.Error("the object is not the source")
	}
}
