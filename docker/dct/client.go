package dct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"bulla/docker"
)

// Options says where things are.
type Options struct {
	// Registry finds the credentials: a trust server lets in whom the registry lets in.
	Registry *docker.Client
	// Server is the trust server for every repository (Docker's DOCKER_CONTENT_TRUST_SERVER),
	// which must be https; "" for the one that belongs to the repository by GUN.Server.
	Server string
	// Named are the trust servers that the user named, and not a file that came with a repository.
	// They and GUN.Server's are shown the registry's credentials where they ask for some; any other
	// Server is spoken to as nobody, and asking it for more ends in *CredentialsWithheldError.
	Named []string
	// DockerDir is Docker's folder (DOCKER_CONFIG, or .docker in the user's home). Private keys
	// are in trust/private below it, additional certificates in tls/HOST:PORT.
	DockerDir string
	// StateDir is a folder of bulla's own: what was seen of each repository, pins, and which
	// backups of root keys were tried.
	StateDir string
	// UserAgent begins the User-Agent header, "bulla" if empty.
	UserAgent string
	// Timeout bounds each request, docker.DefaultTimeout if zero.
	Timeout time.Duration
	// Now is the clock for what is recorded and shown. Expiry is judged by the notary library,
	// which reads the system's.
	Now func() time.Time
}

// Client talks to trust servers. It is safe for concurrent use. It keeps the handshake with each
// server, and opened private keys until Close, so a Client should serve a whole run.
type Client struct {
	registry  *docker.Client
	server    string
	named     []string
	dockerDir string
	stateDir  string
	userAgent string
	timeout   time.Duration
	patience  time.Duration // with other runs of bulla
	now       func() time.Time
	keys      *KeyFolder

	sessions docker.Handshakes[http.RoundTripper]

	mu         sync.Mutex
	transports map[string]http.RoundTripper // by host of the trust server
}

// NewClient makes a Client. It talks to nobody and reads nothing yet.
func NewClient(o Options) *Client {
	c := &Client{
		registry: o.Registry, server: strings.TrimSuffix(o.Server, "/"), named: o.Named, dockerDir: o.DockerDir, stateDir: o.StateDir,
		userAgent: o.UserAgent, timeout: o.Timeout, now: o.Now,
		transports: map[string]http.RoundTripper{}, patience: turnPatience,
	}
	if c.userAgent == "" {
		c.userAgent = "bulla"
	}
	if c.timeout <= 0 {
		c.timeout = docker.DefaultTimeout
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.keys = &KeyFolder{dir: filepath.Join(o.DockerDir, "trust", "private"), state: o.StateDir, now: c.now, open: map[string]openKey{}}
	return c
}

// Keys are the private keys in Docker's folder.
func (c *Client) Keys() *KeyFolder { return c.keys }

// Close forgets the opened private keys.
func (c *Client) Close() { c.keys.Close() }

// Repository is one repository on its trust server. It is safe for concurrent use.
type Repository struct {
	client *Client
	gun    GUN
	server string
}

// Repository is the trust data of a repository. It asks nobody yet.
func (c *Client) Repository(gun GUN) *Repository {
	r := &Repository{client: c, gun: gun, server: c.server}
	if r.server == "" {
		r.server = gun.Server()
	}
	return r
}

// GUN is the name of the repository.
func (r *Repository) GUN() GUN { return r.gun }

// Server is the trust server, "https://host:port".
func (r *Repository) Server() string { return r.server }

// mayShowCredentials reports whether the server may be shown the registry's credentials, itself or
// through whoever it says gives out tokens: it is the registry's own, or the user named it.
func (r *Repository) mayShowCredentials() bool {
	host := hostOf(r.server)
	return host != "" && (host == hostOf(r.gun.Server()) || slices.ContainsFunc(r.client.named, func(n string) bool { return hostOf(n) == host }))
}

// hostOf is the host and port of an https address; "" for what is none.
func hostOf(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return ""
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), cmp.Or(u.Port(), "443"))
}

