package explain

import (
	"errors"
	"fmt"

	"bulla/docker/dct"
	"bulla/workflow/images"
)

// trusting explains what trust servers and their data end in.
func trusting(err error, x *Explanation) bool {
	var server *dct.ServerError
	var bad *dct.MetadataError
	var unpinned *dct.UnpinnedError
	var missing *dct.NotInitializedError
	var key *dct.MissingKeyError
	var custody *dct.CustodyError
	switch {
	case errors.Is(err, images.ErrNoRoot):
		x.Headline = "Nothing tells which root key the trust data must be signed by."
		x.Next = []string{"--root ID names it, or [[policy.image]] in bulla.toml", "bulla image doctor shows the root that the trust server offers; compare it with what the publisher says"}
		x.Code = CodeUsage
	case errors.As(err, &unpinned):
		x.Next, x.Code = []string{"--root ID names the root"}, CodeUsage
	case errors.As(err, &server):
		x.Next, x.Code = []string{"try again later: a trust server that cannot be asked proves nothing"}, CodeUnchecked
	case errors.As(err, &bad):
		x.Headline = fmt.Sprintf("The trust data of %s must not be trusted.", bad.GUN)
		x.Cause, x.Code = sentence(bad.Error()), CodeFailed
	case errors.As(err, &missing):
		x.Next, x.Code = []string{"the repository has to be initialised in Content Trust first"}, CodeRefused
	case errors.As(err, &key), errors.As(err, &custody):
		x.Untouched, x.Code = "Content Trust's data was not changed.", CodeRefused
	default:
		return false
	}
	return true
}
