package keys

import (
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// loginOptions are the critical options of OpenSSH's certificates (PROTOCOL.certkeys). They bound
// what a login may do and say nothing of signatures; ssh-keygen -Y verify passes over them.
var loginOptions = []string{"force-command", "source-address", "verify-required"}

// certificate is the SSH certificate that the signature carries in place of a plain key, or nil.
func certificate(sig *sshsig.Signature) *ssh.Certificate {
	c, _ := sig.PublicKey.(*ssh.Certificate)
	return c
}

// plainSSH is the key itself where k is a certificate on it.
func plainSSH(k ssh.PublicKey) ssh.PublicKey {
	if c, ok := k.(*ssh.Certificate); ok {
		return c.Key
	}
	return k
}

// certificateProblem says why signatures with the certificate cannot be judged, or nil. As for
// OpenSSH, one that its authority did not sign is not even read.
func certificateProblem(sig *sshsig.Signature) *problem {
	c := certificate(sig)
	if c == nil {
		return nil
	}
	if _, nested := c.SignatureKey.(*ssh.Certificate); nested || c.Signature == nil {
		return malformed("its certificate is damaged")
	}
	unsigned := *c
	unsigned.Signature = nil
	signed := unsigned.Marshal()
	signed = signed[:len(signed)-4] // without the length of the signature that is not there
	if !verifySSH(c.SignatureKey, signed, c.Signature) {
		return malformed("its certificate was changed, or the authority that it names did not sign it")
	}
	if c.Key.Type() == ssh.KeyAlgoRSA && sig.Signature.Format != ssh.KeyAlgoRSASHA256 && sig.Signature.Format != ssh.KeyAlgoRSASHA512 {
		return unsupported("RSA keys sign by SHA-256 or SHA-512 only (PROTOCOL.sshsig)")
	}
	for o := range c.CriticalOptions {
		if !slices.Contains(loginOptions, o) {
			return unsupported("its certificate has a critical option that is not known here, and that nobody may pass over")
		}
	}
	return nil
}

// objects says why the line of allowed_signers, one of a certificate authority, does not let the
// holder of the certificate sign, or returns the principals by which it does.
func (a *allowedSigner) objects(c *ssh.Certificate) (principals []string, objection string) {
	patterns := strings.Join(a.principals, ",")
	for _, p := range c.ValidPrincipals {
		if matchPatterns(patterns, p) {
			principals = append(principals, p)
		}
	}
	switch {
	case c.CertType != ssh.UserCert:
		return nil, "is for a host, not for a person"
	case len(c.ValidPrincipals) == 0:
		return nil, "names nobody"
	case len(principals) == 0:
		return nil, "names nobody for whom the authority is allowed"
	}
	return principals, ""
}

// certWindow is when a certificate is valid: from after up to and without before; zero for
// unbounded.
func certWindow(c *ssh.Certificate) (after, before time.Time) {
	if c.ValidAfter > 0 {
		after = sshMoment(c.ValidAfter)
	}
	if c.ValidBefore != ssh.CertTimeInfinity {
		before = sshMoment(c.ValidBefore)
	}
	return after, before
}

// sshMoment is a time of SSH's wire format. Later ones than the year 9999 are that.
func sshMoment(s uint64) time.Time {
	const last = 253402300799
	return time.Unix(int64(min(s, last)), 0).UTC()
}

// weakAuthority lists what makes the authority's word weak.
func weakAuthority(c *ssh.Certificate) (weak []string) {
	a := &allowedSigner{key: c.SignatureKey}
	if w := a.weakness(); w != "" {
		weak = append(weak, strings.TrimSuffix(w, " key")+" certificate authority")
	}
	if c.Signature.Format == ssh.KeyAlgoRSA {
		weak = append(weak, "sha1 signature on the certificate")
	}
	return weak
}
