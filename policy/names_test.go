package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sealift/sealift/policy"
)

// actions are all that a document allows.
func actions(d policy.Document) []string {
	var out []string
	for _, s := range d.Statement {
		if s.Effect == "Allow" {
			out = append(out, s.Action...)
		}
	}
	slices.Sort(out)
	return out
}

func statement(t *testing.T, d policy.Document, sid string) policy.Statement {
	t.Helper()
	i := slices.IndexFunc(d.Statement, func(s policy.Statement) bool { return s.Sid == sid })
	if i < 0 {
		t.Fatalf("no statement %s in %s", sid, d)
	}
	return d.Statement[i]
}

func TestDefaultsOfNames(t *testing.T) {
	n := policy.Names{Account: "123456789012", Bucket: "b", TrailBucket: "t"}
	for got, want := range map[string]string{
		n.UserARN():        "arn:aws:iam::123456789012:user/uploader",
		n.UploadRoleARN():  "arn:aws:iam::123456789012:role/s3-uploader-role",
		n.ReaderRoleARN():  "arn:aws:iam::123456789012:role/s3-reader-role",
		n.MonitorRoleARN(): "arn:aws:iam::123456789012:role/s3-monitor-role",
		n.BucketARN():      "arn:aws:s3:::b",
		n.TrailBucketARN(): "arn:aws:s3:::t",
		n.TopicARN():       "arn:aws:sns:us-east-1:123456789012:upload-notifications",
		n.TrailARN():       "arn:aws:cloudtrail:us-east-1:123456789012:trail/uploads",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	n = policy.Names{Partition: "aws-us-gov", Account: "1", Region: "us-gov-west-1", User: "u", UploadRole: "r", Topic: "x", Trail: "y"}
	if n.UserARN() != "arn:aws-us-gov:iam::1:user/u" || n.TopicARN() != "arn:aws-us-gov:sns:us-gov-west-1:1:x" {
		t.Errorf("got %s, %s", n.UserARN(), n.TopicARN())
	}
}

func TestRolesAllowNoMoreThanTheirWork(t *testing.T) {
	n := policy.Names{Account: "1", Bucket: "b", Prefix: "a*b/", TrailBucket: "t"}
	for name, c := range map[string]struct {
		d    policy.Document
		want []string
	}{
		"user":   {n.UserPolicy(), []string{"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"}},
		"upload": {n.UploadRolePolicy(), []string{"s3:AbortMultipartUpload", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts", "s3:PutObject"}},
		"reader": {n.ReaderRolePolicy(), []string{"s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectVersion", "s3:GetObjectVersionAttributes", "s3:ListBucket"}},
	} {
		if got := actions(c.d); !slices.Equal(got, c.want) {
			t.Errorf("%s allows %v, want %v", name, got, c.want)
		}
	}
	if got := statement(t, n.UploadRolePolicy(), "WriteObjects").Resource[0]; got != "arn:aws:s3:::b/a${*}b/*" {
		t.Errorf("role writes to %s", got)
	}
	if got := statement(t, n.UserPolicy(), "AssumeUploadRole").Resource; !slices.Equal(got, policy.Strings{n.UploadRoleARN()}) {
		t.Errorf("user assumes %v", got)
	}
	n.Tagging, n.KMSKey = true, "arn:aws:kms:us-east-1:1:key/k"
	if got := actions(n.UploadRolePolicy()); !slices.Contains(got, "s3:PutObjectTagging") || !slices.Contains(got, "kms:GenerateDataKey") {
		t.Errorf("got %v", got)
	}
	if got := statement(t, n.UploadRolePolicy(), "EncryptWithKey").Condition["StringEquals"]["kms:ViaService"]; !slices.Equal(got, policy.Strings{"s3.us-east-1.amazonaws.com"}) {
		t.Errorf("key is used via %v", got)
	}
	n.Partition, n.Region = "aws-cn", "cn-north-1"
	want := policy.Strings{"s3.cn-north-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn"}
	if got := statement(t, n.UploadRolePolicy(), "EncryptWithKey").Condition["StringEquals"]["kms:ViaService"]; !slices.Equal(got, want) {
		t.Errorf("in China S3 goes to the key as %v, want %v", got, want)
	}
}

// Whatever a role may do that is not allowed by itself must come from nowhere:
// no document that Sealift writes allows with a wildcard action, and none but
// the monitor's look-ups with a wildcard resource.
func TestNothingIsAllowedWholesale(t *testing.T) {
	for name, d := range documents(names) {
		for _, s := range d.Statement {
			if s.Effect != "Allow" {
				continue
			}
			if strings.Contains(strings.Join(s.Action, " "), "*") || s.NotAction != nil || s.NotResource != nil || s.Principal != nil && s.Principal.Any {
				t.Errorf("%s: %s allows wholesale", name, s.Sid)
			}
			if slices.Contains(s.Resource, "*") && s.Sid != "LookUpEvents" {
				t.Errorf("%s: %s allows on everything", name, s.Sid)
			}
		}
	}
}

func TestBucketPolicyDeniesAndTLSIsByChoice(t *testing.T) {
	n := names
	sids := func(d policy.Document) (out []string) {
		for _, s := range d.Statement {
			if s.Effect != "Deny" {
				t.Errorf("%s allows", s.Sid)
			}
			out = append(out, s.Sid)
		}
		return out
	}
	if got, want := sids(n.BucketPolicy()), []string{"DenyPlainHTTP", "DenyOldTLS", "DenyOtherEncryption", "DenyOtherKeys", "DenyCustomerKeys", "DenyOverwriting"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	n.TLS, n.KMSKey, n.NewKeysOnly = false, "", false
	if got, want := sids(n.BucketPolicy()), []string{"DenyOtherEncryption", "DenyCustomerKeys"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// a write that names no encryption must not be denied
	for _, sid := range []string{"DenyOtherEncryption", "DenyOtherKeys"} {
		for key := range statement(t, names.BucketPolicy(), sid).Condition["StringNotEquals"] {
			if got := statement(t, names.BucketPolicy(), sid).Condition["Null"][key]; !slices.Equal(got, policy.Strings{"false"}) {
				t.Errorf("%s denies writes without %s", sid, key)
			}
		}
	}
}

func TestTrustIsAsNarrowAsAsked(t *testing.T) {
	f := names.Filled()
	plain := names.TrustPolicy(f.UploadRole, policy.Trust{})
	if len(plain.Statement) != 3 || statement(t, plain, "AllowAssume").Principal.AWS[0] != names.UserARN() || statement(t, plain, "AllowAssume").Condition["StringEquals"] != nil {
		t.Errorf("got %s", plain)
	}
	web := names.TrustPolicy(f.UploadRole, policy.Trust{OIDC: &policy.OIDC{Provider: "p.example", Subjects: policy.Strings{"repo:o/r:*"}}, SessionName: "sealift-*"})
	s := statement(t, web, "AllowWebIdentity")
	if len(web.Statement) != 1 || s.Condition["StringEquals"]["p.example:aud"][0] != "sts.amazonaws.com" ||
		s.Condition["StringLike"]["p.example:sub"][0] != "repo:o/r:*" || s.Condition["StringLike"]["sts:RoleSessionName"][0] != "sealift-*" {
		t.Errorf("got %s", web)
	}
	strict := documents(names)["trust with terms"]
	c := statement(t, strict, "AllowAssume").Condition
	if c["StringEquals"]["sts:ExternalId"][0] != "x" || c["Bool"]["aws:MultiFactorAuthPresent"][0] != "true" || len(c["StringLike"]["sts:SourceIdentity"]) != 2 {
		t.Errorf("got %s", strict)
	}
	for name, call := range map[string]func(){
		"role":     func() { names.TrustPolicy("other", policy.Trust{}) },
		"subjects": func() { names.TrustPolicy(f.UploadRole, policy.Trust{OIDC: &policy.OIDC{Provider: "p"}}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
}
