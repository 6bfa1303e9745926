package s3wire

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sealift/sealift/internal/sum"
)

// An Object is what Create and Put tell S3 of an object. Empty fields are not
// sent.
type Object struct {
	Bucket, Key string
	Kind        sum.Kind // of the checksums that S3 is told

	ContentType        string
	ContentLanguage    string
	ContentEncoding    string
	ContentDisposition string
	CacheControl       string
	Expires            time.Time // zero is none
	Metadata           map[string]string
	Tags               map[string]string
	StorageClass       string

	Encryption string
	KMSKeyID   string
	KMSContext map[string]string
	BucketKey  *bool

	LockMode  string
	LockUntil time.Time
	LegalHold bool

	Owner         string // account that must own the bucket
	RequesterPays bool
}

// describe is the header that Create and Put have in common.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
// (read 2026-11-25 in the SDK's text of it).
func (o Object) describe() http.Header {
	h := o.guard()
	set(h, "Content-Type", o.ContentType)
	set(h, "Content-Language", o.ContentLanguage)
	set(h, "Content-Encoding", o.ContentEncoding)
	set(h, "Content-Disposition", o.ContentDisposition)
	set(h, "Cache-Control", o.CacheControl)
	if !o.Expires.IsZero() {
		h.Set("Expires", o.Expires.UTC().Format(http.TimeFormat))
	}
	set(h, "X-Amz-Storage-Class", o.StorageClass)
	for name, value := range o.Metadata {
		h.Set("X-Amz-Meta-"+name, value)
	}
	tags := url.Values{}
	for name, value := range o.Tags {
		tags.Set(name, value)
	}
	set(h, "X-Amz-Tagging", tags.Encode())
	o.encrypt(h)
	o.lock(h)
	return h
}

func (o Object) encrypt(h http.Header) {
	set(h, "X-Amz-Server-Side-Encryption", o.Encryption)
	set(h, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", o.KMSKeyID)
	set(h, "X-Amz-Server-Side-Encryption-Context", EncodeContext(o.KMSContext))
	if o.BucketKey != nil {
		h.Set("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", strconv.FormatBool(*o.BucketKey))
	}
}

// EncodeContext writes a KMS encryption context as S3 wants it: the base64 of
// a JSON object. "" for none.
func EncodeContext(pairs map[string]string) string {
	if len(pairs) == 0 {
		return ""
	}
	text, _ := json.Marshal(pairs) // strings always marshal
	return base64.StdEncoding.EncodeToString(text)
}

func (o Object) lock(h http.Header) {
	if o.LockMode != "" {
		h.Set("X-Amz-Object-Lock-Mode", o.LockMode)
		h.Set("X-Amz-Object-Lock-Retain-Until-Date", o.LockUntil.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if o.LegalHold {
		h.Set("X-Amz-Object-Lock-Legal-Hold", "ON")
	}
}

// guard is the header that every request has.
func (o Object) guard() http.Header {
	h := http.Header{}
	set(h, "X-Amz-Expected-Bucket-Owner", o.Owner)
	if o.RequesterPays {
		h.Set("X-Amz-Request-Payer", "requester")
	}
	return h
}

func set(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}
