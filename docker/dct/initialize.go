package dct

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/client/changelist"
	"github.com/theupdateframework/notary/storage"
	"github.com/theupdateframework/notary/trustpinning"
	"github.com/theupdateframework/notary/tuf"
	"github.com/theupdateframework/notary/tuf/data"

	"bulla/keys"
)

// Initialize gives a repository a root, for good: whoever pins it will refuse any other. The root
// key is in the folder of keys already, and a backup of it was restored and opened
// (KeyFolder.Rehearse). A targets key is made and written there; the server keeps the snapshot and
// timestamp keys. What comes back was read from the server again: State.Root has the certificate
// to pin. Where the answer is lost the targets key stays.
//
// Known is what stands behind the repository so far: where that names a root, or trust data was seen
// under it, a server without any has lost it, and a new root would lock out everybody who knows the old
// one. Only a person can want that; the zero Trust is their word.
//
// Errors, besides those of Read: *InitializedError, *HadRootError, *RootKeyError, *CustodyError,
// *keys.UnlockError, *UnknownOutcomeError.
func (r *Repository) Initialize(ctx context.Context, rootKey string, known Trust, ask keys.AskPassphrase) (*State, error) {
	remote := &remote{repo: r, ctx: ctx, push: true, absentOK: true}
	root, err := r.canInitialize(remote, rootKey, known)
	if err != nil {
		return nil, err
	}
	a := &keyAccess{ctx: ctx, folder: r.client.keys, ask: ask}
	if err := a.unlock(root); err != nil {
		return nil, err
	}
	scratch := &memory{files: map[string][]byte{}}
	repo, err := client.NewRepository(data.GUN(r.gun.String()), r.server, remote, scratch, trustpinning.TrustPinConfig{}, a.service(), changelist.NewMemChangelist())
	if err != nil {
		return nil, err
	}
	if err := repo.Initialize([]string{root}, data.CanonicalSnapshotRole); err != nil {
		a.takeBack()
		return nil, r.why(a, err)
	}
	ids, err := r.idsOf(scratch)
	if err != nil {
		a.takeBack()
		return nil, err
	}
	s, o, err := r.publishRoot(ctx, remote, a, repo, Trust{Certificates: ids})
	if !o.may() {
		a.takeBack() // else it may be the published one, or become it
	}
	return s, err
}

// publishRoot sends a root that was made, and finds out what became of it.
func (r *Repository) publishRoot(ctx context.Context, to *remote, a *keyAccess, repo client.Repository, trust Trust) (s *State, o outcome, err error) {
	lost := repo.Publish()
	if lost != nil {
		lost = r.why(a, lost)
	}
	var faster *InitializedError // somebody else was, and ours will never be taken
	o, err = r.sent(ctx, lost, to.unsure(), func(ctx context.Context) (bool, error) {
		var err error
		if s, err = r.Read(ctx, trust); isAnother(err) {
			faster = &InitializedError{GUN: r.gun.String(), Server: r.server}
		}
		return err == nil, err
	})
	if o == outcomeNone && to.declined {
		errors.As(r.mustBeAbsent(&remote{repo: r, ctx: ctx, push: true, absentOK: true}), &faster)
	}
	if faster != nil {
		return nil, outcomeNone, faster
	}
	return s, o, err
}

// isAnother reports whether the root is not the one that was asked for.
func isAnother(err error) bool {
	var bad *MetadataError
	return errors.As(err, &bad) && bad.Problem == ProblemRoot
}

// CanInitialize finds out what Initialize would refuse, without opening or making a key.
func (r *Repository) CanInitialize(ctx context.Context, rootKey string, known Trust) error {
	_, err := r.canInitialize(&remote{repo: r, ctx: ctx, push: true, absentOK: true}, rootKey, known)
	return err
}

func (r *Repository) canInitialize(remote *remote, rootKey string, known Trust) (id string, err error) {
	if err := r.mustBeNew(remote, known); err != nil {
		return "", err
	}
	if id, err = r.client.keys.rootKey(rootKey); err != nil {
		return "", err
	}
	if err := r.client.keys.inCustody(r.gun, id); err != nil {
		return "", err
	}
	return id, r.mustBeAbsent(remote)
}

// mustBeNew refuses a repository that is known to have had a root, unless the server has it still: then
// mustBeAbsent says so.
func (r *Repository) mustBeNew(remote *remote, known Trust) error {
	had, err := r.remembers(known)
	if err != nil || !had && !known.pinned() {
		return err
	}
	if err := r.mustBeAbsent(remote); err != nil {
		return err
	}
	return &HadRootError{GUN: r.gun.String(), Server: r.server, Known: known}
}

// remembers reports whether trust data was seen under known.
func (r *Repository) remembers(known Trust) (bool, error) {
	if !known.pinned() && !known.FirstUse {
		return false, nil
	}
	path, err := r.memoryPath(known)
	if err != nil {
		return false, err
	}
	m, err := recall(path)
	return err == nil && len(m.files) > 0, err
}

// mustBeAbsent asks whether the server has trust data, and is satisfied only by a clear no.
func (r *Repository) mustBeAbsent(remote *remote) error {
	_, err := remote.GetSized(data.CanonicalRootRole.String(), storage.NoSizeLimit)
	var absent storage.ErrMetaNotFound
	switch {
	case err == nil:
		return &InitializedError{GUN: r.gun.String(), Server: r.server}
	case errors.As(err, &absent):
		return nil
	}
	return r.explain(err)
}

// idsOf are the ids of the root certificates that were just made.
func (r *Repository) idsOf(m *memory) ([]string, error) {
	b := tuf.NewRepoBuilder(data.GUN(r.gun.String()), nil, trustpinning.TrustPinConfig{})
	if err := b.Load(data.CanonicalRootRole, m.files[data.CanonicalRootRole.String()], 1, false); err != nil {
		return nil, r.explain(err)
	}
	repo, _, err := b.Finish()
	if err != nil {
		return nil, err
	}
	return rootIDs(repo), nil
}

// RootKeyError says that no root key, or more than one, is meant.
type RootKeyError struct {
	Selector string
	// IDs are those that it could be.
	IDs []string
	Dir string
}

func (e *RootKeyError) Error() string {
	if len(e.IDs) == 0 {
		return "no root key is at hand"
	}
	return fmt.Sprintf("%d root keys are at hand: %s", len(e.IDs), strings.Join(e.IDs, ", "))
}

// rootKey finds a root key by its id or the beginning of it; "" is the only one.
func (f *KeyFolder) rootKey(selector string) (string, error) {
	list, err := f.List()
	if err != nil {
		return "", err
	}
	e := &RootKeyError{Selector: selector, Dir: f.dir}
	for _, k := range list {
		if k.Role == roleRoot && strings.HasPrefix(k.ID, selector) {
			e.IDs = append(e.IDs, k.ID)
		}
	}
	if len(e.IDs) == 1 {
		return e.IDs[0], nil
	}
	return "", e
}
