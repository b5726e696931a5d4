package keydesk

import (
	"context"
	"errors"

	"bulla/gitops"
	"bulla/keys"
	"bulla/workflow/shell"
)

// GitSwitch is what lets git sign with the key that follows, where it signs with the old one.
type GitSwitch struct {
	// File is the person's own configuration file, Lines the changes of it; none where it does not name
	// the old key.
	File  string
	Lines []gitops.ConfigLine
	// Here is the value that counts in this folder by a configuration of its own, which comes first and
	// names the old key; "" where there is none. It is left to the person.
	Here string
	// GnuPG says that GnuPG is here, Known that it has the new key: git's own commit -S and tag -s ask it.
	GnuPG, Known bool
}

const signingKeySetting = "user.signingKey"

// gitSwitch looks whether git signs with the old key in dir. It is nil where git is not here, or names
// neither of the two keys: a third one was chosen on purpose.
func (w *Places) gitSwitch(ctx context.Context, dir string, old, successor keys.Key) (*GitSwitch, error) {
	u, err := gitops.OpenUser(dir, w.Git())
	if errors.Is(err, gitops.ErrNoGit) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := u.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if s.Format != "" && s.Format != "openpgp" { // git signs with something else than keys of OpenPGP
		return nil, nil
	}
	lines, err := u.Lines(ctx, [2]string{signingKeySetting, string(successor.Fingerprint)})
	if err != nil {
		return nil, err
	}
	out := &GitSwitch{File: u.File()}
	own := string(successor.Fingerprint) // what the file says
	if len(lines) > 0 {
		own = ""
		if n := len(lines[0].Old); n > 0 {
			own = lines[0].Old[n-1]
		}
		if names(own, old) {
			out.Lines = lines
		}
	}
	if s.SigningKey != own && names(s.SigningKey, old) {
		out.Here = s.SigningKey
	}
	if len(out.Lines) == 0 && out.Here == "" {
		return nil, nil
	}
	if w.GnuPG != nil {
		out.GnuPG = true
		out.Known = w.inGnuPG(ctx, successor.Fingerprint)
	}
	return out, nil
}

// names reports whether a value of git's user.signingKey names a key.
func names(value string, k keys.Key) bool {
	if value == "" {
		return false
	}
	_, err := keys.Select([]keys.Key{k}, keys.ParseSelector(value))
	return err == nil
}

// applyGit lets git sign with the key that follows.
func (w *Places) applyGit(ctx context.Context, dir string, g *GitSwitch) error {
	u, err := gitops.OpenUser(dir, w.Git())
	if err != nil {
		return err
	}
	return u.Apply(ctx, g.Lines)
}

// UndoConfig are the commands that put back what lines of git's configuration replace.
func UndoConfig(lines []gitops.ConfigLine) (out []string) {
	for _, l := range lines {
		if len(l.Old) == 0 {
			out = append(out, "git config --global --unset "+l.Key)
			continue
		}
		out = append(out, "git config --global "+l.Key+" "+shell.Quote(l.Old[len(l.Old)-1]))
	}
	return out
}
