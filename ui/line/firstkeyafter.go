package line

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/workflow/firstkey"
)

// paper offers a backup for the printer.
func (f *firstKey) paper(ctx context.Context) error {
	f.prose("", "Paper outlives disks: numbered lines with checksums, in HTML with QR codes too. It is as secret as the file: protected by the passphrase, which must not stand on it.")
	yes, err := f.t.Confirm(ctx, "Write the key for the printer too?")
	if err != nil || !yes {
		return err
	}
	return f.toFile(ctx, "Write it to (.html or .txt)", firstkey.FileName(f.key.Fingerprint, "paper", ".html"), f.Wizard.Paper, func(path string, _ store.Rehearsal) {
		f.t.Say("Written to %s, and tried.", path)
		f.t.Say("Print it, then delete the file.")
	})
}

// revocation explains the certificate and offers to move it away.
func (f *firstKey) revocation(ctx context.Context) error {
	p, err := f.Wizard.Progress(ctx, f.key.Fingerprint)
	if err != nil {
		return err
	}
	if p.Revocation == "" {
		f.t.Say("The revocation certificate was moved away before.")
		if at := p.Key.RevocationAt; at != "" {
			f.t.Say("  %s", at)
		}
		return nil
	}
	f.prose("", "The revocation certificate declares the key invalid, for good, once it is published. Use it if the key is stolen or lost, or the passphrase forgotten. It needs neither, so whoever has it can revoke the key, though not sign. It was made together with the key, and is")
	f.t.Say("  %s", p.Revocation)
	for {
		name, err := f.t.Text(ctx, "Move it to a file or folder on a stick or another disk, or later", "later")
		if err != nil || strings.EqualFold(name, "later") {
			return err
		}
		path := f.Wizard.Path(name, filepath.Base(p.Revocation))
		if err := f.Wizard.MoveRevocation(ctx, f.key.Fingerprint, path); err != nil {
			if ctx.Err() != nil {
				return err
			}
			explainOn(f.t, err)
			continue
		}
		f.t.Say("Tried in a throw-away store, where it revokes the key, and moved to %s", path)
		return nil
	}
}

// identity shows the fingerprint.
func (f *firstKey) identity(context.Context) error {
	f.prose("", "This fingerprint is the key's identity. Give it to people by another way than the key itself: on a card, by phone, on your page. Shorter ids can be forged.")
	f.t.Say("")
	f.t.Say("  %s", f.key.Fingerprint.Grouped())
	for _, u := range f.key.UserIDs {
		f.t.Say("  %s", u)
	}
	return nil
}

// publish leads through publishing. To publish nothing is no reason to leave.
func (f *firstKey) publish(ctx context.Context) error {
	p := KeyPublisher{Terminal: f.t, Places: f.Wizard, Heartbeat: f.Heartbeat}
	for {
		rs, err := p.Publish(ctx, f.key)
		switch {
		case ctx.Err() != nil, errors.Is(err, errLeft):
			return err
		case errors.Is(err, ErrDeclined):
			f.t.Say("Nothing was sent.")
			again, err := f.t.Confirm(ctx, "Choose other places? Enter goes on without.")
			if err != nil || !again {
				return err
			}
			continue
		case err != nil:
			explainOn(f.t, err)
		case len(rs) == 0:
			f.t.Say("Nothing was sent. bulla keys publish KEY does it later.")
		}
		return nil
	}
}

// git shows what git's configuration would be told, and tells it once that is confirmed.
func (f *firstKey) git(ctx context.Context) error {
	p, err := f.Wizard.PlanGit(ctx, f.key.Fingerprint)
	if errors.Is(err, gitops.ErrNoGit) {
		f.t.Say("git is not installed here: there is nothing to tell it.")
		return nil
	}
	if err != nil {
		explainOn(f.t, err)
		return ctx.Err()
	}
	if p.Overrides != "" {
		f.t.Say("%s", p.Overrides)
	}
	if len(p.Lines) == 0 {
		f.t.Say("git's configuration names this key already.")
	} else if err := f.applyGit(ctx, p); err != nil {
		return err
	}
	return f.gnupg(ctx, p)
}

