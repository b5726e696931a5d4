package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/bmatcuk/doublestar/v4"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/agent/assuan"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/ui/safetext"
	"bulla/workflow"
	"bulla/workflow/firstkey"
	"bulla/workflow/images"
	"bulla/workflow/journal"
	"bulla/workflow/kit"
	"bulla/workflow/policy"
	"bulla/workflow/project"
	"bulla/workflow/source"
	"bulla/workflow/verify"
)

// Explanation is an error in words for a person. The texts may quote what came from outside:
// clean them before a terminal sees them.
type Explanation struct {
	// Headline says in one plain sentence what is wrong; Cause says why, where that is more.
	Headline, Cause string
	// Untouched says what is safe.
	Untouched string
	// Next are things to do about it.
	Next []string
	// Problems are all that is wrong where it is more than one thing; Headline is then the first of
	// them, and Cause tells the others.
	Problems []Problem
	Code     int
}

// Problem is one of several things that are wrong.
type Problem struct {
	Text string // one plain sentence
	Hint string // what to do about it, or ""
}

// UsageError is a command line that cannot be understood or answered. Hint names what would.
type UsageError struct {
	Message string
	Hints   []string
}

func (e *UsageError) Error() string { return e.Message }

// WrongPassphraseError says that the passphrase which a flag brought is wrong. It matches
// keys.ErrWrongPassphrase.
type WrongPassphraseError struct {
	Flag    string // such as --passphrase-fd
	Request keys.PassphraseRequest
	// Untried says that it is the PIN of a card that takes but one more wrong one: it was not tried.
	Untried bool
}

func (e *WrongPassphraseError) Error() string {
	return "the passphrase from " + e.Flag + " is wrong"
}

func (e *WrongPassphraseError) Unwrap() error { return keys.ErrWrongPassphrase }

// PartialError is work that began and could not finish. Done says in plain words what exists.
type PartialError struct {
	Done string
	Err  error
}

func (e *PartialError) Error() string { return e.Err.Error() }

func (e *PartialError) Unwrap() error { return e.Err }

// ReportError says that work is done, and only its report could not be written.
type ReportError struct {
	Done string // what stands, in plain words
	Err  error
}

func (e *ReportError) Error() string { return "the report could not be written: " + e.Err.Error() }

func (e *ReportError) Unwrap() error { return e.Err }

// ErrLeft is how a person leaves at a question, before anything was changed. It is a
// context.Canceled.
var ErrLeft = fmt.Errorf("left: %w", context.Canceled)

// Error explains err, which must not be nil. Of an error that nobody foresaw it claims nothing but
// what the error says.
func Error(err error) Explanation {
	x, _ := known(err)
	return x
}

// known explains err, and reports whether somebody foresaw it.
func known(err error) (Explanation, bool) {
	x := Explanation{Headline: sentence(err.Error()), Code: CodeFailed}
	var unheard *ReportError
	if errors.As(err, &unheard) {
		x.Headline, x.Untouched = sentence(unheard.Error()), unheard.Done
		return x, true
	}
	var partial *PartialError
	if errors.As(err, &partial) {
		x = Error(partial.Err)
		x.Untouched = partial.Done
		if x.Code != CodeCancelled {
			x.Code = CodeIncomplete
		}
		return x, true
	}
	for _, explainer := range []func(error, *Explanation) bool{
		lostAnswers, journalling, abandoning, incomplete, journalTrouble, publishing, cancelled, refused, usage, gnupg, passphrases, selecting, keyChanges, publicKeys, stores,
		repositories, pushing, contentTrust, imaging, asking, judging, registries, files,
	} {
		if explainer(err, &x) {
			return x, true
		}
	}
	return x, false
}

