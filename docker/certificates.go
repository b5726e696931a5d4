package docker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"bulla/keys/limits"
)

// Certificates are what Docker keeps for the connection to one server in a folder named HOST or
// HOST:PORT: authorities (*.crt) beside those of the system, and certificates by which the user is
// known (*.cert, each with its *.key). A nil *Certificates has neither.
type Certificates struct {
	// Dir is the folder.
	Dir string

	pool        *x509.CertPool
	authorities []authority
	own         []ownCertificate
	shown       atomic.Pointer[ownCertificate]
}

type authority struct {
	file string
	der  []byte
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
	c := &Certificates{Dir: dir}
	if c.pool, err = x509.SystemCertPool(); err != nil {
		c.pool = x509.NewCertPool()
	}
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
	if len(c.authorities)+len(c.own) == 0 {
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
		c.pool.AddCert(cert)
		c.authorities = append(c.authorities, authority{path, cert.Raw})
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
	c.own = append(c.own, ownCertificate{path, pair})
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

// config is what TLS connections are made with; nil for Go's defaults.
func (c *Certificates) config() *tls.Config {
	if c == nil {
		return nil
	}
	config := &tls.Config{RootCAs: c.pool, MinVersion: tls.VersionTLS12}
	if len(c.own) > 0 {
		config.GetClientCertificate = c.choose
	}
	return config
}

// choose takes the first certificate that the server would take, as Go does by itself, and remembers
// which one that was.
func (c *Certificates) choose(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	for i := range c.own {
		if asked.SupportsCertificate(&c.own[i].pair) == nil {
			c.shown.Store(&c.own[i])
			return &c.own[i].pair, nil
		}
	}
	return &tls.Certificate{}, nil
}

// voucher is the file of the authority that stands behind a connection, "" where it is one of the
// system's.
func (c *Certificates) voucher(state *tls.ConnectionState) string {
	if c == nil {
		return ""
	}
	for _, chain := range state.VerifiedChains {
		for _, a := range c.authorities {
			if len(chain) > 0 && bytes.Equal(a.der, chain[len(chain)-1].Raw) {
				return a.file
			}
		}
	}
	return ""
}

// showed is the file of the certificate that was shown to the server, and when it ends; "" where
// none was asked for.
func (c *Certificates) showed() (file string, ends time.Time) {
	if c == nil {
		return "", time.Time{}
	}
	own := c.shown.Load()
	if own == nil {
		return "", time.Time{}
	}
	if leaf := own.pair.Leaf; leaf != nil {
		ends = leaf.NotAfter.UTC()
	}
	return own.file, ends
}

// onlyTLS refuses requests in plain text: go-containerregistry tries them where TLS failed on this
// machine and in private networks. Who has set up certificates for a registry means TLS.
type onlyTLS struct {
	inner http.RoundTripper
	dir   string
}

func (t onlyTLS) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return nil, fmt.Errorf("there are certificates for it in %s, so it is only spoken to over TLS", t.dir)
	}
	return t.inner.RoundTrip(req)
}

// connection is how the Client speaks to one registry, and whom it is sent on to (token servers,
// storage of blobs), as Docker does.
type connection struct {
	http.RoundTripper
	certificates *Certificates
}

// connection finds the certificates for a registry, once. The first folder that has some counts.
func (c *Client) connection(host string) (connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.connections[host]; ok {
		return known, nil
	}
	out := connection{RoundTripper: c.transport}
	for _, dir := range c.certDirs {
		certs, err := ReadCertificates(filepath.Join(dir, CertificateFolder(host)))
		if err != nil {
			return connection{}, err
		}
		if certs != nil {
			out = connection{onlyTLS{Transport(certs, c.userAgent), certs.Dir}, certs}
			break
		}
	}
	c.connections[host] = out
	return out, nil
}
