// Package certs makes the certificate authority of one sandbox and the
// server certificate it signs, in the sandbox's own folder.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files are where a sandbox's certificates are.
type Files struct {
	CA   string // the authority, for clients to trust
	Cert string
	Key  string
}

// life of a certificate; a new one is made when less than a day is left.
const life = 365 * 24 * time.Hour

// Ensure gives the certificates in dir, for host and the loopback names. It
// makes new ones where they are missing, nearly over or for another host. The
// authority's key is not kept.
func Ensure(dir, host string, now time.Time) (Files, error) {
	f := Files{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	if usable(f, host, now) {
		return f, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Files{}, fmt.Errorf("make certificates: %w", err)
	}
	if err := issue(f, host, now); err != nil {
		return Files{}, fmt.Errorf("make certificates: %w", err)
	}
	return f, nil
}

func usable(f Files, host string, now time.Time) bool {
	for _, path := range []string{f.CA, f.Key} {
		if _, err := os.Stat(path); err != nil {
			return false
		}
	}
	text, err := os.ReadFile(f.Cert)
	if err != nil {
		return false
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	return err == nil && cert.VerifyHostname(host) == nil && now.Add(24*time.Hour).Before(cert.NotAfter)
}

func issue(f Files, host string, now time.Time) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := template("Sealift sandbox CA", now)
	ca.IsCA, ca.BasicConstraintsValid = true, true
	ca.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := template("Sealift sandbox", now)
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.DNSNames = []string{"localhost"}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	if ip := net.ParseIP(host); ip != nil {
		leaf.IPAddresses = append(leaf.IPAddresses, ip)
	} else {
		leaf.DNSNames = append(leaf.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeAll(f, caDER, der, keyDER)
}

func template(name string, now time.Time) *x509.Certificate {
	serial := make([]byte, 16)
	rand.Read(serial) // never fails
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(life),
	}
}

func writeAll(f Files, ca, cert, key []byte) error {
	for _, file := range []struct {
		path, kind string
		der        []byte
		mode       os.FileMode
	}{
		{f.CA, "CERTIFICATE", ca, 0o644},
		{f.Cert, "CERTIFICATE", cert, 0o644},
		{f.Key, "PRIVATE KEY", key, 0o600},
	} {
		text := pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.der})
		if err := os.WriteFile(file.path, text, file.mode); err != nil {
			return err
		}
	}
	return nil
}
