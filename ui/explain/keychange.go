package explain

import (
	"errors"
	"fmt"

	"bulla/keys/paper"
	"bulla/keys/store"
	"bulla/workflow/firstkey"
	"bulla/workflow/keydesk"
)

// keyChanges explains what goes wrong when a key is changed, backed up or deleted.
func keyChanges(err error, x *Explanation) bool {
	var change *store.ChangeError
	var alone *store.NotBackedUpError
	var backup *store.BackupError
	var line *paper.LineError
	var stale *keydesk.StaleMemoryError
	var revocation *firstkey.RevocationError
	var file *keydesk.ChangedFileError
	var readable *store.ReadableError
	switch {
	case errors.As(err, &readable):
		x.Headline, x.Untouched, x.Code = sentence(readable.Error()), "It was left as it is.", CodeRefused
	case errors.As(err, &file):
		x.Headline, x.Untouched, x.Code = sentence(file.Error()), "It was left as it is.", CodeRefused
		x.Next = []string{"give the command again: it looks at the file anew"}
	case errors.As(err, &revocation):
		x.Headline, x.Untouched, x.Code = sentence(revocation.Error()), "It was not moved.", CodeRefused
	case errors.As(err, &stale):
		x.Headline, x.Cause, x.Code = "The passphrase was changed, but the old one is still remembered.", sentence(stale.Err.Error()), CodeIncomplete
		x.Next = []string{"bulla vault forget removes it"}
	case errors.As(err, &change):
		x.Headline, x.Code = fmt.Sprintf("The key %s cannot be changed: %s.", change.Key.Short(), change.Reason), CodeRefused
		x.Untouched = "Nothing was changed."
	case errors.As(err, &alone):
		x.Headline, x.Code = "There is no backup of this secret key that was tried.", CodeRefused
		x.Untouched = "The key was not deleted."
		x.Next = []string{
			fmt.Sprintf("bulla keys backup %s -o FILE makes one", alone.Key),
			"--without-backup deletes the key all the same; nothing brings it back",
		}
	case errors.Is(err, keydesk.ErrNoGnuPG):
		x.Code = CodeUnchecked
	case errors.As(err, &line):
		x.Headline, x.Code = sentence(line.Error()), CodeFailed
	case errors.As(err, &backup):
		x.Headline, x.Code = "This backup would not bring the key back.", CodeFailed
		x.Cause, x.Untouched = sentence(backup.Reason), "Your keys were not touched."
		x.Next = []string{"make another from the key itself: bulla keys backup KEY -o FILE"}
	default:
		return false
	}
	return true
}
