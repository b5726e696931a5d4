package keys

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"
)

// Export is the public key with that fingerprint of a primary key or subkey, armored, or nil if
// the Keyring does not hold it. It has the user ids, subkeys and everything that the key's owner
// signed, packet by packet as it came. What others certified is left out: a published key needs
// none of it, and a flood of it has made keys unusable before.
func (r *Keyring) Export(f Fingerprint) []byte {
	c := r.certWith(f)
	if c == nil {
		return nil
	}
	var out bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&out, "PGP PUBLIC KEY BLOCK", nil, true)
	if err != nil {
		return nil
	}
	if _, err := w.Write(c.serialize()); err != nil || w.Close() != nil {
		return nil
	}
	out.WriteByte('\n')
	return out.Bytes()
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
func (c *cert) serialize() []byte {
	var b bytes.Buffer
	key := func(tag byte, k *packet.PublicKey) {
		var raw bytes.Buffer
		if k.Serialize(&raw) != nil { // writes into memory only
			return
		}
		if p, _, err := nextPacket(raw.Bytes()); err == nil {
			writePacket(&b, tag, p.body)
		}
	}
	key(tagPublicKey, c.primary)
	c.writeOwn(&b, c.direct)
	for _, u := range c.users {
		writePacket(&b, u.tag, u.body)
		c.writeOwn(&b, u.signatures)
	}
	for _, s := range c.subkeys {
		key(tagPublicSubkey, s.key)
		c.writeOwn(&b, s.signatures)
	}
	return b.Bytes()
}

// writeOwn writes the signatures that the owner made, or a revoker that the owner may have named.
func (c *cert) writeOwn(b *bytes.Buffer, bodies [][]byte) {
	id := c.fingerprint().KeyID()
	for _, body := range bodies {
		s, err := parseSignature(body)
		if err != nil {
			continue
		}
		if s.claim().KeyID == id || s.typ == sigKeyRevoke || s.typ == sigSubkeyRevoke {
			writePacket(b, tagSignature, body)
		}
	}
}

// writePacket frames a packet the new way, with a length of five octets.
func writePacket(b *bytes.Buffer, tag byte, body []byte) {
	b.WriteByte(0xc0 | tag)
	b.WriteByte(0xff)
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
	b.Write(body)
}

// AllowedSigner is one line of an allowed_signers file (ssh-keygen(1)) that was understood.
type AllowedSigner struct {
	Fingerprint Fingerprint
	Principals  []string // raw text
	// Namespaces is OpenSSH's pattern list; "" for all.
	Namespaces string
	// After and Before bound when the key is valid; zero for unbounded.
	After, Before time.Time
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
			After: a.after, Before: a.before, PublicKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(a.key))),
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
	if a.Namespaces != "" {
		options = append(options, `namespaces="`+a.Namespaces+`"`)
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
