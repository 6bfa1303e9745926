package sealift_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/session"
)

// A loss is a set of faults and what must come of an upload that meets them.
type loss struct {
	name   string
	size   int // bytes; parts have 5 MiB
	faults []fault.Fault
	taken  bool // another object comes to the key when the first fault happens
	once   bool // a reader's look ends it after the first fault

	want       error // nil is stored
	withReader error // the same when somebody may look
}

func TestLostAnswersAreSettled(t *testing.T) {
	t.Parallel()
	f := start(t)
	const small, large = 1000, 11 * mib
	complete := func(nth int, f fault.Fault) fault.Fault {
		f.Op, f.Nth = "CompleteMultipartUpload", nth
		return f
	}
	put := func(nth int, f fault.Fault) fault.Fault {
		f.Op, f.Nth = "PutObject", nth
		return f
	}
	after, before := fault.Fault{After: true}, fault.Fault{}
	halfway := fault.Fault{After: true, Status: 200, Code: "InternalError"}
	for _, c := range []loss{
		{name: "put never arrives", size: small, faults: []fault.Fault{put(1, before)}},
		{name: "put is answered 500", size: small, faults: []fault.Fault{put(1, fault.Fault{Status: 500, Code: "InternalError"})}},
		{name: "put is answered 503", size: small, faults: []fault.Fault{put(1, fault.Fault{Status: 503, Code: "SlowDown"})}},
		{name: "put arrives, its answer does not", size: small, faults: []fault.Fault{put(1, after)}, want: sealift.ErrUnknownOutcome},
		{name: "put meets another's object", size: small, faults: []fault.Fault{put(1, before)}, taken: true, want: sealift.ErrUnknownOutcome, withReader: sealift.ErrExists},
		{name: "put arrives spoilt", size: small, faults: []fault.Fault{put(1, fault.Fault{Status: 400, Code: "BadDigest"})}},
		{name: "put meets another put", size: small, faults: []fault.Fault{put(1, fault.Fault{Status: 409, Code: "ConditionalRequestConflict"})}},

		{name: "create never arrives", size: large, faults: []fault.Fault{{Op: "CreateMultipartUpload", Nth: 1}}},
		{name: "part never arrives", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 2}}},
		{name: "part arrives, its answer does not", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 2, After: true}}},
		{name: "part arrives spoilt", size: large, faults: []fault.Fault{{Op: "UploadPart", Nth: 1, Status: 400, Code: "BadDigest"}}},
		{name: "every part arrives spoilt", size: large, faults: []fault.Fault{{Op: "UploadPart", Status: 400, Code: "BadDigest"}},
			want: sealift.ErrIntegrity, withReader: sealift.ErrIntegrity},
		{name: "every part is denied", size: large, faults: []fault.Fault{{Op: "UploadPart", Status: 403, Code: "AccessDenied"}},
			want: sealift.ErrDenied, withReader: sealift.ErrDenied},

		{name: "complete never arrives", size: large, faults: []fault.Fault{complete(1, before)}},
		{name: "complete is answered 500", size: large, faults: []fault.Fault{complete(1, fault.Fault{Status: 500, Code: "InternalError"})}},
		{name: "complete arrives, its answer does not", size: large, faults: []fault.Fault{complete(1, after)}},
		{name: "complete arrives, 200 carries an error", size: large, faults: []fault.Fault{complete(1, halfway)}},
		{name: "complete is lost three times", size: large, once: true, faults: []fault.Fault{complete(1, after), complete(2, after), complete(3, before)}},
		{name: "complete arrives, and is then refused for ever", size: large, once: true,
			faults: []fault.Fault{complete(1, after), complete(2, fault.Fault{Status: 404, Code: "NoSuchUpload"}), complete(3, fault.Fault{Status: 404, Code: "NoSuchUpload"})},
			want:   sealift.ErrUnknownOutcome},
		{name: "complete arrives, and the key is then said to be taken", size: large, once: true,
			faults: []fault.Fault{complete(1, after), complete(2, fault.Fault{Status: 412, Code: "PreconditionFailed"}), complete(3, fault.Fault{Status: 412, Code: "PreconditionFailed"})},
			want:   sealift.ErrUnknownOutcome},
		{name: "complete meets another's object", size: large, faults: []fault.Fault{complete(1, before)}, taken: true, want: sealift.ErrExists, withReader: sealift.ErrExists},
		{name: "complete meets another write", size: large, faults: []fault.Fault{complete(1, fault.Fault{Status: 409, Code: "ConditionalRequestConflict"})}},
		{name: "complete finds no upload", size: large, faults: []fault.Fault{complete(1, fault.Fault{Status: 404, Code: "NoSuchUpload"})}},
		{name: "complete finds a part amiss", size: large, faults: []fault.Fault{complete(1, fault.Fault{Status: 400, Code: "InvalidPart"})}},
		{name: "complete finds the sum wrong", size: large, faults: []fault.Fault{complete(0, fault.Fault{Status: 400, Code: "BadDigest"})},
			want: sealift.ErrIntegrity, withReader: sealift.ErrIntegrity},
		{name: "complete arrives, a proxy answers 503", size: large, faults: []fault.Fault{complete(1, fault.Fault{After: true, Status: 503})}},
		{name: "complete arrives, 200 carries an unknown error", size: large, faults: []fault.Fault{complete(1, fault.Fault{After: true, Status: 200, Code: "NeverHeardOf"})}},
		{name: "complete arrives, and is then in conflict with itself", size: large, once: true,
			faults: []fault.Fault{complete(1, after), complete(2, fault.Fault{Status: 409, Code: "ConditionalRequestConflict"})}},
		{name: "complete never arrives, and then meets another write", size: large,
			faults: []fault.Fault{complete(1, before), complete(2, fault.Fault{Status: 409, Code: "ConditionalRequestConflict"})}},
		{name: "put arrives, a proxy answers 503", size: small, faults: []fault.Fault{put(1, fault.Fault{After: true, Status: 503})}, want: sealift.ErrUnknownOutcome},
		{name: "complete says another sum", size: large, faults: []fault.Fault{complete(1, fault.Fault{After: true, Status: 200,
			Body: `<CompleteMultipartUploadResult><ETag>"x"</ETag><ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME></CompleteMultipartUploadResult>`})},
			want: sealift.ErrIntegrity, withReader: sealift.ErrIntegrity},
		{name: "complete says no sum", size: large, faults: []fault.Fault{complete(1, fault.Fault{After: true, Status: 200,
			Body: `<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>`})}, want: sealift.ErrUnknownOutcome},
	} {
		for _, reader := range []bool{false, true} {
			name, want := c.name, c.want
			if reader {
				name, want = name+", reader looks", c.withReader
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f.lose(t, c, reader, want)
			})
		}
	}
}

