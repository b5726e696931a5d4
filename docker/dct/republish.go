package dct

import (
	"context"
	"errors"
	"fmt"

	"github.com/theupdateframework/notary/storage"
	"github.com/theupdateframework/notary/trustpinning"
	"github.com/theupdateframework/notary/tuf"
	"github.com/theupdateframework/notary/tuf/data"

	"bulla/keys"
)

// Republication is what Republish would publish.
type Republication struct {
	// State is the trust data as it was last seen here, on State.Checked. What others signed or took back
	// since then is not in it.
	State *State
	// RootKeys are those at hand that may sign the root. They are not needed where Begun says that the root
	// is there.
	RootKeys []string
	// Steps is how many changes the server has to take until those who know the lost data take what is
	// there for newer; Done are those that it has taken already, in an earlier Republish that did not end.
	Steps, Done int
}

// RepublishError says why trust data cannot be published again.
type RepublishError struct {
	GUN, Server string
	Reason      string // a plain sentence fragment
}

func (e *RepublishError) Error() string {
	return "the trust data of " + e.GUN + " cannot be published again: " + e.Reason
}

func (r *Repository) notAgain(reason string) error {
	return &RepublishError{GUN: r.gun.String(), Server: r.server, Reason: reason}
}

// UnfinishedError says that trust data was published again in part: whoever saw the lost data takes what is
// there for older, and refuses it. Republish goes on from there.
type UnfinishedError struct {
	GUN         string
	Done, Steps int
	Err         error
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("the trust data of %s is published again, and not new enough yet (%d of %d): %v", e.GUN, e.Done, e.Steps, e.Err)
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// maxSteps bounds how far a server is behind: a repository that is signed in every hour for a year.
const maxSteps = 10_000

// again is one Republish.
type again struct {
	*lastSeen
	r      *Repository
	ctx    context.Context
	access *keyAccess
	done   int // steps that the server has taken
	root   int // the version of the root that it has; 0 for none
}

// CanRepublish finds out what Republish would publish, and opens no key. Errors are those of Republish, as
// far as they can be known beforehand.
func (r *Repository) CanRepublish(ctx context.Context, known Trust) (Republication, error) {
	a, err := r.again(ctx, known, nil)
	if err != nil {
		return Republication{}, err
	}
	s, err := r.state(a.view, false)
	if err != nil {
		return Republication{}, err
	}
	return Republication{State: s, RootKeys: a.access.held(s.role(roleRoot).KeyIDs), Steps: a.steps(), Done: a.done}, a.haveRoot(s)
}

// Republish publishes the trust data of a repository again, as it was last seen here, on a server that has
// lost it. The lists of tags are published as they were signed. The root names the keys that the server
// has now for snapshot and timestamp; it is signed by the same root key with the same certificate, so
// that who has pinned that goes on. known is what stands behind the repository, as for Initialize.
//
// Who has seen the lost data refuses anything that is older by its version, and the server alone signs
// snapshots and timestamps, beginning with 1: it is asked for new ones until theirs are as new as those
// that were seen here. Somebody who saw still newer ones elsewhere refuses it until then.
//
// What comes back was read again, in the same way as by somebody who has seen the lost data. A Republish
// that was broken off ends in *UnfinishedError; another one goes on.
//
// Errors, besides those of Read: *RepublishError, *MissingKeyError, *keys.UnlockError, *ConflictError,
// *UnknownOutcomeError.
func (r *Repository) Republish(ctx context.Context, known Trust, ask keys.AskPassphrase) (*State, error) {
	a, err := r.again(ctx, known, ask)
	if err != nil {
		return nil, err
	}
	s, err := r.state(a.view, false)
	if err != nil {
		return nil, err
	}
	if err := a.haveRoot(s); err != nil {
		return nil, err
	}
	if a.needsRoot() {
		if err := a.access.unlockRole(s, r.gun, roleRoot); err != nil {
			return nil, err
		}
	}
	for a.done < a.steps() || a.needsRoot() {
		r.step(ctx, a.done, a.steps())
		if err := a.publish(); err != nil {
			return nil, a.unfinished(err)
		}
		a.done++
	}
	r.step(ctx, a.done, a.steps())
	s, err = r.Read(context.WithoutCancel(ctx), known)
	if err != nil {
		return nil, a.unfinished(err)
	}
	return s, nil
}

// again finds out what was lost, and how much of it is there again.
func (r *Repository) again(ctx context.Context, known Trust, ask keys.AskPassphrase) (*again, error) {
	if known.Offline {
		return nil, errOffline
	}
	a := &again{r: r, ctx: ctx, access: &keyAccess{ctx: ctx, folder: r.client.keys, ask: ask}}
	var err error
	if a.lastSeen, err = r.remembered(known, a.access.service()); err != nil {
		return nil, err
	}
	if a.steps() > maxSteps {
		return nil, r.notAgain(fmt.Sprintf("its timestamp is of version %d, and a server begins with 1 again", a.timestamp))
	}
	return a, a.look()
}

// look asks the server what it has: nothing, or what an earlier Republish has left.
func (a *again) look() error {
	remote := a.remote()
	raw, err := remote.GetSized(roleRoot, storage.NoSizeLimit)
	var absent storage.ErrMetaNotFound
	switch {
	case errors.As(err, &absent):
		return nil
	case err != nil:
		return a.r.explain(err)
	}
	targets, err := remote.GetSized(roleTargets, storage.NoSizeLimit)
	if err != nil {
		return a.r.explain(err)
	}
	stamp, err := remote.GetSized(data.CanonicalTimestampRole.String(), storage.NoSizeLimit)
	if err != nil {
		return a.r.explain(err)
	}
	same := string(raw) == string(a.view.memory.files[roleRoot]) // nothing is lost, or the server went back to older data
	if same || !a.ours(raw) || !a.sameTargets(targets) {
		return a.r.notAgain(a.r.server + " has trust data for it")
	}
	a.root, a.done = versionOf(raw), versionOf(stamp)
	if !a.needsRoot() && a.done >= a.steps() {
		return a.r.notAgain("nothing is lost that was seen here")
	}
	return nil
}

// ours reports whether the root that was seen has signed a root, by the same certificate.
func (a *again) ours(raw []byte) bool {
	pins := trustpinning.TrustPinConfig{Certs: map[string][]string{a.r.gun.String(): rootIDs(a.view.repo)}, DisableTOFU: true}
	return tuf.NewRepoBuilder(data.GUN(a.r.gun.String()), nil, pins).Load(data.CanonicalRootRole, raw, 1, false) == nil
}

func (a *again) remote() *remote {
	return &remote{repo: a.r, ctx: a.ctx, push: true, absentOK: true}
}

// needsRoot reports whether the root has to become newer still.
func (a *again) needsRoot() bool { return a.root <= a.lastSeen.root }

// haveRoot refuses where no key is at hand that may sign the root.
func (a *again) haveRoot(s *State) error {
	ids := s.role(roleRoot).KeyIDs
	if a.needsRoot() && len(a.access.held(ids)) == 0 {
		return &MissingKeyError{GUN: a.r.gun.String(), Role: roleRoot, IDs: ids, Dir: a.access.folder.dir}
	}
	return nil
}

// publish lets the server take one change: first all that is not there; then a newer root, as long as it
// is not as new as the one that was seen; then nothing, which makes the snapshot and the timestamp newer.
func (a *again) publish() error {
	remote := a.remote()
	files := map[string][]byte{}
	next := max(a.root+1, 2) // a server takes 1 or 2 for a beginning, and then one after the other
	if a.needsRoot() {
		serverKeys, err := a.serverKeys(remote)
		if err != nil {
			return err
		}
		if files[roleRoot], err = a.rootOf(next, serverKeys); err != nil {
			return a.r.why(a.access, err)
		}
	}
	if a.root == 0 {
		for name, raw := range a.files {
			files[name] = raw
		}
	}
	if err := remote.SetMulti(files); err != nil {
		if remote.unsure() {
			return &UnknownOutcomeError{GUN: a.r.gun.String(), Err: err}
		}
		return err
	}
	if a.needsRoot() {
		a.root = next
	}
	return nil
}

// serverKeys are the keys that the server has for the repository now.
func (a *again) serverKeys(remote *remote) (map[data.RoleName]data.PublicKey, error) {
	out := map[data.RoleName]data.PublicKey{}
	for _, role := range []data.RoleName{data.CanonicalSnapshotRole, data.CanonicalTimestampRole} {
		raw, err := remote.GetKey(role)
		if err != nil {
			return nil, err
		}
		if out[role], err = data.UnmarshalPublicKey(raw); err != nil {
			return nil, &MetadataError{GUN: a.r.gun.String(), Problem: ProblemMalformed, Role: role.String(), Err: err}
		}
	}
	return out, nil
}

// unfinished says that something is there, where it is.
func (a *again) unfinished(err error) error {
	if a.root == 0 {
		return err
	}
	return &UnfinishedError{GUN: a.r.gun.String(), Done: a.done, Steps: a.steps(), Err: err}
}
