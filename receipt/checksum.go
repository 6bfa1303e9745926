package receipt

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// sizes are the checksums that S3 keeps, and how many bytes each has.
func sizes() map[string]int {
	return map[string]int{"CRC64NVME": 8, "CRC32": 4, "CRC32C": 4, "SHA1": 20, "SHA256": 32}
}

// sums is what is wrong with the object's checksum, by itself and beside the
// source's; "" for nothing. An empty one says that S3 keeps none.
func (r *Receipt) sums() string {
	c := r.Object.Checksum
	size, known := sizes()[c.Algorithm]
	switch {
	case c == Checksum{}:
		return ""
	case !known:
		return "object.checksum.algorithm is none of CRC64NVME, CRC32, CRC32C, SHA1, SHA256"
	case c.Type != "FULL_OBJECT" && c.Type != "COMPOSITE":
		return "object.checksum.type is neither FULL_OBJECT nor COMPOSITE"
	}
	value := c.Value
	if c.Type == "COMPOSITE" {
		var whole bool
		if r.Multipart == nil {
			return "object.checksum is COMPOSITE and there are no parts"
		}
		if value, whole = strings.CutSuffix(value, fmt.Sprintf("-%d", r.Multipart.Parts)); !whole {
			return "object.checksum is not of so many parts"
		}
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || len(raw) != size {
		return fmt.Sprintf("object.checksum.value is not the base64 of %d bytes", size)
	}
	return r.agree(raw)
}

// agree holds a checksum of the whole against the source's of the same kind.
func (r *Receipt) agree(raw []byte) string {
	c := r.Object.Checksum
	switch {
	case c.Type != "FULL_OBJECT":
	case c.Algorithm == "CRC64NVME" && c.Value != r.Source.CRC64NVME:
		return "source and object differ in CRC64NVME"
	case c.Algorithm == "SHA256" && r.Source.SHA256 != nil && hex.EncodeToString(raw) != *r.Source.SHA256:
		return "source and object differ in SHA-256"
	}
	return ""
}
