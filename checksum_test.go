package sealift_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/sum"
	"github.com/sealift/sealift/receipt"
)

// wholeSum is the sum of that kind of all of data, in base64.
func wholeSum(kind sum.Kind, data []byte) string {
	tally := sum.NewTally(kind)
	tally.Write(data)
	return tally.Sums().Told(kind)
}

// Whichever checksum is asked for, it is the one that the object has, and what
// the receipt says of it is what the object's HEAD says.
func TestObjectHasTheChecksumThatWasAskedFor(t *testing.T) {
	t.Parallel()
	f := start(t)
	for _, name := range []string{"", "crc64nvme", "CRC32", "crc32c", "sha1", "sha256"} {
		for _, size := range []int{0, 10, 11*mib + 1} {
			key := key(t)
			data := random(size)
			c := f.config(t, key)
			r, err := open(t, c).Upload(t.Context(), sealift.File(file(t, data)), sealift.Object{Bucket: f.Bucket, Key: key,
				Options: sealift.Options{PartSize: 5 * mib, Checksum: name, SourceHash: "sha256"}})
			if err != nil {
				t.Errorf("%s, %d bytes: %v", name, size, err)
				continue
			}
			kind, _ := sum.ParseKind(name)
			if err := r.Check(); err != nil || r.Object.Checksum.Algorithm != string(kind) || r.Source.CRC64NVME != sum.Of(data).String() {
				t.Errorf("%s, %d bytes: %v: %+v", name, size, err, r)
			}
			composite := kind.Composite() && size > 5*mib
			if got := r.Object.Checksum; (got.Type == "COMPOSITE") != composite || !composite && got.Value != wholeSum(kind, data) || composite && !strings.HasSuffix(got.Value, "-3") {
				t.Errorf("%s, %d bytes: checksum is %+v", name, size, got)
			}
			if got := f.checksumOf(t, key); got != r.Object.Checksum {
				t.Errorf("%s, %d bytes: the object has %+v, the receipt %+v", name, size, got, r.Object.Checksum)
			}
		}
	}
}

// checksumOf is what a HEAD by the administrator says.
func (f *fixture) checksumOf(t *testing.T, key string) receipt.Checksum {
	t.Helper()
	h, err := f.admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &f.Bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	for kind, value := range map[sum.Kind]*string{sum.CRC64NVME: h.ChecksumCRC64NVME, sum.CRC32: h.ChecksumCRC32, sum.CRC32C: h.ChecksumCRC32C,
		sum.SHA1: h.ChecksumSHA1, sum.SHA256: h.ChecksumSHA256} {
		if value != nil {
			return receipt.Checksum{Algorithm: string(kind), Type: string(h.ChecksumType), Value: *value}
		}
	}
	return receipt.Checksum{}
}

// Streams are summed as they come, in the kind that was asked for.
func TestStreamsHaveTheChecksumThatWasAskedFor(t *testing.T) {
	t.Parallel()
	f := start(t)
	for _, name := range []string{"crc32", "sha256", "none"} {
		for _, size := range []int{0, 11 * mib} {
			key := key(t)
			data := random(size)
			r, err := open(t, f.config(t, key)).Upload(t.Context(), sealift.Stream(bytes.NewReader(data), ""),
				sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, Checksum: name}})
			if err != nil || r.Check() != nil || !bytes.Equal(f.get(t, key), data) {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
		}
	}
}

// S3 refuses bytes that are not those that were summed, whichever the sum; with
// none it is told an MD5.
func TestSpoiltBytesAreRefusedByEveryChecksum(t *testing.T) {
	t.Parallel()
	f := start(t)
	for _, name := range []string{"crc64nvme", "crc32", "crc32c", "sha1", "sha256", "none"} {
		for _, size := range []int{10, 6 * mib} {
			key := key(t)
			c := f.config(t, key)
			c.Transport = spoiling{f.transport(t)}
			_, err := open(t, c).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)),
				sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, Checksum: name}})
			if !errors.Is(err, sealift.ErrIntegrity) || f.get(t, key) != nil {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
		}
	}
}

