package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sealift/sealift/internal/sum"
)

// Version is the version of journals that this package writes, and the newest
// that it reads.
const Version = 1

// Limits of S3 multipart uploads.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
// (read 2026-11-23).
const (
	maxParts    = 10_000
	maxPartSize = 5 << 30 // bytes
)

// A Record is one line of a journal: Begin, Creating, Created, Part, Touched,
// Completing, Completed, Aborting, Aborted, Restarted, or Unknown.
type Record interface {
	kind() string // of the JSON, as "type"
	check() error // what it says by itself
}

// Begin is the first record: which source goes to which object, and how.
type Begin struct {
	Version  int       `json:"version"` // filled in by Create
	Run      string    `json:"run"`     // ULID
	Transfer string    `json:"transfer"`
	Started  time.Time `json:"started"` // UTC

	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	Endpoint string `json:"endpoint"` // URL without user, query and fragment; "" is AWS's own
	Region   string `json:"region"`

	Options  string `json:"options"`          // Digest of all that makes the object beside its bytes
	Object   JSON   `json:"object,omitempty"` // the same in words, for who goes on without the command that began
	Source   Source `json:"source"`
	PartSize int64  `json:"part_size"` // bytes of the first part; but for a stream, of all but the last
	Checksum string `json:"checksum"`  // sum.Kind
	Session  string `json:"session"`   // role session name; "" where there is no role
}

// JSON is a value in JSON, kept as it stands but for white space; "" is none.
type JSON string

// MarshalJSON implements json.Marshaler.
func (j JSON) MarshalJSON() ([]byte, error) { return []byte(j), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (j *JSON) UnmarshalJSON(text []byte) error {
	var compact bytes.Buffer
	err := json.Compact(&compact, text)
	*j = JSON(compact.String())
	return err
}

// A Source is the local bytes.
type Source struct {
	Path string // absolute, any bytes; "" or "-" for what is no file
	Fingerprint
}

// UnknownSize is the Size of a stream. Its parts can be recorded, and sent
// again by nobody.
const UnknownSize = -1

// A Fingerprint is what the file system says of a source. Fields that a system
// does not have are zero.
type Fingerprint struct {
	Size     int64  `json:"size"`     // bytes, or UnknownSize
	Modified int64  `json:"modified"` // nanoseconds since 1970
	Changed  int64  `json:"changed"`  // nanoseconds since 1970, of the inode
	Inode    uint64 `json:"inode"`
	Device   uint64 `json:"device"`
}

// Creating is the intent to create a multipart upload. Where no Created
// follows, there may be one whose id nobody has.
type Creating struct{}

// Created is S3's answer: the upload is open.
type Created struct {
	UploadID  string    `json:"upload_id"`            // opaque
	RequestID string    `json:"request_id,omitempty"` // of the answer, for the receipt
	ID2       string    `json:"id_2,omitempty"`
	KeyID     string    `json:"key_id,omitempty"` // access key id that signed
	Time      time.Time `json:"time,omitzero"`    // when it was sent, UTC
}

// A Part is one that S3 has stored. Of several with one number the last counts.
type Part struct {
	Number int     `json:"number"` // from 1
	Size   int64   `json:"size"`   // bytes
	ETag   string  `json:"etag"`   // opaque, with its quotes
	CRC    sum.CRC `json:"crc64nvme"`
	Other  string  `json:"other,omitempty"` // the sum of Begin's checksum, where that is another
}

// Touched says that the source has another fingerprint, and the same bytes in
// all parts so far.
type Touched struct {
	Source Fingerprint `json:"source"`
}

// Completing is the intent to complete the upload. Where no Completed follows,
// it may have happened.
type Completing struct {
	CRC   sum.CRC `json:"crc64nvme"`       // of the whole
	Other string  `json:"other,omitempty"` // as S3 makes it of the parts', where that is another

	SHA256 string `json:"sha256,omitempty"` // of the source, hex, where it was asked for
}

// Completed says that the object is stored, proven by its sum.
type Completed struct {
	ETag      string `json:"etag,omitempty"`
	VersionID string `json:"version_id,omitempty"`

	Receipt JSON `json:"receipt,omitempty"` // to be handed out by whoever finds it
}

// Aborting is the intent to abort the upload. Until Aborted follows, that is
// owed.
type Aborting struct{}

// Aborted says that S3 no longer has an upload that was to be aborted.
type Aborted struct {
	UploadID string `json:"upload_id,omitempty"` // "" is the present one; else one of State.Owed
}

// Restarted says that the upload is of no use any more: gone, or given up. Its
// parts are forgotten and the transfer begins anew.
type Restarted struct{}

// Unknown is a record of a type that a newer program writes. It is passed over,
// and kept in the file.
type Unknown struct {
	Type string
	JSON []byte // all of it
}

func (Begin) kind() string      { return "begin" }
func (Creating) kind() string   { return "creating" }
func (Created) kind() string    { return "created" }
func (Part) kind() string       { return "part" }
func (Touched) kind() string    { return "touched" }
func (Completing) kind() string { return "completing" }
func (Completed) kind() string  { return "completed" }
func (Aborting) kind() string   { return "aborting" }
func (Aborted) kind() string    { return "aborted" }
func (Restarted) kind() string  { return "restarted" }
func (u Unknown) kind() string  { return u.Type }

func (Creating) check() error     { return nil }
func (r Completing) check() error { return exact(r.Other, r.SHA256) }
func (r Completed) check() error  { return exact(r.ETag, r.VersionID, string(r.Receipt)) }
func (Aborting) check() error     { return nil }
func (r Aborted) check() error    { return exact(r.UploadID) }
func (Restarted) check() error    { return nil }
func (Unknown) check() error      { return nil }

// exact refuses what JSON would change.
func exact(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return fmt.Errorf("%q is no UTF-8", text)
		}
	}
	return nil
}

