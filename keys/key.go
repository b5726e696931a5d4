package keys

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Key is what a list shows of one transferable key. It holds no secret.
type Key struct {
	Fingerprint Fingerprint
	UserIDs     []string // newest primary user id first; raw text, clean it before showing it
	Algorithm   string   // of the primary key: ed25519, rsa4096, dsa1024, …
	Created     time.Time
	Expires     time.Time // zero: never
	Revoked     bool
	// CanCertify and CanSign are what the newest self-signature allows the primary key.
	CanCertify, CanSign bool
	Subkeys             []Subkey
	Source              Source
	// HasSecret says that at least one signing-capable secret key is within reach.
	HasSecret bool
	// PrimaryOffline says that the secret part of the primary key is a stub (GNU S2K mode 1)
	// while subkeys are there.
	PrimaryOffline bool
	// Card is the serial number of the card holding the signing key, "" for none.
	Card string
	// BackedUp is when a backup was last tried; zero for never or not known. Store keys only.
	BackedUp time.Time
	// RevocationAt is the file that the revocation certificate was moved to, "" for not known, and
	// RevocationMoved when. Store keys only.
	RevocationAt    string
	RevocationMoved time.Time
	// Successor is the key that follows this one, "" for none or not known, and Retires when this one
	// is to end; zero leaves its expiry as it is. Store keys only.
	Successor Fingerprint
	Retires   time.Time
	// Weak lists findings about the key itself, such as a SHA-1 self-signature.
	Weak []string
}

// Subkey is a subkey of a Key.
type Subkey struct {
	Fingerprint         Fingerprint
	Algorithm           string
	Created, Expires    time.Time // Expires zero: never
	Revoked             bool
	CanSign, CanEncrypt bool
	HasSecret           bool
}

// UserID is the first user id, or "" for a key without any.
func (k Key) UserID() string {
	if len(k.UserIDs) == 0 {
		return ""
	}
	return k.UserIDs[0]
}

// ExpiredAt reports whether the primary key has expired by t.
func (k Key) ExpiredAt(t time.Time) bool { return !k.Expires.IsZero() && !t.Before(k.Expires) }

// UnusableError says why a key cannot sign. Reason is a plain sentence fragment without the
// key's name, such as "it expired on 12 March 2026".
type UnusableError struct {
	Key    Fingerprint
	Reason string
}

func (e *UnusableError) Error() string { return fmt.Sprintf("key %s cannot sign: %s", e.Key, e.Reason) }

// NotFoundError says that no key matches what a person typed.
type NotFoundError struct{ Selector string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("no key matches %q", e.Selector) }

// AmbiguousError says that several keys match what a person typed.
type AmbiguousError struct {
	Selector string
	Matches  []Fingerprint
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q matches %d keys", e.Selector, len(e.Matches))
}

// Selector is how a person names a key: a full fingerprint, a key id, or an address. With a
// final "!" it names exactly that key or subkey, as GnuPG does.
type Selector struct {
	Text  string
	Exact bool
}

// ParseSelector reads a Selector; an empty string selects nothing and matches every key.
func ParseSelector(s string) Selector {
	s = strings.TrimSpace(s)
	if t, ok := strings.CutSuffix(s, "!"); ok {
		return Selector{Text: t, Exact: true}
	}
	return Selector{Text: s}
}

// IsZero reports whether the selector names nothing: every key fits it.
func (s Selector) IsZero() bool { return s == Selector{} }

// String is the selector as a person types it.
func (s Selector) String() string {
	if s.Exact {
		return s.Text + "!"
	}
	return s.Text
}

// Matches reports whether the selector names k or one of its subkeys: by full fingerprint, by
// long or short key id, by the whole address of a user id, or by a whole user id. A part of a
// name never matches: a key must not be chosen by accident.
func (s Selector) Matches(k Key) bool {
	if s.IsZero() {
		return true
	}
	if s.matchesID(k.Fingerprint) {
		return true
	}
	for _, sub := range k.Subkeys {
		if s.matchesID(sub.Fingerprint) {
			return true
		}
	}
	for _, u := range k.UserIDs {
		if strings.EqualFold(u, s.Text) || strings.EqualFold(AddressOf(u), strings.Trim(s.Text, "<>")) {
			return true
		}
	}
	return false
}

func (s Selector) matchesID(f Fingerprint) bool {
	h := strings.ToUpper(strings.NewReplacer(" ", "", ":", "").Replace(s.Text))
	h = strings.TrimPrefix(h, "0X")
	return len(h) >= 8 && (h == string(f) || h == f.KeyID() || (len(h) == 8 && len(f) == 40 && strings.HasSuffix(string(f), h)))
}

// Select picks the one key that s names; of several copies of a key, as of two places that have it,
// the first in list. It returns a *NotFoundError or an *AmbiguousError.
func Select(list []Key, s Selector) (Key, error) {
	var found []Key
	for _, k := range list {
		copied := func(f Key) bool { return f.Fingerprint != "" && f.Fingerprint == k.Fingerprint }
		if s.Matches(k) && !slices.ContainsFunc(found, copied) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 0:
		return Key{}, &NotFoundError{Selector: s.String()}
	case 1:
		return found[0], nil
	}
	e := &AmbiguousError{Selector: s.String()}
	for _, k := range found {
		e.Matches = append(e.Matches, k.Fingerprint)
	}
	return Key{}, e
}

// NameOf is the name within a user id: what stands before its address and its comment.
func NameOf(userID string) string {
	name, _, _ := strings.Cut(userID, "<")
	if i := strings.IndexByte(name, '('); i > 0 {
		name = name[:i]
	}
	if name = strings.TrimSpace(name); name == AddressOf(userID) {
		return ""
	}
	return name
}

// AddressOf is the e-mail address within a user id, or the whole of it where it is a bare
// address, or "".
func AddressOf(userID string) string {
	if i := strings.LastIndexByte(userID, '<'); i >= 0 && strings.HasSuffix(userID, ">") {
		return userID[i+1 : len(userID)-1]
	}
	if strings.ContainsRune(userID, '@') && !strings.ContainsAny(userID, " \t") {
		return userID
	}
	return ""
}
