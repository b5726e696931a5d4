package dct

import (
	"context"
	"maps"
	"slices"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/client/changelist"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/utils"

	"bulla/keys"
)

// AddSigner lets the keys of a signer sign tags of the repository: for targets/NAME, and for
// targets/releases. It needs the targets key. A signer who is there already gets the keys in
// addition. What these keys had signed before, as a signer of the same name, counts again: the
// server keeps it. Where that leaves a targets/releases that the new keys have not signed,
// State.Broken says so, and one of them has to mend it (SignReleasesAgain). Errors are those of
// Sign, and *SignerError.
func (r *Repository) AddSigner(ctx context.Context, name string, pubs []PublicKey, trust Trust, ask keys.AskPassphrase) (s *State, existing bool, err error) {
	if err := checkSignerName(name); err != nil {
		return nil, false, err
	}
	if len(pubs) == 0 {
		return nil, false, &SignerError{GUN: r.gun.String(), Name: name, Reason: "no public key is named"}
	}
	var list []data.PublicKey
	for _, p := range pubs {
		list = append(list, p.key)
	}
	role := data.RoleName(roleTargets + "/" + name)
	may := func(s *State) bool {
		return !slices.ContainsFunc(pubs, func(p PublicKey) bool {
			return !slices.Contains(s.role(role.String()).KeyIDs, p.ID) || !slices.Contains(s.role(roleReleases).KeyIDs, p.ID)
		})
	}
	s, o, err := r.apply(ctx, trust, ask, change{
		mends: true,
		plan: func(_ *view, s *State, a *keyAccess) ([]stage, error) {
			if may(s) {
				return nil, nil
			}
			if err := a.unlockRole(s, r.gun, roleTargets); err != nil {
				return nil, err
			}
			if err := r.unlockOldRoot(s, a); err != nil {
				return nil, err
			}
			return []stage{func(repo client.Repository, _ changelist.Changelist) error {
				if err := repo.AddDelegation(role, list, []string{""}); err != nil {
					return err
				}
				return repo.AddDelegation(roleReleases, list, []string{""})
			}}, nil
		},
		done: func(_ *view, s *State) bool { return may(s) },
	})
	return s, o == outcomeExisting, err
}

// RemoveSigner takes the right to sign tags from a signer. It needs the targets key. What the
// signer alone had signed is signed no more by them; what was released stays so: where only their
// key stands under targets/releases, another one that is at hand signs it again, and without such
// a key nothing is done. The last signer leaves only by force: what is in targets/releases is
// released no more then.
func (r *Repository) RemoveSigner(ctx context.Context, name string, force bool, trust Trust, ask keys.AskPassphrase) (*State, error) {
	role := data.RoleName(roleTargets + "/" + name)
	gone := func(s *State) bool { return s.role(role.String()).Name == "" }
	s, o, err := r.apply(ctx, trust, ask, change{
		mends: true,
		plan: func(v *view, s *State, a *keyAccess) ([]stage, error) {
			if gone(s) {
				return nil, nil
			}
			if err := a.unlockRole(s, r.gun, roleTargets); err != nil {
				return nil, err
			}
			if err := r.unlockOldRoot(s, a); err != nil {
				return nil, err
			}
			stages, err := r.leaveReleases(v, s, a, name, force)
			if err != nil {
				return nil, err
			}
			return append(stages, func(repo client.Repository, _ changelist.Changelist) error { return repo.RemoveDelegationRole(role) }), nil
		},
		done: func(_ *view, s *State) bool { return gone(s) },
	})
	if err == nil && o == outcomeExisting {
		err = &SignerError{GUN: r.gun.String(), Name: name, Reason: "there is no such signer"}
	}
	return s, err
}