// spoiling flips a bit of every body on its way.
type spoiling struct{ next http.RoundTripper }

func (s spoiling) RoundTrip(r *http.Request) (*http.Response, error) {
	if op := fault.Operation(r); op == "PutObject" || op == "UploadPart" {
		r = r.Clone(r.Context())
		r.Body = struct {
			io.Reader
			io.Closer
		}{&flip{Reader: r.Body}, r.Body}
	}
	return s.next.RoundTrip(r)
}

type flip struct {
	io.Reader
	done bool
}

func (f *flip) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if n >= 10 && !f.done { // less is the framing of a part
		p[0] ^= 1
		f.done = true
	}
	return n, err
}

// A server that knows no checksums: what it is told by default cannot be
// proven, and nothing is called stored.
func TestServerWithoutChecksumsIsFoundOut(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"ignore", "refuse"} {
		f := start(t, "--checksums", way)
		f.sandboxOnly(t, "it keeps checksums as it does")
		for _, size := range []int{10, 16 * mib} {
			var log bytes.Buffer
			key := key(t)
			c := f.config(t, key)
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			through := fault.Through(t, f.transport(t))
			c.Transport = through
			up := open(t, c)
			object := sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, IfExists: "overwrite"}}
			for range 2 {
				_, err := up.Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)), object)
				if !errors.Is(err, sealift.ErrNoChecksum) {
					t.Errorf("%s, %d bytes: %v", way, size, err)
				}
			}
			if n := through.Count("PutObject") + through.Count("CreateMultipartUpload"); n != 1 {
				t.Errorf("%s, %d bytes: found out %d times", way, size, n)
			}
			if n := strings.Count(log.String(), "level=WARN"); n != 1 {
				t.Errorf("%s, %d bytes: said %d times:\n%s", way, size, n, log.String())
			}
			object.Checksum = "crc32" // another kind is found out by itself
			if _, err := up.Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)), object); !errors.Is(err, sealift.ErrNoChecksum) || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("%s, %d bytes, crc32: %v", way, size, err)
			}
			if n := through.Count("PutObject") + through.Count("CreateMultipartUpload"); n != 2 {
				t.Errorf("%s, %d bytes, crc32: %d requests", way, size, n)
			}
			object.Checksum = "none"
			if _, err := up.Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)), object); err != nil {
				t.Errorf("%s, %d bytes, none: %v", way, size, err)
			}
			if n := through.Count("UploadPart"); n > 12 || f.openUploads(t, key) != 0 {
				t.Errorf("%s: %d parts, %d uploads open", way, n, f.openUploads(t, key))
			}
		}
	}
}

// With "none" such a server's ETag is the proof: it is the MD5 of what was sent.
func TestNoneIsProvenByTheETag(t *testing.T) {
	for _, way := range []string{"refuse", "keep"} {
		f := start(t, "--checksums", way)
		f.sandboxOnly(t, "it keeps checksums as it does")
		for _, size := range []int{0, 10, 11 * mib} {
			key := key(t)
			data := random(size)
			r, err := open(t, f.config(t, key)).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(size)),
				sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, Checksum: "none"}})
			if err != nil {
				t.Errorf("%s, %d bytes: %v", way, size, err)
				continue
			}
			if err := r.Check(); err != nil || !bytes.Equal(f.get(t, key), data) {
				t.Errorf("%s, %d bytes: %v", way, size, err)
			}
			if empty := r.Object.Checksum == (receipt.Checksum{}); empty != (way == "refuse") {
				t.Errorf("%s, %d bytes: checksum is %+v", way, size, r.Object.Checksum)
			}
		}
	}
}

