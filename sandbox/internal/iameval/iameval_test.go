package iameval_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealift/sealift/policy"

	"github.com/sealift/sealift/sandbox/internal/iameval"
)

func parse(t *testing.T, text string, kind iameval.Kind) iameval.Document {
	t.Helper()
	d, err := iameval.Parse("doc", text, kind)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func allows(t *testing.T, text, action, resource string, context map[string][]string) bool {
	t.Helper()
	a := iameval.Asker{Identity: []iameval.Document{parse(t, text, iameval.Identity)}}
	return a.Decide(iameval.Request{Action: action, Resource: resource, Context: context}, nil).Allowed
}

const bucket = "arn:aws:s3:::b/"

// A key of wildcards, escaped in a policy, must be that key and no other.
// versitygw's own evaluator does not know these escapes.
func TestEscapedKeysAreLiteral(t *testing.T) {
	for _, key := range []string{"*", "?", "$", "${*}", "${aws:username}", "a*b?c$d", "$$", "${", "}", "plain"} {
		text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"` + bucket + policy.Escape(key) + `"}]}`
		if !allows(t, text, "s3:PutObject", bucket+key, map[string][]string{"aws:username": {"plain"}}) {
			t.Errorf("key %q is not allowed by its own policy", key)
		}
		for _, other := range []string{"x", "ab", "axbyczd", "${x}", "plain2", ""} {
			if other != key && allows(t, text, "s3:PutObject", bucket+other, map[string][]string{"aws:username": {other}}) {
				t.Errorf("the policy for key %q allows %q", key, other)
			}
		}
	}
}

func TestWildcardsAndVariables(t *testing.T) {
	ctx := map[string][]string{"aws:username": {"ann"}, "aws:PrincipalTag/team x": {"blue"}, "aws:userid": {"*"}}
	for _, c := range []struct {
		version, pattern, key string
		want                  bool
	}{
		{"2012-10-17", "in/*", "in/a/b", true},
		{"2012-10-17", "in/*", "out/a", false},
		{"2012-10-17", "?", "a", true},
		{"2012-10-17", "?", "ab", false},
		{"2012-10-17", "${aws:username}/*", "ann/x", true},
		{"2012-10-17", "${aws:username}/*", "bob/x", false},
		{"2012-10-17", "${aws:PrincipalTag/team x}", "blue", true},
		{"2012-10-17", "${aws:userid}", "anything", false}, // a value is never a wildcard
		{"2012-10-17", "${aws:userid}", "*", true},
		{"2012-10-17", "${aws:nothing}", "", false},
		{"2008-10-17", "${aws:username}", "ann", false}, // variables came with 2012-10-17
		{"2008-10-17", "${aws:username}", "${aws:username}", true},
		{"2008-10-17", "${*}", "${x}", true},
		{"2012-10-17", "cost$", "cost$", true},
		{"2012-10-17", "cost${open", "cost${open", true},
		{"2012-10-17", "cost${open*", "cost${open and more", true},
	} {
		text := `{"Version":"` + c.version + `","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"` + bucket + c.pattern + `"}}`
		if got := allows(t, text, "s3:GetObject", bucket+c.key, ctx); got != c.want {
			t.Errorf("%s %q on %q: got %v", c.version, c.pattern, c.key, got)
		}
	}
}

