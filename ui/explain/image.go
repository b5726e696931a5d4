package explain

import (
	"errors"

	"bulla/docker/dockerfile"
	"bulla/workflow/images"
)

// imaging explains what the gates for images and the carrying of their signatures end in.
func imaging(err error, x *Explanation) bool {
	var file *dockerfile.SyntaxError
	var pins *images.PinsError
	var admission *images.AdmissionError
	var children *images.UnlistedChildrenError
	switch {
	case errors.As(err, &file), errors.As(err, &pins), errors.As(err, &admission):
		x.Code = CodeUsage
	case errors.Is(err, images.ErrOffline):
		x.Headline, x.Code = "Images lie in a registry, and the network was not to be used.", CodeUnchecked
	case errors.As(err, &children):
		x.Untouched, x.Code = "Nothing was signed.", CodeRefused
		x.Next = []string{"without --recursive the index alone is signed"}
	default:
		return false
	}
	return true
}
