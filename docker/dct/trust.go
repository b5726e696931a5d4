package dct

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/storage"
	"github.com/theupdateframework/notary/trustpinning"
	"github.com/theupdateframework/notary/tuf"
	"github.com/theupdateframework/notary/tuf/data"

	"bulla/keys/limits"
)

// Trust says which root key a repository should have. The zero Trust trusts none.
type Trust struct {
	// Certificates are ids of root certificates (64 hexadecimal digits, the "Root Key" of docker
	// trust inspect). One of them must sign.
	Certificates []string
	// RootKeys are ids of root keys, as the files of private keys are called: one of them must be
	// the key of a root certificate that signs. Where both lists are given, an entry of either
	// will do, so that an id of whichever kind can be put into both.
	RootKeys []string
	// CA is a PEM file of authorities, one of which must have signed the root certificate. It
	// counts where both lists are empty.
	CA string
	// FirstUse trusts, where neither is given, the root that the server shows the first time,
	// and that one from then on.
	FirstUse bool
	// Offline judges by what was seen before, without asking the server. It cannot know of
	// anything newer; State.Offline tells.
	Offline bool
}

// pinned reports whether anything but the first use vouches for the root.
func (t Trust) pinned() bool { return len(t.Certificates) > 0 || len(t.RootKeys) > 0 || t.CA != "" }

// config is the library's form, for a root that claims to have these certificates: pins by root
// key become pins of the certificates of that key.
func (t Trust) config(gun GUN, claimed []Certificate) trustpinning.TrustPinConfig {
	switch {
	case len(t.Certificates)+len(t.RootKeys) > 0:
		ids := append([]string{}, t.Certificates...)
		for _, c := range claimed {
			if slices.Contains(t.RootKeys, c.KeyID) {
				ids = append(ids, c.ID)
			}
		}
		return trustpinning.TrustPinConfig{Certs: map[string][]string{gun.String(): ids}, DisableTOFU: true}
	case t.CA != "":
		return trustpinning.TrustPinConfig{CA: map[string]string{gun.String(): t.CA}, DisableTOFU: true}
	}
	return trustpinning.TrustPinConfig{DisableTOFU: !t.FirstUse}
}

// names reports whether one of these root certificates is what the pins name. A CA names none.
func (t Trust) names(list []Certificate) bool {
	return slices.ContainsFunc(list, func(c Certificate) bool {
		return slices.Contains(t.Certificates, c.ID) || slices.Contains(t.RootKeys, c.KeyID)
	})
}

// view is the trust data of a repository as one operation found it.
type view struct {
	repo, invalid *tuf.Repo
	memory        *memory
	trust         Trust
	pins          trustpinning.TrustPinConfig
	offline       bool
	// rotated says that the root is not a pinned one, but comes from it by a chain of roots each
	// of which the one before has signed.
	rotated bool
}

