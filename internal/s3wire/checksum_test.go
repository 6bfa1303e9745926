package s3wire

import (
	"bytes"
	"testing"
)

// What is read as a checksum is one of two, in the form that S3 compares.
func FuzzParseChecksum(f *testing.F) {
	for _, text := range []string{"", "AAAAAAAAAAA=", "h0KPxSKAPTEGXnvOPPA/5HUJZjHl4Hu9eg/eYMTPJcc=",
		"87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseChecksum(text)
		if err != nil {
			return
		}
		if n := len(c.Value); c.Header == crcHeader && n != 12 || c.Header == shaHeader && n != 44 || c.Header != crcHeader && c.Header != shaHeader {
			t.Errorf("%q is %+v", text, c)
		}
		if again, err := ParseChecksum(c.Value); err != nil || again != c {
			t.Errorf("%q: %+v, again %+v, %v", text, c, again, err)
		}
	})
}

func TestMeasureIsWhatParseReads(t *testing.T) {
	for bySHA, want := range map[bool]Checksum{false: {crcHeader, "rosUhgp5mIg="}, true: {shaHeader, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="}} {
		size, got, err := Measure(bytes.NewReader([]byte("123456789")), bySHA)
		if err != nil || size != 9 || got != want {
			t.Errorf("%d, %+v, %v", size, got, err)
		}
		if again, err := ParseChecksum(got.Value); err != nil || again != got {
			t.Errorf("%+v: %v", again, err)
		}
	}
}
