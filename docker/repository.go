package docker

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Repository names a repository of a registry: what tags and signatures lie in. The zero
// Repository names nothing.
type Repository struct{ name name.Repository }

// ParseRepository reads [REGISTRY/]REPOSITORY. A name without a registry is Docker Hub's. A tag
// or digest at its end is refused: whoever names one image does not mean all of them. Every error
// is a *ReferenceError.
func ParseRepository(s string) (Repository, error) {
	if ref, err := ParseReference(s); err == nil {
		return Repository{}, &ReferenceError{Text: s, Reason: "it names one image, and a repository is wanted: " + ref.Repository().String()}
	}
	// The grammar of the name itself is ParseReference's, which wants a tag.
	ref, err := ParseReference(s + ":tag")
	if err != nil {
		reason := err.(*ReferenceError).Reason
		return Repository{}, &ReferenceError{Text: s[:min(len(s), maxReference)], Reason: reason}
	}
	return ref.Repository(), nil
}

// String is the repository in full, as people write it: docker.io for Docker Hub.
func (r Repository) String() string {
	switch {
	case r.IsZero():
		return ""
	case r.name.RegistryStr() == name.DefaultRegistry:
		return "docker.io/" + r.name.RepositoryStr()
	}
	return r.name.Name()
}

// IsZero reports whether the Repository names nothing.
func (r Repository) IsZero() bool { return r == Repository{} }

// Path is the repository within its registry: library/alpine.
func (r Repository) Path() string { return r.name.RepositoryStr() }

// Registry is the host, and port if there is one, that is talked to. Docker Hub's is
// index.docker.io.
func (r Repository) Registry() string { return r.name.RegistryStr() }

// PlainHTTP reports whether the registry may be spoken to without TLS: go-containerregistry
// tries https and then plain http for localhost, 127.0.0.1, ::1, *.local and *.localhost, and
// the private networks of RFC 1918. A face should say so.
func (r Repository) PlainHTTP() bool { return r.name.Scheme() == "http" }

// WithTag is the image under a tag of the repository. An error is a *ReferenceError.
func (r Repository) WithTag(tag string) (Reference, error) {
	if !tagGrammar.MatchString(tag) {
		return Reference{}, &ReferenceError{Text: cut(tag, maxErrorDetail), Reason: "a tag is 1 to 128 letters, digits, dots, dashes and underscores, and does not begin with a dot or dash"}
	}
	return Reference{repo: r.name, tag: tag}, nil
}

// WithDigest is the image with a digest in the repository. An error is a *ReferenceError.
func (r Repository) WithDigest(digest string) (Reference, error) {
	if !digestGrammar.MatchString(digest) {
		return Reference{}, &ReferenceError{Text: cut(digest, maxErrorDetail), Reason: "a digest is sha256: and 64 lower-case hexadecimal digits"}
	}
	return Reference{repo: r.name, digest: digest}, nil
}

// Matches reports whether the repository is meant by a pattern: its full name, or a name that
// ends in /* for everything below it. A pattern without a registry is Docker Hub's.
func (r Repository) Matches(pattern string) bool {
	if below, ok := strings.CutSuffix(pattern, "/*"); ok {
		if host, _, _ := strings.Cut(below, "/"); !strings.ContainsAny(host, ".:") && host != "localhost" {
			below = "docker.io/" + below
		}
		return strings.HasPrefix(r.String(), below+"/")
	}
	p, err := ParseRepository(pattern)
	return err == nil && p == r
}
