package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxSession is how long a session policy's text may be, in characters. AWS
// also packs policy and tags together and refuses what it cannot pack; no
// length foretells that.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// (parameter Policy; read 2026-11-24 in the SDK's text of it).
const MaxSession = 2048

// ErrTooWide says that the keys of a run do not fit in a session policy and
// that its destination names no prefix to narrow to instead.
var ErrTooWide = errors.New("keys do not fit in a session policy and there is no prefix")

// A Kind says how far a session is narrowed.
type Kind string

// The kinds, from the narrowest.
const (
	KindObject  Kind = "object"  // to one key
	KindObjects Kind = "objects" // to several keys
	KindPrefix  Kind = "prefix"  // to every key under a prefix
	KindOff     Kind = "off"     // not: the whole role
)

// Want is what a run is going to write, or with Read to look at.
type Want struct {
	Partition string   // "" = aws
	Bucket    string   // a name, or the ARN of an access point
	Keys      []string // exact keys, unescaped; none = Prefix is what is wanted
	Prefix    string   // the narrowest one that the destination names, unescaped; "" = none
	Beside    []string // exact keys that are wanted beside either, unescaped
	Tagging   bool     // may set tags on what it writes
	Retention bool     // may lock what it writes until a date
	LegalHold bool     // may put a legal hold on what it writes
	Read      bool     // reads the objects and their versions, and writes nothing
	KMSKey    string   // ARN of a key to encrypt with; "" = none

	// KMSContext is the encryption context that the objects are given. The key
	// may then be used with these values only, or with none: with a bucket key
	// S3 asks for one for the whole bucket.
	KMSContext map[string]string

	// Housekeeping wants to find and abort open uploads in place of writing: to
	// list those under the Prefix, and to list the parts of and abort those of
	// the Keys, or all under the Prefix. "" is then the whole bucket.
	Housekeeping bool
}

// Narrowed is a session policy, ready to be sent.
type Narrowed struct {
	Kind     Kind
	Document Document
	Text     string // compact JSON, ≤ MaxSession characters, ASCII
	SHA256   string // of Text, lower-case hex
}

// Narrow writes the policy of an upload session: write, abort and list parts;
// or of a reader: get them and see that they are there; or of a housekeeping one:
// list parts and abort. All on the keys that are wanted, exactly, while they fit; else under the prefix.
// It never widens to a whole bucket: that is [ErrTooWide].
func Narrow(w Want) (Narrowed, error) {
	if len(w.Keys) == 0 {
		return w.Wider()
	}
	if err := w.check(); err != nil {
		return Narrowed{}, err
	}
	resources := w.exact(slices.Concat(w.Keys, w.Beside))
	kind := KindObjects
	if len(resources) == 1 {
		kind = KindObject
	}
	if n := w.narrowed(kind, resources); len(n.Text) <= MaxSession {
		return n, nil
	}
	return w.Wider()
}

// Wider writes the policy for the prefix, whatever the keys: for --narrow
// prefix, and for when AWS cannot pack the exact keys. Without a prefix it is
// [ErrTooWide].
func (w Want) Wider() (Narrowed, error) {
	if err := w.check(); err != nil {
		return Narrowed{}, err
	}
	if w.Prefix == "" && !w.Housekeeping {
		return Narrowed{}, fmt.Errorf("narrow session to %d keys of %s: %w", len(w.Keys), w.Bucket, ErrTooWide)
	}
	beside := slices.DeleteFunc(slices.Clone(w.Beside), func(key string) bool { return strings.HasPrefix(key, w.Prefix) })
	n := w.narrowed(KindPrefix, append(Strings{w.arn(Escape(w.Prefix) + "*")}, w.exact(beside)...))
	if len(n.Text) > MaxSession {
		return Narrowed{}, fmt.Errorf("narrow session to a prefix of %d bytes: %w", len(w.Prefix), ErrTooWide)
	}
	return n, nil
}

// exact are the ARNs of keys.
func (w Want) exact(keys []string) Strings {
	arns := make(Strings, len(keys))
	for i, key := range keys {
		arns[i] = w.arn(Escape(key))
	}
	return arns
}

// narrowed puts the policy together.
func (w Want) narrowed(kind Kind, resources Strings) Narrowed {
	d := document(allow("Upload", resources, writeActions(w.Tagging, w.Retention, w.LegalHold)...))
	switch {
	case w.Read:
		d = document(allow("Read", resources, "s3:GetObject", "s3:GetObjectVersion"), w.see(kind))
	case w.Housekeeping:
		d = document(w.find(), allow("Abort", resources, "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"))
	}
	if w.KMSKey != "" {
		d.Statement = append(d.Statement, w.useKey())
	}
	text := d.Compact()
	sum := sha256.Sum256([]byte(text))
	return Narrowed{Kind: kind, Document: d, Text: text, SHA256: hex.EncodeToString(sum[:])}
}

