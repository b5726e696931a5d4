package explain

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"bulla/artifacts"
	"bulla/workflow/kit"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
)

// isFull reports a disk that holds no more, or of which somebody may not have more.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

func files(err error, x *Explanation) bool {
	var sigExists *artifacts.SignatureExistsError
	var exists *artifacts.ExistsError
	var chain *policy.ChainError
	var changed *artifacts.ChangedError
	var none *artifacts.NoMatchError
	var long *artifacts.NameTooLongError
	switch {
	case errors.As(err, &long):
		x.Untouched, x.Code = "No signature was written for it.", CodeRefused
		x.Next = []string{"give it a shorter name"}
	case errors.As(err, &sigExists), errors.As(err, &exists):
		x.Untouched, x.Code = "It was not changed.", CodeRefused
		x.Next = []string{"look at it; --replace allows it to be replaced"}
	case errors.As(err, &chain):
		x.Code = CodeFailed
		x.Next = []string{"look at that commit; only who the former policy trusted may change it"}
	case errors.As(err, &changed):
		x.Untouched, x.Code = "No signature was written for it.", CodeRefused
		x.Next = []string{"let the build finish, or put the file back as it was; then try again"}
	case errors.As(err, &none):
		x.Code = CodeRefused
	case isFull(err):
		x.Next = []string{"make room on the disk; no half-written file remains"}
	case errors.Is(err, fs.ErrPermission):
		x.Code = CodeRefused
		x.Next = []string{"the file or its folder is closed to you"}
	case errors.Is(err, syscall.ENOTDIR):
		x.Code, x.Next = CodeUsage, []string{"a part of that path is a file, not a folder"}
	case errors.Is(err, context.DeadlineExceeded):
		x.Code, x.Next = CodeUnchecked, []string{"there was no answer in time: try again"}
	case errors.Is(err, fs.ErrNotExist):
		x.Code = CodeUsage
		var path *fs.PathError
		if errors.As(err, &path) {
			x.Headline = path.Path + " does not exist."
		}
	case errors.Is(err, fs.ErrExist), errors.Is(err, kit.ErrNotEmpty), errors.Is(err, verify.ErrPolicyExists):
		x.Untouched, x.Code = "It was not changed.", CodeRefused
	default:
		return false
	}
	return true
}
