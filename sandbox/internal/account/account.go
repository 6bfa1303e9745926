// Package account is the sandbox's one AWS account: its users, roles, access
// keys, MFA devices and identity providers, and the sessions it hands out.
//
// An account is written once, when a folder is new, and read ever after;
// nothing in this half of the sandbox changes it. Sessions are not stored:
// a session token is the session itself, sealed with the account's key, so
// sessions outlive a restart and the file holds no list of them.
//
// It imports iameval and nothing else of the sandbox.
package account

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/sealift/sealift/sandbox/internal/iameval"
)

// State is what an account consists of, as it stands in its file.
type State struct {
	ID        string // 12 digits
	Region    string
	SealKey   []byte // 32 bytes; seals session tokens
	Users     map[string]*User
	Roles     map[string]*Role
	Providers map[string]*Provider // by ARN
}

// A User has long-lived keys.
type User struct {
	Name     string
	ID       string            // AIDA…
	Keys     map[string]string // access key id → secret
	Policies map[string]json.RawMessage
	MFA      []Device

	arn  string
	docs []iameval.Document
}

// A Role is assumed, by whom its Trust policy lets.
type Role struct {
	Name       string
	ID         string // AROA…
	Trust      json.RawMessage
	Policies   map[string]json.RawMessage
	MaxSession int // seconds, 3600 to 43200

	arn   string
	docs  []iameval.Document
	trust iameval.Document
}

// A Device is a virtual MFA device: a serial (an ARN) and a TOTP seed, base32.
type Device struct {
	Serial string
	Seed   string
}

// A Provider is an OIDC identity provider the account trusts.
type Provider struct {
	URL       string   // issuer, with scheme
	ClientIDs []string // audiences
}

// An Account answers who an access key belongs to. It is safe for concurrent
// use.
type Account struct {
	state State
	users map[string]*User // by access key id
	seal  cipher.AEAD

	mu     sync.Mutex
	opened map[string]*Session // by token; only those that were sealed here
}

// Open reads the account at path; where there is none, it stores the one that
// make gives.
func Open(path string, make func() (State, error)) (*Account, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(path, make)
	case err != nil:
		return nil, fmt.Errorf("read account: %w", err)
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read account %s: %w", path, err)
	}
	return New(s)
}

func create(path string, make func() (State, error)) (*Account, error) {
	s, err := make()
	if err != nil {
		return nil, err
	}
	a, err := New(s)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("write account: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("write account: %w", err)
	}
	return a, nil
}

// New makes an account of s; it parses every policy.
func New(s State) (*Account, error) {
	block, err := aes.NewCipher(s.SealKey)
	if err != nil {
		return nil, fmt.Errorf("account seal key: %w", err)
	}
	a := &Account{state: s, users: map[string]*User{}, opened: map[string]*Session{}}
	if a.seal, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("account seal key: %w", err)
	}
	for _, u := range s.Users {
		u.arn = "arn:aws:iam::" + s.ID + ":user/" + u.Name
		if u.docs, err = parseAll("user "+u.Name, u.Policies); err != nil {
			return nil, err
		}
		for id := range u.Keys {
			a.users[id] = u
		}
	}
	for _, r := range s.Roles {
		r.arn = "arn:aws:iam::" + s.ID + ":role/" + r.Name
		if r.docs, err = parseAll("role "+r.Name, r.Policies); err != nil {
			return nil, err
		}
		if r.trust, err = iameval.Parse("trust policy of "+r.Name, string(r.Trust), iameval.Trust); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func parseAll(owner string, policies map[string]json.RawMessage) ([]iameval.Document, error) {
	var docs []iameval.Document
	for name, text := range policies {
		d, err := iameval.Parse("policy "+name+" of "+owner, string(text), iameval.Identity)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// ID is the account's number, 12 digits.
func (a *Account) ID() string { return a.state.ID }

// Region is the one region the account has.
func (a *Account) Region() string { return a.state.Region }

// User is the user of a name, nil if there is none.
func (a *Account) User(name string) *User { return a.state.Users[name] }

// Role is the role of an ARN, nil if there is none.
func (a *Account) Role(arn string) *Role {
	for _, r := range a.state.Roles {
		if r.arn == arn {
			return r
		}
	}
	return nil
}

// Provider is the identity provider of an issuer URL and its ARN, nil if the
// account trusts none.
func (a *Account) Provider(url string) (arn string, p *Provider) {
	for arn, p := range a.state.Providers {
		if p.URL == url {
			return arn, p
		}
	}
	return "", nil
}

// ARN is arn:aws:iam::ACCOUNT:user/NAME.
func (u *User) ARN() string { return u.arn }

// Device is the user's MFA device of a serial.
func (u *User) Device(serial string) (Device, bool) {
	for _, d := range u.MFA {
		if d.Serial == serial {
			return d, true
		}
	}
	return Device{}, false
}

// ARN is arn:aws:iam::ACCOUNT:role/NAME.
func (r *Role) ARN() string { return r.arn }

// TrustPolicy says who may assume the role.
func (r *Role) TrustPolicy() iameval.Document { return r.trust }
