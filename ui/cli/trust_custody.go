package cli

import (
	"context"
	"errors"

	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/explain"
	"bulla/workflow/images"
)

// This file leads a person on a terminal to what a command needs, one question after the other, where
// it would otherwise end in an error that names the next command.

// custody leads to a root key whose backup was tried. Where nobody can be asked, it returns what
// init refuses. It returns the id of the root key that was chosen, or what was named.
func (t *trusting) custody(ctx context.Context, r *dct.Repository, root string, known dct.Trust) (string, error) {
	for {
		err := r.CanInitialize(ctx, root, known)
		if err == nil || !t.app.interactive() {
			return root, err
		}
		var none *dct.RootKeyError
		var untried *dct.CustodyError
		switch {
		case errors.As(err, &none) && len(none.IDs) == 0 && root == "":
			root, err = t.askForRoot(ctx, err)
		case errors.As(err, &none) && len(none.IDs) > 1:
			root, err = t.chooseRoot(ctx, none.IDs)
		case errors.As(err, &untried) && untried.Backup == "":
			root, err = untried.KeyID, t.askForBackup(ctx, untried.KeyID)
		case errors.As(err, &untried):
			root, err = untried.KeyID, t.askForRehearsal(ctx, untried.Backup)
		}
		if err != nil {
			return root, err
		}
	}
}

// askForRoot makes the first root key.
func (t *trusting) askForRoot(ctx context.Context, refusal error) (string, error) {
	term := t.app.terminal()
	term.Say("There is no root key at hand. It vouches for all other keys of a repository, for good.")
	ok, err := term.Confirm(ctx, "Make one now?")
	if err != nil || !ok {
		return "", errors.Join(err, refusal)
	}
	k, _, err := t.client.Keys().Generate(ctx, "root", t.ask())
	if err != nil {
		return "", err
	}
	term.Say("Made %s", k.Path)
	return k.ID, nil
}

func (t *trusting) chooseRoot(ctx context.Context, ids []string) (string, error) {
	term := t.app.terminal()
	term.Say("The root key")
	for i, id := range ids {
		term.Say("  %d  %s", i+1, id)
	}
	n, err := term.Number(ctx, "Root key", len(ids), 0)
	if err != nil {
		return "", err
	}
	return ids[n-1], nil
}

// askForBackup writes the backup of a root key to a place that the person names.
func (t *trusting) askForBackup(ctx context.Context, id string) error {
	term := t.app.terminal()
	term.Say("A lost root key can never be replaced, so nothing is signed before a backup of it was opened once.")
	for {
		path, err := term.Text(ctx, "The file for the backup, on a stick that goes into a drawer", "")
		if err != nil {
			return err
		}
		err = t.client.Keys().Backup(id, t.app.path(path))
		if err == nil {
			term.Say("Wrote %s", t.app.path(path))
			return nil
		}
		t.app.told(err)
	}
}

// askForRehearsal opens a backup as if the original were lost.
func (t *trusting) askForRehearsal(ctx context.Context, backup string) error {
	term := t.app.terminal()
	term.Say("Now try the backup, as if the original were lost.")
	for {
		path, err := term.Text(ctx, "The file to open", backup)
		if err != nil {
			return err
		}
		_, err = t.client.Keys().Rehearse(ctx, t.app.path(path), t.person())
		if err == nil {
			term.Say("The backup opens, and signs as the root key.")
			return nil
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, keys.ErrNoPassphrase) {
			return err
		}
		t.app.told(err)
	}
}

// told says an error in passing: the question it answers is asked again.
func (a *app) told(err error) {
	x := explain.Error(err)
	a.note("%s", x.Headline)
	if x.Cause != "" {
		a.note("  %s", x.Cause)
	}
}

// imageKey settles which image key signs where none is named: a person chooses among several, or makes
// the first one. Without a person it returns path as it is.
func (a *app) imageKey(ctx context.Context, path string) (string, error) {
	if path != "" || !a.interactive() {
		return path, nil
	}
	list, err := images.KeysOf(a.world).List()
	if err != nil || len(list) == 1 {
		return "", err
	}
	term := a.terminal()
	if len(list) == 0 {
		ok, err := term.Confirm(ctx, "There is no key to sign images with. Make one now?")
		if err != nil || !ok {
			return "", err
		}
		pass, err := a.newPassphrase(ctx, keys.PurposeImage, "release.key", nil, "--passphrase-fd")
		if err != nil {
			return "", err
		}
		defer pass.Destroy()
		k, err := images.KeysOf(a.world).Generate(ctx, "release", pass)
		if err != nil {
			return "", err
		}
		term.Say("Made %s", k.Path)
		term.Say("Give %s to those who verify.", k.PublicPath())
		return k.Path, nil
	}
	term.Say("The key that signs")
	for i, k := range list {
		term.Say("  %d  %s", i+1, k.Path)
		if k.ID != "" {
			term.Say("     %s", keys.Fingerprint(k.ID).Grouped())
		}
	}
	n, err := term.Number(ctx, "Image key", len(list), 0)
	if err != nil {
		return "", err
	}
	return list[n-1].Path, nil
}
