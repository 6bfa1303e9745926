package account

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
)

// NewKeyID makes an identifier as AWS shapes them: a prefix of four letters
// (AKIA, ASIA, AIDA, AROA) and 16 characters.
func NewKeyID(prefix string) string {
	raw := make([]byte, 10)
	rand.Read(raw) // never fails
	return prefix + base32.StdEncoding.EncodeToString(raw)
}

// NewSecret makes a secret access key: 40 characters.
func NewSecret() string {
	raw := make([]byte, 30)
	rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

// NewSealKey makes the key that seals session tokens.
func NewSealKey() []byte {
	raw := make([]byte, 32)
	rand.Read(raw)
	return raw
}
