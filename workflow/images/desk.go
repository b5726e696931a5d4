package images

import (
	"context"
	"errors"
	"sync"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/workflow/finding"
	"bulla/workflow/policy"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

// Desk is what a face needs to look after the images of one repository: to list and judge them, to
// sign them by either system, to manage Content Trust and the keys, and to carry signatures over.
// What changes something is preceded by what looks whether it could be done, so that a face can show
// that first. It is safe for concurrent use. Close forgets the image keys that it opened; those of
// Content Trust are forgotten by the DCT.
type Desk struct {
	o DeskOptions

	gathering sync.Mutex // held while keys and policy are read

	mu       sync.Mutex
	verifier *verify.Verifier          // of the last Open
	signers  map[string]*cosign.Signer // unlocked, by path
	inUse    map[*cosign.Signer]int    // by how many; those that are forgotten meanwhile are closed by the last
}

// DeskOptions say which repository it is about, and who may vouch for its images.
type DeskOptions struct {
	World      *world.World
	DCT        *DCT
	Repository docker.Repository
	// Verifier gathers the public keys and the policy, one call at a time; it is called again for every
	// listing, since keys may have been made meanwhile.
	Verifier func(context.Context) (*verify.Verifier, error)
	// Look is what is asked besides the registry, and goes before the policy. Its Trust may be nil: the
	// DCT is asked then.
	Look Options
}

// NewDesk makes a Desk.
func NewDesk(o DeskOptions) *Desk {
	if o.Look.Trust == nil {
		o.Look.Trust = o.DCT
	}
	return &Desk{o: o, signers: map[string]*cosign.Signer{}, inUse: map[*cosign.Signer]int{}}
}

// Face is who is told what happens while a Desk is at work, and who is asked.
type Face struct {
	// Ask asks for the passphrases of keys. Desk.Remembered puts the vault before a person.
	Ask keys.AskPassphrase
	// Emit is told what happens, one event at a time; nil is told nothing.
	Emit func(Event)
}

func (f Face) emit(e Event) {
	if f.Emit != nil {
		f.Emit(e)
	}
}

// Event is something that happens while a Desk is at work.
type Event interface{ event() }

// Doing is what a Desk waits for.
type Doing string

// What a Desk may be at.
const (
	DoingResolve      Doing = "resolve"       // asks the registry what the tag points to now
	DoingReadTrust    Doing = "read-trust"    // asks the trust server
	DoingOpenKey      Doing = "open-key"      // opens a private key: deliberately slow
	DoingSignCosign   Doing = "sign-cosign"   // stores a signature in the registry
	DoingPublishTrust Doing = "publish-trust" // publishes on the trust server
)

// Began says what is waited for from now on, and where: a host, an address, or the file of a key.
type Began struct {
	Doing Doing
	Where string
}

// Retried says that somebody else changed the trust data at the same time. Nothing of this change
// was published by then; it is tried again from fresh trust data. Try counts from 2.
type Retried struct {
	Server string
	Try    int
}

// Stepped says how many of the changes that publish lost trust data again a trust server has taken.
type Stepped struct {
	Server      string
	Done, Steps int
}

// CosignSigned says that a cosign signature stands in the registry.
type CosignSigned struct{ Signature }

// TrustSigned says that a tag is signed in Content Trust.
type TrustSigned struct {
	Reference docker.Reference
	Signed    dct.Signed
}

// TagCarried says what became of one tag in a migration; Done counts it.
type TagCarried struct {
	Carriage
	Done, Total int
	Dry         bool // it was only looked at
}

// BaseJudged says what was decided on one image of a Dockerfile; Done counts it.
type BaseJudged struct {
	BaseDecision
	Done, Total int
}

func (Began) event()        {}
func (Retried) event()      {}
func (Stepped) event()      {}
func (CosignSigned) event() {}
func (TrustSigned) event()  {}
func (TagCarried) event()   {}
func (BaseJudged) event()   {}

// traced is ctx with what the changes of trust data on a server tell passed on to the face.
func (f Face) traced(ctx context.Context, server string) context.Context {
	return dct.WithTrace(ctx, dct.Trace{
		Retried: func(_, server string, try int) { f.emit(Retried{server, try}) },
		Stepped: func(done, steps int) { f.emit(Stepped{server, done, steps}) },
	})
}

// Repository is the one that the Desk is about.
func (d *Desk) Repository() docker.Repository { return d.o.Repository }

// Remembered answers requests for passphrases from the vault where it can, else by person. waiting
// is told of a keychain that may show a dialog of its own; nil is told nothing.
func (d *Desk) Remembered(person keys.AskPassphrase, waiting func(vault.Status)) keys.AskPassphrase {
	return d.o.World.Vault.Ask(person, waiting)
}

// Vault is where passphrases may be kept.
func (d *Desk) Vault() *vault.Manager { return d.o.World.Vault }

// Close forgets the image keys that were opened.
func (d *Desk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, s := range d.signers {
		if d.inUse[s] == 0 {
			errs = append(errs, s.Close())
		}
	}
	clear(d.signers)
	return errors.Join(errs...)
}

// Open lists the tags anew. Errors are those of the function Open, and of who gathers the keys.
func (d *Desk) Open(ctx context.Context) (*Survey, error) {
	v, err := d.gather(ctx)
	if err != nil {
		return nil, err
	}
	return Open(ctx, v, d.o.Repository, d.o.Look)
}

// gather reads keys and policy anew.
func (d *Desk) gather(ctx context.Context) (*verify.Verifier, error) {
	d.gathering.Lock()
	defer d.gathering.Unlock()
	return d.read(ctx)
}

// read is gather for who holds the lock.
func (d *Desk) read(ctx context.Context) (*verify.Verifier, error) {
	v, err := d.o.Verifier(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.verifier = v
	return v, nil
}

// known is the verifier of the last listing, or a first one.
func (d *Desk) known(ctx context.Context) (*verify.Verifier, error) {
	d.gathering.Lock()
	defer d.gathering.Unlock()
	d.mu.Lock()
	v := d.verifier
	d.mu.Unlock()
	if v != nil {
		return v, nil
	}
	return d.read(ctx)
}

// rule is what is asked for the repository: by the policy, and before it by the options.
func (d *Desk) rule(ctx context.Context) (policy.ImageRule, error) {
	v, err := d.known(ctx)
	if err != nil {
		return policy.ImageRule{}, err
	}
	r, _ := v.Policy().Policy.ImageRule(d.o.Repository)
	return d.o.Look.before(r), nil
}

// before is a rule with what the options say in place of what it says.
func (o Options) before(r policy.ImageRule) policy.ImageRule {
	if len(o.By) > 0 {
		r.By = o.By
	}
	if len(o.Roots) > 0 {
		r.Roots = o.Roots
	}
	if o.TrustServer != "" {
		r.TrustServer = o.TrustServer
	}
	return r
}

// Doctor says what the registry and its trust server can hold. The error is that of ctx.
func (d *Desk) Doctor(ctx context.Context) ([]finding.Finding, error) {
	rule, err := d.rule(ctx)
	if err != nil {
		return nil, err
	}
	w := d.o.World
	return ExamineRegistry(ctx, w.Registry, d.o.Repository, func(ctx context.Context) TrustServer {
		return d.o.DCT.Examine(ctx, d.o.Repository, rule.TrustServer)
	}, w.Now())
}

// Gate decides whether an image of the repository may be used, with keys gathered anew. By, where it is not
// empty, are the systems that must vouch, before the policy. Errors are those of the function Gate.
func (d *Desk) Gate(ctx context.Context, ref docker.Reference, by []policy.System) (Decision, error) {
	v, err := d.gather(ctx)
	if err != nil {
		return Decision{}, err
	}
	o := d.o.Look
	if len(by) > 0 {
		o.By = by
	}
	return Gate(ctx, v, ref, o, false)
}

// LookAt finds out everything about one image of the repository, with keys gathered anew. Errors are
// those of Look.
func (d *Desk) LookAt(ctx context.Context, ref docker.Reference) (Tag, error) {
	v, err := d.gather(ctx)
	if err != nil {
		return Tag{}, err
	}
	return Look(ctx, v, ref, d.o.Look)
}
