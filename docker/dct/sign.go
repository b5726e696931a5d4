package dct

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/client/changelist"
	"github.com/theupdateframework/notary/tuf/data"

	"bulla/docker"
	"bulla/keys"
)

// Signed is what Sign did.
type Signed struct {
	Tag Tag
	// Roles are those that the entry was signed into: "targets", or "targets/releases" and
	// "targets/NAME".
	Roles []string
	// Released says that the tag counts as released now: it does not if the keys at hand may
	// sign for a signer but not for targets/releases.
	Released bool
	// Existing says that everything was signed already, and nothing was published.
	Existing bool
	State    *State
}

// Sign signs the tag that img was resolved from, for its digest and size, with every key at hand
// that Docker's rule lets sign: where nobody was made a signer the repository's targets key; else
// those of the signers and of targets/releases. Another signer's word for the same tag stays.
// The repository must have been initialised. Where the tag points elsewhere by the time that the keys are
// open, nothing is signed.
//
// Errors, besides those of Read: *docker.ReferenceError, *docker.MovedError, *docker.RegistryError,
// *MissingKeyError, *CustodyError, *keys.UnlockError, *ConflictError, *UnknownOutcomeError.
func (r *Repository) Sign(ctx context.Context, img docker.Image, trust Trust, ask keys.AskPassphrase) (Signed, error) {
	if err := r.reference(img); err != nil {
		return Signed{}, err
	}
	tag := img.Reference.Tag()
	target, err := targetOf(img)
	if err != nil {
		return Signed{}, err
	}
	var roles []data.RoleName
	var before map[data.RoleName]int
	s, o, err := r.apply(ctx, trust, ask, change{
		plan: func(v *view, s *State, a *keyAccess) ([]stage, error) {
			if err := r.firstSignature(s, a); err != nil {
				return nil, err
			}
			if roles, err = r.signable(v, s, a, tag); err != nil {
				return nil, err
			}
			if err := r.stillThere(ctx, img); err != nil {
				return nil, err
			}
			if r.signedAs(v, roles, target) {
				return nil, nil
			}
			before = versions(v, roles)
			if err := r.unlockOldRoot(s, a); err != nil {
				return nil, err
			}
			return []stage{func(repo client.Repository, _ changelist.Changelist) error { return repo.AddTarget(target, roles...) }}, nil
		},
		done: func(v *view, _ *State) bool {
			return !slices.ContainsFunc(roles, func(role data.RoleName) bool { return !holds(v, role, target) }) && newer(v, before)
		},
	})
	if err != nil {
		return Signed{}, err
	}
	out := Signed{Existing: o == outcomeExisting, State: s}
	if t := s.entry(tag, img.Digest); t != nil {
		out.Tag = *t
	}
	released, ok := s.Tag(tag)
	out.Released = ok && released.Digest == img.Digest
	for _, role := range roles {
		out.Roles = append(out.Roles, role.String())
	}
	return out, nil
}

// stillThere looks at the tag once more when all keys are open: a person may have been asked for their
// passphrases, and an entry for where the tag was would vouch for a name that has another image.
func (r *Repository) stillThere(ctx context.Context, img docker.Image) error {
	if r.client.registry == nil {
		return nil
	}
	now, err := r.client.registry.Resolve(ctx, img.Reference)
	if err != nil {
		return err
	}
	if now.Digest != img.Digest {
		return &docker.MovedError{Ref: img.Reference, Was: img.Digest, Is: now.Digest}
	}
	return nil
}

// targetOf is the entry that signs an image.
func targetOf(img docker.Image) (*client.Target, error) {
	hash, err := hex.DecodeString(strings.TrimPrefix(img.Digest, "sha256:"))
	if err != nil || len(hash) != 32 {
		return nil, fmt.Errorf("%q is not a digest", img.Digest)
	}
	return &client.Target{Name: img.Reference.Tag(), Hashes: data.Hashes{"sha256": hash}, Length: img.Size}, nil
}

// versions are those of some roles; 0 for one that is not there yet.
func versions(v *view, roles []data.RoleName) map[data.RoleName]int {
	out := map[data.RoleName]int{}
	for _, role := range roles {
		if t := v.repo.Targets[role]; t != nil {
			out[role] = t.Signed.Version
		} else {
			out[role] = 0
		}
	}
	return out
}

// newer reports whether all of the roles are of a later version than they were.
func newer(v *view, before map[data.RoleName]int) bool {
	for role, version := range before {
		if t := v.repo.Targets[role]; t == nil || t.Signed.Version <= version {
			return false
		}
	}
	return true
}

// entry finds a tag with a digest, released or not.
func (s *State) entry(name, digest string) *Tag {
	for _, list := range [][]Tag{s.Tags, s.Pending} {
		if i := slices.IndexFunc(list, func(t Tag) bool { return t.Name == name && t.Digest == digest }); i >= 0 {
			return &list[i]
		}
	}
	return nil
}

// firstSignature refuses to sign the first tag of a repository whose root key is here and has no
// backup that was tried.
func (r *Repository) firstSignature(s *State, a *keyAccess) error {
	if len(s.Tags) > 0 || len(s.Pending) > 0 {
		return nil
	}
	for _, id := range a.held(s.role(roleRoot).KeyIDs) {
		if err := a.folder.inCustody(r.gun, id); err != nil {
			return err
		}
	}
	return nil
}

// signerRole is a role that a tag is signed into, and the keys at hand that may.
type signerRole struct {
	name data.RoleName
	held []string // ids
}

