package workflow

import (
	"fmt"

	"bulla/workflow/finding"
)

// The rules of preflight.
const (
	RuleNoCommits       finding.Rule = "no-commits"
	RuleDirty           finding.Rule = "dirty-tree"
	RuleDetached        finding.Rule = "detached-head"
	RuleBranch          finding.Rule = "wrong-branch"
	RuleVersion         finding.Rule = "bad-version"
	RuleTagExists       finding.Rule = "tag-exists"
	RuleTagRemote       finding.Rule = "tag-exists-remote"
	RuleRemote          finding.Rule = "remote-unreachable"
	RuleNotPushed       finding.Rule = "commit-not-pushed"
	RuleIdentity        finding.Rule = "no-identity"
	RuleOtherSigner     finding.Rule = "other-signer"
	RuleKeyUnusable     finding.Rule = "key-unusable"
	RuleKeyExpiring     finding.Rule = "key-expiring"
	RuleKeyWeak         finding.Rule = "key-weak"
	RuleKeysFile        finding.Rule = "keys-file-not-pushed"
	RuleNoArtifacts     finding.Rule = "no-artifacts"
	RuleArtifact        finding.Rule = "artifact-unusable"
	RuleArtifactSet     finding.Rule = "artifact-set"
	RuleImageSet        finding.Rule = "image-set"
	RuleArtifactStale   finding.Rule = "artifact-stale"
	RuleSignatureExists finding.Rule = "signature-exists"
	RuleImage           finding.Rule = "image-unresolved"
	RuleImageMoved      finding.Rule = "image-moved"
	RuleImageKey        finding.Rule = "image-key"
	RuleRegistry        finding.Rule = "registry"
	RuleInterrupted     finding.Rule = "interrupted"
	RuleMessage         finding.Rule = "no-message"
	RulePolicy          finding.Rule = "policy"
)

// Finding is one thing that preflight noticed.
type Finding struct {
	finding.Finding
	// Step is the step of the walk where it can be mended.
	Step StepID
}

// OfNamedVersion reports whether the finding is about the version that was named before the walk: it is
// taken, or is none. Without one named it is no news that a version is to be chosen.
func (f Finding) OfNamedVersion(c Choices) bool {
	switch f.Rule {
	case RuleVersion, RuleTagExists, RuleTagRemote:
		return c.Version != ""
	}
	return false
}

// RefusedError says that preflight stopped a release before anything was done.
type RefusedError struct{ Findings []Finding }

func (e *RefusedError) Error() string {
	for _, f := range e.Findings {
		if f.Severity == finding.Error {
			return f.Message
		}
	}
	return fmt.Sprintf("refused by preflight (%d findings)", len(e.Findings))
}

// Errors are the findings that refuse the release.
func (e *RefusedError) Errors() []Finding { return withSeverity(e.Findings, finding.Error) }

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

func withSeverity(fs []Finding, s finding.Severity) (out []Finding) {
	for _, f := range fs {
		if f.Severity == s {
			out = append(out, f)
		}
	}
	return out
}
