package explain

import (
	"errors"
	"fmt"
	"strings"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow"
	"bulla/workflow/kit"
)

// judging explains what a check found, or why it could not look.
func judging(err error, x *Explanation) bool {
	var check *workflow.CheckError
	var failed *kit.FailedError
	var missing *kit.MissingKeyError
	var object *gitops.MalformedError
	var line *artifacts.SyntaxError
	var large *gitops.TooLargeError
	var limit *keys.LimitError
	switch {
	case errors.As(err, &check):
		for _, v := range check.Failed {
			x.Cause += sentence(fmt.Sprintf("%s is %s: %s", v.Target, v.Status, v.Reason)) + " "
		}
		x.Cause = strings.TrimSpace(x.Cause)
	case errors.As(err, &missing):
		x.Code, x.Next = CodeUnchecked, []string{"bulla keys import FILE brings it"}
	case errors.As(err, &object), errors.As(err, &line), errors.As(err, &failed): // what the command said has many lines
	case errors.As(err, &large), errors.As(err, &limit), errors.Is(err, artifacts.ErrTooLarge):
		x.Code = CodeUnchecked
	default:
		return false
	}
	return true
}
