package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/workflow/policy"
)

// ImageWith says by which systems a release signs its images. The zero value is cosign.
type ImageWith string

// The ways to sign images.
const (
	WithCosign       ImageWith = "cosign"
	WithContentTrust ImageWith = "content-trust"
	WithBoth         ImageWith = "both"
)

// ParseImageWith reads one of the words; "" is cosign.
func ParseImageWith(s string) (ImageWith, error) {
	switch w := ImageWith(s); w {
	case "":
		return WithCosign, nil
	case WithCosign, WithContentTrust, WithBoth:
		return w, nil
	}
	return "", fmt.Errorf("images are signed with cosign, content-trust or both, not with %q", s)
}

// Cosign reports whether a cosign key signs.
func (w ImageWith) Cosign() bool { return w != WithContentTrust }

// ContentTrust reports whether the tag is signed in Docker Content Trust.
func (w ImageWith) ContentTrust() bool { return w == WithContentTrust || w == WithBoth }

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

func (p TrustPin) trust() dct.Trust {
	return dct.Trust{Certificates: p.Certificates, RootKeys: p.RootKeys, CA: p.CA}
}

// ImageOffer is how an image of a release can be signed.
type ImageOffer struct {
	// Registry is what the doctor says of the registry and the trust server.
	Registry []Finding
	// ContentTrust is how the tag would be signed there; nil where it cannot be. Problem then says
	// why, and what to do.
	ContentTrust *PlannedTrust
	Problem      Finding
}

// patience bounds a question to a trust server that nobody has chosen to sign on.
const patience = 6 * time.Second

// OfferImage finds out how an image that was resolved could be signed where it is: what the
// registry can hold, and what a trust server would take. The error is that of ctx, or of bulla's
// own pins.
func (s *Session) OfferImage(ctx context.Context, c Choices, img docker.Image) (o ImageOffer, err error) {
	wanted := s.imageWith(c).ContentTrust()
	trust, cancel := ctx, context.CancelFunc(func() {})
	if !wanted {
		trust, cancel = context.WithTimeout(ctx, patience)
	}
	defer cancel()
	clients := dct.NewClients(s.world.TrustClient)
	defer clients.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.ContentTrust, err = s.planTrust(trust, clients, c, img)
	}()
	registry, registryErr := s.examineRegistry(ctx, trust, clients, c, img.Reference)
	<-done
	if ctx.Err() != nil {
		return ImageOffer{}, context.Cause(ctx)
	}
	if err != nil {
		o.Problem = trustFinding(img.Reference, clients, err)
	}
	o.Registry = registry
	return o, registryErr
}

// Untouched reports whether nobody uses Content Trust for the repository, as far as can be known:
// then nothing about it is worth telling unasked.
func (o ImageOffer) Untouched() bool {
	var none *dct.NotInitializedError
	return o.ContentTrust == nil && (o.Problem.Unreachable || errors.As(o.Problem.Err, &none) && !none.Known)
}

// MayNotPush is what the registry has against a cosign signature, or nil.
func (o ImageOffer) MayNotPush() *Finding {
	i := slices.IndexFunc(o.Registry, func(f Finding) bool { return f.Rule == RulePush && f.Severity != SeverityInfo })
	if i < 0 {
		return nil
	}
	return &o.Registry[i]
}

// imageWith is what is chosen, or else configured.
func (s *Session) imageWith(c Choices) ImageWith {
	if c.ImageWith != "" {
		return c.ImageWith
	}
	if w := ImageWith(s.Config().Release.ImageWith); w != "" {
		return w
	}
	return WithCosign
}

// imageRule is the policy's rule for a repository; false where none fits.
func (s *Session) imageRule(ctx context.Context, repo docker.Repository) (policy.ImageRule, bool) {
	state, err := s.policyState(ctx)
	if err != nil {
		return policy.ImageRule{}, false // told by another finding
	}
	return state.Policy.ImageRule(repo)
}

// trustServer is the trust server that was named; "" for the one that belongs to the registry.
func (s *Session) trustServer(c Choices, rule policy.ImageRule) string {
	for _, named := range []string{c.TrustServer, s.Config().Release.TrustServer, rule.TrustServer} {
		if named != "" {
			return named
		}
	}
	return ""
}

// trustRepository finds where an image's tag is signed in Content Trust, and what must stand
// behind it: the roots that the policy names for the repository, or bulla's own pins.
func (s *Session) trustRepository(ctx context.Context, clients *dct.Clients, c Choices, ref docker.Reference) (*dct.Repository, TrustPin, error) {
	rule, _ := s.imageRule(ctx, ref.Repository())
	client := clients.Get(s.trustServer(c, rule))
	gun := dct.GUNOf(ref)
	r := client.Repository(gun)
	if certificates, rootKeys := policy.SplitRoots(rule.Roots); len(rootKeys) > 0 {
		return r, TrustPin{Certificates: certificates, RootKeys: rootKeys}, nil
	}
	pins, err := client.Pins()
	if err != nil {
		return nil, TrustPin{}, err
	}
	t := pins.For(gun)
	return r, TrustPin{Certificates: t.Certificates, RootKeys: t.RootKeys, CA: t.CA}, nil
}

