package dct

import (
	"context"
	"errors"
	"io/fs"

	"github.com/theupdateframework/notary/cryptoservice"
	"github.com/theupdateframework/notary/trustmanager"
	"github.com/theupdateframework/notary/tuf/data"

	"bulla/keys"
)

// keyAccess lends the folder of keys to the library for one operation: its KeyStore. The library
// reports whatever goes wrong with a key as a key that is missing; what really happened stays in
// err.
type keyAccess struct {
	ctx    context.Context
	folder *KeyFolder
	ask    keys.AskPassphrase
	err    error
	made   []string // ids of the keys that the library made and that were written
}

var _ trustmanager.KeyStore = (*keyAccess)(nil)

// service is the library's view of the keys.
func (a *keyAccess) service() *cryptoservice.CryptoService {
	return cryptoservice.NewCryptoService(a)
}

// unlock opens a key beforehand, so that a wrong passphrase is told as one.
func (a *keyAccess) unlock(id string) error {
	_, _, err := a.folder.unlock(a.ctx, id, a.ask)
	return err
}

// GetKey opens a key.
func (a *keyAccess) GetKey(id string) (data.PrivateKey, data.RoleName, error) {
	key, role, err := a.folder.unlock(a.ctx, id, a.ask)
	switch {
	case err == nil:
		return key, data.RoleName(role), nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", trustmanager.ErrKeyNotFound{KeyID: id}
	}
	if a.err == nil {
		a.err = err
	}
	return nil, "", trustmanager.ErrPasswordInvalid{}
}

// AddKey writes a key that the library made.
func (a *keyAccess) AddKey(info trustmanager.KeyInfo, key data.PrivateKey) error {
	err := a.folder.add(a.ctx, key, info.Role.String(), info.Gun.String(), a.ask)
	if err != nil {
		if a.err == nil {
			a.err = err
		}
		return err
	}
	a.made = append(a.made, key.ID())
	return nil
}

// GetKeyInfo tells the role of a key.
func (a *keyAccess) GetKeyInfo(id string) (trustmanager.KeyInfo, error) {
	k, _, err := a.folder.load(id)
	if err != nil {
		return trustmanager.KeyInfo{}, trustmanager.ErrKeyNotFound{KeyID: id}
	}
	return info(k), nil
}

func info(k Key) trustmanager.KeyInfo {
	return trustmanager.KeyInfo{Role: data.RoleName(k.Role), Gun: data.GUN(k.GUN)}
}

// ListKeys lists the keys.
func (a *keyAccess) ListKeys() map[string]trustmanager.KeyInfo {
	out := map[string]trustmanager.KeyInfo{}
	list, err := a.folder.List()
	if err != nil && a.err == nil {
		a.err = err
	}
	for _, k := range list {
		out[k.ID] = info(k)
	}
	return out
}

// RemoveKey refuses: the library has no reason to.
func (a *keyAccess) RemoveKey(string) error { return errors.New("no key is removed") }

// Name is where the keys are.
func (a *keyAccess) Name() string { return a.folder.dir }

// takeBack removes the keys that were made for a change that was never published.
func (a *keyAccess) takeBack() {
	for _, id := range a.made {
		_ = a.folder.remove(id)
	}
	a.made = nil
}
