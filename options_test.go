package sealift_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/sealift/sealift"
	"github.com/sealift/sealift/policy"
	"github.com/sealift/sealift/receipt"
)

// kmsKey is the one that a sandbox with options lets the upload role use.
const kmsKey = "arn:aws:kms:us-east-1:123456789012:key/5ea11f70-0000-4000-8000-000000000001"

// An optionCase is one option, what the session must allow for it, and what
// the object must then look like to the administrator.
type optionCase struct {
	name   string
	set    func(*sealift.Options)
	allow  func(*policy.Want) // nil: nothing beyond writing
	lacks  string             // the action that is refused without allow
	appear func(*s3.HeadObjectOutput) bool
}

func optionCases() []optionCase {
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	expires := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	return []optionCase{
		{name: "language", set: func(o *sealift.Options) { o.ContentLanguage = "de-CH" },
			appear: func(h *s3.HeadObjectOutput) bool { return aws.ToString(h.ContentLanguage) == "de-CH" }},
		{name: "encoding", set: func(o *sealift.Options) { o.ContentEncoding = "gzip" },
			appear: func(h *s3.HeadObjectOutput) bool { return aws.ToString(h.ContentEncoding) == "gzip" }},
		{name: "disposition", set: func(o *sealift.Options) { o.ContentDisposition = `attachment; filename="a b.txt"` },
			appear: func(h *s3.HeadObjectOutput) bool {
				return aws.ToString(h.ContentDisposition) == `attachment; filename="a b.txt"`
			}},
		{name: "expires", set: func(o *sealift.Options) { o.Expires = expires.In(time.FixedZone("", 3600)) },
			appear: func(h *s3.HeadObjectOutput) bool {
				return aws.ToString(h.ExpiresString) == "Mon, 03 Feb 2031 04:05:06 GMT"
			}},
		{name: "tags", set: func(o *sealift.Options) { o.Tags = map[string]string{"a": "b"} },
			allow: func(w *policy.Want) { w.Tagging = true }, lacks: "s3:PutObjectTagging",
			appear: func(h *s3.HeadObjectOutput) bool { return aws.ToInt32(h.TagCount) == 1 }},
		{name: "retention", set: func(o *sealift.Options) { o.LockMode, o.LockUntil = "GOVERNANCE", until },
			allow: func(w *policy.Want) { w.Retention = true }, lacks: "s3:PutObjectRetention",
			appear: func(h *s3.HeadObjectOutput) bool {
				return h.ObjectLockMode == types.ObjectLockModeGovernance && aws.ToTime(h.ObjectLockRetainUntilDate).Equal(until)
			}},
		{name: "legal hold", set: func(o *sealift.Options) { o.LegalHold = true },
			allow: func(w *policy.Want) { w.LegalHold = true }, lacks: "s3:PutObjectLegalHold",
			appear: func(h *s3.HeadObjectOutput) bool {
				return h.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn
			}},
		{name: "kms", set: func(o *sealift.Options) { o.Encryption, o.KMSKeyID = "aws:kms", kmsKey },
			allow: func(w *policy.Want) { w.KMSKey = kmsKey }, lacks: "kms:GenerateDataKey",
			appear: func(h *s3.HeadObjectOutput) bool {
				return h.ServerSideEncryption == types.ServerSideEncryptionAwsKms && aws.ToString(h.SSEKMSKeyId) == kmsKey && !aws.ToBool(h.BucketKeyEnabled)
			}},
		{name: "bucket key", set: func(o *sealift.Options) {
			o.Encryption, o.KMSKeyID, o.BucketKey, o.KMSContext = "aws:kms", kmsKey, aws.Bool(true), map[string]string{"team": "x"}
		},
			allow: func(w *policy.Want) { w.KMSKey, w.KMSContext = kmsKey, map[string]string{"team": "x"} }, lacks: "kms:GenerateDataKey",
			appear: func(h *s3.HeadObjectOutput) bool { return aws.ToBool(h.BucketKeyEnabled) }},
		{name: "dsse", set: func(o *sealift.Options) { o.Encryption, o.KMSKeyID = "aws:kms:dsse", kmsKey },
			allow: func(w *policy.Want) { w.KMSKey = kmsKey }, lacks: "kms:GenerateDataKey",
			appear: func(h *s3.HeadObjectOutput) bool {
				return h.ServerSideEncryption == types.ServerSideEncryptionAwsKmsDsse
			}},
	}
}

// Each option arrives at the object, with a session that may do what the option
// needs; with one that may do everything but that, it is refused, and the
// refusal names the action.
func TestEachOptionArrivesAndNeedsItsOwnAction(t *testing.T) {
	t.Parallel()
	f := start(t, "--with-options")
	f.sandboxOnly(t, "it has no KMS, no locks and no roles")
	everything := policy.Want{Tagging: true, Retention: true, LegalHold: true, KMSKey: kmsKey}
	for _, c := range optionCases() {
		for _, size := range []int{10, 6 * mib} {
			key := key(t)
			options := sealift.Options{PartSize: 5 * mib}
			c.set(&options)
			want := policy.Want{Keys: []string{key}}
			if c.allow != nil {
				c.allow(&want)
			}
			if r, err := f.uploadAs(t, want, key, size, options); err != nil {
				t.Errorf("%s, %d bytes: %v", c.name, size, err)
			} else if err := r.Check(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			head, err := f.admin.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &f.Bucket, Key: &key})
			if err != nil || !c.appear(head) {
				t.Errorf("%s, %d bytes: %v\n%+v", c.name, size, err, head)
			}
			if c.allow == nil {
				continue
			}
			but := everything
			but.Keys = want.Keys
			but.Tagging, but.Retention, but.LegalHold = !want.Tagging, !want.Retention, !want.LegalHold
			if want.KMSKey != "" {
				but.KMSKey = ""
			}
			options.IfExists = "overwrite"
			if _, err := f.uploadAs(t, but, key, size, options); !errors.Is(err, sealift.ErrDenied) || !strings.Contains(err.Error(), c.lacks) {
				t.Errorf("%s without %s, %d bytes: %v", c.name, c.lacks, size, err)
			}
		}
	}
}

