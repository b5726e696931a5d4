package images

import (
	"context"
	"io/fs"
	"os"

	"bulla/docker/dct"
	"bulla/keys"
	"bulla/keys/atomicfile"
)

// MakeSignerKey makes a private key for a signer in a folder of keys, and writes the public half to a
// file that must not exist yet: for whoever owns the repository. Where only the second fails, the key
// comes beside the error. Errors, besides those of the disk: *dct.SignerError, and of who is asked.
func MakeSignerKey(ctx context.Context, folder *dct.KeyFolder, name, public string, ask keys.AskPassphrase) (dct.Key, error) {
	if name == "root" {
		return dct.Key{}, &dct.SignerError{Name: name, Reason: "this name has a meaning of its own"}
	}
	if _, err := os.Lstat(public); err == nil {
		return dct.Key{}, &fs.PathError{Op: "create", Path: public, Err: fs.ErrExist}
	}
	k, pub, err := folder.Generate(ctx, name, ask)
	if err != nil {
		return k, err
	}
	return k, atomicfile.Create(public, pub.PEM(name), 0o644)
}

// MakeSignerKey is the function MakeSignerKey in Docker's folder.
func (d *Desk) MakeSignerKey(ctx context.Context, name, public string, ask keys.AskPassphrase) (dct.Key, error) {
	return MakeSignerKey(ctx, d.folder(), name, public, ask)
}
