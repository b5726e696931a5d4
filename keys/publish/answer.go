package publish

import (
	"fmt"
	"slices"
	"time"

	"bulla/keys"
)

// maxAnswerKeys is how many keys are looked at in one answer.
const maxAnswerKeys = 50

// answer is what came from a place, taken apart.
type answer struct {
	ring        *keys.Keyring
	keys        []keys.Key
	revocations []keys.Revocation
}

// understand takes an answer apart. The error says that there is no key in it at all.
func understand(data []byte) (answer, error) {
	ring, err := keys.ReadKeyring(data, keys.SourceFile)
	a := answer{ring: ring, keys: ring.Keys(), revocations: keys.LoneRevocations(data)}
	// Lines for SSH keys are read from text too; they are no answer.
	a.keys = slices.DeleteFunc(a.keys, func(k keys.Key) bool { return ring.ExportWith(k.Fingerprint, keys.ExportOptions{}) == nil })
	switch {
	case len(a.revocations) > 0, len(a.keys) > 0 && len(a.keys) <= maxAnswerKeys:
		return a, nil
	case len(a.keys) > maxAnswerKeys:
		return a, fmt.Errorf("more than %d keys at once", maxAnswerKeys)
	case err != nil:
		return a, err
	}
	return a, keys.ErrNoKeys
}

// key finds the key with that fingerprint of a primary key.
func (a answer) key(f keys.Fingerprint) (keys.Key, bool) {
	for _, k := range a.keys {
		if k.Fingerprint == f {
			return k, true
		}
	}
	return keys.Key{}, false
}

// revokes reports whether the answer is a bare revocation that the key of ring made.
func (a answer) revokes(ring *keys.Keyring, f keys.Fingerprint) bool {
	return slices.ContainsFunc(a.revocations, func(v keys.Revocation) bool { return ring.Confirms(v) == f })
}

// compare finds what a place shows otherwise than it was sent. User ids of found beyond those of
// sent are no difference: others may have published them.
func compare(sent, found keys.Key) (out []Difference) {
	differ := func(what, s, f string) {
		if s != f {
			out = append(out, Difference{what, s, f})
		}
	}
	for _, u := range sent.UserIDs {
		if !slices.Contains(found.UserIDs, u) {
			out = append(out, Difference{"user id", u, "nothing"})
		}
	}
	differ("expiry", expiryWord(sent.Expires), expiryWord(found.Expires))
	differ("revocation", revokedWord(sent.Revoked), revokedWord(found.Revoked))
	if sent.Revoked != found.Revoked {
		return out // which changes what all the rest is worth
	}
	for _, s := range sent.Subkeys {
		i := slices.IndexFunc(found.Subkeys, func(f keys.Subkey) bool { return f.Fingerprint == s.Fingerprint })
		if i < 0 {
			out = append(out, Difference{"subkey", string(s.Fingerprint), "nothing"})
			continue
		}
		f := found.Subkeys[i]
		differ("subkey", subkeyWord(s), subkeyWord(f))
	}
	return out
}

func expiryWord(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func revokedWord(revoked bool) string {
	if revoked {
		return "revoked"
	}
	return "not revoked"
}

func subkeyWord(s keys.Subkey) string {
	word := s.Fingerprint.Short() + " until " + expiryWord(s.Expires)
	if s.Revoked {
		word += ", revoked"
	}
	return word
}