// lose uploads through c's faults and checks the outcome: no false success, no
// receipt without an object, no upload left open.
func (f *fixture) lose(t *testing.T, c loss, reader bool, want error) {
	key := key(t)
	conf := f.config(t, key)
	if reader {
		conf.Reader = f.reader(t)
	}
	faults := slices.Clone(c.faults)
	if reader && c.once {
		faults = faults[:1]
	}
	if c.taken {
		faults[0].Do = func() { f.put(t, key, "theirs") }
	}
	through := fault.Through(t, f.transport(t), faults...)
	conf.Transport = through
	data := random(c.size)
	r, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(len(data))),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
	if f.unproven(err) && !reader {
		want = sealift.ErrUnknownOutcome
	}
	if !errors.Is(err, want) || (err == nil) != (r != nil) {
		t.Fatalf("receipt %v, error %v; want %v", r != nil, err, want)
	}
	if got := f.get(t, key); want == nil && !bytes.Equal(got, data) {
		t.Errorf("reported as stored, but the object has %d bytes", len(got))
	}
	if n := f.versions(t, key); n > 1 {
		t.Errorf("the key has %d versions", n)
	}
	if n := f.openUploads(t, key); n != 0 {
		t.Errorf("%d uploads are left open", n)
	}
	if want == nil && c.size > 5*mib && through.Count("UploadPart") > 3+len(faults) && c.name != "complete meets another write" && c.name != "complete finds no upload" {
		t.Errorf("%d parts were sent", through.Count("UploadPart"))
	}
}

