package trail

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A record is read if, and only if, JSON v2 takes it, with its rules: UTF-8, no
// name twice, names as they are spelled. What it says is the same. And a cut
// record is never taken for a bad one.
func FuzzRecordsAreWhatJSONv2Takes(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"eventName":"a","EVENTNAME":"b"}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"eventName":1,"event\u004eame":2}`,
		`{"a":[1,-0,0.5,1e9,-1E+2,1.0e-3,true,false,null,"",{}]}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":+1}`,
		`{"a":"\ud83d\ude00"}`, `{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\u12g4"}`, `{"a":"\x"}`,
		"{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"\xc3\xa9\":1,\"\\u00e9\":2}", "{\"a\":\"\x1f\"}", "{\"a\":\"\x7f\"}",
		`{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":tru}`, `{"a":nul1}`, `{"a":1]`, ` {"a":1}`, "{\t\"a\"\r:\n1 }",
		`{"userIdentity":{"arn":"a","arn":"b"}}`, `{"userIdentity":{"sessionContext":{"sessionIssuer":{"type":"Role","type":1}}}}`,
		`{"requestParameters":{"key":{"id":{"S":"x"}},"bucketName":null}}`, `{"requestParameters":[{"key":1,"key":2}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 || text[0] != '{' || bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > 500 {
			return
		}
		dec := jsontext.NewDecoder(bytes.NewReader(text))
		want, wantErr := dec.ReadValue()
		var s scanner
		end, err := s.record(text)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got %v, JSON v2 says %v", text, err, wantErr)
		}
		if err != nil {
			return
		}
		if end != len(want) {
			t.Fatalf("%q: ends at %d, JSON v2 says %d", text, end, len(want))
		}
		said(t, &s, text[:end])
		for cut := range end {
			if _, err := new(scanner).record(text[:cut]); cut > 0 && !errors.Is(err, errShort) {
				t.Fatalf("%q, cut at %d: %v", text, cut, err)
			}
		}
	})
}

// said holds the fields that were found against those of JSON v2.
func said(t *testing.T, s *scanner, record []byte) {
	t.Helper()
	var names map[string]jsontext.Value
	if err := json.Unmarshal(record, &names); err != nil {
		t.Fatal(err)
	}
	x := text{string(record), s}
	for f := of[inEvent].from; f < of[inEvent].to; f++ {
		want := names[known[f].name]
		if string(want) == "null" {
			want = nil
		}
		if got := x.raw(f); string(got) != string(want) {
			t.Fatalf("%s: %s is %q, want %q", record, known[f].name, string(got), want)
		}
		var content string
		if len(want) > 0 && want[0] == '"' && json.Unmarshal(want, &content) == nil && x.of(f) != content {
			t.Fatalf("%s: %s reads as %q, want %q", record, known[f].name, x.of(f), content)
		}
	}
}

// Every byte that ends a plain run is found, wherever it stands among others.
func TestPlainStopsAtWhatMeansSomething(t *testing.T) {
	for c := range 256 {
		stops := c < ' ' || c >= 0x80 || c == '"' || c == '\\'
		for at := range 20 {
			for _, fill := range []string{"a", "!", "\x7f", "#", "[", "]"} {
				b := []byte(strings.Repeat(fill, 30))
				b[at] = byte(c)
				want := 30
				if stops {
					want = at
				}
				if got := plain(b, 0); got != want {
					t.Fatalf("byte %#x at %d among %q: stopped at %d", c, at, fill, got)
				}
			}
		}
	}
}

func TestTablesOfFieldsAgree(t *testing.T) {
	for f := noField + 1; f < fieldCount; f++ {
		k := known[f].of
		if k == free || f < of[k].from || f >= of[k].to {
			t.Errorf("field %d, %q, is not among those of its kind", f, known[f].name)
		}
		if got := k.find([]byte(known[f].name), noField); got != f {
			t.Errorf("%q is found as field %d, want %d", known[f].name, got, f)
		}
	}
}

// Very many names take no longer, each, than a few.
func TestManyNamesAreComparedInTime(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"requestParameters":{`)
	for i := range 200_000 {
		b.WriteString(`"x`)
		b.WriteString(strings.Repeat("y", i%7))
		b.WriteString(strconv.Itoa(i))
		b.WriteString(`":1,`)
	}
	text := b.String() + `"z":1,"z":2}}`
	if _, err := new(scanner).record([]byte(text)); !errors.Is(err, ErrDuplicate) {
		t.Errorf("got %v", err)
	}
}
