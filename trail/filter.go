package trail

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// A Filter says which events are wanted: those that all its fields that are
// not zero agree to.
type Filter struct {
	From, To  time.Time // From ≤ Time < To
	Names     []string  // Name is one of these
	Principal string    // an ARN, principal id, user name or access key id of the identity
	Role      string    // the role's ARN or name: it acted, was assumed or changed, or that was refused
	Bucket    string    // the bucket's name, in the request or as a resource
	Prefix    string    // what the object's key begins with, in the request or as a resource
}

// Keep tells whether e is wanted.
func (f Filter) Keep(e Event) bool {
	return f.within(e.Time) &&
		(len(f.Names) == 0 || slices.Contains(f.Names, e.Name)) &&
		(f.Principal == "" || f.by(e.Identity)) &&
		(f.Role == "" || f.ofRole(e)) &&
		(f.Bucket == "" && f.Prefix == "" || f.about(e))
}

func (f Filter) within(t time.Time) bool {
	return (f.From.IsZero() || !t.Before(f.From)) && (f.To.IsZero() || t.Before(f.To))
}

func (f Filter) by(i Identity) bool {
	return f.Principal == i.ARN || f.Principal == i.PrincipalID || f.Principal == i.UserName || f.Principal == i.KeyID
}

// ofRole tells whether the role acted, was assumed or should have been. A
// refused AssumeRole has no parameters: the role stands in its message alone.
func (f Filter) ofRole(e Event) bool {
	if f.isRole(e.Identity.IssuerARN) || f.isRole(e.Identity.ARN) ||
		f.isRole(e.Request.Get("roleArn").Text()) || f.isRole(e.Request.Get("roleName").Text()) {
		return true
	}
	for r := range e.Resources.Items() {
		if f.isRole(r.Get("ARN").Text()) {
			return true
		}
	}
	return slices.ContainsFunc(strings.Fields(e.ErrorMessage), func(word string) bool {
		return f.isRole(strings.Trim(word, `.,;:"'()`))
	})
}

// isRole tells whether an ARN is the role's, or a session's of it. A role's own
// has a path, a session's has none, so that of a path nothing can be held
// against a session but the account and the name.
func (f Filter) isRole(arn string) bool {
	switch name := roleName(f.Role); {
	case arn == "":
		return false
	case arn == f.Role:
		return true
	case roleName(arn) != name:
		return false
	case f.Role == name:
		return true
	default:
		return strings.Contains(arn, ":assumed-role/") && account(arn) == account(f.Role)
	}
}

// roleName is the name in a role's or a session's ARN, or the name itself.
func roleName(arn string) string {
	if _, session, ok := strings.Cut(arn, ":assumed-role/"); ok {
		name, _, _ := strings.Cut(session, "/")
		return name
	}
	if _, path, ok := strings.Cut(arn, ":role/"); ok {
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	return arn
}

// account is the account in an ARN.
func account(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// about tells whether an event is about an object, or a bucket, that is wanted.
func (f Filter) about(e Event) bool {
	if (f.Bucket == "" || e.Bucket == f.Bucket) && (f.Prefix == "" || e.Key != "" && strings.HasPrefix(e.Key, f.Prefix)) {
		return true
	}
	for r := range e.Resources.Items() {
		_, path, found := strings.Cut(r.Get("ARN").Text(), ":s3:::")
		bucket, key, _ := strings.Cut(path, "/")
		if found && (f.Bucket == "" || bucket == f.Bucket) && (f.Prefix == "" || strings.HasPrefix(key, f.Prefix)) {
			return true
		}
	}
	return false
}

// needles are what must stand in a record for its filter to keep it.
type needles struct {
	all    [][]byte // each of these
	any    [][]byte // and one of these, if there are any
	filter Filter
}

// needles are the filter's. A needle that JSON cannot write as it is would
// never be found, and is left out.
func (f Filter) needles() needles {
	n := needles{filter: f}
	for _, s := range []string{f.Principal, roleName(f.Role), f.Bucket, f.Prefix} {
		if s != "" && literal(s) {
			n.all = append(n.all, []byte(s))
		}
	}
	if !slices.ContainsFunc(f.Names, func(s string) bool { return !literal(s) }) {
		for _, s := range f.Names {
			n.any = append(n.any, []byte(`"`+s+`"`))
		}
	}
	return n
}

// literal tells whether a JSON string that has no \u escape and no \/ holds s
// as it is.
func literal(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '\ufffd' })
}

// some tells whether anything could be passed over.
func (n needles) some() bool {
	return len(n.all) > 0 || len(n.any) > 0 || !n.filter.From.IsZero() || !n.filter.To.IsZero()
}

// may is false only for records that the filter would not keep, however they
// are read. It knows of JSON no more than how strings are escaped.
func (n needles) may(raw []byte) bool {
	return n.found(raw) || bytes.Contains(raw, []byte(`\u`)) || bytes.Contains(raw, []byte(`\/`))
}

func (n needles) found(raw []byte) bool {
	if !n.inTime(raw) {
		return false
	}
	for _, s := range n.all {
		if !bytes.Contains(raw, s) {
			return false
		}
	}
	return len(n.any) == 0 || slices.ContainsFunc(n.any, func(s []byte) bool { return bytes.Contains(raw, s) })
}

// inTime is false where every time that could be the event's is outside.
func (n needles) inTime(raw []byte) bool {
	if n.filter.From.IsZero() && n.filter.To.IsZero() {
		return true
	}
	at, unsure := n.times(raw, `eventTime"`)
	other, unsureToo := n.times(raw, `@timestamp"`)
	return unsure || unsureToo || at+other == 0
}

// times goes through the times that follow a name. It is unsure where one is
// within, or is no time.
func (n needles) times(raw []byte, name string) (outside int, unsure bool) {
	for {
		at := bytes.Index(raw, []byte(name))
		if at < 0 {
			return outside, false
		}
		raw = raw[at+len(name):]
		i := blank(raw, 0)
		if i < len(raw) && raw[i] == ':' {
			i = blank(raw, i+1)
		}
		end := bytes.IndexByte(raw[min(i+1, len(raw)):], '"')
		if i >= len(raw) || raw[i] != '"' || end < 0 {
			return outside, true
		}
		t, err := time.Parse(time.RFC3339, string(raw[i+1:i+1+end]))
		if err != nil || n.filter.within(t) {
			return outside, true
		}
		outside++
	}
}
