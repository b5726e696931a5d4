package cosign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bulla/docker"
	"bulla/keys"
)

// Signature is what Sign made or found.
type Signature struct {
	Digest   string // of the image
	Manifest string // digest of the manifest that holds the signature
	Key      keys.Fingerprint
	// SignedAt is when it was made; for an existing signature what that claims, or zero.
	SignedAt time.Time
	// Existing says that this key's signature, under this tag, was there already and nothing was made.
	Existing bool
}

// Sign signs the digest of img and publishes the signature beside it. If the key has signed the
// image under the same tag before, that signature is returned; an image without a tag is signed by
// a signature under any. now is written beside the signature, which does not
// cover it.
//
// Before Sign returns without an error, the signature was read back from the registry, checked
// with the public key, and found in the list that verifiers read; and the tag was resolved
// again. Once the signature is, or may be, in the registry, every error is a *PublishedError. Where
// only that last look failed, or the tag names another image by now (*docker.MovedError), it comes
// together with the finished Signature. Errors of before are *docker.RegistryError and ErrLocked.
// What they left half done, calling Sign again finishes.
func Sign(ctx context.Context, c *docker.Client, img docker.Image, s *Signer, now time.Time) (Signature, error) {
	if !isDigest(img.Digest) || img.MediaType == "" || img.Size <= 0 {
		return Signature{}, errNotResolved
	}
	_, pub, err := s.unlocked()
	if err != nil {
		return Signature{}, err
	}
	repo := c.Repo(img.Reference)
	sig, err := existing(ctx, repo, img, pub)
	if err != nil {
		return Signature{}, err
	}
	if sig.Manifest == "" {
		if sig, err = publish(ctx, repo, img, s, now); err != nil {
			if sig.Manifest != "" {
				err = &PublishedError{Signature: sig, Err: err}
			}
			return Signature{}, err
		}
	}
	return sig, lastLook(ctx, c, img, sig)
}

// lastLook is stillThere once a signature is finished.
func lastLook(ctx context.Context, c *docker.Client, img docker.Image, sig Signature) error {
	if err := stillThere(ctx, c, img); err != nil {
		return &PublishedError{Signature: sig, Complete: true, Err: err}
	}
	return nil
}

// PublishedError says that Sign did not end well after the signature had reached the registry: what
// is there others may have.
type PublishedError struct {
	// Signature is the one that was stored. Without Complete it may not be listed, and where the
	// answer to storing it was lost it may not even be there.
	Signature Signature
	// Complete says that it was stored, listed, read back and found good.
	Complete bool
	Err      error
}

func (e *PublishedError) Error() string {
	if e.Complete {
		return fmt.Sprintf("%s is signed, but: %v", e.Signature.Digest, e.Err)
	}
	return fmt.Sprintf("the signature of %s may be public, but it is not finished: %v", e.Signature.Digest, e.Err)
}

func (e *PublishedError) Unwrap() error { return e.Err }

// says reports whether a signature tells of a tag, so that cosign verify -a tag=… finds it. Where there
// is no tag, the digest is all that has to be signed.
func (f found) says(tag string) bool { return tag == "" || f.tag == tag }

// existing looks for a sound bundle by pub under the tag of img. It makes sure that it is listed with
// its type; one that cannot be listed is as good as none.
func existing(ctx context.Context, repo *docker.Repo, img docker.Image, pub PublicKey) (Signature, error) {
	sig, entry, err := find(ctx, repo, img, pub)
	if err != nil || !sig.Existing {
		return Signature{}, err
	}
	if err := repo.Attach(ctx, img.Digest, entry); err != nil {
		return Signature{}, &PublishedError{Signature: sig, Err: err}
	}
	return sig, nil
}

// Find tells what Sign would find and not make again: a signature with Existing set. It writes nothing.
// Errors are a *docker.RegistryError, a *PublishedError around one, and that of ctx.
func Find(ctx context.Context, client *docker.Client, img docker.Image, pub PublicKey) (Signature, error) {
	s, _, err := find(ctx, client.In(img.Reference.Repository()), img, pub)
	return s, err
}

// find looks for a sound bundle by pub under the tag of img, and makes the entry by which it is listed.
func find(ctx context.Context, repo *docker.Repo, img docker.Image, pub PublicKey) (Signature, docker.Descriptor, error) {
	none := docker.Descriptor{}
	found, err := collectBundles(ctx, repo, img.Digest)
	if err != nil {
		return Signature{}, none, err
	}
	for _, f := range found.list {
		if f.judge([]PublicKey{pub}).Status != keys.StatusGood || !f.says(img.Reference.Tag()) {
			continue
		}
		sig := Signature{Digest: img.Digest, Manifest: f.manifest, Key: pub.Fingerprint(), SignedAt: f.claim.SignedAt, Existing: true}
		m, err := repo.Manifest(ctx, f.manifest)
		if err != nil {
			return Signature{}, none, &PublishedError{Signature: sig, Err: err}
		}
		var mf manifest
		if json.Unmarshal(m.Raw, &mf) != nil || mf.ArtifactType != bundleType {
			continue // made by a client of before OCI 1.1: make a proper one
		}
		return sig, mf.descriptor(m), nil
	}
	return Signature{}, none, nil
}

