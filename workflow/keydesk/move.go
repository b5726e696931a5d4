package keydesk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/store"
)

// ErrNoGnuPG says that something needs GnuPG, which is not here.
var ErrNoGnuPG = errors.New("GnuPG is needed for that, and it is not installed here or was never used: gpg --list-keys makes its folder")

// ImportFile imports the keys of a file into bulla's store: what store.Import reads, and the
// keybox of GnuPG (pubring.kbx), which is read through gpg.
func (w *Places) ImportFile(ctx context.Context, path string) ([]store.Imported, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !agent.IsKeybox(head[:n]) {
		return w.Store.Import(ctx, io.MultiReader(bytes.NewReader(head[:n]), f))
	}
	if w.GnuPG == nil {
		return nil, ErrNoGnuPG
	}
	data, err := w.GnuPG.ReadKeybox(ctx, path)
	if err != nil {
		return nil, err
	}
	return w.Store.Import(ctx, bytes.NewReader(data))
}

// PreviewImport says what ImportFile would bring, and changes nothing: the file is imported into a
// throw-away store, beside copies of those of its keys that are in bulla's store. Errors are those
// of ImportFile; a *store.SkippedError comes together with the rest.
func (w *Places) PreviewImport(ctx context.Context, path string) ([]store.Imported, error) {
	var held []keys.Fingerprint
	list, err := w.importAside(ctx, path, nil)
	for _, i := range list {
		held = append(held, i.Key.Fingerprint)
	}
	if len(held) == 0 {
		return nil, err
	}
	return w.importAside(ctx, path, held)
}

// importAside is ImportFile into a throw-away store that begins with the keys of held.
func (w *Places) importAside(ctx context.Context, path string, held []keys.Fingerprint) (list []store.Imported, err error) {
	aside, remove, err := w.Store.ThrowAway(ctx, held...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	tried := *w
	tried.Store = aside
	return tried.ImportFile(ctx, path)
}

// FromGnuPG copies the secret key that sel names from GnuPG to bulla's store, under the passphrase
// that it has. GnuPG keeps its own; where its agent lets nobody else ask, the Attendant lends it the
// terminal. Parts that are on a card come as stubs.
func (w *Places) FromGnuPG(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) ([]store.Imported, error) {
	if w.GnuPG == nil {
		return nil, ErrNoGnuPG
	}
	list, err := w.GnuPG.List(ctx)
	if err != nil {
		return nil, err
	}
	k, err := keys.Select(list, sel)
	if err != nil {
		return nil, err
	}
	data, err := w.GnuPG.ExportSecret(ctx, k.Fingerprint, k.UserID(), ask, w.Attendant)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return w.Store.Import(ctx, bytes.NewReader(data))
}

// gnupgForUse is GnuPG, also one that is installed and was never used: its home is made then.
func (w *Places) gnupgForUse(ctx context.Context) (*agent.GnuPG, error) {
	switch {
	case w.GnuPG != nil:
		return w.GnuPG, nil
	case w.gnupg == nil:
		return nil, ErrNoGnuPG
	}
	o := *w.gnupg
	o.Make = true
	g, err := agent.Find(ctx, o)
	if errors.Is(err, agent.ErrAbsent) {
		return nil, ErrNoGnuPG
	}
	return g, err
}

// ToGnuPG copies the secret key that sel names from bulla's store to GnuPG, under the passphrase
// that it has; ask is asked for it first. The store keeps its own. Where GnuPG was never used its home
// is made. It returns the key as GnuPG lists it.
func (w *Places) ToGnuPG(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) (keys.Key, error) {
	data, err := w.Store.ExportSecret(ctx, sel, ask)
	if err != nil {
		return keys.Key{}, err
	}
	defer clear(data)
	ring, err := keys.ReadKeyring(data, keys.SourceStore)
	if err != nil {
		return keys.Key{}, err
	}
	g, err := w.gnupgForUse(ctx)
	if err != nil {
		return keys.Key{}, err
	}
	if err := g.ImportKey(ctx, data); err != nil {
		return keys.Key{}, err
	}
	list, err := g.List(ctx)
	if err != nil {
		return keys.Key{}, err
	}
	return keys.Select(list, keys.ParseSelector(string(ring.Keys()[0].Fingerprint)))
}
