package dct

import (
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/utils"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
)

// KeyFolder is the folder in which docker trust and the notary command keep private keys:
// trust/private in Docker's own. What is written here they can use, and the other way round. It
// is safe for concurrent use. An opened key is kept until Close, so that its passphrase is asked
// for once.
type KeyFolder struct {
	dir   string
	state string // bulla's own folder, for what is known of backups
	now   func() time.Time

	mu   sync.Mutex
	open map[string]openKey
}

type openKey struct {
	role string
	key  data.PrivateKey
}

// Key is a private key in the folder.
type Key struct {
	// ID is the name of the file without .key, and the key's name everywhere.
	ID string
	// Role is "root", "targets", "snapshot" or the name that a signer gave it. GUN is the
	// repository of a targets or snapshot key. Both come from the file and must be cleaned before
	// a terminal sees them.
	Role, GUN string
	Path      string
	Encrypted bool
	// Backup is what is known of a root key's backup.
	Backup Custody
}

// keyName is what the files are called.
var keyName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// maxKeys bounds how many files are looked at.
const maxKeys = 10_000

// Dir is the folder.
func (f *KeyFolder) Dir() string { return f.dir }

// List lists the private keys, root keys first, then by role and id. Files that are no keys are
// left out. A folder that is not there has none.
func (f *KeyFolder) List() ([]Key, error) {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	custody, err := f.custody()
	if err != nil {
		return nil, err
	}
	var out []Key
	for _, e := range entries[:min(len(entries), maxKeys)] {
		id, ok := strings.CutSuffix(e.Name(), ".key")
		if !ok || !keyName.MatchString(id) {
			continue
		}
		k, _, err := f.load(id)
		if err != nil {
			continue
		}
		k.Backup = custody[id]
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b Key) int {
		first := func(k Key) int {
			if k.Role == roleRoot {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a.Role, b.Role), cmp.Compare(a.GUN, b.GUN), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// load reads one key file without opening it. A file that is not there is fs.ErrNotExist.
func (f *KeyFolder) load(id string) (Key, *keyFile, error) {
	if !keyName.MatchString(id) {
		return Key{}, nil, &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
	}
	path := filepath.Join(f.dir, id+".key")
	b, err := limits.ReadFile(path, maxKeyFile)
	if err != nil {
		return Key{}, nil, err
	}
	file, err := parseKeyFile(b)
	if err != nil {
		return Key{}, nil, withPath(err, path)
	}
	return Key{ID: id, Role: file.role, GUN: file.gun, Path: path, Encrypted: file.encrypted}, file, nil
}

// withPath names the file in a KeyFileError.
func withPath(err error, path string) error {
	var e *KeyFileError
	if errors.As(err, &e) {
		e.Path = path
	}
	return err
}

// has reports whether a key is in the folder, and readable.
func (f *KeyFolder) has(id string) bool {
	_, _, err := f.load(id)
	return err == nil
}

// request says what a passphrase is asked for.
func request(id, role, gun string) keys.PassphraseRequest {
	req := keys.PassphraseRequest{Purpose: keys.PurposeTrust, ID: id, Attempt: 1, Label: "signer key " + role}
	switch role {
	case roleRoot:
		req.Purpose, req.Label = keys.PurposeTrustRoot, "root key"
	case roleTargets:
		req.Label = "targets key of " + gun
	case "":
		req.Label = "key " + id[:min(len(id), 12)]
	}
	return req
}

// unlock opens a key, asking for its passphrase if that is needed; once is enough until Close. A
// wrong passphrase ends in *keys.UnlockError, a file that is not there in fs.ErrNotExist.
func (f *KeyFolder) unlock(ctx context.Context, id string, ask keys.AskPassphrase) (data.PrivateKey, string, error) {
	f.mu.Lock()
	o, ok := f.open[id]
	f.mu.Unlock()
	if ok {
		return o.key, o.role, nil
	}
	k, file, err := f.load(id)
	if err != nil {
		return nil, "", err
	}
	defer clear(file.block.Bytes)
	key, err := openKeyFile(ctx, file, request(id, k.Role, k.GUN), ask)
	if err != nil {
		return nil, "", withPath(err, k.Path)
	}
	if key.ID() != id {
		clear(key.Private())
		return nil, "", &KeyFileError{Path: k.Path, Reason: "the key in it is another one: " + key.ID()}
	}
	f.keep(k.Role, key)
	return key, k.Role, nil
}

// openKeyFile asks for the passphrase of a key until it is right, three times at most.
func openKeyFile(ctx context.Context, file *keyFile, req keys.PassphraseRequest, ask keys.AskPassphrase) (key data.PrivateKey, err error) {
	if !file.encrypted {
		return file.open(nil)
	}
	err = keys.Unlock(ctx, ask, req, func(pass keys.Secret) error {
		return pass.Use(func(b []byte) (err error) {
			key, err = file.open(b)
			return err
		})
	})
	return key, err
}

func (f *KeyFolder) keep(role string, key data.PrivateKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[key.ID()] = openKey{role, key}
}

// add writes a new key, protected by a new passphrase, and keeps it open. Where that fails the key is
// wiped.
func (f *KeyFolder) add(ctx context.Context, key data.PrivateKey, role, gun string, ask keys.AskPassphrase) (err error) {
	defer func() {
		if err != nil {
			clear(key.Private())
		}
	}()
	if ask == nil {
		return keys.ErrNoPassphrase
	}
	req := request(key.ID(), role, gun)
	req.New = true
	pass, err := ask(ctx, req)
	if err != nil {
		return err
	}
	defer pass.Destroy()
	b, err := encodeKey(key, role, gun, pass)
	if err != nil {
		return err
	}
	defer clear(b)
	if err := f.write(key.ID(), b); err != nil {
		return err
	}
	f.keep(role, key)
	return nil
}

// write puts a key file into the folder. It never replaces one.
func (f *KeyFolder) write(id string, b []byte) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Create(filepath.Join(f.dir, id+".key"), b, 0o600)
}

// remove deletes a key that was made for a change which the server then refused.
func (f *KeyFolder) remove(id string) error {
	f.mu.Lock()
	if o, ok := f.open[id]; ok {
		clear(o.key.Private())
	}
	delete(f.open, id)
	f.mu.Unlock()
	if !keyName.MatchString(id) {
		return fs.ErrNotExist
	}
	return os.Remove(filepath.Join(f.dir, id+".key"))
}

// Close forgets the opened keys. Go's collector decides when their memory is used again.
func (f *KeyFolder) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, o := range f.open {
		clear(o.key.Private())
		delete(f.open, id)
	}
}

// Generate makes a private key (ECDSA, P-256) for a role: "root", or the name of a signer. The
// callback is asked for the new passphrase.
func (f *KeyFolder) Generate(ctx context.Context, role string, ask keys.AskPassphrase) (Key, PublicKey, error) {
	if role != roleRoot {
		if err := checkSignerName(role); err != nil {
			return Key{}, PublicKey{}, err
		}
	}
	key, err := utils.GenerateKey(data.ECDSAKey)
	if err != nil {
		return Key{}, PublicKey{}, err
	}
	if err := f.add(ctx, key, role, "", ask); err != nil {
		return Key{}, PublicKey{}, err
	}
	k, _, err := f.load(key.ID())
	return k, publicHalf(key), err
}

func publicHalf(key data.PrivateKey) PublicKey {
	return PublicKey{ID: key.ID(), Algorithm: algorithm(key), key: data.PublicKeyFromPrivate(key)}
}

// PEM is the public key in the form that docker trust signer add takes, with the name of the
// signer.
func (p PublicKey) PEM(name string) []byte {
	if p.key == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.key.Public(), Headers: map[string]string{"role": name}})
}

