package explain

import (
	"fmt"

	"bulla/keys"
	"bulla/keys/passphrase"
)

// WeakPassphrase is what to tell of a new passphrase that is easy to guess, and what makes a better
// one; "" of every other, and of what protects no key that signs. Nobody is
// refused for it.
func WeakPassphrase(s keys.Secret, purpose keys.PassphrasePurpose) string {
	const forGood = "Docker's key files slow nobody down who guesses, and it stays as it is"
	change := map[keys.PassphrasePurpose]string{
		keys.PurposeOpenPGP: "bulla keys passwd changes it", keys.PurposeImage: "bulla image key password changes it",
		keys.PurposeTrustRoot: forGood, keys.PurposeTrust: forGood,
	}[purpose]
	if change == "" {
		return ""
	}
	e := passphrase.Estimate(s)
	if e.Level != passphrase.Weak {
		return ""
	}
	return fmt.Sprintf("this passphrase is weak, %.0f bits at most. bulla keys passphrase makes a strong one; %s.", e.Bits, change)
}
