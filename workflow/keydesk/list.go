package keydesk

import (
	"context"
	"errors"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/store"
)

// Keys lists every key of bulla's store and every secret key of GnuPG's. What could not be read is
// told beside.
func (w *Places) Keys(ctx context.Context) (list []keys.Key, problems []error) {
	list, _, problems = w.keysBy(ctx, func(g *agent.GnuPG) ([]keys.Key, []agent.Holding, error) {
		theirs, err := g.List(ctx)
		return theirs, nil, err
	})
	return list, problems
}

// KeysHeld is Keys with what gpg-agent says of those that it holds, by their fingerprint. It has the
// agent look which cards are in readers.
func (w *Places) KeysHeld(ctx context.Context) (list []keys.Key, held map[keys.Fingerprint]agent.Holding, problems []error) {
	return w.keysBy(ctx, func(g *agent.GnuPG) (theirs []keys.Key, all []agent.Holding, err error) {
		all, err = g.Overview(ctx)
		for _, h := range all {
			theirs = append(theirs, h.Key)
		}
		return theirs, all, err
	})
}

func (w *Places) keysBy(ctx context.Context, gnupg func(*agent.GnuPG) ([]keys.Key, []agent.Holding, error)) (list []keys.Key, held map[keys.Fingerprint]agent.Holding, problems []error) {
	held = map[keys.Fingerprint]agent.Holding{}
	own, err := w.Store.List(ctx)
	if err != nil {
		problems = append(problems, err)
	}
	list = append(list, own...)
	problems = append(problems, w.Store.Problems(ctx)...)
	if w.GnuPG == nil {
		return list, held, problems
	}
	theirs, all, err := gnupg(w.GnuPG)
	if err != nil {
		problems = append(problems, err)
	}
	for _, h := range all {
		held[h.Key.Fingerprint] = h
	}
	return append(list, theirs...), held, problems
}

// ExportPublic is the armored public key that sel names, from bulla's store or, where it is not
// there, from GnuPG: its secret keys first, then its public ones.
func (w *Places) ExportPublic(ctx context.Context, sel keys.Selector) ([]byte, error) {
	return w.ExportPublicWith(ctx, sel, store.PublicParams{})
}

// ExportPublicWith is ExportPublic with a say in how much.
func (w *Places) ExportPublicWith(ctx context.Context, sel keys.Selector, p store.PublicParams) ([]byte, error) {
	data, err := w.Store.ExportPublicWith(ctx, sel, p)
	var notFound *keys.NotFoundError
	if w.GnuPG == nil || !errors.As(err, &notFound) {
		return data, err
	}
	// The secret keys first: an address that also stands on a key of others means one's own.
	if signer, theirErr := w.GnuPG.Signer(ctx, sel); theirErr == nil {
		defer signer.Close()
		return store.Trim(signer.Key().Public, p)
	}
	public, theirErr := w.GnuPG.PublicKeyring(ctx)
	if theirErr != nil {
		return nil, err
	}
	ring, _ := keys.ReadKeyring(public, keys.SourceGnuPG) // an empty keyring has no key
	k, theirErr := keys.Select(ring.Keys(), sel)
	if theirErr != nil {
		return nil, theirErr
	}
	return store.Trim(ring.ExportWith(k.Fingerprint, keys.ExportOptions{Certifications: p.ThirdParty, Unproven: true}), p)
}