// signerPattern is docker trust's rule for names.
var signerPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// checkSignerName refuses what docker trust would refuse, and names that mean something else.
func checkSignerName(name string) error {
	switch {
	case !signerPattern.MatchString(name) || len(name) > 128:
		return &SignerError{Name: name[:min(len(name), 128)], Reason: "a signer's name is lower-case letters, digits, dashes and underscores, and begins with a letter or digit"}
	case slices.Contains([]string{"releases", roleRoot, roleTargets, "snapshot", "timestamp"}, name):
		return &SignerError{Name: name, Reason: "this name has a meaning of its own"}
	}
	return nil
}

// Load takes a private key from a file into the folder, for the signer name, as docker trust key
// load does: a key made by anything that writes PEM. It stays encrypted under the passphrase it
// has; one without a passphrase gets a new one. A key that is there already is left alone.
func (f *KeyFolder) Load(ctx context.Context, path, name string, ask keys.AskPassphrase) (Key, error) {
	b, err := limits.ReadNamed(path, maxKeyFile)
	if err != nil {
		return Key{}, &KeyFileError{Path: path, Reason: "it cannot be read", Err: limits.WithoutPath(err)}
	}
	defer clear(b)
	file, err := parseKeyFile(b)
	if err != nil {
		return Key{}, withPath(err, path)
	}
	defer clear(file.block.Bytes)
	role := file.role
	if role != roleRoot && role != roleTargets && name != "" {
		role = name
	}
	if role != roleRoot && role != roleTargets {
		if err := checkSignerName(role); err != nil {
			return Key{}, err
		}
	}
	key, pass, err := f.openKeeping(ctx, file, request(filepath.Base(path), role, file.gun), ask)
	if err != nil {
		return Key{}, withPath(err, path)
	}
	defer pass.Destroy()
	kept := false
	defer func() {
		if !kept {
			clear(key.Private())
		}
	}()
	if k, _, err := f.load(key.ID()); err == nil {
		return k, nil
	}
	if kept = !file.encrypted; kept { // or wiped, where it could not be written
		err = f.add(ctx, key, role, file.gun, ask)
	} else {
		var enc []byte
		if enc, err = encodeKey(key, role, file.gun, pass); err == nil {
			err = f.write(key.ID(), enc)
		}
	}
	if err != nil {
		return Key{}, err
	}
	k, _, err := f.load(key.ID())
	return k, err
}

// openKeeping is openKeyFile that gives back the passphrase too.
func (f *KeyFolder) openKeeping(ctx context.Context, file *keyFile, req keys.PassphraseRequest, ask keys.AskPassphrase) (data.PrivateKey, keys.Secret, error) {
	var kept keys.Secret
	key, err := openKeyFile(ctx, file, req, func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		if ask == nil {
			return keys.Secret{}, keys.ErrNoPassphrase
		}
		s, err := ask(ctx, req)
		kept.Destroy()
		kept = s.Clone()
		return s, err
	})
	if err != nil {
		kept.Destroy()
	}
	return key, kept, err
}

// Format keeps fmt from walking into opened keys.
func (f *KeyFolder) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "keys in %s", f.dir) }