// leaveReleases plans how a signer's keys go out of targets/releases.
func (r *Repository) leaveReleases(v *view, s *State, a *keyAccess, name string, force bool) ([]stage, error) {
	releases := s.role(roleReleases)
	leaving := r.only(s, name)
	leaving = slices.DeleteFunc(leaving, func(id string) bool { return !slices.Contains(releases.KeyIDs, id) })
	if releases.Name == "" || len(leaving) == 0 {
		return nil, nil
	}
	role, err := v.repo.GetDelegationRole(roleReleases)
	if err != nil {
		return nil, err
	}
	var rest []data.PublicKey
	var restIDs []string
	for _, k := range role.ListKeys() {
		if id, err := utils.CanonicalKeyID(k); err == nil && !slices.Contains(leaving, id) {
			rest, restIDs = append(rest, k), append(restIDs, id)
		}
	}
	out := func(repo client.Repository, _ changelist.Changelist) error {
		return repo.RemoveDelegationKeys(roleReleases, leaving)
	}
	again := func(repo client.Repository, _ changelist.Changelist) error {
		_, err := repo.Witness(roleReleases)
		return err
	}
	t := v.repo.Targets[roleReleases]
	refuse := &SignerError{GUN: r.gun.String(), Name: name, Tags: releasedTags(t)}
	switch held := a.held(restIDs); {
	case len(rest) == 0 && (force || len(refuse.Tags) == 0):
		return []stage{func(repo client.Repository, _ changelist.Changelist) error {
			return repo.RemoveDelegationRole(roleReleases)
		}}, nil
	case len(rest) == 0:
		refuse.Reason = "it is the last signer, and what is released would lose its signature"
		return nil, refuse
	case t == nil, slices.ContainsFunc(releaseSigners(t, role), func(id string) bool { return slices.Contains(restIDs, id) }):
		return []stage{out}, nil
	case len(held) > 0:
		return []stage{out, again}, a.unlockOne(r.gun, roleReleases, held)
	}
	refuse.Reason = "only this signer's key stands under what is released, and no other signer's is at hand to take its place"
	return nil, refuse
}

// SignReleasesAgain mends a targets/releases that has expired or lost its last valid signature
// (docker trust signer remove can do that): until then nothing in the repository can be checked.
// It is signed as it stands, so that whoever calls this vouches for all of its entries; or with
// drop without any, so that each has to be signed anew. It needs a key that may release. existing
// says that nothing was wrong.
func (r *Repository) SignReleasesAgain(ctx context.Context, drop bool, trust Trust, ask keys.AskPassphrase) (s *State, existing bool, err error) {
	s, o, err := r.apply(ctx, trust, ask, change{
		mends: true,
		plan: func(v *view, s *State, a *keyAccess) ([]stage, error) {
			if !slices.Contains(s.Broken, roleReleases) {
				return nil, nil
			}
			if err := a.unlockRole(s, r.gun, roleReleases); err != nil {
				return nil, err
			}
			tags := releasedTags(v.invalid.Targets[roleReleases])
			return []stage{func(repo client.Repository, _ changelist.Changelist) error {
				if _, err := repo.Witness(roleReleases); err != nil || !drop {
					return err
				}
				for _, tag := range tags {
					if err := repo.RemoveTarget(tag, roleReleases); err != nil {
						return err
					}
				}
				return nil
			}}, r.unlockOldRoot(s, a)
		},
		done: func(_ *view, s *State) bool { return !slices.Contains(s.Broken, roleReleases) },
	})
	return s, o == outcomeExisting, err
}

// only are the keys that no other signer has.
func (r *Repository) only(s *State, name string) (ids []string) {
	for _, id := range s.role(roleTargets + "/" + name).KeyIDs {
		if !slices.ContainsFunc(s.Signers, func(o Signer) bool { return o.Name != name && slices.Contains(o.KeyIDs, id) }) {
			ids = append(ids, id)
		}
	}
	return ids
}

// releasedTags are the tags in targets/releases; t may be nil.
func releasedTags(t *data.SignedTargets) []string {
	if t == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(t.Signed.Targets))
}

// releaseSigners are the keys that have signed targets/releases.
func releaseSigners(t *data.SignedTargets, role data.DelegationRole) []string {
	return validKeys(client.TargetSignedStruct{Role: role, Signatures: t.Signatures})
}
