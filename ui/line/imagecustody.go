package line

import (
	"context"
	"errors"
	"slices"

	"bulla/docker/dct"
	"bulla/keys/atomicfile"
	"bulla/ui/component/imageword"
	"bulla/workflow/images"
)

// custody leads to a root key whose backup was tried; can says what is missing for it.
func (k *imageTalk) custody(ctx context.Context, can func(context.Context, string) error) (root string, err error) {
	for {
		err := k.work(ctx, "still asking the trust server", func(ctx context.Context, _ images.Face) error { return can(ctx, root) })
		var none *dct.RootKeyError
		var untried *dct.CustodyError
		switch {
		case err == nil:
			return root, nil
		case errors.As(err, &none) && len(none.IDs) == 0 && root == "":
			root, err = k.makeRoot(ctx)
		case errors.As(err, &none) && len(none.IDs) > 1:
			root, err = k.chooseRoot(ctx, none.IDs)
		case errors.As(err, &untried) && untried.Backup == "":
			root, err = untried.KeyID, k.backUp(ctx, untried.KeyID)
		case errors.As(err, &untried):
			root, err = untried.KeyID, k.rehearse(ctx, untried.KeyID, untried.Backup)
		}
		if err != nil {
			return "", err
		}
	}
}

// makeAnotherRoot makes a root key and leads to a backup that was tried.
func (k *imageTalk) makeAnotherRoot(ctx context.Context) error {
	id, err := k.makeRoot(ctx)
	if err != nil {
		return err
	}
	return k.ready(ctx, id)
}

// makeRoot makes a root key, once the person has agreed to it.
func (k *imageTalk) makeRoot(ctx context.Context) (string, error) {
	dir, list, err := k.Desk.TrustFolder()
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(list, func(key dct.Key) bool { return key.Role == "root" }) {
		k.t.Say("There is no root key here.")
	}
	k.t.Say("Nothing has been made yet. This would be made:")
	k.prose("  ", "A root key, which vouches for all other keys of a repository, for good: a file in")
	k.t.Say("  %s", dir)
	k.prose("  ", "under a passphrase that you type. Next comes its backup, on a stick, which is tried at once.")
	yes, err := k.t.Confirm(ctx, "Make one now?")
	if err == nil && !yes {
		err = errBack
	}
	if err != nil {
		return "", err
	}
	key, err := k.makeTrustKey(ctx, "root")
	return key.ID, err
}

func (k *imageTalk) makeTrustKey(ctx context.Context, role string) (key dct.Key, err error) {
	var pub dct.PublicKey
	err = k.work(ctx, "still making it", func(ctx context.Context, f images.Face) (err error) {
		key, pub, err = k.Desk.GenerateTrustKey(ctx, role, f.Ask)
		return err
	})
	if err != nil {
		return key, err
	}
	k.t.Say("Made %s", key.Path)
	if role != "root" {
		return key, k.writePublic(ctx, role, pub)
	}
	return key, nil
}

// writePublic writes a signer's public key to a file that must not exist yet.
func (k *imageTalk) writePublic(ctx context.Context, name string, pub dct.PublicKey) error {
	k.t.Say("Whoever owns the repository makes %s a signer by the public key.", name)
	for {
		path, err := k.t.Text(ctx, "The file for it", name+".pub")
		if err != nil {
			return err
		}
		path = k.Path(path)
		if err = atomicfile.Create(path, pub.PEM(name), 0o644); err == nil {
			k.t.Say("Wrote %s", path)
			return nil
		}
		explainOn(k.t, err)
	}
}

func (k *imageTalk) chooseRoot(ctx context.Context, ids []string) (string, error) {
	list, err := k.Desk.TrustKeys()
	if err != nil {
		return "", err
	}
	k.t.Say("The root key")
	for i, id := range ids {
		k.t.Say("  %d  %s", i+1, id)
		for _, key := range list {
			if key.ID == id {
				k.prose("     ", custodyWords(key.Backup))
			}
		}
	}
	n, err := k.t.Number(ctx, "Root key", len(ids), 0)
	if err != nil {
		return "", err
	}
	return ids[n-1], nil
}

// backUp writes the backup of a root key to a place that the person names.
func (k *imageTalk) backUp(ctx context.Context, id string) error {
	k.t.Say("A lost root key can never be replaced, so nothing is signed before a backup of it was opened once.")
	for {
		path, err := k.t.Text(ctx, "The file for the backup, on a stick that goes into a drawer", "")
		if err != nil {
			return err
		}
		path = k.Path(path)
		if err = k.Desk.BackUpRoot(id, path); err == nil {
			k.t.Say("Wrote %s, encrypted as the key is.", path)
			return nil
		}
		explainOn(k.t, err)
	}
}

