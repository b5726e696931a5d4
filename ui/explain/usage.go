package explain

import (
	"errors"

	"github.com/bmatcuk/doublestar/v4"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/policy"
	"bulla/workflow/project"
	"bulla/workflow/source"
	"bulla/workflow/verify"
)

// UsageError is a command line that cannot be understood or answered. Hint names what would.
type UsageError struct {
	Message string
	Hints   []string
}

func (e *UsageError) Error() string { return e.Message }

// isUsage reports whether what was named on the command line or in the configuration is the
// reason for a refusal, and not the state of things.
func isUsage(err error) bool {
	var notFound *keys.NotFoundError
	var ambiguous *keys.AmbiguousError
	var duplicate *artifacts.DuplicateNameError
	var irregular *artifacts.NotRegularError
	switch {
	case err == nil, errors.As(err, &duplicate), errors.As(err, &irregular):
		return false // a build made them
	case errors.As(err, &notFound), errors.As(err, &ambiguous):
		return true
	}
	return usage(err, &Explanation{})
}

func usage(err error, x *Explanation) bool {
	var use *UsageError
	var conf *project.ConfigError
	var version *project.VersionError
	var target *verify.TargetError
	var lifetime *store.LifetimeError
	var param *store.ParamError
	var ref *docker.ReferenceError
	var tagName *gitops.TagNameError
	var conflict *gitops.ConflictError
	var message *gitops.MessageError
	var duplicate *artifacts.DuplicateNameError
	var irregular *artifacts.NotRegularError
	var keyFile *cosign.KeyFileError
	var several *images.SeveralKeysError
	var date *gitops.DateError
	var syntax *policy.SyntaxError
	var root *policy.RootError
	var pattern *source.PatternError
	var format *source.FormatError
	var outside *artifacts.OutsideError
	switch {
	case errors.As(err, &use):
		x.Headline, x.Next = sentence(use.Message), use.Hints
	case errors.As(err, &conf):
		x.Headline, x.Untouched = sentence(conf.Error()), "Nothing was changed."
		x.Next = []string{"correct the file; an unknown key is refused so that a slip of the pen is not ignored"}
	case errors.As(err, &date):
		x.Next = []string{"unset GIT_COMMITTER_DATE, or write it as git does: 2026-11-22T12:00:00+00:00"}
	case errors.As(err, &version):
		x.Next = []string{"versions follow semver.org: 1.4.0, 2.0.0-rc.1"}
	case errors.As(err, &target):
		if len(target.Fits) > 1 {
			x.Next = []string{"tag:, file:, commit: and image: say which is meant"}
		}
	case errors.As(err, &lifetime):
		x.Next = []string{"2y, 18m, 90d, a date such as 2028-01-31, or never"}
	case errors.As(err, &param), errors.As(err, &ref), errors.As(err, &tagName), errors.As(err, &conflict), errors.As(err, &message),
		errors.As(err, &duplicate), errors.As(err, &keyFile), errors.As(err, &syntax), errors.As(err, &root), errors.As(err, &pattern),
		errors.As(err, &format), errors.As(err, &outside), errors.Is(err, doublestar.ErrBadPattern), errors.Is(err, cosign.ErrNotPublicKey):
	case errors.As(err, &several):
		x.Next = []string{"name one: --image-key FILE for a release, --key FILE for bulla image sign"}
	case errors.As(err, &irregular):
		x.Next = []string{"name regular files"}
	case errors.Is(err, images.ErrNoKey):
		x.Next = []string{"bulla image keygen makes one"}
	case errors.Is(err, workflow.ErrNothingToResume):
		x.Next = []string{"bulla release VERSION begins one"}
	default:
		return false
	}
	x.Code = CodeUsage
	return true
}
