package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/sealift/sealift/internal/sandboxtest"
	"github.com/sealift/sealift/receipt"
)

var update = flag.Bool("update", false, "write testdata/receipt.golden anew")

// volatile are the values of a receipt that no two uploads share.
var volatile = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`\b01[0-9A-HJKMNP-TV-Z]{24}\b`), "<ULID>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<time>"},
	{regexp.MustCompile(`"(key_id|version_id|upload_id|request_id|id_2)":"[^"]+"`), `"$1":"<$1>"`},
}

// The JSON of a receipt is a promise: its fields, their names and their order
// are those of the golden file.
func TestReceiptIsGolden(t *testing.T) {
	sandbox := sandboxtest.Start(t)
	proxy := newBetween(t, sandbox, false)
	dir := t.TempDir()
	randomFile(t, dir, "big.iso", 20<<20)
	cmd, out := proxy.sealift(t, sandbox, dir, "upload", "--receipt", "r.json", "big.iso", "s3://"+sandbox.Bucket+"/in/")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receipt.Read(bytes.NewReader(text)); err != nil {
		t.Error(err)
	}
	for _, v := range volatile {
		text = v.find.ReplaceAll(text, []byte(v.put))
	}
	var got bytes.Buffer
	if err := json.Indent(&got, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "receipt.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
	}
}
