// Command nulls3 serves package null on loopback for benchmarks: an S3 that
// keeps nothing. It prints one line, "ENDPOINT CA-FILE", when it answers.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sealift/sealift/bench/null"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "nulls3:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:0", "loopback address to listen on")
	ca := flag.String("ca", "", "serve TLS, and write the certificate to this file")
	latency := flag.Duration("latency", 0, "added to every answer")
	admit := flag.Float64("admit", 0, "requests a second; more are 503 SlowDown")
	limit := flag.Duration("for", time.Hour, "stop after this long")
	flag.Parse()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	scheme := "http"
	if *ca != "" {
		scheme = "https"
		certificate, err := selfSigned(*ca)
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	fmt.Printf("%s://%s %s\n", scheme, listener.Addr(), *ca)
	server := &http.Server{Handler: &null.Server{Latency: *latency, Admit: *admit}, ReadHeaderTimeout: time.Minute}
	time.AfterFunc(*limit, func() { server.Close() })
	return server.Serve(listener)
}

// selfSigned makes a certificate for 127.0.0.1 and writes it to path.
func selfSigned(path string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nulls3"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
