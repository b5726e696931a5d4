package workflow

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/policy"
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

// Policy is by what the Verifier decides whom to trust.
func (v *Verifier) Policy() PolicyState { return v.trust }

// Keyring holds the public keys that the Verifier judges with.
func (v *Verifier) Keyring() *keys.Keyring { return v.judge.Keyring }

// ImageKeys are the public keys that the Verifier checks image signatures with.
func (v *Verifier) ImageKeys() []cosign.PublicKey { return slices.Clone(v.imageKeys) }

// DecideImage lets the policy decide on verdicts about the image with a digest, in place.
func (v *Verifier) DecideImage(vs []keys.Verdict, digest string) []keys.Verdict {
	return v.decideOne(vs, digest)
}

// Registry is the client that images are looked at with, nil where the network is not to be used.
func (v *Verifier) Registry() *docker.Client {
	if v.offline {
		return nil
	}
	return v.registry
}

// readPolicy finds the policy and its keyring, before there is a judge.
func (v *Verifier) readPolicy(ctx context.Context, o PolicyOptions) (err error) {
	switch {
	case o.None && (o.File != "" || o.Root != ""), o.File != "" && o.Root != "":
		return &TargetError{Text: "--policy", Reason: "--policy, --policy-root and --no-policy exclude each other"}
	case o.None:
		return nil
	case o.File != "":
		if _, err := os.Stat(o.File); err != nil {
			return err
		}
		v.trust, err = policyOfFile(o.File, filepath.Dir(o.File), o.File)
		if err == nil && v.trust.Policy == nil {
			err = &ConfigError{Path: o.File, Message: "there is no [policy] table in it"}
		}
		return err
	case v.repo == nil:
		if o.Root != "" {
			return &TargetError{Text: o.Root, Reason: "there is no git repository here whose policy could be followed"}
		}
		return nil
	case o.Draft:
		v.trust, err = v.draftPolicy()
		return err
	}
	return v.committedPolicy(ctx, o.Root != "")
}

// committedPolicy takes HEAD's policy, and notes how the working tree differs from it.
func (v *Verifier) committedPolicy(ctx context.Context, rooted bool) (err error) {
	if v.trust, err = v.policyOfHead(ctx); err != nil {
		return err
	}
	draft, draftErr := v.draftPolicy()
	switch {
	case v.trust.Policy == nil && rooted:
		return &TargetError{Text: "HEAD", Reason: "HEAD commits no [policy] in " + ConfigName}
	case v.trust.Policy == nil && draft.Policy != nil:
		v.trust = draft
		v.note("The policy in " + ConfigName + " is not committed yet.")
	case v.trust.Policy == nil:
		return draftErr
	case v.root != "" && (draftErr != nil || !v.trust.same(draft)):
		v.note("The policy or its keyring in the working tree differs from the committed one, which decides.")
	}
	if v.trust.Policy != nil && !rooted {
		v.note("The policy is taken as it is in " + v.trust.Origin + "; --policy-root COMMIT checks who changed it.")
	}
	return nil
}

func (v *Verifier) note(s string) { v.trust.Notes = append(v.trust.Notes, s) }

func (s PolicyState) same(o PolicyState) bool {
	lf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }
	return s.Policy.Digest() == o.Policy.Digest() && bytes.Equal(lf(s.keyring), lf(o.keyring))
}