// sentence gives an error's text a capital letter and a full stop. A name at the beginning, of a
// file or a program, keeps its spelling.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return "Something went wrong."
	}
	first, _, _ := strings.Cut(s, " ")
	isName := strings.ContainsAny(first, `./\:_`) || first == "git" || strings.HasPrefix(first, "gpg")
	if r := s[0]; r >= 'a' && r <= 'z' && !isName {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
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

// opens names what a passphrase opens.
func opens(r keys.PassphraseRequest) string {
	what := map[keys.PassphrasePurpose]string{
		keys.PurposeOpenPGP: "the key", keys.PurposeAgent: "GnuPG's key", keys.PurposeImage: "the image key", keys.PurposeVault: "the vault",
		keys.PurposeTrustRoot: "the root key", keys.PurposeTrust: "the Content Trust key",
	}[r.Purpose]
	if (r.Purpose == keys.PurposeTrustRoot || r.Purpose == keys.PurposeTrust) && r.Label != "" {
		return "the " + r.Label // it says which kind of key it is
	}
	if what == "" {
		what = "the key"
	}
	return strings.TrimSpace(what + " " + cmp.Or(r.Label, r.ID))
}

// TriesLeft is a sentence on how many wrong PINs a card still takes, "" if it does not say.
func TriesLeft(n int) string {
	switch {
	case n < 0:
		return ""
	case n == 0:
		return "It takes no more: it is blocked."
	case n == 1:
		return "It takes one more wrong PIN, then it blocks itself."
	}
	return fmt.Sprintf("It takes %d more wrong PINs, then it blocks itself.", n)
}

// PINTries is what to say before a PIN is asked for: that the one before was wrong, and how many
// wrong ones the card still takes; "" while there is nothing to say. With one left none was given
// before, see keys.PassphraseRequest.
func PINTries(r keys.PassphraseRequest) string {
	switch {
	case r.TriesLeft == 1:
		return TriesLeft(1)
	case r.Attempt > 1:
		return strings.TrimSpace("That was not the right one. " + TriesLeft(r.TriesLeft))
	}
	return ""
}

// notOpened is what an error about a passphrase leaves untouched, whether the key was to sign, to
// be exported or to be changed.
const notOpened = "Nothing was done with the key."

func passphrases(err error, x *Explanation) bool {
	var unlock *keys.UnlockError
	var brought *WrongPassphraseError
	var nobody *keys.NoPassphraseError
	var forgotten *firstkey.ForgottenError
	switch {
	case errors.As(err, &brought) && brought.Request.Card != "":
		x.Headline, x.Untouched, x.Code = fmt.Sprintf("The PIN of card %s is wrong.", brought.Request.Card), notOpened, CodeRefused
		x.Cause = fmt.Sprintf("It came by %s. %s", brought.Flag, TriesLeft(brought.Request.TriesLeft))
		if brought.Untried {
			x.Headline = fmt.Sprintf("Card %s takes only one more wrong PIN.", brought.Request.Card)
			x.Cause = fmt.Sprintf("The one from %s was not tried: were it wrong, the card would block itself.", brought.Flag)
			x.Next = []string{"type the PIN in a terminal; the right one gives back all tries"}
		}
	case errors.As(err, &forgotten):
		x.Headline, x.Code = "No backup was made: what was typed does not open the key.", CodeRefused
		x.Untouched = "The key is as it was."
		x.Next = []string{
			"try again, slowly: capitals, the keyboard's language",
			fmt.Sprintf("if the passphrase is gone and the key published nowhere, bulla keys delete %s --without-backup removes it; then make another", forgotten.Key),
		}
	case errors.As(err, &brought):
		x.Headline, x.Cause = fmt.Sprintf("The passphrase of %s is wrong.", opens(brought.Request)), "It came by "+brought.Flag+"."
		x.Untouched, x.Code = notOpened, CodeRefused
	case errors.As(err, &unlock):
		x.Headline = fmt.Sprintf("The passphrase of %s was wrong %d times.", opens(unlock.Request), unlock.Tries)
		x.Untouched = notOpened
		x.Next = []string{"try again, or choose another key"}
		x.Code = CodeRefused
	case errors.Is(err, keys.ErrWrongPassphrase):
		x.Headline, x.Untouched, x.Code = "The passphrase is wrong.", notOpened, CodeRefused
	case errors.As(err, &nobody) && nobody.Request.Card != "":
		x.Headline = fmt.Sprintf("There is nobody to ask for the PIN of card %s.", nobody.Request.Card)
		x.Untouched, x.Code = notOpened, CodeUsage
		x.Next = []string{passphraseFlag(nobody.Request.Purpose), "or sign in a terminal, where it is asked for"}
	case errors.As(err, &nobody):
		x.Headline = fmt.Sprintf("There is nobody to ask for the passphrase of %s.", opens(nobody.Request))
		x.Untouched, x.Code = notOpened, CodeUsage
		x.Next = []string{passphraseFlag(nobody.Request.Purpose), "or keep it once, in a terminal: in the keychain, or in an encrypted vault where there is none"}
	case errors.Is(err, keys.ErrNoPassphrase):
		x.Headline = "The key is protected, and there is nobody to ask for its passphrase."
		x.Untouched, x.Code = notOpened, CodeUsage
		x.Next = []string{passphraseFlag(""), "or keep it once, in a terminal: in the keychain, or in an encrypted vault where there is none"}
	default:
		return false
	}
	return true
}

// passphraseFlag says how a script hands over a passphrase.
func passphraseFlag(p keys.PassphrasePurpose) string {
	switch p {
	case keys.PurposeImage:
		return "--image-passphrase-fd N reads it from file descriptor N; for commands that sign images alone, --passphrase-fd N"
	case keys.PurposeTrust:
		return "--trust-passphrase-fd N reads it from file descriptor N; for the commands of bulla image trust, --passphrase-fd N"
	case keys.PurposeTrustRoot:
		return "--root-passphrase-fd N reads it from file descriptor N"
	}
	return "--passphrase-fd N reads it from file descriptor N"
}

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
	case errors.As(err, &failed):
		x.Cause = strings.TrimSpace(failed.Output)
	case errors.As(err, &missing):
		x.Code, x.Next = CodeUnchecked, []string{"bulla keys import FILE brings it"}
	case errors.As(err, &object), errors.As(err, &line):
	case errors.As(err, &large), errors.As(err, &limit), errors.Is(err, artifacts.ErrTooLarge):
		x.Code = CodeUnchecked
	default:
		return false
	}
	return true
}

