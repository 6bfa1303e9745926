package cleanup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealift/sealift/internal/cleanup"
	"github.com/sealift/sealift/internal/durable"
	"github.com/sealift/sealift/internal/journal"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/internal/sum"
)

const (
	run      = "01K0000000000000000000000R"
	transfer = "01K0000000000000000000000T"
)

// a stage is a sandbox with sessions of its upload role.
type stage struct {
	*sandboxtest.Sandbox
	t *testing.T
}

// as is an SDK client of a session of that name.
func (s stage) as(name string) (*s3.Client, aws.Config) {
	s.t.Helper()
	out, err := sts.NewFromConfig(s.UserConfig(s.t)).AssumeRole(s.t.Context(), &sts.AssumeRoleInput{RoleArn: &s.RoleARN, RoleSessionName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	c := s.Config(s.t, *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }), c
}

// open opens an upload, with a part where it is to have one.
func (s stage) open(c *s3.Client, key string, part bool) string {
	s.t.Helper()
	out, err := c.CreateMultipartUpload(s.t.Context(), &s3.CreateMultipartUploadInput{Bucket: &s.Bucket, Key: &key})
	if err != nil {
		s.t.Fatal(err)
	}
	if part {
		s.part(c, key, *out.UploadId)
	}
	return *out.UploadId
}

func (s stage) part(c *s3.Client, key, id string) {
	s.t.Helper()
	if _, err := c.UploadPart(s.t.Context(), &s3.UploadPartInput{Bucket: &s.Bucket, Key: &key, UploadId: &id, PartNumber: aws.Int32(1), Body: bytes.NewReader(make([]byte, 1000))}); err != nil {
		s.t.Fatal(err)
	}
}

// keeper looks after the sandbox's bucket.
func (s stage) keeper(journals string, through func(http.RoundTripper) http.RoundTripper) *cleanup.Keeper {
	s.t.Helper()
	_, c := s.as("sealift-cleanup")
	transport := http.RoundTripper(s3wire.NewTransport(nil, nil))
	if through != nil {
		transport = through(transport)
	}
	return &cleanup.Keeper{
		S3:     s3wire.New(s3wire.Config{Credentials: c.Credentials, Region: s.Region, Endpoint: s.Endpoint, Transport: transport, UserAgent: "test"}),
		Bucket: s3wire.Object{Bucket: s.Bucket}, Disk: durable.System{}, Journals: journals,
	}
}

// found lists what is open, by key.
func (s stage) found(k *cleanup.Keeper, prefix string) map[string]cleanup.Found {
	s.t.Helper()
	all := map[string]cleanup.Found{}
	if _, err := k.Each(s.t.Context(), prefix, every, func(page []cleanup.Found) error {
		for _, f := range page {
			all[f.Key] = f
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return all
}

func every(cleanup.Found) bool { return true }

func start(t *testing.T) stage { return stage{sandboxtest.Start(t), t} }

// begin records an upload in a journal, and leaves the journal held.
func begin(t *testing.T, folder, bucket, key, id string) *journal.Journal {
	t.Helper()
	j, err := journal.Create(durable.System{}, folder, journal.Begin{Run: run, Transfer: transfer, Started: time.Now().UTC(), Bucket: bucket, Key: key,
		Region: "us-east-1", Options: strings.Repeat("0", 64), Object: "{}", PartSize: 5 << 20, Checksum: "CRC64NVME",
		Source: journal.Source{Path: "/tmp/big.iso", Fingerprint: journal.Fingerprint{Size: 10 << 20}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []journal.Record{journal.Creating{}, journal.Created{UploadID: id}} {
		if err := j.Commit(r); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func TestUploadsAreOursByJournalOrSession(t *testing.T) {
	s, folder := start(t), t.TempDir()
	mine, _ := s.as("sealift-" + run)
	theirs, _ := s.as("backup-sealift-x")
	id := s.open(theirs, "in/journal", true)
	s.open(mine, "in/session", false)
	s.open(theirs, "in/other", true)
	s.open(theirs, "out/side", true)
	j := begin(t, folder, s.Bucket, "in/journal", id)
	k := s.keeper(folder, nil)
	all := s.found(k, "in/")
	if len(all) != 3 || all["in/journal"].Whose != cleanup.ByJournal || all["in/session"].Whose != cleanup.BySession || all["in/other"].Whose != cleanup.Other {
		t.Fatalf("got %+v", all)
	}
	if f := all["in/journal"]; !f.Held || f.Run != run || f.Transfer != transfer || !f.Resumable || !f.Weighed || f.Weight.Parts != 1 || f.Weight.Bytes != 1000 || f.Weight.Last.IsZero() {
		t.Errorf("got %+v", f)
	}
	if f := all["in/session"]; !f.Weighed || f.Weight.Parts != 0 || f.Active() != f.Initiated {
		t.Errorf("got %+v", f)
	}
	if err := k.Abort(t.Context(), all["in/journal"]); err == nil {
		t.Error("an upload whose journal is held was aborted")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"in/journal", "in/session"} {
		if err := k.Abort(t.Context(), all[key]); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if err := k.Abort(t.Context(), all[key]); err != nil {
			t.Errorf("%s, which is gone: %v", key, err)
		}
	}
	if left := s.found(k, ""); len(left) != 2 || left["in/other"].ID == "" || left["out/side"].ID == "" {
		t.Errorf("left is %v", left)
	}
	if entries, _, err := journal.Scan(durable.System{}, folder); err != nil || len(entries) != 0 {
		t.Errorf("journals left: %v, %v", entries, err)
	}
}

// What a journal says of its upload is asked again when the upload is aborted.
func TestAJournalIsHeldToItsUpload(t *testing.T) {
	s := start(t)
	mine, _ := s.as("sealift-" + run)
	for name, c := range map[string]struct {
		records []journal.Record
		want    error
		left    int // journals
	}{
		"open":       {nil, nil, 0},
		"owed":       {[]journal.Record{journal.Aborting{}}, nil, 0},
		"restarted":  {[]journal.Record{journal.Restarted{}, journal.Creating{}, journal.Created{UploadID: "another"}}, nil, 1},
		"completing": {[]journal.Record{journal.Completing{CRC: sum.Of([]byte("x"))}}, cleanup.ErrHeld, 1},
	} {
		t.Run(name, func(t *testing.T) {
			key, folder := "in/"+name, t.TempDir()
			id := s.open(mine, key, true)
			j := begin(t, folder, s.Bucket, key, id)
			for _, r := range c.records {
				if err := j.Commit(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			k := s.keeper(folder, nil)
			f := cleanup.Found{Upload: s3wire.Upload{Key: key, ID: id}, Whose: cleanup.ByJournal, Run: run, Transfer: transfer}
			if err := k.Abort(t.Context(), f); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if _, open := s.found(k, key)[key]; open != (c.want != nil) {
				t.Errorf("open is %v", open)
			}
			if entries, _, err := journal.Scan(durable.System{}, folder); err != nil || len(entries) != c.left {
				t.Errorf("%d journals, %v, want %d", len(entries), err, c.left)
			}
		})
	}
}

// A lost answer to CreateMultipartUpload leaves an upload that only its session
// names. Everybody else's stays, on the same key too.
func TestStraysOfOneRunAloneAreAborted(t *testing.T) {
	s := start(t)
	mine, _ := s.as("sealift-" + run)
	another, _ := s.as("sealift-01K00000000000000000000000")
	stranger, _ := s.as("backup")
	known := s.open(mine, "in/a", false)
	lost := map[string]bool{s.open(mine, "in/a", true): true, s.open(mine, "in/a", false): true}
	s.open(another, "in/a", false)
	s.open(stranger, "in/a", false)
	s.open(mine, "in/ab", false)
	s.open(mine, "in/a/b", false)
	aborted, err := s.keeper("", nil).Strays(t.Context(), "in/a", "sealift-"+run, func(id string) bool { return id == known })
	if err != nil || len(aborted) != 2 || !lost[aborted[0].ID] || !lost[aborted[1].ID] {
		t.Errorf("aborted %+v, %v", aborted, err)
	}
	list, err := mine.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.Bucket})
	if err != nil || len(list.Uploads) != 5 {
		t.Errorf("%d are open, want 5: %v", len(list.Uploads), err)
	}
	for _, none := range [][2]string{{"", "sealift-x"}, {"in/a", ""}} {
		if _, err := s.keeper("", nil).Strays(t.Context(), none[0], none[1], func(string) bool { return false }); err == nil {
			t.Errorf("%q: no error", none)
		}
	}
}

// landing lets a part land after the first abort, as one on its way does.
type landing struct {
	http.RoundTripper
	answers [3]atomic.Int32 // aborts, looks that saw it open, looks that did not
}

func (l *landing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodDelete && l.answers[0].Add(1) == 1 {
		return &http.Response{StatusCode: 204, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
	}
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil && r.Method == http.MethodGet && r.URL.Query().Has("uploadId") {
		l.answers[1+min(1, resp.StatusCode/400)].Add(1)
	}
	return resp, err
}

func TestAnUploadInWhichPartsLandIsAbortedAgain(t *testing.T) {
	s := start(t)
	mine, _ := s.as("sealift-" + run)
	s.open(mine, "k", true)
	l := &landing{}
	k := s.keeper("", func(r http.RoundTripper) http.RoundTripper { l.RoundTripper = r; return l })
	f := s.found(k, "k")["k"]
	if err := k.Abort(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if n := l.answers[0].Load(); n != 2 || l.answers[2].Load() != 1 {
		t.Errorf("%d aborts, %d looks that found it gone", n, l.answers[2].Load())
	}
	if left := s.found(k, ""); len(left) != 0 {
		t.Errorf("left is %v", left)
	}
}

func TestARuleKeepsWhatItIsNotSureOf(t *testing.T) {
	now := time.Now()
	rule := cleanup.Rule{Now: now, OlderThan: 24 * time.Hour}
	old := func(change func(*cleanup.Found)) cleanup.Found {
		f := cleanup.Found{Upload: s3wire.Upload{Key: "k", ID: "1", Initiated: now.Add(-48 * time.Hour)}, Whose: cleanup.BySession, Weighed: true}
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		rule  cleanup.Rule
		f     cleanup.Found
		abort bool
	}{
		"old and ours":         {rule, old(func(*cleanup.Found) {}), true},
		"by its journal":       {rule, old(func(f *cleanup.Found) { f.Whose = cleanup.ByJournal }), true},
		"another's":            {rule, old(func(f *cleanup.Found) { f.Whose = cleanup.Other }), false},
		"another's, if asked":  {cleanup.Rule{Now: now, OlderThan: time.Hour, Others: true}, old(func(f *cleanup.Found) { f.Whose = cleanup.Other }), true},
		"young":                {rule, old(func(f *cleanup.Found) { f.Initiated = now.Add(-23 * time.Hour) }), false},
		"a part lately":        {rule, old(func(f *cleanup.Found) { f.Weight.Last = now.Add(-time.Hour) }), false},
		"a part long ago":      {rule, old(func(f *cleanup.Found) { f.Weight.Last = now.Add(-47 * time.Hour) }), true},
		"held":                 {rule, old(func(f *cleanup.Found) { f.Held = true }), false},
		"no age":               {rule, old(func(f *cleanup.Found) { f.Initiated = time.Time{} }), false},
		"no key":               {rule, old(func(f *cleanup.Found) { f.Garbled = true }), false},
		"perhaps stored":       {rule, old(func(f *cleanup.Found) { f.Unsettled = true }), false},
		"parts unknown":        {rule, old(func(f *cleanup.Found) { f.Err = io.ErrUnexpectedEOF }), false},
		"parts may not be had": {rule, old(func(f *cleanup.Found) { f.Err = &s3wire.Error{Status: 403, Code: "AccessDenied"} }), true},
		"of the future":        {rule, old(func(f *cleanup.Found) { f.Initiated = now.Add(time.Hour) }), false},
		"at once":              {cleanup.Rule{Now: now}, old(func(f *cleanup.Found) { f.Initiated = now }), true},
	} {
		if got := c.rule.Keep(c.f); (got == "") != c.abort {
			t.Errorf("%s: kept %q, abort is %v", name, got, c.abort)
		}
	}
}

func TestASessionIsNamedByTheARNOfARoleAlone(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:sts::123456789012:assumed-role/r/sealift-x":    "sealift-x",
		"arn:aws-cn:sts::123456789012:assumed-role/r/sealift-x": "sealift-x",
		"arn:aws:iam::123456789012:user/sealift-x":              "",
		"arn:aws:sts::123456789012:federated-user/sealift-x":    "",
		"arn:aws:sts::123456789012:assumed-role/sealift-x":      "",
		"assumed-role/r/sealift-x":                              "",
		"sealift-x":                                             "",
		"":                                                      "",
	} {
		if got := cleanup.SessionOf(arn); got != want {
			t.Errorf("%s: got %q, want %q", arn, got, want)
		}
	}
}

// fixed are keys for a server that does not look at them.
var fixed = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "A", SecretAccessKey: "S"}, nil
})

// many answers as a bucket with that many open uploads.
type many int

func (n many) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	from := 0
	if at := q.Get("key-marker"); at != "" {
		from, _ = strconv.Atoi(strings.TrimLeft(strings.TrimPrefix(at, "in/"), "0"))
		from++
	}
	var b strings.Builder
	b.WriteString("<ListMultipartUploadsResult><EncodingType>url</EncodingType>")
	to := min(int(n), from+1000)
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "<Upload><Key>in/%09d</Key><UploadId>%d</UploadId><Initiated>2026-01-01T00:00:00Z</Initiated></Upload>", i, i)
	}
	if to < int(n) {
		fmt.Fprintf(&b, "<IsTruncated>true</IsTruncated><NextKeyMarker>in/%09d</NextKeyMarker><NextUploadIdMarker>%d</NextUploadIdMarker>", to-1, to-1)
	}
	b.WriteString("</ListMultipartUploadsResult>")
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(b.String())), Request: r}, nil
}

func TestMemoryDoesNotGrowWithTheListing(t *testing.T) {
	k := &cleanup.Keeper{S3: s3wire.New(s3wire.Config{Credentials: fixed, Region: "us-east-1", Endpoint: "http://127.0.0.1", Transport: many(100_000)}),
		Bucket: s3wire.Object{Bucket: "bucket"}, Disk: durable.System{}}
	var most uint64
	seen := 0
	if _, err := k.Each(t.Context(), "in/", cleanup.None, func(page []cleanup.Found) error {
		if seen += len(page); seen%20_000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if seen != 100_000 || most > 16<<20 {
		t.Errorf("%d uploads, %d bytes", seen, most)
	}
}

// round lists one key again and again, its ids in a circle.
type round struct{}

func (round) RoundTrip(r *http.Request) (*http.Response, error) {
	id := map[string]string{"a": "b"}[r.URL.Query().Get("upload-id-marker")]
	if id == "" {
		id = "a"
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader("<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>" +
		"<NextUploadIdMarker>" + id + "</NextUploadIdMarker><Upload><Key>k</Key><UploadId>" + id + "</UploadId></Upload></ListMultipartUploadsResult>"))}, nil
}

func TestAListingThatGoesRoundEnds(t *testing.T) {
	k := &cleanup.Keeper{S3: s3wire.New(s3wire.Config{Credentials: fixed, Region: "us-east-1", Endpoint: "http://127.0.0.1", Transport: round{}}),
		Bucket: s3wire.Object{Bucket: "bucket"}, Disk: durable.System{}}
	if _, err := k.Each(t.Context(), "", cleanup.None, func([]cleanup.Found) error { return nil }); !errors.Is(err, cleanup.ErrEndless) {
		t.Errorf("got %v", err)
	}
}

func TestABucketThatIsNotThereAndRightsThatAreNotThere(t *testing.T) {
	s := start(t)
	k := s.keeper("", nil)
	admin := s3wire.Config{Credentials: s.AdminConfig(t).Credentials, Region: s.Region, Endpoint: s.Endpoint, Transport: s3wire.NewTransport(nil, nil)}
	k.S3, k.Bucket = s3wire.New(admin), s3wire.Object{Bucket: "no-such-bucket"}
	if _, err := k.Each(t.Context(), "", every, nil); s3wire.Classify(err) != s3wire.NoBucket {
		t.Errorf("got %v", err)
	}
	reader, err := sts.NewFromConfig(s.UserConfig(t)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &s.ReaderRoleARN, RoleSessionName: aws.String("sealift-x")})
	if err != nil {
		t.Fatal(err)
	}
	admin.Credentials = s.Config(t, *reader.Credentials.AccessKeyId, *reader.Credentials.SecretAccessKey, *reader.Credentials.SessionToken).Credentials
	mine, _ := s.as("sealift-" + run)
	f := cleanup.Found{Upload: s3wire.Upload{Key: "k", ID: s.open(mine, "k", true)}}
	k.S3, k.Bucket = s3wire.New(admin), s3wire.Object{Bucket: s.Bucket}
	if _, err := k.Each(t.Context(), "", every, nil); s3wire.Classify(err) != s3wire.Denied {
		t.Errorf("got %v", err)
	}
	if err := k.Abort(t.Context(), f); s3wire.Classify(err) != s3wire.Denied {
		t.Errorf("got %v", err)
	}
	if _, open := s.found(s.keeper("", nil), "")["k"]; !open {
		t.Error("it is gone")
	}
}

// vanishing aborts each upload between its listing and the look at its parts.
type vanishing struct {
	http.RoundTripper
	abort func(key string)
}

func (v vanishing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet && r.URL.Query().Has("uploadId") {
		v.abort(r.URL.Path)
	}
	return v.RoundTripper.RoundTrip(r)
}

func TestWhatGoesAwayMeanwhileIsNoError(t *testing.T) {
	s := start(t)
	mine, _ := s.as("sealift-" + run)
	stays, goes := s.open(mine, "in/stays", true), s.open(mine, "in/goes", true)
	k := s.keeper("", func(r http.RoundTripper) http.RoundTripper {
		return vanishing{r, func(path string) {
			if strings.HasSuffix(path, "in/goes") {
				_, _ = mine.AbortMultipartUpload(context.Background(), &s3.AbortMultipartUploadInput{Bucket: &s.Bucket, Key: aws.String("in/goes"), UploadId: &goes})
			}
		}}
	})
	var seen []cleanup.Found
	gone, err := k.Each(t.Context(), "in/", every, func(page []cleanup.Found) error { seen = append(seen, page...); return nil })
	if err != nil || gone != 1 || len(seen) != 1 || seen[0].ID != stays {
		t.Errorf("got %d gone, %+v, %v", gone, seen, err)
	}
}

func TestPricesAreKnownOrSaidToBeUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		prices cleanup.Prices
		class  string
		want   float64
		known  bool
	}{
		"standard":      {cleanup.Prices{Region: "us-east-1", AWS: true}, "", 0.023, true},
		"archive":       {cleanup.Prices{Region: "us-east-1", AWS: true}, "DEEP_ARCHIVE", 0.023, true},
		"infrequent":    {cleanup.Prices{Region: "eu-central-1", AWS: true}, "STANDARD_IA", 0.0135, true},
		"no region":     {cleanup.Prices{Region: "mars-1", AWS: true}, "STANDARD", 0, false},
		"no class":      {cleanup.Prices{Region: "us-east-1", AWS: true}, "SNOW", 0, false},
		"not AWS":       {cleanup.Prices{Region: "us-east-1"}, "STANDARD", 0, false},
		"given":         {cleanup.Prices{Region: "mars-1", Given: 0.5}, "SNOW", 0.5, true},
		"given for AWS": {cleanup.Prices{Region: "us-east-1", Given: 0.5, AWS: true}, "STANDARD", 0.5, true},
	} {
		if got, known := c.prices.Month(c.class, 1<<30); got != c.want || known != c.known {
			t.Errorf("%s: got %v, %v", name, got, known)
		}
	}
}
