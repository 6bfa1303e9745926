package sealift_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/sum"
	"github.com/sealift/sealift/receipt"
)

func TestObjectIsTheSourceWhateverItsSize(t *testing.T) {
	f := start(t)
	for _, size := range []int{0, 1, 4096, 5*mib - 1, 5 * mib, 5*mib + 1, 10 * mib, 10*mib + 1, 13 * mib} {
		key := key(t)
		data := random(size)
		up := open(t, f.config(t, key))
		r, err := up.Upload(t.Context(), sealift.File(file(t, data)), sealift.Object{Bucket: f.Bucket, Key: key,
			Options: sealift.Options{PartSize: 5 * mib, SourceHash: "sha256"}})
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if got := f.get(t, key); !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: the object has %d others", size, len(got))
		}
		checkReceipt(t, f, r, data, up.Run(), size > 5*mib)
		if n := f.openUploads(t, key); n != 0 {
			t.Errorf("%d bytes: %d uploads are left open", size, n)
		}
	}
}

func checkReceipt(t *testing.T, f *fixture, r *receipt.Receipt, data []byte, run string, multipart bool) {
	t.Helper()
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	sha := sha256.Sum256(data)
	if *r.Source.SHA256 != hex.EncodeToString(sha[:]) || r.Source.CRC64NVME != sum.Of(data).String() {
		t.Errorf("%d bytes: sums are %s, %s", len(data), *r.Source.SHA256, r.Source.CRC64NVME)
	}
	if r.Run != run || (r.Multipart != nil) != multipart || r.BytesSent != int64(len(data)) || r.Retries != 0 {
		t.Errorf("%d bytes: %+v", len(data), r)
	}
	if f.other != "" {
		return // no role, no versions
	}
	s := r.Session
	if s.RoleARN == nil || s.AssumedRoleARN == nil || s.Expires == nil || s.Narrowing != "object" || !strings.HasPrefix(s.KeyID, "ASIA") {
		t.Errorf("session is %+v", s)
	}
	if len(r.Sessions) != 1 || r.Sessions[0].KeyID != s.KeyID || r.Object.VersionID == nil || r.Object.Encryption == nil {
		t.Errorf("receipt is %+v", r)
	}
	for _, q := range r.Requests {
		if q.RequestID == "" || q.Operation == "" {
			t.Errorf("request is %+v", q)
		}
	}
}

func TestStrictAndNoHash(t *testing.T) {
	f := start(t)
	for _, hash := range []string{"strict", "none", ""} {
		key := key(t)
		r, err := open(t, f.config(t, key)).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(11*mib)), 11*mib),
			sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, SourceHash: hash}})
		if err != nil {
			t.Fatalf("%q: %v", hash, err)
		}
		if (r.Source.SHA256 != nil) != (hash == "strict") {
			t.Errorf("%q: SHA-256 is %v", hash, r.Source.SHA256)
		}
	}
}

func TestOptionsArriveAtTheObject(t *testing.T) {
	f := start(t)
	class, encryption := "STANDARD_IA", "AES256"
	if f.other != "" {
		class, encryption = "", ""
	}
	for _, size := range []int{10, 6 * mib} {
		key := key(t)
		r, err := open(t, f.config(t, key)).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)),
			sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, ContentType: "text/x-test",
				CacheControl: "no-store", Metadata: map[string]string{"colour": "blue"}, StorageClass: class, Encryption: encryption}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &f.Bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if *got.ContentType != "text/x-test" || *got.CacheControl != "no-store" || got.Metadata["colour"] != "blue" ||
			got.Metadata["sealift-transfer"] != r.Transfer {
			t.Errorf("head: %+v\nreceipt: %+v", got, r.Object)
		}
		if f.other == "" && (r.Object.StorageClass != class || *r.Object.Encryption != encryption) {
			t.Errorf("receipt: %+v", r.Object)
		}
	}
}

func TestOverwritingIsRefusedUnlessAskedFor(t *testing.T) {
	f := start(t)
	for name, size := range map[string]int{"single": 10, "multipart": 6 * mib} {
		for _, withReader := range []bool{false, true} {
			key := key(t) + name
			f.put(t, key, "theirs")
			c := f.config(t, key)
			if withReader {
				c.Reader = f.reader(t)
			}
			through := fault.Through(t, f.transport(t))
			c.Transport = through
			up := open(t, c)
			object := sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}}
			source := sealift.ReaderAt(bytes.NewReader(random(size)), int64(size))
			if _, err := up.Upload(t.Context(), source, object); !errors.Is(err, sealift.ErrExists) {
				t.Errorf("%s: %v, want ErrExists", name, err)
			}
			if sent := through.Count("PutObject") + through.Count("CreateMultipartUpload"); withReader && sent > 0 {
				t.Errorf("%s: %d requests sent although the reader saw the object", name, sent)
			}
			if got := f.get(t, key); string(got) != "theirs" || f.openUploads(t, key) != 0 {
				t.Errorf("%s: object has %d bytes, %d uploads open", name, len(got), f.openUploads(t, key))
			}
			object.IfExists = "overwrite"
			if _, err := up.Upload(t.Context(), source, object); err != nil {
				t.Errorf("%s: overwrite: %v", name, err)
			}
		}
	}
}

