package keydesk

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/keys/publish/keysfile"
	"bulla/workflow/policy"
	"bulla/workflow/project"
)

// FileChange is what becomes of a file once it is written.
type FileChange struct {
	Path string
	// What is done to it, as a fragment: "the new key is added".
	What string
	// Added are the lines that are put to the end of it; nil where the change is not that.
	Added []byte
	// Keys are, for a file of keys, those that are put into it.
	Keys []ShownKey

	before, after []byte
}

// SuccessionFiles are the files of the repository around dir in which a succession belongs: the
// signers of its policy, the policy's keyring, and its KEYS file, as far as each is there and does
// not have it yet. It writes nothing. Outside of a repository there are none.
func (w *Places) SuccessionFiles(ctx context.Context, dir string, s Succession) ([]FileChange, error) {
	return w.successionFiles(ctx, dir, s, false)
}

func (w *Places) successionFiles(ctx context.Context, dir string, s Succession, renews bool) ([]FileChange, error) {
	repo, err := w.OpenRepository(ctx, dir)
	if errors.Is(err, gitops.ErrNotRepository) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	root := repo.Root()
	if root == "" {
		return nil, nil
	}
	f := successionFiles{ctx: ctx, w: w, root: root, s: s, renews: renews}
	err = errors.Join(f.policy(), f.keyring(filepath.Join(root, "KEYS")))
	return f.changes, err
}

type successionFiles struct {
	ctx     context.Context
	w       *Places
	root    string
	s       Succession
	renews  bool // the keys will get another expiry: each file of keys changes
	changes []FileChange
}

// policy adds the new key to the signers, with what the old one may sign, and to the keyring.
func (f *successionFiles) policy() error {
	path := filepath.Join(f.root, project.ConfigName)
	old, err := limits.ReadIfThere(path, project.MaxConfigSize)
	if err != nil {
		return err
	}
	c, err := project.ParseConfig(old)
	if err != nil || c.Policy == nil {
		return err
	}
	p, err := project.ParsePolicy(old, path)
	if err != nil {
		return err
	}
	if err := f.keyring(filepath.Join(f.root, filepath.FromSlash(p.Keyring))); err != nil {
		return err
	}
	if p.Lists(f.s.New.Fingerprint) {
		return nil
	}
	lines := policyLines(f.s.successor, f.s.at, signsAs(p, f.s.Old))
	next := bytes.Join([][]byte{bytes.TrimRight(old, "\n"), lines}, []byte("\n\n"))
	if _, err := project.ParseConfig(next); err != nil {
		return err
	}
	f.changes = append(f.changes, FileChange{Path: path, What: "the new key is added to the signers of the policy", Added: lines, before: old, after: next})
	return nil
}

// signsAs is what the policy lets a key sign, or what a signer of releases signs.
func signsAs(p *policy.Policy, k keys.Key) []keys.Kind {
	for _, s := range p.Signers {
		if slices.Contains(s.Keys, k.Fingerprint) || slices.ContainsFunc(k.Subkeys, func(sub keys.Subkey) bool { return slices.Contains(s.Keys, sub.Fingerprint) }) {
			return s.Signs
		}
	}
	return releaseKinds
}

// keyring puts both keys into a file of keys: the new one, and the old one with its new end. A file
// that is not there is not made.
func (f *successionFiles) keyring(path string) error {
	old, err := limits.ReadIfThere(path, keysfile.MaxSize)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil || slices.ContainsFunc(f.changes, func(c FileChange) bool { return c.Path == path }) {
		return nil
	}
	change := FileChange{Path: path, What: keyringChange, before: old, after: old}
	for _, k := range []keys.Key{f.s.Old, f.s.New} {
		shown, err := f.w.showIn(f.ctx, path, old, k)
		if err != nil {
			return err
		}
		change.Keys = append(change.Keys, shown)
		c, err := keysfile.Update(change.after, shown.plan.Items[0].Data)
		if err != nil {
			return err
		}
		if c.Kind != keysfile.Unchanged {
			change.after = c.Data
		}
	}
	if len(idsIn(old, f.s.New)) > 0 {
		change.What = "the two keys in it are renewed"
	}
	if !bytes.Equal(old, change.after) || f.renews {
		f.changes = append(f.changes, change)
	}
	return nil
}

// keyringChange is what becomes of a file of keys.
const keyringChange = "the new key is added, the old one gets its new expiry"

// ChangedFileError says that a file is not any more what a change of it was worked out for.
type ChangedFileError struct{ Path string }

func (e *ChangedFileError) Error() string { return e.Path + " was changed meanwhile" }

// WriteChanges writes files as they were shown, one after the other. One that was changed since is a
// *ChangedFileError, and ends it; written are those before it. Of keys in a file it is remembered that
// they are published there.
func (w *Places) WriteChanges(ctx context.Context, list []FileChange) (written int, err error) {
	for i, c := range list {
		now, err := limits.ReadIfThere(c.Path, keysfile.MaxSize)
		if err == nil && !bytes.Equal(now, c.before) {
			err = &ChangedFileError{c.Path}
		}
		perm := fs.FileMode(0o644)
		if info, serr := os.Stat(c.Path); serr == nil {
			perm = info.Mode().Perm()
		}
		if err == nil {
			err = atomicfile.Write(c.Path, c.after, perm)
		}
		if err != nil {
			return i, err
		}
		if err := w.noteShown(ctx, c.Keys); err != nil {
			return i + 1, err
		}
	}
	return len(list), nil
}
