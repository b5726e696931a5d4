package images

import (
	"context"
	"errors"
	"sync"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/workflow/policy"
	"bulla/workflow/world"
)

// DCT asks trust servers, for everything here that wants Content Trust. It is safe for concurrent
// use; Close forgets opened keys.
type DCT struct {
	world *world.World

	mu      sync.Mutex
	clients map[string]*dct.Client // by the trust server that was named, "" for none
}

// NewDCT makes a DCT of a world.
func NewDCT(w *world.World) *DCT { return &DCT{world: w, clients: map[string]*dct.Client{}} }

// Close forgets opened keys.
func (d *DCT) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.clients {
		c.Close()
	}
}

// Client talks to a trust server; "" is the default one. Close closes it.
func (d *DCT) Client(server string) *dct.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.clients[server]
	if c == nil {
		c = d.world.TrustClient(server)
		d.clients[server] = c
	}
	return c
}

// repository finds the trust data of a repository, and what should stand behind it: the roots that
// were named, or bulla's own pins, or whatever is shown first.
func (d *DCT) repository(repo docker.Repository, roots []string, server string, firstUse bool) (*dct.Repository, dct.Trust, error) {
	gun, err := dct.ParseGUN(repo.String())
	if err != nil {
		return nil, dct.Trust{}, err
	}
	c := d.Client(server)
	r := c.Repository(gun)
	if certificates, rootKeys := policy.SplitRoots(roots); len(rootKeys) > 0 {
		return r, dct.Trust{Certificates: certificates, RootKeys: rootKeys}, nil
	}
	pins, err := c.Pins()
	if err != nil {
		return nil, dct.Trust{}, err
	}
	t := pins.For(gun)
	t.FirstUse = firstUse
	if len(t.Certificates)+len(t.RootKeys) == 0 && t.CA == "" && !firstUse {
		return r, t, ErrNoRoot
	}
	return r, t, nil
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
	return ExamineTrust(ctx, d.Client(server).Repository(gun))
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
