package policy

import (
	"fmt"
	"slices"
)

// UserPolicy lets the user assume the upload role, set a source identity and
// session tags on the way, and nothing else. The reader and monitor roles name
// the user in their trust policies, which within one account is enough.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
// ("Add the user as a principal directly in the role's trust policy"; read
// 2026-11-24 in the SDK's text of it).
func (n Names) UserPolicy() Document {
	return document(allow("AssumeUploadRole", Strings{n.UploadRoleARN()},
		"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"))
}

// UploadRolePolicy lets the upload role write, abort and list parts under the
// bucket's prefix, and list the bucket's open multipart uploads, which only a
// housekeeping session keeps. It cannot read, list, copy or delete objects.
// (CreateMultipartUpload, UploadPart and CompleteMultipartUpload are all the
// action s3:PutObject.)
func (n Names) UploadRolePolicy() Document {
	d := document(
		allow("WriteObjects", n.keys(), writeActions(n.Tagging, n.Retention, n.LegalHold)...),
		allow("FindOpenUploads", Strings{n.BucketARN()}, "s3:ListBucketMultipartUploads"))
	if n.KMSKey != "" {
		d.Statement = append(d.Statement, n.useKey("EncryptWithKey", "kms:GenerateDataKey", "kms:Decrypt"))
	}
	return d
}

// writeActions are what one object's upload needs, and what its options need
// on top.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
// (recalled, not read again).
func writeActions(tagging, retention, legalHold bool) []string {
	actions := []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
	if tagging {
		actions = append(actions, "s3:PutObjectTagging")
	}
	if retention {
		actions = append(actions, "s3:PutObjectRetention")
	}
	if legalHold {
		actions = append(actions, "s3:PutObjectLegalHold")
	}
	return actions
}

// useKey allows actions on the bucket's key, through S3 only: a stolen session
// cannot take data to the key itself. By which of its two names S3 goes there in
// China was found nowhere, so both are written.
func (n Names) useKey(sid string, actions ...string) Statement {
	s, f := allow(sid, Strings{n.KMSKey}, actions...), n.Filled()
	s.Condition = Conditions{"StringEquals": {"kms:ViaService": viaS3(f.Partition, f.Region)}}
	return s
}

// viaS3 is S3 as KMS knows it.
func viaS3(partition, region string) Strings {
	via := Strings{"s3." + region + ".amazonaws.com"}
	if partition == "aws-cn" {
		via = append(via, via[0]+".cn")
	}
	return via
}

// ReaderRolePolicy lets the reader role read objects and their checksums under
// the prefix. It may list the bucket, because without that right S3 answers a
// missing key with 403, and "is it there?" has no answer. The right carries no
// s3:prefix condition: a HEAD has no prefix, so the condition would never hold.
func (n Names) ReaderRolePolicy() Document {
	d := document(
		allow("ReadObjects", n.keys(), "s3:GetObject", "s3:GetObjectVersion",
			"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"),
		allow("SeeMissingKeys", Strings{n.BucketARN()}, "s3:ListBucket"))
	if n.KMSKey != "" {
		d.Statement = append(d.Statement, n.useKey("DecryptWithKey", "kms:Decrypt"))
	}
	return d
}

// MonitorRolePolicy lets the monitor role read the trail's bucket, look events
// up, fetch the keys that sign digests, and publish alerts to the topic.
func (n Names) MonitorRolePolicy() Document {
	d := document(
		allow("ReadTrail", Strings{n.TrailBucketARN() + "/*"}, "s3:GetObject", "s3:GetObjectVersion"),
		allow("ListTrail", Strings{n.TrailBucketARN()}, "s3:ListBucket", "s3:GetBucketLocation"),
		allow("LookUpEvents", Strings{"*"}, "cloudtrail:LookupEvents", "cloudtrail:DescribeTrails",
			"cloudtrail:ListPublicKeys"),
		allow("InspectTrail", Strings{n.TrailARN()}, "cloudtrail:GetTrail", "cloudtrail:GetTrailStatus",
			"cloudtrail:GetEventSelectors"),
		allow("PublishAlerts", Strings{n.TopicARN()}, "sns:Publish"))
	if n.KMSKey != "" {
		d.Statement = append(d.Statement, n.useKey("DecryptWithKey", "kms:Decrypt"))
	}
	return d
}

