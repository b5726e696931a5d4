package images

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulla/docker/dct"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/workflow/policy"
)

// trusted is where the repository's trust data is, and what must stand behind it: the roots of the
// options or the policy, or else bulla's own pins. Without any, reading ends in *dct.UnpinnedError.
func (d *Desk) trusted(ctx context.Context) (*dct.Repository, dct.Trust, error) {
	rule, err := d.rule(ctx)
	if err != nil {
		return nil, dct.Trust{}, err
	}
	r, trust, err := d.o.DCT.repository(d.o.Repository, rule.Roots, rule.TrustServer, d.o.Look.FirstUse)
	if errors.Is(err, ErrNoRoot) {
		err = nil
	}
	return r, trust, err
}

// TrustServer is the trust server of the repository, "https://host:port", or "" where that cannot be told.
func (d *Desk) TrustServer(ctx context.Context) string {
	r, _, err := d.trusted(ctx)
	if err != nil {
		return ""
	}
	return r.Server()
}

// TrustView is what is known of a repository's Content Trust, and of the keys for it.
type TrustView struct {
	Server string // "https://host:port"
	GUN    string
	// End is the announced end of the server, where Ending is set.
	End    dct.Ending
	Ending bool
	// State is the trust data, checked; nil where Err says why there is none: most often a
	// *dct.NotInitializedError, *dct.UnpinnedError or *dct.ServerError.
	State *dct.State
	Err   error
	// Keys are the private keys in Docker's folder Dir.
	Keys []dct.Key
	Dir  string
	// Roots are the root keys that stand behind the trust data, and where each lives.
	Roots []RootPlace
	// Pins say which root the repository must have, and where that is written.
	Pins PinView
}

// RootPlace is a root key of the repository.
type RootPlace struct {
	dct.Certificate
	// Path is its private key; "" where that is not in Docker's folder.
	Path    string
	Custody dct.Custody // what is known of its backup
}

// Untouched reports whether nobody uses Content Trust for the repository, as far as can be known.
func (v TrustView) Untouched() bool {
	var none *dct.NotInitializedError
	return errors.As(v.Err, &none) && !none.Known
}

// RootKeys are the root keys at hand.
func (v TrustView) RootKeys() []dct.Key {
	return slices.DeleteFunc(slices.Clone(v.Keys), func(k dct.Key) bool { return k.Role != "root" })
}

// Held reports whether a private key is at hand.
func (v TrustView) Held(id string) bool {
	return slices.ContainsFunc(v.Keys, func(k dct.Key) bool { return k.ID == id })
}

// Trust asks the trust server what is signed in the repository, and looks at the keys. What the server
// does not say is the view's Err; the error is of the disk, of ctx, or of who gathers the keys.
func (d *Desk) Trust(ctx context.Context) (v TrustView, err error) {
	r, trust, err := d.trusted(ctx)
	if err != nil {
		return v, err
	}
	v.Server, v.GUN = r.Server(), r.GUN().String()
	v.End, v.Ending = dct.EndOf(v.Server)
	folder := d.folder()
	v.Dir = folder.Dir()
	if v.Keys, err = folder.List(); err != nil {
		return v, err
	}
	if v.Pins, err = d.Pins(ctx); err != nil {
		return v, err
	}
	if v.State, v.Err = r.Read(ctx, trust); v.Err != nil {
		if ctx.Err() != nil {
			return v, context.Cause(ctx)
		}
		return v, nil
	}
	for _, c := range v.State.Root.Certificates {
		p := RootPlace{Certificate: c}
		if p.Custody, err = folder.Custody(c.KeyID); err != nil {
			return v, err
		}
		if i := slices.IndexFunc(v.Keys, func(k dct.Key) bool { return k.ID == c.KeyID }); i >= 0 {
			p.Path = v.Keys[i].Path
		}
		v.Roots = append(v.Roots, p)
	}
	return v, nil
}

// folder is Docker's folder of keys, whichever server is meant.
func (d *Desk) folder() *dct.KeyFolder { return d.o.DCT.Keys() }

// TrustKeys are the private keys in Docker's folder.
func (d *Desk) TrustKeys() ([]dct.Key, error) { return d.folder().List() }

// TrustFolder is Docker's folder of keys, and the private keys in it.
func (d *Desk) TrustFolder() (dir string, list []dct.Key, err error) {
	list, err = d.folder().List()
	return d.folder().Dir(), list, err
}

// CanInitialize is dct.Repository.CanInitialize.
func (d *Desk) CanInitialize(ctx context.Context, rootKey string) error {
	r, known, err := d.trusted(ctx)
	if err != nil {
		return err
	}
	known.FirstUse = true
	return r.CanInitialize(ctx, rootKey, known)
}

// PinError says that a new root is published, and that it could not be kept as a pin.
type PinError struct {
	Certificates []string // to be pinned
	Err          error
}

func (e *PinError) Error() string {
	return "the root is published, and the pin could not be kept: " + e.Err.Error()
}
func (e *PinError) Unwrap() error { return e.Err }

