package docker

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/google/go-containerregistry/pkg/name"
)

// maxReference is the longest text that ParseReference looks at, in bytes: a host name (255),
// a repository (255), a tag (128) and a digest (71) with their separators fit.
const maxReference = 1024

// The grammar of the OCI distribution specification 1.1, section "Pulling manifests".
var (
	repositoryGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagGrammar        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	digestGrammar     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// Reference names an image by tag, by digest, or by both. The zero Reference names nothing.
type Reference struct {
	repo        name.Repository
	tag, digest string
}

// ReferenceError says why a text does not name an image. Text comes from outside and must be
// cleaned before a terminal sees it; Reason is a plain sentence fragment.
type ReferenceError struct{ Text, Reason string }

func (e *ReferenceError) Error() string {
	return fmt.Sprintf("%q is not an image reference: %s", e.Text, e.Reason)
}

// ParseReference reads [REGISTRY/]REPOSITORY:TAG, with @sha256:DIGEST after or instead of the
// tag. A name without a registry is Docker Hub's, as everywhere. A name with neither tag nor
// digest is refused. Every error is a *ReferenceError.
func ParseReference(s string) (Reference, error) {
	refuse := func(format string, a ...any) (Reference, error) {
		return Reference{}, &ReferenceError{Text: s[:min(len(s), maxReference)], Reason: fmt.Sprintf(format, a...)}
	}
	switch {
	case s == "":
		return refuse("it is empty")
	case len(s) > maxReference:
		return refuse("it is longer than %d bytes", maxReference)
	case strings.ContainsFunc(s, unicode.IsSpace):
		return refuse("there is a space in it; a reference looks like registry.example.org/app:1.0.0")
	case strings.Contains(s, "://"):
		return refuse("leave out the scheme; a reference begins with the registry's name")
	}
	base, digest, pinned := strings.Cut(s, "@")
	if pinned && !digestGrammar.MatchString(digest) {
		return refuse("a digest is sha256: and 64 lower-case hexadecimal digits")
	}
	var tag string
	tagged := false
	if i := strings.LastIndexByte(base, ':'); i > strings.LastIndexByte(base, '/') {
		base, tag, tagged = base[:i], base[i+1:], true
	}
	if tagged && !tagGrammar.MatchString(tag) {
		return refuse("a tag is 1 to 128 letters, digits, dots, dashes and underscores, and does not begin with a dot or dash")
	}
	repo, err := name.NewRepository(base)
	if err != nil || !repositoryGrammar.MatchString(repo.RepositoryStr()) || len(repo.RepositoryStr()) > 255 {
		return refuse("a repository is lower-case letters and digits, joined by single dots, dashes, underscores and slashes")
	}
	// Last: whoever wrote something that is no name at all is not helped by hearing of its tag.
	if !tagged && !pinned {
		return refuse("an image named without a tag would mean :latest by accident; name the tag that is meant")
	}
	return Reference{repo: repo, tag: tag, digest: digest}, nil
}

// String is the reference in full, as people write it: docker.io for Docker Hub.
func (r Reference) String() string {
	if r.IsZero() {
		return ""
	}
	s := r.Repository().String()
	if r.tag != "" {
		s += ":" + r.tag
	}
	if r.digest != "" {
		s += "@" + r.digest
	}
	return s
}

// IsZero reports whether the reference names nothing.
func (r Reference) IsZero() bool { return r.tag == "" && r.digest == "" }

// Repository is where the image lies.
func (r Reference) Repository() Repository { return Repository{name: r.repo} }

// Tag is the tag, or "".
func (r Reference) Tag() string { return r.tag }

// Digest is the digest that the reference is pinned to ("sha256:…"), or "".
func (r Reference) Digest() string { return r.digest }

// Registry is the host, and port if there is one, that is talked to. Docker Hub's is
// index.docker.io.
func (r Reference) Registry() string { return r.repo.RegistryStr() }

// PlainHTTP is Repository.PlainHTTP.
func (r Reference) PlainHTTP() bool { return r.Repository().PlainHTTP() }

// WithDigest is the same repository pinned to digest, without a tag.
func (r Reference) WithDigest(digest string) (Reference, error) {
	return r.Repository().WithDigest(digest)
}
