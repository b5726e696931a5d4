package keys

import (
	"bulla/keys"
	"bulla/ui/backend"
)

// Backend is the keys as the page needs them.
type Backend = backend.Keys

// selector names a key by its whole fingerprint.
func selector(f keys.Fingerprint) keys.Selector { return keys.ParseSelector(string(f)) }
