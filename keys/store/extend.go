package store

import (
	"context"
	"slices"
	"time"

	"bulla/keys"
	"bulla/keys/pgp"
)

// ExtendParams say until when a key shall last.
type ExtendParams struct {
	// Lifetime counts from now; 0 means that the key never expires.
	Lifetime time.Duration
	// Only names the primary key and subkeys that are meant, by their fingerprints. None means
	// the primary key and the subkeys that live with it: those that are neither revoked nor
	// were left to expire before it.
	Only []keys.Fingerprint
}

// Extend changes when a key expires, to later or earlier. The newest self-signatures are copied
// with the new lifetime and signed again; older ones stay, since what was signed under them is
// judged by them. A subkey's confirmation that it belongs to the key is carried over, so only
// the primary key's secret is needed.
//
// Extending a key is not enough: others know the old expiry until the key is published again.
// Errors: see [ChangeError], and a *ParamError.
func (s *Store) Extend(ctx context.Context, sel keys.Selector, p ExtendParams, ask keys.AskPassphrase) (keys.Key, error) {
	if err := checkLifetime(p.Lifetime); err != nil {
		return keys.Key{}, err
	}
	return s.change(ctx, sel, ask, func(c *change) error {
		end := time.Time{}
		if p.Lifetime > 0 {
			end = time.Unix(s.now().Unix(), 0).Add(p.Lifetime)
		}
		return c.renew(p.Only, func([]byte, time.Time) time.Time { return end })
	})
}

// Renew signs a key's self-signatures again as they are, with the hash functions of today: it
// mends self-signatures by SHA-1, and a signing subkey that does not confirm that it belongs to
// its key. Expiry stays as it is.
func (s *Store) Renew(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) (keys.Key, error) {
	return s.change(ctx, sel, ask, func(c *change) error {
		return c.renew(nil, func(_ []byte, as time.Time) time.Time { return as })
	})
}

func checkLifetime(d time.Duration) error {
	switch {
	case d < 0 || (d > 0 && d < time.Second):
		return &ParamError{Field: "lifetime", Reason: "is over before it begins"}
	case d > maxLifetime:
		return &ParamError{Field: "lifetime", Reason: "is longer than 136 years"}
	}
	return nil
}

// renew makes the signatures anew that say until when the keys last. end is asked for the new
// end of each key: given the body of its packet and its present end, zero for never.
func (c *change) renew(only []keys.Fingerprint, end func(body []byte, as time.Time) time.Time) error {
	primaryEnd := c.primaryEnd()
	meant := func(f keys.Fingerprint) bool { return slices.Contains(only, f) }
	for _, f := range only {
		if f != c.next.fpr && c.subkey(f) < 0 {
			return &keys.NotFoundError{Selector: string(f)}
		}
	}
	if len(only) == 0 || meant(c.next.fpr) {
		if err := c.renewPrimary(end(c.primaryBody(), primaryEnd)); err != nil {
			return err
		}
	}
	for _, t := range c.ties.Subkeys {
		if len(only) > 0 && !meant(t.Fingerprint) || len(only) == 0 && (t.Revoked || c.leftToExpire(t, primaryEnd)) {
			continue
		}
		if t.Revoked {
			return &ChangeError{t.Fingerprint, "it is revoked"}
		}
		if err := c.renewSubkey(t, end(c.next.parts[c.subkey(t.Fingerprint)].head.Body, t.Expires)); err != nil {
			return err
		}
	}
	return nil
}

// leftToExpire reports whether a subkey's time ended before that of the primary key, as one does
// that another replaced.
func (c *change) leftToExpire(t keys.SubkeyTie, primaryEnd time.Time) bool {
	if t.Expires.IsZero() || c.now.Before(t.Expires) {
		return false
	}
	return primaryEnd.IsZero() || t.Expires.Before(primaryEnd)
}

