package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

// AuthScheme is how a registry lets people in.
type AuthScheme string

// The schemes.
const (
	AuthNone  AuthScheme = "none"
	AuthBasic AuthScheme = "basic"
	AuthToken AuthScheme = "token" // a token server gives out what each request needs
	AuthOther AuthScheme = "other"
)

// Access is whether something is allowed. The zero Access is not known.
type Access struct {
	Known, Allowed bool
	Err            error // why not, or why it is not known
}

// Checkup is what could be found out about a repository without writing to it.
type Checkup struct {
	Repository Repository
	// Scheme is http or https, "" if the registry gave no answer. Over https its certificate was
	// verified: there is no way around that. TLS is the version, Issuer who signed the
	// certificate (raw text), Expires when it ends.
	Scheme  string
	TLS     string
	Issuer  string
	Expires time.Time
	// Authority is the file in Docker's folder with the authority that signed the certificate, ""
	// where it is one of the system's. Shown is the file of the certificate that the registry asked
	// for and was shown, "" for none, and ShownExpires when that ends.
	Authority    string
	Shown        string
	ShownExpires time.Time
	// Auth is how the registry lets people in, Realm the server that gives out tokens.
	Auth  AuthScheme
	Realm string
	// Account is the user name that Docker's configuration knows for the registry, raw text; ""
	// for none. Token says that it knows a token instead.
	Account    string
	Token      bool
	AccountErr error
	Pull, Push Access
	// Missing says that the registry has no such repository (yet).
	Missing bool
	// Tags is how many tags there are, Signed how many digests have signatures under tags of
	// their own.
	Tags, Signed int
	// Referrers is whether the registry lists referrers itself (OCI distribution specification
	// 1.1). Of a repository that is not there it may not be known.
	Referrers Access

	sample string // a tag, or ""
}

// Examine looks at a repository as a signer would find it. It changes nothing: whether pushing is
// allowed is asked by continuing an upload that does not exist, which a registry that would allow
// it answers by saying so. What no registry tells beforehand it cannot see: immutable tags,
// quotas, rules about media types. The error is that of ctx, or says that the registry gave no
// answer at all; a *RegistryError.
func (c *Client) Examine(ctx context.Context, repository Repository) (Checkup, error) {
	out := Checkup{Repository: repository}
	r := c.In(repository)
	out.account(ctx, r)
	if err := out.ping(ctx, r); err != nil {
		return out, r.explain("reach the registry", err)
	}
	out.pull(ctx, r)
	if ctx.Err() == nil {
		out.push(ctx, r)
	}
	if ctx.Err() == nil && !out.denied() {
		out.referrers(ctx, r)
	}
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	return out, nil
}

// denied reports whether reading is known to be refused.
func (u *Checkup) denied() bool { return u.Pull.Known && !u.Pull.Allowed && !u.Missing }

// account looks up who one is, without asking the registry.
func (u *Checkup) account(ctx context.Context, r *Repo) {
	ctx, cancel := r.client.bound(ctx)
	defer cancel()
	auth, err := r.client.credentials(ctx, r.name)
	if err != nil {
		u.AccountErr = r.explain("look up the account", err)
		return
	}
	if auth == authn.Anonymous {
		return
	}
	config, err := authn.Authorization(ctx, auth)
	if err != nil {
		u.AccountErr = r.explain("look up the account", err)
		return
	}
	u.Account = cut(config.Username, maxErrorDetail)
	u.Token = u.Account == "" && (config.IdentityToken != "" || config.RegistryToken != "" || config.Auth != "")
	if u.Account == "<token>" { // as the helper of a token is asked
		u.Account, u.Token = "", true
	}
}

