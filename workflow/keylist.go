package workflow

import (
	"context"
	"errors"

	"bulla/keys"
	"bulla/keys/store"
)

// Keys lists every key of bulla's store and every secret key of GnuPG's. What could not be read is
// told beside.
func (w *World) Keys(ctx context.Context) (list []keys.Key, problems []error) {
	own, err := w.Store.List(ctx)
	if err != nil {
		problems = append(problems, err)
	}
	list = append(list, own...)
	problems = append(problems, w.Store.Problems(ctx)...)
	if w.GnuPG == nil {
		return list, problems
	}
	theirs, err := w.GnuPG.List(ctx)
	if err != nil {
		problems = append(problems, err)
	}
	return append(list, theirs...), problems
}

// ExportPublic is the armored public key that sel names, from bulla's store or, where it is not
// there, from GnuPG: its secret keys first, then its public ones.
func (w *World) ExportPublic(ctx context.Context, sel keys.Selector) ([]byte, error) {
	return w.ExportPublicWith(ctx, sel, store.PublicParams{})
}

// ExportPublicWith is ExportPublic with a say in how much.
func (w *World) ExportPublicWith(ctx context.Context, sel keys.Selector, p store.PublicParams) ([]byte, error) {
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
