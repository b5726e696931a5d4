package imageword

import (
	"bulla/docker/dct"
	"bulla/ui/component/human"
	"bulla/ui/safetext"
)

// Backup says what is known of the backup of a root key, and whether it was opened once.
func Backup(c dct.Custody) (text string, opened bool) {
	switch {
	case !c.Rehearsed.IsZero():
		return safetext.Line(c.Backup) + ", opened on " + human.Date(c.Rehearsed), true
	case c.Backup != "":
		return safetext.Line(c.Backup) + ", never opened", false
	}
	return "none is known", false
}