// rehearse opens the backup of a root key as if the original were lost. A person is asked, and no vault.
func (k *imageTalk) rehearse(ctx context.Context, id, backup string) error {
	k.t.Say("Now try the backup, as if the original were lost: its passphrase is asked of you, whatever is kept.")
	for {
		path, err := k.t.Text(ctx, "The file to open", backup)
		if err != nil {
			return err
		}
		got, err := k.Desk.RehearseRoot(ctx, k.Path(path), k.t.Passphrase)
		switch {
		case err == nil && got != id:
			k.t.Say("The backup opens, and is that of another root key:")
			k.t.Say("  %s", got)
			k.t.Say("Nothing was changed. Name the backup of")
			k.t.Say("  %s", id)
			continue
		case err == nil:
			k.t.Say("The backup opens, and signs as the root key.")
			return nil
		case errors.Is(err, context.Canceled):
			return asStopped(ctx, err)
		}
		explainOn(k.t, err)
	}
}

// ready leads to a root key whose backup was tried.
func (k *imageTalk) ready(ctx context.Context, id string) error {
	for {
		list, err := k.Desk.TrustKeys()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(x dct.Key) bool { return x.ID == id })
		switch {
		case i < 0:
			return errors.New("the root key " + id + " is not here any more")
		case list[i].Backup.Backup == "":
			err = k.backUp(ctx, id)
		case list[i].Backup.Rehearsed.IsZero():
			err = k.rehearse(ctx, id, list[i].Backup.Backup)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// custodyWords say what is known of the backup of a root key.
func custodyWords(c dct.Custody) string {
	text, _ := imageword.Backup(c)
	return "backup: " + text
}

// trustKeys lists the keys in Docker's folder, and looks after them.
func (k *imageTalk) trustKeys(ctx context.Context) error {
	return k.rounds(ctx, "Do", func(context.Context) ([]imageOffer, error) {
		list, err := k.Desk.TrustKeys()
		if err != nil {
			return nil, err
		}
		k.t.Say("")
		k.t.Say("Keys in Docker's folder")
		var roots []string
		for _, key := range list {
			k.t.Say("  %s, %s", key.ID, roleWords(key))
			if key.Role == "root" {
				roots = append(roots, key.ID)
				k.t.Say("    %s", custodyWords(key.Backup))
			}
		}
		if len(list) == 0 {
			k.t.Say("  There is none yet.")
		}
		none := cmpNot("", len(roots) == 0, "there is no root key here")
		return []imageOffer{
			{"make a root key", "", k.makeAnotherRoot},
			{"make a signer's key", "", k.makeSignerKey},
			{"take a signer's key from a file", "", k.loadKey},
			{"back up a root key", none, func(ctx context.Context) error { return k.withRoot(ctx, roots, k.backUp) }},
			{"try the backup of a root key", none, func(ctx context.Context) error {
				return k.withRoot(ctx, roots, func(ctx context.Context, id string) error { return k.rehearse(ctx, id, backupOf(list, id)) })
			}},
			{"take a root key back from its backup", "", k.restore},
		}, nil
	})
}

func backupOf(list []dct.Key, id string) string {
	for _, key := range list {
		if key.ID == id {
			return key.Backup.Backup
		}
	}
	return ""
}

func roleWords(key dct.Key) string {
	out := key.Role
	if key.GUN != "" {
		out += " of " + key.GUN
	}
	if !key.Encrypted {
		out += ", not protected by a passphrase"
	}
	return out
}

func (k *imageTalk) withRoot(ctx context.Context, ids []string, do func(context.Context, string) error) error {
	id := ids[0]
	if len(ids) > 1 {
		var err error
		if id, err = k.chooseRoot(ctx, ids); err != nil {
			return err
		}
	}
	return do(ctx, id)
}

func (k *imageTalk) makeSignerKey(ctx context.Context) error {
	name, err := k.t.Text(ctx, "The signer's name, in small letters", "")
	if err == nil {
		_, err = k.makeTrustKey(ctx, name)
	}
	return err
}

func (k *imageTalk) loadKey(ctx context.Context) error {
	file, err := k.t.Text(ctx, "The file of the private key", "")
	if err != nil {
		return err
	}
	name, err := k.t.Text(ctx, "The signer's name, in small letters", "")
	if err != nil {
		return err
	}
	var key dct.Key
	err = k.work(ctx, "still at it", func(ctx context.Context, f images.Face) (err error) {
		key, err = k.Desk.LoadTrustKey(ctx, k.Path(file), name, f.Ask)
		return err
	})
	if err == nil {
		k.t.Say("It is in %s", key.Path)
	}
	return err
}

func (k *imageTalk) restore(ctx context.Context) error {
	file, err := k.t.Text(ctx, "The file of the backup", "")
	if err != nil {
		return err
	}
	key, err := k.Desk.RestoreRoot(ctx, k.Path(file), k.t.Passphrase)
	if err == nil {
		k.t.Say("It is in %s", key.Path)
	}
	return asStopped(ctx, err)
}
