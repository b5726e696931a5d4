package workflow

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
	"bulla/keys/vault"
)

// ImageKey is a cosign private key that could sign images.
type ImageKey struct {
	Path string
	ID   string // SHA-256 of the public key info, upper-case hex; "" if only the password tells
	Why  string // where it was found
}

// PublicPath is the file with the public half, beside the private one.
func (k ImageKey) PublicPath() string { return strings.TrimSuffix(k.Path, ".key") + ".pub" }

// imageKeyDir is where bulla keeps image keys of its own.
func (w *World) imageKeyDir() string { return filepath.Join(w.Home, "images") }

// ImageKeys lists the cosign keys at hand: the configured one, those made by bulla, and cosign
// keys that lie in the repository's root. Those whose file cannot be read are left out.
func (s *Session) ImageKeys(context.Context) ([]ImageKey, error) {
	var out []ImageKey
	seen := map[string]bool{}
	add := func(path, why string) {
		if path == "" || seen[path] {
			return
		}
		signer, err := cosign.LoadSigner(path)
		if err != nil {
			return
		}
		defer signer.Close()
		seen[path] = true
		out = append(out, ImageKey{Path: path, ID: signer.ID(), Why: why})
	}
	add(s.absolute(s.Config().Release.ImageKey), "named in bulla.toml")
	for _, place := range []struct{ dir, why string }{{s.world.imageKeyDir(), "made by bulla"}, {s.root(), "in the repository"}} {
		found, err := filepath.Glob(filepath.Join(place.dir, "*.key")) // sorted
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			add(p, place.why)
		}
	}
	return out, nil
}

// absolute makes a path of the configuration absolute.
func (s *Session) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.root(), path)
}

// GenerateImageKey makes a cosign key pair in bulla's own folder, protected by pass, which is
// remembered for this run.
func (s *Session) GenerateImageKey(ctx context.Context, pass keys.Secret) (ImageKey, error) {
	k, err := s.world.GenerateImageKey(ctx, "release", pass)
	if err != nil {
		return k, err
	}
	req := keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: k.ID}
	return k, s.world.Vault.Remember(ctx, req, pass, vault.BackendMemory)
}

// GenerateImageKey makes a cosign key pair NAME.key and NAME.pub in bulla's own folder. It never
// replaces one: the error then matches fs.ErrExist.
func (w *World) GenerateImageKey(ctx context.Context, name string, pass keys.Secret) (ImageKey, error) {
	private, public, err := cosign.GenerateKey(ctx, w.Rand, pass)
	if err != nil {
		return ImageKey{}, err
	}
	return w.keepImageKey(name, private, public, "made by bulla")
}

// ImportImageKey makes a cosign key pair NAME.key and NAME.pub in bulla's own folder of a private
// key in PEM form; see cosign.ImportKey. source is what the person calls the file.
func (w *World) ImportImageKey(ctx context.Context, name, source string, data []byte, ask keys.AskPassphrase, pass keys.Secret) (ImageKey, error) {
	private, public, err := cosign.ImportKey(ctx, w.Rand, data, source, ask, pass)
	if err != nil {
		return ImageKey{}, err
	}
	return w.keepImageKey(name, private, public, "imported")
}

// keepImageKey writes a key pair. The private half is wiped.
func (w *World) keepImageKey(name string, private, public []byte, why string) (ImageKey, error) {
	defer clear(private)
	if err := makePrivateDir(w.imageKeyDir()); err != nil {
		return ImageKey{}, err
	}
	if err := cosign.WriteKeyPair(w.imageKeyDir(), name, private, public); err != nil {
		return ImageKey{}, err
	}
	pub, err := cosign.ParsePublicKey(public)
	if err != nil {
		return ImageKey{}, err
	}
	return ImageKey{Path: filepath.Join(w.imageKeyDir(), name+".key"), ID: string(pub.Fingerprint()), Why: why}, nil
}

// ImageKeyExists reports whether bulla keeps a key of that name already, so that nobody is asked
// for a passphrase in vain. The error then matches fs.ErrExist.
func (w *World) ImageKeyExists(name string) error {
	path := filepath.Join(w.imageKeyDir(), name+".key")
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return nil
}

// OwnImageKeys lists the image keys in bulla's own folder. Those whose file cannot be read are left
// out.
func (w *World) OwnImageKeys() ([]ImageKey, error) {
	found, err := filepath.Glob(filepath.Join(w.imageKeyDir(), "*.key")) // sorted
	if err != nil {
		return nil, err
	}
	var out []ImageKey
	for _, path := range found {
		if s, err := cosign.LoadSigner(path); err == nil {
			out = append(out, ImageKey{Path: path, ID: s.ID(), Why: "kept by bulla"})
			_ = s.Close() // it was never unlocked
		}
	}
	return out, nil
}

// ChangeImageKeyPassword protects a key file by another password; path "" is the only key that
// bulla keeps. What the vault had for it is forgotten. It returns the key's path.
func (w *World) ChangeImageKeyPassword(ctx context.Context, path string, ask keys.AskPassphrase, pass keys.Secret) (string, error) {
	s, err := w.ImageSigner(path)
	if err != nil {
		return "", err
	}
	path = s.Path()
	id := s.ID()
	if err := errors.Join(s.Close(), cosign.ChangePassword(ctx, w.Rand, path, ask, pass)); err != nil {
		return path, err
	}
	if id == "" { // without its public key the file's own hash names it, which is another now
		return path, nil
	}
	return path, w.Vault.Forget(ctx, keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: id})
}

// chooseImageKey settles which image key signs: the one named, the configured one, or the only
// one there is.
func (s *Session) chooseImageKey(ctx context.Context, named string) (ImageKey, error) {
	if named != "" {
		signer, err := cosign.LoadSigner(named)
		if err != nil {
			return ImageKey{}, err
		}
		defer signer.Close()
		return ImageKey{Path: named, ID: signer.ID(), Why: "named"}, nil
	}
	if p := s.absolute(s.Config().Release.ImageKey); p != "" {
		return s.chooseImageKey(ctx, p)
	}
	list, err := s.ImageKeys(ctx)
	switch {
	case err != nil:
		return ImageKey{}, err
	case len(list) == 0:
		return ImageKey{}, ErrNoImageKey
	case len(list) > 1:
		return ImageKey{}, &ImageKeysError{Count: len(list)}
	}
	return list[0], nil
}

// ImageKeysError says that several image keys are at hand and none is named.
type ImageKeysError struct{ Count int }

func (e *ImageKeysError) Error() string {
	return fmt.Sprintf("%d image keys are at hand and none is named", e.Count)
}

// ErrNoImageKey says that an image is to be signed and no key for that is at hand.
var ErrNoImageKey = errors.New("there is no key to sign images with")
