package keys

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 old keys are recognised, and called weak
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"bulla/keys/pgp"
)

// sshSignature reads the armor of `ssh-keygen -Y sign` (OpenSSH's PROTOCOL.sshsig), which git
// uses for SSH keys.
func sshSignature(b pgp.Block) *Signature {
	if b.Err != nil {
		return &Signature{problem: malformed(b.Err.Error())}
	}
	sig, err := sshsig.ParseSignature(b.Body)
	switch {
	case errors.Is(err, sshsig.ErrUnsupportedSignatureVersion), errors.Is(err, sshsig.ErrUnsupportedHashAlgorithm):
		return &Signature{problem: unsupported("this kind of SSH signature is not supported")}
	case err != nil:
		return &Signature{problem: malformed("the SSH signature is damaged, or of a kind that is not supported")}
	}
	s := &Signature{ssh: sig, problem: certificateProblem(sig)}
	if s.problem == nil && strings.HasPrefix(sig.Signature.Format, "webauthn-") {
		s.problem = unsupported("it was made in a web browser (webauthn)")
	}
	return s
}

// sshFingerprint is the SHA-256 of the key's wire encoding: the same digest as OpenSSH's
// SHA256:… in hexadecimal. A certificate has the fingerprint of the key in it.
func sshFingerprint(k ssh.PublicKey) Fingerprint {
	sum := sha256.Sum256(plainSSH(k).Marshal())
	return FingerprintOf(sum[:])
}

func sshClaim(sig *sshsig.Signature) Claim {
	c := Claim{
		Fingerprint: sshFingerprint(sig.PublicKey),
		Hash:        sig.HashAlgorithm.String(),
		Algorithm:   sig.Signature.Format,
	}
	if cert := certificate(sig); cert != nil {
		c.Authority = sshFingerprint(cert.SignatureKey)
	}
	return c
}

func sshHash(sig *sshsig.Signature) crypto.Hash {
	if sig.HashAlgorithm == sshsig.HashSHA256 {
		return crypto.SHA256
	}
	return crypto.SHA512
}

// sshNamespace is what separates signatures for one purpose from those for another. git uses
// its own for tags and commits; files have the one that OpenSSH's manual proposes.
func sshNamespace(k Kind) string {
	if k == KindTag || k == KindCommit {
		return "git"
	}
	return "file"
}

// sshProves reports whether sig fits the document hashed into h.
func sshProves(sig *sshsig.Signature, h hash.Hash) bool {
	signed := ssh.Marshal(struct{ Namespace, Reserved, HashAlgorithm, Hash string }{
		Namespace: sig.Namespace, HashAlgorithm: sig.HashAlgorithm.String(), Hash: string(h.Sum(nil)),
	})
	return verifySSH(sig.PublicKey, append([]byte("SSHSIG"), signed...), sig.Signature)
}

// weighSSH judges an SSH signature whose key is listed.
func (c *Check) weighSSH(i int, kind Kind, v *Verdict) {
	sig := c.sigs[i].ssh
	state, err := c.states[i].clone()
	switch {
	case err != nil:
		v.Status, v.Reason = StatusUnsupported, "The signature cannot be judged: its hash function is not supported."
		return
	case !sshProves(sig, state):
		v.Status, v.Reason = StatusBad, "The signature does not fit the data: the data or the signature were changed."
		return
	case sig.Namespace != sshNamespace(kind):
		v.Status, v.Reason = StatusBad, "The signature was made for another purpose: its namespace is not \""+sshNamespace(kind)+"\"."
		return
	}
	at := c.madeAt
	if at.IsZero() {
		at = c.judge.Now
	}
	var best *finding
	for _, s := range c.signers[i] {
		f := s.weigh(sig, at, c.madeAt, c.judge.Now)
		if best == nil || f.status.rank() < best.status.rank() {
			best = &f
		}
	}
	if best.status != StatusBad && c.judge.Keyring.revokesSSH(sig.PublicKey) {
		best.status = StatusRevoked
	}
	v.Status, v.Weak, v.Reason = best.status, best.weak, best.sshReason()+"."
	if best.status != StatusBad {
		v.Signer = best.signer
	}
}