// load reads and checks the trust data: from the server, or from memory alone where trust says
// so. What was found right is remembered.
func (r *Repository) load(remote *remote, trust Trust) (*view, error) {
	if !trust.pinned() && !trust.FirstUse {
		return nil, r.unpinned(remote, trust)
	}
	v := &view{trust: trust, pins: trust.config(r.gun, nil), offline: trust.Offline}
	path, err := r.memoryPath(trust)
	if err != nil {
		return nil, err
	}
	if trust.Offline {
		return v, r.loadOffline(v, path)
	}
	lock := memory{path: path}
	unlock, err := lock.lock(remote.ctx, r.client.patience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if v.memory, err = recall(path); err != nil {
		return nil, err
	}
	known := len(v.memory.files) > 0
	if err := v.update(r, remote); err != nil {
		err = r.explain(err)
		var none *NotInitializedError
		if errors.As(err, &none) {
			none.Known = known || trust.pinned()
		}
		var bad *MetadataError
		if errors.As(err, &bad) && bad.Problem == ProblemRoot {
			if raw, e := remote.GetSized(data.CanonicalRootRole.String(), storage.NoSizeLimit); e == nil {
				bad.Shown = r.claimed(raw)
			}
		}
		return nil, err
	}
	if !remote.fresh { // no way leads here; it is the one thing that must never happen
		return nil, &ServerError{Server: r.server, GUN: r.gun.String(), Op: "read the timestamp", Err: errors.New("it was not asked for")}
	}
	if len(trust.Certificates) > 0 || len(trust.RootKeys) > 0 {
		v.rotated = !trust.names(certificates(v.repo))
	}
	return v, v.memory.keep(r, r.client.now())
}

// loadOffline judges by memory alone.
func (r *Repository) loadOffline(v *view, path string) (err error) {
	if v.memory, err = recall(path); err != nil {
		return err
	}
	if len(v.memory.files) == 0 {
		return &NotSeenError{GUN: r.gun.String()}
	}
	v.repo, v.invalid, err = client.LoadTUFRepo(client.TUFLoadOptions{
		GUN: data.GUN(r.gun.String()), TrustPinning: v.pins, Cache: v.memory, RemoteStore: storage.OfflineStore{},
	})
	return r.explain(err)
}

// NotSeenError says that there is nothing to judge by offline.
type NotSeenError struct{ GUN string }

func (e *NotSeenError) Error() string {
	return "the trust data of " + e.GUN + " was never seen here with these pins"
}

// update lets the library read from the server. Where it has nothing to begin with and the
// present root is not a pinned one, it begins with the root that is, if the server still has it.
func (v *view) update(r *Repository, remote *remote) (err error) {
	remote.absentOK = true
	defer func() { remote.absentOK = false }()
	fresh := len(v.memory.files) == 0
	if fresh && len(v.trust.RootKeys) > 0 {
		raw, err := remote.GetSized(data.CanonicalRootRole.String(), storage.NoSizeLimit)
		if err != nil {
			return err
		}
		v.pins = v.trust.config(r.gun, r.claimed(raw))
	}
	options := client.TUFLoadOptions{GUN: data.GUN(r.gun.String()), TrustPinning: v.pins, Cache: v.memory, RemoteStore: remote}
	v.repo, v.invalid, err = client.LoadTUFRepo(options)
	var wrong *trustpinning.ErrValidationFail
	if err == nil || !fresh || !errors.As(err, &wrong) {
		return err
	}
	old := r.pinnedRoot(remote, v.trust)
	if old == nil {
		return err
	}
	v.memory.files = map[string][]byte{data.CanonicalRootRole.String(): old}
	v.repo, v.invalid, err = client.LoadTUFRepo(options)
	return err
}

// claimed are the certificates of a root that nothing vouches for yet; nil if it cannot be read.
func (r *Repository) claimed(raw []byte) []Certificate {
	b := tuf.NewRepoBuilder(data.GUN(r.gun.String()), nil, trustpinning.TrustPinConfig{})
	if b.Load(data.CanonicalRootRole, raw, 1, true) != nil {
		return nil
	}
	repo, _, err := b.Finish()
	if err != nil {
		return nil
	}
	return certificates(repo)
}

// maxRootVersions is how many former roots are looked through for a pinned one.
const maxRootVersions = 100

// pinnedRoot finds the newest former root that the pins accept, or nil.
func (r *Repository) pinnedRoot(remote *remote, trust Trust) []byte {
	raw, err := remote.GetSized(data.CanonicalRootRole.String(), storage.NoSizeLimit)
	if err != nil {
		return nil
	}
	newest := versionOf(raw)
	for v := newest - 1; v > 0 && v >= newest-maxRootVersions; v-- {
		raw, err := remote.GetSized(fmt.Sprintf("%d.%s", v, data.CanonicalRootRole), storage.NoSizeLimit)
		if err != nil {
			return nil
		}
		// The expiry of a former root does not matter: the chain leads to one that has not expired.
		b := tuf.NewRepoBuilder(data.GUN(r.gun.String()), nil, trust.config(r.gun, r.claimed(raw)))
		if b.Load(data.CanonicalRootRole, raw, 1, true) == nil {
			return raw
		}
	}
	return nil
}

// versionOf reads the version that metadata claims, 0 if it cannot be read.
func versionOf(raw []byte) int {
	var s struct {
		Signed struct {
			Version int `json:"version"`
		} `json:"signed"`
	}
	if json.Unmarshal(raw, &s) != nil {
		return 0
	}
	return s.Signed.Version
}

// unpinned says which roots could be pinned: the one that the server shows, and what Docker has
// trusted on this machine.
func (r *Repository) unpinned(remote *remote, trust Trust) error {
	e := &UnpinnedError{GUN: r.gun.String(), Docker: r.DockerRoot()}
	if trust.Offline {
		return e
	}
	v := &view{memory: &memory{files: map[string][]byte{}}}
	if err := v.update(r, remote); err != nil {
		return r.explain(err)
	}
	e.Shown = certificates(v.repo)
	return e
}

// DockerRoot are the ids of the root certificates that docker trust or docker pull has trusted for
// the repository on this machine, as its folder tells; nil if it has none.
func (r *Repository) DockerRoot() (ids []string) {
	path := filepath.Join(r.client.dockerDir, "trust", "tuf", filepath.FromSlash(r.gun.String()), "metadata", "root.json")
	raw, err := limits.ReadFile(path, maxMetadata)
	if err != nil {
		return nil
	}
	for _, c := range r.claimed(raw) {
		ids = append(ids, c.ID)
	}
	return ids
}
