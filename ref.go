package sealift

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/sealift/sealift/internal/plan"
	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/internal/sum"
)

// A Ref names a multipart upload that several processes share, so that each
// can do its part. It holds no secret, and gives nobody a right: each process
// has credentials of its own.
//
// As JSON it is one object, in which every field stands once and no other does.
// Reading it refuses with ErrInvalid what Create would not have made.
type Ref struct {
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	UploadID string `json:"upload_id"`
	Transfer string `json:"transfer"`  // ULID, also in the object's metadata
	Size     int64  `json:"size"`      // bytes of the whole
	PartSize int64  `json:"part_size"` // bytes; the last part may be smaller

	IfExists            string            `json:"if_exists"`             // "fail" or "overwrite"
	ExpectedBucketOwner string            `json:"expected_bucket_owner"` // "" does not ask
	RequesterPays       bool              `json:"requester_pays"`
	StorageClass        string            `json:"storage_class"` // as asked for; "" is STANDARD
	Tags                map[string]string `json:"tags"`          // as asked for; the receipt names them
}

// Parts is into how many parts the transfer is cut; they are numbered from 1.
// It is 0 for a Ref that cannot be.
func (r Ref) Parts() int {
	p, err := plan.For(r.Size, r.PartSize)
	if err != nil || r.PartSize == 0 {
		return 0
	}
	return p.Parts
}

// A Part is one that S3 has of a shared upload: what Complete needs to know of
// it. Its JSON is as strict as a Ref's.
type Part struct {
	Number    int    `json:"number"` // from 1
	Size      int64  `json:"size"`   // bytes
	ETag      string `json:"etag"`   // opaque, with its quotes
	CRC64NVME string `json:"crc64nvme"`
}

// UnmarshalJSON reads what json.Marshal wrote, and refuses all else.
func (r *Ref) UnmarshalJSON(text []byte) error {
	type plain Ref
	var read plain
	if err := strictly(text, &read, "bucket", "key", "upload_id", "transfer", "size", "part_size",
		"if_exists", "expected_bucket_owner", "requester_pays", "storage_class", "tags"); err != nil {
		return fmt.Errorf("%w: read ref: %w", ErrInvalid, err)
	}
	if err := Ref(read).check(); err != nil {
		return err
	}
	*r = Ref(read)
	return nil
}

// UnmarshalJSON reads what json.Marshal wrote, and refuses all else.
func (p *Part) UnmarshalJSON(text []byte) error {
	type plain Part
	var read plain
	if err := strictly(text, &read, "number", "size", "etag", "crc64nvme"); err != nil {
		return fmt.Errorf("%w: read part: %w", ErrInvalid, err)
	}
	if _, err := Part(read).wire(); err != nil {
		return err
	}
	*p = Part(read)
	return nil
}

// strictly decodes a JSON object that has exactly these fields, each once.
// encoding/json alone would pass over fields that are missing, unknown, doubled,
// null or merely look alike.
func strictly(text []byte, into any, fields ...string) error {
	if !utf8.Valid(text) {
		return errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return errors.New("it is no JSON object")
	}
	left := slices.Clone(fields)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		i := slices.Index(left, name)
		if i < 0 {
			return fmt.Errorf("field %q is unknown, or stands twice", name)
		}
		left = slices.Delete(left, i, i+1)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if string(value) == "null" && name != "tags" {
			return fmt.Errorf("field %q is null", name)
		}
		if err := namesOnce(value); err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("field %q is missing", left[0])
	}
	return json.Unmarshal(text, into)
}

// namesOnce refuses a flat JSON object that has a name twice. What is no object
// passes.
func namesOnce(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return err
	}
	seen := map[any]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("%q stands twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

// What a bucket can be called, an ARN among it, and what is told of uploads and
// parts: nothing that could be more than a name in a URL or a header.
var (
	bucketForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`)
	arnForm    = regexp.MustCompile(`^arn:[A-Za-z0-9:/._-]{1,500}$`)
	opaqueForm = regexp.MustCompile(`^[!-~]{1,1000}$`)
)

// check refuses with ErrInvalid what Create would not have made.
func (r Ref) check() error {
	_, err := ulid.ParseStrict(r.Transfer)
	switch {
	case !bucketForm.MatchString(r.Bucket) && !arnForm.MatchString(r.Bucket):
		err = fmt.Errorf("bucket %q is no bucket's name", r.Bucket)
	case !opaqueForm.MatchString(r.UploadID):
		err = fmt.Errorf("upload id %q is none", r.UploadID)
	case err != nil:
		err = fmt.Errorf("transfer %q is not a ULID", r.Transfer)
	case r.PartSize == 0:
		err = errors.New("part size is 0")
	case r.IfExists != "fail" && r.IfExists != "overwrite":
		err = fmt.Errorf("if-exists %q is neither fail nor overwrite", r.IfExists)
	default:
		_, err = plan.For(r.Size, r.PartSize)
	}
	if err != nil {
		return &meant{ErrInvalid, fmt.Errorf("ref: %w", err)}
	}
	return r.object().Check()
}

// object is as much of the object as a Ref tells.
func (r Ref) object() Object {
	return Object{Bucket: r.Bucket, Key: r.Key, Options: Options{PartSize: r.PartSize, IfExists: r.IfExists,
		ExpectedBucketOwner: r.ExpectedBucketOwner, RequesterPays: r.RequesterPays, StorageClass: r.StorageClass, Tags: maps.Clone(r.Tags)}}
}

// wire is the part as s3wire tells S3 of it.
func (p Part) wire() (s3wire.Part, error) {
	crc, err := sum.Parse(p.CRC64NVME)
	switch {
	case p.Number < 1 || p.Number > plan.MaxParts:
		err = fmt.Errorf("number %d is not within 1 to %d", p.Number, plan.MaxParts)
	case p.Size < 0 || p.Size > plan.MaxPartSize:
		err = fmt.Errorf("size %d is not within 0 to %d", p.Size, int64(plan.MaxPartSize))
	case !opaqueForm.MatchString(p.ETag) || strings.Trim(p.ETag, `"`) == "":
		err = fmt.Errorf("etag %q is none", p.ETag)
	}
	if err != nil {
		return s3wire.Part{}, &meant{ErrInvalid, fmt.Errorf("part %d: %w", p.Number, err)}
	}
	return s3wire.Part{Number: p.Number, Size: p.Size, ETag: p.ETag, Sum: crc}, nil
}
