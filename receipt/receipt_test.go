package receipt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func text(s string) *string { return &s }

// whole is a receipt with every field filled.
func whole() *Receipt {
	at := time.Date(2026, 11, 24, 8, 0, 0, 1, time.UTC)
	later := at.Add(time.Hour)
	return &Receipt{
		Version: 1, Run: "01KAV8Y0000000000000000000", Transfer: "01KAV8Y0000000000000000001", Tool: Tool{"sealift", "0.1.0"},
		Source: Source{Path: "big.iso", Size: 50_000_003, Modified: &at, SHA256: text(strings.Repeat("ab", 32)), CRC64NVME: "AAAAAAAAAAE="},
		Object: Object{Bucket: "b", Key: "in/<big> & \u2028.iso", VersionID: text("v"), ETag: `"e-6"`, Size: 50_000_003,
			Checksum: Checksum{"CRC64NVME", "FULL_OBJECT", "AAAAAAAAAAE="}, Encryption: text("AES256"), StorageClass: "STANDARD", Tags: map[string]string{"Team": "A"}},
		Session:   Session{RoleARN: text("r"), AssumedRoleARN: text("a"), Name: "sealift-x", KeyID: "ASIA", Expires: &later, Narrowing: "object", PolicySHA256: text("p")},
		Sessions:  []Span{{"ASIA", "sealift-x", at, later}},
		Multipart: &Multipart{"u", 8 << 20, 6},
		Requests:  []Request{{"CreateMultipartUpload", "R1", "I1", at}, {"CompleteMultipartUpload", "R2", "I2", later}},
		Started:   at, Finished: later, BytesSent: 50_000_003, Retries: 1,
	}
}

func encode(t *testing.T, r *Receipt) []byte {
	t.Helper()
	out, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadGivesBackWhatEncodeWrote(t *testing.T) {
	want := whole()
	out := encode(t, want)
	if bytes.ContainsAny(out, "\n") || !bytes.Contains(out, []byte("in/<big> & ")) {
		t.Errorf("not one plain line: %s", out)
	}
	got, err := Read(bytes.NewReader(out))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, want)
	}
}

// Who lays a receipt out otherwise, or escapes more, says the same.
func TestLayoutAndEscapesAreFree(t *testing.T) {
	want := whole()
	want.Source.Path = "\U0001F4BE\ufffd"
	var laid bytes.Buffer
	if err := json.Indent(&laid, encode(t, want), "", "\t"); err != nil {
		t.Fatal(err)
	}
	escaped := strings.Replace(laid.String(), "\U0001F4BE\ufffd", `\ud83d\udcbe\uFFFD`, 1)
	got, err := Read(strings.NewReader(escaped))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, want)
	}
}