// What the source held before and after a change may not be mixed, and never
// be reported as stored unless it is what the file holds.
func TestChangedSourceIsNeverStored(t *testing.T) {
	t.Parallel()
	f := start(t)
	rewrite := func(p string) error { return os.WriteFile(p, random(12*mib + 1)[1:], 0o600) }
	for name, c := range map[string]struct {
		change func(path string) error
		want   error
	}{
		"truncated":  {func(p string) error { return os.Truncate(p, 6*mib) }, sealift.ErrSourceChanged},
		"extended":   {func(p string) error { return os.Truncate(p, 20*mib) }, sealift.ErrSourceChanged},
		"rewritten":  {rewrite, sealift.ErrSourceChanged},
		"chmod":      {func(p string) error { return os.Chmod(p, 0o640) }, nil},
		"touched":    {func(p string) error { return os.Chtimes(p, time.Now(), time.Now().Add(-time.Minute)) }, nil},
		"hardlinked": {func(p string) error { return os.Link(p, p+"2") }, nil},
	} {
		for _, nth := range []int{1, 3} {
			for _, hash := range []string{"none", "sha256"} {
				t.Run(name+hash, func(t *testing.T) {
					t.Parallel()
					key := key(t)
					source := file(t, random(12*mib))
					conf := f.config(t, key)
					var once sync.Once
					conf.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: "UploadPart", Nth: nth, Do: func() {
						once.Do(func() {
							if err := c.change(source.Name()); err != nil {
								t.Error(err)
							}
						})
					}})
					if nth > 1 {
						conf.Budget = sealift.NewBudget(1, 0) // so that S3 has the parts before
					}
					_, err := open(t, conf).Upload(t.Context(), sealift.File(source),
						sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, SourceHash: hash}})
					if !errors.Is(err, c.want) && (err != nil || nth > 1) {
						t.Errorf("error is %v, want %v", err, c.want)
					}
					got := f.get(t, key)
					if err != nil && got != nil {
						t.Errorf("an object of %d bytes is stored", len(got))
					}
					// What was changed before S3 had any of it may be sent as it is now.
					if now, _ := os.ReadFile(source.Name()); err == nil && !bytes.Equal(got, now) {
						t.Error("what is stored is not what the file holds")
					}
					if n := f.openUploads(t, key); n != 0 {
						t.Errorf("%d uploads are left open", n)
					}
				})
			}
		}
	}
}

// A file cut short while its one PutObject is under way is said at once, not
// sent again until patience ends.
func TestSourceCutDuringPutIsSaid(t *testing.T) {
	f := start(t)
	key := key(t)
	source := file(t, random(1000))
	conf := f.config(t, key)
	conf.KeepTrying = time.Hour
	through := fault.Through(t, f.transport(t), fault.Fault{Op: "PutObject", Nth: 1, Do: func() {
		if err := os.Truncate(source.Name(), 10); err != nil {
			t.Error(err)
		}
	}})
	conf.Transport = through
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := open(t, conf).Upload(ctx, sealift.File(source), sealift.Object{Bucket: f.Bucket, Key: key})
	if !errors.Is(err, sealift.ErrSourceChanged) || f.get(t, key) != nil {
		t.Errorf("error is %v after %d requests, want ErrSourceChanged", err, through.Count("PutObject"))
	}
}

// renewing is a provider that is told of keys that are not taken any more.
type renewing struct {
	aws.CredentialsProvider
	mu    sync.Mutex
	heard []string
}

func (r *renewing) Invalidate(keyID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, keyID)
}