// planTrust finds out how the tag of an image would be signed in Content Trust.
func (s *Session) planTrust(ctx context.Context, clients *dct.Clients, c Choices, img docker.Image) (*PlannedTrust, error) {
	r, pin, err := s.trustRepository(ctx, clients, c, img.Reference)
	if err != nil {
		return nil, err
	}
	p, err := r.CanSign(ctx, img, pin.trust())
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

// examineRegistry lets the doctor look at the registry of a reference. trust bounds what the trust
// server is asked.
func (s *Session) examineRegistry(ctx, trust context.Context, clients *dct.Clients, c Choices, ref docker.Reference) ([]Finding, error) {
	r, _, err := s.trustRepository(ctx, clients, c, ref)
	if err != nil {
		return nil, err
	}
	ask := func(context.Context) TrustServer { return ExamineTrust(trust, r) }
	return ExamineRegistry(ctx, s.world.Registry, ref.Repository(), ask, s.world.Now())
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

// trustFinding tells what keeps a tag from being signed in Content Trust, and what to do.
func trustFinding(ref docker.Reference, clients *dct.Clients, err error) Finding {
	gun := dct.GUNOf(ref).String()
	f := Finding{Rule: RuleContentTrust, Severity: SeverityError, Step: StepImage, Err: err, Message: fmt.Sprintf("%s cannot be signed in Content Trust: %v.", ref, err)}
	var server *dct.ServerError
	var withheld *dct.CredentialsWithheldError
	var none *dct.NotInitializedError
	var unpinned *dct.UnpinnedError
	var custody *dct.CustodyError
	var missing *dct.MissingKeyError
	var bad *dct.MetadataError
	var unreleased *UnreleasedError
	switch {
	case errors.As(err, &withheld):
		f.Message = fmt.Sprintf("The trust server %s asks for credentials, which were not shown to it: you did not name it yourself.", withheld.Server)
		f.Hint, f.Unreachable = "--trust-server "+withheld.Server+", or DOCKER_CONTENT_TRUST_SERVER, if you trust it with them", true
	case errors.As(err, &server):
		f.Message = fmt.Sprintf("The trust server %s could not be asked about %s (%s).", server.Server, gun, server.Kind)
		f.Hint, f.Unreachable = "bulla image doctor "+gun+" says more; cosign needs no trust server", true
	case errors.Is(err, context.DeadlineExceeded):
		f.Message, f.Unreachable = "The trust server of "+gun+" did not answer in time.", true
	case errors.As(err, &none) && none.Known:
		f.Message = fmt.Sprintf("%s says that it has no trust data for %s, which it must have had.", none.Server, gun)
		f.Hint = "ask who runs the trust server; nothing is initialised anew by itself"
	case errors.As(err, &none):
		f.Message = fmt.Sprintf("%s has no root key on %s yet, so no tag can be signed there.", gun, none.Server)
		f.Hint = beforeInit(clients.Keys(), gun)
	case errors.As(err, &unpinned):
		f.Message = fmt.Sprintf("Nothing says which root key %s must have.", gun)
		f.Hint = "bulla image trust pin " + gun + " ID, with the id that its owner gives you"
	case errors.As(err, &custody):
		f.Message = "No backup of the root key was restored and opened yet: without one there is no first signature."
		f.Hint = custodyHint(custody.KeyID, custody.Backup)
	case errors.As(err, &missing):
		f.Message = fmt.Sprintf("No key at hand may sign for %s in %s.", missing.Role, gun)
		f.Hint = "bulla image trust key list shows the keys at hand; its owner can make you a signer"
	case errors.As(err, &bad):
		f.Message = fmt.Sprintf("The trust data of %s must not be trusted: %s.", gun, bad.Problem)
		f.Hint = "bulla image trust inspect " + gun + " says more; nothing is signed into it"
	case errors.As(err, &unreleased):
		f.Message = fmt.Sprintf("The keys at hand sign %s for %s and may not release it: nobody who pulls would take it for signed.", ref, strings.Join(unreleased.Roles, ", "))
		f.Hint = "whoever owns the repository can make you a signer: bulla image trust signer add"
	}
	return f
}

// beforeInit names the next command on the way to a repository with a root key: nothing is
// initialised before a backup of the key was tried.
func beforeInit(folder *dct.KeyFolder, gun string) string {
	list, err := folder.List()
	roots := slices.DeleteFunc(list, func(k dct.Key) bool { return k.Role != "root" })
	switch {
	case err != nil:
		return "bulla image trust key list"
	case len(roots) == 0:
		return "bulla image trust key generate --root makes a root key; then a backup of it, its rehearsal, and bulla image trust init " + gun
	case !slices.ContainsFunc(roots, func(k dct.Key) bool { return !k.Backup.Rehearsed.IsZero() }):
		return custodyHint(roots[0].ID, roots[0].Backup.Backup) + "; then bulla image trust init " + gun
	}
	return "bulla image trust init " + gun + " gives it its root key, for good"
}

// custodyHint names the command that shows that a backup works.
func custodyHint(id, backup string) string {
	if backup != "" {
		return "bulla image trust key rehearse " + backup
	}
	short := id[:min(12, len(id))]
	return "bulla image trust key backup " + short + " -o FILE, then bulla image trust key rehearse FILE"
}