// see allows a listing of no more than what may be read. Without it S3 says of a
// missing key what it says of one that may not be read, so that nobody could
// tell that an object is gone. A listing of one key shows those too that begin
// with it.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
// (Permissions; recalled, not read again).
func (w Want) see(kind Kind) Statement {
	s := allow("See", Strings{w.bucketARN()}, "s3:ListBucket")
	s.Condition = Conditions{}
	if kind == KindPrefix {
		s.Condition.set("StringLike", "s3:prefix", Escape(w.Prefix)+"*")
		return s
	}
	keys := make(Strings, len(w.Keys))
	for i, key := range w.Keys {
		keys[i] = Escape(key)
	}
	s.Condition.set("StringEquals", "s3:prefix", keys...)
	return s
}

// find allows open uploads to be listed, by the prefix alone where the server
// says by which prefix it is asked. AWS names s3:prefix for listings of objects
// and not for this one, and a condition on a key that is absent would deny
// everything; so it is one for where the key is there.
//
// Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
// (ListBucketMultipartUploads; recalled, not read again).
func (w Want) find() Statement {
	s := allow("Find", Strings{w.bucketARN()}, "s3:ListBucketMultipartUploads")
	if w.Prefix != "" {
		s.Condition = Conditions{}
		s.Condition.set("StringEqualsIfExists", "s3:prefix", Escape(w.Prefix))
	}
	return s
}

// useKey allows what encrypting needs, or what decrypting does of a reader and of
// who lists the parts of an encrypted upload, through S3 in the key's own region.
//
// Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
// (kms:ViaService, kms:EncryptionContext:key; recalled, not read again).
func (w Want) useKey() Statement {
	s := allow("Key", Strings{w.KMSKey}, "kms:GenerateDataKey", "kms:Decrypt")
	if w.Read || w.Housekeeping {
		s.Action = Strings{"kms:Decrypt"}
	}
	s.Condition = Conditions{}
	if field := strings.Split(w.KMSKey, ":"); len(field) > 3 && field[3] != "" {
		s.Condition.set("StringEquals", "kms:ViaService", viaS3(field[1], field[3])...)
	}
	for name, value := range w.KMSContext {
		if !contextName.MatchString(name) {
			continue // left to S3 and the key's own policy
		}
		s.Condition.set("StringEqualsIfExists", "kms:EncryptionContext:"+name, Escape(value))
	}
	return s
}

// contextName is what can surely stand in the name of a condition key.
var contextName = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,128}$`)

// arn is what names keys of the bucket. Those reached through an access point
// are resources of it; the bucket behind is not known here, and its own policy
// must let the access point decide.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html
// (read 2026-11-25).
func (w Want) arn(pattern string) string {
	if accessPoint.MatchString(w.Bucket) {
		return w.Bucket + "/object/" + pattern
	}
	return w.bucketARN() + "/" + pattern
}

// bucketARN is what names the bucket, or the access point.
func (w Want) bucketARN() string {
	if accessPoint.MatchString(w.Bucket) {
		return w.Bucket
	}
	return "arn:" + Names{Partition: w.Partition}.Filled().Partition + ":s3:::" + w.Bucket
}

// check refuses names that would come out as a wider permission than wanted,
// or as one for another key.
func (w Want) check() error {
	if !bucketName.MatchString(w.Bucket) && !accessPoint.MatchString(w.Bucket) {
		return fmt.Errorf("narrow session: %q is no bucket name and no ARN of an access point", w.Bucket)
	}
	if strings.ContainsAny(w.KMSKey, "*?$") || strings.ContainsAny(w.Partition, "*?$:") {
		return errors.New("narrow session: KMS key or partition holds a wildcard")
	}
	for _, key := range slices.Concat(w.Keys, w.Beside) {
		if key == "" || !utf8.ValidString(key) {
			return fmt.Errorf("narrow session: %q is no object key", key)
		}
	}
	if !utf8.ValidString(w.Prefix) {
		return fmt.Errorf("narrow session: %q is no prefix", w.Prefix)
	}
	return nil
}

// bucketName is what S3 has ever taken as one, old buckets with capitals and
// underscores included; no wildcard among it.
var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$`)

// accessPoint is the ARN of one, of one region.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
// (recalled, not read again).
var accessPoint = regexp.MustCompile(`^arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint/[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$`)

// Escape writes a key so that a policy takes every character of it as itself:
// *, ? and $ become ${*}, ${?} and ${$}.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
// (recalled, not read again).
func Escape(key string) string {
	if !strings.ContainsAny(key, "*?$") {
		return key
	}
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(key)
}
