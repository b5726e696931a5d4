package dct

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/notary/client"
	"github.com/theupdateframework/notary/tuf"
	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/utils"
)

// The roles that Docker gives a meaning to.
const (
	roleRoot     = "root"
	roleTargets  = "targets"
	roleReleases = "targets/releases"
)

// State is the trust data of a repository, checked. Names of tags and signers are text from
// outside, which must be cleaned before a terminal sees it.
type State struct {
	GUN, Server string
	Root        Root
	// Roles are root, targets, snapshot and timestamp, then what targets delegates to, by name.
	Roles []Role
	// Signers are the delegations that stand for people, by name.
	Signers []Signer
	// Tags are the tags that count as released, by name: those in targets/releases, and those in
	// targets that it does not have.
	Tags []Tag
	// Pending are entries of signers for tags or digests that nobody has released.
	Pending []Tag
	// Broken are delegations that are expired or badly signed: what they say does not count.
	Broken []string
	// Checked is when the server confirmed all this.
	Checked time.Time
	// Offline says that the server was not asked: newer data may exist since Checked.
	Offline bool
	// Rotated says that the root key is not a pinned one but its signed successor.
	Rotated bool
}

// Root is the root role.
type Root struct {
	Version      int
	Expires      time.Time
	Certificates []Certificate
}

// Certificate is a root key as it is published.
type Certificate struct {
	// ID is what pins name and docker trust inspect shows as Root Key.
	ID string
	// KeyID is the key itself: the name of its file.
	KeyID string
	// Name is the repository, or a pattern, that the certificate is for.
	Name     string
	NotAfter time.Time
}

// Role is who may sign one part of the trust data.
type Role struct {
	Name      string // "root", "targets", "snapshot", "timestamp", "targets/…"
	KeyIDs    []string
	Threshold int
	// Version and Expires are of the present data; zero where nothing was signed yet.
	Version int
	Expires time.Time
}

// Signer is a person or machine that may sign tags.
type Signer struct {
	Name   string
	KeyIDs []string
}

// Tag is an entry of the trust data.
type Tag struct {
	Name   string
	Digest string // "sha256:…" of the manifest
	Size   int64  // of the manifest, in bytes
	// Role is where the entry that counts was found.
	Role string
	// Signatures are by whom the same digest is signed, the repository's own key among them.
	Signatures []Signature
	// releasedBy are the keys that made valid signatures on the list of targets/releases that has it.
	releasedBy []string
}

// Signature is one signer's word for a tag.
type Signature struct {
	// Name is the signer, or "" for the repository's targets key.
	Name string
	// KeyIDs are the keys that made valid signatures.
	KeyIDs []string
}

// Tag finds a released tag.
func (s *State) Tag(name string) (Tag, bool) {
	i, ok := slices.BinarySearchFunc(s.Tags, name, func(t Tag, n string) int { return cmp.Compare(t.Name, n) })
	if !ok {
		return Tag{}, false
	}
	return s.Tags[i], true
}

// Read asks the server for everything that is signed in the repository and checks it. Errors are
// *ServerError (could not be checked), *MetadataError (must not be trusted),
// *NotInitializedError, *UnpinnedError, *NotSeenError, or of ctx or the disk.
func (r *Repository) Read(ctx context.Context, trust Trust) (*State, error) {
	return r.read(ctx, trust, false)
}

func (r *Repository) read(ctx context.Context, trust Trust, mending bool) (*State, error) {
	_, s, err := r.look(&remote{repo: r, ctx: ctx}, trust, mending)
	return s, err
}

// look is read, with the trust data itself.
func (r *Repository) look(remote *remote, trust Trust, mending bool) (*view, *State, error) {
	v, err := r.load(remote, trust)
	if err != nil {
		return nil, nil, err
	}
	s, err := r.state(v, mending)
	return v, s, err
}

// state describes what was loaded. With a targets/releases that cannot be used there is a state
// only for whoever is about to mend it.
func (r *Repository) state(v *view, mending bool) (*State, error) {
	s := &State{GUN: r.gun.String(), Server: r.server, Checked: v.memory.at, Offline: v.offline, Rotated: v.rotated}
	root := v.repo.Root.Signed
	s.Root = Root{Version: root.Version, Expires: root.Expires.UTC(), Certificates: certificates(v.repo)}
	s.Roles = baseRoles(v.repo)
	delegations, err := client.NewReadOnly(v.repo).GetDelegationRoles()
	if err != nil {
		return nil, r.explain(err)
	}
	slices.SortFunc(delegations, func(a, b data.Role) int { return cmp.Compare(a.Name, b.Name) })
	for _, d := range delegations {
		role := Role{Name: d.Name.String(), KeyIDs: d.KeyIDs, Threshold: d.Threshold}
		if t := v.repo.Targets[d.Name]; t != nil {
			role.Version, role.Expires = t.Signed.Version, t.Signed.Expires.UTC()
		} else if _, listed := v.repo.Snapshot.Signed.Meta[d.Name.String()]; listed {
			s.Broken = append(s.Broken, role.Name)
		}
		s.Roles = append(s.Roles, role)
		if name, ok := signerName(role.Name); ok {
			s.Signers = append(s.Signers, Signer{Name: name, KeyIDs: d.KeyIDs})
		}
	}
	// Without targets/releases an older entry of targets would seem to be the released one.
	if slices.Contains(s.Broken, roleReleases) && !mending {
		return nil, r.brokenReleases(v)
	}
	s.addTags(v.repo)
	return s, nil
}

