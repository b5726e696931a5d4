package explain

import (
	"errors"
	"fmt"
	"strings"

	"bulla/gitops"
	"bulla/workflow/journal"
	"bulla/workflow/verify"
)

func repositories(err error, x *Explanation) bool {
	var unread *verify.UnreadPolicyError
	var owner *gitops.OwnershipError
	var unsupported *gitops.UnsupportedRepositoryError
	var exists *gitops.ExistsError
	var id *gitops.IdentityError
	var moved *gitops.MovedError
	var locked *gitops.LockedError
	var changed *gitops.ConfigChangedError
	switch {
	case errors.As(err, &changed):
		x.Untouched, x.Code = "It was not changed.", CodeRefused
		x.Next = []string{"look at the file, and try again"}
	case errors.As(err, &unread):
		x.Headline, x.Cause, x.Code = sentence(unread.Error()), sentence(unread.Cause.Error()), CodeUnchecked
		var failed *gitops.GitError
		if errors.As(unread.Cause, &failed) && strings.Contains(failed.Stderr, "promisor") {
			x.Cause = "This is a partial clone, and that part of HEAD is not here."
		}
		x.Next = []string{"git show HEAD:bulla.toml fetches it", "--no-policy judges without one"}
	case errors.Is(err, gitops.ErrNotRepository):
		x.Headline, x.Code = "This is not a git repository.", CodeUsage
		x.Next = []string{"go into the project you want to release", "bulla sandbox opens a practice world"}
	case errors.Is(err, gitops.ErrNotFound):
		x.Code = CodeUsage
	case errors.As(err, &owner):
		x.Headline, x.Code = sentence(owner.Error()), CodeUsage
		x.Next = []string{strings.Join(owner.Fix(), " ")}
	case errors.Is(err, gitops.ErrUnreadableHead):
		x.Code = CodeRefused
	case errors.Is(err, gitops.ErrNoCommits):
		x.Headline, x.Code = "The repository has no commits yet.", CodeRefused
	case errors.As(err, &unsupported):
		x.Headline, x.Code, x.Untouched = sentence(unsupported.Error()), CodeUsage, "The repository was not touched."
	case errors.As(err, &exists):
		x.Headline = fmt.Sprintf("%s exists already.", strings.TrimPrefix(exists.Ref, "refs/tags/"))
		x.Untouched, x.Code = "It was not changed.", CodeRefused
		x.Next = []string{"choose the next version; a published tag should never be moved"}
	case errors.As(err, &moved):
		x.Headline = fmt.Sprintf("%s was moved by somebody else meanwhile.", strings.TrimPrefix(moved.Ref, "refs/tags/"))
		x.Cause = fmt.Sprintf("It was %s and is %s now.", moved.Want, moved.Is)
		x.Untouched, x.Code = "It was not changed.", CodeRefused
	case errors.As(err, &locked):
		x.Untouched, x.Code = "It was not changed.", CodeRefused
		x.Next = []string{"wait for the other program; if no git is at work, remove " + locked.Path}
	case errors.Is(err, gitops.ErrNoGit):
		x.Code, x.Next = CodeRefused, []string{"install git: this needs it"}
	case errors.As(err, &id):
		x.Code = CodeRefused
		x.Next = []string{`git config user.name "Your Name"`, "git config user.email you@example.org"}
	case errors.Is(err, journal.ErrRunning):
		x.Headline, x.Code = "Another bulla is releasing this repository right now.", CodeRefused
	default:
		return false
	}
	return true
}

func pushing(err error, x *Explanation) bool {
	var push *gitops.PushError
	if !errors.As(err, &push) {
		return false
	}
	x.Headline = fmt.Sprintf("The tag %s was not pushed to %s.", push.Tag, push.Remote)
	x.Cause = pushCause(push)
	x.Untouched = "The tag is signed and safe in this repository."
	x.Next = []string{fmt.Sprintf("bulla release %s --resume tries again; so does git push %s refs/tags/%s", push.Tag, push.Remote, push.Tag)}
	switch {
	case len(push.Arrived) > 0:
		x.Headline = fmt.Sprintf("The tag %s was not pushed everywhere that %s pushes to.", push.Tag, push.Remote)
		x.Untouched = fmt.Sprintf("It is public at %s.", strings.Join(push.Arrived, " and "))
	case push.Rejected == alreadyExists:
		x.Next = []string{
			fmt.Sprintf("git ls-remote %s refs/tags/%s shows what is there", push.Remote, push.Tag),
			fmt.Sprintf("if it is to stay, take this release back: bulla release %s --abandon; then choose the next version", push.Tag),
		}
	default:
		x.Next = append(x.Next, fmt.Sprintf("git tag -d %s takes the local tag back", push.Tag))
	}
	x.Code = CodeIncomplete
	return true
}

// alreadyExists is git's reason where the remote has another tag of that name.
const alreadyExists = "already exists"

// pushCause says in a line why a push failed.
func pushCause(push *gitops.PushError) string {
	words := remoteWords(push.Output)
	switch {
	case push.Rejected == alreadyExists:
		return "The remote has another tag of that name."
	case push.Rejected == "":
		return sentence(strings.Join(pushWords(push.Output), " "))
	case words != "":
		return sentence(push.Rejected) + " The remote says: " + sentence(words)
	}
	return sentence(push.Rejected)
}

// pushWords are the lines of git's output that say what went wrong: neither what went well, nor the
// line that only says that something did not.
func pushWords(output string) (words []string) {
	const most = 4 // lines
	for l := range strings.Lines(output) {
		l = strings.TrimRight(l, "\r\n")
		switch text := strings.TrimSpace(l); {
		case text == "", text == "Done", strings.Contains(l, "\t"), strings.HasPrefix(l, "To "),
			strings.HasPrefix(l, "error: failed to push some refs"), len(words) == most:
		default:
			words = append(words, strings.TrimPrefix(strings.TrimPrefix(text, "fatal: "), "error: "))
		}
	}
	return words
}

// remoteWords is what a remote's hooks said, as git passes it on: its lines begin with "remote:".
func remoteWords(output string) string {
	const most = 3 // lines
	var words []string
	for l := range strings.Lines(output) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(l), "remote:"); ok && strings.TrimSpace(text) != "" && len(words) < most {
			words = append(words, strings.TrimSpace(text))
		}
	}
	return strings.Join(words, " ")
}

// asking explains why a git remote or the git program gave no answer.
func asking(err error, x *Explanation) bool {
	var remote *gitops.RemoteError
	var git *gitops.GitError
	switch {
	case errors.As(err, &remote):
		x.Code, x.Next = CodeUnchecked, []string{"check the network, and the address: git remote -v"}
	case errors.As(err, &git):
		if last := strings.TrimSpace(git.Stderr); !strings.Contains(x.Headline, last) {
			x.Cause = last
		}
	default:
		return false
	}
	return true
}
