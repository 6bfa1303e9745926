package s3wire

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sealift/sealift/internal/sum"
)

// kept is the kind of checksum that S3 keeps where it is told one of that kind:
// the same, but CRC64NVME where it is told none, as it then makes that itself.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
// (read 2026-11-25 in the SDK's text of it).
func kept(k sum.Kind) sum.Kind {
	if k == "" || k == sum.None {
		return sum.CRC64NVME
	}
	return k
}

// ChecksumType is how S3 sums an object of several parts in that kind.
func ChecksumType(k sum.Kind) string {
	if k.Composite() {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

// checksumHeader carries a checksum, in requests and answers.
func checksumHeader(k sum.Kind) string {
	switch kept(k) {
	case sum.CRC32:
		return "X-Amz-Checksum-Crc32"
	case sum.CRC32C:
		return "X-Amz-Checksum-Crc32c"
	case sum.SHA1:
		return "X-Amz-Checksum-Sha1"
	case sum.SHA256:
		return shaHeader
	default:
		return crcHeader
	}
}

// tell puts the checksum of a body into its request. Servers that know no
// checksums have always known Content-MD5.
func tell(h http.Header, k sum.Kind, of sum.Sums) {
	if !k.Told() {
		set(h, "Content-Md5", of.Told(k))
		return
	}
	h.Set(checksumHeader(k), of.Told(k))
	h.Set("X-Amz-Sdk-Checksum-Algorithm", string(kept(k)))
}

// checksums are the elements in which S3 names a checksum in XML.
type checksums struct {
	ChecksumCRC64NVME string
	ChecksumCRC32     string
	ChecksumCRC32C    string
	ChecksumSHA1      string
	ChecksumSHA256    string
}

func (c checksums) of(k sum.Kind) string {
	switch kept(k) {
	case sum.CRC32:
		return c.ChecksumCRC32
	case sum.CRC32C:
		return c.ChecksumCRC32C
	case sum.SHA1:
		return c.ChecksumSHA1
	case sum.SHA256:
		return c.ChecksumSHA256
	default:
		return c.ChecksumCRC64NVME
	}
}

// ErrNoChecksum says that the server keeps no checksum of the kind it was told.
var ErrNoChecksum = errors.New("the server knows no such checksum")

// Unsummed reports whether the server was found to keep no checksum of the
// kind.
func (c *Client) Unsummed(k sum.Kind) bool {
	_, found := c.unsummed.Load(kept(k))
	return found
}

// FoundUnsummed is called when it was found out. It reports whether that was
// news.
func (c *Client) FoundUnsummed(k sum.Kind) bool {
	_, known := c.unsummed.LoadOrStore(kept(k), true)
	return !known
}

// RefusesChecksum reports whether the server refused a request because of the
// checksum in it.
func (e *Error) RefusesChecksum() bool {
	switch e.Operation {
	case PutObject, CreateMultipartUpload, UploadPart:
	default:
		return false
	}
	switch e.Code {
	case "NotImplemented", "InvalidRequest", "InvalidArgument":
		return strings.Contains(strings.ToLower(e.Message+" "+e.Header), "checksum")
	}
	return false
}
