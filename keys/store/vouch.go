package store

import (
	"context"
	"slices"

	"bulla/keys"
	"bulla/keys/pgp"
)

// Vouch lets the key that by names certify every valid user id of the key that sel names, another
// key of the store, as checked with care: a certification of type 0x13 (RFC 9580, section
// 5.2.1.7), which says that both belong to the same person. It is stored in the certified key and
// exported with it. A user id that is certified already is left as it is. ask is asked for the
// passphrase of the certifying key.
func (s *Store) Vouch(ctx context.Context, by, sel keys.Selector, ask keys.AskPassphrase) (keys.Key, error) {
	other, err := s.anyKey(ctx, sel)
	if err != nil {
		return keys.Key{}, err
	}
	defer other.forget()
	next := transferable{certificate: other.copy(), secret: other.secret}
	ring, err := other.ring()
	if err != nil {
		return keys.Key{}, err
	}
	ties, _ := ring.Ties(other.fpr, s.now())
	_, err = s.change(ctx, by, ask, func(c *change) error {
		if c.next.fpr == other.fpr {
			return &ChangeError{other.fpr, "a key cannot vouch for itself"}
		}
		for _, u := range ties.Users {
			part := next.find(component{head: pgp.New(pgp.Tag(u.Tag), u.Body)})
			certified := slices.ContainsFunc(next.parts[part].sigs, func(p pgp.Packet) bool { return issuerOf(p.Body) == c.next.fpr.KeyID() })
			if u.Revoked || u.Tag != pgp.TagUserID || certified {
				continue
			}
			p, err := signature{kind: pgp.SigCertPositive}.sign(s.rand, c.primary, c.now, next.over(part))
			if err != nil {
				return err
			}
			next.parts[part].sigs = append(next.parts[part].sigs, p)
		}
		return nil
	})
	if err != nil {
		return keys.Key{}, err
	}
	if err := s.commit(ctx, other.stored, next); err != nil {
		return keys.Key{}, err
	}
	return s.describeKey(other.fpr)
}

// ownIDs are the key ids of the keys with a secret in the store: certifications among them are
// their owner's.
func (s *Store) ownIDs() map[string]bool {
	out := map[string]bool{}
	fprs, _, _ := s.fingerprints()
	for _, f := range fprs {
		if k, err := s.readKey(f); err == nil {
			if len(k.secret) > 0 {
				out[f.KeyID()] = true
			}
			k.forget()
		}
	}
	return out
}
