package explain

import (
	"slices"

	"bulla/keys"
	"bulla/workflow/verify"
)

// Advice is what to do about a verdict, in plain words without a full stop. What is signed may be a tag,
// a file or anything else.
func Advice(v keys.Verdict) string {
	if v.Trusted != nil && !*v.Trusted && v.Status.Sound() {
		return "do not use it before the project has said why this is so"
	}
	switch v.Status {
	case keys.StatusGood:
		return "nothing"
	case keys.StatusGoodExpiredSince:
		return "nothing: the signature stays good. A newer copy of the key may run longer"
	case keys.StatusWeak:
		if slices.Contains(v.Weak, keys.WeakOutside) {
			return "do not use it as it is: gpg --decrypt FILE prints what is signed"
		}
		return "do not rely on it alone: compare the files with another source, or use a newer release"
	case keys.StatusAfterExpiry:
		return "get a newer copy of the key: its owner may have extended it"
	case keys.StatusExpired:
		return "ask the project for a new signature"
	case keys.StatusRevoked:
		return "do not use it on the strength of this signature; look for one by another key"
	case keys.StatusNotYetValid:
		return "check the clock of this computer, then ask the signer"
	case keys.StatusUnknownKey:
		return "get the key from where the project publishes it, compare its fingerprint, then: bulla keys import FILE"
	case keys.StatusBad:
		return "do not use it. Fetch it again; if it stays bad, tell the project"
	case keys.StatusMalformed:
		return "fetch it again; if it stays damaged, tell the project"
	case keys.StatusUnsupported:
		return "check it with the tool that made it"
	case keys.StatusUnsigned:
		if slices.Contains(v.Weak, verify.FindingLostSignature) {
			return "fetch its .asc again from where the release is published"
		}
		return "nothing proves who made it: look for signed files or checksums of this release"
	}
	return "see the reason, then look again"
}
