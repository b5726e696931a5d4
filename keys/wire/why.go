package wire

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// Why says in plain words why a request got no answer, to follow a host's name and a colon: "nobody
// listens there". Of several attempts in one error, what tells most is said. For what is not known
// here it is the last cause in the library's words, without the addresses around it; "" for no error.
func Why(err error) string {
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return ""
	case BadCertificate(err):
		return certificate(err)
	case WantsCertificate(err):
		return "it wants a certificate of its clients, and was shown none that it takes"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no such host"
	case errors.As(err, &dns):
		return "its name cannot be looked up"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to it from here"
	case NoTLS(err):
		return "it does not speak TLS there"
	case Broken(err):
		return "the connection broke"
	}
	return innermost(err)
}

// certificate says what is wrong with a server's certificate.
func certificate(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is by an authority that is not known here"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet"
	}
	return "its certificate is not accepted: " + innermost(err)
}

// innermost is the last cause: the ones around it repeat the address. Of several attempts it is the
// first one's.
func innermost(err error) string {
	for {
		var next error
		switch x := err.(type) { //nolint:errorlint // it unwraps by hand
		case interface{ Unwrap() error }:
			next = x.Unwrap()
		case interface{ Unwrap() []error }:
			if list := x.Unwrap(); len(list) > 0 {
				next = list[0]
			}
		}
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
