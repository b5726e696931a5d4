package workflow

import (
	"bytes"
	"context"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"bulla/keys"
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
// there, from GnuPG.
func (w *World) ExportPublic(ctx context.Context, sel keys.Selector) ([]byte, error) {
	data, err := w.Store.ExportPublic(ctx, sel)
	if err == nil || w.GnuPG == nil {
		return data, err
	}
	signer, theirErr := w.GnuPG.Signer(ctx, sel)
	if theirErr != nil {
		return nil, err
	}
	defer signer.Close()
	var b bytes.Buffer
	enc, err := armor.EncodeWithChecksumOption(&b, "PGP PUBLIC KEY BLOCK", nil, true)
	if err != nil {
		return nil, err
	}
	if _, err := enc.Write(signer.Key().Public); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
