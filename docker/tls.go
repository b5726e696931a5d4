package docker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"sync"
	"time"
)

// transport makes connections with the certificates. Most often an authority of the folder stands behind
// the server. Those of the system are read only where none does: that takes longer than all else that a
// command does on the network.
func (c *Certificates) transport() http.RoundTripper {
	if c == nil {
		return newTransport()
	}
	system := sync.OnceValue(func() http.RoundTripper { return c.over(c.everybody()) })
	if len(c.authorities) == 0 {
		return system()
	}
	return &ownFirst{own: c.over(c.own), system: system}
}

// over makes connections to servers behind which one of the authorities stands.
func (c *Certificates) over(authorities *x509.CertPool) *http.Transport {
	config := &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}
	if len(c.mine) > 0 {
		config.GetClientCertificate = c.choose
	}
	t := newTransport()
	t.TLSClientConfig = config
	// A server that wants another certificate says so after the handshake (TLS 1.3). HTTP/2 would
	// tell of it only that no connection came about.
	t.ForceAttemptHTTP2 = false
	return t
}

// everybody are the authorities of the system and those of the folder.
func (c *Certificates) everybody() *x509.CertPool {
	pool := c.system()
	for _, a := range c.authorities {
		pool.AddCert(a.certificate)
	}
	return pool
}

func systemPool() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return x509.NewCertPool()
	}
	return pool
}

// ownFirst makes connections by the authorities of a folder, and to hosts behind which none of them
// stands by those of the system, too.
type ownFirst struct {
	own    http.RoundTripper
	system func() http.RoundTripper
	others sync.Map // of hosts with their ports: those that need the system's
}

func (t *ownFirst) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	if _, known := t.others.Load(host); known {
		return t.system().RoundTrip(req)
	}
	resp, err := t.own.RoundTrip(req)
	var strange *tls.CertificateVerificationError
	if !errors.As(err, &strange) || req.Body != nil && req.GetBody == nil {
		return resp, err
	}
	t.others.Store(host, true)
	if req, err = rewound(req); err != nil { // nothing of it was sent: the connection came to nothing
		return nil, err
	}
	return t.system().RoundTrip(req)
}

// choose takes the first certificate that the server would take, as Go does by itself, and remembers
// which one that was.
func (c *Certificates) choose(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	for i := range c.mine {
		if asked.SupportsCertificate(&c.mine[i].pair) == nil {
			c.shown.Store(&c.mine[i])
			return &c.mine[i].pair, nil
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
			if len(chain) > 0 && a.certificate.Equal(chain[len(chain)-1]) {
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