// An ETag that is the MD5 of other bytes is no proof but the contrary; one that
// is no MD5 proves nothing, until a reader knows the object.
func TestNoneIsNotProvenByAnyETag(t *testing.T) {
	f := start(t, "--checksums", "ignore")
	f.sandboxOnly(t, "it keeps checksums as it does")
	other := `"` + strings.Repeat("0", 32) + `"`
	for name, c := range map[string]struct {
		etag, encryption string
		reader           bool
		want             error
	}{
		"another MD5":              {other, "", false, sealift.ErrIntegrity},
		"another MD5, with reader": {other, "", true, sealift.ErrIntegrity},
		"an MD5 of more parts":     {`"` + strings.Repeat("0", 32) + `-99"`, "", false, sealift.ErrUnknownOutcome},
		"no MD5":                   {`"x-1"`, "", false, sealift.ErrUnknownOutcome},
		"no MD5, with reader":      {`"x-1"`, "", true, nil},
		"encrypted by KMS":         {other, "aws:kms", false, sealift.ErrUnknownOutcome},
	} {
		for op, size := range map[string]int{"PutObject": 10, "CompleteMultipartUpload": 6 * mib} {
			key := key(t)
			etag := c.etag
			if op == "CompleteMultipartUpload" && c.etag == other {
				etag = strings.Replace(etag, `0"`, `0-2"`, 1)
			}
			config := f.config(t, key)
			if c.reader {
				config.Reader = f.reader(t)
			}
			header := http.Header{"Etag": {etag}}
			if c.encryption != "" {
				header.Set("x-amz-server-side-encryption", c.encryption)
			}
			body := ""
			if op != "PutObject" {
				body = "<CompleteMultipartUploadResult><ETag>" + strings.ReplaceAll(etag, `"`, "&quot;") + "</ETag></CompleteMultipartUploadResult>"
			}
			config.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: op, After: true, Status: 200, Header: header, Body: body})
			r, err := open(t, config).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)),
				sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, Checksum: "none"}})
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) || (r == nil) != (err != nil) {
				t.Errorf("%s, %s: %v, want %v", name, op, err, c.want)
			}
			if r != nil && r.Requests[len(r.Requests)-1].Operation != "HeadObject" {
				t.Errorf("%s, %s: the look that proved it is not in %+v", name, op, r.Requests)
			}
		}
	}
}

// A lost answer is settled by the checksum that was asked for.
func TestLostAnswersAreSettledByEveryChecksum(t *testing.T) {
	t.Parallel()
	f := start(t)
	for _, name := range []string{"crc32c", "sha256", "none"} {
		for op, size := range map[string]int{"PutObject": 10, "CompleteMultipartUpload": 6 * mib} {
			key := key(t)
			c := f.config(t, key)
			c.Reader = f.reader(t)
			c.Transport = fault.Through(t, f.transport(t), fault.Fault{Op: op, Nth: 1, After: true})
			r, err := open(t, c).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)),
				sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, Checksum: name}})
			if err != nil || f.versions(t, key) != 1 {
				t.Errorf("%s, %s: %v, %d versions", name, op, err, f.versions(t, key))
			} else if got := f.checksumOf(t, key); got != r.Object.Checksum {
				t.Errorf("%s, %s: the object has %+v, the receipt %+v", name, op, got, r.Object.Checksum)
			}
		}
	}
}

// A part that was sent twice may have the ETag of either: S3's list says which,
// where its checksum is the one that was sent.
func TestETagsOfPartsAreAdoptedByEveryChecksum(t *testing.T) {
	f := start(t)
	for _, name := range []string{"crc64nvme", "crc32", "sha1", "none"} {
		key := key(t)
		c := f.config(t, key)
		through := fault.Through(t, f.transport(t), fault.Fault{Op: "CompleteMultipartUpload", Nth: 1, Status: 400, Code: "InvalidPart"})
		c.Transport = through
		data := random(6 * mib)
		_, err := open(t, c).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(len(data))),
			sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib, Checksum: name}})
		if err != nil || through.Count("ListParts") == 0 || !bytes.Equal(f.get(t, key), data) {
			t.Errorf("%s: %v, %d lists", name, err, through.Count("ListParts"))
		}
	}
}

