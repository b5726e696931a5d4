package keydesk

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
)

// PublishFace is what a face provides while keys are published or looked for.
type PublishFace struct {
	// Token is asked first for the token of an account, before the vault and Ask; nil, or
	// keys.ErrNoPassphrase from it, for none.
	Token func(context.Context, publish.Target) (keys.Secret, error)
	// Ask asks a person for what is not known: a token, or a key's passphrase where a forge wants a
	// proof. Its requests have been through the vault.
	Ask keys.AskPassphrase
	// Replace allows the key of somebody else in a Web Key Directory to be replaced.
	Replace bool
	// Progress is told what is under way; nil for nobody.
	Progress func(publish.Event)
}

// TokenRequest is how the token of an account is asked for, and under which name a vault keeps it.
func TokenRequest(t publish.Target) keys.PassphraseRequest {
	host := strings.NewReplacer("[", "", "]", "").Replace(t.Host())
	return keys.PassphraseRequest{Purpose: keys.PurposeToken, ID: host, Label: t.Name(), Attempt: 1}
}

// PublicKey finds the one key that sel names: among the keys of bulla's store and the secret ones
// of GnuPG, then among GnuPG's public ones. The Keyring holds it, merged from both places. It
// returns a *keys.NotFoundError or a *keys.AmbiguousError.
func (w *Places) PublicKey(ctx context.Context, sel keys.Selector) (keys.Key, *keys.Keyring, error) {
	own, _ := w.Keys(ctx) // what cannot be read is not found below
	ring, _ := w.Keyring(ctx, "")
	k, err := keys.Select(own, sel)
	var none *keys.NotFoundError
	if errors.As(err, &none) && !sel.IsZero() {
		k, err = keys.Select(ring.Keys(), sel)
	}
	return k, ring, err
}

// PlanPublish works out what of a key would be sent where. Errors are those of PublicKey and
// publish.NewPlan.
func (w *Places) PlanPublish(ctx context.Context, sel keys.Selector, targets []publish.Target, c publish.Choice) (publish.Plan, error) {
	k, ring, err := w.PublicKey(ctx, sel)
	if err != nil {
		return publish.Plan{}, err
	}
	c.Own = w.ownKeys(ctx)
	return publish.NewPlan(ring, k.Fingerprint, targets, c)
}

// ownKeys are the keys whose secret is within reach: what they certified is their owner's word.
func (w *Places) ownKeys(ctx context.Context) (out []keys.Fingerprint) {
	list, _ := w.Keys(ctx) // what cannot be read certifies nothing
	for _, k := range list {
		if hasAnySecret(k) {
			out = append(out, k.Fingerprint)
		}
	}
	return out
}

// StalePlaces are the places where an older version of the key was sent than it is now. It asks
// nobody.
func (w *Places) StalePlaces(ctx context.Context, r publish.Record) ([]publish.Entry, error) {
	_, ring, err := w.PublicKey(ctx, keys.ParseSelector(string(r.Fingerprint)))
	if err != nil {
		return nil, err
	}
	return r.Stale(ring, w.ownKeys(ctx)), nil
}

// NotPublishedError says that a key was not published from here, so that it cannot be again.
type NotPublishedError struct{ Key keys.Fingerprint }

func (e *NotPublishedError) Error() string {
	return "the key " + e.Key.Short() + " was never published from here"
}

// PlanAgain is the plan to publish a key, as it is now, everywhere it was published from here; without
// user ids in c, with those that each place got. The errors of single places come beside; the last one
// is about the key, or a *NotPublishedError.
func (w *Places) PlanAgain(ctx context.Context, sel keys.Selector, c publish.Choice) (publish.Plan, []error, error) {
	k, ring, err := w.PublicKey(ctx, sel)
	if err != nil {
		return publish.Plan{}, nil, err
	}
	r, err := w.Published.Read(k.Fingerprint)
	if err != nil {
		return publish.Plan{}, nil, err
	}
	if len(r.Entries) == 0 {
		return publish.Plan{}, nil, &NotPublishedError{k.Fingerprint}
	}
	c.Own = w.ownKeys(ctx)
	plan, problems := r.Again(ring, c)
	return plan, problems, nil
}

// PublishedCopies tells CheckKeys where keys were published from here, and whether what was sent is
// what would be sent now. It reads what is remembered and asks nobody.
func (w *Places) PublishedCopies(ctx context.Context) func(keys.Key) []PublishedCopy {
	ring, _ := w.Keyring(ctx, "")
	own := w.ownKeys(ctx)
	return func(k keys.Key) (out []PublishedCopy) {
		r, err := w.Published.Read(k.Fingerprint)
		if err != nil {
			return nil
		}
		stale := r.Stale(ring, own)
		for _, e := range r.Entries {
			if e.Stage >= publish.StageStored {
				out = append(out, PublishedCopy{Place: e.Target, Current: !slices.ContainsFunc(stale, func(s publish.Entry) bool { return s.Target == e.Target })})
			}
		}
		return out
	}
}

// Publish carries out a plan that a person confirmed, reads every place back, and remembers what
// became of it. Results come in the order of the plan, also with an error, which is about the run
// as a whole.
func (w *Places) Publish(ctx context.Context, plan publish.Plan, f PublishFace) ([]publish.Result, error) {
	rs, err := w.publisher(f).Publish(ctx, plan)
	w.remarkUnshared(ctx, rs)
	// What was sent is remembered even when the person went away meanwhile.
	return rs, errors.Join(err, w.Published.Note(context.WithoutCancel(ctx), plan, rs, true))
}

// CheckPublished asks the places of a plan what they have, and remembers that. It sends no key.
func (w *Places) CheckPublished(ctx context.Context, plan publish.Plan, f PublishFace) ([]publish.Result, error) {
	rs, err := w.publisher(f).Check(ctx, plan)
	w.remarkUnshared(ctx, rs)
	err = errors.Join(err, w.Published.Note(context.WithoutCancel(ctx), plan, rs, false))
	if len(plan.Items) > 0 {
		if r, rerr := w.Published.Read(plan.Items[0].Key.Fingerprint); rerr == nil {
			for i := range rs {
				rs[i] = r.Recall(rs[i])
			}
		}
	}
	return rs, err
}

func (w *Places) publisher(f PublishFace) *publish.Publisher {
	ask := f.Ask
	if ask == nil {
		ask = func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			return keys.Secret{}, keys.ErrNoPassphrase
		}
	}
	return publish.New(publish.Options{
		Client: w.Web, Now: w.Now, Replace: f.Replace, Progress: f.Progress,
		Token: func(ctx context.Context, t publish.Target) (keys.Secret, error) {
			if f.Token != nil {
				if s, err := f.Token(ctx, t); !errors.Is(err, keys.ErrNoPassphrase) {
					return s, err
				}
			}
			return ask(ctx, TokenRequest(t))
		},
		Sign: func(ctx context.Context, fpr keys.Fingerprint, text []byte) ([]byte, error) {
			signer, err := w.Signer(ctx, keys.ParseSelector(string(fpr)))
			if err != nil {
				return nil, err
			}
			defer signer.Close()
			if err := signer.Unlock(ctx, ask); err != nil {
				return nil, err
			}
			h := signer.Key().Hash.New()
			h.Write(text)
			return signer.Sign(ctx, h, w.Now())
		},
	})
}
