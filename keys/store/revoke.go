package store

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/pgp"
)

// RevokeParams say how a key or subkey is revoked.
type RevokeParams struct {
	// Reason is one of KeyReasons.
	Reason RevocationReason
	// Text tells people more, in one line; it becomes public. It may be empty.
	Text string
}

// packet begins the signature of a revocation.
func (p RevokeParams) packet(kind byte) (signature, error) {
	code, ok := p.Reason.code()
	if !ok || (code == 32) != (kind == pgp.SigCertRevoke) {
		return signature{}, &ParamError{Field: "reason", Reason: "must be one of none, superseded, compromised, retired"}
	}
	if err := checkPlain("text", p.Text); err != nil {
		return signature{}, err
	}
	s := signature{kind: kind}
	s.set(pgp.SubRevokeReason, append([]byte{code}, p.Text...))
	return s, nil
}

// Revoke declares a key invalid, for good, by a signature of its primary key. People learn of it
// once the key is published again. Without the secret or its passphrase, see
// [Store.ApplyRevocation].
func (s *Store) Revoke(ctx context.Context, sel keys.Selector, p RevokeParams, ask keys.AskPassphrase) (keys.Key, error) {
	sig, err := p.packet(pgp.SigKeyRevoke)
	if err != nil {
		return keys.Key{}, err
	}
	return s.change(ctx, sel, ask, func(c *change) error { return c.add(0, sig) })
}

// HasRevocation reports whether the revocation certificate of a key is where it was stored.
func (s *Store) HasRevocation(fpr keys.Fingerprint) bool {
	_, err := os.Stat(s.RevocationPath(fpr))
	return err == nil
}

// movedRevocation is where a revocation certificate was moved to, and when.
type movedRevocation struct {
	path string
	at   time.Time
}

// MarkRevocationMoved remembers that the revocation certificate of a key was moved to a file out of
// the store's reach: it is not missing then. An unknown key is a *keys.NotFoundError.
func (s *Store) MarkRevocationMoved(ctx context.Context, fpr keys.Fingerprint, path string, at time.Time) error {
	return s.locked(ctx, func() error {
		if _, err := s.readCertificate(fpr); err != nil {
			return absent(err, fpr)
		}
		text := at.UTC().Format(time.RFC3339) + "\n" + path + "\n"
		return atomicfile.Write(filepath.Join(s.keyDir(fpr), movedFile), []byte(text), fileMode)
	})
}

// parseMoved reads what MarkRevocationMoved wrote. What cannot be read is not known.
func parseMoved(text string) movedRevocation {
	when, path, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\n")
	at, err := time.Parse(time.RFC3339, when)
	if err != nil || path == "" {
		return movedRevocation{}
	}
	return movedRevocation{path, at}
}

// ApplyRevocation revokes a key by the certificate that was made together with it, which needs
// neither the secret key nor its passphrase. It gives no reason, so it is a hard one. An absent
// certificate is an error that matches fs.ErrNotExist.
func (s *Store) ApplyRevocation(ctx context.Context, sel keys.Selector) (keys.Key, error) {
	k, err := s.anyKey(ctx, sel)
	if err != nil {
		return keys.Key{}, err
	}
	k.forget()
	data, err := readLimited(s.RevocationPath(k.fpr))
	if err != nil {
		return keys.Key{}, err
	}
	done, err := s.Import(ctx, bytes.NewReader(data))
	if err != nil {
		return keys.Key{}, err
	}
	for _, d := range done {
		if d.Key.Fingerprint == k.fpr && d.Key.Revoked {
			return d.Key, nil
		}
	}
	return keys.Key{}, &ChangeError{k.fpr, "the file holds no revocation of it"}
}

// MakeRevocation writes the revocation certificate of a key anew, for one that was lost or never
// made: imported keys have none. What is there is not replaced. It returns its path.
func (s *Store) MakeRevocation(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) (path string, err error) {
	var made []byte
	var fpr keys.Fingerprint
	_, err = s.change(ctx, sel, ask, func(c *change) error {
		fpr = c.next.fpr
		if s.HasRevocation(fpr) {
			return &fs.PathError{Op: "create", Path: s.RevocationPath(fpr), Err: fs.ErrExist}
		}
		sig, err := RevokeParams{Reason: ReasonNone}.packet(pgp.SigKeyRevoke)
		if err != nil {
			return err
		}
		p, err := sig.sign(s.rand, c.primary, c.now, overKey(c.primaryBody()))
		if err != nil {
			return err
		}
		userID := ""
		if len(c.ties.Users) > 0 {
			userID = string(c.ties.Users[0].Body)
		}
		if made, err = revocationFile(fpr, printable(userID), c.now, p.Raw); err != nil {
			return err
		}
		return s.locked(ctx, func() error { return s.writeRevocation(fpr, made) })
	})
	return s.RevocationPath(fpr), err
}

// RevokeSubkey declares a subkey invalid. sub is its fingerprint.
func (s *Store) RevokeSubkey(ctx context.Context, sel keys.Selector, sub keys.Fingerprint, p RevokeParams, ask keys.AskPassphrase) (keys.Key, error) {
	sig, err := p.packet(pgp.SigSubkeyRevoke)
	if err != nil {
		return keys.Key{}, err
	}
	return s.change(ctx, sel, ask, func(c *change) error { return c.revokeSubkey(sub, sig) })
}

func (c *change) revokeSubkey(sub keys.Fingerprint, sig signature) error {
	i := slices.IndexFunc(c.ties.Subkeys, func(t keys.SubkeyTie) bool { return t.Fingerprint == sub })
	switch {
	case i < 0:
		return &keys.NotFoundError{Selector: string(sub)}
	case c.ties.Subkeys[i].Revoked:
		return &ChangeError{sub, "it is revoked already"}
	}
	return c.add(c.subkey(sub), sig)
}

// RevokeUserID takes a user id back: userID is the whole of it, or an address that only one of
// them has. Signatures of the key are not affected. The last valid user id cannot be revoked; add
// another first.
func (s *Store) RevokeUserID(ctx context.Context, sel keys.Selector, userID, text string, ask keys.AskPassphrase) (keys.Key, error) {
	sig, err := RevokeParams{Reason: ReasonUserID, Text: text}.packet(pgp.SigCertRevoke)
	if err != nil {
		return keys.Key{}, err
	}
	return s.change(ctx, sel, ask, func(c *change) error {
		tie, err := c.validUser(userID)
		if err != nil {
			return err
		}
		if c.countUsers() == 1 {
			return &ChangeError{c.next.fpr, "it would have no user id left; add another first"}
		}
		return c.add(c.user(tie.Tag, tie.Body), sig)
	})
}

// validUser finds the one valid user id that a person named.
func (c *change) validUser(text string) (keys.UserTie, error) {
	var found []keys.UserTie
	for _, u := range c.ties.Users {
		if u.Tag != pgp.TagUserID || u.Revoked {
			continue
		}
		if string(u.Body) == text {
			return u, nil
		}
		if address := keys.AddressOf(string(u.Body)); address != "" && strings.EqualFold(address, strings.Trim(text, "<>")) {
			found = append(found, u)
		}
	}
	switch len(found) {
	case 0:
		return keys.UserTie{}, &ParamError{Field: "user id", Reason: "is not one of the key's valid ones"}
	case 1:
		return found[0], nil
	}
	return keys.UserTie{}, &ParamError{Field: "user id", Reason: "fits several; write the whole of it"}
}

func (c *change) countUsers() (n int) {
	for _, u := range c.ties.Users {
		if u.Tag == pgp.TagUserID && !u.Revoked {
			n++
		}
	}
	return n
}
