package workflow

import (
	"cmp"
	"context"
	"path/filepath"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// ImageKeys lists the cosign keys at hand: the configured one, those made by bulla, and cosign
// keys that lie in the repository's root. Those whose file cannot be read are left out.
func (s *Session) ImageKeys(context.Context) ([]images.Key, error) {
	var out []images.Key
	seen := map[string]bool{}
	add := func(path, why string) {
		if path == "" || seen[path] {
			return
		}
		signer, err := cosign.LoadSigner(path)
		if err != nil {
			return
		}
		defer signer.Close()
		seen[path] = true
		out = append(out, images.Key{Path: path, ID: signer.ID(), Why: why})
	}
	add(s.absolute(s.Config().Release.ImageKey), "named in bulla.toml")
	for _, place := range []struct{ dir, why string }{{s.world.ImageKeyDir(), "made by bulla"}, {s.root(), "in the repository"}} {
		found, err := filepath.Glob(filepath.Join(place.dir, "*.key")) // sorted
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			add(p, place.why)
		}
	}
	return out, nil
}

// absolute makes a path of the configuration absolute.
func (s *Session) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.root(), path)
}

// GenerateImageKey makes a cosign key pair in bulla's own folder, protected by pass, which is
// remembered for this run.
func (s *Session) GenerateImageKey(ctx context.Context, pass keys.Secret) (images.Key, error) {
	k, err := images.KeysOf(s.world).Generate(ctx, "release", pass)
	if err != nil {
		return k, err
	}
	req := keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: k.ID}
	return k, s.world.Vault.Remember(ctx, req, pass, vault.BackendMemory)
}

// chooseImageKey settles which image key signs: the one named, the configured one, or the only
// one there is.
func (s *Session) chooseImageKey(ctx context.Context, named string) (images.Key, error) {
	if named != "" {
		signer, err := cosign.LoadSigner(named)
		if err != nil {
			return images.Key{}, err
		}
		defer signer.Close()
		return images.Key{Path: named, ID: signer.ID(), Why: "named"}, nil
	}
	if p := s.absolute(s.Config().Release.ImageKey); p != "" {
		return s.chooseImageKey(ctx, p)
	}
	list, err := s.ImageKeys(ctx)
	switch {
	case err != nil:
		return images.Key{}, err
	case len(list) == 0:
		return images.Key{}, images.ErrNoKey
	case len(list) > 1:
		return images.Key{}, &images.SeveralKeysError{Count: len(list)}
	}
	return list[0], nil
}

// OfferImage finds out how an image that was resolved could be signed where it is. Errors are those
// of Ways.Offer.
func (s *Session) OfferImage(ctx context.Context, c Choices, img docker.Image) (images.Offer, error) {
	return s.ways(c).Offer(ctx, img)
}

// ways are how images can be signed after what was chosen, or else configured.
func (s *Session) ways(c Choices) images.Ways {
	return images.Ways{
		World: s.world, With: s.imageWith(c), TrustServer: cmp.Or(c.TrustServer, s.Config().Release.TrustServer),
		Rule: func(ctx context.Context, repo docker.Repository) policy.ImageRule {
			rule, _ := s.imageRule(ctx, repo)
			return rule
		},
	}
}

// imageWith is what is chosen, or else configured.
func (s *Session) imageWith(c Choices) images.With {
	if c.ImageWith != "" {
		return c.ImageWith
	}
	if w := images.With(s.Config().Release.ImageWith); w != "" {
		return w
	}
	return images.WithCosign
}

// imageRule is the policy's rule for a repository; false where none fits.
func (s *Session) imageRule(ctx context.Context, repo docker.Repository) (policy.ImageRule, bool) {
	state, err := s.policyState(ctx)
	if err != nil {
		return policy.ImageRule{}, false // told by another finding
	}
	return state.Policy.ImageRule(repo)
}
