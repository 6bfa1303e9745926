package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sealift/sealift/internal/s3wire"
	"github.com/sealift/sealift/receipt"
)

// A key that may not be used is named, with the right that is missing.
func TestDeniedDecryptionHasItsRemedy(t *testing.T) {
	kms, key := "aws:kms", "arn:aws:kms:eu-west-1:123456789012:key/1"
	r := &receipt.Receipt{Object: receipt.Object{Encryption: &kms, KMSKeyID: &key}}
	err := readingError(r, &s3wire.Error{Status: 403, Code: "AccessDenied", Message: "not authorized to perform: kms:Decrypt"})
	if exitCode(err) != codeDenied || !strings.Contains(hintFor(err), "kms:Decrypt on "+key) {
		t.Errorf("%d %v: %s", exitCode(err), err, hintFor(err))
	}
	err = readingError(&receipt.Receipt{}, &s3wire.Error{Status: 403})
	if exitCode(err) != codeDenied || !strings.Contains(hintFor(err), "s3:GetObjectVersion") {
		t.Errorf("%d %v: %s", exitCode(err), err, hintFor(err))
	}
}

func TestSourcesAreLookedForInside(t *testing.T) {
	for _, c := range []struct {
		path  string
		strip int
		want  string
	}{
		{"site/a", 0, "site/a"}, {"/srv/site/a", 0, "srv/site/a"}, {"./site/./a", 1, "a"}, {"site//a", 1, "a"}, {"site/a", 2, ""}, {"", 0, ""},
	} {
		got, err := inside(c.path, c.strip)
		if strings.ReplaceAll(got, `\`, "/") != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q without %d is %q, %v; want %q", c.path, c.strip, got, err, c.want)
		}
	}
}

// Whatever a file holds, each line that is not empty is told of once, in order,
// and a file that proves nothing is not passed over.
func FuzzReceiptsOfAFile(f *testing.F) {
	f.Add([]byte("{}\n{}\n"), true)
	f.Add([]byte("{\n}"), false)
	f.Add([]byte("\n\n"), true)
	f.Add([]byte(`{"version":2}`), false)
	f.Fuzz(func(t *testing.T, text []byte, list bool) {
		from, last, told := "x", -1, 0
		if list {
			from = "x.jsonl"
		}
		readReceipts(from, bytes.NewReader(text), func(one *looked) bool {
			told++
			one.parse()
			if one.line <= last && one.line != 0 || (one.receipt == nil) == (len(one.errs) == 0) {
				t.Errorf("line %d after %d: %v, %v", one.line, last, one.receipt, one.errs)
			}
			last = one.line
			return true
		})
		if told == 0 {
			t.Errorf("nothing is told of %q", text)
		}
	})
}
