package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sealift/sealift/policy"
)

func TestNarrowToOneKeyAllowsThatKeyAlone(t *testing.T) {
	n, err := policy.Narrow(policy.Want{Bucket: "b-1", Keys: []string{"in/a file.iso"}, Prefix: "in/"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Version":"2012-10-17","Statement":[{"Sid":"Upload","Effect":"Allow",` +
		`"Action":["s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],` +
		`"Resource":"arn:aws:s3:::b-1/in/a file.iso"}]}`
	if n.Kind != policy.KindObject || n.Text != want {
		t.Errorf("got %s %s\nwant object %s", n.Kind, n.Text, want)
	}
	if len(n.SHA256) != 64 {
		t.Errorf("SHA256 is %q", n.SHA256)
	}
}

func TestNarrowFallsToThePrefixWhenKeysDoNotFit(t *testing.T) {
	var keys []string
	for i := range 100 {
		keys = append(keys, fmt.Sprintf("in/some-file-%04d", i))
	}
	n, err := policy.Narrow(policy.Want{Bucket: "bucket", Keys: keys, Prefix: "in/"})
	if err != nil || n.Kind != policy.KindPrefix {
		t.Fatalf("got %s, %v; want prefix", n.Kind, err)
	}
	if !strings.Contains(n.Text, `"Resource":"arn:aws:s3:::bucket/in/*"`) {
		t.Errorf("got %s", n.Text)
	}
	n, err = policy.Narrow(policy.Want{Bucket: "bucket", Keys: keys[:10], Prefix: "in/"})
	if err != nil || n.Kind != policy.KindObjects || len(n.Document.Statement[0].Resource) != 10 {
		t.Errorf("got %s, %v; want objects", n.Kind, err)
	}
}

func TestNarrowNeverWidensToAWholeBucket(t *testing.T) {
	for name, w := range map[string]policy.Want{
		"nothing wanted":    {Bucket: "bucket"},
		"one huge key":      {Bucket: "bucket", Keys: []string{strings.Repeat("*", 1000)}},
		"huge prefix":       {Bucket: "bucket", Prefix: strings.Repeat("*", 1000)},
		"many keys at root": {Bucket: "bucket", Keys: strings.Split(strings.Repeat("0123456789/", 300), "/")[:300]},
	} {
		if n, err := policy.Narrow(w); !errors.Is(err, policy.ErrTooWide) {
			t.Errorf("%s: got %s, %v; want ErrTooWide", name, n.Text, err)
		}
	}
}

func TestNarrowRefusesNamesThatAreWildcards(t *testing.T) {
	for name, w := range map[string]policy.Want{
		"bucket":    {Bucket: "*", Keys: []string{"k"}},
		"bucket ?":  {Bucket: "buck?t", Keys: []string{"k"}},
		"bucket /":  {Bucket: "bucket/x", Keys: []string{"k"}},
		"no bucket": {Keys: []string{"k"}},
		"key":       {Bucket: "bucket", Keys: []string{""}},
		"not UTF-8": {Bucket: "bucket", Keys: []string{"a\xff"}},
		"prefix":    {Bucket: "bucket", Prefix: "a\xff"},
		"kms":       {Bucket: "bucket", Keys: []string{"k"}, KMSKey: "arn:aws:kms:*:*:key/*"},
		"partition": {Bucket: "bucket", Keys: []string{"k"}, Partition: "*"},
	} {
		if n, err := policy.Narrow(w); err == nil {
			t.Errorf("%s: got %s, want an error", name, n.Text)
		}
	}
}

func TestSessionPolicyIsASCIIAndMeansTheSameKey(t *testing.T) {
	const key = "in/Übergröße \U0001F680 <&>\u2028\x7f\".iso"
	n, err := policy.Narrow(policy.Want{Bucket: "bucket", Keys: []string{key}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range n.Text {
		if r > 0x7f {
			t.Errorf("%q in %s", r, n.Text)
		}
	}
	var d policy.Document
	if err := json.Unmarshal([]byte(n.Text), &d); err != nil {
		t.Fatal(err)
	}
	if got, want := d.Statement[0].Resource[0], "arn:aws:s3:::bucket/"+key; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNarrowAddsTagsAndKeyOnlyWhenWanted(t *testing.T) {
	const kms = "arn:aws:kms:eu-west-1:123456789012:key/1"
	w := policy.Want{Partition: "aws-cn", Bucket: "bucket", Keys: []string{"k"}}
	plain, err := policy.Narrow(w)
	if err != nil || strings.Contains(plain.Text, "kms") || strings.Contains(plain.Text, "Tagging") {
		t.Errorf("got %s, %v", plain.Text, err)
	}
	w.Tagging, w.KMSKey = true, kms
	n, err := policy.Narrow(w)
	if err != nil || !strings.Contains(n.Text, `"s3:PutObjectTagging"`) || !strings.Contains(n.Text, kms) {
		t.Errorf("got %s, %v", n.Text, err)
	}
	if !strings.Contains(n.Text, "arn:aws-cn:s3:::bucket/k") {
		t.Errorf("partition is lost: %s", n.Text)
	}
}

// A reader's session reads its keys, sees whether they are there, and may use
// the KMS key to decrypt alone.
func TestNarrowToReadAllowsNothingElse(t *testing.T) {
	n, err := policy.Narrow(policy.Want{Bucket: "b-1", Keys: []string{"in/a*"}, Prefix: "in/", Read: true, KMSKey: "arn:aws:kms:eu-west-1:123456789012:key/1"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::b-1/in/a${*}"},` +
		`{"Sid":"See","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b-1","Condition":{"StringEquals":{"s3:prefix":"in/a${*}"}}},` +
		`{"Sid":"Key","Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:123456789012:key/1",` +
		`"Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}}]}`
	if n.Kind != policy.KindObject || n.Text != want {
		t.Errorf("got %s %s\nwant object %s", n.Kind, n.Text, want)
	}
	if n, err := policy.Narrow(policy.Want{Bucket: "b-1", Prefix: "in/", Read: true}); err != nil || !strings.Contains(n.Text, `"StringLike":{"s3:prefix":"in/*"}`) {
		t.Errorf("got %s, %v", n.Text, err)
	}
}

// Each option brings its own action, and no other.
func TestNarrowAddsOneActionAnOption(t *testing.T) {
	plain := policy.Want{Bucket: "bucket", Keys: []string{"k"}}
	all := map[string]func(*policy.Want){
		"s3:PutObjectTagging":   func(w *policy.Want) { w.Tagging = true },
		"s3:PutObjectRetention": func(w *policy.Want) { w.Retention = true },
		"s3:PutObjectLegalHold": func(w *policy.Want) { w.LegalHold = true },
		"kms:GenerateDataKey":   func(w *policy.Want) { w.KMSKey = "arn:aws:kms:eu-west-1:123456789012:key/1" },
	}
	for wanted, set := range all {
		w := plain
		set(&w)
		n, err := policy.Narrow(w)
		if err != nil {
			t.Fatal(err)
		}
		for action := range all {
			if got := strings.Contains(n.Text, action); got != (action == wanted) {
				t.Errorf("with %s, %s is there: %v\n%s", wanted, action, got, n.Text)
			}
		}
	}
}

// The key can be used through S3 alone, and with the context of the objects.
func TestNarrowedKeyIsForS3AndItsContext(t *testing.T) {
	n, err := policy.Narrow(policy.Want{Bucket: "bucket", Keys: []string{"k"}, KMSKey: "arn:aws-cn:kms:cn-north-1:123456789012:key/1",
		KMSContext: map[string]string{"team": "a*b", "odd name*": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Conditions{
		"StringEquals":         {"kms:ViaService": {"s3.cn-north-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn"}},
		"StringEqualsIfExists": {"kms:EncryptionContext:team": {"a${*}b"}},
	}
	if got := n.Document.Statement[1].Condition; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Through an access point, keys are its resources, whatever the partition that
// was given.
func TestNarrowToKeysOfAnAccessPoint(t *testing.T) {
	const ap = "arn:aws:s3:eu-west-1:123456789012:accesspoint/my-ap"
	n, err := policy.Narrow(policy.Want{Partition: "aws", Bucket: ap, Keys: []string{"in/a*"}, Prefix: "in/"})
	if err != nil || n.Document.Statement[0].Resource[0] != ap+"/object/in/a${*}" {
		t.Errorf("got %s, %v", n.Text, err)
	}
	for _, bad := range []string{ap + "/x", "arn:aws:s3:*:123456789012:accesspoint/my-ap", "arn:aws:s3:::bucket", "arn:aws:s3::123456789012:accesspoint/mrap.mrap", ap + "*"} {
		if n, err := policy.Narrow(policy.Want{Bucket: bad, Keys: []string{"k"}}); err == nil {
			t.Errorf("%s: got %s, want an error", bad, n.Text)
		}
	}
}

func TestRolesReachKeysThroughAnAccessPoint(t *testing.T) {
	const ap = "arn:aws:s3:eu-west-1:123456789012:accesspoint/my-ap"
	d := policy.Names{Account: "123456789012", Bucket: "b-1", Prefix: "in/", AccessPoint: ap}.UploadRolePolicy()
	if got := d.Statement[0].Resource; !slices.Equal(got, policy.Strings{"arn:aws:s3:::b-1/in/*", ap + "/object/in/*"}) {
		t.Errorf("got %q", got)
	}
}

// match is how IAM matches a resource with a pattern: * is any run of
// characters, ? is one, ${x} for x of * ? $ is x.
func match(pattern, s string) bool {
	for i, e := range []string{"${*}", "${?}", "${$}"} {
		if strings.HasPrefix(pattern, e) {
			return s != "" && s[0] == "*?$"[i] && match(pattern[len(e):], s[1:])
		}
	}
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return match(pattern[1:], s) || s != "" && match(pattern, s[1:])
	default:
		return s != "" && (pattern[0] == '?' || pattern[0] == s[0]) && match(pattern[1:], s[1:])
	}
}

// An escaped key must match itself and no other key.
func FuzzEscape(f *testing.F) {
	f.Add("*", "a")
	f.Add("a?c", "abc")
	f.Add("${*}", "*")
	f.Add("$", "${$}")
	f.Add("${aws:username}", "uploader")
	f.Fuzz(func(t *testing.T, key, other string) {
		pattern := policy.Escape(key)
		if !match(pattern, key) {
			t.Errorf("%q does not match itself as %q", key, pattern)
		}
		if other != key && match(pattern, other) {
			t.Errorf("%q as %q matches %q", key, pattern, other)
		}
	})
}

// A housekeeping session finds and aborts. It writes nothing, also where what
// is wanted says what would be written.
func TestHousekeepingFindsAndAborts(t *testing.T) {
	const ap = "arn:aws:s3:eu-west-1:123456789012:accesspoint/uploads"
	for name, c := range map[string]struct {
		want policy.Want
		text string
	}{
		"prefix": {policy.Want{Bucket: "b-1", Prefix: "in/*", Tagging: true, LegalHold: true},
			`{"Version":"2012-10-17","Statement":[{"Sid":"Find","Effect":"Allow","Action":"s3:ListBucketMultipartUploads","Resource":"arn:aws:s3:::b-1","Condition":{"StringEqualsIfExists":{"s3:prefix":"in/${*}"}}},` +
				`{"Sid":"Abort","Effect":"Allow","Action":["s3:ListMultipartUploadParts","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::b-1/in/${*}*"}]}`},
		"bucket": {policy.Want{Bucket: "b-1"},
			`{"Version":"2012-10-17","Statement":[{"Sid":"Find","Effect":"Allow","Action":"s3:ListBucketMultipartUploads","Resource":"arn:aws:s3:::b-1"},` +
				`{"Sid":"Abort","Effect":"Allow","Action":["s3:ListMultipartUploadParts","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::b-1/*"}]}`},
		"key, access point": {policy.Want{Bucket: ap, Keys: []string{"k"}, Prefix: "k", KMSKey: "arn:aws:kms:eu-west-1:1:key/2"},
			`{"Version":"2012-10-17","Statement":[{"Sid":"Find","Effect":"Allow","Action":"s3:ListBucketMultipartUploads","Resource":"` + ap + `","Condition":{"StringEqualsIfExists":{"s3:prefix":"k"}}},` +
				`{"Sid":"Abort","Effect":"Allow","Action":["s3:ListMultipartUploadParts","s3:AbortMultipartUpload"],"Resource":"` + ap + `/object/k"},` +
				`{"Sid":"Key","Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:1:key/2","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}}]}`},
	} {
		c.want.Housekeeping = true
		n, err := policy.Narrow(c.want)
		if err != nil || n.Text != c.text {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, n.Text, c.text)
		}
	}
}