// descriptor is the entry of a signature's manifest in the list of referrers.
func (mf manifest) descriptor(m docker.Manifest) docker.Descriptor {
	return docker.Descriptor{
		MediaType: ociImageManifestType, Digest: m.Digest, Size: int64(len(m.Raw)),
		ArtifactType: mf.ArtifactType, Annotations: mf.Annotations,
	}
}

// publish makes the signature, stores it, lists it and reads it back. Beside an error it returns the
// signature where that may be in the registry.
func publish(ctx context.Context, repo *docker.Repo, img docker.Image, s *Signer, now time.Time) (Signature, error) {
	raw, pub, err := s.bundle(img.Digest, img.Reference.Tag())
	if err != nil {
		return Signature{}, err
	}
	now = now.UTC().Truncate(time.Second)
	mf := manifestOf(img, now)
	if err := mf.upload(ctx, repo, raw); err != nil {
		return Signature{}, err
	}
	body, err := json.Marshal(mf)
	if err != nil {
		return Signature{}, err
	}
	stored := docker.Manifest{Digest: digestOf(body), Raw: body}
	sig := Signature{Digest: img.Digest, Manifest: stored.Digest, Key: pub.Fingerprint(), SignedAt: now}
	switch err := repo.PutManifest(ctx, stored.Digest, ociImageManifestType, body); {
	case err != nil && docker.Lost(ctx, err):
		return sig, err
	case err != nil:
		return Signature{}, err
	}
	entry := mf.descriptor(stored)
	if err := repo.Attach(ctx, img.Digest, entry); err != nil {
		return sig, err
	}
	return sig, readBack(ctx, repo, entry, img.Digest, pub)
}

// manifestOf is the manifest for a signature of img, yet without what it holds.
func manifestOf(img docker.Image, now time.Time) manifest {
	return manifest{
		SchemaVersion: 2, MediaType: ociImageManifestType, ArtifactType: bundleType,
		Subject: &docker.Descriptor{MediaType: img.MediaType, Digest: img.Digest, Size: img.Size},
		Annotations: map[string]string{
			createdAnnotation:   now.Format(time.RFC3339),
			contentAnnotation:   "dsse-envelope",
			predicateAnnotation: signPredicateType,
		},
	}
}

// upload stores what the manifest holds: an empty configuration, and the bundle.
func (mf *manifest) upload(ctx context.Context, repo *docker.Repo, bundle []byte) (err error) {
	empty := []byte("{}")
	mf.Config = docker.Descriptor{MediaType: emptyConfigType, Size: int64(len(empty))}
	if mf.Config.Digest, err = repo.Upload(ctx, empty); err != nil {
		return err
	}
	layer := docker.Descriptor{MediaType: bundleType, Size: int64(len(bundle))}
	if layer.Digest, err = repo.Upload(ctx, bundle); err != nil {
		return err
	}
	mf.Layers = []docker.Descriptor{layer}
	return nil
}

// readBack judges what the registry gives for a signature that was stored.
func readBack(ctx context.Context, repo *docker.Repo, entry docker.Descriptor, digest string, pub PublicKey) error {
	f := readBundle(ctx, repo, entry, digest)
	if err := ctx.Err(); err != nil {
		return err // what was read may be cut short
	}
	if f == nil || f.states != "" {
		return errors.New("the signature that was stored is not what the registry gives back")
	}
	if v := f.judge([]PublicKey{pub}); v.Status != keys.StatusGood {
		return fmt.Errorf("the signature that was stored could not be verified (%s): %s", v.Status, v.Reason)
	}
	return nil
}

func digestOf(b []byte) string {
	h := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(h[:])
}

// bundle signs the digest, under a tag or none, and verifies the result.
func (s *Signer) bundle(digest, tag string) ([]byte, PublicKey, error) {
	k, pub, err := s.unlocked()
	if err != nil {
		return nil, PublicKey{}, err
	}
	payload, err := newStatement(digest, tag)
	if err != nil {
		return nil, PublicKey{}, err
	}
	sig, err := signMessage(k, pub, pae(payloadType, payload))
	if err != nil {
		return nil, PublicKey{}, err
	}
	raw, err := newBundle(payload, sig, pub)
	return raw, pub, err
}

// stillThere resolves the tag once more.
func stillThere(ctx context.Context, c *docker.Client, img docker.Image) error {
	if img.Reference.Tag() == "" {
		return nil
	}
	m, err := c.Repo(img.Reference).Manifest(ctx, img.Reference.Tag())
	if err != nil {
		return err
	}
	if m.Digest != img.Digest {
		return &docker.MovedError{Ref: img.Reference, Was: img.Digest, Is: m.Digest}
	}
	return nil
}