func TestAnyKeyCanBeStored(t *testing.T) {
	f := start(t)
	for _, name := range []string{"plain", "with space", "a+b&c=d", "100%", "ünï/çødé", "*", "a?b", "$x${y}", "~tilde", "semi;colon", "quote'\"", "emoji-🪨", "#hash"} {
		key := "keys/" + name
		r, err := open(t, f.config(t, key)).Upload(t.Context(), sealift.ReaderAt(strings.NewReader(name), int64(len(name))), sealift.Object{Bucket: f.Bucket, Key: key})
		if err != nil {
			t.Errorf("%q: %v", key, err)
			continue
		}
		if got := f.get(t, key); string(got) != name || r.Object.Key != key {
			t.Errorf("%q holds %q", key, got)
		}
	}
}

func TestInvalidUploadsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	never := &silent{t}
	up := open(t, sealift.Config{Credentials: never, Region: "us-east-1", Transport: never})
	for name, o := range map[string]sealift.Object{
		"no bucket":      {Key: "k"},
		"no key":         {Bucket: "b"},
		"long key":       {Bucket: "b", Key: strings.Repeat("k", 1025)},
		"not UTF-8":      {Bucket: "b", Key: "\xff"},
		"control":        {Bucket: "b", Key: "a\nb"},
		"dot dot":        {Bucket: "b", Key: "a/../b"},
		"dot":            {Bucket: "b", Key: "./b"},
		"part size":      {Bucket: "b", Key: "k", Options: sealift.Options{PartSize: 1024}},
		"if exists":      {Bucket: "b", Key: "k", Options: sealift.Options{IfExists: "maybe"}},
		"hash":           {Bucket: "b", Key: "k", Options: sealift.Options{SourceHash: "md5"}},
		"encryption":     {Bucket: "b", Key: "k", Options: sealift.Options{Encryption: "rot13"}},
		"key without":    {Bucket: "b", Key: "k", Options: sealift.Options{KMSKeyID: "alias/x"}},
		"metadata name":  {Bucket: "b", Key: "k", Options: sealift.Options{Metadata: map[string]string{"A b": "c"}}},
		"metadata value": {Bucket: "b", Key: "k", Options: sealift.Options{Metadata: map[string]string{"a": "ü"}}},
		"metadata taken": {Bucket: "b", Key: "k", Options: sealift.Options{Metadata: map[string]string{"sealift-transfer": "x"}}},
		"metadata size":  {Bucket: "b", Key: "k", Options: sealift.Options{Metadata: map[string]string{"a": strings.Repeat("x", 2048)}}},
		"header split":   {Bucket: "b", Key: "k", Options: sealift.Options{ContentType: "a\r\nb: c"}},
		"tag":            {Bucket: "b", Key: "k", Options: sealift.Options{Tags: map[string]string{"": "x"}}},
	} {
		_, err := up.Upload(t.Context(), sealift.ReaderAt(strings.NewReader("x"), 1), o)
		if !errors.Is(err, sealift.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if _, err := up.Upload(t.Context(), sealift.ReaderAt(strings.NewReader("x"), -1), sealift.Object{Bucket: "b", Key: "k"}); !errors.Is(err, sealift.ErrInvalid) {
		t.Errorf("negative size: %v, want ErrInvalid", err)
	}
}

func TestUnusableConfigurationsAreRefused(t *testing.T) {
	never := &silent{t}
	for name, c := range map[string]sealift.Config{
		"no credentials":  {Region: "r"},
		"no region":       {Credentials: never},
		"plain http":      {Credentials: never, Region: "r", Endpoint: "http://s3.example.com"},
		"no scheme":       {Credentials: never, Region: "r", Endpoint: "localhost:9000"},
		"metadata":        {Credentials: never, Region: "r", Endpoint: "https://169.254.169.254"},
		"metadata v6":     {Credentials: never, Region: "r", Endpoint: "http://[fd00:ec2::254]"},
		"user in the URL": {Credentials: never, Region: "r", Endpoint: "https://u:p@example.com"},
		"not a run":       {Credentials: never, Region: "r", Run: "yesterday"},
	} {
		if _, err := sealift.New(c); !errors.Is(err, sealift.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func TestCancelledUploadIsAborted(t *testing.T) {
	f := start(t)
	key := key(t)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := f.config(t, key)
	c.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: "UploadPart", Nth: 2, Do: func() { cancel(stop) }})
	_, err := open(t, c).Upload(ctx, sealift.ReaderAt(bytes.NewReader(random(40*mib)), 40*mib), sealift.Object{Bucket: f.Bucket, Key: key})
	if !errors.Is(err, stop) {
		t.Errorf("error is %v, want the context's cause", err)
	}
	if f.get(t, key) != nil || f.openUploads(t, key) != 0 {
		t.Errorf("an object or an open upload is left")
	}
}

// A user may press Ctrl-C at any time; what was sent as Complete may count.
func TestCancelDuringCompleteIsSettled(t *testing.T) {
	f := start(t)
	key := key(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := f.config(t, key)
	c.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: "CompleteMultipartUpload", Nth: 1, After: true, Do: cancel})
	r, err := open(t, c).Upload(ctx, sealift.ReaderAt(bytes.NewReader(random(12*mib)), 12*mib), sealift.Object{Bucket: f.Bucket, Key: key})
	if !f.unproven(err) && (err != nil || r == nil) || f.get(t, key) == nil {
		t.Errorf("stored object is reported as %v", err)
	}
}

func TestEventsTellTheTruth(t *testing.T) {
	f := start(t)
	key := key(t)
	c := f.config(t, key)
	c.Transport = fault.Through(t, f.transport(t),
		fault.Fault{Op: "UploadPart", Nth: 2, After: true}, fault.Fault{Op: "UploadPart", Nth: 3, Status: 503, Code: "SlowDown"},
		fault.Fault{Op: "UploadPart", Nth: 5})
	var seen []sealift.Event
	c.OnEvent = func(e sealift.Event) { seen = append(seen, e) } // one goroutine: no lock
	size := int64(40 * mib)
	r, err := open(t, c).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(int(size))), size), sealift.Object{Bucket: f.Bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var acknowledged int64
	types := map[string]int{}
	for i, e := range seen {
		types[e.Type]++
		if e.Run != r.Run || e.Transfer != r.Transfer || e.Time.IsZero() {
			t.Errorf("event %d: %+v", i, e)
		}
		if e.Type != "progress" {
			continue
		}
		if e.Acknowledged < acknowledged || e.Acknowledged > e.Sent || e.Sent > size {
			t.Errorf("event %d: sent %d, acknowledged %d after %d of %d", i, e.Sent, e.Acknowledged, acknowledged, size)
		}
		acknowledged = e.Acknowledged
	}
	if acknowledged != size || types["started"] != 1 || types["stored"] != 1 || types["retried"] != 3 || seen[len(seen)-1].Type != "stored" {
		t.Errorf("acknowledged %d of %d; events: %v", acknowledged, size, types)
	}
	if r.Retries != 3 || r.BytesSent <= size {
		t.Errorf("receipt counts %d retries and %d bytes sent", r.Retries, r.BytesSent)
	}
}

