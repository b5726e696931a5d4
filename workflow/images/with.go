package images

import (
	"fmt"
)

// With says by which systems a release signs its images. The zero value is cosign.
type With string

// The ways to sign images.
const (
	WithCosign       With = "cosign"
	WithContentTrust With = "content-trust"
	WithBoth         With = "both"
)

// ParseWith reads one of the words; "" is cosign.
func ParseWith(s string) (With, error) {
	switch w := With(s); w {
	case "":
		return WithCosign, nil
	case WithCosign, WithContentTrust, WithBoth:
		return w, nil
	}
	return "", fmt.Errorf("images are signed with cosign, content-trust or both, not with %q", s)
}

// Cosign reports whether a cosign key signs.
func (w With) Cosign() bool { return w != WithContentTrust }

// ContentTrust reports whether the tag is signed in Docker Content Trust.
func (w With) ContentTrust() bool { return w == WithContentTrust || w == WithBoth }
