package receipt

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxSize is the most that Read takes, in bytes: far above what a receipt with
// 10 tags and many renewals needs.
const MaxSize = 1 << 20

// Errors that Read and Check return, wrapped with what was found.
var (
	ErrVersion = errors.New("receipt of an unknown version")
	ErrInvalid = errors.New("not a receipt")
)

// Encode returns r as compact JSON without a line end, after Check. Keys are
// in the order of the struct, so equal receipts are equal bytes.
func (r *Receipt) Encode() ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("encode receipt: %w", err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode receipt: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Read reads one receipt and checks it. Anything but one JSON object of all the
// known fields, each once, spelled exactly and of the right type, is
// ErrInvalid: a receipt that two readers could read differently is no evidence.
// Layout, order and escapes are free. A receipt of another version is
// ErrVersion.
func Read(from io.Reader) (*Receipt, error) {
	text, err := io.ReadAll(io.LimitReader(from, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	r, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	return r, nil
}

func decode(text []byte) (*Receipt, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: over %d bytes", ErrInvalid, MaxSize)
	}
	var head struct{ Version int }
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if head.Version != Version {
		return nil, fmt.Errorf("%w: %d, this program reads %d", ErrVersion, head.Version, Version)
	}
	if err := unambiguous(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	r := new(Receipt)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return r, r.says(text)
}

// says reports whether text says what r does, field by field: encoding/json
// passes over fields that are missing, null, unknown, or merely look alike.
func (r *Receipt) says(text []byte) error {
	again, err := r.Encode()
	if err != nil {
		return err
	}
	var read, written any
	if err := errors.Join(json.Unmarshal(text, &read), json.Unmarshal(again, &written)); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if !reflect.DeepEqual(read, written) {
		return fmt.Errorf("%w: a field is missing, unknown, misspelled, or not written as Encode writes it", ErrInvalid)
	}
	return nil
}

// Escapes of characters past U+FFFF, which are two, and of halves of them.
var (
	wholeEscape = regexp.MustCompile(`(?i)\\u(d[89ab]..\\ud[c-f]..)`)
	halfEscape  = regexp.MustCompile(`(?i)\\ud[89a-f]`)
)

// unambiguous refuses JSON that readers take differently: bytes that are no
// UTF-8, halves of characters, a field that an object has twice.
func unambiguous(text []byte) error {
	escapes := wholeEscape.ReplaceAll(bytes.ReplaceAll(text, []byte(`\\`), nil), nil)
	if !utf8.Valid(text) || halfEscape.Match(escapes) {
		return errors.New("it is not UTF-8")
	}
	return checkOnce(json.NewDecoder(bytes.NewReader(text)))
}

// checkOnce walks one JSON value and refuses an object that names a field
// twice.
func checkOnce(dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[any]bool{}
	for dec.More() {
		if delim == '{' {
			field, err := dec.Token()
			if err != nil {
				return err
			}
			if seen[field] {
				return fmt.Errorf("field %q stands twice", field)
			}
			seen[field] = true
		}
		if err := checkOnce(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// Check reports what in r contradicts itself or is missing, as ErrInvalid or
// ErrVersion. It looks at nothing outside r.
func (r *Receipt) Check() error {
	if r.Version != Version {
		return fmt.Errorf("%w: %d", ErrVersion, r.Version)
	}
	for _, c := range []struct {
		holds bool
		fault string
	}{
		{r.Run != "" && r.Transfer != "", "run or transfer is missing"},
		{r.Object.Bucket != "" && r.Object.Key != "", "bucket or key is missing"},
		{r.Source.Size >= 0, "size is negative"},
		{r.Source.Size == r.Object.Size, "source and object differ in size"},
		{isCRC(r.Source.CRC64NVME), "source.crc64nvme is not the base64 of eight bytes"},
		{r.sums() == "", r.sums()},
		{r.Source.SHA256 == nil || isSHA256(*r.Source.SHA256), "source.sha256 is not 64 hex digits"},
		{slices.Contains([]string{"object", "objects", "prefix", "off"}, r.Session.Narrowing), "session.narrowing is none of object, objects, prefix, off"},
		{len(r.Requests) > 0, "no request is named"},
		{r.Multipart == nil || r.Multipart.cuts(r.Source.Size), "the parts do not add up to the size"},
		{!r.Finished.Before(r.Started), "finished before it started"},
	} {
		if !c.holds {
			return fmt.Errorf("%w: %s", ErrInvalid, c.fault)
		}
	}
	return nil
}

func (m *Multipart) cuts(size int64) bool {
	if m.UploadID == "" || m.PartSize < 1 || m.Parts < 1 {
		return false
	}
	return (size-1)/m.PartSize >= int64(m.Parts-1) // parts of a stream grow
}

func isCRC(s string) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == 8
}

func isSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32 && s == strings.ToLower(s)
}
