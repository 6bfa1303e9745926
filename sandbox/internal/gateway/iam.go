package gateway

import (
	"errors"
	"time"

	"github.com/versity/versitygw/auth"

	"github.com/sealift/sealift/sandbox/internal/account"
	"github.com/sealift/sealift/sandbox/internal/sigv4"
)

// iam is what the engine sees of the account: keys to check signatures with,
// and one owner of everything.
type iam struct{ account *account.Account }

var (
	_ auth.IAMService         = iam{}
	_ auth.SigningKeyProvider = iam{}
	_ auth.FixedBucketOwner   = iam{}
)

// administrator is every caller. Its name is the account's number, because
// that is what the engine compares x-amz-expected-bucket-owner with.
func (i iam) administrator() auth.Account {
	return auth.Account{Access: i.account.ID(), Role: auth.RoleAdmin}
}

// BucketOwner owns every bucket.
func (i iam) BucketOwner() auth.Account { return i.administrator() }

// DeriveSigningKey gives the key that a caller's signature must be made with.
func (i iam) DeriveSigningKey(access, token, date, region, service string) ([]byte, auth.Account, error) {
	_, secret, err := i.account.Authenticate(access, token, time.Now())
	switch {
	case errors.Is(err, account.ErrNoKey):
		return nil, auth.Account{}, auth.ErrNoSuchUser
	case err != nil:
		return nil, auth.Account{}, auth.ErrInvalidSessionToken
	}
	return sigv4.Key(secret, date, region, service), i.administrator(), nil
}

// GetUserAccount knows the owner only; all other keys go by DeriveSigningKey.
func (i iam) GetUserAccount(access string) (auth.Account, error) {
	if access == i.account.ID() {
		return i.administrator(), nil
	}
	return auth.Account{}, auth.ErrNoSuchUser
}

// ResolveAccounts gives the names that are not the account's.
func (i iam) ResolveAccounts(names []string) ([]string, error) {
	var missing []string
	for _, name := range names {
		if name != i.account.ID() {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

var errReadOnly = errors.New("the account cannot be changed through the S3 engine")

func (i iam) CreateAccount(auth.Account) error                  { return errReadOnly }
func (i iam) UpdateUserAccount(string, auth.MutableProps) error { return errReadOnly }
func (i iam) DeleteUserAccount(string) error                    { return errReadOnly }
func (i iam) ListUserAccounts() ([]auth.Account, error) {
	return []auth.Account{i.administrator()}, nil
}
func (i iam) Shutdown() error { return nil }