// ServerNamed reports whether somebody named the server: it is not the one that a client takes for the
// registry's own.
func (r *Repository) ServerNamed() bool { return r.client.server != "" }

// errPlainHTTP says that a trust server, or who gives out tokens for it, is to be spoken to
// without TLS.
var errPlainHTTP = errors.New("a trust server is only spoken to over https")

// onlyTLS refuses requests in plain text, which go-containerregistry tries where https failed on
// this machine and in private networks, and to which a server may redirect.
type onlyTLS struct{ inner http.RoundTripper }

func (t onlyTLS) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return nil, errPlainHTTP
	}
	return t.inner.RoundTrip(req)
}

// transport makes the connections to one host, with the certificates in Docker's folder.
func (c *Client) transport(host string) (http.RoundTripper, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.transports[host]; t != nil {
		return t, nil
	}
	certificates, err := docker.ReadCertificates(filepath.Join(c.dockerDir, "tls", docker.CertificateFolder(host)))
	if err != nil {
		return nil, err
	}
	t := onlyTLS{docker.Transport(certificates, c.userAgent)}
	c.transports[host] = t
	return t, nil
}

// session shakes hands with the trust server for one repository, once.
func (r *Repository) session(ctx context.Context, push bool) (http.RoundTripper, error) {
	return r.client.sessions.Get(r.where(), push, func(push bool) (http.RoundTripper, error) { return r.handshake(ctx, push) })
}

// where names the repository on its server.
func (r *Repository) where() string { return r.server + " " + r.gun.String() }

// forget drops the handshakes for the repository, so that new credentials are looked up.
func (r *Repository) forget() { r.client.sessions.Forget(r.where()) }

// handshake asks the server what it wants to see, and shows it the registry's credentials only
// if it asks for some and may be shown them.
func (r *Repository) handshake(ctx context.Context, push bool) (http.RoundTripper, error) {
	u, err := url.Parse(r.server)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a server", r.server)
	}
	if u.Scheme != "https" {
		return nil, errPlainHTTP
	}
	host, err := name.NewRegistry(u.Host)
	if err != nil {
		return nil, err
	}
	base, err := r.client.transport(u.Host)
	if err != nil {
		return nil, err
	}
	asked := &askedOnce{inner: base}
	challenge, err := transport.Ping(ctx, host, asked)
	if err != nil {
		return nil, overTLS(err)
	}
	if challenge.Scheme == "" {
		return base, nil
	}
	auth := authn.Anonymous
	if r.client.registry != nil && r.mayShowCredentials() {
		if auth, err = r.client.registry.Credentials(ctx, r.gun.ref); err != nil {
			return nil, err
		}
	}
	actions := "pull"
	if push {
		actions = "push,pull"
	}
	return transport.NewWithContext(ctx, host, auth, asked, []string{"repository:" + r.gun.String() + ":" + actions})
}

// askedOnce lets a server be asked only once what it wants to see: go-containerregistry begins a handshake
// with the question that was asked just before, since only the answer says whether credentials are wanted.
type askedOnce struct {
	inner  http.RoundTripper
	answer atomic.Pointer[http.Response] // to the first question, until it was asked again
}

func (t *askedOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	ping := req.Method == http.MethodGet && req.URL.Path == "/v2/"
	if ping {
		if first := t.answer.Swap(nil); first != nil && first.Request.URL.String() == req.URL.String() {
			again := *first
			again.Request = req
			return &again, nil
		}
	}
	resp, err := t.inner.RoundTrip(req)
	if err == nil && ping && resp.StatusCode == http.StatusUnauthorized {
		first := *resp
		first.Header, first.Body, first.ContentLength = resp.Header.Clone(), http.NoBody, 0
		t.answer.Store(&first)
	}
	return resp, err
}

// overTLS picks what went wrong over https out of both attempts of a handshake.
func overTLS(err error) error {
	var answer *transport.Error
	var attempt *url.Error
	switch {
	case errors.As(err, &answer):
		return answer
	case errors.As(err, &attempt):
		return attempt
	}
	return err
}
