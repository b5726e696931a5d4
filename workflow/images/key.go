package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/workflow/world"
)

// Key is a cosign private key that could sign images.
type Key struct {
	Path string
	ID   string // SHA-256 of the public key info, upper-case hex; "" if only the password tells
	Why  string // where it was found
}

// PublicPath is the file with the public half, beside the private one.
func (k Key) PublicPath() string { return strings.TrimSuffix(k.Path, ".key") + ".pub" }

// KeyFolder are the image keys that bulla keeps itself, in a folder of its own.
type KeyFolder struct{ world *world.World }

// KeysOf are the image keys that are kept in a World.
func KeysOf(w *world.World) KeyFolder { return KeyFolder{w} }

// Generate makes a cosign key pair NAME.key and NAME.pub in bulla's own folder. It never
// replaces one: the error then matches fs.ErrExist.
func (f KeyFolder) Generate(ctx context.Context, name string, pass keys.Secret) (Key, error) {
	private, public, err := cosign.GenerateKey(ctx, f.world.Rand, pass)
	if err != nil {
		return Key{}, err
	}
	return f.keep(name, private, public, "made by bulla")
}

// Import makes a cosign key pair NAME.key and NAME.pub in bulla's own folder of a private
// key in PEM form; see cosign.ImportKey. source is what the person calls the file.
func (f KeyFolder) Import(ctx context.Context, name, source string, data []byte, ask keys.AskPassphrase, pass keys.Secret) (Key, error) {
	private, public, err := cosign.ImportKey(ctx, f.world.Rand, data, source, ask, pass)
	if err != nil {
		return Key{}, err
	}
	return f.keep(name, private, public, "imported")
}

// keep writes a key pair. The private half is wiped.
func (f KeyFolder) keep(name string, private, public []byte, why string) (Key, error) {
	defer clear(private)
	if err := os.MkdirAll(f.world.ImageKeyDir(), 0o700); err != nil {
		return Key{}, err
	}
	if err := cosign.WriteKeyPair(f.world.ImageKeyDir(), name, private, public); err != nil {
		return Key{}, err
	}
	pub, err := cosign.ParsePublicKey(public)
	if err != nil {
		return Key{}, err
	}
	return Key{Path: filepath.Join(f.world.ImageKeyDir(), name+".key"), ID: string(pub.Fingerprint()), Why: why}, nil
}

// Exists reports whether bulla keeps a key of that name already, so that nobody is asked
// for a passphrase in vain. The error then matches fs.ErrExist.
func (f KeyFolder) Exists(name string) error {
	path := filepath.Join(f.world.ImageKeyDir(), name+".key")
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return nil
}

// List lists the image keys in bulla's own folder. Those whose file cannot be read are left
// out.
func (f KeyFolder) List() ([]Key, error) {
	found, err := filepath.Glob(filepath.Join(f.world.ImageKeyDir(), "*.key")) // sorted
	if err != nil {
		return nil, err
	}
	var out []Key
	for _, path := range found {
		if s, err := cosign.LoadSigner(path); err == nil {
			out = append(out, Key{Path: path, ID: s.ID(), Why: "kept by bulla"})
			_ = s.Close() // it was never unlocked
		}
	}
	return out, nil
}

// Signer loads the key at path, or the only image key that bulla keeps. It is locked.
func (f KeyFolder) Signer(path string) (*cosign.Signer, error) {
	if path == "" {
		found, err := filepath.Glob(filepath.Join(f.world.ImageKeyDir(), "*.key"))
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, ErrNoKey
		case len(found) > 1:
			return nil, &SeveralKeysError{Count: len(found)}
		}
		path = found[0]
	}
	return cosign.LoadSigner(path)
}

// ChangePassword protects a key file by another password; path "" is the only key that
// bulla keeps. What the vault had for it is forgotten. It returns the key's path.
func (f KeyFolder) ChangePassword(ctx context.Context, path string, ask keys.AskPassphrase, pass keys.Secret) (string, error) {
	s, err := f.Signer(path)
	if err != nil {
		return "", err
	}
	path = s.Path()
	id := s.ID()
	if err := errors.Join(s.Close(), cosign.ChangePassword(ctx, f.world.Rand, path, ask, pass)); err != nil {
		return path, err
	}
	if id == "" { // without its public key the file's own hash names it, which is another now
		return path, nil
	}
	return path, f.world.Vault.Forget(ctx, keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: id})
}

// SeveralKeysError says that several image keys are at hand and none is named.
type SeveralKeysError struct{ Count int }

func (e *SeveralKeysError) Error() string {
	return fmt.Sprintf("%d image keys are at hand and none is named", e.Count)
}

// ErrNoKey says that an image is to be signed and no key for that is at hand.
var ErrNoKey = errors.New("there is no key to sign images with")
