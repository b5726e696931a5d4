package keychoice

import (
	"context"

	"bulla/keys"
	"bulla/workflow/world"
)

// Signer opens the key that sel names, or the only one that can sign.
func Signer(ctx context.Context, w *world.World, sel keys.Selector) (keys.Signer, error) {
	if !sel.IsZero() {
		return w.Signer(ctx, sel)
	}
	list, _, _ := secretKeys(ctx, w)
	var usable []keys.Key
	seen := map[keys.Fingerprint]bool{} // a key may be in both places
	for _, k := range list {
		if seen[k.Fingerprint] {
			continue
		}
		signer, err := w.SignerIn(ctx, k, keys.ParseSelector(string(k.Fingerprint)))
		if err != nil {
			continue
		}
		if err := signer.Close(); err != nil {
			return nil, err
		}
		usable = append(usable, k)
		seen[k.Fingerprint] = true
	}
	switch len(usable) {
	case 0:
		return nil, &keys.NotFoundError{}
	case 1:
		return w.SignerIn(ctx, usable[0], keys.ParseSelector(string(usable[0].Fingerprint)))
	}
	e := &keys.AmbiguousError{}
	for _, k := range usable {
		e.Matches = append(e.Matches, k.Fingerprint)
	}
	return nil, e
}

// Signer is the function Signer with what the repository knows: its configuration, its last release and
// git's user.signingkey.
func (p Place) Signer(ctx context.Context, sel keys.Selector) (keys.Signer, error) {
	if sel.IsZero() {
		if p.Configured != "" {
			return p.World.Signer(ctx, keys.ParseSelector(p.Configured))
		}
		c, err := p.Choices(ctx)
		if err != nil {
			return nil, err
		}
		if c.Preselected >= 0 {
			return p.World.Signer(ctx, keys.ParseSelector(c.List[c.Preselected].Selector()))
		}
	}
	return Signer(ctx, p.World, sel)
}
