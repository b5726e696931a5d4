package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/paper"
	"bulla/keys/pgp"
)

// PublicParams say how much of a public key is exported.
type PublicParams struct {
	// ThirdParty adds what others certified: who knows whom, and sometimes a flood of it.
	ThirdParty bool
	// UserIDs are the user ids to export, each the whole of it or its address; none means all.
	UserIDs []string
}

// ExportPublic is the public key that sel names, armored: what its owner made, packet by packet
// as it came. What other keys of the store with a secret certified is their owner's too. It returns
// a *keys.NotFoundError or a *keys.AmbiguousError.
func (s *Store) ExportPublic(ctx context.Context, sel keys.Selector) ([]byte, error) {
	return s.ExportPublicWith(ctx, sel, PublicParams{})
}

// ExportPublicWith is ExportPublic with a say in how much. A user id that the key does not have is
// a *ParamError.
func (s *Store) ExportPublicWith(ctx context.Context, sel keys.Selector, p PublicParams) ([]byte, error) {
	k, err := s.anyKey(ctx, sel)
	if err != nil {
		return nil, err
	}
	k.forget()
	return p.armored(k.certificate, s.ownIDs())
}

// Trim is ExportPublicWith for one public key that is not in a store: binary, as GnuPG keeps it.
func Trim(public []byte, p PublicParams) ([]byte, error) {
	packets, err := splitPackets(public)
	if err != nil {
		return nil, err
	}
	found, _, errs := readTransferables(packets)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	if len(found) != 1 {
		return nil, keys.ErrNoKeys
	}
	defer found[0].forget()
	return p.armored(found[0].certificate, nil)
}

// armored is as much of a certificate as is to be exported.
func (p PublicParams) armored(c certificate, also map[string]bool) (_ []byte, err error) {
	if !p.ThirdParty {
		c = c.own(also)
	}
	if len(p.UserIDs) > 0 {
		if c, err = c.withUserIDs(p.UserIDs); err != nil {
			return nil, err
		}
	}
	return pgp.Encode(armorPublic, nil, c.bytes())
}

// own is the certificate without what others certified; also are key ids that count as the owner's.
// Revocations stay whoever made them: the owner may have named a revoker.
func (c certificate) own(also map[string]bool) certificate {
	out := c.copy()
	id := c.fpr.KeyID()
	for i := range out.parts {
		out.parts[i].sigs = slices.DeleteFunc(out.parts[i].sigs, func(s pgp.Packet) bool {
			issuer := issuerOf(s.Body)
			return issuer != id && !also[issuer] && !revokes(s.Body)
		})
	}
	return out
}

// issuerOf is the key id that a signature packet names as its maker's, or "".
func issuerOf(body []byte) string {
	if len(body) >= 15 && (body[0] == 2 || body[0] == 3) {
		return string(keys.FingerprintOf(body[7:15]))
	}
	sig, err := readSignature(body)
	if err != nil {
		return ""
	}
	for _, p := range slices.Concat(sig.hashed, sig.unhashed) {
		switch {
		case p.kind == pgp.SubIssuer && len(p.body) == 8:
			return string(keys.FingerprintOf(p.body))
		case p.kind == pgp.SubIssuerFPR && len(p.body) > 1:
			return keys.FingerprintOf(p.body[1:]).KeyID()
		}
	}
	return ""
}

// withUserIDs is the certificate with the named user ids alone.
func (c certificate) withUserIDs(names []string) (certificate, error) {
	out := certificate{fpr: c.fpr}
	found := map[string]bool{}
	for _, part := range c.parts {
		if part.head.Tag != pgp.TagUserID && part.head.Tag != pgp.TagUserAttribute {
			out.parts = append(out.parts, part)
			continue
		}
		id := string(part.head.Body)
		for _, name := range names {
			if part.head.Tag == pgp.TagUserID && (id == name || strings.EqualFold(keys.AddressOf(id), name)) {
				found[name] = true
				out.parts = append(out.parts, part)
				break
			}
		}
	}
	for _, name := range names {
		if !found[name] {
			return out, &ParamError{Field: "user id", Reason: "is not one of the key's: " + name}
		}
	}
	return out, nil
}

// ExportSecret is the secret key that sel names, armored, with every packet as it came and so
// under the same passphrase as here. The passphrase is asked for and tried first: a backup that
// nobody can open is none. It is tried on the primary key, or where that is offline on the first
// subkey with a secret. A key without a passphrase is exported without asking.
//
// Errors are those of [keys.Select] among the keys with a secret, a *keys.UnusableError if only
// the public part is here, and those of [keys.Unlock].
func (s *Store) ExportSecret(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) ([]byte, error) {
	k, err := s.openable(ctx, sel, ask)
	if err != nil {
		return nil, err
	}
	defer k.forget()
	data := k.weave(k.secret)
	defer clear(data)
	return pgp.Encode(armorSecret, nil, data)
}

// ExportPaper is the secret key that sel names as a sheet for paper: the secret parts under their
// passphrase, and of the signatures only those that count now, since each line may have to be
// typed. Errors are those of ExportSecret.
func (s *Store) ExportPaper(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) (paper.Sheet, error) {
	k, err := s.openable(ctx, sel, ask)
	if err != nil {
		return paper.Sheet{}, err
	}
	defer k.forget()
	short, err := k.shortest(s.now())
	if err != nil {
		return paper.Sheet{}, err
	}
	return paper.Sheet{
		Fingerprint: k.fpr, UserID: printable(k.key.UserID()), Made: s.now(), Data: short.weave(k.secret),
		Protected: !slices.ContainsFunc(k.secret, func(p secretPacket) bool { return p.protection.kind == plain }),
	}, nil
}

// openable finds a key with its secret and tries its passphrase.
func (s *Store) openable(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) (loadedKey, error) {
	k, err := s.withSecret(ctx, sel)
	if err != nil {
		return k, err
	}
	if i := slices.IndexFunc(k.secret, func(p secretPacket) bool { return p.protection.kind == protected }); i >= 0 {
		err := keys.Unlock(ctx, ask, passphraseRequest(k.key), func(pass keys.Secret) error {
			private, err := k.secret[i].open(pass)
			wipe(private)
			return err
		})
		if err != nil {
			k.forget()
			return k, err
		}
	}
	return k, nil
}

// shortest is the certificate with what counts now: of the owner's signatures the newest of each
// kind, and every revocation; nothing of others.
func (c certificate) shortest(now time.Time) (certificate, error) {
	ring, err := c.ring()
	if err != nil {
		return c, err
	}
	ties, _ := ring.Ties(c.fpr, now)
	counts := map[string]bool{string(ties.Direct): true}
	for _, u := range ties.Users {
		counts[string(u.Self)] = !u.Revoked
	}
	for _, t := range ties.Subkeys {
		counts[string(t.Binding)] = true
	}
	out := certificate{fpr: c.fpr}
	for i, part := range c.parts {
		short := component{head: part.head}
		for _, s := range part.sigs {
			if counts[string(s.Body)] || revokes(s.Body) && part.head.Tag != pgp.TagUserID {
				short.sigs = append(short.sigs, s)
			}
		}
		if i == 0 || len(short.sigs) > 0 {
			out.parts = append(out.parts, short)
		}
	}
	return out, nil
}

// revokes reports whether a signature packet revokes a key or subkey.
func revokes(body []byte) bool {
	return len(body) > 1 && body[0] == 4 && (body[1] == pgp.SigKeyRevoke || body[1] == pgp.SigSubkeyRevoke)
}
