package publish

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"bulla/keys"
	"bulla/keys/publish/web"
	"bulla/keys/publish/wkd"
)

// Options are what a Publisher works with.
type Options struct {
	// Client makes the calls.
	Client *web.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Token gives the token of the account at a target that takes one. The Secret belongs to the
	// Publisher. Without it, or with keys.ErrNoPassphrase from it, such targets fail with a
	// *TokenError.
	Token func(ctx context.Context, t Target) (keys.Secret, error)
	// Sign makes an armored detached signature of text by the key that is published: Gitea asks for
	// one where the account has none of the key's addresses. nil where that cannot be.
	Sign func(ctx context.Context, f keys.Fingerprint, text []byte) ([]byte, error)
	// Resolver tells whether a host exists, for Web Key Directories; nil means the system's.
	Resolver wkd.Resolver
	// Replace allows the key of somebody else in a Web Key Directory to be replaced.
	Replace bool
	// Progress is told what is under way; nil for nobody. It may be called from one goroutine only.
	Progress func(Event)
}

// Event says that something begins, or how far it came.
type Event struct {
	Target Target
	// Doing is a fragment: "sending the key to keys.example.org".
	Doing string
}

// TokenError says that a place takes a token and there is none.
type TokenError struct{ Target Target }

func (e *TokenError) Error() string { return "no token for " + e.Target.Name() }

// Publisher sends keys to places and asks what is there. It is safe for concurrent use as far as
// its options are.
type Publisher struct{ o Options }

// New makes a Publisher. It talks to nobody yet.
func New(o Options) *Publisher {
	if o.Client == nil {
		o.Client = web.New(web.Options{})
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	return &Publisher{o}
}

// place is one kind of target.
type place interface {
	// send puts the item there. The result says how far it came by the place's own word.
	send(ctx context.Context, i Item, r *Result) error
	// look asks what is there and compares.
	look(ctx context.Context, i Item, r *Result) error
}

// Publish sends every item of a plan and reads back what became of it. One that fails does not keep
// the others back. Results come in the order of the plan, and with them the error that ended ctx.
func (p *Publisher) Publish(ctx context.Context, plan Plan) ([]Result, error) {
	return p.each(ctx, plan, func(ctx context.Context, pl place, i Item, r *Result) error {
		if err := pl.send(ctx, i, r); err != nil {
			if ctx.Err() != nil && r.Stage < StageSent && i.Target.Host() != "" {
				r.Notes = append(r.Notes, "It was being sent when that was stopped: whether it arrived is not known. Publish again to be sure.")
			}
			return err
		}
		r.Stage = max(r.Stage, StageSent)
		return pl.look(ctx, i, r)
	})
}

// Check asks every target of a plan what it has, and sends nothing.
func (p *Publisher) Check(ctx context.Context, plan Plan) ([]Result, error) {
	return p.each(ctx, plan, func(ctx context.Context, pl place, i Item, r *Result) error { return pl.look(ctx, i, r) })
}

func (p *Publisher) each(ctx context.Context, plan Plan, do func(context.Context, place, Item, *Result) error) ([]Result, error) {
	var out []Result
	for _, i := range plan.Items {
		r := Result{Target: i.Target, At: p.o.Now()}
		if err := ctx.Err(); err != nil {
			r.Err = context.Cause(ctx)
			out = append(out, r)
			continue
		}
		pl, err := p.place(plan, i.Target)
		if err == nil {
			err = do(ctx, pl, i, &r)
			if a, ok := pl.(*account); ok {
				a.close()
			}
		}
		if err == nil && len(r.Differences) > 0 {
			err = &DifferenceError{Target: i.Target, Fingerprint: i.Key.Fingerprint, Differences: r.Differences}
		}
		r.Err = err
		out = append(out, r)
	}
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	return out, nil
}

func (p *Publisher) place(plan Plan, t Target) (place, error) {
	switch t.Kind {
	case KindHKP:
		return newKeyServer(p, plan.ring, t)
	case KindVKS:
		return newVerifyingServer(p, plan.ring, t), nil
	case KindWKD:
		return &directory{p, plan.ring, t.Where}, nil
	case KindGitHub, KindGitLab, KindGitea:
		return &account{p: p, ring: plan.ring, target: t}, nil
	case KindFile:
		return &keysFile{p, t.Where}, nil
	case KindDNS, KindAllowedSigners:
		return &printed{p, plan.ring}, nil
	}
	return nil, &TargetError{t.String(), "there is no such kind of place"}
}

func (p *Publisher) doing(t Target, format string, args ...any) {
	p.o.Progress(Event{t, fmt.Sprintf(format, args...)})
}

// judge compares what came back for a key with what was sent, and settles the stages up to
// StageFingerprint. It is for places that show the whole key.
func judge(ring *keys.Keyring, i Item, data []byte, r *Result) error {
	a, err := understand(data)
	if err != nil {
		return &web.Error{Host: i.Target.Host(), Op: "read the key back", Kind: web.KindNonsense, Detail: "what it gives is no key", Err: err}
	}
	found, ok := a.key(i.Key.Fingerprint)
	switch {
	case ok && len(found.UserIDs) == 0 && len(i.Key.UserIDs) > 0:
		r.Stage = StageStored
		r.Notes = append(r.Notes, "The place gives the key without its user ids: GnuPG refuses to import it like that.")
		r.Differences = append(r.Differences, Difference{"user id", i.Key.UserIDs[0], "nothing"})
	case ok:
		r.Stage = StageStored
		r.Differences = append(r.Differences, compare(i.Key, found)...)
	case i.Key.Revoked && a.revokes(ring, i.Key.Fingerprint):
		r.Stage = StageStored
		r.Notes = append(r.Notes, "Of a key that is revoked for good the place gives the revocation alone. Whoever has the key learns of it.")
	default:
		r.Differences = append(r.Differences, Difference{"key", string(i.Key.Fingerprint), foundWord(a)})
		return nil
	}
	if len(r.Differences) == 0 {
		r.Stage = StageFingerprint
	}
	return nil
}

func foundWord(a answer) string {
	if len(a.keys) == 0 {
		return "a revocation of another key"
	}
	return string(a.keys[0].Fingerprint)
}

// goal is how far a key can come at a place that finds by address.
func goal(i Item) Stage {
	if len(i.Addresses()) == 0 || i.Key.Revoked {
		return StageFingerprint
	}
	return StageAddress
}

// settle raises the stage to StageAddress once every address is found.
func settle(r *Result) {
	if r.Stage < StageFingerprint || len(r.Addresses) == 0 {
		return
	}
	for _, a := range r.Addresses {
		if a.State != AddressFound {
			return
		}
	}
	r.Stage = StageAddress
}

// unasked makes the state of an address that could not be asked for.
func unasked(address string, err error) Address {
	a := Address{Address: address, State: AddressUnknown, Detail: err.Error()}
	var e *web.Error
	if errors.As(err, &e) && e.Kind == web.KindNotFound {
		return Address{Address: address, State: AddressMissing}
	}
	return a
}
