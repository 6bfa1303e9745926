package s3wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// isCertificate reports whether a TLS handshake failed because the server is
// not who it says: trying again would not help.
func isCertificate(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	return unverified || unknown || host
}
