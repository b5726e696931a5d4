package docker

import (
	"fmt"
	"net/http"
	"path/filepath"
)

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