func TestExpiredTokenIsRenewedAndThePartSentAgain(t *testing.T) {
	f := start(t)
	key := key(t)
	conf := f.config(t, key)
	provider := &renewing{CredentialsProvider: conf.Credentials}
	conf.Credentials = provider
	conf.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: "UploadPart", Nth: 2, Status: 400, Code: "ExpiredToken"})
	if _, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(11*mib)), 11*mib), sealift.Object{Bucket: f.Bucket, Key: key}); err != nil {
		t.Fatal(err)
	}
	if len(provider.heard) != 1 {
		t.Errorf("the provider was told of %v", provider.heard)
	}
}

// outage is a provider that works, is out of reach for a while, and works again.
type outage struct {
	aws.CredentialsProvider
	asked atomic.Int32
	err   error
}

func (o *outage) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if n := o.asked.Add(1); n > 2 && n < 6 {
		return aws.Credentials{}, o.err
	}
	return o.CredentialsProvider.Retrieve(ctx)
}

// A laptop that wakes up has no network yet, and its session has expired: that
// is waited for as S3 is. A refusal is not.
func TestCredentialsOutOfReachAreWaitedFor(t *testing.T) {
	f := start(t)
	gone := &url.Error{Op: "Post", URL: "https://sts.example", Err: &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}}
	for name, c := range map[string]struct{ err, want error }{
		"out of reach": {&session.RoleError{RoleARN: f.RoleARN, Err: gone}, nil},
		"refused":      {&session.RoleError{RoleARN: f.RoleARN, Err: session.ErrDenied}, sealift.ErrDenied},
	} {
		key := key(t) + name
		conf := f.config(t, key)
		conf.Credentials = &outage{CredentialsProvider: conf.Credentials, err: c.err}
		_, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(11*mib)), 11*mib),
			sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", name, err, c.want)
		}
	}
	conf := f.config(t, "later")
	later := &outage{CredentialsProvider: conf.Credentials, err: gone}
	later.asked.Store(1)
	conf.Credentials = later
	up := open(t, conf)
	for range 2 { // the outage comes between the first object and the second
		if _, err := up.Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0),
			sealift.Object{Bucket: f.Bucket, Key: "later", Options: sealift.Options{IfExists: "overwrite"}}); err != nil {
			t.Error(err)
		}
	}
	conf = f.config(t, "never")
	never := &outage{CredentialsProvider: conf.Credentials, err: gone}
	never.asked.Store(2)
	conf.Credentials = never
	if _, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0), sealift.Object{Bucket: f.Bucket, Key: "never"}); !errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, sealift.ErrDenied) {
		t.Errorf("out of reach from the start: %v", err)
	}
}

func TestSkewedClockIsCorrected(t *testing.T) {
	f := start(t)
	key := key(t)
	conf := f.config(t, key)
	future := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	through := fault.Through(t, f.transport(t), fault.Fault{Op: "PutObject", Nth: 1, Status: 403, Code: "RequestTimeTooSkewed",
		Header: http.Header{"Date": {future}}})
	spy := &dates{next: through}
	conf.Transport = spy
	open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0), sealift.Object{Bucket: f.Bucket, Key: key})
	if len(spy.seen) < 2 {
		t.Fatalf("%d requests", len(spy.seen))
	}
	if ahead := spy.seen[1].Sub(spy.seen[0]); ahead < 59*time.Minute || ahead > 61*time.Minute {
		t.Errorf("the second request is dated %v after the first, want an hour", ahead)
	}
}

// dates notes the time that requests are signed for.
type dates struct {
	next http.RoundTripper
	seen []time.Time
}

func (d *dates) RoundTrip(r *http.Request) (*http.Response, error) {
	at, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	d.seen = append(d.seen, at)
	return d.next.RoundTrip(r)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	f := start(t)
	key := key(t)
	conf := f.config(t, key)
	through := fault.Through(t, f.transport(t), fault.Fault{Op: "PutObject", Status: 307, Code: "TemporaryRedirect",
		Header: http.Header{"Location": {"http://127.0.0.1:1/stolen"}}})
	conf.Transport = through
	_, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0), sealift.Object{Bucket: f.Bucket, Key: key})
	if err == nil || through.Count("PutObject") != 1 {
		t.Errorf("%d requests, error %v", through.Count("PutObject"), err)
	}
}