// primaryEnd is the end that the self-signatures give the primary key, zero for never.
func (c *change) primaryEnd() time.Time {
	var last uint32
	consider := func(body []byte) {
		if sig, err := readSignature(body); err == nil {
			if v := sig.get(pgp.SubKeyExpires); len(v) == 4 {
				last = max(last, uint32(v[0])<<24|uint32(v[1])<<16|uint32(v[2])<<8|uint32(v[3]))
			}
		}
	}
	consider(c.ties.Direct)
	for _, u := range c.ties.Users {
		if !u.Revoked {
			consider(u.Self)
		}
	}
	if last == 0 {
		return time.Time{}
	}
	return createdAt(c.primaryBody()).Add(time.Duration(last) * time.Second)
}

// renewPrimary signs every valid user id again, so that readers agree whichever they look at, and
// the direct-key signature where one speaks of the key's use or lifetime.
func (c *change) renewPrimary(end time.Time) error {
	life, err := lifetimeOf(c.primaryBody(), end)
	if err != nil {
		return err
	}
	users := 0
	marked := slices.ContainsFunc(c.ties.Users, func(u keys.UserTie) bool { return u.Primary && !u.Revoked })
	for _, u := range c.ties.Users {
		if u.Revoked {
			continue
		}
		users++
		sig := copyOf(u.Self, pgp.SigCertPositive)
		if !marked && users == 1 && c.countUsers() > 1 && u.Tag == pgp.TagUserID {
			sig.set(pgp.SubPrimaryUserID, []byte{1}) // so far it was the newest, now all are
		}
		sig.setKeyLifetime(life)
		if err := c.add(c.user(u.Tag, u.Body), sig); err != nil {
			return err
		}
	}
	if c.ties.Direct == nil {
		if users == 0 {
			return &ChangeError{c.next.fpr, "it has no valid user id"}
		}
		return nil
	}
	sig := copyOf(c.ties.Direct, pgp.SigDirectKey)
	if users > 0 && sig.get(pgp.SubKeyFlags) == nil && sig.get(pgp.SubKeyExpires) == nil {
		return nil // it names a revoker, say, and is nobody's answer to when the key ends
	}
	sig.setKeyLifetime(life)
	return c.add(0, sig)
}

// renewSubkey binds a subkey again.
func (c *change) renewSubkey(t keys.SubkeyTie, end time.Time) error {
	at := c.subkey(t.Fingerprint)
	if at < 0 {
		return &ChangeError{t.Fingerprint, "its packet cannot be read"}
	}
	body := c.next.parts[at].head.Body
	life, err := lifetimeOf(body, end)
	if err != nil {
		return err
	}
	sig := copyOf(t.Binding, pgp.SigSubkeyBinding)
	sig.setKeyLifetime(life)
	if t.CanSign {
		back, err := c.backSignature(t, body)
		if err != nil {
			return err
		}
		sig.drop(pgp.SubEmbedded)
		if back != nil {
			sig.embed(back)
		}
	}
	return c.add(at, sig)
}

// backSignature is the signature by which a subkey confirms its primary key: the one that is
// there, or a new one where it is missing or rests on a broken hash and the subkey's secret is
// here.
func (c *change) backSignature(t keys.SubkeyTie, body []byte) ([]byte, error) {
	if len(t.Back) > 3 && slices.Contains([]byte{8, 9, 10, 12, 14}, t.Back[3]) {
		return t.Back, nil
	}
	sub, err := c.openSubkey(t.Fingerprint)
	if err != nil || sub == nil {
		return t.Back, nil //nolint:nilerr // what is there stays, and the health check tells of it
	}
	defer wipe(sub)
	p, err := signature{kind: pgp.SigPrimaryBinding}.sign(c.store.rand, sub, c.now, overKey(c.primaryBody(), body))
	return p.Body, err
}

// copyOf takes a signature apart to be made anew. One of version 3, which has no subpackets,
// becomes an empty one of its kind.
func copyOf(body []byte, kind byte) signature {
	sig, err := readSignature(body)
	if err != nil {
		return signature{kind: kind}
	}
	return sig
}

// lifetimeOf is the lifetime in seconds that ends a key at end; 0 for never.
func lifetimeOf(body []byte, end time.Time) (uint32, error) {
	if end.IsZero() {
		return 0, nil
	}
	d := end.Sub(createdAt(body))
	if err := checkLifetime(d); err != nil {
		return 0, err
	}
	return uint32(d / time.Second), nil
}
