package keydeed

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/ui/component/human"
	"bulla/ui/component/placeword"
	"bulla/ui/safetext"
	"bulla/workflow/firstkey"
	"bulla/workflow/keydesk"
)

// LifetimeHelp says how a lifetime is typed.
const LifetimeHelp = "2y, 18m, 90d, a date such as 2028-01-31, or never."

// CheckSends says what places learn that are asked what they have of a key.
const CheckSends = "No key: each place is asked what it has of this one, by its fingerprint and addresses."

// UserID is a user id for a sentence, safe to show.
func UserID(s string) string {
	if s == "" {
		return "the key without a user id"
	}
	return safetext.Line(s)
}

// Sentence begins with a capital letter.
func Sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// Until is when a key ends, for a sentence.
func Until(k keys.Key) string {
	if k.Expires.IsZero() {
		return "never expires"
	}
	return "expires on " + human.Date(k.Expires)
}

// Validity is human.Expiry with the day in it.
func Validity(end time.Time, revoked bool, now time.Time) string {
	switch {
	case revoked:
		return "revoked"
	case end.IsZero():
		return "never expires"
	case !now.Before(end):
		return "expired on " + human.Date(end)
	}
	return "until " + human.Date(end) + ", " + human.Span(end.Sub(now)) + " left"
}

// Ago is how long before now something was.
func Ago(now, at time.Time) string {
	if at.After(now) {
		return "which is in the future"
	}
	return human.Span(now.Sub(at)) + " ago"
}

// Uses is what a key may do.
func Uses(certify, sign, encrypt bool) string {
	var out []string
	for _, u := range []struct {
		may  bool
		word string
	}{{certify, "certify"}, {sign, "sign"}, {encrypt, "encrypt"}} {
		if u.may {
			out = append(out, u.word)
		}
	}
	switch len(out) {
	case 0:
		return "nothing that bulla knows"
	case 1:
		return out[0]
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

// Kind is what of a key is here, and where.
func Kind(s *keydesk.State) string {
	kind := "public key"
	switch {
	case s.Secret && s.PrimaryOffline:
		kind = "secret key; the secret of the primary key is kept elsewhere"
	case s.Secret:
		kind = "secret key"
	}
	switch {
	case s.InStore && s.InGnuPG:
		return kind + ", in bulla's store and GnuPG"
	case s.InStore:
		return kind + ", in bulla's store"
	}
	return kind + ", in GnuPG"
}

// Backup is when a backup of the key was tried, and false where there was none.
func Backup(s *keydesk.State, now time.Time) (text string, tried bool) {
	if s.BackedUp.IsZero() {
		return "never made and tried", false
	}
	return "tried on " + human.Date(s.BackedUp) + ", " + Ago(now, s.BackedUp), true
}

// RevocationPlace says where the revocation certificate was moved to, raw; "" where that is not known.
func RevocationPlace(s *keydesk.State) string {
	if s.RevocationAt == "" {
		return ""
	}
	return "moved to " + s.RevocationAt + " on " + human.Date(s.RevocationMoved)
}

// SubkeyLife is when a subkey was made and ends.
func SubkeyLife(s *keydesk.State, k keys.Subkey, now time.Time) string {
	line := "made " + human.Date(k.Created) + ", " + Validity(k.Expires, k.Revoked, now)
	if k.Expires.Equal(s.Expires) && !k.Revoked && !k.Expires.IsZero() {
		line = "made " + human.Date(k.Created) + ", valid as long as the key"
	}
	if s.Secret && !k.HasSecret {
		line += "; no secret here"
	}
	return line
}

// PlaceName names a place where a key is published, safe to show.
func PlaceName(target string) string {
	if p, err := publish.ParseTarget(target, ""); err == nil {
		return safetext.Line(p.Name())
	}
	return safetext.Line(target)
}

// PlaceState is how far the key has come at a place where it was published, and whether what is there
// is the key as it is now and can be found.
func PlaceState(s *keydesk.State, e publish.Entry, now time.Time) (text string, well bool) {
	text, well = e.Stage.String(), e.Stage >= publish.StageFingerprint
	if slices.Contains(s.Stale, e.Target) {
		text, well = "an older version was sent", false
	}
	if u, unshared := s.Unshared[e.Target]; unshared && well {
		if text, well = "in the working tree alone: commit it", false; u.Committed {
			text = "committed, but not pushed"
		}
	}
	if !e.CheckedAt.IsZero() {
		text += ", asked " + Ago(now, e.CheckedAt)
	}
	for _, a := range e.Addresses {
		if a.State != publish.AddressFound {
			text += "; " + safetext.Line(a.Address+": "+placeword.Address(a))
		}
	}
	return text, well
}

// PlaceNames are the places where a key is published, for a sentence.
func PlaceNames(s *keydesk.State) string {
	var names []string
	for _, e := range s.Places {
		names = append(names, PlaceName(e.Target))
	}
	return strings.Join(names, ", ")
}

// ReadError drops the path from the reason why a key cannot be read.
func ReadError(err error) string {
	var p *store.ProblemError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// SecretName proposes a name for a file with a secret key: in the home folder, out of the working tree of
// a repository, where it would be one "git add" away from everybody.
func SecretName(f keys.Fingerprint, what, ending string) string {
	return firstkey.FileName(f, what, ending)
}

// FileName proposes a name for a file about a key, in the folder where one stands: it is no secret.
func FileName(f keys.Fingerprint, what, ending string) string {
	return strings.ToLower(strings.ReplaceAll(human.Tail(f), " ", "")) + what + ending
}

// NameOf is the name in a user id, safe to show.
func NameOf(id string) string { return safetext.Line(keys.NameOf(id)) }

// Called is what a key is called in a sentence.
func Called(s *keydesk.State, name string) string {
	if s.Err != nil {
		return "the key that cannot be read"
	}
	return UserID(name)
}

// Haystack is what words of a filter are looked for in, in lower case.
func Haystack(s *keydesk.State) string {
	var b strings.Builder
	for _, u := range append(slices.Clone(s.Claims), s.UserIDs...) {
		b.WriteString(u + " ")
	}
	b.WriteString(string(s.Fingerprint))
	for _, sub := range s.Subkeys {
		b.WriteString(" " + string(sub.Fingerprint))
	}
	b.WriteString(" " + s.Algorithm)
	return strings.ToLower(b.String())
}

// ByOwner orders keys: those with a secret part first, then the newest.
func ByOwner(a, b *keydesk.State) int {
	if a.Secret != b.Secret {
		return map[bool]int{true: -1, false: 1}[a.Secret]
	}
	if c := b.Created.Compare(a.Created); c != 0 {
		return c
	}
	return strings.Compare(string(a.Fingerprint), string(b.Fingerprint))
}

// Counts says how many keys have their secret here, and how many of those the health check warns of.
func Counts(own, worry int) string {
	out := strconv.Itoa(own) + " with the secret key"
	if worry > 0 {
		out += ", " + strconv.Itoa(worry) + " of them to look after"
	}
	return out
}

// unprotected reports whether a secret part is known to be under no passphrase.
func unprotected(s *keydesk.State) bool {
	return slices.ContainsFunc(s.Findings, func(f keydesk.Finding) bool { return f.Rule == keydesk.RuleUnprotected })
}