func registries(err error, x *Explanation) bool {
	var file *docker.CertificateError
	var moved *docker.MovedError
	var reg *docker.RegistryError
	var unlisted *docker.NotListedError
	switch {
	case errors.As(err, &file):
		x.Headline, x.Cause = fmt.Sprintf("The file %s cannot be used for the connection.", file.Path), sentence(file.Reason)
		x.Untouched, x.Code = "Nothing was asked of the server.", CodeUsage
		x.Next = []string{"put it right, or move it away: Docker reads it too"}
		return true
	case errors.As(err, &unlisted):
		x.Untouched = "The signature itself is in the registry."
		x.Next = []string{"bulla image sign again lists it; it makes no second one"}
		x.Code = CodeIncomplete
		return true
	case errors.As(err, &moved):
		x.Headline = fmt.Sprintf("%s was moved while it was signed.", moved.Ref)
		x.Cause = fmt.Sprintf("It pointed to %s and points to %s now. The signature covers the first.", moved.Was, moved.Is)
		x.Next = []string{"find out who pushed; then sign what the tag should point to"}
		x.Code = CodeFailed
		return true
	case !errors.As(err, &reg):
		return false
	}
	x.Cause, x.Code = reg.Detail, CodeRefused
	switch reg.Kind {
	case docker.KindUnreachable:
		x.Headline, x.Code = fmt.Sprintf("The registry %s cannot be reached.", reg.Host), CodeUnchecked
		if x.Next = []string{"check the network and the name"}; reg.Err != nil {
			x.Cause, x.Next = unreached(reg.Host, reg.Op+" of "+reg.Repo, reg.Err)
		}
	case docker.KindUnauthorized:
		x.Headline, x.Next = fmt.Sprintf("The registry %s does not know who you are (401).", reg.Host), []string{"docker login " + reg.Host}
	case docker.KindForbidden:
		if !reg.Writing() {
			x.Headline = fmt.Sprintf("The registry %s does not let you read %s (403).", reg.Host, reg.Repo)
			x.Next = []string{"docker login " + reg.Host + " as someone who may"}
			break
		}
		x.Headline = fmt.Sprintf("The registry %s refused to let you write to %s (403).", reg.Host, reg.Repo)
		x.Next = []string{"an image's signature is stored beside it: signing needs the right to push"}
	case docker.KindNotFound:
		x.Headline = fmt.Sprintf("%s has no such image: %s.", reg.Host, imageIn(reg))
		x.Next = []string{"push the image first"}
	case docker.KindContent, docker.KindTooLarge, docker.KindOther:
		x.Code = CodeUnchecked
	case docker.KindRateLimited, docker.KindServer:
		x.Headline, x.Code = fmt.Sprintf("The registry %s is in trouble (%d).", reg.Host, reg.Status), CodeUnchecked
		x.Next = []string{"try again later"}
	}
	return true
}

