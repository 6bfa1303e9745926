package policy_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sealift/sealift/policy"
)

var names = policy.Names{
	Account: "123456789012", Bucket: "my-secure-upload-bucket-007", TrailBucket: "my-secure-upload-trail",
	KMSKey: "arn:aws:kms:us-east-1:123456789012:key/1", TLS: true, Tagging: true, NewKeysOnly: true,
}

func documents(n policy.Names) map[string]policy.Document {
	f := n.Filled()
	trust := policy.Trust{Principals: policy.Strings{n.UserARN()}, ExternalID: "x", MFA: true,
		SourceIdentity: policy.Strings{"a", "b*"}, SessionName: "sealift-*",
		OIDC: &policy.OIDC{Provider: "token.actions.githubusercontent.com", Subjects: policy.Strings{"repo:o/r:*"}}}
	return map[string]policy.Document{
		"user": n.UserPolicy(), "role": n.UploadRolePolicy(), "reader": n.ReaderRolePolicy(),
		"monitor": n.MonitorRolePolicy(), "bucket": n.BucketPolicy(), "topic": n.TopicPolicy(),
		"trail-bucket": n.TrailBucketPolicy(), "trust": n.TrustPolicy(f.UploadRole, policy.Trust{}),
		"trust with terms": n.TrustPolicy(f.ReaderRole, trust),
	}
}

func TestDocumentsReadAsTheyAreWritten(t *testing.T) {
	for name, d := range documents(names) {
		for _, text := range []string{d.Compact(), d.Indented(), d.String()} {
			got, err := policy.Parse([]byte(text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got.Compact() != d.Compact() {
				t.Errorf("%s: got %s\nwant %s", name, got, d)
			}
		}
	}
}

func TestStatementsHaveTheirOwnSid(t *testing.T) {
	for name, d := range documents(names) {
		seen := map[string]bool{}
		for _, s := range d.Statement {
			if s.Sid == "" || seen[s.Sid] {
				t.Errorf("%s: Sid %q is empty or taken", name, s.Sid)
			}
			if strings.Trim(s.Sid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
				t.Errorf("%s: Sid %q holds what IAM refuses", name, s.Sid)
			}
			seen[s.Sid] = true
		}
		if len(d.Statement) == 0 || d.Version != "2012-10-17" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestParseReadsWhatIAMTakes(t *testing.T) {
	d, err := policy.Parse([]byte(`{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Deny","Principal":"*",
		"NotAction":"s3:Get*","NotResource":["a","b"],"Condition":{"Bool":{"aws:SecureTransport":false},"NumericLessThan":{"s3:TlsVersion":1.2}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Document{Version: "2012-10-17", ID: "x", Statement: []policy.Statement{{
		Effect: "Deny", Principal: &policy.Principal{Any: true}, NotAction: policy.Strings{"s3:Get*"},
		NotResource: policy.Strings{"a", "b"},
		Condition: policy.Conditions{"Bool": {"aws:SecureTransport": {"false"}},
			"NumericLessThan": {"s3:TlsVersion": {"1.2"}}}}}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got %+v\nwant %+v", d, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `{}`, `{"Statement":[]} x`, `{"Statement":[{"Actions":"s3:*"}]}`, `{"Statement":[],"Extra":1}`,
		`{"Statement":{"Principal":"someone"}}`, `{"Statement":{"Action":{"a":"b"}}}`, `{"Statement":{"Action":["a",["b"]]}}`,
		`{"Statement":{"Action":null}}`, `{"Statement":"x"}`, `{"Statement":{"Action":["a"}}`,
	} {
		if d, err := policy.Parse([]byte(text)); err == nil && text != `{"Statement":{"Action":null}}` {
			t.Errorf("%s: got %s, want an error", text, d)
		}
	}
}

// What a reader might take for something else than another reader is refused.
func TestParseRefusesWhatReadersDisagreeAbout(t *testing.T) {
	for _, text := range []string{
		`{"Statement":[],"Statement":[]}`, `{"statement":[]}`, `{"Statement":[],"version":"2012-10-17"}`,
		`{"Statement":{"Effect":"Deny","Effect":"Allow"}}`, `{"Statement":[{"effect":"Allow"}]}`,
		`{"Statement":{"Effect":"Deny","Action":"a","action":"b"}}`, `{"Statement":{"Principal":{"aws":"*"}}}`,
		`{"Statement":{"Principal":{"AWS":"a","AWS":"b"}}}`,
		`{"Statement":{"Condition":{"Bool":{"a":"x"},"Bool":{"a":"y"}}}}`,
		`{"Statement":{"Condition":{"Bool":{"aws:x":"x","AWS:X":"y"}}}}`,
	} {
		if d, err := policy.Parse([]byte(text)); err == nil {
			t.Errorf("%s: got %s, want an error", text, d)
		}
	}
	if _, err := policy.Parse([]byte(`{"Statement":[{"Sid":"a","Effect":"Deny"},{"Sid":"b","Effect":"Deny"}]}`)); err != nil {
		t.Errorf("two statements: %v", err)
	}
}

// Whatever reads as a policy must read the same again once written.
func FuzzParse(f *testing.F) {
	for _, d := range documents(names) {
		f.Add([]byte(d.Compact()))
	}
	f.Add([]byte(`{"Statement":{"Effect":"Deny","Principal":{"AWS":"*"},"Condition":{"Bool":{"x":[true,1.5,"y"]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := policy.Parse(data)
		if err != nil {
			return
		}
		again, err := policy.Parse([]byte(d.Compact()))
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		if again.Compact() != d.Compact() {
			t.Errorf("got %s\nwant %s", again, d)
		}
	})
}