func (r Created) check() error {
	if r.UploadID == "" {
		return errors.New("upload_id is missing")
	}
	return exact(r.UploadID, r.RequestID, r.ID2, r.KeyID)
}

func (r Part) check() error {
	switch {
	case r.Number < 1 || r.Number > maxParts:
		return fmt.Errorf("part %d is not within 1 to %d", r.Number, maxParts)
	case r.Size < 0 || r.Size > maxPartSize:
		return fmt.Errorf("part %d has %d bytes", r.Number, r.Size)
	case r.ETag == "":
		return fmt.Errorf("part %d has no etag", r.Number)
	}
	return exact(r.ETag, r.Other)
}

func (r Touched) check() error { return r.Source.check() }

func (p Fingerprint) check() error {
	if p.Size < UnknownSize {
		return fmt.Errorf("the source has %d bytes", p.Size)
	}
	return nil
}

func (r Begin) check() error {
	for _, c := range []struct {
		holds bool
		fault string
	}{
		{isULID(r.Run), "run is no ULID"},
		{isULID(r.Transfer), "transfer is no ULID"},
		{!r.Started.IsZero(), "started is missing"},
		{r.Bucket != "" && r.Key != "", "bucket or key is missing"},
		{plainURL(r.Endpoint), "endpoint is no URL, or has more than scheme, host and path"},
		{isDigest(r.Options), "options is not 64 hex digits"},
		{r.PartSize >= 1 && r.PartSize <= maxPartSize, "part_size is out of range"},
		{r.Source.Size <= 0 || r.PartSize > 0 && (r.Source.Size-1)/r.PartSize < maxParts, "there are more than 10,000 parts"},
		{r.Checksum != "", "checksum is missing"},
	} {
		if !c.holds {
			return errors.New(c.fault)
		}
	}
	return errors.Join(r.Source.check(), exact(r.Bucket, r.Key, r.Endpoint, r.Region, r.Checksum, r.Session, string(r.Object)))
}

// local checks what can be checked only where the source is.
func (r Begin) local() error {
	if r.Source.Size == UnknownSize || r.Source.Path == "" || filepath.IsAbs(r.Source.Path) {
		return nil
	}
	return fmt.Errorf("%w: source.path %q is not absolute", ErrInvalid, r.Source.Path)
}

// parts is how many there will be; maxParts for a stream.
func (r Begin) parts() int {
	if r.Source.Size == UnknownSize {
		return maxParts
	}
	return int((max(r.Source.Size, 1)-1)/r.PartSize) + 1
}

// fits reports whether a part is one of the plan.
func (r Begin) fits(p Part) bool {
	if r.Source.Size == UnknownSize {
		return true
	}
	at := int64(p.Number-1) * r.PartSize
	return p.Number <= r.parts() && p.Size == min(r.PartSize, r.Source.Size-at)
}

