package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"strings"

	pgpecdsa "github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	pgped25519 "github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"
)

// SSHForm writes the OpenPGP key or subkey with that fingerprint as an SSH public key, type and
// base64, as `gpg --export-ssh-key` does: gpg-agent offers such keys to SSH. It is "" where the
// Keyring does not hold the key, or SSH knows no keys of its kind.
func (r *Keyring) SSHForm(f Fingerprint) string {
	if r == nil {
		return ""
	}
	for _, ref := range r.byID[f.KeyID()] {
		if k := ref.key(); FingerprintOf(k.Fingerprint) == f {
			if pub := sshMaterial(k); pub != nil {
				if s, err := ssh.NewPublicKey(pub); err == nil {
					return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s)))
				}
			}
		}
	}
	return ""
}

// sshMaterial is the key in the form that the SSH library takes, nil for none.
func sshMaterial(k *packet.PublicKey) any {
	switch pub := k.PublicKey.(type) {
	case *rsa.PublicKey:
		return pub
	case *pgped25519.PublicKey:
		return ed25519.PublicKey(pub.Point)
	case *eddsa.PublicKey:
		if point := pub.MarshalPoint(); AlgorithmName(k) == "ed25519" && len(point) == 1+ed25519.PublicKeySize {
			return ed25519.PublicKey(point[1:]) // behind a prefix (RFC 9580, section 11.2.2)
		}
	case *pgpecdsa.PublicKey:
		curves := map[string]elliptic.Curve{"nistp256": elliptic.P256(), "nistp384": elliptic.P384(), "nistp521": elliptic.P521()}
		if c := curves[AlgorithmName(k)]; c != nil {
			if p, err := ecdsa.ParseUncompressedPublicKey(c, pub.MarshalPoint()); err == nil {
				return p
			}
		}
	}
	return nil
}