// * and ? are wildcards under the operators that know them, and themselves
// under all others.
func TestConditionsEscapeByOperator(t *testing.T) {
	for _, c := range []struct {
		operator, want, have string
		holds                bool
	}{
		{"StringEquals", "a*", "a*", true},
		{"StringEquals", "a*", "ab", false},
		{"StringLike", "a*", "ab", true},
		{"StringLike", "a${*}", "ab", false},
		{"StringLike", "a${*}", "a*", true},
		{"StringNotLike", "a*", "ab", false},
		{"ForAnyValue:StringLike", "a?", "ab", true},
		{"ArnLike", "arn:aws:s3:::*", "arn:aws:s3:::b", true},
		{"ArnEquals", "arn:aws:s3:::?", "arn:aws:s3:::b", true},
		{"StringEqualsIfExists", "x", "x", true},
		{"NumericLessThan", "1.2", "1.1", true},
		{"Bool", "true", "true", true},
		{"IpAddress", "127.0.0.0/8", "127.0.0.1", true},
		{"NotIpAddress", "127.0.0.0/8", "127.0.0.1", false},
		{"DateGreaterThan", "2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z", true},
		{"Null", "false", "x", true},
	} {
		text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"` + c.operator + `":{"aws:Key":"` + c.want + `"}}}]}`
		if got := allows(t, text, "s3:GetObject", "*", map[string][]string{"AWS:key": {c.have}}); got != c.holds {
			t.Errorf("%s %q on %q: got %v", c.operator, c.want, c.have, got)
		}
	}
}

// Trap 7: the engine's own evaluation type cannot be named; this package
// must tell allow, deny and neither apart, and which statement decided.
func TestTrap07VerdictsNameTheirStatement(t *testing.T) {
	identity := parse(t, `{"Statement":[
		{"Sid":"Puts","Effect":"Allow","Action":"s3:Put*","Resource":"*"},
		{"Effect":"Deny","Action":"s3:PutBucketPolicy","Resource":"*"}]}`, iameval.Identity)
	session := parse(t, `{"Statement":[{"Sid":"One","Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/one"}]}`, iameval.Identity)
	guard := parse(t, `{"Statement":[{"Sid":"NoTwo","Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:s3:::b/two"}]}`, iameval.Resource)
	a := iameval.Asker{Identity: []iameval.Document{identity}}
	for _, c := range []struct {
		name, action, resource string
		session                bool
		want                   iameval.Verdict
	}{
		{"allow", "s3:PutObject", bucket + "one", false, iameval.Verdict{Allowed: true, Source: iameval.FromIdentity, Statement: iameval.Ref{Document: "doc", Sid: "Puts"}}},
		{"no allow", "s3:GetObject", bucket + "one", false, iameval.Verdict{Source: iameval.FromIdentity}},
		{"explicit deny", "s3:PutBucketPolicy", "arn:aws:s3:::b", false, iameval.Verdict{Explicit: true, Source: iameval.FromIdentity, Statement: iameval.Ref{Document: "doc", Index: 1}}},
		{"deny of the resource", "s3:PutObject", bucket + "two", false, iameval.Verdict{Explicit: true, Source: iameval.FromResource, Statement: iameval.Ref{Document: "doc", Sid: "NoTwo"}}},
		{"no allow of the session", "s3:PutObject", bucket + "three", true, iameval.Verdict{Source: iameval.FromSession}},
		{"allow of both", "s3:PutObject", bucket + "one", true, iameval.Verdict{Allowed: true, Source: iameval.FromIdentity, Statement: iameval.Ref{Document: "doc", Sid: "Puts"}}},
	} {
		asker := a
		if c.session {
			asker.Session = &session
		}
		if got := asker.Decide(iameval.Request{Action: c.action, Resource: c.resource}, &guard); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestMalformedDocumentsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		kind iameval.Kind
		text string
	}{
		"no JSON":                    {iameval.Identity, `{`},
		"no statement":               {iameval.Identity, `{"Version":"2012-10-17"}`},
		"unknown version":            {iameval.Identity, `{"Version":"2020-01-01","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
		"unknown effect":             {iameval.Identity, `{"Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}`},
		"a key twice":                {iameval.Identity, `{"Statement":[{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}]}`},
		"unknown key":                {iameval.Identity, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Conditon":{}}]}`},
		"unknown operator":           {iameval.Identity, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringIs":{"a":"b"}}}]}`},
		"no resource":                {iameval.Identity, `{"Statement":[{"Effect":"Allow","Action":"*"}]}`},
		"principal in an identity":   {iameval.Identity, `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`},
		"no principal in a resource": {iameval.Resource, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
		"unknown kind of principal":  {iameval.Resource, `{"Statement":[{"Effect":"Allow","Principal":{"Who":"*"},"Action":"*","Resource":"*"}]}`},
		"resource in a trust policy": {iameval.Trust, `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}]}`},
		"no principal in a trust":    {iameval.Trust, `{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`},
		"a condition that is a list": {iameval.Identity, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":[]}]}`},
		"action without its service": {iameval.Identity, `{"Statement":[{"Effect":"Allow","Action":"PutObject","Resource":"*"}]}`},
	} {
		if _, err := iameval.Parse("doc", c.text, c.kind); !errors.Is(err, iameval.ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The library's own documents must be documents to this evaluator.
func TestLibraryDocumentsParse(t *testing.T) {
	for _, tls := range []bool{false, true} {
		n := policy.Names{Account: "123456789012", Bucket: "b", TrailBucket: "t", TLS: tls, NewKeysOnly: true,
			KMSKey: "arn:aws:kms:us-east-1:123456789012:key/k"}.Filled()
		for kind, docs := range map[iameval.Kind][]policy.Document{
			iameval.Identity: {n.UserPolicy(), n.UploadRolePolicy(), n.ReaderRolePolicy(), n.MonitorRolePolicy()},
			iameval.Resource: {n.BucketPolicy(), n.TopicPolicy(), n.TrailBucketPolicy()},
			iameval.Trust:    {n.TrustPolicy(n.UploadRole, policy.Trust{MFA: true, ExternalID: "x1"})},
		} {
			for _, d := range docs {
				if _, err := iameval.Parse("doc", d.Compact(), kind); err != nil {
					t.Errorf("%v\n%s", err, d.Compact())
				}
			}
		}
	}
}

func TestPublic(t *testing.T) {
	statement := func(s string) string { return `{"Version":"2012-10-17","Statement":[` + s + `]}` }
	for s, want := range map[string]bool{
		`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}`:                                                                      true,
		`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*"}`:                                                              true,
		`{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*"}`:                                                                       false,
		`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"s3:GetObject","Resource":"*"}`:                                                   false,
		`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}}`: false,
		`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:UserAgent":"x"}}}`:                   true,
		`{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"s3:GetObject","Resource":"*"}`:                              true,
		`{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"*"}`:                                   false,
	} {
		if got := parse(t, statement(s), iameval.Resource).Public(); got != want {
			t.Errorf("%s: got %v", s, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a":["${*}"]}}}]}`)
	f.Add(`{"Statement":{"Effect":"Deny","Principal":{"AWS":["*"]},"NotAction":"s3:*","NotResource":"arn:aws:s3:::b/${aws:PrincipalTag/x}"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []iameval.Kind{iameval.Identity, iameval.Resource, iameval.Trust} {
			d, err := iameval.Parse("doc", text, kind)
			if err != nil {
				if !strings.Contains(err.Error(), "doc") {
					t.Errorf("error does not name the document: %v", err)
				}
				continue
			}
			iameval.Asker{Identity: []iameval.Document{d}}.Decide(iameval.Request{Action: "s3:GetObject", Resource: bucket}, &d)
			d.Public()
		}
	})
}
