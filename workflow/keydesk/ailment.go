package keydesk

import (
	"fmt"

	"bulla/keys"
	"bulla/workflow/finding"
)

// keyFinding words an ailment: what is wrong, what follows, and what mends it.
func keyFinding(a keys.Ailment, k keys.Key) Finding {
	f := Finding{Subkey: a.Key, Rule: finding.Rule(a.Rule)}
	what := "The key"
	if a.Key != k.Fingerprint {
		what = "The subkey " + a.Key.Short()
	}
	name := string(k.Fingerprint)
	on := a.At.UTC().Format("2 January 2006")
	set := func(s finding.Severity, message, action string, refused ...string) {
		f.Severity, f.Message, f.Action, f.RefusedBy = s, message, action, refused
	}
	const strict = "Sequoia and, since 1 February 2026, Debian refuse it."
	switch a.Rule {
	case keys.HealthInvalid:
		message := "The key has no valid self-signature: nobody can use it."
		if a.Detail != "" {
			message = fmt.Sprintf("The key's self-signatures use %s, which nobody accepts any more.", a.Detail)
		}
		set(finding.Error, message, "make a new key: bulla keys generate", "gpg", "sequoia", "debian")
	case keys.HealthNoUserID:
		set(finding.Error, "The key has no valid user id: gpg skips such a key when it is imported.",
			"bulla keys adduid "+name+" --name NAME --email EMAIL; for a key of others, get it from another place", "gpg")
	case keys.HealthRevoked:
		message := "The key was revoked on " + on + ": what it signed before stays good, new signatures do not count."
		if a.Hard {
			message = "The key was revoked on " + on + " so that none of its signatures counts any more."
		}
		set(finding.Error, message, "sign with another key", "gpg", "sequoia", "debian")
	case keys.HealthExpired:
		set(finding.Error, what+" expired on "+on+": what it signs now is refused.", "bulla keys extend "+name+", then publish it again", "gpg", "sequoia", "debian")
	case keys.HealthExpiring:
		set(finding.Warning, fmt.Sprintf("%s expires on %s.", what, on), "bulla keys extend "+name+", then publish it again")
	case keys.HealthNoExpiry:
		set(finding.Info, "The key never expires: if it is lost and cannot be revoked, it stays valid for ever.", "bulla keys extend "+name+" --expires 2y; that can be repeated for ever")
	case keys.HealthWeakHash:
		subject := "The key's self-signature"
		if a.UserID != "" {
			subject = "The self-signature on the user id " + a.UserID
		}
		set(finding.Error, fmt.Sprintf("%s uses %s. %s", subject, a.Detail, strict), "bulla keys renew "+name+", then publish it again", "sequoia", "debian")
	case keys.HealthWeakBinding, keys.HealthWeakBack:
		set(finding.Error, fmt.Sprintf("%s is bound by a signature that uses %s. %s", what, a.Detail, strict), "bulla keys renew "+name+", then publish it again", "sequoia", "debian")
	case keys.HealthWeakKey:
		set(finding.Error, fmt.Sprintf("%s is %s, which is too weak. Sequoia and Debian refuse it.", what, a.Detail), "make a new key and let this one vouch for it", "sequoia", "debian")
	case keys.HealthOldKey:
		set(finding.Info, fmt.Sprintf("%s is %s: enough today, but not beyond 2030 (NIST SP 800-57).", what, a.Detail), "choose ed25519 or rsa4096 for the next one")
	case keys.HealthNoBack:
		set(finding.Error, what+" does not confirm that it belongs to the key (no back-signature): what it signs is refused.", "bulla keys renew "+name+", then publish it again", "gpg", "sequoia", "debian")
	case keys.HealthNoSigningKey:
		set(finding.Error, "No valid part of the key may sign.", "bulla keys addsubkey "+name)
	case keys.HealthPrimarySigns:
		set(finding.Info, "The primary key itself signs: it cannot be kept offline, and replacing what signs means a new key.", "bulla keys addsubkey "+name)
	case keys.HealthNewKind:
		set(finding.Warning, fmt.Sprintf("%s is %s in the form of RFC 9580, which GnuPG 2.2 and many others do not know.", what, a.Detail), "sign with a version 4 ed25519 or rsa4096 key", "gpg")
	}
	return f
}
