// Package sum computes CRC64NVME, the checksum that S3 keeps for whole
// objects, and combines the sums of neighbouring parts into the sum of both.
//
// S3 writes a sum as the base64 of its eight bytes, big endian. The package
// holds no state and imports only the hash itself.
package sum

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/minio/crc64nvme"
)

// Algorithm is the name by which S3 knows CRC64NVME in x-amz-checksum-algorithm.
const Algorithm = "CRC64NVME"

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

// polynomial is CRC-64/NVME's, its bits reversed.
//
// Source: NVM Express Base Specification, 64b CRC (0xAD93D23594C93659).
const polynomial = 0x9a6c9329ac4bc9b5

// Combine returns the sum of a's bytes followed by size bytes whose sum is b.
// A size of 0 returns a.
//
// A CRC is linear: a, carried over size zero bytes, xor b. Carrying over n
// bytes is multiplication by x^(8n) modulo the polynomial, done here by
// repeated squaring. The complements that CRC-64/NVME puts before and after
// cancel out.
func Combine(a, b CRC, size int64) CRC {
	shifted, power := uint64(a), uint64(1)<<(63-8) // x^8
	for n := size; n > 0; n >>= 1 {
		if n&1 == 1 {
			shifted = multiply(shifted, power)
		}
		power = multiply(power, power)
	}
	return CRC(shifted) ^ b
}

// multiply multiplies two polynomials modulo the CRC's. Bit 63 is x^0.
func multiply(a, b uint64) uint64 {
	var product uint64
	for bit := uint64(1) << 63; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b = b>>1 ^ polynomial*carry
	}
	return product
}