func (v *Verifier) policyOfHead(ctx context.Context) (s PolicyState, err error) {
	s.Origin = "HEAD"
	data, err := v.repo.ReadFile(ctx, "HEAD", ConfigName)
	if errors.Is(err, gitops.ErrNotFound) {
		// That HEAD has no such file is known only where HEAD is here.
		_, err = v.repo.Commit(ctx, "HEAD")
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
	if s.Policy, err = parsePolicy(data, "HEAD:"+ConfigName); err != nil || s.Policy == nil {
		return PolicyState{}, err
	}
	s.keyring, err = v.repo.ReadFile(ctx, "HEAD", s.Policy.Keyring)
	if errors.Is(err, gitops.ErrNotFound) {
		err = nil
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

func (v *Verifier) draftPolicy() (PolicyState, error) {
	if v.root == "" {
		return PolicyState{}, nil
	}
	return policyOfFile(filepath.Join(v.root, ConfigName), v.root, "the working tree")
}

// policyOfFile reads a policy from a bulla.toml, and its keyring below root. Without the file or
// the table it is the zero state.
func policyOfFile(path, root, origin string) (s PolicyState, err error) {
	data, err := readLimited(path, maxConfigSize)
	if err != nil {
		return s, err
	}
	p, err := parsePolicy(data, path)
	if err != nil || p == nil {
		return s, err
	}
	s = PolicyState{Policy: p, Origin: origin}
	ring := filepath.Join(root, filepath.FromSlash(p.Keyring))
	if s.keyring, err = readLimited(ring, maxKeyringSize); err == nil && s.keyring == nil {
		s.Notes = append(s.Notes, "The policy's keyring "+p.Keyring+" is missing.")
	}
	return s, err
}

func parsePolicy(data []byte, path string) (*policy.Policy, error) {
	p, err := policy.Parse(data)
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return nil, &ConfigError{Path: path, Line: syntax.Line, Column: syntax.Column, Message: syntax.Message}
	}
	return p, err
}

// policyKeyring is the keyring of the policy: OpenPGP keys and lines of allowed_signers. Image keys
// in it are added to the Verifier's.
func (v *Verifier) policyKeyring() *keys.Keyring {
	rest := v.trust.keyring
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if pub, err := cosign.ParsePublicKey(pem.EncodeToMemory(block)); err == nil {
			v.imageKeys = append(v.imageKeys, pub)
		}
	}
	ring, err := keys.ReadKeyring(v.trust.keyring, keys.SourceFile)
	if err != nil && !errors.Is(err, keys.ErrNoKeys) {
		v.problems = append(v.problems, fmt.Errorf("%s: %w", v.trust.Policy.Keyring, err))
	}
	return ring
}

// followPolicy walks from the root to HEAD. Its error is a *policy.ChainError where the way is
// broken.
func (v *Verifier) followPolicy(ctx context.Context, o PolicyOptions) error {
	if o.Root == "" {
		return nil
	}
	chain := policy.Chain{Repo: v.repo, Now: v.judge.Now, Judge: v.judgeChange}
	p, changes, err := chain.Walk(ctx, o.Root)
	var root *policy.RootError
	if errors.As(err, &root) {
		return &TargetError{Text: "--policy-root " + root.Root, Reason: root.Reason}
	}
	if err != nil {
		return err
	}
	v.trust.Policy, v.trust.Changes, v.trust.Rooted = p, changes, true
	return nil
}

// judgeChange judges a signature on a change of the policy, with the keys of the policy before it
// beside those at hand.
func (v *Verifier) judgeChange(kind keys.Kind, name string, payload, signature []byte, made time.Time, extra []byte) []keys.Verdict {
	ring := v.judge.Keyring
	if !v.onlyKeys && len(extra) > 0 {
		former, _ := keys.ReadKeyring(extra, keys.SourceFile) // what is unreadable in it is missing
		ring = keys.MergeKeyrings(ring, former)
	}
	return judgeBytes(&keys.Judge{Keyring: ring, Now: v.judge.Now}, kind, name, payload, signature, made)
}

// decide lets the policy decide on verdicts, in place. id finds the object id or SHA-256 of what a
// verdict is about.
func (v *Verifier) decide(vs []keys.Verdict, id func(keys.Verdict) string) []keys.Verdict {
	v.trust.Policy.Apply(vs, v.judge.Now, id)
	return vs
}

// decideOne is decide where everything is about one object.
func (v *Verifier) decideOne(vs []keys.Verdict, id string) []keys.Verdict {
	return v.decide(vs, func(keys.Verdict) string { return id })
}

// decideFiles is decide for files: what an exception is about is what was judged.
func (v *Verifier) decideFiles(vs []keys.Verdict) []keys.Verdict {
	return v.decide(vs, func(x keys.Verdict) string { return x.SHA256 })
}

// decide lets the policy decide on everything that a record binds. What its verdicts call sound
// has the digests in the record.
//
// On signatures of Content Trust the record decides, which names the root that stands behind them:
// the policy lists no keys of theirs.
func (b boundCheck) decide(vs []keys.Verdict) []keys.Verdict {
	own := vs[:0:0]
	var trust []keys.Verdict
	for _, x := range vs {
		if x.Signer == nil || x.Signer.Source != keys.SourceTrust {
			own = append(own, x)
			continue
		}
		if yes := true; b.v.trust.Policy != nil && x.Status.Sound() {
			x.Trusted, x.PolicyReason = &yes, "The record names the root that stands behind it."
		}
		trust = append(trust, x)
	}
	return append(b.decideByPolicy(own), trust...)
}

func (b boundCheck) decideByPolicy(vs []keys.Verdict) []keys.Verdict {
	return b.v.decide(vs, func(x keys.Verdict) string {
		switch x.Kind {
		case keys.KindTag:
			return b.rec.Predicate.Tag.Object
		case keys.KindImage:
			for _, seal := range b.rec.Predicate.Images {
				if seal.Reference == x.Target {
					return seal.Digest
				}
			}
			return ""
		}
		return x.SHA256
	})
}

// FinishCommit adds what the policy says to the verdicts on a commit's signatures. It may change
// vs.
func (v *Verifier) FinishCommit(id string, vs []keys.Verdict) []keys.Verdict {
	return v.decideOne(vs, id)
}
