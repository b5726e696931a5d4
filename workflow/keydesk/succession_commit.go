package keydesk

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/workflow/shell"
)

// commitCommands are SuccessionDone.Commit for the repository around dir. They begin with what git lacks: it
// asks GnuPG to sign. Without GnuPG the commit stays unsigned, as git has nobody else to ask.
func (w *Places) commitCommands(ctx context.Context, dir string, done SuccessionDone) (out []string) {
	repo, err := w.OpenRepository(ctx, dir)
	if err != nil {
		return nil
	}
	add, commit := "git add --", "git commit"
	if at, err := filepath.Abs(dir); err != nil || at != repo.Root() {
		git := "git -C " + shell.Quote(repo.Root())
		add, commit = git+" add --", git+" commit"
	}
	old := done.Old.Fingerprint
	if _, err := exec.LookPath("gpg"); err == nil {
		if !w.inGnuPG(ctx, old) {
			out = append(out, "bulla keys to-gnupg "+string(old))
		}
		commit += " -S" + string(old)
	}
	for _, f := range done.Written {
		if name, ok := within(repo.Root(), f); ok {
			add += " " + shell.Quote(name)
		}
	}
	return append(out, add, commit+` -m "Let a new key sign"`)
}

// inGnuPG reports whether GnuPG has a secret part of a key. What cannot be listed is not known to be there.
func (w *Places) inGnuPG(ctx context.Context, f keys.Fingerprint) bool {
	if w.GnuPG == nil {
		return false
	}
	list, _ := w.GnuPG.List(ctx)
	return slices.ContainsFunc(list, func(k keys.Key) bool { return k.Fingerprint == f })
}

// within is the slash path of a file from a folder that it lies in, whatever symbolic links lead there.
func within(root, path string) (string, bool) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", false
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", false
	}
	name, err := filepath.Rel(root, filepath.Join(folder, filepath.Base(path)))
	if err != nil || !filepath.IsLocal(name) || strings.HasPrefix(filepath.ToSlash(name), ".git/") {
		return "", false
	}
	return filepath.ToSlash(name), true
}
