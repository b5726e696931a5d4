package cli

import (
	"context"

	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/component/imagedeed"
	"bulla/ui/line"
	"bulla/workflow/images"
)

// This file leads a person on a terminal to what a command needs, one question after the other, where
// it would otherwise end in an error that names the next command.

// custody leads to a root key whose backup was tried. Where nobody can be asked, it returns what
// init refuses. It returns the id of the root key that was chosen, or what was named.
func (t *trusting) custody(ctx context.Context, r *dct.Repository, root string, known dct.Trust) (string, error) {
	refusal := r.CanInitialize(ctx, root, known)
	if refusal == nil || !t.app.interactive() {
		return root, refusal
	}
	lead := line.RootKey{Terminal: t.app.terminal(), Keeper: rootKeeper{t.client.Keys()}, Path: t.app.path, Work: func(ctx context.Context, _ string, do func(context.Context, imagedeed.Person) error) error {
		return do(ctx, imagedeed.Person{Face: images.Face{Ask: t.ask()}, Self: func(string) keys.AskPassphrase { return t.person() }})
	}}
	key, err := lead.Lead(ctx, imagedeed.RootWay{Keeper: lead.Keeper, Can: func(ctx context.Context, id string) error { return r.CanInitialize(ctx, id, known) }}, root)
	if line.Declined(err) {
		err = refusal
	}
	return key.ID, err
}

// rootKeeper is Docker's folder of keys by the names of a desk.
type rootKeeper struct{ folder *dct.KeyFolder }

func (k rootKeeper) TrustFolder() (string, []dct.Key, error) {
	list, err := k.folder.List()
	return k.folder.Dir(), list, err
}

func (k rootKeeper) GenerateTrustKey(ctx context.Context, role string, ask keys.AskPassphrase) (dct.Key, dct.PublicKey, error) {
	return k.folder.Generate(ctx, role, ask)
}

func (k rootKeeper) BackUpRoot(id, path string) error { return k.folder.Backup(id, path) }

func (k rootKeeper) RehearseRoot(ctx context.Context, path string, ask keys.AskPassphrase) (string, error) {
	return k.folder.Rehearse(ctx, path, ask)
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
