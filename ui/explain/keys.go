package explain

import (
	"errors"
	"fmt"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/keys/vault"
)

func selecting(err error, x *Explanation) bool {
	var notFound *keys.NotFoundError
	var ambiguous *keys.AmbiguousError
	var unusable *keys.UnusableError
	switch {
	case errors.As(err, &notFound):
		x.Headline = fmt.Sprintf("No key matches %q.", notFound.Selector)
		if notFound.Selector == "" {
			x.Headline = "There is no key to sign with."
		}
		x.Next = []string{"`bulla keys list` shows the keys at hand; `bulla keys generate` makes one"}
		x.Code = CodeUsage
	case errors.As(err, &ambiguous):
		x.Headline = fmt.Sprintf("%q fits %d keys.", ambiguous.Selector, len(ambiguous.Matches))
		if ambiguous.Selector == "" {
			x.Headline = fmt.Sprintf("%d keys could sign, and none is named.", len(ambiguous.Matches))
		}
		for _, f := range ambiguous.Matches {
			x.Next = append(x.Next, "name it by its fingerprint: "+string(f))
		}
		x.Code = CodeUsage
	case errors.As(err, &unusable):
		x.Headline = fmt.Sprintf("The key %s cannot sign: %s.", unusable.Key.Short(), unusable.Reason)
		x.Next = []string{"`bulla keys list` shows the keys at hand"}
		x.Code = CodeRefused
	default:
		return false
	}
	return true
}

func stores(err error, x *Explanation) bool {
	var unavailable *vault.UnavailableError
	var other *vault.NotChosenError
	var skipped *store.SkippedError
	var open *store.PermissionError
	var key *keys.KeyError
	var problem *store.ProblemError
	switch {
	case errors.As(err, &other):
		x.Untouched, x.Code = "The passphrase was kept nowhere.", CodeRefused
		x.Next = []string{fmt.Sprintf("bulla vault use %s keeps passphrases there from now on", other.Wanted)}
	case errors.As(err, &skipped):
		x.Untouched, x.Code = "The other keys were stored.", CodeIncomplete
	case errors.As(err, &open):
		x.Next, x.Code = []string{"chmod go-rwx takes the rights of the others away"}, CodeRefused
	case errors.As(err, &problem):
		inner := Error(problem.Err)
		x.Next, x.Code = inner.Next, inner.Code
		if problem.Key != "" {
			x.Untouched = "The other keys are not affected."
			x.Next = append(x.Next,
				fmt.Sprintf("bulla keys aside %s moves it out of the way; nothing in it is changed", problem.Key),
				"bulla keys import FILE then brings the key back from a backup")
		}
	case errors.As(err, &key), errors.Is(err, store.ErrTooBig), errors.Is(err, store.ErrOnlyRevocation),
		errors.Is(err, vault.ErrTooBig), errors.Is(err, vault.ErrLocked), errors.Is(err, vault.ErrNeedsSetup):
		x.Code = CodeRefused
	case errors.Is(err, keys.ErrNoKeys):
		x.Headline, x.Code = "There is no OpenPGP key in it.", CodeUsage
		x.Next = []string{"gpg --export --armor KEY and gpg --export-secret-keys --armor KEY write what can be imported"}
	case errors.Is(err, keys.ErrRevocationList):
		x.Code = CodeUsage
		x.Next = []string{"ssh-keygen -k makes such lists; a file of public keys, one a line, will do too"}
	case errors.As(err, &unavailable):
		x.Untouched = "The passphrase was kept nowhere."
		x.Next = []string{"choose another place to keep it, or type it each time"}
		x.Code = CodeUnchecked
	default:
		return false
	}
	return true
}
