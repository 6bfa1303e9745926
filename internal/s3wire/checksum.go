package s3wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/sealift/sealift/internal/sum"
)

// A Checksum is a sum of a whole body, by the header that carries it.
type Checksum struct {
	Header string
	Value  string // base64
}

const (
	crcHeader = "X-Amz-Checksum-Crc64nvme"
	shaHeader = "X-Amz-Checksum-Sha256"
)

// ParseChecksum reads a CRC64NVME, in base64, or a SHA-256, in base64 or hex.
// Their lengths tell them apart.
func ParseChecksum(text string) (Checksum, error) {
	if _, err := sum.Parse(text); err == nil {
		return Checksum{crcHeader, text}, nil
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if len(text) == hex.EncodedLen(sha256.Size) {
		raw, err = hex.DecodeString(text)
	}
	if err != nil || len(raw) != sha256.Size {
		return Checksum{}, fmt.Errorf("checksum %q is neither a CRC64NVME, which is 12 characters of base64, nor a SHA-256, 44 of base64 or 64 of hex", text)
	}
	return shaOf([sha256.Size]byte(raw)), nil
}

func shaOf(raw [sha256.Size]byte) Checksum {
	return Checksum{shaHeader, base64.StdEncoding.EncodeToString(raw[:])}
}

// For returns what binds a body of size bytes that has this checksum. An empty
// one is bound by its SHA-256, whichever is given, and refused if c is not its
// sum.
func (c Checksum) For(size int64) (Checksum, error) {
	if size > 0 {
		return c, nil
	}
	empty := shaOf(sha256.Sum256(nil))
	if c != empty && c != (Checksum{crcHeader, sum.CRC(0).String()}) {
		return Checksum{}, fmt.Errorf("checksum %s is not that of an empty body", c.Value)
	}
	return empty, nil
}

// Measure reads r to its end, and returns how long it is and its CRC64NVME, or
// with bySHA256 its SHA-256.
func Measure(r io.Reader, bySHA256 bool) (size int64, c Checksum, err error) {
	crc, sha := sum.CRC(0), sha256.New()
	to := io.Writer(sha)
	if !bySHA256 {
		to = writer(func(b []byte) { crc = crc.Add(b) })
	}
	size, err = io.CopyBuffer(to, struct{ io.Reader }{r}, make([]byte, 1<<20))
	if bySHA256 {
		return size, shaOf([sha256.Size]byte(sha.Sum(nil))), err
	}
	return size, Checksum{crcHeader, crc.String()}, err
}

// A writer is called with what is written.
type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}
