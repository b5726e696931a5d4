package docker

import (
	"context"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"bulla/keys/wire"
)

// This file has what a signature system needs that keeps its signatures on a server of its own,
// beside the registry, and lets people in with the registry's credentials.

// Transport makes requests the way a Client does (bounded waits, reads repeated after a passing
// trouble, no compression), to a server with certificates of its own; nil for the system's.
func Transport(certificates *Certificates, userAgent string) http.RoundTripper {
	return transport.NewUserAgent(&retrying{inner: certificates.transport(), wait: wire.Wait}, userAgent)
}

// Credentials looks up what Docker's configuration and helpers know for the repository of ref. A
// helper is waited for only as long as ctx lasts. Errors are *RegistryError of KindCredentials.
func (c *Client) Credentials(ctx context.Context, ref Reference) (authn.Authenticator, error) {
	a, err := c.credentials(ctx, ref.repo)
	return a, c.Repo(ref).explain("find the credentials", err)
}

// Classify says why a request ended in err, which must not be nil: the kind, the HTTP status (0
// if there was no answer) and the server's own words, which must be cleaned before a terminal
// sees them.
func Classify(err error) (kind Kind, status int, detail string) {
	var e RegistryError
	e.classify(err)
	return e.Kind, e.Status, e.Detail
}

// StatusError reads an answer that is no success into an error that Classify knows.
func StatusError(resp *http.Response) error { return newStatusError(resp) }
