package verify

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/policy"
	"bulla/workflow/project"
)

// PolicyOptions say by which policy a Verifier decides whom to trust. The zero value takes the one
// that HEAD commits, or that of the working tree where HEAD has none.
type PolicyOptions struct {
	// None ignores every policy.
	None bool
	// File is a bulla.toml to take the policy from; its keyring is looked for beside it.
	File string
	// Draft takes the policy of the working tree, committed or not.
	Draft bool
	// Root is a commit whose policy the verifier trusts. Every change since must be signed by
	// someone whom the policy before it trusted.
	Root string
}

// PolicyState is what a Verifier made of the policy.
type PolicyState struct {
	// Policy is nil where none speaks.
	Policy *policy.Policy
	// Origin says where it was read: "HEAD", "the working tree", or a path.
	Origin string
	// Rooted says that the way from the root to HEAD was followed; Changes were found on it.
	Rooted  bool
	Changes []policy.Change
	// Notes are things that whoever reads the verdicts should know, in plain sentences.
	Notes []string

	keyring []byte
}

// ReadPolicy finds the policy of a repository and its keyring. repo is nil outside of one, root is ""
// in a bare one. The way from a root of the policy is not followed yet.
func ReadPolicy(ctx context.Context, repo *gitops.Repo, root string, o PolicyOptions) (s PolicyState, err error) {
	switch {
	case o.None && (o.File != "" || o.Root != ""), o.File != "" && o.Root != "":
		return s, &TargetError{Text: "--policy", Reason: "--policy, --policy-root and --no-policy exclude each other"}
	case o.None:
		return s, nil
	case o.File != "":
		if _, err := os.Stat(o.File); err != nil {
			return s, err
		}
		s, err = policyOfFile(o.File, filepath.Dir(o.File), o.File)
		if err == nil && s.Policy == nil {
			err = &project.ConfigError{Path: o.File, Message: "there is no [policy] table in it"}
		}
		return s, err
	case repo == nil:
		if o.Root != "" {
			return s, &TargetError{Text: o.Root, Reason: "there is no git repository here whose policy could be followed"}
		}
		return s, nil
	case o.Draft:
		return draftPolicy(root)
	}
	return committedPolicy(ctx, repo, root, o.Root != "")
}

// committedPolicy takes HEAD's policy, and notes how the working tree differs from it.
func committedPolicy(ctx context.Context, repo *gitops.Repo, root string, rooted bool) (s PolicyState, err error) {
	if s, err = policyOfHead(ctx, repo); err != nil {
		return s, err
	}
	draft, draftErr := draftPolicy(root)
	switch {
	case s.Policy == nil && rooted:
		return s, &TargetError{Text: "HEAD", Reason: "HEAD commits no [policy] in " + project.ConfigName}
	case s.Policy == nil && draft.Policy != nil:
		s = draft
		s.note("The policy in " + project.ConfigName + " is not committed yet.")
	case s.Policy == nil:
		return s, draftErr
	case root != "" && (draftErr != nil || !s.same(draft)):
		s.note("The policy or its keyring in the working tree differs from the committed one, which decides.")
	}
	if s.Policy != nil && !rooted {
		s.note("The policy is taken as it is in " + s.Origin + "; --policy-root COMMIT checks who changed it.")
	}
	return s, nil
}

func (s *PolicyState) note(text string) { s.Notes = append(s.Notes, text) }

func (s PolicyState) same(o PolicyState) bool {
	lf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }
	return s.Policy.Digest() == o.Policy.Digest() && bytes.Equal(lf(s.keyring), lf(o.keyring))
}

func policyOfHead(ctx context.Context, repo *gitops.Repo) (s PolicyState, err error) {
	s.Origin = "HEAD"
	data, err := repo.ReadFile(ctx, "HEAD", project.ConfigName)
	if errors.Is(err, gitops.ErrNotFound) {
		// That HEAD has no such file is known only where HEAD is here.
		_, err = repo.Commit(ctx, "HEAD")
		if err == nil {
			return PolicyState{}, nil
		}
	}
	if errors.Is(err, gitops.ErrNoCommits) {
		return PolicyState{}, nil
	}
	if err != nil {
		return PolicyState{}, unreadPolicy(ctx, err)
	}
	if s.Policy, err = project.ParsePolicy(data, "HEAD:"+project.ConfigName); err != nil || s.Policy == nil {
		return PolicyState{}, err
	}
	s.keyring, err = repo.ReadFile(ctx, "HEAD", s.Policy.Keyring)
	if errors.Is(err, gitops.ErrNotFound) {
		if err = nil; len(s.Policy.Signers) == 0 {
			return s, nil
		}
		s.Notes = append(s.Notes, "The policy's keyring "+s.Policy.Keyring+" is not committed.")
	}
	return s, unreadPolicy(ctx, err)
}

// UnreadPolicyError says that HEAD is here and its policy is not, as in a partial clone: nobody knows
// whether one speaks, and what it says.
type UnreadPolicyError struct{ Cause error }

func (e *UnreadPolicyError) Error() string {
	return "the policy in HEAD cannot be read, so that nobody knows whom to trust"
}

func (e *UnreadPolicyError) Unwrap() error { return e.Cause }

func unreadPolicy(ctx context.Context, err error) error {
	var owner *gitops.OwnershipError
	if err == nil || ctx.Err() != nil || errors.As(err, &owner) {
		return err
	}
	return &UnreadPolicyError{Cause: err}
}

func draftPolicy(root string) (PolicyState, error) {
	if root == "" {
		return PolicyState{}, nil
	}
	return policyOfFile(filepath.Join(root, project.ConfigName), root, "the working tree")
}

// policyOfFile reads a policy from a bulla.toml, and its keyring below root. Without the file or
// the table it is the zero state.
func policyOfFile(path, root, origin string) (s PolicyState, err error) {
	data, err := limits.ReadIfThere(path, project.MaxConfigSize)
	if err != nil {
		return s, err
	}
	p, err := project.ParsePolicy(data, path)
	if err != nil || p == nil {
		return s, err
	}
	s = PolicyState{Policy: p, Origin: origin}
	ring := filepath.Join(root, filepath.FromSlash(p.Keyring))
	if s.keyring, err = limits.ReadIfThere(ring, keys.MaxKeyringBytes); err == nil && s.keyring == nil && len(p.Signers) > 0 {
		s.Notes = append(s.Notes, "The policy's keyring "+p.Keyring+" is missing.")
	}
	return s, err
}

// CoSignersMissing reports whether all that the policy has against v is that others have not signed
// yet.
func (s PolicyState) CoSignersMissing(v keys.Verdict) bool {
	if s.Policy == nil || v.Trusted == nil || *v.Trusted || !v.Status.Sound() || v.Signer == nil {
		return false
	}
	v.Trusted = nil
	r := s.Policy.Evaluate(policy.Target{Kind: v.Kind, Name: v.Target}, []keys.Verdict{v}, v.Signer.SignedAt)
	return r.Decisions[0].Standing == policy.StandingTrusted
}
