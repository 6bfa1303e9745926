package sealift_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
)

// A sender is whoever got a presigned request: it knows no AWS.
type sender struct{ *http.Client }

// send sends body as r says, after a change, and returns status and S3's code.
func (s sender) send(t *testing.T, r *http.Request, body io.Reader, length int64, change func(*http.Request)) (int, string) {
	t.Helper()
	sent := r.Clone(t.Context())
	sent.Body, sent.ContentLength = io.NopCloser(body), length
	if length == 0 {
		sent.Body = http.NoBody
	}
	if change != nil {
		change(sent)
	}
	resp, err := s.Do(sent)
	if err != nil && os.Getenv("SEALIFT_TEST_SERVER") != "" && length > 0 {
		return http.StatusBadRequest, "" // other servers cut the connection of a body that they refuse unread
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var said struct{ Code string }
	_ = xml.NewDecoder(resp.Body).Decode(&said) // an answer that is no error has none
	return resp.StatusCode, said.Code
}

func sha256Of(data []byte) string {
	s := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(s[:])
}

// Who has the request can store those bytes under that key, once, and do
// nothing else with it.
func TestPresignedRequestStoresTheseBytesAndNothingElse(t *testing.T) {
	f := start(t)
	anyone := sender{f.Client(t)}
	data := random(5000)
	other := bytes.Clone(data)
	other[100]++
	hexed, _ := base64.StdEncoding.DecodeString(sha256Of(data))
	for name, checksum := range map[string]string{"CRC64NVME": sum.Of(data).String(), "SHA-256": sha256Of(data), "SHA-256 in hex": hex.EncodeToString(hexed)} {
		key := key(t) + "/with space & ünï"
		up := open(t, f.config(t, key))
		r, err := up.Presign(t.Context(), sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{
			ContentType: "text/x-test", Metadata: map[string]string{"colour": "blue"}, ExpectedBucketOwner: f.Account}}, 5000, checksum, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if q := r.URL.Query(); q.Get("X-Amz-Expires") != "60" || !strings.Contains(q.Get("X-Amz-SignedHeaders"), "content-length") {
			t.Errorf("%s: the query is %v", name, q)
		}
		elsewhere := func(sent *http.Request) { sent.URL.Path += "x"; sent.URL.RawPath = "" }
		for what, try := range map[string]struct {
			body   []byte
			change func(*http.Request)
			code   string
		}{
			"other bytes":      {other, nil, "BadDigest"},
			"fewer bytes":      {data[:4999], nil, "SignatureDoesNotMatch"},
			"more bytes":       {append(bytes.Clone(data), 0), nil, "SignatureDoesNotMatch"},
			"untold length":    {data, func(sent *http.Request) { sent.ContentLength = -1 }, "SignatureDoesNotMatch"},
			"other key":        {data, elsewhere, "SignatureDoesNotMatch"},
			"other method":     {nil, func(sent *http.Request) { sent.Method = http.MethodGet }, "SignatureDoesNotMatch"},
			"DELETE":           {nil, func(sent *http.Request) { sent.Method = http.MethodDelete }, "SignatureDoesNotMatch"},
			"other type":       {data, func(sent *http.Request) { sent.Header.Set("Content-Type", "text/html") }, "SignatureDoesNotMatch"},
			"other metadata":   {data, func(sent *http.Request) { sent.Header.Set("X-Amz-Meta-Colour", "red") }, "SignatureDoesNotMatch"},
			"a header more":    {data, func(sent *http.Request) { sent.Header.Set("X-Amz-Meta-Size", "big") }, "AccessDenied"},
			"no checksum":      {data, without("X-Amz-Checksum-Crc64nvme", "X-Amz-Checksum-Sha256"), "SignatureDoesNotMatch"},
			"no condition":     {data, without("If-None-Match"), "SignatureDoesNotMatch"},
			"another checksum": {other, func(sent *http.Request) { sent.Header.Set("X-Amz-Checksum-Crc64nvme", sum.Of(other).String()) }, ""},
			"a longer life": {data, func(sent *http.Request) {
				sent.URL.RawQuery = strings.Replace(sent.URL.RawQuery, "X-Amz-Expires=60", "X-Amz-Expires=600", 1)
			}, "SignatureDoesNotMatch"},
		} {
			status, code := anyone.send(t, r, bytes.NewReader(try.body), int64(len(try.body)), try.change)
			if status < 400 || try.code != "" && code != try.code && f.other == "" {
				t.Errorf("%s: %s: %d %s, want %s", name, what, status, code, try.code)
			}
		}
		if f.get(t, key) != nil || f.get(t, key+"x") != nil {
			t.Fatalf("%s: something was stored", name)
		}
		if status, code := anyone.send(t, r, bytes.NewReader(data), 5000, nil); status != 200 {
			t.Fatalf("%s: %d %s", name, status, code)
		}
		got, err := f.admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &f.Bucket, Key: &key})
		if err != nil || *got.ContentType != "text/x-test" || got.Metadata["colour"] != "blue" || !bytes.Equal(f.get(t, key), data) {
			t.Errorf("%s: the object is %+v, %v", name, got, err)
		}
		if status, code := anyone.send(t, r, bytes.NewReader(data), 5000, nil); status != http.StatusPreconditionFailed {
			t.Errorf("%s: sent twice: %d %s", name, status, code)
		}
	}
}

func without(names ...string) func(*http.Request) {
	return func(r *http.Request) {
		for _, name := range names {
			r.Header.Del(name)
		}
	}
}

