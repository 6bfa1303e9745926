package trail_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sealift/sealift/trail"
)

func TestRedactedHidesWhatLetsOneActAsAnother(t *testing.T) {
	for text, want := range map[string]string{
		`{"responseElements":{"credentials":{"accessKeyId":"ASIA1","sessionToken":"SECRET","expiration":"x"}}}`: `{"responseElements":{"credentials":{"accessKeyId":"ASIA1","sessionToken":"hidden","expiration":"x"}}}`,
		`{"SESSIONTOKEN" : "SECRET", "a":"sessionToken"}`:                                                       `{"SESSIONTOKEN" : "hidden", "a":"sessionToken"}`,
		`{"session\u0054oken":["SECRET",{"b":"SECRET"}],"c":"\"sessionToken\":1"}`:                              `{"session\u0054oken":"hidden","c":"\"sessionToken\":1"}`,
		`{"X-Amz-Signature":"SECRET","x-amz-security-token":"SECRET","secretAccessKey":null}`:                   `{"X-Amz-Signature":"hidden","x-amz-security-token":"hidden","secretAccessKey":"hidden"}`,
		`{"a":1,"sessionToken":"SECR`: `{"a":1,"sessionToken":`,
		`{"a":1,"sessionTo`:           `{"a":1,`,
		`{"sessionToken":{"a":"SECR`:  `{"sessionToken":`,
		``:                            ``,
	} {
		if got := trail.JSON(text).Redacted(); string(got) != want {
			t.Errorf("%s: got %s, want %s", text, string(got), want)
		}
	}
}

func TestRedactedRecordsAreStillEvents(t *testing.T) {
	text := newMaker(12).file(40)
	events, _ := read(text, trail.Options{})
	hidden := 0
	for _, e := range events {
		again, faults := read(string(e.Raw.Redacted()), trail.Options{})
		if len(again) != 1 || len(faults) > 0 || again[0].ID != e.ID || !json.Valid([]byte(again[0].Raw)) {
			t.Fatalf("%v: %d events, %v", e, len(again), faults)
		}
		hidden += strings.Count(string(again[0].Raw), `"sessionToken":"hidden"`)
		if e.Name != "AssumeRole" && again[0].Raw != e.Raw {
			t.Errorf("%v: changed, and has no secret", e)
		}
	}
	if hidden != 4 {
		t.Errorf("%d tokens hidden, want 4", hidden)
	}
}

func FuzzRedactedJSONIsJSON(f *testing.F) {
	f.Add(newMaker(13).file(10))
	f.Add(`{"sessionToken":`)
	f.Fuzz(func(t *testing.T, text string) {
		got := trail.JSON(text).Redacted()
		if json.Valid([]byte(text)) && !json.Valid([]byte(got)) {
			t.Errorf("%q became %q", text, string(got))
		}
	})
}
