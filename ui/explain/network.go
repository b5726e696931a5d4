package explain

import (
	"context"
	"errors"
	"net"
	"syscall"

	"bulla/keys/wire"
)

// unreached says why a registry gave no answer, what it was asked for, and what may help.
func unreached(host, op string, err error) (cause string, next []string) {
	cause = sentence("it was to " + op + ", and " + wire.Why(err))
	var dns *net.DNSError
	switch {
	case wire.BadCertificate(err):
		next = []string{"the certificate of a private authority belongs into certs.d/" + host + "/ca.crt in Docker's folder, as for Docker"}
	case wire.WantsCertificate(err):
		next = []string{"client.cert and client.key belong into certs.d/" + host + " in Docker's folder, as for Docker"}
	case errors.As(err, &dns):
		next = []string{"check the name, and that this computer has a network"}
	case errors.Is(err, syscall.ECONNREFUSED):
		next = []string{"check the name and the port, and whether the registry runs"}
	case errors.Is(err, context.DeadlineExceeded):
		next = []string{"try again; where a proxy leads out, HTTPS_PROXY names it"}
	default:
		next = []string{"check the network and the name; try again"}
	}
	return cause, append(next, "bulla image doctor says more of a repository's registry")
}
