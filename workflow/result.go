package workflow

import (
	"context"
	"time"

	"bulla/artifacts"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/workflow/verify"
)

// Face is what a run needs from whoever stands before it.
type Face struct {
	// First, if it is set, answers before memory and the vault are looked at: what the command
	// line brought. Where it returns keys.ErrNoPassphrase the others are asked.
	First keys.AskPassphrase
	// Ask answers when neither memory nor the vault has the passphrase. It may be nil where
	// nobody can be asked.
	Ask keys.AskPassphrase
	// Lend gives the terminal to gpg-agent's own prompt, see agent.Attendant; nil where there is none.
	Lend func(ctx context.Context, use func(context.Context, agent.Terminal) error) error
	// Emit receives every event, from several goroutines but one at a time. It must not block
	// on the run.
	Emit func(Event)
	// Unattended says that nobody stands there: a keychain that would have to open a dialog is
	// left alone.
	Unattended bool
}

// Result is what a release made.
type Result struct {
	Plan       *Plan
	TagID      string // object id of the signed tag
	Files      []artifacts.Signed
	Checksums  []string // paths of SHA256SUMS and SHA512SUMS
	Images     []SignedImage
	Record     string // path of bulla-release.json
	Verdicts   []keys.Verdict
	Pushed     bool
	PushFailed error // a refused push is not a failed release; resuming it pushes again
	Resumed    bool
	Took       time.Duration
	// JournalFailed is a *JournalError where the release stands and only its journal is in trouble.
	JournalFailed error

	trust verify.PolicyState // by which the verdicts were decided
}

// SignedImage is an image and where its signatures are.
type SignedImage struct {
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Manifest string `json:"manifest"` // digest of the cosign signature's manifest; "" for none
	// TrustServer is where its tag is signed in Content Trust, TrustRoles into what; "" for not.
	TrustServer string   `json:"trust_server,omitempty"`
	TrustRoles  []string `json:"trust_roles,omitempty"`
}

// Good reports whether every verdict of the check as a stranger passes.
func (r *Result) Good() bool {
	failed, _ := r.Plan.failing(r.Verdicts, r.trust)
	return len(r.Verdicts) > 0 && len(failed) == 0
}

// IncompleteError says that a release began and could not finish. It can be resumed.
type IncompleteError struct {
	Tag  string
	Step StepID
	Err  error
	// Done lists in plain words what exists already; Left what does not yet.
	Done, Left []string
}

func (e *IncompleteError) Error() string {
	return "release " + e.Tag + " stopped at " + string(e.Step) + ": " + e.Err.Error()
}

func (e *IncompleteError) Unwrap() error { return e.Err }

// JournalError says that a release is done, and that its journal could not be put away. The next
// run may offer to resume it, which finds everything done.
type JournalError struct {
	Tag string
	Err error
}

func (e *JournalError) Error() string {
	return "release " + e.Tag + " is done, but its journal could not be put away: " + e.Err.Error()
}

func (e *JournalError) Unwrap() error { return e.Err }
