package dct

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/theupdateframework/notary"
	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/client/changelist"
	"github.com/theupdateframework/notary/cryptoservice"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/utils"

	"bulla/keys"
)

// RotateTargets replaces the repository's targets key by a new one, which is made and written into
// the folder of keys. It needs the root key. The old key's file stays; so does the new one's, unless the
// server refused it or never got it. Errors are those of Sign.
func (r *Repository) RotateTargets(ctx context.Context, trust Trust, ask keys.AskPassphrase) (*State, error) {
	key, err := utils.GenerateKey(data.ECDSAKey)
	if err != nil {
		return nil, err
	}
	made := &keyAccess{folder: r.client.keys}
	s, o, err := r.apply(ctx, trust, ask, change{
		mends: true,
		plan: func(_ *view, s *State, a *keyAccess) ([]stage, error) {
			if err := a.unlockRole(s, r.gun, roleRoot); err != nil {
				return nil, err
			}
			if len(made.made) == 0 {
				if err := a.folder.add(ctx, key, roleTargets, r.gun.String(), ask); err != nil {
					return nil, err
				}
				made.made = []string{key.ID()}
			}
			return []stage{replaceKeys(data.CanonicalTargetsRole, data.PublicKeyFromPrivate(key))}, nil
		},
		done: func(_ *view, s *State) bool { return slices.Equal(s.role(roleTargets).KeyIDs, []string{key.ID()}) },
	})
	if !o.may() {
		made.takeBack()
	}
	return s, err
}

// RotateRoot replaces the root key by another one from the folder of keys, whose backup was
// restored and opened as for Initialize. It needs the old root key too: both sign, so that
// whoever trusts the old one can follow. Pins must be changed in time; State.Root has the new
// certificate. Errors are those of Initialize.
func (r *Repository) RotateRoot(ctx context.Context, newKey string, trust Trust, ask keys.AskPassphrase) (*State, error) {
	folder := r.client.keys
	id, err := folder.rootKey(newKey)
	if err != nil {
		return nil, err
	}
	if err := folder.inCustody(r.gun, id); err != nil {
		return nil, err
	}
	var cert data.PublicKey
	is := func(s *State) bool { return slices.Equal(s.role(roleRoot).KeyIDs, []string{id}) }
	s, o, err := r.apply(ctx, trust, ask, change{
		mends: true,
		plan: func(_ *view, s *State, a *keyAccess) ([]stage, error) {
			if is(s) {
				return nil, nil
			}
			if err := a.unlockRole(s, r.gun, roleRoot); err != nil {
				return nil, err
			}
			if cert == nil {
				if cert, err = r.certify(ctx, id, ask); err != nil {
					return nil, err
				}
			}
			return []stage{replaceKeys(data.CanonicalRootRole, cert)}, nil
		},
		done: func(_ *view, s *State) bool { return is(s) },
	})
	switch {
	case err == nil && o == outcomeExisting:
		err = &SameRootError{GUN: r.gun.String(), KeyID: id}
	case err == nil: // what was seen up to now is older than anything that the new pin may ever be shown
		_, _ = r.Read(ctx, Trust{Certificates: certificateIDs(s)})
	}
	return s, err
}

// certificateIDs are the ids of the root certificates of a state.
func certificateIDs(s *State) (ids []string) {
	for _, c := range s.Root.Certificates {
		ids = append(ids, c.ID)
	}
	return ids
}

// SameRootError says that a root key cannot be replaced by itself.
type SameRootError struct{ GUN, KeyID string }

func (e *SameRootError) Error() string { return e.KeyID + " is the root key of " + e.GUN + " already" }

// rootYears is how long a root certificate is valid, as the library makes them.
const rootYears = 10 * notary.Year

// certify makes the root certificate for a key. Its times are the system's clock, as are those of
// the library.
func (r *Repository) certify(ctx context.Context, id string, ask keys.AskPassphrase) (data.PublicKey, error) {
	key, _, err := r.client.keys.unlock(ctx, id, ask)
	if err != nil {
		return nil, err
	}
	from := r.client.now()
	c, err := cryptoservice.GenerateCertificate(key, data.GUN(r.gun.String()), from, from.Add(rootYears))
	if err != nil {
		return nil, err
	}
	return utils.CertToKey(c), nil
}

// replaceKeys stages new keys for a role that the root names.
func replaceKeys(role data.RoleName, key data.PublicKey) stage {
	return func(_ client.Repository, list changelist.Changelist) error {
		b, err := json.Marshal(changelist.TUFRootData{RoleName: role, Keys: data.KeyList{key}})
		if err != nil {
			return err
		}
		return list.Add(changelist.NewTUFChange(changelist.ActionCreate, changelist.ScopeRoot, changelist.TypeBaseRole, role.String(), b))
	}
}
