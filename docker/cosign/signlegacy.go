package cosign

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bulla/docker"
	"bulla/keys"
)

// The config of a manifest that holds signatures of the older form: that of an image without
// anything, with the payloads as its layers.
const (
	ociConfigType = "application/vnd.oci.image.config.v1+json"
	maxLegacy     = 1000 // signatures under one .sig tag
)

// SignLegacy signs the digest of img in the older form, beside what lies under the .sig tag
// already: cosign 2 and older admission controllers read nothing else. It makes no bundle. If the
// key has signed in this form under the same tag before, that signature is returned. now is only told
// in the result: the form has no place for a time. Errors are as for Sign.
func SignLegacy(ctx context.Context, c *docker.Client, img docker.Image, s *Signer, now time.Time) (Signature, error) {
	if !isDigest(img.Digest) {
		return Signature{}, errNotResolved
	}
	k, pub, err := s.unlocked()
	if err != nil {
		return Signature{}, err
	}
	repo := c.Repo(img.Reference)
	if sig, err := existingLegacy(ctx, repo, img, pub); err != nil || sig.Existing {
		if err == nil {
			err = lastLook(ctx, c, img, sig)
		}
		return sig, err
	}
	payload, err := legacyPayload(img)
	if err != nil {
		return Signature{}, err
	}
	sig, err := signMessage(k, pub, payload)
	if err != nil {
		return Signature{}, err
	}
	layer := docker.Descriptor{
		MediaType: simpleSigningType, Size: int64(len(payload)),
		Annotations: map[string]string{legacySignature: base64.StdEncoding.EncodeToString(sig)},
	}
	if layer.Digest, err = repo.Upload(ctx, payload); err != nil {
		return Signature{}, err
	}
	out, err := storeLegacy(ctx, repo, img, pub, layer)
	if err != nil {
		return Signature{}, err
	}
	out.Existing, out.SignedAt = false, now.UTC().Truncate(time.Second)
	return out, lastLook(ctx, c, img, out)
}

// storeLegacy adds a signature to those under the .sig tag and reads it back. Once it is, or may be, in the
// registry, every error is a *PublishedError.
func storeLegacy(ctx context.Context, repo *docker.Repo, img docker.Image, pub PublicKey, layer docker.Descriptor) (Signature, error) {
	tag := docker.FallbackTag(img.Digest) + legacyTagSuffix
	stored := Signature{Digest: img.Digest, Key: pub.Fingerprint()}
	wrote, err := repo.Update(ctx, tag, ociImageManifestType, func(m *docker.Manifest) ([]byte, error) {
		raw, err := withLayer(ctx, repo, m, layer)
		if raw != nil {
			stored.Manifest = digestOf(raw)
		}
		return raw, err
	})
	if errors.Is(err, docker.ErrOverwritten) {
		err = &docker.NotListedError{Host: img.Reference.Registry(), Repo: img.Reference.Repository().Path(), Subject: img.Digest, Manifest: tag}
	}
	var out Signature
	if err == nil {
		out, err = existingLegacy(ctx, repo, img, pub)
	}
	if err == nil && !out.Existing {
		err = errors.New("the signature that was stored could not be verified")
	}
	if err != nil && wrote {
		err = &PublishedError{Signature: stored, Err: err}
	}
	return out, err
}

var errNotResolved = errors.New("the image was not resolved to a digest")

// existingLegacy looks under the .sig tag for a sound signature by pub that tells of the tag of img.
func existingLegacy(ctx context.Context, repo *docker.Repo, img docker.Image, pub PublicKey) (Signature, error) {
	list, err := collectLegacy(ctx, repo, img.Digest)
	if err != nil {
		return Signature{}, err
	}
	for _, f := range list {
		if f.judge([]PublicKey{pub}).Status == keys.StatusGood && f.says(img.Reference.Tag()) {
			return Signature{Digest: img.Digest, Manifest: f.manifest, Key: pub.Fingerprint(), Existing: true}, nil
		}
	}
	return Signature{}, nil
}

// legacyPayload is what is signed: the digest, the repository as cosign writes it, and the tag as
// the annotation that cosign sign -a tag=… makes.
func legacyPayload(img docker.Image) ([]byte, error) {
	var p struct {
		Critical struct {
			Identity struct {
				Reference string `json:"docker-reference"`
			} `json:"identity"`
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
		Optional map[string]string `json:"optional"`
	}
	r := img.Reference.Repository()
	p.Critical.Identity.Reference = r.Registry() + "/" + r.Path()
	p.Critical.Image.Digest, p.Critical.Type = img.Digest, simpleSigningKind
	if tag := img.Reference.Tag(); tag != "" {
		p.Optional = map[string]string{tagAnnotation: tag}
	}
	return json.Marshal(p)
}

// withLayer is the manifest under the .sig tag with one more signature, or nil where it holds it
// already. Every field and layer that others wrote is kept as it came.
func withLayer(ctx context.Context, repo *docker.Repo, m *docker.Manifest, layer docker.Descriptor) ([]byte, error) {
	all := map[string]json.RawMessage{}
	var layers []json.RawMessage
	var configDigest string
	if m != nil {
		var config docker.Descriptor
		if json.Unmarshal(m.Raw, &all) != nil || json.Unmarshal(all["layers"], &layers) != nil || json.Unmarshal(all["config"], &config) != nil {
			return nil, errLegacyTag
		}
		configDigest = config.Digest
	}
	var diffIDs []string
	for _, raw := range layers {
		var d docker.Descriptor
		if json.Unmarshal(raw, &d) != nil {
			return nil, errLegacyTag
		}
		if d.Digest == layer.Digest && d.Annotations[legacySignature] == layer.Annotations[legacySignature] {
			return nil, nil
		}
		diffIDs = append(diffIDs, d.Digest)
	}
	if len(layers) >= maxLegacy {
		return nil, fmt.Errorf("the .sig tag holds %d signatures already", len(layers))
	}
	config, err := legacyConfig(ctx, repo, configDigest, append(diffIDs, layer.Digest))
	if err != nil {
		return nil, err
	}
	mine, err := json.Marshal(layer)
	if err != nil {
		return nil, err
	}
	for k, v := range map[string]any{
		"schemaVersion": 2, "mediaType": ociImageManifestType, "config": config, "layers": append(slices.Clone(layers), mine),
	} {
		if all[k], err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

// errLegacyTag says that the .sig tag holds something else than signatures.
var errLegacyTag = errors.New("what the .sig tag of the image holds is not a manifest of signatures; it was left as it is")

// legacyConfig stores the config: the former one with the list of layers brought up to date. A
// payload is not compressed, so its diff id is its digest.
func legacyConfig(ctx context.Context, repo *docker.Repo, former string, diffIDs []string) (docker.Descriptor, error) {
	config := map[string]any{"architecture": "", "os": "", "config": map[string]any{}}
	if former != "" {
		if raw, err := repo.Blob(ctx, former); err == nil {
			_ = json.Unmarshal(raw, &config) // what is unreadable in it is made anew
		}
	}
	config["rootfs"] = map[string]any{"type": "layers", "diff_ids": diffIDs}
	const never = "0001-01-01T00:00:00Z" // as cosign has it: the same signatures, the same digest
	config["created"] = never
	var history []map[string]string
	for range diffIDs {
		history = append(history, map[string]string{"created": never})
	}
	config["history"] = history
	raw, err := json.Marshal(config)
	if err != nil {
		return docker.Descriptor{}, err
	}
	digest, err := repo.Upload(ctx, raw)
	return docker.Descriptor{MediaType: ociConfigType, Digest: digest, Size: int64(len(raw))}, err
}
