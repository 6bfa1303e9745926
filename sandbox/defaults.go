package sandbox

import (
	"encoding/json"
	"fmt"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/oidc"
	"github.com/sealift/sealift/sandbox/internal/sts"
)

// What a new sandbox starts with.
const (
	accountID   = "123456789012"
	region      = "us-east-1"
	uploader    = "uploader"
	admin       = "sandbox-admin"
	uploadRole  = "s3-uploader-role"
	readerRole  = "s3-reader-role"
	monitorRole = "s3-monitor-role"
	webRole     = "s3-web-identity-role"
	mainBucket  = "my-secure-upload-bucket-007"
	trailBucket = "my-secure-upload-trail"
	trailName   = "uploads"
	topicName   = "upload-notifications"
	mfaDevice   = "uploader-phone"
	mfaSeed     = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

func roleARN(name string) string { return "arn:aws:iam::" + accountID + ":role/" + name }

// newAccount makes the account of an empty folder.
func newAccount() (account.State, error) {
	docs := defaultDocuments()
	user := func(name, policy string) *account.User {
		return &account.User{
			Name: name, ID: account.NewKeyID("AIDA"),
			Keys:     map[string]string{account.NewKeyID("AKIA"): account.NewSecret()},
			Policies: map[string]json.RawMessage{name: json.RawMessage(policy)},
		}
	}
	role := func(name, trust, policy string) *account.Role {
		return &account.Role{
			Name: name, ID: account.NewKeyID("AROA"), Trust: json.RawMessage(trust),
			Policies:   map[string]json.RawMessage{name: json.RawMessage(policy)},
			MaxSession: int(sts.MaxDuration.Seconds()),
		}
	}
	s := account.State{
		ID: accountID, Region: region, SealKey: account.NewSealKey(),
		Users: map[string]*account.User{
			uploader: user(uploader, docs.user),
			admin:    user(admin, docs.admin),
		},
		Roles: map[string]*account.Role{
			uploadRole:  role(uploadRole, docs.trust, docs.upload),
			readerRole:  role(readerRole, docs.trust, docs.reader),
			monitorRole: role(monitorRole, docs.trust, docs.monitor),
			webRole:     role(webRole, docs.webTrust, docs.upload),
		},
		Providers: map[string]*account.Provider{
			providerARN: {URL: oidc.Issuer, ClientIDs: []string{"sts.amazonaws.com"}},
		},
	}
	s.Users[uploader].MFA = []account.Device{{
		Serial: fmt.Sprintf("arn:aws:iam::%s:mfa/%s", accountID, mfaDevice), Seed: mfaSeed,
	}}
	return s, nil
}

const providerARN = "arn:aws:iam::" + accountID + ":oidc-provider/token.sandbox.internal"