// ping asks the registry how it lets people in: https first, then, where that may be, http.
func (u *Checkup) ping(ctx context.Context, r *Repo) error {
	ctx, cancel := r.client.bound(ctx)
	defer cancel()
	connection, err := r.client.connection(u.Repository.Registry())
	if err != nil {
		return err
	}
	schemes := []string{"https"}
	if u.Repository.PlainHTTP() && connection.certificates == nil {
		schemes = append(schemes, "http")
	}
	var first error
	for _, scheme := range schemes {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+u.Repository.Registry()+"/v2/", nil)
		if err != nil {
			return err
		}
		resp, err := connection.RoundTrip(req)
		if err != nil {
			if first == nil {
				first = withCause(ctx, err)
			}
			continue
		}
		_ = resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK, http.StatusUnauthorized, http.StatusForbidden:
		default:
			if first == nil {
				first = fmt.Errorf("%w: /v2/ answers with HTTP status %d, so this may be no registry", errContent, resp.StatusCode)
			}
			continue
		}
		u.Scheme = scheme
		u.describe(resp, connection.certificates)
		return nil
	}
	return first
}

// describe takes what the answer to a ping tells.
func (u *Checkup) describe(resp *http.Response, certificates *Certificates) {
	if t := resp.TLS; t != nil {
		u.TLS = tls.VersionName(t.Version)
		u.Authority = certificates.voucher(t)
		u.Shown, u.ShownExpires = certificates.showed()
		if len(t.PeerCertificates) > 0 {
			u.Issuer = cut(t.PeerCertificates[0].Issuer.String(), maxErrorDetail)
			u.Expires = t.PeerCertificates[0].NotAfter.UTC()
		}
	}
	u.Auth = AuthNone
	for _, h := range resp.Header.Values("WWW-Authenticate") {
		scheme, params, _ := strings.Cut(h, " ")
		switch strings.ToLower(scheme) {
		case "basic":
			u.Auth = AuthBasic
		case "bearer":
			u.Auth = AuthToken
			if _, after, ok := strings.Cut(params, `realm="`); ok {
				u.Realm, _, _ = strings.Cut(after, `"`)
				u.Realm = cut(u.Realm, maxErrorDetail)
			}
		default:
			u.Auth = AuthOther
		}
	}
}

// pull lists the tags.
func (u *Checkup) pull(ctx context.Context, r *Repo) {
	tags, err := r.Tags(ctx)
	switch {
	case err == nil:
		u.Pull = Access{Known: true, Allowed: true}
		u.Tags, u.Signed = len(tags.Images), len(tags.Signed)
		if u.Tags > 0 {
			u.sample = tags.Images[0]
		}
	case IsNotFound(err):
		u.Missing = true
		u.Pull = Access{Known: true, Allowed: true}
	default:
		u.Pull = access(err)
	}
}

// referrers asks for the referrers of an image, or of a digest that nothing has.
func (u *Checkup) referrers(ctx context.Context, r *Repo) {
	subject := "sha256:" + strings.Repeat("0", 64)
	if u.sample != "" {
		if m, err := r.Manifest(ctx, u.sample); err == nil {
			subject = m.Digest
		}
	}
	refs, err := r.referrersAPI(ctx, subject)
	// Registries that have the list say "no such repository" in the same way as those that do
	// not have it.
	u.Referrers = Access{Known: err == nil && (refs.API || u.sample != ""), Allowed: refs.API, Err: err}
}

// push continues an upload that does not exist.
func (u *Checkup) push(ctx context.Context, r *Repo) {
	const nowhere = "blobs/uploads/00000000-0000-0000-0000-000000000000"
	header := http.Header{"Content-Type": {"application/octet-stream"}, "Content-Range": {"0-0"}}
	_, _, err := r.do(ctx, request{method: http.MethodPatch, path: nowhere, header: header, body: []byte{}, push: true, limit: maxAnswer})
	var se *statusError
	switch {
	case err == nil, errors.As(err, &se) && past(se.status):
		u.Push = Access{Known: true, Allowed: true}
	default:
		u.Push = access(r.explain(opPush, err))
	}
}

// past reports whether a registry gives a status only to who may do what they asked for.
func past(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusBadRequest, http.StatusRequestedRangeNotSatisfiable, http.StatusConflict, http.StatusGone:
		return true
	}
	return false
}

// access sorts an error of a request by whether it settles the question.
func access(err error) Access {
	var re *RegistryError
	if errors.As(err, &re) && (re.Kind == KindForbidden || re.Kind == KindUnauthorized) {
		return Access{Known: true, Err: err}
	}
	return Access{Err: err}
}
