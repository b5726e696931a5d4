package dct

import (
	"context"
	"slices"

	"github.com/theupdateframework/notary/tuf/data"

	"bulla/docker"
	"bulla/keys"
)

// Prospect is how a tag would be signed, as far as that can be told without opening a key.
type Prospect struct {
	// Roles are those that the entry would be signed into; Keys are the ids of the keys at hand
	// that may do so.
	Roles []string
	Keys  []string
	// Released says that the tag would count as released.
	Released bool
	// Existing says that all of them have signed the digest already: Sign would publish nothing.
	Existing bool
	State    *State
}

// CanSign finds out how Sign would sign the tag that img was resolved from. It opens no key and
// publishes nothing. The errors are those of Sign, as far as they can be known beforehand; whether
// the server will take the signature cannot.
func (r *Repository) CanSign(ctx context.Context, img docker.Image, trust Trust) (Prospect, error) {
	p, _, err := r.prospect(ctx, img, trust, &keyAccess{ctx: ctx, folder: r.client.keys})
	return p, err
}

// Unlock opens the keys that Sign needs for a tag, so that nobody has to be asked later. They stay
// open until Client.Close. Errors are those of CanSign, and *keys.UnlockError.
func (r *Repository) Unlock(ctx context.Context, img docker.Image, trust Trust, ask keys.AskPassphrase) error {
	a := &keyAccess{ctx: ctx, folder: r.client.keys, ask: ask}
	p, list, err := r.prospect(ctx, img, trust, a)
	if err != nil || p.Existing {
		return err
	}
	for _, role := range list {
		if err := a.unlockOne(r.gun, role.name.String(), role.held); err != nil {
			return err
		}
	}
	return r.unlockOldRoot(p.State, a)
}

func (r *Repository) prospect(ctx context.Context, img docker.Image, trust Trust, a *keyAccess) (p Prospect, list []signerRole, err error) {
	if err := r.reference(img); err != nil {
		return p, nil, err
	}
	target, err := targetOf(img)
	if err != nil {
		return p, nil, err
	}
	if trust.Offline {
		return p, nil, errOffline
	}
	// As for a signature: a server that asks who one is gives out the right to push here.
	v, err := r.load(&remote{repo: r, ctx: ctx, push: true}, trust)
	if err != nil {
		return p, nil, err
	}
	if p.State, err = r.state(v, false); err != nil {
		return p, nil, err
	}
	if err := r.firstSignature(p.State, a); err != nil {
		return p, nil, err
	}
	if list, err = r.signers(v, p.State, a, target.Name); err != nil {
		return p, nil, err
	}
	for _, role := range list {
		p.Roles = append(p.Roles, role.name.String())
		p.Keys = append(p.Keys, role.held...)
		p.Released = p.Released || role.name == data.CanonicalTargetsRole || role.name == roleReleases
	}
	slices.Sort(p.Keys)
	p.Keys = slices.Compact(p.Keys)
	p.Existing = r.signedAs(v, names(list), target)
	if root := p.State.role(roleRoot); !p.Existing && expiresSoon(p.State.Root.Expires, r.client.now()) && len(a.held(root.KeyIDs)) == 0 {
		return p, nil, &MissingKeyError{GUN: r.gun.String(), Role: roleRoot, IDs: root.KeyIDs, Dir: a.folder.dir}
	}
	return p, list, nil
}
