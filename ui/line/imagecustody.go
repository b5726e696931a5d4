package line

import (
	"context"
	"errors"

	"bulla/docker/dct"
	"bulla/ui/component/imagedeed"
)

// rootKey leads to root keys.
func (k *imageTalk) rootKey() RootKey {
	return RootKey{Terminal: k.t, Keeper: k.Desk, Path: k.Path, Work: k.job}
}

// makeRoot makes a root key, and leads to a backup of it that was tried.
func (k *imageTalk) makeRoot(ctx context.Context) error {
	dir, _, err := k.Desk.TrustFolder()
	if err != nil {
		return err
	}
	id, err := k.rootKey().Make(ctx, dir)
	if err == nil {
		_, err = k.rootKey().Lead(ctx, imagedeed.RootWay{Keeper: k.Desk}, id)
	}
	return err
}

// trustKeys lists the keys in Docker's folder, and looks after them.
func (k *imageTalk) trustKeys(ctx context.Context) error {
	return k.rounds(ctx, "Do", func(context.Context) ([]imageOffer, error) {
		dir, list, err := k.Desk.TrustFolder()
		if err != nil {
			return nil, err
		}
		k.t.Say("")
		k.t.Say("Keys in Docker's folder")
		for _, key := range list {
			k.t.Say("  %s, %s", key.ID, roleWords(key))
			if key.Role == "root" {
				k.t.Say("    %s", imagedeed.BackupOf(key.Backup))
			}
		}
		if len(list) == 0 {
			k.t.Say("  There is none yet.")
		}
		k.standing.Trusted, k.standing.Trust.Keys, k.standing.Trust.Dir = true, list, dir
		return k.offers(map[imagedeed.Action]func(context.Context) error{
			imagedeed.MakeRootKey: k.makeRoot, imagedeed.BackUpRoot: k.backUpRoot, imagedeed.RehearseRoot: k.rehearseRoot,
			imagedeed.RestoreRoot: k.restore, imagedeed.MakeSignerKey: k.makeSignerKey, imagedeed.TakeSignerKey: k.loadKey,
		}), nil
	})
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

// backUpRoot backs a root key up, and tries the backup.
func (k *imageTalk) backUpRoot(ctx context.Context) error {
	list := k.standing.Trust.RootKeys()
	id := list[0].ID
	if len(list) > 1 {
		var err error
		if id, err = k.rootKey().Choose(ctx, list); err != nil {
			return err
		}
	}
	if err := k.rootKey().BackUp(ctx, id); err != nil {
		return err
	}
	_, err := k.rootKey().Lead(ctx, imagedeed.RootWay{Keeper: k.Desk}, id)
	return err
}

// rehearseRoot tries the backup of any root key; the only one that is known is proposed.
func (k *imageTalk) rehearseRoot(ctx context.Context) error {
	known := ""
	if list := k.standing.Trust.RootKeys(); len(list) == 1 {
		known = list[0].Backup.Backup
	}
	return k.rootKey().Rehearse(ctx, "", known)
}

// makeSignerKey makes a key pair to sign with; its public half goes to a new file.
func (k *imageTalk) makeSignerKey(ctx context.Context) error {
	who, err := k.signerName(ctx)
	if err != nil {
		return err
	}
	for {
		path, err := k.t.Text(ctx, "The file for the public key, for whoever owns the repository", who+".pub")
		if err != nil {
			return err
		}
		if err = k.do(ctx, imagedeed.SignerKey(k.Desk, who, k.Path(path))); !errors.Is(err, errTaken) {
			return err
		}
	}
}

func (k *imageTalk) signerName(ctx context.Context) (string, error) {
	k.t.prose("", imagedeed.SignerName)
	return k.t.Text(ctx, "The signer's name", "")
}

func (k *imageTalk) loadKey(ctx context.Context) error {
	file, err := k.t.Text(ctx, "The file of the private key", "")
	if err != nil {
		return err
	}
	who, err := k.t.Ask(ctx, "The signer's name; Enter where the file says it:")
	if err != nil {
		return err
	}
	return k.do(ctx, imagedeed.LoadSignerKey(k.Desk, k.Path(file), who))
}

func (k *imageTalk) restore(ctx context.Context) error {
	file, err := k.t.Text(ctx, "The file of the backup", "")
	if err != nil {
		return err
	}
	return k.do(ctx, imagedeed.Restore(k.Desk, k.Path(file)))
}
