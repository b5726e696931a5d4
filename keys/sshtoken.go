package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// verifySSH checks sig over data. Signatures by keys on security tokens are computed here
// (OpenSSH's PROTOCOL.u2f): the library refuses those made without a touch, which is a rule for
// logins. ssh-keygen -Y verify and git take them, and OpenSSH signs its own releases that way.
func verifySSH(key ssh.PublicKey, data []byte, sig *ssh.Signature) bool {
	key = plainSSH(key)
	switch key.Type() {
	case ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoSKED25519:
		return sig.Format == key.Type() && verifyToken(key, data, sig)
	}
	return key.Verify(data, sig) == nil
}

func verifyToken(key ssh.PublicKey, data []byte, sig *ssh.Signature) bool {
	application, ok := tokenApplication(key)
	if !ok || len(sig.Rest) != 5 { // flags and counter
		return false
	}
	app, message := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	signed := make([]byte, 0, 2*sha256.Size+len(sig.Rest))
	signed = append(signed, app[:]...)
	signed = append(signed, sig.Rest...)
	signed = append(signed, message[:]...)
	holder, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return false
	}
	switch k := holder.CryptoPublicKey().(type) {
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, signed, sig.Blob)
	case *ecdsa.PublicKey:
		var rs struct{ R, S *big.Int }
		if ssh.Unmarshal(sig.Blob, &rs) != nil {
			return false
		}
		digest := sha256.Sum256(signed)
		return ecdsa.Verify(k, digest[:], rs.R, rs.S)
	}
	return false
}

// tokenApplication is the last string in the wire encoding of a token's key.
func tokenApplication(key ssh.PublicKey) (string, bool) {
	wire := key.Marshal()
	var last string
	for len(wire) > 0 {
		if len(wire) < 4 {
			return "", false
		}
		n := binary.BigEndian.Uint32(wire)
		if uint64(n) > uint64(len(wire)-4) {
			return "", false
		}
		last, wire = string(wire[4:4+n]), wire[4+n:]
	}
	return last, true
}
