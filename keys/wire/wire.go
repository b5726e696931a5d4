// Package wire knows of connections and hosts what every client of a server needs to know.
package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Wait waits for d. The error is what ended ctx before.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Broken reports whether a connection that stood was lost: the same request may succeed in a moment.
func Broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// BadCertificate reports whether a server showed a certificate that cannot be verified.
func BadCertificate(err error) bool {
	var ce *tls.CertificateVerificationError
	var ua x509.UnknownAuthorityError
	var hn x509.HostnameError
	return errors.As(err, &ce) || errors.As(err, &ua) || errors.As(err, &hn)
}

// WantsCertificate reports whether a server ended a TLS connection because of the client's certificate:
// it was shown none, or one that it does not take. Go has no type for that.
func WantsCertificate(err error) bool {
	var oe *net.OpError
	if !errors.As(err, &oe) || oe.Op != "remote error" {
		return false
	}
	switch oe.Err.Error() {
	case "tls: certificate required", "tls: bad certificate", "tls: unknown certificate authority", "tls: expired certificate",
		"tls: revoked certificate", "tls: unknown certificate", "tls: unsupported certificate":
		return true
	}
	return false
}

// NoTLS reports whether TLS with a server did not come about: its certificate is bad, or it speaks
// something else.
func NoTLS(err error) bool {
	var re tls.RecordHeaderError
	return BadCertificate(err) || errors.As(err, &re) || errors.Is(err, http.ErrSchemeMismatch)
}

// Loopback reports whether host, without a port, is this machine.
func Loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Internal reports whether host, without a port, is this machine or an address of a private network,
// where a request can reach what the public cannot.
func Internal(host string) bool {
	if Loopback(host) {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	a = a.Unmap()
	return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}
