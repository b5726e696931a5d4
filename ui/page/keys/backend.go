package keys

import (
	"context"

	"bulla/keys"
	"bulla/workflow"
)

// Backend is the keys as the page needs them: *workflow.KeyDesk has its methods.
type Backend interface {
	Glimpse(context.Context) ([]workflow.KeyState, error)
	Survey(context.Context, func(workflow.KeyNews)) []error
	Look(context.Context, keys.Fingerprint) ([]workflow.KeyNews, bool)
}

var _ Backend = (*workflow.KeyDesk)(nil)
