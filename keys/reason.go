package keys

import (
	"strings"
	"time"
)

// sentence words a problem for Verdict.Reason.
func sentence(p *problem) string {
	if p.status == StatusUnsupported {
		return "The signature cannot be judged: " + p.text + "."
	}
	return "The signature cannot be read: " + p.text + "."
}

func unknownKeyReason(c Claim) string {
	switch {
	case c.Authority != "":
		return "The certificate authority " + string(c.Authority) + ", which certified the SSH key of this signature, is not at hand."
	case c.Fingerprint != "":
		return "The key " + string(c.Fingerprint) + ", which is said to have made this signature, is not at hand."
	case c.KeyID != "" && c.KeyID != "0000000000000000":
		return "The key " + c.KeyID + ", which is said to have made this signature, is not at hand."
	}
	return "The signature does not say which key made it."
}

// report fills in the verdict on a signature that fits the data. A bad one names no signer:
// whoever the key belongs to, it may not make such signatures.
func (f *finding) report(v *Verdict) {
	v.Status = f.status
	v.Weak = f.weak
	if f.status != StatusBad && f.status != StatusUnknownKey {
		v.Signer = f.signer
	}
	v.Reason = f.reason() + "."
}

func (f *finding) reason() string {
	who := f.signer.Primary.Short()
	by := "ignature by " + who + " made on " + day(f.sig.created)
	switch f.status {
	case StatusGood, StatusGoodExpiredSince:
		return "Good s" + by + f.since()
	case StatusWeak:
		return "Weak s" + by + " (" + strings.Join(f.weak, ", ") + ")" + f.since()
	case StatusAfterExpiry:
		return "S" + by + ", after the key had expired (" + day(f.key.expires) + ")"
	case StatusExpired:
		return "S" + by + " was valid until " + day(f.sig.expires()) + " only"
	case StatusRevoked:
		return "S" + by + f.revoked()
	case StatusNotYetValid:
		if f.sig.created.Unix() < f.key.key.CreationTime.Unix() {
			return "S" + by + ", before the key existed (" + day(f.key.key.CreationTime) + ")"
		}
		return "S" + by + ", which is in the future"
	case StatusUnknownKey:
		return "The key " + string(f.signer.Fingerprint) + " is at hand, but no valid signature of its owner ties it in"
	}
	if f.key.canSign() {
		return "The key " + string(f.signer.Fingerprint) + " fits, but never confirmed that it belongs to " + who
	}
	return "The key " + string(f.signer.Fingerprint) + " fits, but its owner " + who + " does not let it sign"
}

// since tells what became of the key after the signature.
func (f *finding) since() string {
	hard, soft := f.key.hardRevocation()
	switch {
	case hard == nil && !soft.IsZero() && !f.now.Before(soft):
		return "; the key was " + f.softWord(soft) + " later (" + day(soft) + ")"
	case f.key.expiredAt(f.now):
		return "; the key has expired since (" + day(f.key.expires) + ")"
	}
	return ""
}

func (f *finding) revoked() string {
	hard, soft := f.key.hardRevocation()
	switch {
	case hard == nil:
		return ", after the key had been " + f.softWord(soft) + " (" + day(soft) + ")"
	case hard.revokeReason == reasonCompromised:
		return ", but the key is revoked as compromised (" + day(hard.created) + ")"
	}
	return ", but the key is revoked without a reason that would spare older signatures (" + day(hard.created) + ")"
}

// softWord names the soft revocation that took effect at t.
func (f *finding) softWord(t time.Time) string {
	for _, r := range f.key.revocations {
		if r.created.Equal(t) && r.revokeReason == reasonSuperseded {
			return "replaced"
		}
	}
	return "retired"
}