// Every option that S3 could be told otherwise of is signed.
func TestPresignedOptionsAreSigned(t *testing.T) {
	f := start(t)
	yes := true
	r, err := open(t, f.config(t, "k")).Presign(t.Context(), sealift.Object{Bucket: f.Bucket, Key: "k", Options: sealift.Options{
		ContentType: "a/b", ContentLanguage: "de", ContentEncoding: "gzip", ContentDisposition: "attachment", CacheControl: "no-store", Expires: time.Now(),
		Metadata: map[string]string{"m": "v"}, Tags: map[string]string{"t": "v"}, StorageClass: "GLACIER", Encryption: "aws:kms", KMSKeyID: "id",
		KMSContext: map[string]string{"c": "v"}, BucketKey: &yes, LockMode: "GOVERNANCE", LockUntil: time.Now().Add(time.Hour), LegalHold: true,
		ExpectedBucketOwner: "123456789012", RequesterPays: true}}, 1, sha256Of([]byte("x")), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	signed := strings.Split(r.URL.Query().Get("X-Amz-SignedHeaders"), ";")
	for name := range r.Header {
		if !slices.Contains(signed, strings.ToLower(name)) {
			t.Errorf("%s is not signed", name)
		}
	}
	if len(r.Header) != 20 || len(signed) != 22 {
		t.Errorf("%d headers, %d signed: %v", len(r.Header), len(signed), signed)
	}
}

// Overwriting is there for whoever asks for it.
func TestPresignedOverwrite(t *testing.T) {
	f := start(t)
	anyone, key, data := sender{f.Client(t)}, key(t), random(10)
	f.put(t, key, "theirs")
	r, err := open(t, f.config(t, key)).Presign(t.Context(), sealift.Object{Bucket: f.Bucket, Key: key,
		Options: sealift.Options{IfExists: "overwrite"}}, 10, sum.Of(data).String(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if status, code := anyone.send(t, r, bytes.NewReader(data), 10, nil); status != 200 {
			t.Errorf("%d %s", status, code)
		}
	}
	if !bytes.Equal(f.get(t, key), data) {
		t.Error("the object is another")
	}
}

// An empty body has no length that could be signed: its sum must bind it.
func TestPresignedEmptyObject(t *testing.T) {
	f := start(t)
	anyone := sender{f.Client(t)}
	for _, checksum := range []string{sum.Of(nil).String(), sha256Of(nil)} {
		key := key(t)
		r, err := open(t, f.config(t, key)).Presign(t.Context(), sealift.Object{Bucket: f.Bucket, Key: key}, 0, checksum, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if status, code := anyone.send(t, r, strings.NewReader("x"), 1, nil); status < 400 {
			t.Errorf("a byte: %d %s", status, code)
		}
		if status, code := anyone.send(t, r, nil, 0, nil); status != 200 {
			t.Errorf("nothing: %d %s", status, code)
		}
		if got := f.get(t, key); got == nil || len(got) != 0 {
			t.Errorf("the object has %d bytes", len(got))
		}
	}
}

func TestPresignedRequestEnds(t *testing.T) {
	t.Parallel()
	f := start(t)
	key := key(t)
	r, err := open(t, f.config(t, key)).Presign(t.Context(), sealift.Object{Bucket: f.Bucket, Key: key}, 4, sum.Of([]byte("late")).String(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond)
	if status, code := (sender{f.Client(t)}).send(t, r, strings.NewReader("late"), 4, nil); status != http.StatusForbidden || code != "AccessDenied" {
		t.Errorf("%d %s", status, code)
	}
	if f.get(t, key) != nil {
		t.Error("it was stored")
	}
}

// What cannot be is refused, and what is printed of it has no secret in it.
func TestPresignRefuses(t *testing.T) {
	f := start(t)
	f.sandboxOnly(t, "its keys do not expire")
	key, crc := key(t), sum.Of([]byte("x")).String()
	var log bytes.Buffer
	c := f.config(t, key)
	c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	up := open(t, c)
	good := sealift.Object{Bucket: f.Bucket, Key: key}
	for _, try := range []struct {
		object   sealift.Object
		size     int64
		checksum string
		lasts    time.Duration
		want     string
	}{
		{sealift.Object{Bucket: f.Bucket, Key: "a/../b"}, 1, crc, time.Minute, `".." segment`},
		{sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{IfExists: "changed"}}, 1, crc, time.Minute, "if-exists changed"},
		{good, -1, crc, time.Minute, "size -1 is outside"},
		{good, 5<<30 + 1, crc, time.Minute, "which S3 takes in one request"},
		{good, 1, "", time.Minute, "neither a CRC64NVME"},
		{good, 1, "AAAA", time.Minute, "neither a CRC64NVME"},
		{good, 1, strings.Repeat("z", 64), time.Minute, "neither a CRC64NVME"},
		{good, 0, crc, time.Minute, "not that of an empty body"},
		{good, 0, sha256Of([]byte("x")), time.Minute, "not that of an empty body"},
		{good, 1, crc, 0, "from a second to seven days"},
		{good, 1, crc, 7*24*time.Hour + time.Second, "from a second to seven days"},
		{good, 1, crc, 7 * 24 * time.Hour, "the session ends at"},
		{good, 1, crc, time.Hour + time.Minute, "the session ends at"},
	} {
		r, err := up.Presign(t.Context(), try.object, try.size, try.checksum, try.lasts)
		if !errors.Is(err, sealift.ErrInvalid) || r != nil || !strings.Contains(fmt.Sprint(err), try.want) {
			t.Errorf("%+v: %v", try, err)
		}
		if errors.Is(err, s3wire.ErrOutlives) != strings.HasPrefix(try.want, "the session") {
			t.Errorf("%+v: %v", try, err)
		}
	}
	r, err := up.Presign(t.Context(), good, 1, crc, 50*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, "request presigned") || strings.Contains(text, "X-Amz") || strings.Contains(text, r.URL.Query().Get("X-Amz-Signature")) {
		t.Errorf("the log is %s", text)
	}
}
