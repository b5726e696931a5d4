package dct

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/signed"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
)

// Custody is what is known of the backup of a root key. A lost root key can never be replaced:
// everybody who pinned it refuses all that comes after.
type Custody struct {
	// Backup is the file that was last written or tried, SHA256 its content when it was tried.
	Backup string `json:"backup,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Written is when bulla wrote it; zero for a backup that was made in another way.
	Written time.Time `json:"written,omitzero"`
	// Rehearsed is when the backup was last restored and opened; zero for never.
	Rehearsed time.Time `json:"rehearsed,omitzero"`
}

func (f *KeyFolder) custodyPath() string { return filepath.Join(f.state, "custody.json") }

// maxCustody is the longest list of what is known of keys, in bytes: some 200 for each.
const maxCustody = 4 << 20

// custody reads what is known, by key id.
func (f *KeyFolder) custody() (map[string]Custody, error) {
	all := map[string]Custody{}
	b, err := limits.ReadFile(f.custodyPath(), maxCustody)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, &fs.PathError{Op: "read what is known of backups in", Path: f.custodyPath(), Err: errDamaged}
	}
	return all, nil
}

// note changes what is known of one key.
func (f *KeyFolder) note(id string, change func(*Custody)) error {
	return changeFile(f.custodyPath(), func() error {
		all, err := f.custody()
		if err != nil {
			return err
		}
		c := all[id]
		change(&c)
		all[id] = c
		b, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return err
		}
		return atomicfile.Write(f.custodyPath(), append(b, '\n'), 0o600)
	})
}

// Custody tells what is known of a key's backup.
func (f *KeyFolder) Custody(id string) (Custody, error) {
	all, err := f.custody()
	return all[id], err
}

// pathHeader is where notary key export notes the file that a key came from; notary key import
// wants it.
const pathHeader = "path"

// Backup copies a root key, named by its id or the beginning of it, encrypted as it is, to a file
// that must not exist yet, in the form of notary key export. Restore and notary key import take
// it back; so does copying it into the folder, under the key's id.
func (f *KeyFolder) Backup(selector, path string) error {
	id, err := f.rootKey(selector)
	if err != nil {
		return err
	}
	k, file, err := f.load(id)
	if err != nil {
		return err
	}
	if !k.Encrypted {
		return &KeyFileError{Path: k.Path, Reason: "it has no passphrase; a backup of it would be the key itself"}
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	file.block.Headers[pathHeader] = id
	if err := atomicfile.Create(path, pem.EncodeToMemory(file.block), 0o600); err != nil {
		return err
	}
	return f.note(id, func(c *Custody) { *c = Custody{Backup: path, Written: f.now().UTC()} })
}

// Rehearse tries the backup of a root key as if the original were lost: the file is read, opened
// with the passphrase that ask gives, and has to make a signature that the public key accepts. It
// then counts as a backup. Nothing is written into the folder of keys. It returns the id of the
// key in the file.
//
// ask should ask a person: a passphrase out of a vault does not show that anybody remembers it.
func (f *KeyFolder) Rehearse(ctx context.Context, path string, ask keys.AskPassphrase) (string, error) {
	id, _, err := f.rehearse(ctx, path, ask)
	return id, err
}

// rehearse is Rehearse, with the file that was tried.
func (f *KeyFolder) rehearse(ctx context.Context, path string, ask keys.AskPassphrase) (string, *keyFile, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", nil, err
	}
	b, info, err := readBackup(path)
	if err != nil {
		return "", nil, &KeyFileError{Path: path, Reason: "it cannot be read", Err: limits.WithoutPath(err)}
	}
	file, err := parseKeyFile(b)
	if err != nil {
		return "", nil, withPath(err, path)
	}
	switch {
	case file.role != roleRoot:
		return "", nil, &KeyFileError{Path: path, Reason: "it is not the backup of a root key"}
	case !file.encrypted:
		return "", nil, &KeyFileError{Path: path, Reason: "it has no passphrase"}
	case f.inside(path, info):
		return "", nil, &KeyFileError{Path: path, Reason: "it is the original, not a copy somewhere else"}
	}
	key, err := openKeyFile(ctx, file, request(filepath.Base(path), roleRoot, ""), ask)
	if err != nil {
		return "", nil, withPath(err, path)
	}
	defer clear(key.Private())
	if err := signs(key); err != nil {
		return "", nil, &KeyFileError{Path: path, Reason: "the key in it does not sign", Err: err}
	}
	sum := sha256.Sum256(b)
	return key.ID(), file, f.note(key.ID(), func(c *Custody) {
		if c.Backup != path {
			c.Written = time.Time{}
		}
		c.Backup, c.SHA256, c.Rehearsed = path, hex.EncodeToString(sum[:]), f.now().UTC()
	})
}

// readBackup reads a key file, and says which file it was that was read.
func readBackup(path string) ([]byte, fs.FileInfo, error) {
	r, info, err := limits.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	b, err := limits.ReadAll(r, path, maxKeyFile)
	return b, info, err
}

// inside reports whether a file that was opened is in the folder of keys itself, or is one of the files
// there under another name: what deletes the original would delete such a backup with it, and a link to
// it may look like a stick.
func (f *KeyFolder) inside(path string, opened fs.FileInfo) bool {
	a, err := os.Stat(filepath.Dir(path))
	b, err2 := os.Stat(f.dir)
	if err == nil && err2 == nil && os.SameFile(a, b) {
		return true
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(entries[:min(len(entries), maxKeys)], func(e fs.DirEntry) bool {
		info, err := os.Stat(filepath.Join(f.dir, e.Name()))
		return err == nil && os.SameFile(info, opened)
	})
}

// signs makes a signature and lets the public half judge it.
func signs(key data.PrivateKey) error {
	message := []byte("bulla: rehearsal of a backup")
	sig, err := key.Sign(rand.Reader, message, nil)
	if err != nil {
		return err
	}
	s := data.Signature{KeyID: key.ID(), Method: key.SignatureAlgorithm(), Signature: sig}
	return signed.VerifySignature(message, &s, data.PublicKeyFromPrivate(key))
}

// Restore takes a root key from its backup into the folder of keys, under the passphrase it has,
// after the same trial as Rehearse. A key that is there already is left alone.
func (f *KeyFolder) Restore(ctx context.Context, path string, ask keys.AskPassphrase) (Key, error) {
	id, file, err := f.rehearse(ctx, path, ask)
	if err != nil {
		return Key{}, err
	}
	delete(file.block.Headers, pathHeader)
	if !f.has(id) {
		if err := f.write(id, pem.EncodeToMemory(file.block)); err != nil {
			return Key{}, err
		}
	}
	k, _, err := f.load(id)
	return k, err
}

// inCustody returns nil if a backup of the root key was restored and opened.
func (f *KeyFolder) inCustody(gun GUN, id string) error {
	c, err := f.Custody(id)
	if err != nil {
		return err
	}
	if c.Rehearsed.IsZero() {
		return &CustodyError{GUN: gun.String(), KeyID: id, Backup: c.Backup}
	}
	return nil
}
