package cli

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealift/sealift/policy"
)

func TestDestinationsGiveKeys(t *testing.T) {
	for _, c := range []struct{ address, source, key, prefix string }{
		{"s3://bucket", "dir/a.txt", "a.txt", ""},
		{"s3://bucket/", "../a.txt", "a.txt", ""},
		{"s3://bucket/in/", "a.txt", "in/a.txt", "in/"},
		{"s3://bucket/in", "a.txt", "in", ""},
		{"s3://bucket/in/b", "a.txt", "in/b", "in/"},
		{"s3://bucket//", "a.txt", "/a.txt", "/"},
		{"s3://a.b-c/x", "a", "x", ""},
	} {
		to, err := parseDestination(c.address)
		if err != nil {
			t.Errorf("%s: %v", c.address, err)
		}
		if key := to.keyFor(filepath.FromSlash(c.source)); key != c.key || to.prefix() != c.prefix {
			t.Errorf("%s to %s: key %q, prefix %q", c.source, c.address, key, to.prefix())
		}
	}
	for _, address := range []string{"", "bucket", "s3:/bucket", "S3://bucket", "s3://", "s3:///key", "s3://ab", "s3://Bucket/", "s3://-bucket/", "s3://" + strings.Repeat("b", 64),
		"s3://arn:aws:s3:::bucket/key", "s3://arn:aws:s3::123456789012:accesspoint/many.mrap/k", "s3://arn:aws:s3:eu-west-1:12:accesspoint/ap/k", "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/"} {
		if _, err := parseDestination(address); !errors.Is(err, errURL) {
			t.Errorf("%q: got %v", address, err)
		}
	}
}

// An access point is a bucket by its ARN, in both of AWS's forms.
func TestDestinationsByAccessPoint(t *testing.T) {
	const ap = "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/my-ap"
	for address, key := range map[string]string{ap: "", ap + "/": "", ap + "/in/": "in/", ap + "/in/b": "in/b", strings.Replace(ap, "accesspoint/", "accesspoint:", 1) + "/k": "k"} {
		to, err := parseDestination("s3://" + address)
		if err != nil || to != (destination{ap, key}) || regionIn(to.bucket) != "cn-north-1" {
			t.Errorf("%s: %+v, %v", address, to, err)
		}
	}
}

// A session is never wider than the mode and the destination allow.
func TestNarrowingIsAsNarrowAsItCanBe(t *testing.T) {
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("in/a-file-with-a-name-of-its-own-%03d", i))
	}
	one := []string{"in/a"}
	for _, c := range []struct {
		mode        string
		keys        []string
		prefix      string
		want, wider policy.Kind // "" = none
		err         error
	}{
		{"auto", one, "in/", policy.KindObject, policy.KindPrefix, nil},
		{"require", one, "", policy.KindObject, "", nil},
		{"auto", many[:2], "in/", policy.KindObjects, policy.KindPrefix, nil},
		{"auto", many, "in/", policy.KindPrefix, "", nil},
		{"auto", many, "", "", "", policy.ErrTooWide},
		{"prefix", one, "in/", policy.KindPrefix, "", nil},
		{"prefix", one, "", "", "", errNoPrefix},
		{"off", many, "", "", "", nil},
	} {
		narrowed, wider, err := narrowing(c.mode, policy.Want{Bucket: "bucket", Keys: c.keys, Prefix: c.prefix})
		if !errors.Is(err, c.err) {
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil {
			continue
		}
		for _, k := range []struct {
			got  *policy.Narrowed
			want policy.Kind
		}{{narrowed, c.want}, {wider, c.wider}} {
			if (k.got == nil) != (k.want == "") || k.got != nil && k.got.Kind != k.want {
				t.Errorf("%s, %d keys under %q: got %v, want %q", c.mode, len(c.keys), c.prefix, k.got, k.want)
			}
		}
	}
}

// Whatever a secret is made of, a shell gets it unchanged.
func TestQuoteSurvivesAShell(t *testing.T) {
	for _, want := range []string{"", "a", "it's", "$HOME `id` \"x\" \\", "a\nb", "''"} {
		got, err := exec.Command("sh", "-c", "printf %s "+quote(want)).Output()
		if err != nil {
			t.Skip(err)
		}
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPartitionIsTheARNs(t *testing.T) {
	for arn, want := range map[string]string{"arn:aws:iam::1:role/r": "aws", "arn:aws-cn:iam::1:role/r": "aws-cn", "role": "", "": ""} {
		if got := partition(arn); got != want {
			t.Errorf("%q: got %q, want %q", arn, got, want)
		}
	}
}
