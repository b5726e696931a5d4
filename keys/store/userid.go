package store

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"bulla/keys"
	"bulla/keys/pgp"
)

// AddUserIDParams say what user id a key gets.
type AddUserIDParams struct {
	// Name, Email and Comment make up the user id, as for a new key.
	Name, Email, Comment string
	// Primary makes it the one that is shown first.
	Primary bool
}

// AddUserID gives a key another name or address. Its self-signature says what that of the primary
// user id says. One that was revoked comes back; one that is there and valid is a *ParamError.
func (s *Store) AddUserID(ctx context.Context, sel keys.Selector, p AddUserIDParams, ask keys.AskPassphrase) (keys.Key, error) {
	id, err := GenerateParams{Name: p.Name, Email: p.Email, Comment: p.Comment}.userID()
	if err != nil {
		return keys.Key{}, err
	}
	return s.change(ctx, sel, ask, func(c *change) error {
		for _, u := range c.ties.Users {
			if u.Tag == pgp.TagUserID && string(u.Body) == id && !u.Revoked {
				return &ParamError{Field: "user id", Reason: "is there already"}
			}
		}
		at := c.user(pgp.TagUserID, []byte(id))
		if at < 0 {
			at = c.next.insert(component{head: pgp.New(pgp.TagUserID, []byte(id))})
		}
		if err := c.add(at, c.userSignature(p.Primary)); err != nil || p.Primary {
			return err
		}
		return c.keepPrimary()
	})
}

// SetPrimaryUserID makes a user id the one that is shown first. userID is as for RevokeUserID.
func (s *Store) SetPrimaryUserID(ctx context.Context, sel keys.Selector, userID string, ask keys.AskPassphrase) (keys.Key, error) {
	return s.change(ctx, sel, ask, func(c *change) error {
		u, err := c.validUser(userID)
		if err != nil {
			return err
		}
		sig := copyOf(u.Self, pgp.SigCertPositive)
		sig.set(pgp.SubPrimaryUserID, []byte{1})
		return c.add(c.user(u.Tag, u.Body), sig)
	})
}

// userSignature begins the self-signature of a new user id: a copy of the present one, which says
// what the key may do, how long it lasts and what its owner prefers.
func (c *change) userSignature(primary bool) signature {
	sig := signature{kind: pgp.SigCertPositive}
	i := slices.IndexFunc(c.ties.Users, func(u keys.UserTie) bool { return !u.Revoked })
	switch {
	case i >= 0:
		sig = copyOf(c.ties.Users[i].Self, pgp.SigCertPositive)
	case c.ties.Direct != nil:
		sig = copyOf(c.ties.Direct, pgp.SigDirectKey)
	}
	sig.kind = pgp.SigCertPositive
	sig.drop(pgp.SubPrimaryUserID)
	if primary {
		sig.set(pgp.SubPrimaryUserID, []byte{1})
	}
	return sig
}

// keepPrimary marks the primary user id where none is marked: without a mark readers show the
// newest first, which would be the one just added.
func (c *change) keepPrimary() error {
	if len(c.ties.Users) == 0 || c.ties.Users[0].Revoked || c.ties.Users[0].Primary {
		return nil
	}
	u := c.ties.Users[0]
	sig := copyOf(u.Self, pgp.SigCertPositive)
	sig.set(pgp.SubPrimaryUserID, []byte{1})
	return c.add(c.user(u.Tag, u.Body), sig)
}

// checkPlain refuses what has no place in a line of text that becomes public.
func checkPlain(field, s string) error {
	if strings.ContainsAny(s, "()<>") {
		s = strings.NewReplacer("(", "", ")", "", "<", "", ">", "").Replace(s)
	}
	return checkText(field, s)
}

// printable drops what a file of plain text should not carry from a user id of outside.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
