package docker

import (
	"bytes"
	"crypto/tls"
	"time"
)

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