// A receipt that two readers could read differently is no evidence.
func TestAmbiguousReceiptsAreRefused(t *testing.T) {
	good := string(encode(t, whole()))
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":            {"", ErrInvalid},
		"not JSON":         {"hello", ErrInvalid},
		"an array":         {"[]", ErrInvalid},
		"cut":              {good[:len(good)-1], ErrInvalid},
		"followed by more": {good + good, ErrInvalid},
		"another version":  {strings.Replace(good, `"version":1`, `"version":2`, 1), ErrVersion},
		"no version":       {strings.Replace(good, `"version":1,`, ``, 1), ErrVersion},
		"unknown field":    {strings.Replace(good, `"run":`, `"rum":"x","run":`, 1), ErrInvalid},
		"field twice":      {strings.Replace(good, `"etag":`, `"etag":"\"other\"","etag":`, 1), ErrInvalid},
		"case variant":     {strings.Replace(good, `"etag":`, `"ETag":`, 1), ErrInvalid},
		"version twice":    {strings.Replace(good, `"version":1`, `"version":1,"Version":1`, 1), ErrInvalid},
		"a look-alike":     {strings.Replace(good, `"retries":`, `"\u017ftarted":"2020-01-01T00:00:00Z","retries":`, 1), ErrInvalid},
		"field missing":    {strings.Replace(good, `"retries":1`, `"bytes_sent":0`, 1), ErrInvalid},
		"nested missing":   {strings.Replace(good, `"etag":"\"e-6\"",`, ``, 1), ErrInvalid},
		"null for a text":  {strings.Replace(good, `"path":"big.iso"`, `"path":null`, 1), ErrInvalid},
		"null for a tag":   {strings.Replace(good, `"Team":"A"`, `"Team":null`, 1), ErrInvalid},
		"not UTF-8":        {strings.Replace(good, `"path":"`, "\"path\":\"\xff", 1), ErrInvalid},
		"half a character": {strings.Replace(good, `"path":"`, `"path":"\\\ud83d`, 1), ErrInvalid},
		"tag twice":        {strings.Replace(good, `"Team":"A"`, `"Team":"A","Team":"B"`, 1), ErrInvalid},
		"huge":             {`{"version":1,"run":"` + strings.Repeat("x", MaxSize) + `"}`, ErrInvalid},
		"wrong type":       {strings.Replace(good, `"retries":1`, `"retries":"1"`, 1), ErrInvalid},
	} {
		if _, err := Read(strings.NewReader(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// base64Of is a checksum of so many zero bytes.
func base64Of(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }

func TestChecksumsOfEveryKindAreTaken(t *testing.T) {
	for _, c := range []Checksum{
		{}, {"CRC32", "FULL_OBJECT", base64Of(4)}, {"CRC32C", "COMPOSITE", base64Of(4) + "-6"},
		{"SHA1", "COMPOSITE", base64Of(20) + "-6"}, {"SHA256", "COMPOSITE", base64Of(32) + "-6"},
	} {
		r := whole()
		r.Object.Checksum = c
		if err := r.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestContradictionsAreFound(t *testing.T) {
	for name, spoil := range map[string]func(*Receipt){
		"no run":             func(r *Receipt) { r.Run = "" },
		"no key":             func(r *Receipt) { r.Object.Key = "" },
		"negative size":      func(r *Receipt) { r.Source.Size, r.Object.Size = -1, -1 },
		"sizes differ":       func(r *Receipt) { r.Object.Size-- },
		"sums differ":        func(r *Receipt) { r.Object.Checksum.Value = "AAAAAAAAAAI=" },
		"sum is no sum":      func(r *Receipt) { r.Source.CRC64NVME = "AAAA" },
		"hash is no hash":    func(r *Receipt) { r.Source.SHA256 = text(strings.Repeat("AB", 32)) },
		"another algorithm":  func(r *Receipt) { r.Object.Checksum.Algorithm = "CRC32" },
		"unknown algorithm":  func(r *Receipt) { r.Object.Checksum.Algorithm = "MD5" },
		"half a checksum":    func(r *Receipt) { r.Object.Checksum.Algorithm = "" },
		"unknown type":       func(r *Receipt) { r.Object.Checksum.Type = "" },
		"not of its parts":   func(r *Receipt) { r.Object.Checksum = Checksum{"SHA1", "COMPOSITE", base64Of(20) + "-5"} },
		"no number of parts": func(r *Receipt) { r.Object.Checksum = Checksum{"SHA1", "COMPOSITE", base64Of(20)} },
		"whole with a number": func(r *Receipt) {
			r.Object.Checksum = Checksum{"CRC64NVME", "FULL_OBJECT", r.Source.CRC64NVME + "-6"}
		},
		"composite of no parts": func(r *Receipt) {
			r.Multipart, r.Object.Checksum = nil, Checksum{"SHA256", "COMPOSITE", base64Of(32) + "-1"}
		},
		"SHA-256 differ": func(r *Receipt) {
			r.Source.SHA256, r.Object.Checksum = text(strings.Repeat("ab", 32)), Checksum{"SHA256", "FULL_OBJECT", base64Of(32)}
		},
		"unknown narrowing":  func(r *Receipt) { r.Session.Narrowing = "some" },
		"no requests":        func(r *Receipt) { r.Requests = nil },
		"parts do not fit":   func(r *Receipt) { r.Multipart.Parts = 7 },
		"no upload id":       func(r *Receipt) { r.Multipart.UploadID = "" },
		"ends before begins": func(r *Receipt) { r.Finished = r.Started.Add(-1) },
		"version":            func(r *Receipt) { r.Version = 9 },
	} {
		r := whole()
		spoil(r)
		if err := r.Check(); err == nil {
			t.Errorf("%s: Check finds nothing", name)
		}
		if _, err := r.Encode(); err == nil {
			t.Errorf("%s: it is encoded all the same", name)
		}
	}
}

func TestSinglePutHasNoParts(t *testing.T) {
	r := whole()
	r.Multipart = nil
	if out := encode(t, r); !bytes.Contains(out, []byte(`"multipart":null`)) {
		t.Errorf("%s", out)
	}
}

// Whatever is read as a receipt is written again as one that reads the same.
func FuzzRead(f *testing.F) {
	good, _ := whole().Encode()
	f.Add(good)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := Read(bytes.NewReader(encode(t, r)))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%v\n%+v\n%+v", err, r, again)
		}
	})
}
