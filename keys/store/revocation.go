package store

import (
	"bytes"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys"
	"bulla/keys/pgp"
)

// revocation begins the signature of a revocation certificate. It gives no reason, since none is
// known yet, and so counts as a "hard" one: whoever uses it gives up every signature of the key.
func (m *maker) revocation() *packet.Signature {
	sig := m.signature(packet.SigTypeKeyRevocation, m.primary)
	none := packet.NoReason
	sig.RevocationReason = &none
	return sig
}

// revocationFile writes a revocation certificate in the form that gpg --import takes as it is,
// below words that say what it is: whoever finds the file years later may not know.
func revocationFile(fpr keys.Fingerprint, userID string, at time.Time, signature []byte) ([]byte, error) {
	block, err := pgp.Encode(armorPublic, map[string]string{"Comment": "This is a revocation certificate"}, signature)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `This is the revocation certificate of the OpenPGP key

    %s
    %s

made by bulla on %s, together with the key.

It declares the key invalid, for good. Use it if the secret key was stolen or
lost, or its passphrase forgotten: import it with "bulla keys import" or
"gpg --import", then publish the key again where people find it.

Keep it where neither the secret key nor a thief is: whoever has this file can
revoke the key, though not sign with it.

`, fpr.Grouped(), userID, at.UTC().Format(time.DateOnly))
	out.Write(block)
	return out.Bytes(), nil
}
