package imageword

import (
	"errors"

	"bulla/docker/dct"
	"bulla/ui/safetext"
	"bulla/workflow/images"
)

// TrustProblem says in a sentence why Content Trust says nothing of an image: it could not be asked, or what
// it answered counts for nothing.
func TrustProblem(err error) string {
	var untrusted *images.UntrustedError
	var unpinned *dct.UnpinnedError
	var gone *dct.NotInitializedError
	because := ": " + err.Error() + "."
	switch {
	case errors.As(err, &untrusted):
		return safetext.Line("The trust data of Content Trust must not be trusted" + because)
	case errors.Is(err, images.ErrNoRoot), errors.As(err, &unpinned):
		return safetext.Line("Content Trust vouches for nothing" + because)
	case errors.As(err, &gone):
		return safetext.Line("Content Trust's data is gone" + because)
	}
	return safetext.Line("Content Trust could not be asked" + because)
}

// trustRemark is TrustProblem in a few words.
func trustRemark(err error) string {
	var untrusted *images.UntrustedError
	var unpinned *dct.UnpinnedError
	var gone *dct.NotInitializedError
	switch {
	case errors.As(err, &untrusted):
		return "its trust data is refused"
	case errors.Is(err, images.ErrNoRoot), errors.As(err, &unpinned):
		return "no root to go by"
	case errors.As(err, &gone):
		return "its trust data is gone"
	}
	return "trust server: no answer"
}