// signers finds the roles that a tag is signed into, by docker trust's rule. It opens no key.
func (r *Repository) signers(v *view, s *State, a *keyAccess, tag string) (out []signerRole, err error) {
	delegations, err := client.NewReadOnly(v.repo).GetDelegationRoles()
	if err != nil {
		return nil, r.explain(err)
	}
	missing := &MissingKeyError{GUN: r.gun.String(), Dir: a.folder.dir}
	if len(delegations) == 0 {
		missing.Role, missing.IDs = roleTargets, s.role(roleTargets).KeyIDs
		held := a.held(missing.IDs)
		if len(held) == 0 {
			return nil, missing
		}
		return []signerRole{{data.CanonicalTargetsRole, held}}, nil
	}
	var names []string
	for _, d := range delegations {
		if path.Dir(d.Name.String()) != roleTargets || !d.CheckPaths(tag) {
			continue
		}
		held := a.held(d.KeyIDs)
		if len(held) == 0 {
			names = append(names, d.Name.String())
			missing.IDs = append(missing.IDs, d.KeyIDs...)
			continue
		}
		out = append(out, signerRole{d.Name, held})
	}
	if len(out) == 0 {
		slices.Sort(missing.IDs)
		missing.IDs, missing.Role = slices.Compact(missing.IDs), strings.Join(names, ", ")
		return nil, missing
	}
	slices.SortFunc(out, func(x, y signerRole) int { return cmp.Compare(x.name, y.name) })
	return out, nil
}

// names are the roles of a list.
func names(list []signerRole) (out []data.RoleName) {
	for _, s := range list {
		out = append(out, s.name)
	}
	return out
}

// signable is signers, and opens a key for each role: any of those at hand. A role none of whose keys
// opens is an error, even if another role would do.
func (r *Repository) signable(v *view, s *State, a *keyAccess, tag string) ([]data.RoleName, error) {
	list, err := r.signers(v, s, a, tag)
	if err != nil {
		return nil, err
	}
	for _, role := range list {
		if err := a.unlockOne(r.gun, role.name.String(), role.held); err != nil {
			return nil, err
		}
	}
	return names(list), nil
}

// signedAs reports whether every role has the same entry already, and will have it for a while.
func (r *Repository) signedAs(v *view, roles []data.RoleName, target *client.Target) bool {
	for _, role := range roles {
		if !holds(v, role, target) || expiresSoon(v.repo.Targets[role].Signed.Expires, r.client.now()) {
			return false
		}
	}
	return true
}

// holds reports whether a role has an entry, as Sign makes it.
func holds(v *view, role data.RoleName, target *client.Target) bool {
	t := v.repo.Targets[role]
	if t == nil {
		return false
	}
	have, ok := t.Signed.Targets[target.Name]
	return ok && have.Length == target.Length && slices.Equal(have.Hashes["sha256"], target.Hashes["sha256"]) && have.Custom == nil
}

// Revoked is what Revoke did.
type Revoked struct {
	// Roles are those that the entry was taken from.
	Roles []string
	// Left is the tag as it is still signed by others, or nil.
	Left  *Tag
	State *State
}

// Revoke takes back the signature of a tag, with every key at hand. An older entry of targets that
// would come to light by that is taken away too; without the key for it nothing is done. Errors
// are those of Sign, and *NotSignedError.
func (r *Repository) Revoke(ctx context.Context, tag string, trust Trust, ask keys.AskPassphrase) (Revoked, error) {
	var roles []data.RoleName
	began := false
	s, _, err := r.apply(ctx, trust, ask, change{
		plan: func(v *view, s *State, a *keyAccess) (stages []stage, err error) {
			if roles, err = r.revocable(v, s, a, tag, began); err != nil {
				return nil, err
			}
			began = true
			if err := r.unlockOldRoot(s, a); err != nil {
				return nil, err
			}
			if len(roles) == 0 {
				return nil, nil
			}
			return []stage{func(repo client.Repository, _ changelist.Changelist) error { return repo.RemoveTarget(tag, roles...) }}, nil
		},
		done: func(v *view, _ *State) bool {
			return !slices.ContainsFunc(roles, func(role data.RoleName) bool {
				t := v.repo.Targets[role]
				if t == nil {
					return false
				}
				_, ok := t.Signed.Targets[tag]
				return ok
			})
		},
	})
	if err != nil {
		return Revoked{}, err
	}
	out := Revoked{State: s}
	for _, role := range roles {
		out.Roles = append(out.Roles, role.String())
	}
	if t, ok := s.Tag(tag); ok {
		out.Left = &t
	}
	return out, nil
}

// revocable finds the roles that hold a tag and whose key is at hand, and opens the keys. again
// says that this is not the first try, so that somebody else may have taken it back meanwhile.
func (r *Repository) revocable(v *view, s *State, a *keyAccess, tag string, again bool) (roles []data.RoleName, err error) {
	var missing *MissingKeyError
	found := false
	for name, t := range v.repo.Targets {
		if _, ok := t.Signed.Targets[tag]; !ok || strings.Count(name.String(), "/") > 1 {
			continue
		}
		found = true
		ids := s.role(name.String()).KeyIDs
		if len(a.held(ids)) == 0 {
			if m := (&MissingKeyError{GUN: r.gun.String(), Role: name.String(), IDs: ids, Dir: a.folder.dir}); missing == nil || name == data.CanonicalTargetsRole {
				missing = m
			}
			continue
		}
		if err := a.unlockOne(r.gun, name.String(), ids); err != nil {
			return nil, err
		}
		roles = append(roles, name)
	}
	released, ok := s.Tag(tag)
	switch {
	case !found && !again:
		return nil, &NotSignedError{GUN: r.gun.String(), Tag: tag}
	case len(roles) == 0 && missing != nil:
		return nil, missing
	case missing != nil && missing.Role == roleTargets && ok && released.Role == roleReleases && slices.Contains(roles, roleReleases):
		return nil, missing
	}
	slices.Sort(roles)
	return roles, nil
}
