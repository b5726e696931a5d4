package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys"
	"bulla/keys/pgp"
)

// maxAhead is how far a key's newest signature may lie ahead of the clock before a change is
// refused: whatever is added would be dated later still, and count only then.
const maxAhead = 5 * time.Minute

// change is a key while it is being changed. Nothing of it reaches the disk before commit.
type change struct {
	store  *Store
	before stored
	ties   keys.Ties
	now    time.Time // the clock, in whole seconds
	// dates are those of the newest signature of the owner over each part of next.
	dates map[int]time.Time
	// primary is the opened primary key and pass its passphrase, the zero Secret for none.
	primary *packet.PrivateKey
	pass    keys.Secret
	// next is what the key shall be.
	next transferable
}

// change opens the key that sel names, lets edit work on it, and stores the result. The
// passphrase is asked for, and the signatures are made, before the store is locked; a key that
// somebody else changed meanwhile is left as it is.
//
// Errors are those of keys.Select among the keys with a secret, a *ChangeError, those of
// keys.Unlock and of writing.
func (s *Store) change(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase, edit func(*change) error) (keys.Key, error) {
	k, err := s.withSecret(ctx, sel)
	if err != nil {
		return keys.Key{}, err
	}
	defer k.forget()
	c := &change{store: s, before: k.stored}
	defer c.close()
	if err := c.look(); err != nil {
		return keys.Key{}, err
	}
	if err := c.unlock(ctx, passphraseRequest(k.key), ask); err != nil {
		return keys.Key{}, err
	}
	if err := edit(c); err != nil {
		return keys.Key{}, err
	}
	if err := s.usable(c.next.certificate); err != nil {
		return keys.Key{}, err
	}
	if err := s.commit(ctx, c.before, c.next); err != nil {
		return keys.Key{}, err
	}
	return s.describeKey(k.fpr)
}

// look works out what holds the key together.
func (c *change) look() error {
	ring, err := c.before.ring()
	if err != nil {
		return err
	}
	now := time.Unix(c.store.now().Unix(), 0)
	ties, ok := ring.Ties(c.before.fpr, now)
	if !ok {
		return &ChangeError{c.before.fpr, "its self-signatures cannot be read"}
	}
	c.ties, c.now = ties, now
	c.next = transferable{certificate: c.before.copy(), secret: slices.Clone(c.before.secret)}
	return nil
}

// newest is when the owner last signed something over a part of the key.
func (c *change) newest(part int) (at time.Time) {
	head := c.next.parts[part].head
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	later(c.dates[part])
	switch {
	case part == 0:
		later(signedAt(c.ties.Direct))
	case head.Tag == pgp.TagPublicSubkey:
		for _, t := range c.ties.Subkeys {
			if c.subkey(t.Fingerprint) == part {
				later(signedAt(t.Binding))
			}
		}
	}
	for _, u := range c.ties.Users { // all of them: the newest of several is the primary one
		if head.Tag == pgp.TagUserID || head.Tag == pgp.TagUserAttribute {
			later(signedAt(u.Self))
			later(u.RevokedAt)
		}
	}
	return at
}

// date is the date of a new signature over a part of the key: now, but not before the newest that
// is there. Another of its kind comes a second later, because of two made in the same second
// readers take different ones.
func (c *change) date(part int, revocation bool) (time.Time, error) {
	at, last := c.now, c.newest(part)
	if revocation && last.After(at) {
		at = last
	}
	if !revocation && !last.Before(at) {
		at = last.Add(time.Second)
	}
	if at.Sub(c.now) > maxAhead {
		return at, &ChangeError{c.before.fpr, "it has a signature dated " + last.UTC().Format("2 January 2006, 15:04 UTC") + ", which is later than the clock says"}
	}
	return at, nil
}