func (f *firstKey) applyGit(ctx context.Context, p firstkey.GitPlan) error {
	f.t.Say("git and bulla can take this key by themselves. Nothing has been written yet.")
	if p.Named {
		f.t.Say("git has no name of yours here, and would refuse to make commits and tags; it gets the key's.")
	}
	f.t.Say("In %s:", p.File)
	for _, l := range p.Lines {
		f.t.Say("  %s = %s", l.Key, l.Value)
		for _, old := range l.Old {
			f.t.Say("      instead of %s", old)
		}
	}
	yes, err := f.t.Confirm(ctx, "Write that?")
	if err != nil {
		return err
	}
	if !yes {
		f.t.Say("Nothing was written. bulla takes the key all the same, where it is the only one.")
		return nil
	}
	if err := f.Wizard.ApplyGit(ctx, p); err != nil {
		explainOn(f.t, err)
		return ctx.Err()
	}
	f.t.Say("Written. To put back what was there:")
	for _, c := range p.UndoGit() {
		f.t.SayWhole("  %s", c)
	}
	return nil
}

// gnupg offers the key to GnuPG, which git's own commands sign with.
func (f *firstKey) gnupg(ctx context.Context, p firstkey.GitPlan) error {
	switch {
	case !p.GnuPG:
		f.t.Say("git's own tag -s asks GnuPG, which is not here or was never used. bulla tag and bulla release sign without it.")
		return nil
	case p.Known:
		f.t.Say("GnuPG has the key, so git's own tag -s works with it too.")
		return nil
	}
	f.prose("", "git's own tag -s and commit -S ask GnuPG, which does not have the key. bulla needs no copy there.")
	yes, err := f.t.Confirm(ctx, "Copy the secret key to GnuPG too, under the same passphrase?")
	if err != nil || !yes {
		return err
	}
	err = busy(ctx, f.t, f.Heartbeat, "still waiting for GnuPG", func(ctx context.Context, ask keys.AskPassphrase) error {
		return f.Wizard.ToGnuPG(ctx, f.key.Fingerprint, ask)
	})
	if err != nil {
		explainOn(f.t, err)
		return ctx.Err()
	}
	f.t.Say("Copied. bulla keys to-gnupg does the same later, for what changes.")
	return nil
}

// trial signs a tag in a scratch repository.
func (f *firstKey) trial(ctx context.Context) error {
	f.t.Say("Signing a tag in a scratch repository, and checking it…")
	var r firstkey.Trial
	err := busy(ctx, f.t, f.Heartbeat, "still at it", func(ctx context.Context, ask keys.AskPassphrase) (err error) {
		r, err = f.Wizard.Trial(ctx, f.key.Fingerprint, ask)
		return err
	})
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, errLeft) {
			return err
		}
		explainOn(f.t, err)
		return nil
	}
	for _, l := range r.Lines() {
		f.t.Say("  %s", l)
	}
	return nil
}

// texts prints what a project shows its users.
func (f *firstKey) texts(ctx context.Context) error {
	texts, err := f.Wizard.Texts(ctx, f.key.Fingerprint)
	if err != nil {
		explainOn(f.t, err)
		return ctx.Err()
	}
	f.t.Say("For SECURITY.md or the README of your project:")
	f.t.Say("")
	for l := range strings.SplitSeq(strings.TrimRight(texts.Security, "\n"), "\n") {
		f.t.SayWhole("%s", l)
	}
	f.t.Say("")
	yes, err := f.t.Confirm(ctx, "Print the entry for a KEYS file too? bulla keys publish KEY --to KEYS writes it into the file.")
	if err != nil || !yes {
		return err
	}
	for l := range strings.SplitSeq(strings.TrimRight(texts.Keys, "\n"), "\n") {
		f.t.SayWhole("%s", l)
	}
	return nil
}
