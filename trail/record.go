package trail

import (
	"fmt"
	"time"
)

// event makes an Event of the record that was scanned, with one copy of its
// bytes that all its strings share.
func (s *scanner) event(end int) (Event, error) {
	t := text{string(s.b[:end]), s}
	e := Event{
		Name: t.of(fName), Source: t.of(fSource), Region: t.of(fRegion), Address: t.of(fAddress),
		UserAgent: t.of(fUserAgent), Version: t.of(fVersion), Type: t.of(fType), Category: t.of(fCategory),
		Account: t.of(fAccount), ID: t.of(fID), SharedID: t.of(fSharedID), RequestID: t.of(fRequestID),
		ErrorCode: t.of(fErrorCode), ErrorMessage: t.of(fErrorMessage), ReadOnly: t.of(fReadOnly),
		Identity: t.identity(),
		Bucket:   t.of(fBucket), Key: t.of(fKey), UploadID: t.of(fUploadID),
		Request: t.raw(fRequest), Response: t.raw(fResponse), Additional: t.raw(fAdditional),
		Resources: t.raw(fResources), TLS: t.raw(fTLS),
		Variants: s.variants, Raw: JSON(t.s),
	}
	return e, t.judge(&e)
}

// A text is a record's bytes and where its fields are.
type text struct {
	s string
	*scanner
}

func (t text) raw(f field) JSON {
	p := t.fields[f]
	return value(JSON(t.s[p.from:p.to]))
}

// of is the text of a string, number or boolean.
func (t text) of(f field) string {
	p := t.fields[f]
	if p.to == 0 {
		return ""
	}
	switch t.s[p.from] {
	case '"':
		if p.escapes {
			return unquote(t.s[p.from:p.to])
		}
		return t.s[p.from+1 : p.to-1]
	case '{', '[', 'n':
		return ""
	}
	return t.s[p.from:p.to]
}

func (t text) identity() Identity {
	return Identity{
		Type: t.of(fWho), PrincipalID: t.of(fPrincipal), ARN: t.of(fARN), Account: t.of(fWhoAccount),
		KeyID: t.of(fKeyID), UserName: t.of(fUserName), InvokedBy: t.of(fInvokedBy), SourceIdentity: t.of(fSourceIdentity),
		IssuerType: t.of(fIssuerType), IssuerARN: t.of(fIssuerARN), IssuerPrincipalID: t.of(fIssuerPrincipal),
		IssuerAccount: t.of(fIssuerAccount), IssuerName: t.of(fIssuerName),
		SessionCreated: t.of(fCreated), MFA: t.of(fMFA), Raw: t.raw(fIdentity),
	}
}

// judge says what keeps a record from being an event: it has no time or no
// name, or something else stands where text is read.
func (t text) judge(e *Event) error {
	for f, p := range t.fields {
		textual := known[f].of != inRequest && known[f].is == free && !opaque(field(f))
		if textual && p.to != 0 && (t.s[p.from] == '{' || t.s[p.from] == '[') {
			return &flaw{p.from, fmt.Errorf("%w: %s%s is no text", ErrRecord, known[f].of.path(), known[f].name)}
		}
	}
	if e.Name == "" {
		return fmt.Errorf("%w: it has no eventName", ErrRecord)
	}
	at, name := fTime, "eventTime"
	if t.fields[fTime].to == 0 {
		at, name = fLogstash, "@timestamp"
	}
	if t.fields[at].to == 0 {
		return fmt.Errorf("%w: it has no eventTime", ErrRecord)
	}
	when, err := time.Parse(time.RFC3339, t.of(at))
	if err != nil {
		return &flaw{t.fields[at].from, fmt.Errorf("%w: %s is no time: %+q", ErrRecord, name, t.of(at))}
	}
	e.Time = when.UTC()
	return nil
}

// opaque are the fields that are handed on as JSON.
func opaque(f field) bool {
	switch f {
	case noField, fResponse, fAdditional, fResources, fTLS, fWebID:
		return true
	}
	return false
}
