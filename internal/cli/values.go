package cli

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// moment is the value of a flag that is a point in time; zero is none.
type moment struct{ at time.Time }

func (m *moment) String() string {
	if m.at.IsZero() {
		return ""
	}
	return m.at.UTC().Format(time.RFC3339)
}
func (m *moment) Type() string { return "DATE" }

// Set reads ISO 8601 as the AWS CLI does, with UTC where no zone is named, a
// date as its first moment, HTTP's form, or seconds since 1970.
func (m *moment) Set(text string) error {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02", http.TimeFormat} {
		if at, err := time.Parse(layout, text); err == nil {
			m.at = at.UTC()
			return nil
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && n < 1<<38 {
		m.at = time.Unix(n, 0).UTC()
		return nil
	}
	if text == "" {
		m.at = time.Time{}
		return nil
	}
	return errors.New("give a date, as 2027-01-31T12:00:00Z")
}

// optional is the value of a flag that is true, false, or not given.
type optional struct{ value *bool }

func (o *optional) String() string {
	if o.value == nil {
		return ""
	}
	return strconv.FormatBool(*o.value)
}
func (o *optional) Type() string { return "true|false" }
func (o *optional) Set(text string) error {
	v, err := strconv.ParseBool(text)
	if err != nil {
		return errors.New("give true or false")
	}
	o.value = &v
	return nil
}

// encryptionContext is the value of a flag that holds a KMS encryption context.
type encryptionContext struct{ of map[string]string }

func (c *encryptionContext) String() string {
	if len(c.of) == 0 {
		return ""
	}
	text, _ := json.Marshal(c.of) // strings always marshal
	return string(text)
}
func (c *encryptionContext) Type() string { return "JSON" }

// Set reads a JSON object of strings, or its base64, the AWS CLI's form.
func (c *encryptionContext) Set(text string) error {
	raw := []byte(text)
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return errContext
		}
		raw = decoded
	}
	var of map[string]string
	if err := json.Unmarshal(raw, &of); err != nil || len(of) == 0 {
		return errContext
	}
	c.of = of
	return nil
}

var errContext = errors.New(`give a JSON object of texts, as {"team":"finance"}, or the base64 of one`)
