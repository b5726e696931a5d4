package keys

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // revocation lists name keys by it; nothing is proved with it
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/crypto/ssh"

	"bulla/keys/pgp"
)

// MaxRevocationBytes is the size of the longest list of revoked keys that is read.
const MaxRevocationBytes = 16 << 20

// ErrRevocationList says that data is no list of revoked keys, or is damaged: what it revokes is
// then unknown, and nothing should be believed.
var ErrRevocationList = errors.New("it is no list of revoked SSH keys that can be read")

// The parts of OpenSSH's binary list (PROTOCOL.krl).
const (
	krlMagic           = "SSHKRL\n\x00"
	krlVersion         = 1
	krlCertificates    = 1
	krlExplicitKey     = 2
	krlFingerprintSHA1 = 3
	krlSignature       = 4
	krlFingerprint256  = 5
	krlExtension       = 255
)

// ReadRevocations reads a list of revoked SSH keys as `ssh-keygen -Y verify -r` takes it: OpenSSH's
// binary form (ssh-keygen -k), or public keys, one a line. The Keyring that it returns holds no
// key; united with others (MergeKeyrings) it makes what those keys and certificates sign revoked,
// whenever that was. The error is ErrRevocationList or a *LimitError.
func ReadRevocations(data []byte) (*Keyring, error) {
	r := &Keyring{revoked: map[Fingerprint]bool{}}
	if len(data) > MaxRevocationBytes {
		return nil, &LimitError{What: "revocation list", Limit: MaxRevocationBytes}
	}
	read := r.readRevokedLines
	if bytes.HasPrefix(data, []byte(krlMagic)) {
		read = r.readKRL
	}
	if !read(data) {
		return nil, ErrRevocationList
	}
	r.index()
	return r, nil
}

// readRevokedLines reads public keys as they stand in a .pub file.
func (r *Keyring) readRevokedLines(data []byte) bool {
	for len(data) > 0 {
		var line []byte
		line, data = pgp.CutLine(data)
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err != nil {
			return false
		}
		r.revoked[sshFingerprint(key)] = true
	}
	return true
}

// readKRL reads the binary form. A section of an unknown kind makes the list unusable, as for
// OpenSSH: nobody knows what it revokes.
func (r *Keyring) readKRL(data []byte) bool {
	const fixed = len(krlMagic) + 4 + 3*8 // version of the form, number, date and flags of the list
	if len(data) < fixed || binary.BigEndian.Uint32(data[len(krlMagic):]) != krlVersion {
		return false
	}
	data = data[fixed:]
	for range 2 { // reserved, comment
		var ok bool
		if _, data, ok = cutSSHString(data); !ok {
			return false
		}
	}
	for len(data) > 0 {
		kind := data[0]
		section, rest, ok := cutSSHString(data[1:])
		if !ok || !r.readKRLSection(kind, section) {
			return false
		}
		data = rest
	}
	return true
}

func (r *Keyring) readKRLSection(kind byte, section []byte) bool {
	switch kind {
	case krlSignature:
		return true
	case krlExtension:
		return passableExtension(section)
	case krlCertificates:
		c, ok := readRevokedCerts(section)
		if ok {
			r.revokedCerts = append(r.revokedCerts, c)
		}
		return ok
	case krlExplicitKey, krlFingerprintSHA1, krlFingerprint256:
	default:
		return false
	}
	for len(section) > 0 {
		item, rest, ok := cutSSHString(section)
		if !ok {
			return false
		}
		section = rest
		if kind == krlExplicitKey {
			sum := sha256.Sum256(item)
			item = sum[:]
		}
		r.revoked[FingerprintOf(item)] = true
	}
	return true
}

// cutSSHString cuts off a string of SSH's wire format (RFC 4251, section 5).
func cutSSHString(data []byte) (s, rest []byte, ok bool) {
	if len(data) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(data)
	if uint64(n) > uint64(len(data)-4) {
		return nil, nil, false
	}
	return data[4 : 4+n], data[4+n:], true
}

// revokesSSH reports whether a list of revoked keys names the key or, where it is a certificate, the
// key in it, its authority, or the certificate by its number or name.
func (r *Keyring) revokesSSH(key ssh.PublicKey) bool {
	if r == nil || len(r.revoked)+len(r.revokedCerts) == 0 {
		return false
	}
	if c, ok := key.(*ssh.Certificate); ok {
		if r.revokesSSH(c.SignatureKey) || slices.ContainsFunc(r.revokedCerts, func(x *revokedCerts) bool { return x.revokes(c) }) {
			return true
		}
	}
	sum := sha1.Sum(plainSSH(key).Marshal()) //nolint:gosec // see the import
	return r.revoked[sshFingerprint(key)] || r.revoked[FingerprintOf(sum[:])]
}