// brokenReleases says why targets/releases cannot be used.
func (r *Repository) brokenReleases(v *view) error {
	problem := ProblemSignature
	if t := v.invalid.Targets[roleReleases]; t != nil && t.Signed.Expires.Before(r.client.now()) {
		problem = ProblemExpired
	}
	return &MetadataError{GUN: r.gun.String(), Problem: problem, Role: roleReleases}
}

// signerName is the name of the person that a role stands for.
func signerName(role string) (string, bool) {
	name, ok := strings.CutPrefix(role, roleTargets+"/")
	if !ok || role == roleReleases || strings.Contains(name, "/") {
		return "", false
	}
	return name, true
}

// addTags sorts the entries of all roles into what is released, by whom, and the rest.
func (s *State) addTags(repo *tuf.Repo) {
	all, err := client.NewReadOnly(repo).GetAllTargetMetadataByName("")
	if err != nil { // ErrNoSuchTarget: there are none
		return
	}
	type entry struct{ name, digest string }
	released := map[string]Tag{}
	by := map[entry][]Signature{}
	for _, t := range all {
		tag := tagOf(t.Target)
		role := t.Role.Name.String()
		if !t.Role.CheckPaths(tag.Name) {
			continue
		}
		tag.Role = role
		if role == roleReleases || role == roleTargets {
			if role == roleReleases {
				tag.releasedBy = validKeys(t)
			}
			if old, ok := released[tag.Name]; !ok || old.Role == roleTargets {
				released[tag.Name] = tag
			}
		}
		if role == roleReleases {
			continue
		}
		e := entry{tag.Name, tag.Digest}
		name, _ := signerName(role)
		if name == "" && role != roleTargets {
			name = strings.TrimPrefix(role, roleTargets+"/") // a delegation of a delegation
		}
		by[e] = append(by[e], Signature{Name: name, KeyIDs: validKeys(t)})
	}
	byName := func(a, b Signature) int { return cmp.Compare(a.Name, b.Name) }
	for _, t := range released {
		e := entry{t.Name, t.Digest}
		t.Signatures = by[e]
		slices.SortFunc(t.Signatures, byName)
		s.Tags = append(s.Tags, t)
		delete(by, e)
	}
	for e, sigs := range by {
		if _, ok := released[e.name]; ok && len(sigs) == 1 && sigs[0].Name == "" {
			continue // an entry of targets that targets/releases replaced
		}
		slices.SortFunc(sigs, byName)
		s.Pending = append(s.Pending, Tag{Name: e.name, Digest: e.digest, Signatures: sigs})
	}
	byTag := func(a, b Tag) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Digest, b.Digest)) }
	slices.SortFunc(s.Tags, byTag)
	slices.SortFunc(s.Pending, byTag)
}

// tagOf reads an entry. One without a SHA-256 has no digest, and matches no image.
func tagOf(t client.Target) Tag {
	tag := Tag{Name: t.Name, Size: t.Length}
	if h := t.Hashes["sha256"]; len(h) == 32 {
		tag.Digest = "sha256:" + hex.EncodeToString(h)
	}
	return tag
}

// validKeys are the keys whose signatures on the role were found right.
func validKeys(t client.TargetSignedStruct) (ids []string) {
	for _, sig := range t.Signatures {
		if k := t.Role.Keys[sig.KeyID]; sig.IsValid && k != nil {
			if id, err := utils.CanonicalKeyID(k); err == nil {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// baseRoles describes the four roles that the root names.
func baseRoles(repo *tuf.Repo) (out []Role) {
	for _, name := range []data.RoleName{data.CanonicalRootRole, data.CanonicalTargetsRole, data.CanonicalSnapshotRole, data.CanonicalTimestampRole} {
		base, err := repo.Root.BuildBaseRole(name)
		if err != nil {
			continue // the root was checked to name them all
		}
		role := Role{Name: name.String(), Threshold: base.Threshold}
		for _, k := range base.ListKeys() {
			if id, err := utils.CanonicalKeyID(k); err == nil {
				role.KeyIDs = append(role.KeyIDs, id)
			}
		}
		slices.Sort(role.KeyIDs)
		var common data.SignedCommon
		switch name {
		case data.CanonicalRootRole:
			common = repo.Root.Signed.SignedCommon
		case data.CanonicalTargetsRole:
			common = repo.Targets[name].Signed.SignedCommon
		case data.CanonicalSnapshotRole:
			common = repo.Snapshot.Signed.SignedCommon
		default:
			common = repo.Timestamp.Signed.SignedCommon
		}
		role.Version, role.Expires = common.Version, common.Expires.UTC()
		out = append(out, role)
	}
	return out
}

// certificates are the root keys, by id.
func certificates(repo *tuf.Repo) (out []Certificate) {
	base, err := repo.Root.BuildBaseRole(data.CanonicalRootRole)
	if err != nil {
		return nil
	}
	for id, k := range base.Keys {
		c := Certificate{ID: id}
		c.KeyID, _ = utils.CanonicalKeyID(k)
		if cert, err := utils.LoadCertFromPEM(k.Public()); err == nil {
			c.Name, c.NotAfter = cert.Subject.CommonName, cert.NotAfter.UTC()
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Certificate) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// rootIDs are the ids of the root certificates.
func rootIDs(repo *tuf.Repo) (ids []string) {
	for _, c := range certificates(repo) {
		ids = append(ids, c.ID)
	}
	return ids
}
