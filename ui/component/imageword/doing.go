package imageword

import (
	"path/filepath"
	"strconv"
	"strings"

	"bulla/ui/safetext"
	"bulla/workflow/images"
)

// Event says in a few words what a desk is at, in words that follow "is"; "" for what has been done.
func Event(e images.Event) string {
	switch e := e.(type) {
	case images.Began:
		return doing(e)
	case images.Retried:
		return "trying it again: somebody else changed the trust data at the same time (try " + strconv.Itoa(e.Try) + ")"
	case images.Stepped:
		return "publishing it again: " + strconv.Itoa(e.Done) + " of " + strconv.Itoa(e.Steps) + " changes"
	case images.TagCarried:
		doing := "carrying over: "
		if e.Dry {
			doing = "looking: "
		}
		return doing + strconv.Itoa(e.Done) + " of " + strconv.Itoa(e.Total) + " tags"
	case images.BaseJudged:
		return "deciding: " + strconv.Itoa(e.Done) + " of " + strconv.Itoa(e.Total) + " images"
	}
	return ""
}

func doing(e images.Began) string {
	where := safetext.Line(strings.TrimPrefix(e.Where, "https://"))
	switch e.Doing {
	case images.DoingResolve:
		return "asking " + where + " what the tag points to"
	case images.DoingReadTrust:
		return "asking the trust server " + where
	case images.DoingOpenKey:
		return "opening " + safetext.Line(filepath.Base(e.Where))
	case images.DoingSignCosign:
		return "storing the signature in " + where
	case images.DoingPublishTrust:
		return "changing the trust data on " + where
	}
	return string(e.Doing)
}
