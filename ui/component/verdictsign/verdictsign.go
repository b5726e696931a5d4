// Package verdictsign says which sign and colour a verdict has on a screen: the same on every page.
package verdictsign

import (
	"bulla/keys"
	"bulla/ui/theme"
)

// State is the state whose sign and colour stand for a verdict. A signer that the policy does not
// allow is as bad as a bad signature; where nothing can be said there is no reproach.
func State(v keys.Verdict) theme.State {
	switch {
	case v.OK(false):
		return theme.Done
	case v.Trusted != nil && !*v.Trusted:
		return theme.Failed
	}
	switch v.Status {
	case keys.StatusUnsigned, keys.StatusNotChecked, keys.StatusUnsupported:
		return theme.Skipped
	case keys.StatusWeak, keys.StatusUnknownKey:
		return theme.Waiting
	}
	return theme.Failed
}