// InitializeTrust gives the repository its root key, for good, and pins it: dct.Repository.Initialize. A
// *PinError comes together with the new state.
func (d *Desk) InitializeTrust(ctx context.Context, rootKey string, f Face) (*dct.State, error) {
	return d.change(ctx, f, func(ctx context.Context, r *dct.Repository, known dct.Trust) (*dct.State, error) {
		known.FirstUse = true // what was seen so counts as known, too
		s, err := r.Initialize(ctx, rootKey, known, f.Ask)
		return s, d.pinned(r, s, err)
	})
}

// CanRepublish is dct.Repository.CanRepublish: what was last seen of the trust data that the server has lost.
func (d *Desk) CanRepublish(ctx context.Context) (dct.Republication, error) {
	r, known, err := d.trusted(ctx)
	if err != nil {
		return dct.Republication{}, err
	}
	known.FirstUse = true
	return r.CanRepublish(ctx, known)
}

// Republish publishes the trust data that a server has lost again, under the same root:
// dct.Repository.Republish. How far it is is told as Stepped.
func (d *Desk) Republish(ctx context.Context, f Face) (*dct.State, error) {
	return d.change(ctx, f, func(ctx context.Context, r *dct.Repository, known dct.Trust) (*dct.State, error) {
		known.FirstUse = true // what was seen so counts as known, too
		return r.Republish(ctx, known, f.Ask)
	})
}

// RotateRoot replaces the root key by another one at hand, and pins that: dct.Repository.RotateRoot. A
// *PinError comes together with the new state.
func (d *Desk) RotateRoot(ctx context.Context, newKey string, f Face) (*dct.State, error) {
	return d.change(ctx, f, func(ctx context.Context, r *dct.Repository, trust dct.Trust) (*dct.State, error) {
		s, err := r.RotateRoot(ctx, newKey, trust, oldOrNew(f.Ask, newKey))
		return s, d.pinned(r, s, err)
	})
}

// oldOrNew lets a request tell which of two root keys it is about: the new one has newKey as its id, or the
// beginning of it.
func oldOrNew(ask keys.AskPassphrase, newKey string) keys.AskPassphrase {
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		switch {
		case req.Purpose != keys.PurposeTrustRoot || newKey == "":
		case strings.HasPrefix(req.ID, newKey):
			req.Label = "new " + req.Label
		default:
			req.Label = "old " + req.Label
		}
		return ask(ctx, req)
	}
}

