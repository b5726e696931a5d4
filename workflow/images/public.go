package images

import (
	"errors"

	"bulla/docker/cosign"
	"bulla/docker/dct"
)

// MayHavePublished reports whether something is, or may be, public although err ended it. Ask it before
// whether the person stopped it: a stop that came too late is no reason to say that nothing was changed.
func MayHavePublished(err error) bool {
	var signature *cosign.PublishedError
	var trust *dct.UnknownOutcomeError
	return errors.As(err, &signature) || errors.As(err, &trust)
}
