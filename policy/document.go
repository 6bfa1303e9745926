// Package policy writes the least-privilege IAM documents that Sealift needs:
// for the user, the roles, the buckets and the topic ([Names]), and for one
// narrowed session ([Narrow]).
//
// Documents are data: nothing here reads a file, the environment or the
// network, and nothing decides whether a request is allowed. The Terraform
// stack, the command line, the sandbox and the sessions all use what is
// written here. The package imports the standard library only.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// version is the policy language that knows policy variables, which the
// escapes of [Escape] are.
const version = "2012-10-17"

// A Document is one IAM policy. It marshals as AWS writes it.
type Document struct {
	Version   string      // "2012-10-17"
	ID        string      `json:"Id,omitempty"`
	Statement []Statement // a document that is read may hold one, not in a list
}

// A Statement allows or denies actions. Empty elements are not written.
type Statement struct {
	Sid          string     `json:",omitempty"` // unique within the document
	Effect       string     // "Allow" or "Deny"
	Principal    *Principal `json:",omitempty"` // in trust and resource policies only
	NotPrincipal *Principal `json:",omitempty"` // read, never written here
	Action       Strings    `json:",omitempty"`
	NotAction    Strings    `json:",omitempty"` // read, never written here
	Resource     Strings    `json:",omitempty"`
	NotResource  Strings    `json:",omitempty"` // read, never written here
	Condition    Conditions `json:",omitempty"`
}

// Conditions are operator → condition key → values: all operators and keys
// must hold, one value of each is enough.
type Conditions map[string]map[string]Strings

// A Principal says who a statement is about.
type Principal struct {
	Any       bool    `json:"-"` // "*", everyone; the other fields are then empty
	AWS       Strings `json:",omitempty"`
	Service   Strings `json:",omitempty"`
	Federated Strings `json:",omitempty"`
	Canonical Strings `json:"CanonicalUser,omitempty"`
}

// MarshalJSON writes "*" for everyone, else the map of kinds.
func (p Principal) MarshalJSON() ([]byte, error) {
	if p.Any {
		return []byte(`"*"`), nil
	}
	type plain Principal
	return encode(plain(p))
}

// UnmarshalJSON reads both forms.
func (p *Principal) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		if s != "*" {
			return fmt.Errorf("read principal: %q is not *", s)
		}
		*p = Principal{Any: true}
		return nil
	}
	type plain Principal
	return decode(data, (*plain)(p))
}

// Strings is one value or several. It marshals as a string when it holds one,
// else as a list, and reads both; booleans and numbers are read as their text,
// as IAM does in conditions.
type Strings []string

// MarshalJSON writes a string when there is one, else a list.
func (s Strings) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return encode(s[0])
	}
	if s == nil {
		return []byte("[]"), nil
	}
	return encode([]string(s))
}

// UnmarshalJSON reads a string, boolean or number, or a list of them.
func (s *Strings) UnmarshalJSON(data []byte) error {
	list := []json.RawMessage{data}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		list = nil
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
	}
	out := make(Strings, 0, len(list))
	for _, raw := range list {
		text, err := scalar(raw)
		if err != nil {
			return err
		}
		out = append(out, text)
	}
	*s = out
	return nil
}

// scalar is the text of one JSON string, boolean or number.
func scalar(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0, raw[0] == '{', raw[0] == '[', raw[0] == 'n':
		return "", fmt.Errorf("read value: %.40q is no string, boolean or number", raw)
	case raw[0] != '"':
		return string(raw), nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}

// UnmarshalJSON reads a document whose Statement is a list or a single one.
func (d *Document) UnmarshalJSON(data []byte) error {
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := decode(data, &raw); err != nil {
		return err
	}
	if err := checkMembers(json.NewDecoder(bytes.NewReader(data)), ""); err != nil {
		return err
	}
	*d = Document{Version: raw.Version, ID: raw.ID}
	if bytes.HasPrefix(bytes.TrimSpace(raw.Statement), []byte("{")) {
		d.Statement = make([]Statement, 1)
		return decode(raw.Statement, &d.Statement[0])
	}
	if raw.Statement == nil {
		return errors.New("read policy: no Statement")
	}
	return decode(raw.Statement, &d.Statement)
}

// Parse reads one document. Elements that IAM does not know are refused, those
// in other letters too, and so are members that an object has twice, in
// whatever case: which of them counts, readers disagree. So is anything after
// the document.
func Parse(data []byte) (Document, error) {
	var d Document
	if err := decode(data, &d); err != nil {
		return Document{}, fmt.Errorf("parse policy: %w", err)
	}
	return d, nil
}

// Compact is the document as one line of JSON in ASCII. AWS takes session
// policies of the characters U+0020 to U+00FF only; the rest is written as \u
// escapes, which mean the same.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// (parameter Policy; read 2026-11-24 in the SDK's text of it).
func (d Document) Compact() string {
	text, err := encode(d)
	if err != nil { // every field marshals: a bug
		panic(fmt.Sprintf("marshal policy: %v", err))
	}
	return ascii(string(text))
}

// Indented is the document as people read it, ending in a newline.
func (d Document) Indented() string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(d.Compact()), "", "  "); err != nil {
		panic(fmt.Sprintf("indent policy: %v", err))
	}
	return b.String() + "\n"
}

// String is the compact form.
func (d Document) String() string { return d.Compact() }

// encode marshals without the escapes that JSON in HTML needs: they would
// count against the size of a session policy.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode unmarshals one value and refuses unknown members and trailing data.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the end")
	}
	return nil
}

// elements are the names in the objects that stand in an element of that name;
// in "" those of the document. In others any names may stand.
var elements = map[string][]string{
	"":             {"Version", "Id", "Statement"},
	"Statement":    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"},
	"Principal":    {"AWS", "Service", "Federated", "CanonicalUser"},
	"NotPrincipal": {"AWS", "Service", "Federated", "CanonicalUser"},
}

// checkMembers reads one value, which stands in the element of that name, and
// refuses what encoding/json lets pass: names that differ in case from known
// ones, and names that come twice.
func checkMembers(d *json.Decoder, within string) error {
	open, err := d.Token()
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return err
	}
	var names []string
	for d.More() {
		below := within
		if open == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return err
			}
			below = name.(string)
			if known, ok := elements[within]; ok && !slices.Contains(known, below) {
				return fmt.Errorf("unknown element %q", below)
			}
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, below) }) {
				return fmt.Errorf("element %q is there twice", below)
			}
			names = append(names, below)
		}
		if err := checkMembers(d, below); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end
	return err
}

// ascii writes everything past U+007E in JSON text as \u escapes.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r <= '~':
			b.WriteByte(byte(r))
		case utf8.RuneLen(r) == 4:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
