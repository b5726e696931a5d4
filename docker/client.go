package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"bulla/keys/wire"
)

// DefaultTimeout bounds one operation on a registry (a handshake, or a request with its
// retries) where Options names no other.
const DefaultTimeout = 30 * time.Second

// maxRequests is how many requests of one Client are under way at the same time.
const maxRequests = 16

// Options configures a Client. The zero value is what a user of Docker expects.
type Options struct {
	// Keychain finds credentials; nil means Docker's configuration and helpers, then podman's.
	Keychain authn.Keychain
	// Transport makes the requests; nil means one with Go's proxy settings. Retries are added.
	Transport http.RoundTripper
	// CertDirs are folders in which certificates for the connection to a registry are looked for,
	// below HOST or HOST:PORT, as in Docker's certs.d; the first that has some counts. They go before
	// Transport.
	CertDirs []string
	// UserAgent begins the User-Agent header, "bulla" if empty.
	UserAgent string
	// Timeout bounds each operation, DefaultTimeout if zero. The context may end it earlier.
	Timeout time.Duration
}

// Client talks to registries. It is safe for concurrent use; it keeps the handshake with each
// repository, so a Client should serve a whole run.
type Client struct {
	keychain  authn.Keychain
	transport http.RoundTripper // for registries without certificates of their own
	certDirs  []string
	userAgent string
	timeout   time.Duration
	slots     chan struct{} // one for each request under way
	pause     func(context.Context, time.Duration) error
	turns     turns

	// sessions are HTTP clients that know the scheme and hold a token or credentials.
	sessions Handshakes[*http.Client]

	mu          sync.Mutex
	connections map[string]connection // by registry
}

// NewClient makes a Client. It talks to nobody yet.
func NewClient(o Options) *Client {
	c := &Client{
		keychain: o.Keychain, timeout: o.Timeout, certDirs: o.CertDirs, userAgent: cmp.Or(o.UserAgent, "bulla"),
		connections: map[string]connection{}, slots: make(chan struct{}, maxRequests), pause: wire.Wait,
	}
	if c.keychain == nil {
		c.keychain = authn.DefaultKeychain
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	base := o.Transport
	if base == nil {
		base = newTransport()
	}
	c.transport = transport.NewUserAgent(&retrying{inner: base, wait: wire.Wait}, c.userAgent)
	return c
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: maxRequests,
		IdleConnTimeout:     90 * time.Second,
		// Nothing here is big, and a compressed answer could be far bigger than it looks.
		DisableCompression: true,
	}
}

// Repo is the repository that holds ref: what a signature system reads and writes.
func (c *Client) Repo(ref Reference) *Repo { return &Repo{client: c, name: ref.repo} }

// In is the repository that r names.
func (c *Client) In(r Repository) *Repo { return &Repo{client: c, name: r.name} }

// session returns the HTTP client for a repository, shaking hands first where that is due.
func (c *Client) session(ctx context.Context, repo name.Repository, push bool) (*http.Client, error) {
	return c.sessions.Get(repo.Name(), push, func(push bool) (*http.Client, error) { return c.handshake(ctx, repo, push) })
}

// handshake finds credentials and asks the registry which scheme and which token it wants.
func (c *Client) handshake(ctx context.Context, repo name.Repository, push bool) (*http.Client, error) {
	connection, err := c.connection(repo.RegistryStr())
	if err != nil {
		return nil, err
	}
	auth, err := c.credentials(ctx, repo)
	if err != nil {
		return nil, err
	}
	scope := transport.PullScope
	if push {
		scope = transport.PushScope
	}
	rt, err := transport.NewWithContext(ctx, repo.Registry, auth, connection, []string{repo.Scope(scope)})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: rt, CheckRedirect: checkRedirect}, nil
}

// credentialError says that credentials could not be looked up. It keeps no more of the
// helper's own words than its error: helpers answer with secrets on standard output.
type credentialError struct {
	reason string
	cause  error // why the context ended, or nil
}

func (e *credentialError) Error() string { return e.reason }
func (e *credentialError) Unwrap() error { return e.cause }

// credentials asks the keychain. A credential helper is a program that knows no context, so it
// is waited for only as long as ctx lasts.
func (c *Client) credentials(ctx context.Context, repo name.Repository) (authn.Authenticator, error) {
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		a, err := authn.Resolve(ctx, c.keychain, repo)
		done <- answer{a, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			return nil, &credentialError{reason: describeHelper(a.err)}
		}
		return a.auth, nil
	case <-ctx.Done():
		return nil, &credentialError{reason: "the credential helper in Docker's configuration did not answer in time", cause: context.Cause(ctx)}
	}
}

// describeHelper rewords the commonest failure: a configuration that names a helper which is
// not installed. The library reports it as text only.
func describeHelper(err error) string {
	s, _, _ := strings.Cut(err.Error(), ", out: ") // what follows is the helper's standard output
	if i := strings.Index(s, "docker-credential-"); i >= 0 && strings.Contains(s, "executable file not found") {
		program, _, _ := strings.Cut(s[i:], `"`)
		return fmt.Sprintf("Docker's configuration names the credential helper %s, which is not installed", cut(program, 100))
	}
	return "Docker's configuration or its credential helper: " + cut(s, maxErrorDetail)
}

// bound adds the client's timeout to ctx.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.timeout, errTimeout)
}

var errTimeout = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)

// isNetwork reports whether err means that no answer came.
func isNetwork(err error) bool {
	var ne net.Error
	var oe *net.OpError
	return errors.As(err, &ne) || errors.As(err, &oe) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled) || wire.Broken(err) || wire.NoTLS(err)
}