// pinned keeps the certificates of a root that was made here.
func (d *Desk) pinned(r *dct.Repository, s *dct.State, err error) error {
	if err != nil {
		return err
	}
	var ids []string
	for _, c := range s.Root.Certificates {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	if err := d.o.DCT.Get("").Pin(r.GUN(), ids); err != nil {
		return &PinError{Certificates: ids, Err: err}
	}
	return nil
}

// change runs a change of the trust data, and tells what it waits for.
func (d *Desk) change(ctx context.Context, f Face, do func(context.Context, *dct.Repository, dct.Trust) (*dct.State, error)) (*dct.State, error) {
	r, trust, err := d.trusted(ctx)
	if err != nil {
		return nil, err
	}
	f.emit(Began{DoingPublishTrust, r.Server()})
	return do(f.traced(ctx, r.Server()), r, trust)
}

// RotateTargets is dct.Repository.RotateTargets.
func (d *Desk) RotateTargets(ctx context.Context, f Face) (*dct.State, error) {
	return d.change(ctx, f, func(ctx context.Context, r *dct.Repository, trust dct.Trust) (*dct.State, error) {
		return r.RotateTargets(ctx, trust, f.Ask)
	})
}

// AddSigner is dct.Repository.AddSigner.
func (d *Desk) AddSigner(ctx context.Context, name string, pubs []dct.PublicKey, f Face) (s *dct.State, existing bool, err error) {
	s, err = d.change(ctx, f, func(ctx context.Context, r *dct.Repository, trust dct.Trust) (s *dct.State, err error) {
		s, existing, err = r.AddSigner(ctx, name, pubs, trust, f.Ask)
		return s, err
	})
	return s, existing, err
}

// RemoveSigner is dct.Repository.RemoveSigner.
func (d *Desk) RemoveSigner(ctx context.Context, name string, force bool, f Face) (*dct.State, error) {
	return d.change(ctx, f, func(ctx context.Context, r *dct.Repository, trust dct.Trust) (*dct.State, error) {
		return r.RemoveSigner(ctx, name, force, trust, f.Ask)
	})
}

// SignReleasesAgain is dct.Repository.SignReleasesAgain.
func (d *Desk) SignReleasesAgain(ctx context.Context, drop bool, f Face) (s *dct.State, existing bool, err error) {
	s, err = d.change(ctx, f, func(ctx context.Context, r *dct.Repository, trust dct.Trust) (s *dct.State, err error) {
		s, existing, err = r.SignReleasesAgain(ctx, drop, trust, f.Ask)
		return s, err
	})
	return s, existing, err
}

// Revoke is dct.Repository.Revoke.
func (d *Desk) Revoke(ctx context.Context, tag string, f Face) (out dct.Revoked, err error) {
	_, err = d.change(ctx, f, func(ctx context.Context, r *dct.Repository, trust dct.Trust) (*dct.State, error) {
		out, err = r.Revoke(ctx, tag, trust, f.Ask)
		return out.State, err
	})
	return out, err
}

// GenerateTrustKey makes a private key for a role: "root", or the name of a signer.
func (d *Desk) GenerateTrustKey(ctx context.Context, role string, ask keys.AskPassphrase) (dct.Key, dct.PublicKey, error) {
	return d.folder().Generate(ctx, role, ask)
}

// LoadTrustKey takes a signer's private key from a file into Docker's folder.
func (d *Desk) LoadTrustKey(ctx context.Context, path, name string, ask keys.AskPassphrase) (dct.Key, error) {
	return d.folder().Load(ctx, path, name, ask)
}

// BackUpRoot copies a root key, encrypted as it is, to a file that must not exist yet.
func (d *Desk) BackUpRoot(id, path string) error { return d.folder().Backup(id, path) }

// RehearseRoot tries the backup of a root key as if the original were lost. person should be one, and no
// vault: it is their memory too that is tried.
func (d *Desk) RehearseRoot(ctx context.Context, path string, person keys.AskPassphrase) (id string, err error) {
	return d.folder().Rehearse(ctx, path, person)
}

// RestoreRoot takes a root key back from its backup.
func (d *Desk) RestoreRoot(ctx context.Context, path string, person keys.AskPassphrase) (dct.Key, error) {
	return d.folder().Restore(ctx, path, person)
}

// PinView says which root a repository must have, and where that is written.
type PinView struct {
	// Trust is what must stand behind the trust data; the zero value where nothing says so.
	Trust dct.Trust
	// ByPolicy says that the policy, or the command line, names the roots: it goes before bulla's own pins.
	ByPolicy bool
	// Own are bulla's own pins for the repository, in the file Path.
	Own  dct.Trust
	Path string
}

// Pinned reports whether anything says which root the repository must have.
func (p PinView) Pinned() bool { return pins(p.Trust) }

// OwnPinned reports whether bulla's own pins say so.
func (p PinView) OwnPinned() bool { return pins(p.Own) }

func pins(t dct.Trust) bool { return len(t.Certificates)+len(t.RootKeys) > 0 || t.CA != "" }

// Pins tells which root the repository must have.
func (d *Desk) Pins(ctx context.Context) (p PinView, err error) {
	rule, err := d.rule(ctx)
	if err != nil {
		return p, err
	}
	gun, err := dct.ParseGUN(d.o.Repository.String())
	if err != nil {
		return p, err
	}
	c := d.o.DCT.Get("")
	p.Path = c.PinsPath()
	own, err := c.Pins()
	if err != nil {
		return p, err
	}
	p.Own = own.For(gun)
	if p.Trust = p.Own; len(rule.Roots) > 0 {
		p.ByPolicy = true
		p.Trust = dct.Trust{}
		p.Trust.Certificates, p.Trust.RootKeys = policy.SplitRoots(rule.Roots)
	}
	return p, nil
}

// Pin keeps root certificates for the repository among bulla's own pins, in place of those that were
// kept. The error is a *dct.PinsError, or of the disk.
func (d *Desk) Pin(certificates []string) error {
	gun, err := dct.ParseGUN(d.o.Repository.String())
	if err != nil {
		return err
	}
	return d.o.DCT.Get("").Pin(gun, certificates)
}

// Unpin forgets bulla's own pins for the repository. It reports whether there were any of its own name.
func (d *Desk) Unpin() (bool, error) {
	gun, err := dct.ParseGUN(d.o.Repository.String())
	if err != nil {
		return false, err
	}
	return d.o.DCT.Get("").Unpin(gun)
}

// PinRule is the rule of a policy that wants Content Trust with the roots that are pinned for the
// repository: for snippets of other programs, and for bulla.toml.
func (d *Desk) PinRule(ctx context.Context) (policy.ImageRule, error) {
	rule, err := d.rule(ctx)
	if err != nil {
		return rule, err
	}
	rule.Repository, rule.By = d.o.Repository.String(), []policy.System{policy.SystemContentTrust}
	rule.Keys = nil
	if len(rule.Roots) == 0 {
		p, err := d.Pins(ctx)
		if err != nil {
			return rule, err
		}
		rule.Roots = slices.Clone(p.Own.Certificates)
		for _, id := range p.Own.RootKeys {
			rule.Roots = append(rule.Roots, policy.RootKeyPrefix+id)
		}
	}
	return rule, nil
}

// remember keeps a new passphrase for this run: who has just typed it twice is not asked again.
func (d *Desk) remember(ctx context.Context, k Key, pass keys.Secret, err error) (Key, error) {
	if err != nil || k.ID == "" {
		return k, err
	}
	return k, d.o.World.Vault.Remember(ctx, keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: k.ID}, pass, vault.BackendMemory)
}
