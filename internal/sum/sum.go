// Package sum computes CRC64NVME, the checksum by which a source is known and
// that S3 keeps for whole objects, and the other kinds of checksum that S3 can
// be told instead. It makes the sum of the whole from those of the parts.
//
// S3 writes a sum as the base64 of its bytes, a CRC big endian. The package
// holds no state and imports only the hashes themselves.
package sum

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/minio/crc64nvme"
)

// A CRC is the CRC64NVME of some bytes. The zero value is that of no bytes.
type CRC uint64

// Of returns the sum of data.
func Of(data []byte) CRC { return CRC(crc64nvme.Checksum(data)) }

// Add returns the sum of the bytes c stands for followed by data.
func (c CRC) Add(data []byte) CRC { return CRC(crc64nvme.Update(uint64(c), data)) }

// String writes c as S3 does: base64 of eight bytes, 12 characters.
func (c CRC) String() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(c)))
}

// Parse reads what String writes, and refuses all else.
func Parse(s string) (CRC, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != 8 {
		return 0, fmt.Errorf("parse CRC64NVME %q: not the base64 of eight bytes", s)
	}
	return CRC(binary.BigEndian.Uint64(raw)), nil
}

// MarshalText writes c as String does.
func (c CRC) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what Parse does.
func (c *CRC) UnmarshalText(text []byte) (err error) {
	*c, err = Parse(string(text))
	return err
}

// A ring is the arithmetic of one CRC: polynomials modulo its own, bits
// reversed, so that the topmost bit of its width is x^0.
type ring struct {
	polynomial uint64
	one        uint64 // x^0
}

// The rings of the CRCs that S3 combines.
//
// Source: NVM Express Base Specification, 64b CRC (0xAD93D23594C93659); for the
// others the standard library's hash/crc32.
var (
	ring64 = ring{0x9a6c9329ac4bc9b5, 1 << 63}
	ring32 = ring{crc32.IEEE, 1 << 31}
	ringC  = ring{crc32.Castagnoli, 1 << 31}
)

// Combine returns the sum of a's bytes followed by size bytes whose sum is b.
// A size of 0 returns a.
func Combine(a, b CRC, size int64) CRC {
	return CRC(ring64.combine(uint64(a), uint64(b), size))
}

// combine: a CRC is linear: a, carried over size zero bytes, xor b. Carrying
// over n bytes is multiplication by x^(8n) modulo the polynomial, done here by
// repeated squaring. The complements that CRCs put before and after cancel out.
func (r ring) combine(a, b uint64, size int64) uint64 {
	if size == 0 {
		return a
	}
	power := r.one >> 8 // x^8
	for n := size; n > 0; n >>= 1 {
		if n&1 == 1 {
			a = r.multiply(a, power)
		}
		power = r.multiply(power, power)
	}
	return a ^ b
}

// multiply multiplies two polynomials modulo the ring's.
func (r ring) multiply(a, b uint64) uint64 {
	var product uint64
	for bit := r.one; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b = b>>1 ^ r.polynomial*carry
	}
	return product
}
