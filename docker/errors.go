package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"bulla/keys/wire"
)

// Kind says in one word why a registry did not do what it was asked.
type Kind string

// The kinds of a RegistryError.
const (
	// KindUnreachable: no answer: the name is unknown, the connection was refused, TLS failed,
	// or the deadline passed (RegistryError.Timeout tells the last from the others).
	KindUnreachable Kind = "unreachable"
	// KindUnauthorized: the registry wants credentials, or other ones (401). Many registries
	// also say so of a repository that does not exist.
	KindUnauthorized Kind = "unauthorized"
	// KindForbidden: the credentials are known and not allowed to do this (403).
	KindForbidden Kind = "forbidden"
	// KindNotFound: there is no such repository, tag, manifest or blob (404).
	KindNotFound Kind = "not-found"
	// KindRefused: the registry understood and refused (any other 4xx).
	KindRefused Kind = "refused"
	// KindRateLimited: too many requests (429), after the retries.
	KindRateLimited Kind = "rate-limited"
	// KindServer: the registry is in trouble (5xx), after the retries.
	KindServer Kind = "server"
	// KindCredentials: Docker's configuration or its credential helper could not be read, so
	// nothing was asked of the registry.
	KindCredentials Kind = "credentials"
	// KindCertificates: Docker's certificates for the registry cannot be used (a *CertificateError),
	// so nothing was asked of the registry.
	KindCertificates Kind = "certificates"
	// KindContent: what came is not what its digest says, or not what the protocol says.
	KindContent Kind = "content"
	// KindTooLarge: what came is longer than the limit for its kind.
	KindTooLarge Kind = "too-large"
	// KindOther: anything else.
	KindOther Kind = "other"
)

// RegistryError is what every request to a registry ends in when it fails. Detail and Err may
// hold text from the registry, which must be cleaned before a terminal sees it.
type RegistryError struct {
	// Host is the registry, Repo the repository's path in it.
	Host, Repo string
	// Name is the tag or digest that was to be resolved, or "".
	Name string
	// Op is what was tried, in words that follow "could not": "read the manifest".
	Op   string
	Kind Kind
	// Status is the HTTP status, 0 if there was no answer.
	Status int
	// Detail is the registry's own explanation, at most a few hundred bytes, or "".
	Detail string
	Err    error
}