// weigh judges by the line of allowed_signers: one for the key, or for the authority that certified
// it. at is when the signature counts as made; claimed is what the target says of it, zero for
// nothing.
func (a *allowedSigner) weigh(sig *sshsig.Signature, at, claimed, now time.Time) finding {
	key := &allowedSigner{key: plainSSH(sig.PublicKey)}
	f := finding{now: now, signer: &Signatory{
		Fingerprint: sshFingerprint(key.key),
		Primary:     sshFingerprint(key.key),
		UserIDs:     slices.Clone(a.principals),
		SignedAt:    claimed.UTC(),
		Hash:        sig.HashAlgorithm.String(),
		Algorithm:   key.algorithm(),
		KeyExpires:  a.before,
		Source:      a.source,
	}}
	if w := key.weakness(); w != "" {
		f.weak = append(f.weak, w)
	}
	early := !a.after.IsZero() && at.Before(a.after)
	late := func(t time.Time) bool { return !a.before.IsZero() && t.After(a.before) }
	if c := certificate(sig); c != nil {
		after, before := certWindow(c)
		early = early || at.Before(after)
		byLine := late
		late = func(t time.Time) bool { return byLine(t) || !before.IsZero() && !t.Before(before) }
		f.signer.Authority = sshFingerprint(c.SignatureKey)
		f.signer.UserIDs, f.objection = a.objects(c)
		f.signer.KeyExpires = earlier(a.before, before)
		f.weak = append(f.weak, weakAuthority(c)...)
	}
	switch {
	case f.objection != "":
		f.status = StatusBad
	case a.namespaces != "" && !matchPatterns(a.namespaces, sig.Namespace):
		f.status = StatusBad
	case early, at.After(now.Add(clockSkew)):
		f.status = StatusNotYetValid
	case late(at):
		f.status = StatusAfterExpiry
	case len(f.weak) > 0:
		f.status = StatusWeak
	case late(now):
		f.status = StatusGoodExpiredSince
	default:
		f.status = StatusGood
	}
	return f
}

// sshReason is the sentence for an SSH signature, without its full stop.
func (f *finding) sshReason() string {
	key := "the SSH key " + f.signer.Primary.Short()
	if f.signer.Authority != "" {
		key += ", certified by " + f.signer.Authority.Short() + ","
	}
	by := "ignature by " + key
	if !f.signer.SignedAt.IsZero() {
		by += " dated " + day(f.signer.SignedAt)
	}
	switch f.status {
	case StatusGood:
		return "Good s" + by
	case StatusGoodExpiredSince:
		return "Good s" + by + "; the key was valid until " + day(f.signer.KeyExpires)
	case StatusWeak:
		return "Weak s" + by + " (" + strings.Join(f.weak, ", ") + ")"
	case StatusNotYetValid:
		return "S" + by + ", when the key was not valid yet"
	case StatusRevoked:
		if f.signer.Authority != "" {
			return "S" + by + ", which is on a list of revoked keys itself, or by its certificate or its authority"
		}
		return "S" + by + ", which is on a list of revoked keys"
	case StatusAfterExpiry:
		return "S" + by + ", which was valid until " + day(f.signer.KeyExpires)
	case StatusBad:
		if f.objection != "" {
			return "The certificate of the SSH key " + f.signer.Primary.Short() + " by " + f.signer.Authority.Short() + " " + f.objection
		}
	}
	return "The SSH key " + f.signer.Primary.Short() + " fits, but may not sign for this purpose"
}

// algorithm names the key as AlgorithmName does, with "-sk" for keys on a security token.
func (a *allowedSigner) algorithm() string {
	switch a.key.Type() {
	case ssh.KeyAlgoED25519:
		return "ed25519"
	case ssh.KeyAlgoSKED25519:
		return "ed25519-sk"
	case ssh.KeyAlgoSKECDSA256:
		return "nistp256-sk"
	case ssh.KeyAlgoECDSA256:
		return "nistp256"
	case ssh.KeyAlgoECDSA384:
		return "nistp384"
	case ssh.KeyAlgoECDSA521:
		return "nistp521"
	}
	if k := a.rsa(); k != nil {
		return rsaName(k)
	}
	if n := a.dsaBits(); n > 0 {
		return "dsa" + strconv.Itoa(n)
	}
	return "ssh"
}

func (a *allowedSigner) weakness() string {
	if k := a.rsa(); k != nil && k.N.BitLen() < minRSABits {
		return rsaName(k) + " key"
	}
	if a.dsaBits() > 0 { // which signs by SHA-1 too (RFC 4253, section 6.6)
		return a.algorithm() + " key"
	}
	return ""
}

// dsaBits is the size of a DSA key, 0 for any other.
func (a *allowedSigner) dsaBits() int {
	if c, ok := a.key.(ssh.CryptoPublicKey); ok {
		if k, ok := c.CryptoPublicKey().(*dsa.PublicKey); ok {
			return k.P.BitLen()
		}
	}
	return 0
}

func (a *allowedSigner) rsa() *rsa.PublicKey {
	if c, ok := a.key.(ssh.CryptoPublicKey); ok {
		k, _ := c.CryptoPublicKey().(*rsa.PublicKey)
		return k
	}
	return nil
}
