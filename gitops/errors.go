package gitops

import (
	"errors"
	"fmt"
	"strings"
)

// The plain errors of this package; compare with errors.Is.
var (
	// ErrNotRepository: neither the folder nor one above it is a git repository.
	ErrNotRepository = errors.New("not a git repository")
	// ErrNoCommits: the branch that HEAD names has no commit yet.
	ErrNoCommits = errors.New("the repository has no commits yet")
	// ErrNoGit: the git program is needed and not installed.
	ErrNoGit = errors.New("the git program is not installed")
	// ErrNotFound: no such ref, object or file.
	ErrNotFound = errors.New("not found in the repository")
	// ErrUnreadableHead: HEAD is there but says nothing sensible.
	ErrUnreadableHead = errors.New("HEAD cannot be read")
)

// ExistsError says that a ref exists already. Nothing was changed.
type ExistsError struct {
	Ref string // the full name: refs/tags/v1.0.0
	ID  string // what it points at
}

func (e *ExistsError) Error() string { return fmt.Sprintf("%s exists already (%s)", e.Ref, e.ID) }

// ConflictError says that a ref cannot be made beside another: refs/tags/a and refs/tags/a/b
// exclude each other.
type ConflictError struct{ Ref, With string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s cannot exist beside %s", e.Ref, e.With)
}

// MovedError says that a ref no longer points where the caller said. Nothing was changed.
type MovedError struct{ Ref, Want, Is string }

func (e *MovedError) Error() string {
	return fmt.Sprintf("%s is %s now, not %s", e.Ref, e.Is, e.Want)
}

// LockedError says that another program holds the lock of a ref, or died holding it.
type LockedError struct {
	Ref  string
	Path string // the lock file
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is locked by another program: %s", e.Ref, e.Path)
}

// UnsupportedRepositoryError says that neither go-git nor the git program at hand can work with
// the repository. It was not touched.
type UnsupportedRepositoryError struct {
	Extension string // "objectformat", "refstorage", … as in git's configuration
	Need      string // what would help: "git 2.45 or newer"
	Cause     error
}

func (e *UnsupportedRepositoryError) Error() string {
	return fmt.Sprintf("this repository uses git's extension %q, which needs %s", e.Extension, e.Need)
}

func (e *UnsupportedRepositoryError) Unwrap() error { return e.Cause }

// OwnershipError says that git refuses the repository because another user owns it
// (safe.directory in git-config).
type OwnershipError struct{ Dir string }

func (e *OwnershipError) Error() string {
	return fmt.Sprintf("git does not use %s because another user owns it", e.Dir)
}

// Fix is the command that makes git trust the folder, as separate arguments.
func (e *OwnershipError) Fix() []string {
	return []string{"git", "config", "--global", "--add", "safe.directory", e.Dir}
}

// IdentityError says that git knows no name or no address to sign with.
type IdentityError struct {
	// Missing are git configuration keys: user.name, user.email.
	Missing []string
	// Includes says that the configuration includes other files, which only the git program
	// follows, and that there is none.
	Includes bool
}

func (e *IdentityError) Error() string {
	s := "git does not know who you are: set " + strings.Join(e.Missing, " and ")
	if e.Includes {
		s += " (the configuration includes other files, which needs the git program)"
	}
	return s
}

// DateError says that GIT_COMMITTER_DATE cannot be read.
type DateError struct{ Value string }

func (e *DateError) Error() string {
	return fmt.Sprintf("GIT_COMMITTER_DATE cannot be read: %q", e.Value)
}

// MessageError says why a tag message cannot be used.
type MessageError struct{ Reason string }

func (e *MessageError) Error() string { return "the tag message cannot be used: " + e.Reason }

// TooLargeError says that something in the repository is larger than bulla reads.
type TooLargeError struct {
	What  string
	Size  int64 // bytes; 0 if not known
	Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s is larger than %d bytes", e.What, e.Limit)
}

// MalformedError says that an object is not what git would write.
type MalformedError struct{ ID, Type, Reason string }

func (e *MalformedError) Error() string {
	return fmt.Sprintf("malformed %s object %s: %s", e.Type, e.ID, e.Reason)
}

// GitError is a git program that ended with an error. It holds no argument but the command.
type GitError struct {
	Command string // "status", "push"
	Code    int    // exit code; -1 if killed
	Stderr  string // credentials in addresses redacted; raw text otherwise
	Cause   error
}

func (e *GitError) Error() string {
	if m := tellingLine(e.Stderr); m != "" {
		return fmt.Sprintf("git %s: %s", e.Command, m)
	}
	if e.Code <= 0 && e.Cause != nil {
		return fmt.Sprintf("git %s: %v", e.Command, e.Cause)
	}
	return fmt.Sprintf("git %s ended with code %d", e.Command, e.Code)
}

func (e *GitError) Unwrap() error { return e.Cause }

// RemoteError says that a remote could not be asked.
type RemoteError struct {
	Remote string // name or address, without credentials
	Output string // what git and the remote said, without credentials
	Cause  error
}

func (e *RemoteError) Error() string {
	return describeRemote("the remote "+e.Remote+" could not be asked", e.Output, e.Cause)
}

func (e *RemoteError) Unwrap() error { return e.Cause }

// PushError says that a tag did not arrive everywhere it was pushed to. The local tag is untouched.
type PushError struct {
	Remote string // name or address, without credentials
	Tag    string
	// Rejected is the remote's or git's reason for refusing the ref, such as "already exists"
	// or "pre-receive hook declined"; empty if it did not come that far.
	Rejected string
	// Arrived are the addresses that have the tag nevertheless, where a remote has several: it is
	// public. Without credentials.
	Arrived []string
	Output  string // what git and the remote said, without credentials
	Cause   error
}

func (e *PushError) Error() string {
	s := fmt.Sprintf("tag %s was not pushed to %s", e.Tag, e.Remote)
	if e.Rejected != "" {
		return s + ": " + e.Rejected
	}
	return describeRemote(s, e.Output, e.Cause)
}

func (e *PushError) Unwrap() error { return e.Cause }

func describeRemote(s, output string, cause error) string {
	if m := tellingLine(output); m != "" {
		return s + ": " + m
	}
	if cause != nil {
		return s + ": " + cause.Error()
	}
	return s
}

// tellingLine picks the line of git's error output that tells most: the first one that
// begins with "fatal:" or "error:", otherwise the last.
func tellingLine(out string) string {
	last := ""
	for l := range strings.SplitSeq(out, "\n") {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "fatal: ") || strings.HasPrefix(l, "error: ") {
			return l[len("fatal: "):]
		}
		if l != "" {
			last = l
		}
	}
	return last
}
