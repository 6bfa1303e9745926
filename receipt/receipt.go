// Package receipt is the record of what was stored: which bytes, where, by
// which session, with which sums. It writes, reads and checks receipts of
// version 1, whose JSON shape is a promise (docs/format/receipt.md).
//
// A receipt holds no secret. It is written by the uploader from S3's own
// answers; it proves nothing by itself, and is meant to be held against the
// source, the object and the trail. The package imports only the standard
// library, so that auditors can import it alone.
package receipt

import "time"

// Version is the version of receipts that this package writes and reads.
const Version = 1

// A Receipt records one stored object. Times are UTC; a nil pointer is JSON
// null and means "not known" or "not used", as the field says.
type Receipt struct {
	Version  int    `json:"version"`
	Run      string `json:"run"`      // ULID of the run
	Transfer string `json:"transfer"` // ULID of the transfer, also in the object's metadata
	Tool     Tool   `json:"tool"`

	Source    Source     `json:"source"`
	Object    Object     `json:"object"`
	Session   Session    `json:"session"`   // the session that stored the object
	Sessions  []Span     `json:"sessions"`  // every session that sent a request, oldest first
	Multipart *Multipart `json:"multipart"` // nil for a single PutObject
	Requests  []Request  `json:"requests"`  // those that made the object, in order

	Started   time.Time `json:"started"`
	Finished  time.Time `json:"finished"`
	BytesSent int64     `json:"bytes_sent"` // body bytes put on the wire, retries included
	Retries   int       `json:"retries"`    // requests sent again
}

// A Tool names the program that wrote the receipt.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// A Source records the local bytes.
type Source struct {
	Path      string     `json:"path"`     // as the user gave it
	Size      int64      `json:"size"`     // bytes
	Modified  *time.Time `json:"modified"` // nil where the source has no such time
	SHA256    *string    `json:"sha256"`   // 64 hex digits; nil when not asked for
	CRC64NVME string     `json:"crc64nvme"`
}

// An Object records what S3 said it stored.
type Object struct {
	Bucket       string            `json:"bucket"`
	Key          string            `json:"key"`
	VersionID    *string           `json:"version_id"` // nil in a bucket without versions
	ETag         string            `json:"etag"`       // opaque, with its quotes
	Size         int64             `json:"size"`       // bytes
	Checksum     Checksum          `json:"checksum"`   // as S3 answered it
	Encryption   *string           `json:"encryption"` // "AES256", "aws:kms"; nil when S3 named none
	KMSKeyID     *string           `json:"kms_key_id"`
	StorageClass string            `json:"storage_class"`
	Tags         map[string]string `json:"tags"`
}

// A Checksum is one that S3 keeps for an object; the zero value where the server
// keeps none. One of type FULL_OBJECT is of the object's bytes. A COMPOSITE one
// is of its parts' checksums, and ends in "-" and their number: it can be held
// against the source only by cutting that into the same parts.
type Checksum struct {
	Algorithm string `json:"algorithm"` // "CRC64NVME", "CRC32", "CRC32C", "SHA1", "SHA256"; "" for none
	Type      string `json:"type"`      // "FULL_OBJECT" or "COMPOSITE"; "" for none
	Value     string `json:"value"`     // base64; "" for none
}

// A Session records the credentials that stored the object, without a secret.
type Session struct {
	RoleARN        *string    `json:"role_arn"`         // nil when no role was assumed
	AssumedRoleARN *string    `json:"assumed_role_arn"` // as STS answered
	Name           string     `json:"name"`             // role session name; "" when not known
	SourceIdentity *string    `json:"source_identity"`
	KeyID          string     `json:"key_id"`        // access key id, the trail's join key
	Expires        *time.Time `json:"expires"`       // nil for keys without an expiry
	Narrowing      string     `json:"narrowing"`     // object, objects, prefix or off
	PolicySHA256   *string    `json:"policy_sha256"` // hex, of the session policy's text; nil when off
}

// A Span says which session signed requests of this transfer, and when the
// first and the last of them were sent.
type Span struct {
	KeyID string    `json:"key_id"`
	Name  string    `json:"name"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// A Multipart records how the source was cut.
type Multipart struct {
	UploadID string `json:"upload_id"`
	PartSize int64  `json:"part_size"` // bytes of the first part; the last may be smaller, and those of a stream grow
	Parts    int    `json:"parts"`
}

// A Request is one call to S3 as S3 and its trail know it.
type Request struct {
	Operation string    `json:"operation"`  // as CloudTrail spells it
	RequestID string    `json:"request_id"` // x-amz-request-id
	ID2       string    `json:"id_2"`       // x-amz-id-2
	Time      time.Time `json:"time"`
}
