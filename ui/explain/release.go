package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/gitops"
	"bulla/workflow"
	"bulla/workflow/journal"
)

// This file has the words for work that began: releases, taking them back, signatures that went out.

// journalling explains what is in the way of a release that is done.
func journalling(err error, x *Explanation) bool {
	var j *workflow.JournalError
	if !errors.As(err, &j) {
		return false
	}
	x.Headline = fmt.Sprintf("The release of %s is done, but its journal could not be put away.", j.Tag)
	x.Cause, x.Code = Error(j.Err).Headline, CodeIncomplete
	x.Untouched = "The release stands."
	x.Next = []string{"bulla release --resume finds everything done and tries again to put it away"}
	return true
}

// journalTrouble explains a journal that cannot be written or read.
func journalTrouble(err error, x *Explanation) bool {
	var write *journal.WriteError
	var damaged *journal.DamagedError
	switch {
	case errors.As(err, &write):
		inner := Error(write.Err)
		x.Headline, x.Code = "The journal of the release could not be written to.", CodeRefused
		x.Cause = strings.TrimSpace(inner.Headline + " " + inner.Cause + " Without it nobody could take the release back: nothing was made after that.")
		x.Next = []string{"look at " + write.Path}
		if isFull(write.Err) {
			x.Next = []string{"make room on the disk of " + write.Path}
		}
	case errors.As(err, &damaged):
		x.Headline, x.Code = fmt.Sprintf("Line %d of the journal of an earlier release cannot be read.", damaged.Line), CodeRefused
		x.Untouched = "Nothing was changed."
		x.Next = []string{
			"its other lines tell what that release made: " + damaged.Path,
			"move the file away, and bulla forgets that release; its tag and files stay",
		}
	default:
		return false
	}
	return true
}

// abandoning explains why a release was not taken back.
func abandoning(err error, x *Explanation) bool {
	var ab *workflow.AbandonError
	if !errors.As(err, &ab) {
		return false
	}
	inner := Error(ab.Err)
	x.Code = CodeIncomplete
	x.Cause = strings.TrimSpace(inner.Headline + " " + inner.Cause)
	x.Headline, x.Untouched = fmt.Sprintf("The release of %s was not taken back.", ab.Tag), "Nothing was removed."
	if len(ab.Removed) > 0 {
		x.Headline = fmt.Sprintf("The release of %s was taken back in part.", ab.Tag)
		x.Untouched = "Removed: " + strings.Join(ab.Removed, "; ") + ". Everything else is where it was."
	}
	again := "bulla release --abandon goes on with it; --resume makes the release after all"
	var remote *gitops.RemoteError
	switch {
	case errors.Is(err, context.Canceled):
		x.Code = CodeCancelled
	case errors.As(err, &remote):
		x.Code = CodeUnchecked
		x.Cause += " If it has the tag, others may have it too."
		again = "bulla release --abandon again, once " + remote.Remote + " answers"
		x.Next = append(inner.Next, fmt.Sprintf("if you know that the tag was never pushed: git tag -d %s, then --abandon takes back the rest", ab.Tag))
	default:
		x.Next = inner.Next
	}
	x.Next = append([]string{again}, x.Next...)
	return true
}

// cancelled explains what a person stopped. It says that nothing was changed only where that is
// known.
func cancelled(err error, x *Explanation) bool {
	if !errors.Is(err, context.Canceled) {
		return false
	}
	x.Headline, x.Code = "Cancelled.", CodeCancelled
	if errors.Is(err, ErrLeft) {
		x.Untouched = "Nothing was changed."
	}
	return true
}

func incomplete(err error, x *Explanation) bool {
	var inc *workflow.IncompleteError
	if !errors.As(err, &inc) {
		return false
	}
	if errors.Is(err, context.Canceled) {
		x.Headline, x.Code = fmt.Sprintf("Cancelled. The release of %s is not finished.", inc.Tag), CodeCancelled
		describeIncomplete(inc, x)
		return true
	}
	inner := Error(inc.Err)
	x.Headline = fmt.Sprintf("The release of %s stopped at the step %q.", inc.Tag, inc.Step.Title())
	x.Cause = strings.TrimSpace(inner.Headline + " " + inner.Cause)
	if x.Next = inner.Next; len(Mend(inc)) > 0 {
		x.Next = Mend(inc)
	}
	x.Code = CodeIncomplete
	describeIncomplete(inc, x)
	return true
}

func describeIncomplete(inc *workflow.IncompleteError, x *Explanation) {
	if len(inc.Done) > 0 {
		x.Untouched = "Done and safe: " + strings.Join(inc.Done, "; ") + "."
	}
	x.Untouched = strings.TrimSpace(x.Untouched + " " + Public(inc))
	x.Next = append(x.Next, "bulla release --resume goes on where it stopped", "bulla release --abandon takes back what can be taken back")
}

// Public says what of a stopped release others may have already; "" where that is nothing, or told elsewhere.
func Public(inc *workflow.IncompleteError) string {
	var published *cosign.PublishedError
	if !errors.As(inc.Err, &published) {
		return ""
	}
	return publishedWords(published)
}

// Mend is what there is to do outside of bulla before a stopped release can go on, if it is known.
func Mend(inc *workflow.IncompleteError) []string {
	var moved *docker.MovedError
	if !errors.As(inc.Err, &moved) {
		return nil
	}
	return []string{fmt.Sprintf("put the tag back to %s and go on, or take the release back and begin again", moved.Was)}
}

// publishing explains what came after an image's signature had reached its registry.
func publishing(err error, x *Explanation) bool {
	var published *cosign.PublishedError
	if !errors.As(err, &published) {
		return false
	}
	*x = Error(published.Err)
	x.Untouched = publishedWords(published)
	if !published.Complete {
		if x.Code != CodeCancelled {
			x.Code = CodeIncomplete
		}
		x.Next = append(x.Next, "bulla image sign again finishes it; it makes no second signature")
	}
	return true
}

func publishedWords(p *cosign.PublishedError) string {
	if p.Complete {
		return fmt.Sprintf("The signature of %s is finished, and it is in the registry: others may have it.", p.Signature.Digest)
	}
	return fmt.Sprintf("The signature of %s may be in the registry already, as %s: others may have it.", p.Signature.Digest, p.Signature.Manifest)
}

func refused(err error, x *Explanation) bool {
	var ref *workflow.RefusedError
	if !errors.As(err, &ref) {
		return false
	}
	x.Code = CodeRefused
	if ref.Unreachable() {
		x.Code = CodeUnchecked
	}
	x.Untouched = "Nothing was changed."
	errs := ref.Errors()
	for i, f := range errs {
		if len(errs) > 1 {
			x.Problems = append(x.Problems, Problem{sentence(f.Message), f.Hint})
		}
		if i == 0 {
			x.Headline = sentence(f.Message)
		} else {
			x.Cause += sentence(f.Message) + " "
		}
		if f.Hint != "" && !slices.Contains(x.Next, f.Hint) {
			x.Next = append(x.Next, f.Hint)
		}
		if f.Rule == workflow.RuleVersion && f.Err == nil || isUsage(f.Err) {
			x.Code = CodeUsage
		}
	}
	x.Cause = strings.TrimSpace(x.Cause)
	return true
}
