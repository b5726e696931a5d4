// Package trusttest gives tests what Content Trust needs around it: Debian's notary-server with a
// private authority, a token server, and the peers that judge (notary, docker trust).
// Everything runs on free ports of 127.0.0.1 and ends with the test.
package trusttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a private authority with one certificate for servers on this machine.
type CA struct {
	// File is the authority, Cert and Key a server's certificate and key for localhost and
	// 127.0.0.1, all PEM.
	File, Cert, Key string
	pair            tls.Certificate
	key             *ecdsa.PrivateKey
	own             *x509.Certificate
	ownKey          *ecdsa.PrivateKey
}

// NewCA makes one.
func NewCA(t testing.TB) *CA {
	t.Helper()
	dir := t.TempDir()
	c := &CA{File: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key")}
	from := time.Now().Add(-time.Hour)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: from, NotAfter: from.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	caKey := newKey(t)
	c.own, c.ownKey = ca, caKey
	caDER := certify(t, ca, ca, caKey.Public(), caKey)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: from, NotAfter: ca.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	c.key = newKey(t)
	leafDER := certify(t, leaf, ca, c.key.Public(), caKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.File, "CERTIFICATE", caDER)
	write(t, c.Cert, "CERTIFICATE", leafDER)
	write(t, c.Key, "PRIVATE KEY", keyDER)
	if c.pair, err = tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
		t.Fatal(err)
	}
	return c
}

// Folder makes a folder as Docker keeps for the connection to host, below certs.d or tls: with the
// authority in ca.crt.
func (c *CA) Folder(t testing.TB, host string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), host)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(c.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ClientCertificate makes a certificate for a client, in dir as client.cert and client.key.
func (c *CA) ClientCertificate(t testing.TB, dir string) {
	t.Helper()
	key := newKey(t)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "rhea"}, NotBefore: c.own.NotBefore, NotAfter: c.own.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "client.cert"), "CERTIFICATE", certify(t, leaf, c.own, key.Public(), c.ownKey))
	write(t, filepath.Join(dir, "client.key"), "PRIVATE KEY", der)
}

// TLS is the configuration of a server with the certificate.
func (c *CA) TLS() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c.pair}} }

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func certify(t testing.TB, c, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func write(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
