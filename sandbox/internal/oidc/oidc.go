// Package oidc is a small OpenID Connect issuer, so that web identity can be
// tried without one: it signs tokens (RS256), publishes its key, and checks
// the tokens it signed.
//
// It hands a token to anybody who asks; it authenticates nobody. The token's
// answer has the shape of GitHub Actions' token service, so that the same
// client code works against both.
package oidc

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sealift/sealift/sandbox/internal/sts"
)

// Issuer is the name tokens carry, Host the same as ARNs and condition keys
// write it. It is no address: nobody needs to reach it, because the sandbox
// checks its own tokens.
const (
	Issuer = "https://" + Host
	Host   = "token.sandbox.internal"
)

const keyID = "sandbox"

// An Identity signs and checks tokens. Its key is made at first use and kept in
// a file.
type Identity struct {
	path string
	once sync.Once
	key  *rsa.PrivateKey
	err  error
}

// New makes an Identity whose key is, or will be, at path.
func New(path string) *Identity { return &Identity{path: path} }

type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// Sign makes a token for a subject and an audience.
func (i *Identity) Sign(subject, audience string, now time.Time, life time.Duration) (string, error) {
	key, err := i.load()
	if err != nil {
		return "", err
	}
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": keyID})
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	body, err := json.Marshal(claims{Issuer, subject, audience, now.Unix(), now.Add(life).Unix()})
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	signed := encode(header) + "." + encode(body)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed + "." + encode(signature), nil
}

type expiredError struct{ at time.Time }

func (e expiredError) Error() string { return "token expired at " + e.at.UTC().Format(time.RFC3339) }

// Expired marks the token as one that was good once.
func (e expiredError) Expired() bool { return true }

// Verify checks a token's signature and times.
func (i *Identity) Verify(token string, now time.Time) (sts.Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return sts.Claims{}, errors.New("the ID Token provided is not a valid JWT")
	}
	var header struct{ Alg string }
	if err := decode(parts[0], &header); err != nil || header.Alg != "RS256" {
		return sts.Claims{}, errors.New("the ID Token provided is not signed with RS256")
	}
	key, err := i.load()
	if err != nil {
		return sts.Claims{}, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return sts.Claims{}, errors.New("couldn't verify the signature of the ID Token")
	}
	var c claims
	if err := decode(parts[1], &c); err != nil {
		return sts.Claims{}, errors.New("the claims of the ID Token cannot be read")
	}
	if !now.Before(time.Unix(c.Expires, 0)) {
		return sts.Claims{}, expiredError{time.Unix(c.Expires, 0)}
	}
	return sts.Claims{Issuer: c.Issuer, Subject: c.Subject, Audience: []string{c.Audience}}, nil
}

// KeySet is the public key as a JSON Web Key Set.
func (i *Identity) KeySet() (any, error) {
	key, err := i.load()
	if err != nil {
		return nil, err
	}
	e := big.NewInt(int64(key.E)).Bytes()
	return map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": keyID,
		"n": encode(key.N.Bytes()), "e": encode(e),
	}}}, nil
}

// load reads the key, or makes and keeps one: it takes longer to make than
// the whole sandbox takes to start.
func (i *Identity) load() (*rsa.PrivateKey, error) {
	i.once.Do(func() { i.key, i.err = loadOrMake(i.path) })
	return i.key, i.err
}

func loadOrMake(path string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("read issuer key %s: no PEM", path)
		}
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read issuer key: %w", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make issuer key: %w", err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, fmt.Errorf("write issuer key: %w", err)
	}
	return key, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
