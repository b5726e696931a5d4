package verify

import (
	"context"
	"fmt"
	"path/filepath"

	"bulla/artifacts"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/project"
	"bulla/workflow/record"
)

// NewestRelease names what `bulla verify` without a target looks at: the newest version tag, and
// the release record among the configured artifacts, if there is one.
func (v *Verifier) NewestRelease(ctx context.Context) ([]string, error) {
	if v.repo == nil {
		return nil, gitops.ErrNotRepository
	}
	vs, err := v.versions(ctx)
	if err != nil {
		return nil, err
	}
	if len(vs) == 0 {
		return nil, v.noRelease()
	}
	if record := v.recordOf(ctx, vs[0]); record != "" {
		return []string{"file:" + record}, nil
	}
	return []string{"tag:" + vs[0].Name}, nil
}

// versions lists the tags that are versions, newest first.
func (v *Verifier) versions(ctx context.Context) ([]project.TaggedVersion, error) {
	tags, err := v.repo.Tags(ctx)
	if err != nil {
		return nil, err
	}
	return project.Versions(tags, v.config.TagPattern()), nil
}

// recordOf finds the record of a release: where the journal says that it was written, or where
// its artifacts are built.
func (v *Verifier) recordOf(ctx context.Context, t project.TaggedVersion) string {
	var dirs []string
	if dir := v.world.ReleasedIn(v.commonDir, t.Name); dir != "" {
		dirs = append(dirs, dir)
	}
	if files, err := artifacts.Find(ctx, v.root, project.WithVersion(v.config.Release.Artifacts, t.Version)); err == nil && len(files) > 0 {
		dirs = append(dirs, artifacts.CommonDir(files))
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, record.Name)
		data, err := limits.ReadIfThere(path, record.MaxSize)
		if err != nil || len(data) == 0 {
			continue
		}
		if rec, err := record.Parse(data); err == nil && rec.Predicate.Tag.Name == t.Name {
			return path
		}
	}
	return ""
}

// RecordOf finds the record of a release: of the one that text, a version or a tag, names, or of the
// newest. It is a *TargetError that there is none.
func (v *Verifier) RecordOf(ctx context.Context, text string) (string, error) {
	if v.repo == nil {
		return "", gitops.ErrNotRepository
	}
	vs, err := v.versions(ctx)
	if err != nil {
		return "", err
	}
	tag := text
	if text != "" {
		if t, _, err := project.TagFor(text, v.config.TagPattern()); err == nil {
			tag = t
		}
	} else if len(vs) > 0 {
		tag = vs[0].Name
	}
	for _, t := range vs {
		if t.Name != tag {
			continue
		}
		if path := v.recordOf(ctx, t); path != "" {
			return path, nil
		}
		return "", &TargetError{Text: tag, Reason: "the record of this release was not found; --record FILE names it"}
	}
	if text == "" {
		return "", v.noRelease()
	}
	return "", &TargetError{Text: text, Reason: "this repository has no such release"}
}

// noRelease says why no newest release is found: tags may follow another pattern.
func (v *Verifier) noRelease() error {
	return &TargetError{Reason: fmt.Sprintf("no tag of this repository is a version by the pattern %q; name a tag, or set tag in the [release] table of %s, such as tag = \"project-{version}\"", v.config.TagPattern(), project.ConfigName)}
}

// ProjectKeys are the public keys that the repository itself publishes: in KEYS, and in the
// keyring of its policy.
func (v *Verifier) ProjectKeys() (*keys.Keyring, error) {
	if v.root == "" {
		return keys.MergeKeyrings(), nil
	}
	files := []string{"KEYS"}
	if p := v.trust.Policy; p != nil {
		files = append(files, p.Keyring)
	}
	var rings []*keys.Keyring
	for _, name := range files {
		data, err := limits.ReadIfThere(filepath.Join(v.root, filepath.FromSlash(name)), keys.MaxKeyringBytes)
		if err != nil {
			return nil, err
		}
		if ring, err := keys.ReadKeyring(data, keys.SourceFile); err == nil {
			rings = append(rings, ring)
		}
	}
	return keys.MergeKeyrings(rings...), nil
}

// RemoteURL is where strangers clone the repository from: the configured remote, origin or the only
// one; "" where there is none, or it is a folder of this computer.
func (v *Verifier) RemoteURL(ctx context.Context) string {
	remotes, err := v.repo.Remotes(ctx)
	if err != nil {
		return ""
	}
	r, ok := project.Remote(remotes, v.config.Release.Remote)
	if !ok || project.NameOfURL(r.URL) == "" {
		return ""
	}
	return r.URL
}
