package dct

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/theupdateframework/notary/trustpinning"
	"github.com/theupdateframework/notary/tuf"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/signed"
)

// lastSeen is the trust data of a repository as it was last seen and found right here, however old that is.
type lastSeen struct {
	view *view
	// root, snapshot and timestamp are the versions that were seen.
	root, snapshot, timestamp int
	// files are those that need no new signature: targets, and the delegations that still count.
	files map[string][]byte
}

// remembered recalls what was last seen under known, or what was seen before a root was pinned, where that
// is the pinned one. keys signs; nil where nothing will be. The error is a *RepublishError, or of the disk.
func (r *Repository) remembered(known Trust, keys signed.CryptoService) (*lastSeen, error) {
	for _, anchor := range []Trust{known, {FirstUse: true}} {
		path, err := r.memoryPath(anchor)
		if err != nil {
			return nil, err
		}
		m, err := recall(path)
		if err != nil {
			return nil, err
		}
		if len(m.files) == 0 {
			continue
		}
		s, err := r.readAgain(m, keys)
		if err != nil {
			return nil, err
		}
		if pinnedElsewhere := known.pinned() && !anchor.pinned(); pinnedElsewhere && !known.names(certificates(s.view.repo)) {
			continue
		}
		return s, nil
	}
	return nil, r.notAgain("it was never seen here under the root that is known, so that there is nothing to publish")
}

// readAgain reads what was found right before, without asking how old it is.
func (r *Repository) readAgain(m *memory, keys signed.CryptoService) (*lastSeen, error) {
	s := &lastSeen{files: map[string][]byte{}}
	b := tuf.NewRepoBuilder(data.GUN(r.gun.String()), keys, trustpinning.TrustPinConfig{})
	for _, role := range []data.RoleName{data.CanonicalRootRole, data.CanonicalTimestampRole, data.CanonicalSnapshotRole, data.CanonicalTargetsRole} {
		if err := b.Load(role, m.files[role.String()], 1, true); err != nil {
			return nil, r.explain(err)
		}
	}
	s.root, s.snapshot, s.timestamp = versionOf(m.files[roleRoot]), versionOf(m.files["snapshot"]), versionOf(m.files["timestamp"])
	s.files[roleTargets] = m.files[roleTargets]
	for _, name := range slices.Sorted(maps.Keys(m.files)) { // a delegation before its own
		if !strings.HasPrefix(name, roleTargets+"/") || b.Load(data.RoleName(name), m.files[name], 1, true) != nil {
			continue // it was taken away, or did not count
		}
		s.files[name] = m.files[name]
	}
	repo, invalid, err := b.Finish()
	if err != nil {
		return nil, r.explain(err)
	}
	s.view = &view{repo: repo, invalid: invalid, memory: m, offline: true}
	return s, s.expired(r)
}

// expired refuses what a server would refuse; a signer's own list that has expired counts no more, and is left out.
func (s *lastSeen) expired(r *Repository) error {
	for name, t := range s.view.repo.Targets {
		role := name.String()
		switch {
		case !t.Signed.Expires.Before(r.client.now()):
		case role == roleTargets || role == roleReleases:
			return r.notAgain("what " + role + " says has expired on " + day(t.Signed.Expires) + ", and no trust server takes it")
		default:
			s.leaveOut(role)
		}
	}
	return nil
}

// leaveOut leaves a delegation out, and those that it has given on.
func (s *lastSeen) leaveOut(role string) {
	for name := range s.files {
		if name == role || strings.HasPrefix(name, role+"/") {
			delete(s.files, name)
			delete(s.view.repo.Targets, data.RoleName(name))
		}
	}
}

// steps is how many changes the server has to take until its data is newer than what was seen: each makes
// the snapshot and the timestamp one version newer, which only the server signs; and the root, as long as
// that has to become newer.
func (s *lastSeen) steps() int { return max(s.root, s.snapshot, s.timestamp) }

// sameTargets reports whether the server has the same lists of tags.
func (s *lastSeen) sameTargets(raw []byte) bool { return string(raw) == string(s.files[roleTargets]) }

// rootOf signs the root anew, with a version and the keys that the server has now. The certificate of the
// root key stays, so that pins do.
func (s *lastSeen) rootOf(version int, serverKeys map[data.RoleName]data.PublicKey) ([]byte, error) {
	repo := s.view.repo
	for role, key := range serverKeys {
		if err := repo.ReplaceBaseKeys(role, key); err != nil {
			return nil, err
		}
	}
	repo.Root.Signed.Version = version - 1 // SignRoot counts on
	signed, err := repo.SignRoot(data.DefaultExpires(data.CanonicalRootRole), nil)
	if err != nil {
		return nil, err
	}
	return json.Marshal(signed)
}
