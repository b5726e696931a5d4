package images

import (
	"context"
	"errors"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/workflow/policy"
	"bulla/workflow/world"
)

// DCT asks trust servers, for everything here that wants Content Trust. It is safe for concurrent
// use; Close forgets opened keys.
type DCT struct{ *dct.Clients }

// NewDCT makes a DCT of a world.
func NewDCT(w *world.World) *DCT { return &DCT{dct.NewClients(w.TrustClient)} }

// repository finds the trust data of a repository, and what should stand behind it: the roots that
// were named, or bulla's own pins, or whatever is shown first.
func (d *DCT) repository(repo docker.Repository, roots []string, server string, firstUse bool) (*dct.Repository, dct.Trust, error) {
	gun, err := dct.ParseGUN(repo.String())
	if err != nil {
		return nil, dct.Trust{}, err
	}
	r, t, err := standing(d.Get(server), gun, roots)
	if err != nil || len(roots) > 0 {
		return r, t, err
	}
	if t.FirstUse = firstUse; !pins(t) && !firstUse {
		return r, t, ErrNoRoot
	}
	return r, t, nil
}

// standing is a repository on its trust server, with what must stand behind it: the roots that were named,
// or else bulla's own pins.
func standing(c *dct.Client, gun dct.GUN, roots []string) (*dct.Repository, dct.Trust, error) {
	certificates, rootKeys := policy.SplitRoots(roots)
	t, err := c.Behind(gun, certificates, rootKeys)
	return c.Repository(gun), t, err
}

// Read is ContentTrust's.
func (d *DCT) Read(ctx context.Context, repo docker.Repository, roots []string, server string, firstUse bool) (TrustData, error) {
	r, trust, err := d.repository(repo, roots, server, firstUse)
	if err != nil {
		return nil, err
	}
	s, err := r.Read(ctx, trust)
	var missing *dct.NotInitializedError
	var bad *dct.MetadataError
	switch {
	case errors.As(err, &missing) && !missing.Known:
		return nil, nil
	case errors.As(err, &bad):
		return nil, &UntrustedError{err}
	case err != nil:
		return nil, err
	}
	return trustState{s}, nil
}

// trustState is TrustData by what was read.
type trustState struct{ *dct.State }

// Digest is TrustData's.
func (s trustState) Digest(tag string) (string, bool) {
	t, ok := s.Tag(tag)
	return t.Digest, ok
}

// Tags is TrustData's.
func (s trustState) Tags() (out []string) {
	for _, t := range s.State.Tags {
		out = append(out, t.Name)
	}
	return out
}

// Judge is TrustData's.
func (s trustState) Judge(img docker.Image) []keys.Verdict { return s.State.Judge(img) }

// Examine asks a trust server what it has of a repository, and trusts nothing.
func (d *DCT) Examine(ctx context.Context, repo docker.Repository, server string) TrustServer {
	gun, err := dct.ParseGUN(repo.String())
	if err != nil {
		return TrustServer{Err: err}
	}
	return ExamineTrust(ctx, d.Get(server).Repository(gun))
}

// Sign signs the tag that img was resolved from in Content Trust too. The repository must have
// been initialised. Errors are those of dct.Repository.Sign, and ErrNoRoot.
func (d *DCT) Sign(ctx context.Context, img docker.Image, o Options, ask keys.AskPassphrase) (dct.Signed, error) {
	r, trust, err := d.repository(img.Reference.Repository(), o.Roots, o.TrustServer, o.FirstUse)
	if err != nil {
		return dct.Signed{}, err
	}
	return r.Sign(ctx, img, trust, ask)
}

// CanSign finds out before anything is signed whether the trust data can be read.
func (d *DCT) CanSign(ctx context.Context, repo docker.Repository, o Options) error {
	r, trust, err := d.repository(repo, o.Roots, o.TrustServer, o.FirstUse)
	if err == nil {
		_, err = r.Read(ctx, trust)
	}
	return err
}