func TestChecksumsThatCannotBe(t *testing.T) {
	up := open(t, sealift.Config{Credentials: aws.AnonymousCredentials{}, Region: "eu-west-1"})
	for words, o := range map[string]sealift.Options{
		"checksum algorithm \"md5\" is none of crc64nvme, crc32": {Checksum: "md5"},
		"object lock needs a checksum":                           {Checksum: "none", LegalHold: true},
	} {
		_, err := up.Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0), sealift.Object{Bucket: "bucket", Key: "k", Options: o})
		if !errors.Is(err, sealift.ErrInvalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("%+v: %v, want %q", o, err, words)
		}
	}
}

// The SHA-256 that S3 keeps of a single object is that of the file.
func TestSHA256OfOnePartIsTheFiles(t *testing.T) {
	f := start(t)
	key := key(t)
	data := random(100)
	want := sha256.Sum256(data)
	r, err := open(t, f.config(t, key)).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), 100),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{Checksum: "sha256"}})
	if err != nil || r.Object.Checksum != (receipt.Checksum{Algorithm: "SHA256", Type: "FULL_OBJECT", Value: base64.StdEncoding.EncodeToString(want[:])}) {
		t.Errorf("%v: %+v", err, r)
	}
}

// A tree has the checksum, and what is kept with its objects, that its options
// say. Its manifest is summed so too, and is not what the objects are.
func TestTreesAreKeptAsTheirOptionsSay(t *testing.T) {
	w := plant(t, nil)
	tree := w.tree(grow(t, "a.txt", "b/c.txt"))
	tree.Manifest = w.prefix + "manifest"
	tree.Options = sealift.Options{Checksum: "sha256", ContentEncoding: "gzip", ContentLanguage: "fr"}
	if got, err := w.send(t, t.Context(), tree); err != nil || got.Stored != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for key, encoding := range map[string]string{"a.txt": "gzip", "b/c.txt": "gzip", "manifest": ""} {
		key = w.prefix + key
		if got := w.checksumOf(t, key); got.Algorithm != "SHA256" || got.Value != wholeSum(sum.SHA256, w.get(t, key)) {
			t.Errorf("%s has %+v", key, got)
		}
		head, err := w.admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &w.Bucket, Key: &key})
		if err != nil || aws.ToString(head.ContentEncoding) != encoding {
			t.Errorf("%s is in %q, %v", key, aws.ToString(head.ContentEncoding), err)
		}
	}
	if listed := string(w.get(t, tree.Manifest)); strings.Count(listed, `"algorithm":"SHA256"`) != 2 {
		t.Errorf("manifest is\n%s", listed)
	}
}