func (e *RegistryError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: could not %s of %s: ", e.Host, e.Op, e.Repo)
	if e.Kind == KindUnreachable && e.Err != nil && !errors.Is(e.Err, context.Canceled) {
		b.WriteString(wire.Why(e.Err))
		return b.String()
	}
	switch {
	case e.Status != 0:
		fmt.Fprintf(&b, "%s (%d)", e.Kind, e.Status)
	default:
		b.WriteString(string(e.Kind))
	}
	switch {
	case e.Detail != "":
		b.WriteString(": " + e.Detail)
	case e.Err != nil:
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Sentence says in plain words what became of the request: whom it went to, and why there is nothing.
// The registry's own words are left out.
func (e *RegistryError) Sentence() string {
	host := "The registry " + e.Host
	switch e.Kind {
	case KindUnreachable:
		return host + " cannot be reached: " + wire.Why(e.Err) + "."
	case KindUnauthorized:
		return host + " does not know who you are (401)."
	case KindForbidden:
		return host + " does not let you read it (403)."
	case KindNotFound:
		return host + " has no such image."
	case KindRateLimited:
		return host + " has been asked too often (429)."
	case KindServer:
		return fmt.Sprintf("%s is in trouble (%d).", host, e.Status)
	case KindContent:
		return "What " + e.Host + " gave is not an image, or not what its digest says."
	case KindTooLarge:
		return "What " + e.Host + " gave is longer than an image's manifest may be."
	case KindCertificates, KindCredentials:
		return fmt.Sprintf("%s was not asked: %v.", host, e.Err)
	}
	return host + " did not give it."
}

// Unwrap gives the underlying error; context.Canceled and context.DeadlineExceeded are found
// through it.
func (e *RegistryError) Unwrap() error { return e.Err }

// Timeout reports whether the deadline passed before an answer came.
func (e *RegistryError) Timeout() bool { return errors.Is(e.Err, context.DeadlineExceeded) }

// Temporary reports whether the same request may well succeed later without anybody changing
// anything: no answer, too many requests, or a server in trouble.
func (e *RegistryError) Temporary() bool {
	return e.Kind == KindUnreachable || e.Kind == KindRateLimited || e.Kind == KindServer
}

// Lost reports whether nobody knows what became of the request that ended in err: it may have been
// carried out.
func Lost(ctx context.Context, err error) bool {
	var reg *RegistryError
	return err != nil && (ctx.Err() != nil || errors.As(err, &reg) && reg.Kind == KindUnreachable)
}

// The requests that need the right to push, in the words of RegistryError.Op.
const (
	opStoreBlob     = "store a blob"
	opStoreManifest = "store a manifest"
	opPush          = "get the right to push to the repository"
)

// Writing reports whether the request was to store something.
func (e *RegistryError) Writing() bool {
	return e.Op == opStoreBlob || e.Op == opStoreManifest || e.Op == opPush
}

// MovedError says that a tag names another image than it did before: it was moved meanwhile,
// or it is not at the digest that the reference is pinned to.
type MovedError struct {
	Ref     Reference
	Was, Is string // digests, "sha256:…"
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("%s has moved: it was %s and is %s", e.Ref, e.Was, e.Is)
}

// errTooLarge and errContent mark the two ways in which an answer itself is wrong.
var (
	errTooLarge = errors.New("longer than the limit")
	errContent  = errors.New("not the content that was asked for")
)

// statusError is an HTTP answer that is not a success.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("HTTP status %d", e.status)
	if e.detail != "" {
		s += ": " + e.detail
	}
	return s
}

const (
	maxErrorBody   = 16 << 10 // bytes of an error answer that are read
	maxErrorDetail = 300      // bytes of it that are kept
)

// newStatusError reads the registry's explanation: the JSON form of the distribution
// specification, section "Error codes". Other bodies (HTML of a proxy, mostly) are dropped.
func newStatusError(resp *http.Response) *statusError {
	e := &statusError{status: resp.StatusCode}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return e
	}
	var said struct {
		Errors []struct{ Code, Message string }
	}
	if json.Unmarshal(body, &said) != nil {
		return e
	}
	var parts []string
	for _, x := range said.Errors {
		parts = append(parts, strings.Trim(x.Code+": "+x.Message, ": "))
	}
	e.detail = cut(strings.Join(parts, "; "), maxErrorDetail)
	return e
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// explain turns whatever a request ended in into a RegistryError. A nil error stays nil, and
// so does an error that is one already.
func (r *Repo) explain(op string, err error) error {
	if err == nil {
		return nil
	}
	var already *RegistryError
	if errors.As(err, &already) {
		return err
	}
	e := &RegistryError{Host: r.name.RegistryStr(), Repo: r.name.RepositoryStr(), Op: op, Err: err}
	e.classify(err)
	return e
}

// classify fills in what err says: the kind, the status and the registry's words.
func (e *RegistryError) classify(err error) {
	var se *statusError
	var te *transport.Error
	var ce *credentialError
	var file *CertificateError
	switch {
	case errors.As(err, &file):
		e.Kind = KindCertificates
	case errors.As(err, &se):
		e.Status, e.Detail = se.status, se.detail
		e.Kind = kindOfStatus(se.status)
	case wire.BadCertificate(err), wire.WantsCertificate(err): // what was answered without TLS afterwards is of no interest
		e.Kind = KindUnreachable
	case errors.As(err, &te): // of the handshake, which go-containerregistry does
		e.Status, e.Kind = te.StatusCode, kindOfStatus(te.StatusCode)
		for _, d := range te.Errors {
			e.Detail = cut(strings.Trim(string(d.Code)+": "+d.Message, ": "), maxErrorDetail)
		}
		if e.Detail == "" {
			e.Detail = http.StatusText(te.StatusCode) // not the raw body: it may be a page of HTML
		}
	case errors.As(err, &ce):
		e.Kind = KindCredentials
	case errors.Is(err, errTooLarge):
		e.Kind = KindTooLarge
	case errors.Is(err, errContent):
		e.Kind = KindContent
	case isNetwork(err):
		e.Kind = KindUnreachable
	default:
		e.Kind = KindOther
	}
}

func kindOfStatus(status int) Kind {
	switch {
	case status == http.StatusUnauthorized:
		return KindUnauthorized
	case status == http.StatusForbidden:
		return KindForbidden
	case status == http.StatusNotFound:
		return KindNotFound
	case status == http.StatusTooManyRequests:
		return KindRateLimited
	case status >= 500:
		return KindServer
	case status >= 400:
		return KindRefused
	}
	return KindOther
}

// IsNotFound reports whether err says that the registry has no such thing.
func IsNotFound(err error) bool {
	var e *RegistryError
	return errors.As(err, &e) && e.Kind == KindNotFound
}