// Trust says who may assume a role and on which terms. The zero value is the
// user of [Names], without conditions.
type Trust struct {
	Principals     Strings // ARNs; nil = the user, or nobody when OIDC is given
	ExternalID     string  // "" = none asked
	MFA            bool    // a code must have been given
	SourceIdentity Strings // patterns, one must match; nil = none asked
	SessionName    string  // pattern, as sealift-*; "" = any
	OIDC           *OIDC   // web identities that may assume the role too
}

// OIDC is an identity provider of the account and whom of it to trust.
type OIDC struct {
	Provider string  // host and path, as token.actions.githubusercontent.com
	Audience string  // "" = sts.amazonaws.com
	Subjects Strings // patterns, as repo:owner/name:ref:refs/heads/main; at least one
}

// TrustPolicy says who may assume the role of that name. Source identity and
// tags are actions of their own, so that they can be taken away one by one.
// A role that is none of the three of n is a programming error and panics, and
// so is an OIDC without subjects, which would trust everyone there.
func (n Names) TrustPolicy(role string, t Trust) Document {
	f := n.Filled()
	if !slices.Contains([]string{f.UploadRole, f.ReaderRole, f.MonitorRole}, role) {
		panic(fmt.Sprintf("trust policy: %q is no role of these names", role))
	}
	d := document()
	if t.Principals == nil && t.OIDC == nil {
		t.Principals = Strings{n.UserARN()}
	}
	if len(t.Principals) > 0 {
		d.Statement = t.statements()
	}
	if t.OIDC != nil {
		d.Statement = append(d.Statement, n.webIdentity(*t.OIDC, t.SessionName))
	}
	return d
}

// statements are those for AWS principals.
func (t Trust) statements() []Statement {
	who := &Principal{AWS: t.Principals}
	terms := Conditions{}
	terms.set("StringEquals", "sts:ExternalId", t.ExternalID)
	terms.set("StringLike", "sts:RoleSessionName", t.SessionName)
	terms.set("StringLike", "sts:SourceIdentity", t.SourceIdentity...)
	if t.MFA {
		terms.set("Bool", "aws:MultiFactorAuthPresent", "true")
	}
	identity := Conditions{}
	identity.set("StringLike", "sts:SourceIdentity", t.SourceIdentity...)
	return []Statement{
		{Sid: "AllowAssume", Effect: "Allow", Principal: who, Action: Strings{"sts:AssumeRole"}, Condition: terms},
		{Sid: "AllowSourceIdentity", Effect: "Allow", Principal: who, Action: Strings{"sts:SetSourceIdentity"}, Condition: identity},
		{Sid: "AllowTags", Effect: "Allow", Principal: who, Action: Strings{"sts:TagSession"}},
	}
}

// webIdentity trusts tokens of a provider. They carry no source identity, tags
// or external id.
func (n Names) webIdentity(o OIDC, sessionName string) Statement {
	if len(o.Subjects) == 0 {
		panic("trust policy: OIDC without subjects")
	}
	if o.Audience == "" {
		o.Audience = "sts.amazonaws.com"
	}
	terms := Conditions{}
	terms.set("StringEquals", o.Provider+":aud", o.Audience)
	terms.set("StringLike", o.Provider+":sub", o.Subjects...)
	terms.set("StringLike", "sts:RoleSessionName", sessionName)
	return Statement{Sid: "AllowWebIdentity", Effect: "Allow",
		Principal: &Principal{Federated: Strings{n.iam("oidc-provider/" + o.Provider)}},
		Action:    Strings{"sts:AssumeRoleWithWebIdentity"}, Condition: terms}
}

// set adds a condition unless it has no values.
func (c Conditions) set(operator, key string, values ...string) {
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return
	}
	if c[operator] == nil {
		c[operator] = map[string]Strings{}
	}
	c[operator][key] = values
}
