package images

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/workflow/finding"
	"bulla/workflow/policy"
	"bulla/workflow/world"
)

// Ways find out how images can be signed.
type Ways struct {
	World *world.World
	// With says by which systems they are to be signed.
	With With
	// TrustServer is the trust server that was named; "" for the one of the Rule, or else the one
	// that belongs to the registry.
	TrustServer string
	// Rule is the policy's for a repository, the zero value where it has none.
	Rule func(context.Context, docker.Repository) policy.ImageRule
}

// PlannedTrust is how an image will be signed in Docker Content Trust.
type PlannedTrust struct {
	Server     string `json:"server"`     // "https://host:port"
	Repository string `json:"repository"` // the GUN
	// Roles are those that the tag is signed into, KeyIDs the keys at hand that may.
	Roles  []string `json:"roles"`
	KeyIDs []string `json:"key_ids"`
	// Certificates are the ids of the root certificates that stand behind the trust data now.
	Certificates []string `json:"root_certificates"`
	// Existing says that the digest is signed in all these roles already.
	Existing bool `json:"existing,omitempty"`
	// Pin is what was named beforehand: the trust data must come from there.
	Pin TrustPin `json:"pin"`
}

// TrustPin is what must stand behind trust data, as dct.Trust has it.
type TrustPin struct {
	Certificates []string `json:"certificates,omitempty"`
	RootKeys     []string `json:"root_keys,omitempty"`
	CA           string   `json:"ca,omitempty"`
}

// Trust is the pin as Content Trust takes it.
func (p TrustPin) Trust() dct.Trust {
	return dct.Trust{Certificates: p.Certificates, RootKeys: p.RootKeys, CA: p.CA}
}

// Offer is how an image of a release can be signed.
type Offer struct {
	// Registry is what the doctor says of the registry and the trust server.
	Registry []finding.Finding
	// ContentTrust is how the tag would be signed there; nil where it cannot be. Problem then says
	// why, and what to do.
	ContentTrust *PlannedTrust
	Problem      finding.Finding
}

// Patience bounds a question to a trust server that nobody has chosen to sign on.
const Patience = 6 * time.Second

// Offer finds out how an image that was resolved could be signed where it is: what the
// registry can hold, and what a trust server would take. The error is that of ctx, or of bulla's
// own pins.
func (w Ways) Offer(ctx context.Context, img docker.Image) (o Offer, err error) {
	wanted := w.With.ContentTrust()
	trust, cancel := ctx, context.CancelFunc(func() {})
	if !wanted {
		trust, cancel = context.WithTimeout(ctx, Patience)
	}
	defer cancel()
	clients := dct.NewClients(w.World.TrustClient)
	defer clients.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.ContentTrust, err = w.PlanTrust(trust, clients, img)
	}()
	registry, registryErr := w.Examine(ctx, trust, clients, img.Reference)
	<-done
	if ctx.Err() != nil {
		return Offer{}, context.Cause(ctx)
	}
	if err != nil {
		o.Problem = Problem(img.Reference, clients, err)
	}
	o.Registry = registry
	return o, registryErr
}

// Untouched reports whether nobody uses Content Trust for the repository, as far as can be known:
// then nothing about it is worth telling unasked.
func (o Offer) Untouched() bool {
	var none *dct.NotInitializedError
	return o.ContentTrust == nil && (o.Problem.Unreachable || errors.As(o.Problem.Err, &none) && !none.Known)
}

// MayNotPush is what the registry has against a cosign signature, or nil.
func (o Offer) MayNotPush() *finding.Finding {
	i := slices.IndexFunc(o.Registry, func(f finding.Finding) bool { return f.Rule == RulePush && f.Severity != finding.Info })
	if i < 0 {
		return nil
	}
	return &o.Registry[i]
}

// repository finds where an image's tag is signed in Content Trust, and what must stand
// behind it: the roots that the policy names for the repository, or bulla's own pins.
func (w Ways) repository(ctx context.Context, clients *dct.Clients, ref docker.Reference) (*dct.Repository, TrustPin, error) {
	rule := w.Rule(ctx, ref.Repository())
	client := clients.Get(cmp.Or(w.TrustServer, rule.TrustServer))
	r, t, err := standing(client, dct.GUNOf(ref), rule.Roots)
	return r, TrustPin{Certificates: t.Certificates, RootKeys: t.RootKeys, CA: t.CA}, err
}

// PlanTrust finds out how the tag of an image would be signed in Content Trust.
func (w Ways) PlanTrust(ctx context.Context, clients *dct.Clients, img docker.Image) (*PlannedTrust, error) {
	r, pin, err := w.repository(ctx, clients, img.Reference)
	if err != nil {
		return nil, err
	}
	p, err := r.CanSign(ctx, img, pin.Trust())
	if err != nil {
		return nil, err
	}
	if !p.Released {
		return nil, &UnreleasedError{Reference: img.Reference, Roles: p.Roles}
	}
	out := &PlannedTrust{Server: r.Server(), Repository: r.GUN().String(), Roles: p.Roles, KeyIDs: p.Keys, Existing: p.Existing, Pin: pin}
	for _, cert := range p.State.Root.Certificates {
		out.Certificates = append(out.Certificates, cert.ID)
	}
	return out, nil
}

// Examine lets the doctor look at the registry of a reference. trust bounds what the trust
// server is asked.
func (w Ways) Examine(ctx, trust context.Context, clients *dct.Clients, ref docker.Reference) ([]finding.Finding, error) {
	r, _, err := w.repository(ctx, clients, ref)
	if err != nil {
		return nil, err
	}
	ask := func(context.Context) TrustServer { return ExamineTrust(trust, r) }
	return ExamineRegistry(ctx, w.World.Registry, ref.Repository(), ask, w.World.Now())
}

// UnreleasedError says that the keys at hand sign for a signer and not for the list of what is
// released: nobody who pulls would take the tag for signed.
type UnreleasedError struct {
	Reference docker.Reference
	Roles     []string
}

func (e *UnreleasedError) Error() string {
	return fmt.Sprintf("the keys at hand sign %s for %s and may not release it", e.Reference, strings.Join(e.Roles, ", "))
}
