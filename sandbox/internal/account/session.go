package account

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealift/sealift/sandbox/internal/iameval"
)

// A Session is what a session token holds: who, for how long, narrowed how.
type Session struct {
	AccessKeyID string // ASIA…
	Secret      string

	Role string `json:",omitempty"` // name; "" = a session of a user (GetSessionToken)
	User string `json:",omitempty"` // name; "" = a session of a role
	Name string `json:",omitempty"` // role session name

	Issued  time.Time
	Expires time.Time
	MFA     bool `json:",omitempty"` // an MFA code was given
	Chained bool `json:",omitempty"` // assumed by a session of a role

	Policy         string            `json:",omitempty"` // session policy; "" = not narrowed
	SourceIdentity string            `json:",omitempty"`
	Tags           map[string]string `json:",omitempty"`
	Transitive     []string          `json:",omitempty"` // tag keys handed on when chaining

	Provider string `json:",omitempty"` // ARN of the identity provider (web identity)
	Subject  string `json:",omitempty"` // of the web identity

	policy *iameval.Document
}

var errToken = errors.New("token was not made by this account")

const (
	// maxOpened bounds how many opened tokens are remembered.
	maxOpened = 1000
	// maxToken is the most a token's text may decompress to.
	maxToken = 64 << 10 // bytes
)

// Mint fills in the session's key and gives the token that carries it.
func (a *Account) Mint(s Session) (Session, string, error) {
	s.AccessKeyID, s.Secret = NewKeyID("ASIA"), NewSecret()
	text, err := json.Marshal(s)
	if err != nil {
		return Session{}, "", fmt.Errorf("write session token: %w", err)
	}
	nonce := make([]byte, a.seal.NonceSize())
	rand.Read(nonce) // never fails
	sealed := a.seal.Seal(nonce, nonce, pack(text), []byte(s.AccessKeyID))
	return s, base64.StdEncoding.EncodeToString(sealed), nil
}

// open gives the session of a token, which must be of this key.
func (a *Account) open(accessKeyID, token string) (*Session, error) {
	a.mu.Lock()
	s := a.opened[token]
	a.mu.Unlock()
	if s != nil && s.AccessKeyID == accessKeyID {
		return s, nil
	}
	s, err := a.unseal(accessKeyID, token)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.opened) >= maxOpened {
		clear(a.opened)
	}
	a.opened[strings.Clone(token)] = s // it may be fiber's, overwritten by the connection's next request
	return s, nil
}

func (a *Account) unseal(accessKeyID, token string) (*Session, error) {
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(sealed) < a.seal.NonceSize() {
		return nil, errToken
	}
	nonce, rest := sealed[:a.seal.NonceSize()], sealed[a.seal.NonceSize():]
	packed, err := a.seal.Open(nil, nonce, rest, []byte(accessKeyID))
	if err != nil {
		return nil, errToken
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxToken))
	if err != nil {
		return nil, errToken
	}
	s := &Session{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, errToken
	}
	if s.Policy != "" {
		d, err := iameval.Parse("session policy", s.Policy, iameval.Identity)
		if err != nil {
			return nil, errToken
		}
		s.policy = &d
	}
	return s, nil
}

// PackedSize is how many bytes a session's policy and tags take when packed.
// AWS packs them too, in a form it does not publish.
func PackedSize(policy string, tags map[string]string) int {
	if policy == "" && len(tags) == 0 {
		return 0
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return 0 // strings always marshal
	}
	return len(pack(append([]byte(policy), text...)))
}

func pack(text []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("account: deflate to memory: %v", err))
	}
	return b.Bytes()
}
