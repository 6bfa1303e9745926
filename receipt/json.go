package receipt

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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

// Read reads one receipt and checks it. Anything but one JSON object of the
// known fields, each once and spelled exactly, is ErrInvalid: a receipt that
// two readers could read differently is no evidence. A receipt of another
// version is ErrVersion.
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
	if err := checkNames(json.NewDecoder(bytes.NewReader(text)), ""); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	r := new(Receipt)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return r, r.Check()
}

// checkNames walks one JSON value and refuses an object that names a field
// twice, or a field that is not in lower case: encoding/json would take either
// for the field it resembles. Tag names are the user's own and only must not
// repeat.
func checkNames(dec *json.Decoder, name string) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		field := name
		if delim == '{' {
			token, err := dec.Token()
			if err != nil {
				return err
			}
			field = token.(string)
			if seen[field] || name != "tags" && field != strings.ToLower(field) {
				return fmt.Errorf("field %q is repeated or misspelled", field)
			}
			seen[field] = true
		}
		if err := checkNames(dec, field); err != nil {
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
		{r.Object.Checksum.Algorithm != "CRC64NVME" || r.Object.Checksum.Value == r.Source.CRC64NVME, "source and object differ in CRC64NVME"},
		{r.Source.SHA256 == nil || isSHA256(*r.Source.SHA256), "source.sha256 is not 64 hex digits"},
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
	return (size-1)/m.PartSize == int64(m.Parts-1)
}

func isCRC(s string) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == 8
}

func isSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32 && s == strings.ToLower(s)
}
