package firstkey

import (
	"context"
	"strings"

	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/keydesk"
)

// GitPlan is what git's configuration would be told.
type GitPlan struct {
	// File is the person's own configuration file.
	File string
	// Lines are the changes; none where all is as it should be.
	Lines []gitops.ConfigLine
	// Overrides says what else counts in this folder and speaks against it, "" for nothing: a
	// repository's own configuration comes before the person's.
	Overrides string
	// Named says that git had nobody's name here, so that it would refuse to make commits and tags: the
	// lines give it the key's.
	Named bool
	// GnuPG says that GnuPG is here and was used before, Known that it has the secret key, so that git's own tag -s works.
	GnuPG, Known bool
}

// PlanGit looks what of git's configuration would have to change so that the key is the one that
// signs. Nothing is changed. Without git the error is gitops.ErrNoGit.
//
// The key is in bulla's store. bulla reads user.signingKey; git's own "tag -s" asks GnuPG, and works
// only once GnuPG has the key too: see ToGnuPG.
func (w *Wizard) PlanGit(ctx context.Context, f keys.Fingerprint) (GitPlan, error) {
	u, err := gitops.OpenUser(w.dir, w.world.Git())
	if err != nil {
		return GitPlan{}, err
	}
	p := GitPlan{File: u.File()}
	s, err := u.Settings(ctx)
	if err != nil {
		return p, err
	}
	want := [][2]string{{"user.signingKey", string(f)}}
	if s.Format != "" && s.Format != "openpgp" {
		want = append(want, [2]string{"gpg.format", "openpgp"})
	}
	if p.Lines, err = u.Lines(ctx, want...); err != nil {
		return p, err
	}
	p.Overrides = overriding(s, p.Lines, f)
	if err := w.nameless(ctx, u, s, f, &p); err != nil {
		return p, err
	}
	if w.world.GnuPG != nil {
		p.GnuPG = true
		list, _ := w.world.GnuPG.List(ctx) // what cannot be listed is not known to be there
		_, err := keys.Select(list, keys.ParseSelector(string(f)))
		p.Known = err == nil
	}
	return p, nil
}

// nameless adds the name and the address of the key where git has none at all.
func (w *Wizard) nameless(ctx context.Context, u *gitops.User, s gitops.UserSettings, f keys.Fingerprint, p *GitPlan) error {
	if s.Name != "" && s.Email != "" {
		return nil
	}
	progress, err := w.Progress(ctx, f)
	if err != nil {
		return err
	}
	id := progress.Key.UserID()
	var want [][2]string
	if name := keys.NameOf(id); s.Name == "" && name != "" {
		want = append(want, [2]string{"user.name", name})
	}
	if address := keys.AddressOf(id); s.Email == "" && address != "" {
		want = append(want, [2]string{"user.email", address})
	}
	lines, err := u.Lines(ctx, want...)
	p.Named, p.Lines = len(lines) > 0, append(p.Lines, lines...)
	return err
}

// overriding says which value counts in this folder instead of what the person's own file would say.
func overriding(s gitops.UserSettings, lines []gitops.ConfigLine, f keys.Fingerprint) string {
	var own string // what the file says now
	for _, l := range lines {
		if l.Key == "user.signingKey" && len(l.Old) > 0 {
			own = l.Old[len(l.Old)-1]
		}
	}
	if len(lines) == 0 || lines[0].Key != "user.signingKey" {
		own = string(f)
	}
	if s.SigningKey == own || strings.EqualFold(s.SigningKey, string(f)) {
		return ""
	}
	return "In this folder user.signingKey is " + s.SigningKey + " by a configuration of its own, which comes first here."
}

// ApplyGit writes the lines of a plan that a person agreed to. Errors are those of
// gitops.User.Apply.
func (w *Wizard) ApplyGit(ctx context.Context, p GitPlan) error {
	u, err := gitops.OpenUser(w.dir, w.world.Git())
	if err != nil {
		return err
	}
	return u.Apply(ctx, p.Lines)
}

// UndoGit are the commands that put back what a plan replaced.
func (p GitPlan) UndoGit() []string {
	return keydesk.UndoConfig(p.Lines)
}

// ToGnuPG copies the secret key to GnuPG, so that git's own commands sign with it too.
func (w *Wizard) ToGnuPG(ctx context.Context, f keys.Fingerprint, ask keys.AskPassphrase) error {
	_, err := w.world.ToGnuPG(ctx, keys.ParseSelector(string(f)), w.world.Vault.Ask(ask, nil))
	return err
}
