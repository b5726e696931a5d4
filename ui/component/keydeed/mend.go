package keydeed

import (
	"bulla/keys"
	"bulla/workflow/keydesk"
)

// Mend is the action that mends what the health check found, and false where none does.
func Mend(f keydesk.Finding) (Action, bool) {
	switch keys.HealthRule(f.Rule) {
	case keys.HealthExpired, keys.HealthExpiring, keys.HealthNoExpiry:
		return Extend, true
	case keys.HealthWeakHash, keys.HealthWeakBinding, keys.HealthWeakBack, keys.HealthNoBack:
		return Renew, true
	case keys.HealthNoUserID:
		return AddUserID, true
	case keys.HealthNoSigningKey, keys.HealthPrimarySigns:
		return AddSubkey, true
	case keys.HealthWeakKey, keys.HealthInvalid, keys.HealthNewKind:
		return Generate, true
	}
	switch f.Rule {
	case keydesk.RuleNoAddress:
		return AddUserID, true
	case keydesk.RuleNotBackedUp:
		return BackUp, true
	case keydesk.RuleNoRevocation:
		return Revocation, true
	case keydesk.RuleUnprotected:
		return Passphrase, true
	case keydesk.RuleNotPublished, keydesk.RuleStale:
		return Publish, true
	case keydesk.RuleCopiesDiffer:
		return ToGnuPG, true
	case keydesk.RuleRetired:
		return Revoke, true
	}
	return 0, false
}

// Mendable are the findings about a key that an action mends.
func Mendable(s *keydesk.State) (out []keydesk.Finding) {
	for _, f := range s.Findings {
		if _, ok := Mend(f); ok {
			out = append(out, f)
		}
	}
	return out
}

// MendFault says why there is nothing to mend on a key, nil for none, or "".
func MendFault(s *keydesk.State) string {
	switch {
	case s == nil:
		return "no key is chosen"
	case s.Err != nil:
		return Fault(Aside, s)
	case len(s.Findings) == 0:
		return "nothing is wrong with it"
	case !s.Secret:
		return "only its owner can mend it"
	case len(Mendable(s)) == 0:
		return "no action of bulla mends that"
	}
	return ""
}

// Short is a finding in a few words.
func Short(f keydesk.Finding) string {
	switch keys.HealthRule(f.Rule) {
	case keys.HealthInvalid:
		return "not valid"
	case keys.HealthNoUserID:
		return "no user id"
	case keys.HealthRevoked:
		return "revoked"
	case keys.HealthExpired:
		return subject(f, "expired")
	case keys.HealthExpiring:
		return subject(f, "expires soon")
	case keys.HealthNoExpiry:
		return "never expires"
	case keys.HealthWeakHash, keys.HealthWeakBinding, keys.HealthWeakBack:
		return "weak signature on it"
	case keys.HealthWeakKey:
		return subject(f, "too weak")
	case keys.HealthOldKey:
		return subject(f, "short")
	case keys.HealthNoBack:
		return "no back-signature"
	case keys.HealthNoSigningKey:
		return "cannot sign"
	case keys.HealthPrimarySigns:
		return "primary key signs"
	case keys.HealthNewKind:
		return "new kind of key"
	}
	switch f.Rule {
	case keydesk.RuleNotBackedUp:
		return "no backup"
	case keydesk.RuleNoRevocation:
		return "no revocation cert."
	case keydesk.RuleUnprotected:
		return "no passphrase"
	case keydesk.RuleNoAddress:
		return "no address"
	case keydesk.RuleNotPublished:
		return "not published"
	case keydesk.RuleStale:
		return "published copy stale"
	case keydesk.RuleUnshared:
		return "KEYS not shared yet"
	case keydesk.RuleCopiesDiffer:
		return "differs in GnuPG"
	case keydesk.RuleRetiring:
		return "has a successor"
	case keydesk.RuleRetired:
		return "retired: revoke it"
	}
	return string(f.Rule)
}

func subject(f keydesk.Finding, what string) string {
	if f.Subkey != "" {
		return "subkey " + what
	}
	return what
}
