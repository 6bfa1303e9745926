package trail_test

import (
	"bytes"
	"testing"

	"github.com/sealift/sealift/trail"
)

// Whatever a file is, reading it ends, and goes forwards only.
func FuzzAnyFileIsReadToItsEnd(f *testing.F) {
	m := newMaker(10)
	for _, text := range []string{
		m.file(2), pretty2, one + "\n" + two, `{"a":[],"Records":[` + one + `],"Records":[` + two + `]}`,
		`[` + one + `,` + two + `}`, `{"Records":[` + one + ` ` + two + `]}{"Records":[]}`, `{"Records":[,,` + one + `,]`,
	} {
		f.Add([]byte(text))
		f.Add([]byte(zipped(text)))
		f.Add([]byte(zipped(text) + zipped(two)))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		at, n := trail.Position{}, 0
		for e, err := range trail.Read("log", bytes.NewReader(file), trail.Options{MaxRecord: 4096}) {
			if err != nil {
				_ = err.Error()
			} else if e.Position.Offset < at.Offset || e.Position.Record <= at.Record || len(e.Raw) == 0 || e.Name == "" || e.Time.IsZero() && e.Time.Year() != 1 {
				t.Fatalf("%v behind %v", e, at)
			} else {
				at = e.Position
			}
			if n++; n > 100_000 {
				t.Fatal("does not end")
			}
		}
	})
}

const pretty2 = "[\n  " + one + ",\n  " + two + "\n]\n"
