package explain

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/passphrase"
	"bulla/workflow/firstkey"
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

// WrongPassphraseError says that the passphrase which a flag brought is wrong. It matches
// keys.ErrWrongPassphrase.
type WrongPassphraseError struct {
	Flag    string // such as --passphrase-fd
	Request keys.PassphraseRequest
	// Untried says that it is the PIN of a card that takes but one more wrong one: it was not tried.
	Untried bool
}

func (e *WrongPassphraseError) Error() string {
	return "the passphrase from " + e.Flag + " is wrong"
}

func (e *WrongPassphraseError) Unwrap() error { return keys.ErrWrongPassphrase }

// opens names what a passphrase opens.
func opens(r keys.PassphraseRequest) string {
	what := map[keys.PassphrasePurpose]string{
		keys.PurposeOpenPGP: "the key", keys.PurposeAgent: "GnuPG's key", keys.PurposeImage: "the image key", keys.PurposeVault: "the vault",
		keys.PurposeTrustRoot: "the root key", keys.PurposeTrust: "the Content Trust key",
	}[r.Purpose]
	if (r.Purpose == keys.PurposeTrustRoot || r.Purpose == keys.PurposeTrust) && r.Label != "" {
		return "the " + r.Label // it says which kind of key it is
	}
	if what == "" {
		what = "the key"
	}
	return strings.TrimSpace(what + " " + cmp.Or(r.Label, r.ID))
}

// TriesLeft is a sentence on how many wrong PINs a card still takes, "" if it does not say.
func TriesLeft(n int) string {
	switch {
	case n < 0:
		return ""
	case n == 0:
		return "It takes no more: it is blocked."
	case n == 1:
		return "It takes one more wrong PIN, then it blocks itself."
	}
	return fmt.Sprintf("It takes %d more wrong PINs, then it blocks itself.", n)
}

// PINTries is what to say before a PIN is asked for: that the one before was wrong, and how many
// wrong ones the card still takes; "" while there is nothing to say. With one left none was given
// before, see keys.PassphraseRequest.
func PINTries(r keys.PassphraseRequest) string {
	switch {
	case r.TriesLeft == 1:
		return TriesLeft(1)
	case r.Attempt > 1:
		return strings.TrimSpace("That was not the right one. " + TriesLeft(r.TriesLeft))
	}
	return ""
}

// notOpened is what an error about a passphrase leaves untouched, whether the key was to sign, to
// be exported or to be changed.
const notOpened = "Nothing was done with the key."

func passphrases(err error, x *Explanation) bool {
	var unlock *keys.UnlockError
	var brought *WrongPassphraseError
	var nobody *keys.NoPassphraseError
	var forgotten *firstkey.ForgottenError
	switch {
	case errors.As(err, &brought) && brought.Request.Card != "":
		x.Headline, x.Untouched, x.Code = fmt.Sprintf("The PIN of card %s is wrong.", brought.Request.Card), notOpened, CodeRefused
		x.Cause = fmt.Sprintf("It came by %s. %s", brought.Flag, TriesLeft(brought.Request.TriesLeft))
		if brought.Untried {
			x.Headline = fmt.Sprintf("Card %s takes only one more wrong PIN.", brought.Request.Card)
			x.Cause = fmt.Sprintf("The one from %s was not tried: were it wrong, the card would block itself.", brought.Flag)
			x.Next = []string{"type the PIN in a terminal; the right one gives back all tries"}
		}
	case errors.As(err, &forgotten):
		x.Headline, x.Code = "No backup was made: what was typed does not open the key.", CodeRefused
		x.Untouched = "The key is as it was."
		x.Next = []string{
			"try again, slowly: capitals, the keyboard's language",
			fmt.Sprintf("if the passphrase is gone and the key published nowhere, bulla keys delete %s --without-backup removes it; then make another", forgotten.Key),
		}
	case errors.As(err, &brought):
		x.Headline, x.Cause = fmt.Sprintf("The passphrase of %s is wrong.", opens(brought.Request)), "It came by "+brought.Flag+"."
		x.Untouched, x.Code = notOpened, CodeRefused
	case errors.As(err, &unlock):
		x.Headline = fmt.Sprintf("The passphrase of %s was wrong %d times.", opens(unlock.Request), unlock.Tries)
		x.Untouched = notOpened
		x.Next = []string{"try again, or choose another key"}
		x.Code = CodeRefused
	case errors.Is(err, keys.ErrWrongPassphrase):
		x.Headline, x.Untouched, x.Code = "The passphrase is wrong.", notOpened, CodeRefused
	case errors.As(err, &nobody) && nobody.Request.Card != "":
		x.Headline = fmt.Sprintf("There is nobody to ask for the PIN of card %s.", nobody.Request.Card)
		x.Untouched, x.Code = notOpened, CodeUsage
		x.Next = []string{passphraseFlag(nobody.Request.Purpose), "or sign in a terminal, where it is asked for"}
	case errors.As(err, &nobody):
		x.Headline = fmt.Sprintf("There is nobody to ask for the passphrase of %s.", opens(nobody.Request))
		x.Untouched, x.Code = notOpened, CodeUsage
		x.Next = []string{passphraseFlag(nobody.Request.Purpose), "or keep it once, in a terminal: in the keychain, or in an encrypted vault where there is none"}
	case errors.Is(err, keys.ErrNoPassphrase):
		x.Headline = "The key is protected, and there is nobody to ask for its passphrase."
		x.Untouched, x.Code = notOpened, CodeUsage
		x.Next = []string{passphraseFlag(""), "or keep it once, in a terminal: in the keychain, or in an encrypted vault where there is none"}
	default:
		return false
	}
	return true
}

// passphraseFlag says how a script hands over a passphrase.
func passphraseFlag(p keys.PassphrasePurpose) string {
	switch p {
	case keys.PurposeImage:
		return "--image-passphrase-fd N reads it from file descriptor N; for commands that sign images alone, --passphrase-fd N"
	case keys.PurposeTrust:
		return "--trust-passphrase-fd N reads it from file descriptor N; for the commands of bulla image trust, --passphrase-fd N"
	case keys.PurposeTrustRoot:
		return "--root-passphrase-fd N reads it from file descriptor N"
	}
	return "--passphrase-fd N reads it from file descriptor N"
}
