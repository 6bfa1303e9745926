package sum

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"strings"
)

// A Kind is a checksum that S3 can be told, by S3's name for it. "" is
// CRC64NVME.
type Kind string

// The kinds. S3 makes the CRC of a whole from those of its parts; of a SHA it
// keeps for parts only the hash of the parts' hashes. With None it is told none,
// and the MD5 that an ETag may be stands in.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
// (read 2026-11-25 in the SDK's text of it).
const (
	CRC64NVME Kind = "CRC64NVME"
	CRC32     Kind = "CRC32"
	CRC32C    Kind = "CRC32C"
	SHA1      Kind = "SHA1"
	SHA256    Kind = "SHA256"
	None      Kind = "NONE"
)

// Kinds are all of them, the default first.
func Kinds() []Kind { return []Kind{CRC64NVME, CRC32, CRC32C, SHA1, SHA256, None} }

// ParseKind reads a name, in whatever case; "" is CRC64NVME.
func ParseKind(name string) (Kind, error) {
	if name == "" {
		return CRC64NVME, nil
	}
	var names []string
	for _, k := range Kinds() {
		if strings.EqualFold(name, string(k)) {
			return k, nil
		}
		names = append(names, strings.ToLower(string(k)))
	}
	return "", fmt.Errorf("checksum algorithm %q is none of %s", name, strings.Join(names, ", "))
}

// Told reports whether S3 is told a checksum of this kind.
func (k Kind) Told() bool { return k != None }

// Name is S3's name for it, also of "".
func (k Kind) Name() string { return string(cmp.Or(k, CRC64NVME)) }

// Own reports whether it is CRC64NVME, which needs no second sum.
func (k Kind) Own() bool { return k == CRC64NVME || k == "" }

// Composite reports whether S3 keeps, for several parts, only the hash of
// their hashes.
func (k Kind) Composite() bool { return k == SHA1 || k == SHA256 }

// hash is the kind's own; nil for CRC64NVME.
func (k Kind) hash() hash.Hash {
	switch k {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	case None:
		return md5.New()
	}
	return nil
}

// Sums are what is known of some bytes: their CRC64NVME always, and what S3 is
// told where that is of another kind.
type Sums struct {
	CRC   CRC
	Other string // base64; "" with CRC64NVME. With None an MD5, and of several parts their ETag
}

// Told is what S3 is told of the bytes, base64; for None the MD5.
func (s Sums) Told(k Kind) string {
	if k.Own() {
		return s.CRC.String()
	}
	return s.Other
}

// A Tally sums bytes as they come.
type Tally struct {
	crc   CRC
	other hash.Hash // nil for CRC64NVME alone
}

// NewTally begins a sum of no bytes, of that kind and in CRC64NVME.
func NewTally(k Kind) *Tally { return &Tally{other: k.hash()} }

// Write adds bytes; it never fails.
func (t *Tally) Write(data []byte) (int, error) {
	t.crc = t.crc.Add(data)
	if t.other != nil {
		t.other.Write(data)
	}
	return len(data), nil
}

// Sums are those of the bytes so far.
func (t *Tally) Sums() Sums {
	s := Sums{CRC: t.crc}
	if t.other != nil {
		s.Other = base64.StdEncoding.EncodeToString(t.other.Sum(nil))
	}
	return s
}

// A Piece is one part of a whole.
type Piece struct {
	Sums
	Size int64 // bytes
}

// Whole makes the sums of a whole from those of its parts, in order: as S3
// makes them of a multipart upload. A composite one ends in "-" and the number
// of parts; so does the ETag that stands for None.
func (k Kind) Whole(parts []Piece) (Sums, error) {
	var whole Sums
	for _, p := range parts {
		whole.CRC = Combine(whole.CRC, p.CRC, p.Size)
	}
	if k.Own() {
		return whole, nil
	}
	raw := make([][]byte, len(parts))
	for i, p := range parts {
		var err error
		if raw[i], err = k.decode(p.Other); err != nil {
			return Sums{}, fmt.Errorf("part %d: %w", i+1, err)
		}
	}
	if r, linear := k.ring(); linear {
		whole.Other = r.whole(raw, parts)
		return whole, nil
	}
	all := k.hash()
	for _, sum := range raw {
		all.Write(sum)
	}
	text := base64.StdEncoding.EncodeToString(all.Sum(nil))
	if k == None {
		text = hex.EncodeToString(all.Sum(nil))
	}
	whole.Other = fmt.Sprintf("%s-%d", text, len(parts))
	return whole, nil
}

func (k Kind) ring() (ring, bool) {
	switch k {
	case CRC32:
		return ring32, true
	case CRC32C:
		return ringC, true
	}
	return ring{}, false
}

// whole combines CRCs of 32 bits.
func (r ring) whole(raw [][]byte, parts []Piece) string {
	var all uint64
	for i, sum := range raw {
		all = r.combine(all, uint64(binary.BigEndian.Uint32(sum)), parts[i].Size)
	}
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(all)))
}

// decode reads one sum of the kind.
func (k Kind) decode(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != k.hash().Size() {
		return nil, fmt.Errorf("parse %s %q: not the base64 of %d bytes", k, text, k.hash().Size())
	}
	return raw, nil
}

// ETag is what the ETag of an object, or of one part, is where servers make it
// of an MD5: hex, without quotes. s are those of None.
func (s Sums) ETag() string {
	if strings.Contains(s.Other, "-") {
		return s.Other
	}
	raw, _ := base64.StdEncoding.DecodeString(s.Other) // we wrote it
	return hex.EncodeToString(raw)
}
