package dct

import (
	"net/url"
	"strings"
	"time"

	"bulla/docker"
)

// GUN is the globally unique name of a repository with trust data: docker.io/library/alpine,
// registry.example:5000/team/app. The zero GUN names nothing.
type GUN struct{ ref docker.Reference }

// GUNOf is the repository that an image is in.
func GUNOf(ref docker.Reference) GUN { return GUN{ref} }

// ParseGUN reads [REGISTRY/]REPOSITORY, which has neither tag nor digest. A name without a
// registry is Docker Hub's. Every error is a *docker.ReferenceError.
func ParseGUN(s string) (GUN, error) {
	if ref, err := docker.ParseReference(s); err == nil {
		return GUN{}, &docker.ReferenceError{Text: s, Reason: "it names one image, and a repository is wanted: " + GUNOf(ref).String()}
	}
	ref, err := docker.ParseReference(s + ":tag")
	if err != nil {
		return GUN{}, err
	}
	return GUN{ref}, nil
}

// String is the name in full, as it stands in root certificates: the registry, docker.io for
// Docker Hub, and the path.
func (g GUN) String() string {
	s, _, _ := strings.Cut(g.ref.String(), "@")
	return strings.TrimSuffix(s, ":"+g.ref.Tag())
}

// IsZero reports whether the GUN names nothing.
func (g GUN) IsZero() bool { return g.ref.IsZero() }

// hub is the server of Docker Hub.
const hub = "https://notary.docker.io"

// Server is the trust server that belongs to a repository by Docker's rule: Docker Hub's own, or
// https:// and the registry's host and port.
func (g GUN) Server() string {
	if strings.HasPrefix(g.String(), "docker.io/") {
		return hub
	}
	return "https://" + g.ref.Registry()
}

// Ending is the announced end of a trust server.
type Ending struct {
	// Day is the first day without it.
	Day time.Time
	// Whose is the operator, Source where it was announced.
	Whose, Source string
}

// Endings of the public servers, as announced up to November 2026.
var (
	hubEnding = Ending{time.Date(2026, 12, 8, 0, 0, 0, 0, time.UTC), "Docker Hub", "https://docs.docker.com/engine/security/trust/"}
	acrEnding = Ending{time.Date(2028, 3, 31, 0, 0, 0, 0, time.UTC), "Azure Container Registry", "https://learn.microsoft.com/azure/container-registry/container-registry-content-trust"}
)

// EndOf tells whether the end of a trust server is announced.
func EndOf(server string) (Ending, bool) {
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return Ending{}, false
	case u.Hostname() == "notary.docker.io":
		return hubEnding, true
	case strings.HasSuffix(u.Hostname(), ".azurecr.io"):
		return acrEnding, true
	}
	return Ending{}, false
}
