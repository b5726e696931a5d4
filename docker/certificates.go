package docker

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"bulla/keys/limits"
)

// Certificates are what Docker keeps for the connection to one server in a folder named HOST or
// HOST:PORT: authorities (*.crt) beside those of the system, and certificates by which the user is
// known (*.cert, each with its *.key). A nil *Certificates has neither.
type Certificates struct {
	// Dir is the folder.
	Dir string

	own         *x509.CertPool        // the authorities of the folder alone
	system      func() *x509.CertPool // those of the system
	authorities []authority
	mine        []ownCertificate
	shown       atomic.Pointer[ownCertificate]
}

type authority struct {
	file        string
	certificate *x509.Certificate
}

type ownCertificate struct {
	file string
	pair tls.Certificate
}

// CertificateError says that a file in a folder of certificates cannot be used. Nothing was asked of
// the server.
type CertificateError struct {
	Path   string
	Reason string // follows the path: "there is no certificate in it"
	Err    error
}

func (e *CertificateError) Error() string { return e.Path + ": " + e.Reason }

// Unwrap gives the underlying error, which may be nil.
func (e *CertificateError) Unwrap() error { return e.Err }

// maxCertificates is the longest file of certificates or keys, in bytes: all authorities of a system
// have some 250 KiB.
const maxCertificates = 4 << 20

// CertificateFolder is the name of the folder for a server, "host" or "host:port", as Docker calls it:
// Windows allows no colon.
func CertificateFolder(host string) string {
	if runtime.GOOS == "windows" {
		return strings.ReplaceAll(host, ":", "")
	}
	return host
}

// ReadCertificates reads the folder of a server as Docker's engine does, and docker trust those of
// trust servers. Where there is no such folder, or nothing in it that counts, the result is nil. The
// error is a *CertificateError.
func ReadCertificates(dir string) (*Certificates, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, unreadable(dir, err)
	}
	c := &Certificates{Dir: dir, own: x509.NewCertPool(), system: systemPool}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	for _, e := range entries {
		base, ext := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())), filepath.Ext(e.Name())
		path := filepath.Join(dir, e.Name())
		switch ext {
		case ".crt":
			err = c.addAuthorities(path)
		case ".cert":
			if !names[base+".key"] {
				return nil, &CertificateError{Path: path, Reason: "its key " + base + ".key is not there; the certificate of an authority must end in .crt"}
			}
			err = c.addOwn(path, filepath.Join(dir, base+".key"))
		case ".key":
			if !names[base+".cert"] {
				err = &CertificateError{Path: path, Reason: "its certificate " + base + ".cert is not there"}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if len(c.authorities)+len(c.mine) == 0 {
		return nil, nil
	}
	return c, nil
}

func unreadable(path string, err error) error {
	reason := "it cannot be read"
	switch {
	case errors.Is(err, fs.ErrPermission):
		reason = "you may not read it"
	case errors.Is(err, fs.ErrNotExist): // a link that leads nowhere
		reason = "it leads to a file that is not there"
	}
	return &CertificateError{Path: path, Reason: reason, Err: err}
}

// addAuthorities reads a file of certificates in PEM form. Docker passes over what is none; here a
// file without any is an error, and so is one that cannot be parsed.
func (c *Certificates) addAuthorities(path string) error {
	rest, err := limits.ReadFile(path, maxCertificates)
	if err != nil {
		return unreadable(path, err)
	}
	found := false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return &CertificateError{Path: path, Reason: "a certificate in it is damaged", Err: err}
		}
		c.own.AddCert(cert)
		c.authorities = append(c.authorities, authority{path, cert})
		found = true
	}
	if !found {
		return &CertificateError{Path: path, Reason: "there is no certificate in PEM form in it"}
	}
	return nil
}

// addOwn reads a certificate with its key. What is in the key never gets into an error.
func (c *Certificates) addOwn(path, keyPath string) error {
	cert, err := limits.ReadFile(path, maxCertificates)
	if err != nil {
		return unreadable(path, err)
	}
	key, err := limits.ReadFile(keyPath, maxCertificates)
	if err != nil {
		return unreadable(keyPath, err)
	}
	defer clear(key)
	if encrypted(key) {
		return &CertificateError{Path: keyPath, Reason: "the key is protected by a passphrase, which no client of registries can ask for"}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return &CertificateError{Path: path, Reason: "it cannot be used with " + filepath.Base(keyPath) + ": " + strings.TrimPrefix(err.Error(), "tls: ")}
	}
	c.mine = append(c.mine, ownCertificate{path, pair})
	return nil
}

func encrypted(key []byte) bool {
	for {
		block, rest := pem.Decode(key)
		if block == nil {
			return false
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
		key = rest
	}
}
