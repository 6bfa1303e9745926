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
// its client gives up, or for that long.
type sleepy struct {
	next   http.RoundTripper
	parts  map[string]*atomic.Int32
	sleeps time.Duration
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
		case <-time.After(s.sleeps):
		case <-r.Context().Done():
			s.outrun.Add(1)
			return nil, r.Context().Err()
		}
	}
	return s.next.RoundTrip(r)
}

// A part that takes far longer than the others is sent a second time beside:
// the upload ends without it, has each byte once, and sends little more.
func TestSlowPartIsOutrun(t *testing.T) {
	f := start(t)
	const parts = 60
	for name, c := range map[string]struct {
		slow   []string
		sleeps time.Duration
	}{
		"one":                    {[]string{"55"}, time.Minute},
		"more than may be again": {[]string{"52", "54", "56"}, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			key := key(t)
			conf := f.config(t, key)
			transport := &sleepy{next: f.transport(t), sleeps: c.sleeps, parts: map[string]*atomic.Int32{}}
			for _, number := range c.slow {
				transport.parts[number] = new(atomic.Int32)
			}
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
	transport := &sleepy{next: fault.Through(t, f.transport(t), fault.Fault{Op: "UploadPart", Nth: 60, Status: 403, Code: "AccessDenied"}),
		sleeps: 6 * time.Second, parts: map[string]*atomic.Int32{"60": new(atomic.Int32)}}
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