// Where a server keeps no checksum, a tree ends with the first file that shows
// it; told none, it goes on, and the manifest has the sums of what was sent.
func TestTreesOnAServerWithoutChecksums(t *testing.T) {
	f := start(t, "--checksums", "refuse")
	f.sandboxOnly(t, "it keeps checksums as it does")
	prefix := key(t) + "/"
	for _, name := range []string{"", "none"} {
		c := f.config(t, prefix)
		c.Credentials = f.prefixed(t, prefix)
		up := open(t, c)
		run, err := up.Start(t.Context(), sealift.Tree{Bucket: f.Bucket, Prefix: prefix, Sources: []string{grow(t, "a.txt", "b/c.txt")},
			Manifest: prefix + "manifest", Options: sealift.Options{Checksum: name}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := run.Wait()
		if name == "" {
			if !errors.Is(err, sealift.ErrNoChecksum) || got.Stored != 0 {
				t.Errorf("%+v, %v", got, err)
			}
			continue
		}
		if err != nil || got.Stored != 2 || !strings.Contains(string(f.get(t, prefix+"manifest")), sum.Of([]byte("a.txt")).String()) {
			t.Errorf("%+v, %v: manifest\n%s", got, err, f.get(t, prefix+"manifest"))
		}
	}
}

// An object that was there before has whatever checksum it was given: a
// manifest names that.
func TestManifestHasTheChecksumThatAnObjectHas(t *testing.T) {
	w := plant(t, nil)
	key := w.prefix + "a.txt"
	_, err := w.admin.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &w.Bucket, Key: &key, Body: strings.NewReader("theirs"), ChecksumAlgorithm: types.ChecksumAlgorithmSha1})
	if err != nil {
		t.Fatal(err)
	}
	c := w.config(t, key)
	c.Credentials, c.Reader = w.prefixed(t, w.prefix), w.reader(t)
	tree := w.tree(grow(t, "a.txt"))
	tree.Manifest, tree.Options.IfExists = w.prefix+"manifest", "skip"
	run, err := open(t, c).Start(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := run.Wait(); err != nil || got.Skipped != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if listed := string(w.get(t, tree.Manifest)); !strings.Contains(listed, `{"algorithm":"SHA1","type":"FULL_OBJECT","value":"`+wholeSum(sum.SHA1, []byte("theirs"))+`"}`) {
		t.Errorf("manifest is\n%s", listed)
	}
}

// Over TLS parts have their sum behind their bytes, and no server that is
// tested against makes Sealift fall back.
func TestPartsCarryTheirSumBehind(t *testing.T) {
	f := start(t)
	key, data := key(t), random(16*mib)
	c := f.config(t, key)
	parts := &placesOfSums{next: f.transport(t)}
	c.Transport = parts
	r, err := open(t, c).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(len(data))),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
	if err != nil || r.Check() != nil || !bytes.Equal(f.get(t, key), data) {
		t.Fatal(err)
	}
	if behind, before := parts.behind.Load(), parts.before.Load(); behind != 4 || before != 0 {
		t.Errorf("%d parts were sent with their sum behind, %d before", behind, before)
	}
}

// placesOfSums counts where parts have their sum.
type placesOfSums struct {
	next           http.RoundTripper
	behind, before atomic.Int64
}

func (p *placesOfSums) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case fault.Operation(r) != "UploadPart":
	case r.Header.Get("X-Amz-Trailer") != "":
		p.behind.Add(1)
	case r.Header.Get("X-Amz-Checksum-Crc64nvme") != "":
		p.before.Add(1)
	}
	return p.next.RoundTrip(r)
}

// A server that refuses sums behind the bytes gets them before, and no more
// behind.
func TestServerWithoutTrailersIsSpokenToPlainly(t *testing.T) {
	f := start(t)
	key := key(t)
	c := f.config(t, key)
	parts := &placesOfSums{next: f.transport(t)}
	plain := &trailerless{next: parts}
	c.Transport = plain
	data := random(64 * mib)
	r, err := open(t, c).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(data), int64(len(data))),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}})
	if err != nil || r.Check() != nil || !bytes.Equal(f.get(t, key), data) {
		t.Fatal(err)
	}
	refused, before := plain.refused.Load(), parts.before.Load()
	if refused == 0 || refused > 13 || before != 13 {
		t.Errorf("%d parts were refused, %d sent with their sum before", refused, before)
	}
}

// trailerless refuses parts with trailers as a server does that has never heard
// of them.
type trailerless struct {
	next    http.RoundTripper
	refused atomic.Int64
}

func (s *trailerless) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Trailer") != "" {
		s.refused.Add(1)
		io.Copy(io.Discard, r.Body)
		body := "<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented.</Message></Error>"
		return &http.Response{StatusCode: 501, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	return s.next.RoundTrip(r)
}