func TestManyUploadsShareOneUploader(t *testing.T) {
	f := start(t)
	before := runtime.NumGoroutine()
	c := f.config(t, "many/*")
	c.Credentials = f.wide(t)
	c.Budget = sealift.NewBudget(3, 0)
	counting := &counter{next: f.transport(t)}
	c.Transport = counting
	up, err := sealift.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			size := int64(i) * 1000
			if i < 12 {
				size = int64(i) * mib
			}
			object := sealift.Object{Bucket: f.Bucket, Key: "many/" + strconv.Itoa(i), Options: sealift.Options{PartSize: 5 * mib}}
			if _, err := up.Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(int(size))), size), object); err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
		})
	}
	wg.Wait()
	if counting.most > 3 {
		t.Errorf("%d requests at once, the budget is 3", counting.most)
	}
	if err := up.Close(); err != nil {
		t.Error(err)
	}
	if _, err := up.Upload(t.Context(), sealift.ReaderAt(strings.NewReader(""), 0), sealift.Object{Bucket: "b", Key: "k"}); !errors.Is(err, sealift.ErrInvalid) {
		t.Errorf("after Close: %v", err)
	}
	settled(t, before)
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for range 50 {
		if runtime.NumGoroutine() <= before+4 { // the test's own idle connections
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines, were %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}

// Whoever prints an Uploader must not print its keys.
func TestPrintedUploaderShowsNoSecret(t *testing.T) {
	never := &silent{t}
	keys := credentials.NewStaticCredentialsProvider("AKID", "the secret", "the token")
	up := open(t, sealift.Config{Credentials: keys, Reader: keys, Region: "r", Transport: never})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if text := fmt.Sprintf(verb, up); strings.Contains(text, "the secret") || strings.Contains(text, "the token") {
			t.Errorf("%s shows %s", verb, text)
		}
	}
}

func TestFileThatIsNoFileIsRefused(t *testing.T) {
	never := &silent{t}
	up := open(t, sealift.Config{Credentials: never, Region: "r", Transport: never})
	d, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := up.Upload(t.Context(), sealift.File(d), sealift.Object{Bucket: "b", Key: "k"}); err == nil {
		t.Error("a directory was uploaded")
	}
}