// encode writes a record as compact JSON that begins with its type. What JSON
// cannot hold exactly is ErrInvalid, as is what is wrong by itself.
func encode(r Record) ([]byte, error) {
	if u, is := r.(Unknown); is {
		return nil, fmt.Errorf("%w: a record of type %q cannot be written", ErrInvalid, u.Type)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalid, r.kind(), err)
	}
	var fields bytes.Buffer
	enc := json.NewEncoder(&fields)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalid, r.kind(), err)
	}
	text := fmt.Appendf(nil, `{"type":%q`, r.kind())
	rest := bytes.TrimPrefix(bytes.TrimSpace(fields.Bytes()), []byte("{"))
	if len(rest) > 1 {
		text = append(text, ',')
	}
	if text = append(text, rest...); len(text) > MaxRecord {
		return nil, fmt.Errorf("%w: %s: it has %d bytes, at most %d", ErrInvalid, r.kind(), len(text), MaxRecord)
	}
	return text, nil
}

// decode reads what encode wrote. Fields and types that it does not know it
// passes over; those that must be there must be.
func decode(payload []byte) (Record, error) {
	var head struct {
		Type    string          `json:"type"`
		Version json.RawMessage `json:"version"`
	}
	if err := json.Unmarshal(payload, &head); err != nil {
		return nil, err
	}
	switch head.Type {
	case "":
		return nil, errors.New("type is missing")
	case "begin":
		version, err := strconv.Atoi(string(head.Version))
		if err != nil || version < 1 {
			return nil, errors.New("version is missing")
		}
		if version > Version {
			return nil, fmt.Errorf("%w: it is of version %d, this program reads %d; use the Sealift that wrote it, or a newer one", ErrVersion, version, Version)
		}
		return parse[Begin](payload)
	case "creating":
		return parse[Creating](payload)
	case "created":
		return parse[Created](payload)
	case "part":
		return summed[Part](payload)
	case "touched":
		return parse[Touched](payload)
	case "completing":
		return summed[Completing](payload)
	case "completed":
		return parse[Completed](payload)
	case "aborting":
		return parse[Aborting](payload)
	case "aborted":
		return parse[Aborted](payload)
	case "restarted":
		return parse[Restarted](payload)
	}
	return Unknown{head.Type, bytes.Clone(payload)}, nil
}

func parse[R Record](payload []byte) (Record, error) {
	var r R
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, err
	}
	return r, r.check()
}

// summed parses a record that must have a sum: none is not that of no bytes.
func summed[R Record](payload []byte) (Record, error) {
	var s struct {
		CRC *sum.CRC `json:"crc64nvme"`
	}
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, err
	}
	if s.CRC == nil {
		return nil, errors.New("crc64nvme is missing")
	}
	return parse[R](payload)
}

// wireSource is a Source in JSON. A path that is no UTF-8 has its bytes beside
// the text that stands for them.
type wireSource struct {
	Path  string `json:"path"`
	Bytes []byte `json:"path_bytes,omitempty"`
	Fingerprint
}

// MarshalJSON implements json.Marshaler.
func (s Source) MarshalJSON() ([]byte, error) {
	w := wireSource{Path: s.Path, Fingerprint: s.Fingerprint}
	if !utf8.ValidString(s.Path) {
		w.Path, w.Bytes = strings.ToValidUTF8(s.Path, "?"), []byte(s.Path)
	}
	return json.Marshal(w)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Source) UnmarshalJSON(text []byte) error {
	var w wireSource
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	s.Path, s.Fingerprint = w.Path, w.Fingerprint
	if w.Bytes != nil {
		s.Path = string(w.Bytes)
	}
	return nil
}

// isULID tells a ULID as it is written: 26 digits of Crockford's base 32.
//
// Source: https://github.com/ulid/spec (read 2026-11-25).
func isULID(s string) bool {
	return len(s) == 26 && s[0] <= '7' && strings.Trim(s, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

// Digest is the SHA-256 of options as JSON, in hex: that of Begin. Fields that
// are added later must be left out where they are empty, or what an older
// program wrote cannot be gone on with. Of a secret not even the digest may be
// kept.
func Digest(options any) (string, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return "", fmt.Errorf("digest options: %w", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text)), nil
}

func isDigest(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// plainURL refuses what could hold a credential.
func plainURL(s string) bool {
	if s == "" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && !strings.Contains(s, "@")
}