// imageIn names what a registry was asked for: the repository alone may well exist.
func imageIn(reg *docker.RegistryError) string {
	switch {
	case reg.Name == "":
		return reg.Repo
	case strings.Contains(reg.Name, ":"): // a digest
		return reg.Repo + "@" + reg.Name
	}
	return reg.Repo + ":" + reg.Name
}

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

// cards tells what is wrong with a smartcard and what to do about it.
func cards(c *agent.CardError, x *Explanation) {
	x.Headline, x.Untouched = sentence(c.Error()), "Nothing was signed."
	switch c.Problem {
	case agent.CardAbsent:
		x.Next = []string{"insert it, then try again"}
	case agent.CardWrongPIN:
		x.Headline, x.Cause = fmt.Sprintf("The PIN of card %s is wrong.", c.Serial), TriesLeft(c.TriesLeft)
	case agent.CardBlocked:
		x.Next = []string{"the reset code or the admin PIN sets a new one: gpg --card-edit, then admin, passwd, unblock PIN"}
	case agent.CardIdle:
		x.Next = []string{"try again, and touch the card when it blinks"}
	}
}

// gpgSaid is a line of one of GnuPG's programs without its own prefixes, safe to show: "gpg: WARNING: nothing
// exported" would alarm twice.
func gpgSaid(output string) string {
	said := safetext.Line(output)
	for _, prefix := range []string{"gpgconf: ", "gpg: ", "WARNING: ", "Note: "} {
		said = strings.TrimPrefix(said, prefix)
	}
	return said
}

func gnupg(err error, x *Explanation) bool {
	var loopback *agent.LoopbackError
	var card *agent.CardError
	var program *agent.ProgramError
	var did *agent.Error
	var server *assuan.ServerError
	switch {
	case errors.As(err, &loopback):
		x.Headline = "gpg-agent does not let bulla ask for the passphrase, and there is no terminal for its own prompt."
		x.Untouched, x.Code = "Nothing was signed or copied.", CodeUsage
		x.Next = []string{"do it in a terminal, without --yes: the agent asks there", "or remove no-allow-loopback-pinentry from " + loopback.Config + ", then run gpgconf --reload gpg-agent"}
		return true
	case errors.As(err, &card):
		cards(card, x)
	case errors.Is(err, agent.ErrCancelled):
		x.Headline, x.Code = "Cancelled at gpg-agent's own prompt.", CodeCancelled
		return true
	case errors.Is(err, keys.ErrWrongPassphrase):
		return false
	case errors.As(err, &program):
		x.Headline = "GnuPG could not do that."
		if x.Cause = program.Program + " says: " + gpgSaid(program.Output); program.Output == "" {
			x.Cause = sentence(program.Error())
		}
	case errors.As(err, &did), errors.As(err, &server):
	default:
		return false
	}
	x.Code = CodeRefused
	return true
}
