package explain

import (
	"fmt"

	"bulla/keys"
	"bulla/keys/passphrase"
)

// WeakPassphrase is what to tell of a new passphrase that is easy to guess, and what makes a better
// one; "" of every other, and of what protects neither a signing key nor an image key. Nobody is
// refused for it.
func WeakPassphrase(s keys.Secret, purpose keys.PassphrasePurpose) string {
	change := map[keys.PassphrasePurpose]string{
		keys.PurposeOpenPGP: "bulla keys passwd", keys.PurposeImage: "bulla image key password",
	}[purpose]
	if change == "" {
		return ""
	}
	e := passphrase.Estimate(s)
	if e.Level != passphrase.Weak {
		return ""
	}
	return fmt.Sprintf("this passphrase is weak, %.0f bits at most. bulla keys passphrase makes a strong one; %s changes it.", e.Bits, change)
}
