package keys

import (
	"slices"
	"time"
)

// Status is what bulla's judge says of one signature. The words are part of the command
// contract.
type Status string

// The statuses. Where several hold, the worst is the status and Verdict.Weak and
// Verdict.Reason tell the rest: StatusBad beats all, StatusWeak beats the two good ones.
const (
	// StatusGood: sound, and the key was valid then and is now.
	StatusGood Status = "good"
	// StatusGoodExpiredSince: made while the key was valid; the key has expired, or was softly
	// revoked (superseded, retired), since.
	StatusGoodExpiredSince Status = "good-expired-since"
	// StatusWeak: sound, but by SHA-1 or another broken hash, any DSA, or RSA under 2048 bits.
	StatusWeak Status = "weak"
	// StatusAfterExpiry: made after the key had expired.
	StatusAfterExpiry Status = "after-expiry"
	// StatusExpired: the signature itself carries an expiry that has passed.
	StatusExpired Status = "expired"
	// StatusRevoked: the key is revoked as compromised or without a reason ("hard"), or was
	// softly revoked before the signature was made.
	StatusRevoked Status = "revoked"
	// StatusNotYetValid: made in the future, or before the key existed.
	StatusNotYetValid Status = "not-yet-valid"
	// StatusUnknownKey: no key at hand could have made it.
	StatusUnknownKey Status = "unknown-key"
	// StatusBad: the signature does not fit the data, or the key may not make such signatures.
	StatusBad Status = "bad"
	// StatusMalformed: not a signature that can be read.
	StatusMalformed Status = "malformed"
	// StatusUnsupported: readable, but made in a way that can't be judged here.
	StatusUnsupported Status = "unsupported"
	// StatusUnsigned: there is no signature.
	StatusUnsigned Status = "unsigned"
	// StatusNotChecked: network, limits or a missing file stood in the way.
	StatusNotChecked Status = "not-checked"
)

// Sound reports whether the status means that the target is exactly what the key's owner
// signed, while the key was valid: good, or good and expired since.
func (s Status) Sound() bool { return s == StatusGood || s == StatusGoodExpiredSince }

// Undecided reports whether nothing was found wrong but the check could not be made.
func (s Status) Undecided() bool { return s == StatusUnknownKey || s == StatusNotChecked }

// Kind is the kind of thing that is signed. The words are part of the command contract.
type Kind string

// The kinds of targets.
const (
	KindTag        Kind = "tag"
	KindCommit     Kind = "commit"
	KindArtifact   Kind = "artifact"
	KindChecksum   Kind = "checksum"
	KindImage      Kind = "image"
	KindRecord     Kind = "record"
	KindDependency Kind = "dependency"
)

// Verdict is the one result of verification, shared by tags, commits, artifacts, images and
// records. What the signature merely claims and what was proved never share a field.
type Verdict struct {
	// Target is what was checked, as the caller named it: a tag name, a path, an image
	// reference.
	Target string
	// Path is the local file that Target names, where Target is no path that could be opened, as
	// the name of a file within a release record; "" else.
	Path string
	// SHA256 is that of the very bytes of the file that were judged, in lower-case hexadecimal; ""
	// where the target is no file, or could not be read.
	SHA256 string
	Kind   Kind
	Status Status
	// Reason is one plain sentence or more. It quotes nothing from outside except names of algorithms,
	// fingerprints, dates, and tags that a sound signature names: clean it before showing it.
	Reason string
	// Weak lists findings that policy may or may not let fail: "sha1 signature",
	// "rsa1024 key", "sha1 self-signature on the key", "ref and tag object named differently".
	Weak []string
	// Claim is what the signature says of itself. Nothing in it is proved.
	Claim Claim
	// Signer is set only when the mathematics of the signature were right.
	Signer *Signatory
	// Trusted is what policy says of the signer: nil where no policy speaks.
	Trusted *bool
	// PolicyReason says why the signer is or is not trusted, where a policy speaks.
	PolicyReason string
	// Excepted says that the policy accepts the Status, though it is not a good one: by a
	// minimum that it lowers, or by an exception for this very object.
	Excepted bool
}

// Claim is the unverified content of a signature packet.
type Claim struct {
	Fingerprint Fingerprint // issuer fingerprint subpacket; empty if there is none
	KeyID       string      // 16 upper-case hexadecimal digits
	SignedAt    time.Time   // UTC
	Hash        string      // "sha256", …
	Algorithm   string      // public-key algorithm of the signature: "rsa", "eddsa", …
	Version     int         // 3, 4 or 6; 0 for what is not OpenPGP
	Authority   Fingerprint // of the certificate authority that an SSH certificate names; else empty
	Subject     string      // whom an X.509 certificate names, raw text; else ""
}

// Signatory is a signer whose signature was proved to fit the data.
type Signatory struct {
	Fingerprint Fingerprint // of the key or subkey that signed
	Primary     Fingerprint
	UserIDs     []string // raw text from the key: clean it before showing it
	SignedAt    time.Time
	Hash        string // "sha256", "sha1", …
	Algorithm   string // of the signing key: "ed25519", "rsa4096", …
	KeyExpires  time.Time
	Source      Source // where the public key was found
	// Authority is the certificate authority that vouches for the key, where that is known by an
	// SSH certificate; else empty.
	Authority Fingerprint
}

// WeakOutside is the finding on a clear-signed file that holds text beside its signed part. gpg calls
// such a signature good, and so it is; the file is not.
const WeakOutside = "text outside the signature"

// OK reports whether the verdict passes: sound or excepted, and trusted where a policy speaks.
// allowWeak lets StatusWeak pass too, but for WeakOutside: that is about no algorithm. A bad
// signature passes under no circumstances.
func (v Verdict) OK(allowWeak bool) bool {
	weak := allowWeak && v.Status == StatusWeak && !slices.Contains(v.Weak, WeakOutside)
	sound := v.Status.Sound() || weak || (v.Excepted && v.Status != StatusBad)
	return sound && (v.Trusted == nil || *v.Trusted)
}

// Distinct leaves out of vs what says of the same target, by the same signer, what another before it said:
// people need to read it once. An image that has several tags is signed once for each of them. Order stays.
func Distinct(vs []Verdict) (out []Verdict) {
	same := func(a, b *Verdict) bool {
		return a.Kind == b.Kind && a.Target == b.Target && a.Status == b.Status && a.Reason == b.Reason &&
			a.OK(false) == b.OK(false) && signedBy(a) == signedBy(b)
	}
	for i := range vs {
		if !slices.ContainsFunc(out, func(v Verdict) bool { return same(&v, &vs[i]) }) {
			out = append(out, vs[i])
		}
	}
	return out
}

// signedBy is the key that is proved to have signed, "" for none.
func signedBy(v *Verdict) Fingerprint {
	if v.Signer == nil {
		return ""
	}
	return v.Signer.Fingerprint
}
