package images

import (
	"context"
	"slices"
	"sync"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/keys"
)

// Prospect is how an image could be signed now, as far as that can be told without opening a key.
type Prospect struct {
	// Image is what the reference points to now: what Sign will sign.
	Image docker.Image
	// Keys are the image keys at hand.
	Keys []Key
	// PushErr says why the registry may not be pushed to, where a cosign signature would go; nil
	// where it may.
	PushErr error
	// Trust is how the tag would be signed in Content Trust; nil where it cannot be, and TrustErr then
	// says why. TrustServer is the server that was asked.
	Trust       *dct.Prospect
	TrustErr    error
	TrustServer string
	// Moved are other digests that the tag was signed over before, as far as anybody can tell.
	Moved []Move
}

// Prospects finds out how an image of the repository could be signed. A trust server that does not
// answer keeps nobody from signing with cosign: withTrust asks it. Errors are those of the registry,
// which has to say what is to be signed, and of who gathers the keys.
func (d *Desk) Prospects(ctx context.Context, ref docker.Reference, withTrust bool) (p Prospect, err error) {
	client := d.o.World.Registry
	if p.Image, err = client.Resolve(ctx, ref); err != nil {
		return p, err
	}
	if p.Keys, err = KeysOf(d.o.World).List(); err != nil {
		return p, err
	}
	var all sync.WaitGroup
	all.Go(func() { p.PushErr = client.CanPush(ctx, ref) })
	if withTrust {
		all.Go(func() { p.TrustServer, p.Trust, p.TrustErr = d.trustProspect(ctx, p.Image) })
	}
	all.Go(func() {
		if v, err := d.gather(ctx); err == nil {
			p.Moved, _ = MovedBefore(ctx, v, ref, d.o.Look)
		}
	})
	all.Wait()
	if ctx.Err() != nil {
		return p, context.Cause(ctx)
	}
	return p, nil
}

func (d *Desk) trustProspect(ctx context.Context, img docker.Image) (server string, p *dct.Prospect, err error) {
	r, trust, err := d.trusted(ctx)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	found, err := r.CanSign(ctx, img, trust)
	if err != nil {
		return r.Server(), nil, err
	}
	return r.Server(), &found, nil
}

// SignOrder is what Sign signs, and how.
type SignOrder struct {
	// Image is a Prospect's: its digest is what gets signed, whatever the tag points to later.
	Image docker.Image
	With  With
	// Key is the path of a cosign private key; "" takes the only one that bulla keeps.
	Key string
	// Recursive signs the images of an index too, with cosign; Legacy writes the older form too.
	Recursive, Legacy bool
}

// SignedImage is what Sign has made or found; where it failed, what was there by then.
type SignedImage struct {
	Trust  *dct.Signed // nil where Content Trust has not signed
	Cosign []Signature
}

// Public reports whether anything that was made is public.
func (s SignedImage) Public() bool {
	return s.Trust != nil && !s.Trust.Existing || slices.ContainsFunc(s.Cosign, func(c Signature) bool { return !c.Existing })
}

// Sign signs an image by one system or both. Before anything is made, the tag is looked at again
// (*docker.MovedError), the registry and the trust server are asked whether they would take it, and
// all keys are opened. Beside an error comes what was made by then. Errors, besides those of
// the function of the same name: those of dct.Repository.Sign.
func (d *Desk) Sign(ctx context.Context, o SignOrder, f Face) (out SignedImage, err error) {
	client, ref := d.o.World.Registry, o.Image.Reference
	f.emit(Began{DoingResolve, ref.Registry()})
	now, err := client.Resolve(ctx, ref)
	if err != nil {
		return out, err
	}
	if now.Digest != o.Image.Digest {
		return out, &docker.MovedError{Ref: ref, Was: o.Image.Digest, Is: now.Digest}
	}
	var signer *cosign.Signer
	if o.With.Cosign() {
		if err := client.CanPush(ctx, ref); err != nil {
			return out, err
		}
		if signer, err = d.signer(ctx, o.Key, f); err != nil {
			return out, err
		}
		defer d.done(signer)
	}
	if o.With.ContentTrust() {
		if out.Trust, err = d.signTrust(ctx, o.Image, f); err != nil {
			return out, err
		}
	}
	if signer == nil {
		return out, nil
	}
	f.emit(Began{DoingSignCosign, ref.Registry()})
	out.Cosign, err = Sign(ctx, d.o.World, SignOptions{
		Reference: ref, Image: o.Image, Signer: signer, Recursive: o.Recursive, Legacy: o.Legacy,
	}, f.Ask)
	for _, s := range out.Cosign {
		f.emit(CosignSigned{s})
	}
	return out, err
}

// signTrust signs a tag in Content Trust.
func (d *Desk) signTrust(ctx context.Context, img docker.Image, f Face) (*dct.Signed, error) {
	r, trust, err := d.trusted(ctx)
	if err != nil {
		return nil, err
	}
	f.emit(Began{DoingReadTrust, r.Server()})
	if err := r.Unlock(ctx, img, trust, f.Ask); err != nil {
		return nil, err
	}
	f.emit(Began{DoingPublishTrust, r.Server()})
	signed, err := r.Sign(f.traced(ctx, r.Server()), img, trust, f.Ask)
	if err != nil {
		return nil, err
	}
	f.emit(TrustSigned{img.Reference, signed})
	return &signed, nil
}

