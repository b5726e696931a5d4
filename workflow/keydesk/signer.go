package keydesk

import (
	"context"
	"errors"

	"bulla/keys"
	"bulla/keys/agent"
)

// Signer finds the one secret key that sel names, in bulla's store or in GnuPG. It returns a
// *keys.NotFoundError, *keys.AmbiguousError or *keys.UnusableError. A key that is in both places
// is taken from bulla's store.
func (w *Places) Signer(ctx context.Context, sel keys.Selector) (keys.Signer, error) {
	signer, err := w.Store.Signer(ctx, sel)
	var notFound *keys.NotFoundError
	if w.GnuPG == nil || (err != nil && !errors.As(err, &notFound)) {
		return signer, err
	}
	theirs, theirErr := w.GnuPG.Signer(ctx, sel)
	switch {
	case err != nil:
		return Attend(theirs, w.Attendant), theirErr
	case theirErr == nil && theirs.Key().Primary != signer.Key().Primary:
		e := &keys.AmbiguousError{Selector: sel.Text, Matches: []keys.Fingerprint{signer.Key().Primary, theirs.Key().Primary}}
		return nil, errors.Join(e, signer.Close(), theirs.Close())
	case theirErr == nil:
		return signer, theirs.Close()
	}
	return signer, nil
}

// SignerIn opens k, or exactly the subkey of it that sel names, in the place where k was listed.
func (w *Places) SignerIn(ctx context.Context, k keys.Key, sel keys.Selector) (keys.Signer, error) {
	if k.Source == keys.SourceStore || w.GnuPG == nil {
		return w.Store.Signer(ctx, sel)
	}
	signer, err := w.GnuPG.Signer(ctx, sel)
	return Attend(signer, w.Attendant), err
}

// Attend says to a signer behind gpg-agent who stands there.
func Attend(s keys.Signer, a agent.Attendant) keys.Signer {
	if s, ok := s.(agent.Attended); ok {
		s.Attend(a)
	}
	return s
}
