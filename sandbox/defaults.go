package sandbox

import (
	"encoding/json"

	"github.com/sealift/sealift/policy"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/bucket"
	"github.com/sealift/sealift/sandbox/internal/gateway"
	"github.com/sealift/sealift/sandbox/internal/oidc"
	"github.com/sealift/sealift/sandbox/internal/sts"
)

const (
	// admin is the user with all rights; its profile has the same name.
	admin = "sandbox-admin"
	// webRole has the upload role's rights and is assumed with a token of the
	// sandbox's issuer.
	webRole = "s3-web-identity-role"
	// mfaSeed is that of the uploader's device; every sandbox has the same, so
	// that codes can be made without asking it.
	mfaSeed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// optionsKey is the KMS key of a sandbox with options.
const optionsKey = "arn:aws:kms:us-east-1:123456789012:key/5ea11f70-0000-4000-8000-000000000001"

// names are what a sandbox's policies are written for. Plain http is refused
// only where there is something else.
func names(tls, options bool) policy.Names {
	n := policy.Names{
		Account:     "123456789012",
		Bucket:      "my-secure-upload-bucket-007",
		TrailBucket: "my-secure-upload-trail",
		TLS:         tls,
	}
	if options {
		n.Tagging, n.Retention, n.LegalHold, n.KMSKey = true, true, true, optionsKey
	}
	return n.Filled()
}

// newAccount makes the account of an empty folder.
func newAccount(options bool) (account.State, error) {
	n := names(false, options)
	s := account.State{
		ID: n.Account, Region: n.Region, SealKey: account.NewSealKey(),
		Users: map[string]*account.User{}, Roles: map[string]*account.Role{},
	}
	user := func(name string, p policy.Document) *account.User {
		u := &account.User{
			Name: name, ID: account.NewKeyID("AIDA"),
			Keys:     map[string]string{account.NewKeyID("AKIA"): account.NewSecret()},
			Policies: map[string]json.RawMessage{name: text(p)},
		}
		s.Users[name] = u
		return u
	}
	role := func(name string, trust, p policy.Document) {
		s.Roles[name] = &account.Role{
			Name: name, ID: account.NewKeyID("AROA"), Trust: text(trust),
			Policies:   map[string]json.RawMessage{name: text(p)},
			MaxSession: int(sts.MaxDuration.Seconds()),
		}
	}
	user(n.User, n.UserPolicy()).MFA = []account.Device{{Serial: mfaSerial(n), Seed: mfaSeed}}
	user(admin, everything())
	role(n.UploadRole, n.TrustPolicy(n.UploadRole, policy.Trust{}), n.UploadRolePolicy())
	role(n.ReaderRole, n.TrustPolicy(n.ReaderRole, policy.Trust{}), n.ReaderRolePolicy())
	role(n.MonitorRole, n.TrustPolicy(n.MonitorRole, policy.Trust{}), n.MonitorRolePolicy())
	addWebIdentity(&s, n, role)
	return s, nil
}

// addWebIdentity trusts the sandbox's own issuer, whatever the subject.
func addWebIdentity(s *account.State, n policy.Names, role func(string, policy.Document, policy.Document)) {
	n.UploadRole = webRole
	role(webRole, n.TrustPolicy(webRole, policy.Trust{
		OIDC: &policy.OIDC{Provider: oidc.Host, Subjects: policy.Strings{"*"}},
	}), n.UploadRolePolicy())
	s.Providers = map[string]*account.Provider{
		"arn:aws:iam::" + n.Account + ":oidc-provider/" + oidc.Host: {
			URL: oidc.Issuer, ClientIDs: []string{"sts.amazonaws.com"},
		},
	}
}

func mfaSerial(n policy.Names) string { return "arn:aws:iam::" + n.Account + ":mfa/" + n.User }

// everything is AWS's AdministratorAccess.
func everything() policy.Document {
	return policy.Document{Version: "2012-10-17", Statement: []policy.Statement{{
		Effect: "Allow", Action: policy.Strings{"*"}, Resource: policy.Strings{"*"},
	}}}
}

func text(d policy.Document) json.RawMessage { return json.RawMessage(d.Compact()) }

// makeBuckets makes the buckets that are not there yet, with the policies of
// Terraform's stack. A policy that is still the default follows --tls.
func makeBuckets(store *gateway.Store, documents *bucket.Documents, tls, options bool) error {
	now, before := names(tls, options), names(!tls, options)
	for _, b := range []struct {
		name        string
		lock        bool
		now, before string
	}{
		{now.Bucket, options, now.BucketPolicy().Compact(), before.BucketPolicy().Compact()},
		{now.TrailBucket, false, now.TrailBucketPolicy().Compact(), before.TrailBucketPolicy().Compact()},
	} {
		made, err := store.MakeBucket(b.name, b.lock)
		if err != nil {
			return err
		}
		if made || documents.Get(b.name, bucket.Policy) == b.before {
			if err := documents.Put(b.name, bucket.Policy, b.now); err != nil {
				return err
			}
		}
	}
	return nil
}
