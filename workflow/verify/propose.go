package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/workflow/policy"
	"bulla/workflow/project"
)

// ErrPolicyExists says that there is a policy already, which is never replaced.
var ErrPolicyExists = errors.New("there is a [policy] in " + project.ConfigName + " already")

// PolicyDraft is a proposed policy, ready to be written.
type PolicyDraft struct {
	policy.Proposal
	// Text is the [policy] table, Keyring the file that goes with it.
	Text, Keyring []byte
	// ConfigPath and KeyringPath are where they would be written.
	ConfigPath, KeyringPath string
	// Missing are listed keys that nothing at hand holds.
	Missing []keys.Fingerprint
}

// releases judges the version tags, oldest first, by signatures and names alone: what no policy
// has decided on. Where no tag follows the pattern, every tag is a release.
func (v *Verifier) releases(ctx context.Context) ([]policy.Release, error) {
	if v.repo == nil {
		return nil, gitops.ErrNotRepository
	}
	tags, err := v.repo.Tags(ctx) // newest first
	if err != nil {
		return nil, err
	}
	var versions, all []policy.Release
	for i := len(tags) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := tags[i]
		r := policy.Release{Tag: t.Name, ID: t.ObjectID, Verdicts: JudgeTag(v.judge, t)}
		if all = append(all, r); v.VersionOf(t.Name) != "" {
			versions = append(versions, r)
		}
	}
	if len(versions) == 0 {
		return all, nil
	}
	return versions, nil
}

// ProposePolicy makes a policy of the signers of past releases, and of the keys in files (KEYS or
// allowed_signers). It writes nothing. A repository that shows no signer is a *TargetError.
func (v *Verifier) ProposePolicy(ctx context.Context, files []string) (PolicyDraft, error) {
	var d PolicyDraft
	releases, err := v.releases(ctx)
	if err != nil {
		return d, err
	}
	var imports []policy.Signer
	for _, f := range files {
		ring, err := v.keyFile(f)
		if err != nil {
			return d, err
		}
		imports = append(imports, policy.SignersOf(ring)...)
	}
	d.Proposal = policy.Propose(releases, imports, v.judge.Now)
	if len(d.Signers) == 0 {
		return d, &TargetError{Text: v.root, Reason: "no past release here was signed by a key at hand, so that there is nobody to propose"}
	}
	d.Text = d.TOML()
	p, err := policy.Parse(d.Text)
	if err != nil { // what we wrote must be what we read
		return d, fmt.Errorf("the proposed policy: %w", err)
	}
	d.Keyring, d.Missing = p.KeyringFile(v.judge.Keyring)
	d.ConfigPath = filepath.Join(v.root, project.ConfigName)
	d.KeyringPath = filepath.Join(v.root, filepath.FromSlash(p.Keyring))
	return d, nil
}

// WritePolicy adds a proposed policy to bulla.toml and writes its keyring. It replaces neither a
// policy nor a keyring: ErrPolicyExists, fs.ErrExist.
func (v *Verifier) WritePolicy(d PolicyDraft) error {
	if v.root == "" {
		return &TargetError{Text: v.commonDir, Reason: "a bare repository has no working tree to write into"}
	}
	old, err := limits.ReadIfThere(d.ConfigPath, project.MaxConfigSize)
	if err != nil {
		return err
	}
	if c, err := project.ParseConfig(old); err != nil {
		return err
	} else if c.Policy != nil {
		return ErrPolicyExists
	}
	text := d.Text
	if len(old) > 0 {
		text = bytes.Join([][]byte{bytes.TrimRight(old, "\n"), d.Text}, []byte("\n\n"))
	}
	if _, err := project.ParseConfig(text); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(d.KeyringPath), 0o755); err != nil {
		return err
	}
	if err := atomicfile.Create(d.KeyringPath, d.Keyring, 0o644); err != nil {
		return err
	}
	return atomicfile.Write(d.ConfigPath, text, 0o644)
}

// PolicyCheck is how the past releases fare under a policy.
type PolicyCheck struct {
	Releases int
	Refused  []policy.Refusal // oldest first
}

// CheckPolicy holds every past release against the policy in use.
func (v *Verifier) CheckPolicy(ctx context.Context) (PolicyCheck, error) {
	if v.trust.Policy == nil {
		return PolicyCheck{}, &project.ConfigError{Path: project.ConfigName, Message: "there is no [policy] in it"}
	}
	releases, err := v.releases(ctx)
	if err != nil {
		return PolicyCheck{}, err
	}
	return PolicyCheck{len(releases), v.trust.Policy.Check(releases, v.judge.Now)}, nil
}
