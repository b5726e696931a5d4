package workflow

import (
	"cmp"
	"fmt"

	"bulla/workflow/finding"
)

// Severity says whether a Finding stops the release, and Rule what it is about: those of findings about
// keys, too.
type (
	Severity = finding.Severity
	Rule     = finding.Rule
)

// The severities.
const (
	SeverityError   = finding.Error   // the release is refused
	SeverityWarning = finding.Warning // worth a look; the release may go on
	SeverityInfo    = finding.Info
)

// The rules of preflight.
const (
	RuleNoCommits       Rule = "no-commits"
	RuleDirty           Rule = "dirty-tree"
	RuleDetached        Rule = "detached-head"
	RuleBranch          Rule = "wrong-branch"
	RuleVersion         Rule = "bad-version"
	RuleTagExists       Rule = "tag-exists"
	RuleTagRemote       Rule = "tag-exists-remote"
	RuleRemote          Rule = "remote-unreachable"
	RuleNotPushed       Rule = "commit-not-pushed"
	RuleIdentity        Rule = "no-identity"
	RuleSSHFormat       Rule = "gpg-format"
	RuleSigningKey      Rule = "git-signingkey"
	RuleOtherSigner     Rule = "other-signer"
	RuleNoKey           Rule = "no-key"
	RuleKeyUnusable     Rule = "key-unusable"
	RuleKeyExpiring     Rule = "key-expiring"
	RuleKeyWeak         Rule = "key-weak"
	RuleKeysFile        Rule = "keys-file-not-pushed"
	RuleNoArtifacts     Rule = "no-artifacts"
	RuleArtifact        Rule = "artifact-unusable"
	RuleArtifactSet     Rule = "artifact-set"
	RuleImageSet        Rule = "image-set"
	RuleArtifactStale   Rule = "artifact-stale"
	RuleSignatureExists Rule = "signature-exists"
	RuleImage           Rule = "image-unresolved"
	RuleImageKey        Rule = "image-key"
	RuleRegistry        Rule = "registry"
	RuleContentTrust    Rule = "content-trust"
	RuleInterrupted     Rule = "interrupted"
	RuleMessage         Rule = "no-message"
	RulePolicy          Rule = "policy"
)

// Finding is one thing that preflight noticed.
type Finding struct {
	Rule     Rule
	Severity Severity
	// Step is the step of the walk where it can be mended.
	Step StepID
	// Message is one plain sentence; Hint says what to do next. Both may quote text from
	// outside and must be cleaned before a terminal sees them.
	Message, Hint string
	// Here is Hint for who walks through the questions, where no option is typed; "" where Hint names
	// none.
	Here string
	// Err is the error behind it, if there is one.
	Err error
	// Unreachable marks an error that means "could not be checked" (exit 3) and not "refused"
	// (exit 4).
	Unreachable bool
}

// Advice says what to do next within the walk.
func (f Finding) Advice() string { return cmp.Or(f.Here, f.Hint) }

// RefusedError says that preflight stopped a release before anything was done.
type RefusedError struct{ Findings []Finding }

func (e *RefusedError) Error() string {
	for _, f := range e.Findings {
		if f.Severity == SeverityError {
			return f.Message
		}
	}
	return fmt.Sprintf("refused by preflight (%d findings)", len(e.Findings))
}

// Errors are the findings that refuse the release.
func (e *RefusedError) Errors() []Finding { return withSeverity(e.Findings, SeverityError) }

// Unreachable reports whether every error is one of reach: nothing is known to be wrong.
func (e *RefusedError) Unreachable() bool {
	errs := e.Errors()
	for _, f := range errs {
		if !f.Unreachable {
			return false
		}
	}
	return len(errs) > 0
}

func withSeverity(fs []Finding, s Severity) (out []Finding) {
	for _, f := range fs {
		if f.Severity == s {
			out = append(out, f)
		}
	}
	return out
}
