package dct

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/client/changelist"
	"github.com/theupdateframework/notary/tuf/data"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/wire"
)

// maxTries is how often a change is tried when others change the repository at the same time.
const maxTries = 8

// change is something to be published.
type change struct {
	// plan decides by fresh trust data what to stage, and opens the keys that this needs. No
	// stages means that everything is as it should be already.
	plan func(v *view, s *State, a *keyAccess) ([]stage, error)
	// done tells by fresh trust data whether the change is there: in the roles that were staged, not
	// in what others have signed.
	done func(v *view, s *State) bool
	// mends says that the change is for a targets/releases that cannot be used as it is.
	mends bool
}

// stage puts a part of a change on the library's list.
type stage func(client.Repository, changelist.Changelist) error

// apply carries out a change: from fresh trust data, again where somebody else was faster, and
// then looks whether it is there.
func (r *Repository) apply(ctx context.Context, trust Trust, ask keys.AskPassphrase, c change) (s *State, o outcome, err error) {
	if trust.Offline {
		return nil, outcomeNone, errOffline
	}
	a := &keyAccess{ctx: ctx, folder: r.client.keys, ask: ask}
	for try := 1; ; try++ {
		var now outcome
		s, now, err = r.attempt(ctx, trust, a, c)
		if o = max(o, now); err == nil && now == outcomeExisting && o.may() {
			o = outcomeDone // an earlier try made it so
		}
		var conflict *ConflictError
		if !errors.As(err, &conflict) {
			return s, o, err
		}
		if conflict.Tries = try; try == maxTries {
			return s, o, err
		}
		r.retried(ctx, try+1)
		if err := pause(ctx, try); err != nil {
			return nil, o, err
		}
	}
}

var errOffline = errors.New("nothing can be published offline")

// attempt is one try of apply. A *ConflictError says that another one may do.
func (r *Repository) attempt(ctx context.Context, trust Trust, a *keyAccess, c change) (s *State, o outcome, err error) {
	to := &remote{repo: r, ctx: ctx, push: true}
	v, s, err := r.look(to, trust, c.mends)
	if err != nil {
		return nil, outcomeNone, err
	}
	stages, err := c.plan(v, s, a)
	if err != nil {
		return s, outcomeNone, err
	}
	if len(stages) == 0 {
		return s, outcomeExisting, nil
	}
	s = nil
	lost := r.publish(to, v, a, stages)
	o, err = r.sent(ctx, lost, to.unsure(), func(ctx context.Context) (bool, error) {
		// What was sent need not be read again where the server's snapshot names it by its content.
		after, now, err := r.look(&remote{repo: r, ctx: ctx, known: byContent(to.took)}, trust, c.mends)
		if err != nil {
			return false, err
		}
		s = now
		return c.done(after, now), nil
	})
	return s, o, err
}

// pause waits a moment, a different one each time, so that two signers do not stay in step.
func pause(ctx context.Context, try int) error {
	d := time.Duration(try) * 50 * time.Millisecond
	return wire.Wait(ctx, d+rand.N(d))
}

// publish stages a change in the library, on a copy of what is remembered, and sends it. Signers
// on this machine go one after the other. The library would read everything once more: who did not
// have to wait has read it just now, and if somebody elsewhere was faster the server says so.
func (r *Repository) publish(remote *remote, v *view, a *keyAccess, stages []stage) error {
	unlock, waited, err := takeTurn(remote.ctx, v.memory.path+".publish", r.client.patience)
	if err != nil {
		return err
	}
	defer unlock()
	if !waited {
		remote.known = map[string][]byte{}
		for _, role := range []string{roleRoot, data.CanonicalTimestampRole.String()} {
			remote.known[role] = v.memory.files[role]
		}
	}
	scratch := &memory{path: v.memory.path, files: maps.Clone(v.memory.files)}
	list := changelist.NewMemChangelist()
	repo, err := client.NewRepository(data.GUN(r.gun.String()), r.server, remote, scratch, v.pins, a.service(), list)
	if err != nil {
		return err
	}
	for _, stage := range stages {
		if err := stage(repo, list); err != nil {
			return err
		}
	}
	if err := repo.Publish(); err != nil {
		return r.why(a, err)
	}
	return nil
}

// why prefers what really happened to a key to what the library made of it.
func (r *Repository) why(a *keyAccess, err error) error {
	if a.err != nil {
		err, a.err = a.err, nil
		return err
	}
	return r.explain(err)
}

// held are those of the keys that are in the folder.
func (a *keyAccess) held(ids []string) (out []string) {
	for _, id := range ids {
		if a.folder.has(id) {
			out = append(out, id)
		}
	}
	return out
}

// unlockOne opens one of the keys that may sign for a role, or says which would do. After one that does
// not open the next is tried; who breaks off is asked for no other.
func (a *keyAccess) unlockOne(gun GUN, role string, ids []string) error {
	held := a.held(ids)
	if len(held) == 0 {
		return &MissingKeyError{GUN: gun.String(), Role: role, IDs: ids, Dir: a.folder.dir}
	}
	var err error
	for _, id := range held {
		if err = a.unlock(id); err == nil || !unopened(err) {
			return err
		}
	}
	return err
}

// unopened reports whether an error tells of one key alone, so that another may do.
func unopened(err error) bool {
	var locked *keys.UnlockError
	var bad *KeyFileError
	return errors.As(err, &locked) || errors.As(err, &bad) || errors.Is(err, keys.ErrNoPassphrase) || errors.Is(err, fs.ErrNotExist)
}

// unlockRole opens a key of one of the roles that the root names.
func (a *keyAccess) unlockRole(s *State, gun GUN, role string) error {
	return a.unlockOne(gun, role, s.role(role).KeyIDs)
}

// unlockOldRoot opens the root key if the library is going to renew the root: it does when less
// than half a year of it is left.
func (r *Repository) unlockOldRoot(s *State, a *keyAccess) error {
	if !expiresSoon(s.Root.Expires, r.client.now()) {
		return nil
	}
	return a.unlockRole(s, r.gun, roleRoot)
}

// role finds a role, or a Role without a name.
func (s *State) role(name string) Role {
	i := slices.IndexFunc(s.Roles, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return Role{}
	}
	return s.Roles[i]
}

// reference checks that an image is named by a tag, for nothing else can be signed.
func (r *Repository) reference(img docker.Image) error {
	switch {
	case img.Reference.Tag() == "":
		return &docker.ReferenceError{Text: img.Reference.String(), Reason: "Content Trust signs tags, and this names none; an image without a tag would mean :latest by accident"}
	case GUNOf(img.Reference).String() != r.gun.String():
		return &docker.ReferenceError{Text: img.Reference.String(), Reason: "it is not in " + r.gun.String()}
	}
	return nil
}