// S3's answer names the bucket's region; the request goes there, once.
func TestWrongRegionIsResolvedOnce(t *testing.T) {
	elsewhere := &regions{}
	up := open(t, sealift.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
	}), Region: "us-east-1", Transport: elsewhere, KeepTrying: -1})
	_, err := up.Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0), sealift.Object{Bucket: "there", Key: "k"})
	if err == nil {
		t.Error("an answer that never changes is a success")
	}
	if want := []string{"there.s3.us-east-1.amazonaws.com", "there.s3.eu-west-1.amazonaws.com"}; len(elsewhere.hosts) != 2 || elsewhere.hosts[0] != want[0] || elsewhere.hosts[1] != want[1] {
		t.Errorf("requests went to %v, want %v", elsewhere.hosts, want)
	}
}

// A HEAD has no body to say that the region is wrong. The reader looks again
// where the bucket is, before anything is sent.
func TestReaderFindsTheRegion(t *testing.T) {
	f := start(t)
	key := key(t)
	f.put(t, key, "theirs")
	conf := f.config(t, key)
	conf.Reader = f.reader(t)
	through := fault.Through(t, f.transport(t), fault.Fault{Op: "HeadObject", Nth: 1, Status: 400, Header: http.Header{"X-Amz-Bucket-Region": {"eu-west-1"}}})
	spy := &scopes{next: through}
	conf.Transport = spy
	_, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0), sealift.Object{Bucket: f.Bucket, Key: key})
	if len(spy.seen) < 2 || !strings.Contains(spy.seen[0], "/us-east-1/") || !strings.Contains(spy.seen[1], "/eu-west-1/") {
		t.Errorf("signed for %v: %v", spy.seen, err)
	}
}

// scopes notes what looks are signed for.
type scopes struct {
	next http.RoundTripper
	seen []string
}

func (s *scopes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodHead {
		s.seen = append(s.seen, r.Header.Get("Authorization"))
	}
	return s.next.RoundTrip(r)
}

// regions always says that the bucket is in eu-west-1.
type regions struct{ hosts []string }

func (r *regions) RoundTrip(q *http.Request) (*http.Response, error) {
	r.hosts = append(r.hosts, q.URL.Host)
	return &http.Response{StatusCode: 301, Header: http.Header{"X-Amz-Bucket-Region": {"eu-west-1"}, "X-Amz-Request-Id": {"R"}},
		Body: http.NoBody, Request: q}, nil
}

func TestBucketThatIsNotThereIsSaid(t *testing.T) {
	f := start(t)
	conf := f.config(t, "k")
	conf.Credentials = f.wide(t)
	_, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0), sealift.Object{Bucket: "nobody-has-this-bucket", Key: "k"})
	e, ok := errors.AsType[*sealift.Error](err)
	if !ok || e.Code != "NoSuchBucket" && e.Code != "AccessDenied" {
		t.Errorf("error is %v", err)
	}
}

// A part that another client's abort took away begins the upload anew.
func TestUploadThatIsGoneBeginsAgain(t *testing.T) {
	f := start(t)
	f.not(t, "versitygw", "by itself it forgets the checksum mode of a second upload to one key")
	key := key(t)
	conf := f.config(t, key)
	conf.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: "UploadPart", Nth: 3, After: true, Do: func() {
		out, err := f.admin.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &f.Bucket})
		if err != nil || len(out.Uploads) != 1 {
			t.Errorf("uploads: %v, %v", out, err)
			return
		}
		_, err = f.admin.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &f.Bucket, Key: &key, UploadId: out.Uploads[0].UploadId})
		if err != nil {
			t.Error(err)
		}
	}})
	data := random(21 * mib)
	if _, err := open(t, conf).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(len(data))),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}}); err != nil {
		t.Fatal(err)
	}
	if got, n := f.get(t, key), f.openUploads(t, key); !bytes.Equal(got, data) || n != 0 {
		t.Errorf("the object has %d bytes, %d uploads are left open", len(got), n)
	}
}
