package journal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sealift/sealift/internal/fault"
	"github.com/sealift/sealift/internal/journal"
)

// canary is a secret that must be nowhere.
const canary = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY"

func sings(text []byte) bool {
	for _, form := range []string{canary, url.QueryEscape(canary), url.PathEscape(canary), url.UserPassword(canary, "").String(), hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))[:32], strings.ReplaceAll(canary, "/", `\/`)} {
		if bytes.Contains(text, []byte(form)) {
			return true
		}
	}
	return false
}

// Wherever a credential could come in with what is recorded, it is refused, and
// said without it.
func TestNoCredentialIsEverWritten(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "SEALIFT_PROFILE"} {
		t.Setenv(name, canary)
	}
	disk := fault.NewDisk(t, 1)
	digest, err := journal.Digest(map[string]string{"x": canary})
	if err != nil {
		t.Fatal(err)
	}
	story := story()
	b := begin()
	b.Options = digest
	story[0] = b
	write(t, disk, story...)
	for _, endpoint := range []string{
		"https://user:" + url.QueryEscape(canary) + "@s3.example.com", "https://" + url.QueryEscape(canary) + "@s3.example.com", "https://s3.example.com?X-Amz-Security-Token=" + url.QueryEscape(canary),
		"https://s3.example.com#" + url.QueryEscape(canary), "https://s3.example.com/a@" + url.QueryEscape(canary), "https://s3.example.com?", "//s3.example.com", "s3.example.com/" + canary, "https:" + canary, "https://a b/" + canary,
	} {
		b := begin()
		b.Transfer, b.Endpoint = id(1), endpoint
		_, err := journal.Create(disk, folder, b)
		if !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%s: got %v", endpoint, err)
		} else if sings([]byte(err.Error())) {
			t.Errorf("the error tells it: %v", err)
		}
	}
	files := disk.Files()
	if len(files) != 1 {
		t.Errorf("%d files", len(files))
	}
	for path, text := range files {
		if sings(text) || sings([]byte(path)) {
			t.Errorf("%s holds the canary:\n%s", path, text)
		}
	}
}

// No record has a place for one: a new field is looked at here.
func TestNoRecordHasAPlaceForACredential(t *testing.T) {
	known := regexp.MustCompile(`^(type|version|run|transfer|started|bucket|key|endpoint|region|options|source|path|path_bytes|size|modified|changed|inode|device|part_size|checksum|session|upload_id|request_id|id_2|key_id|time|sha256|object|receipt|number|etag|crc64nvme|other|version_id)$`)
	// object and receipt are JSON of others, that have no secret: the library's
	// Options, and a receipt. An access key id is none.
	for _, m := range regexp.MustCompile(`"([a-z0-9_]+)":`).FindAllStringSubmatch(string(golden(t, "v1.journal")), -1) {
		if m[1] == "a" { // of metadata
			continue
		}
		if !known.MatchString(m[1]) {
			t.Errorf("field %s is new: can it hold a credential?", m[1])
		}
	}
	for _, r := range story() {
		for f := range fields(reflect.TypeOf(r)) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && !known.MatchString(name) {
				t.Errorf("%T.%s is new: can it hold a credential?", r, f.Name)
			}
		}
	}
}

// fields are those of a struct, one by one.
func fields(of reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range of.NumField() {
			if !yield(of.Field(i)) {
				return
			}
		}
	}
}

func TestDigestTellsOptionsApart(t *testing.T) {
	type options struct {
		Class    string
		Metadata map[string]string
	}
	digest := func(o any) string {
		d, err := journal.Digest(o)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	one := digest(options{"STANDARD", map[string]string{"a": "1", "b": "2"}})
	if again := digest(options{"STANDARD", map[string]string{"b": "2", "a": "1"}}); again != one || len(one) != 64 {
		t.Errorf("%s and %s", one, again)
	}
	if other := digest(options{"STANDARD", map[string]string{"a": "1", "b": "3"}}); other == one {
		t.Error("other options have the same digest")
	}
	if _, err := journal.Digest(func() {}); err == nil {
		t.Error("a function has a digest")
	}
}