// uploadAs uploads size bytes with a session for what is wanted.
func (f *fixture) uploadAs(t *testing.T, want policy.Want, key string, size int, o sealift.Options) (*receipt.Receipt, error) {
	t.Helper()
	c := f.config(t, key)
	c.Credentials = f.sessionFor(t, want)
	return open(t, c).Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(random(size)), int64(size)),
		sealift.Object{Bucket: f.Bucket, Key: key, Options: o})
}

// A session for one encryption context encrypts with no other.
func TestSessionIsForItsEncryptionContext(t *testing.T) {
	f := start(t, "--with-options")
	f.sandboxOnly(t, "it has no KMS")
	key := key(t)
	want := policy.Want{Keys: []string{key}, KMSKey: kmsKey, KMSContext: map[string]string{"team": "x"}}
	options := sealift.Options{Encryption: "aws:kms", KMSKeyID: kmsKey, KMSContext: map[string]string{"team": "y"}}
	if _, err := f.uploadAs(t, want, key, 10, options); !errors.Is(err, sealift.ErrDenied) {
		t.Errorf("another context: %v, want ErrDenied", err)
	}
	options.KMSContext = map[string]string{"team": "x"}
	if _, err := f.uploadAs(t, want, key, 10, options); err != nil {
		t.Error(err)
	}
}

// Where who asks pays, every request must say so: the parts and the looks too.
func TestRequesterPays(t *testing.T) {
	f := start(t)
	f.sandboxOnly(t, "it has no request payment")
	if _, err := f.admin.PutBucketRequestPayment(t.Context(), &s3.PutBucketRequestPaymentInput{Bucket: &f.Bucket,
		RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: types.PayerRequester}}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{10, 11 * mib} {
		key := key(t)
		c := f.config(t, key)
		c.Reader = f.reader(t)
		up := open(t, c)
		source := sealift.ReaderAt(bytes.NewReader(random(size)), int64(size))
		object := sealift.Object{Bucket: f.Bucket, Key: key, Options: sealift.Options{PartSize: 5 * mib}}
		if _, err := up.Upload(t.Context(), source, object); !errors.Is(err, sealift.ErrDenied) {
			t.Errorf("%d bytes: %v, want ErrDenied", size, err)
		}
		object.RequesterPays = true
		if _, err := up.Upload(t.Context(), source, object); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, err := up.Upload(t.Context(), source, object); !errors.Is(err, sealift.ErrExists) {
			t.Errorf("%d bytes again: %v, want ErrExists", size, err)
		}
	}
}

// What S3 would refuse is refused before anything is sent, in words.
func TestOptionsThatCannotWork(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	for words, o := range map[string]sealift.Options{
		"GOVERNANCE needs a date":               {LockMode: "GOVERNANCE"},
		"needs an object lock mode":             {LockUntil: soon},
		"is in the past":                        {LockMode: "COMPLIANCE", LockUntil: time.Now().Add(-time.Minute)},
		"neither GOVERNANCE nor COMPLIANCE":     {LockMode: "governance", LockUntil: soon},
		"past 9999":                             {LockMode: "COMPLIANCE", LockUntil: time.Date(10000, 1, 2, 0, 0, 0, 0, time.UTC)},
		"none of AES256":                        {Encryption: "rot13"},
		"a KMS key goes with":                   {Encryption: "AES256", KMSKeyID: kmsKey},
		"a KMS encryption context goes with":    {Encryption: "AES256", KMSContext: map[string]string{"a": "b"}},
		"a bucket key goes with":                {Encryption: "aws:kms:dsse", BucketKey: aws.Bool(true)},
		"is S3's own":                           {Encryption: "aws:kms", KMSContext: map[string]string{"aws:s3:arn": "x"}},
		"with an empty name":                    {Encryption: "aws:kms", KMSContext: map[string]string{"": "x"}},
		"4096 can be sent":                      {Encryption: "aws:kms", KMSContext: map[string]string{"a": strings.Repeat("x", 4096)}},
		"is not UTF-8":                          {Encryption: "aws:kms", KMSContext: map[string]string{"a": "\xff"}},
		"Content-Language \"d\\n\"":             {ContentLanguage: "d\n"},
		"Content-Encoding \" gzip\" has blanks": {ContentEncoding: " gzip"},
		"aws-chunked says how":                  {ContentEncoding: "gzip, AWS-chunked"},
		"S3 takes 2048":                         {ContentDisposition: strings.Repeat("x", 2048)},
		"storage class \"standard\" is none":    {StorageClass: "standard"},
	} {
		up := open(t, sealift.Config{Credentials: aws.AnonymousCredentials{}, Region: "eu-west-1"})
		_, err := up.Upload(t.Context(), sealift.ReaderAt(bytes.NewReader(nil), 0), sealift.Object{Bucket: "bucket", Key: "k", Options: o})
		if !errors.Is(err, sealift.ErrInvalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("%+v: %v, want %q", o, err, words)
		}
	}
}