// signer is the key at path, unlocked; it stays so until Close, and at least until done is called with
// it, whoever else opens or forgets the key meanwhile. The Desk closes it.
func (d *Desk) signer(ctx context.Context, path string, f Face) (*cosign.Signer, error) {
	s, err := KeysOf(d.o.World).Signer(path)
	if err != nil {
		return nil, err
	}
	path = s.Path()
	d.mu.Lock()
	open := d.signers[path]
	same := open != nil && s.ID() != "" && open.ID() == s.ID() // the file is still that of this key
	if same {
		d.inUse[open]++
	}
	d.mu.Unlock()
	if same {
		return open, s.Close()
	}
	f.emit(Began{DoingOpenKey, path})
	if err := s.Unlock(ctx, f.Ask); err != nil {
		_ = s.Close() // it is still locked
		return nil, err
	}
	d.forget(path)
	d.mu.Lock()
	d.signers[path] = s
	d.inUse[s]++
	d.mu.Unlock()
	return s, nil
}

// done is the end of the use of a signer.
func (d *Desk) done(s *cosign.Signer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inUse[s]--; d.inUse[s] > 0 {
		return
	}
	delete(d.inUse, s)
	if d.signers[s.Path()] != s {
		_ = s.Close() // it was forgotten meanwhile
	}
}

// forget closes an opened key, once nobody uses it any more.
func (d *Desk) forget(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.signers[path]
	if s == nil {
		return
	}
	delete(d.signers, path)
	if d.inUse[s] == 0 {
		_ = s.Close()
	}
}

// MigrateOrder says how a repository is migrated.
type MigrateOrder struct {
	// Key is the path of a cosign private key; "" takes the only one that bulla keeps.
	Key string
	// Dry looks only, and opens no key. What Key has signed before is found, if there is one.
	Dry bool
}

// Migrate carries the signatures of Content Trust over to cosign: see the function Migrate. Each tag is
// told as TagCarried. Beside an error comes what became of the tags by then. Errors, besides that of
// ctx: those of dct.Repository.Read and cosign.Signer.Unlock.
func (d *Desk) Migrate(ctx context.Context, o MigrateOrder, f Face) (list []Carriage, err error) {
	r, trust, err := d.trusted(ctx)
	if err != nil {
		return nil, err
	}
	f.emit(Began{DoingReadTrust, r.Server()})
	state, err := r.Read(ctx, trust)
	if err != nil {
		return nil, err
	}
	var signer *cosign.Signer
	if o.Dry {
		if signer, err = KeysOf(d.o.World).Signer(o.Key); err != nil && o.Key != "" {
			return nil, err
		}
		if signer != nil {
			defer signer.Close() // it stays locked
		}
	} else {
		if err := d.CanPush(ctx); err != nil {
			return nil, err
		}
		if signer, err = d.signer(ctx, o.Key, f); err != nil {
			return nil, err
		}
		defer d.done(signer)
		f.emit(Began{DoingSignCosign, d.o.Repository.Registry()})
	}
	data := trustState{state}
	total := len(data.Tags())
	err = Migrate(ctx, d.o.World.Registry, d.o.Repository, data, signer, d.o.World.Now, o.Dry, func(c Carriage) {
		list = append(list, c)
		f.emit(TagCarried{c, len(list), total, o.Dry})
	})
	return list, err
}

// anyTag names something in the repository where the repository is meant: the right to push is the
// same for all of it.
const anyTag = "latest"

// CanPush says why the registry may not be pushed to, or nil.
func (d *Desk) CanPush(ctx context.Context) error {
	ref, err := d.o.Repository.WithTag(anyTag)
	if err != nil {
		return err
	}
	return d.o.World.Registry.CanPush(ctx, ref)
}

// ImageKeys lists the image keys that bulla keeps.
func (d *Desk) ImageKeys() ([]Key, error) { return KeysOf(d.o.World).List() }

// GenerateImageKey is that of the World; the passphrase is remembered for this run.
func (d *Desk) GenerateImageKey(ctx context.Context, name string, pass keys.Secret) (Key, error) {
	k, err := KeysOf(d.o.World).Generate(ctx, name, pass)
	return d.remember(ctx, k, pass, err)
}

// ImportImageKey is that of the World; the new passphrase is remembered for this run.
func (d *Desk) ImportImageKey(ctx context.Context, name, source string, data []byte, ask keys.AskPassphrase, pass keys.Secret) (Key, error) {
	k, err := KeysOf(d.o.World).Import(ctx, name, source, data, ask, pass)
	return d.remember(ctx, k, pass, err)
}

// ChangeImageKeyPassword is that of the World.
func (d *Desk) ChangeImageKeyPassword(ctx context.Context, path string, ask keys.AskPassphrase, pass keys.Secret) (string, error) {
	d.forget(path)
	return KeysOf(d.o.World).ChangePassword(ctx, path, ask, pass)
}

// ImageKeyExists is that of the World.
func (d *Desk) ImageKeyExists(name string) error { return KeysOf(d.o.World).Exists(name) }