// unlock opens the primary key.
func (c *change) unlock(ctx context.Context, req keys.PassphraseRequest, ask keys.AskPassphrase) error {
	i := findSecret(c.before.secret, c.before.fpr)
	if i < 0 {
		return &ChangeError{c.before.fpr, "the secret part of its primary key is not here"}
	}
	p := c.before.secret[i]
	if !p.protection.usable() {
		return &ChangeError{c.before.fpr, "the secret part of its primary key: " + p.protection.why()}
	}
	open := func(pass keys.Secret) (err error) {
		if c.primary, err = p.open(pass); err == nil {
			c.pass = pass.Clone()
		}
		return err
	}
	if p.protection.kind == plain {
		return open(keys.Secret{})
	}
	return keys.Unlock(ctx, ask, req, open)
}

func (c *change) close() {
	c.pass.Destroy()
	wipe(c.primary)
}

// openSubkey opens a subkey with the passphrase of the primary key. It is nil, without an error,
// for a subkey whose secret is not here.
func (c *change) openSubkey(fpr keys.Fingerprint) (*packet.PrivateKey, error) {
	i := findSecret(c.before.secret, fpr)
	if i < 0 || !c.before.secret[i].protection.usable() {
		return nil, nil
	}
	return c.before.secret[i].open(c.pass)
}

// primaryBody is the body of the primary key's public packet.
func (c *change) primaryBody() []byte { return c.next.parts[0].head.Body }

// add makes a signature over a component of the key and puts it behind those that are there.
// None is removed: older signatures are judged by the self-signatures of their time.
func (c *change) add(part int, sig signature) error {
	at, err := c.date(part, sig.kind == pgp.SigKeyRevoke || sig.kind == pgp.SigSubkeyRevoke || sig.kind == pgp.SigCertRevoke)
	if err != nil {
		return err
	}
	p, err := sig.sign(c.store.rand, c.primary, at, c.next.over(part))
	if err != nil {
		return err
	}
	if c.dates == nil {
		c.dates = map[int]time.Time{}
	}
	c.dates[part] = at
	c.next.parts[part].sigs = append(c.next.parts[part].sigs, p)
	return nil
}

// user is the place of a user id or attribute, or -1.
func (c *change) user(tag pgp.Tag, body []byte) int {
	return c.next.find(component{head: pgp.New(tag, body)})
}

// subkey is the place of a subkey, or -1.
func (c *change) subkey(fpr keys.Fingerprint) int {
	return slices.IndexFunc(c.next.parts, func(p component) bool {
		if p.head.Tag != pgp.TagPublicSubkey {
			return false
		}
		f, err := keyPacketFingerprint(p.head)
		return err == nil && f == fpr
	})
}

// signedAt is when a signature says it was made; zero for none.
func signedAt(body []byte) time.Time {
	if len(body) > 7 && (body[0] == 2 || body[0] == 3) {
		return time.Unix(int64(binary.BigEndian.Uint32(body[3:])), 0)
	}
	sig, err := readSignature(body)
	if v := sig.get(pgp.SubCreated); err == nil && len(v) == 4 {
		return time.Unix(int64(binary.BigEndian.Uint32(v)), 0)
	}
	return time.Time{}
}

// createdAt is when a key was made, from the body of its packet.
func createdAt(body []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint32(body[1:5])), 0)
}

// commit replaces before by next, unless the key on disk is not before any more.
func (s *Store) commit(ctx context.Context, before stored, next transferable) error {
	return s.locked(ctx, func() error {
		now, err := s.readKey(before.fpr)
		defer now.forget()
		if err != nil {
			return absent(err, before.fpr)
		}
		if !bytes.Equal(now.bytes(), before.bytes()) || !sameSecrets(now.secret, before.secret) {
			return &ChangeError{before.fpr, "another bulla changed it meanwhile; nothing was changed here"}
		}
		return s.replace(before, next)
	})
}

func sameSecrets(a, b []secretPacket) bool {
	return slices.EqualFunc(a, b, func(x, y secretPacket) bool { return bytes.Equal(x.Raw, y.Raw) })
}
