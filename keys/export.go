package keys

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"

	"bulla/keys/pgp"
)

// Export is the public key with that fingerprint of a primary key or subkey, armored, or nil if
// the Keyring does not hold it. It has the user ids, subkeys and everything that the key's owner
// signed, packet by packet as it came. What others certified is left out: a published key needs
// none of it, and a flood of it has made keys unusable before.
func (r *Keyring) Export(f Fingerprint) []byte {
	return ArmorPublicKey(r.ExportWith(f, ExportOptions{Unproven: true}))
}

// ExportOptions say what of a key leaves this computer. The zero value takes all that the owner
// ties in by a valid signature, and nothing that others certified.
type ExportOptions struct {
	// UserIDs says which user ids to take, by their raw text. With it photos are left out. nil
	// takes all.
	UserIDs func(userID string) bool
	// Certifications takes the signatures of others too, but for those meant to stay local.
	Certifications bool
	// Own are key ids of other keys of the same owner: what they certified is taken, so that a key
	// that follows another keeps the word of the old one.
	Own []string
	// Unproven takes user ids and subkeys that no valid signature of the owner ties in, too.
	Unproven bool
}

// ExportWith is the public key with that fingerprint of a primary key or subkey, binary, or nil if
// the Keyring does not hold it. Packets stay as they came. Signatures that say of themselves that
// they are not to be exported (RFC 9580, section 5.2.3.19) are left out.
func (r *Keyring) ExportWith(f Fingerprint, o ExportOptions) []byte {
	c := r.certWith(f)
	if c == nil {
		return nil
	}
	return c.serialize(o)
}

// ArmorPublicKey writes a binary public key as text, with a checksum, which GnuPG 2.2 wants. nil
// stays nil.
func ArmorPublicKey(data []byte) []byte {
	if data == nil {
		return nil
	}
	text, err := pgp.Encode("PGP PUBLIC KEY BLOCK", nil, data)
	if err != nil { // it writes into memory only
		return nil
	}
	return text
}

// certWith finds the OpenPGP key that has f as its primary key or as a subkey.
func (r *Keyring) certWith(f Fingerprint) *cert {
	if r == nil {
		return nil
	}
	for _, ref := range r.byID[f.KeyID()] {
		if FingerprintOf(ref.key().Fingerprint) == f {
			return ref.cert
		}
	}
	return nil
}

// serialize puts the packets together (RFC 9580, section 10.1).
func (c *cert) serialize(o ExportOptions) []byte {
	var b bytes.Buffer
	key := func(tag pgp.Tag, k *packet.PublicKey) {
		var raw bytes.Buffer
		if k.Serialize(&raw) != nil { // writes into memory only
			return
		}
		if p, _, err := nextPacket(raw.Bytes()); err == nil {
			b.Write(pgp.Append(nil, tag, p.Body))
		}
	}
	users, subkeys := func(int) bool { return true }, func(int) bool { return true }
	if p := c.prove(); !o.Unproven {
		users = func(i int) bool { return p.users[i].tied() }
		subkeys = func(i int) bool { return p.subkeys[i].tied() }
		if p.flooded {
			users, subkeys = func(int) bool { return false }, func(int) bool { return false }
		}
	}
	key(pgp.TagPublicKey, c.primary)
	c.writeSignatures(&b, c.direct, o)
	for i, u := range c.users {
		if !users(i) || o.UserIDs != nil && (u.tag != pgp.TagUserID || !o.UserIDs(string(u.body))) {
			continue
		}
		b.Write(pgp.Append(nil, u.tag, u.body))
		c.writeSignatures(&b, u.signatures, o)
	}
	for i, s := range c.subkeys {
		if !subkeys(i) {
			continue
		}
		key(pgp.TagPublicSubkey, s.key)
		c.writeSignatures(&b, s.signatures, o)
	}
	return b.Bytes()
}

func (u provedUser) tied() bool   { return len(u.certifications)+len(u.revocations) > 0 }
func (s provedSubkey) tied() bool { return len(s.bindings) > 0 }

// writeSignatures writes those that the owner made, or a revoker that the owner may have named, and
// where they are asked for those of others.
func (c *cert) writeSignatures(b *bytes.Buffer, bodies [][]byte, o ExportOptions) {
	id := c.fingerprint().KeyID()
	for _, body := range bodies {
		s, err := parseSignature(body)
		switch {
		case s.local:
		case err != nil && !o.Certifications:
		case o.Certifications, s.claim().KeyID == id, slices.Contains(o.Own, s.claim().KeyID), s.typ == pgp.SigKeyRevoke, s.typ == pgp.SigSubkeyRevoke:
			b.Write(pgp.Append(nil, pgp.TagSignature, body))
		}
	}
}

// AllowedSigner is one line of an allowed_signers file (ssh-keygen(1)) that was understood.
type AllowedSigner struct {
	Fingerprint Fingerprint
	Principals  []string // raw text
	// Namespaces is OpenSSH's pattern list; "" for all.
	Namespaces string
	// After and Before bound when the key is valid; zero for unbounded.
	After, Before time.Time
	// Authority says that the key is a certificate authority's: Principals are patterns for the names
	// in certificates by it.
	Authority bool
	// PublicKey is the type and the key in base64, without a comment.
	PublicKey string
}

// AllowedSigners are the lines of allowed_signers files in the Keyring, in their order.
func (r *Keyring) AllowedSigners() []AllowedSigner {
	if r == nil {
		return nil
	}
	out := make([]AllowedSigner, 0, len(r.signers))
	for _, a := range r.signers {
		out = append(out, AllowedSigner{
			Fingerprint: sshFingerprint(a.key), Principals: slices.Clone(a.principals), Namespaces: a.namespaces,
			After: a.after, Before: a.before, Authority: a.authority, PublicKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(a.key))),
		})
	}
	return out
}

// Line writes the signer as a line of an allowed_signers file, without a line break. Times are
// written with a Z, which OpenSSH takes for UTC since 9.1; older ones take them for local time.
func (a AllowedSigner) Line() string {
	principals := strings.Join(a.Principals, ",")
	if strings.ContainsAny(principals, " \t") {
		principals = `"` + strings.ReplaceAll(principals, `"`, "") + `"`
	}
	var options []string
	if a.Authority {
		options = append(options, "cert-authority")
	}
	if a.Namespaces != "" {
		options = append(options, `namespaces="`+strings.ReplaceAll(a.Namespaces, `"`, `\"`)+`"`)
	}
	for _, t := range []struct {
		name string
		at   time.Time
	}{{"valid-after", a.After}, {"valid-before", a.Before}} {
		if !t.at.IsZero() {
			options = append(options, t.name+`="`+t.at.UTC().Format("20060102150405Z")+`"`)
		}
	}
	line := principals
	if len(options) > 0 {
		line += " " + strings.Join(options, ",")
	}
	return line + " " + a.PublicKey
}

// MatchesNamespace reports whether the line lets the key sign for a namespace: "git" for tags and
// commits, "file" for files.
func (a AllowedSigner) MatchesNamespace(namespace string) bool {
	return a.Namespaces == "" || matchPatterns(a.Namespaces, namespace)
}
