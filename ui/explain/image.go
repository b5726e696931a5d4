package explain

import (
	"errors"
	"strings"

	"bulla/docker/dockerfile"
	"bulla/workflow"
	"bulla/workflow/images"
)

// imaging explains what the gates for images and the carrying of their signatures end in.
func imaging(err error, x *Explanation) bool {
	var file *dockerfile.SyntaxError
	var pins *images.PinsError
	var pin *images.PinError
	var admission *images.AdmissionError
	var children *workflow.UnlistedChildrenError
	var untrusted *images.UntrustedError
	var unreleased *workflow.UnreleasedError
	switch {
	case errors.As(err, &file), errors.As(err, &pins), errors.As(err, &admission):
		x.Code = CodeUsage
	case errors.As(err, &pin):
		x.Headline = "The new root is published, and it could not be pinned here."
		x.Cause, x.Code = sentence(pin.Err.Error()), CodeIncomplete
		x.Next = []string{"bulla image trust pin REPO " + strings.Join(pin.Certificates, " ")}
	case errors.Is(err, images.ErrOffline):
		x.Headline, x.Code = "Images lie in a registry, and the network was not to be used.", CodeUnchecked
	case errors.Is(err, images.ErrNoRoot):
		x.Headline = "Nothing tells which root key the trust data must be signed by."
		x.Next = []string{"--root ID names it, or [[policy.image]] in bulla.toml", "bulla image doctor shows the root that the trust server offers; compare it with what the publisher says"}
		x.Code = CodeUsage
	case errors.As(err, &children):
		x.Untouched, x.Code = "Nothing was signed.", CodeRefused
		x.Next = []string{"without --recursive the index alone is signed"}
	case errors.As(err, &unreleased):
		x.Cause = "Nobody who pulls by Content Trust would take the tag for signed."
		x.Next, x.Code = []string{"whoever owns the repository can make you a signer: bulla image trust signer add"}, CodeRefused
	case errors.As(err, &untrusted):
		x.Cause, x.Code = "The trust data must not be trusted.", CodeFailed
	default:
		return false
	}
	return true
}
