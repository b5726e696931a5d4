package history

import "bulla/keys"

// Change says that a release was signed by another key than the release before it.
type Change struct {
	// From and To are the signers; From is nil for the first release with a proved signer.
	From, To *keys.Signatory
	// New says that To had signed none of the older releases.
	New bool
}

// Changes finds where the signer of the tags changed. releases are newest first; the result has a
// Change at the index of each release whose signer is not that of the next older release with a
// proved signer. Primary keys are compared: a new subkey is no new signer.
func Changes(releases []Release) map[int]Change {
	out := map[int]Change{}
	seen := map[keys.Fingerprint]bool{}
	var last *keys.Signatory
	for i := len(releases) - 1; i >= 0; i-- {
		s := releases[i].Signer()
		if s == nil {
			continue
		}
		if last != nil && last.Primary != s.Primary {
			out[i] = Change{From: last, To: s, New: !seen[s.Primary]}
		}
		seen[s.Primary] = true
		last = s
	}
	return out
}
