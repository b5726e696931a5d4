package cosign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"path/filepath"

	"github.com/youmark/pkcs8"

	"bulla/keys"
	"bulla/keys/atomicfile"
)

// The PEM types of private keys that are not cosign's own.
const (
	pemPKCS8          = "PRIVATE KEY"
	pemPKCS8Encrypted = "ENCRYPTED PRIVATE KEY"
	pemEC             = "EC PRIVATE KEY"
	pemRSA            = "RSA PRIVATE KEY"
)

// The most work that opening an encrypted PKCS #8 key may take. A planted file could ask for
// hours, or for all the memory.
const (
	maxIterations = 5_000_000 // of PBKDF2
	maxScryptCost = 1 << 20   // N times r: 128 MiB
)

// ImportKey makes a cosign key pair of a private key in PEM form: PKCS #8 (encrypted by PBES2 or
// not), EC (SEC 1), RSA (PKCS #1), or cosign's own. ask is asked for the password of a protected
// one; pass protects the new file. name is what the person calls the source. Errors are
// *KeyFileError and those of keys.Unlock.
func ImportKey(ctx context.Context, rand io.Reader, data []byte, name string, ask keys.AskPassphrase, pass keys.Secret) (privatePEM, publicPEM []byte, err error) {
	k, err := readForeignKey(ctx, data, name, ask)
	if err != nil {
		return nil, nil, withPath(err, name)
	}
	pub, err := publicKeyOf(k.Public())
	if err != nil {
		return nil, nil, &KeyFileError{Path: name, Reason: "its public half cannot be used", Err: err}
	}
	privatePEM, err = sealKey(rand, k, pass)
	return privatePEM, pub.PEM(), err
}

// sealKey is a private key as cosign's file holds it.
func sealKey(rand io.Reader, k crypto.Signer, pass keys.Secret) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("protect an image key: %w", err)
	}
	defer clear(der)
	sealed, err := seal(rand, der, pass)
	if err != nil {
		return nil, fmt.Errorf("protect an image key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemSigstore, Bytes: sealed}), nil
}

// readForeignKey opens the first private key in a PEM file. Parameters of curves, certificates and
// public keys may stand before it.
func readForeignKey(ctx context.Context, data []byte, name string, ask keys.AskPassphrase) (crypto.Signer, error) {
	if len(data) > maxKeyFile {
		return nil, &KeyFileError{Reason: fmt.Sprintf("longer than %d bytes, so not a private key", maxKeyFile)}
	}
	h := sha256.Sum256(data)
	req := keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: string(keys.FingerprintOf(h[:])), Label: filepath.Base(name)}
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, &KeyFileError{Reason: "there is no private key in PEM form in it"}
		}
		switch block.Type {
		case pemPKCS8, pemEC, pemRSA:
			defer clear(block.Bytes)
			if block.Headers["DEK-Info"] != "" {
				return nil, &KeyFileError{Reason: "protected in the old way of OpenSSL, which a password does not protect well; openssl pkcs8 -topk8 makes a file that can be imported"}
			}
			return parsePrivate(block)
		case pemPKCS8Encrypted:
			return unlockPKCS8(ctx, block.Bytes, ask, req)
		case pemSigstore, pemCosign:
			return unlockEnvelope(ctx, pem.EncodeToMemory(block), ask, req)
		case "OPENSSH PRIVATE KEY":
			return nil, &KeyFileError{Reason: "a key of SSH; image keys are made of PKCS #8, EC or RSA keys in PEM form"}
		}
	}
}

// parsePrivate reads a key that is not protected.
func parsePrivate(block *pem.Block) (crypto.Signer, error) {
	var k any
	var err error
	switch block.Type {
	case pemEC:
		k, err = x509.ParseECPrivateKey(block.Bytes)
	case pemRSA:
		k, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		k, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, &KeyFileError{Reason: "damaged, or of an algorithm that is not known"} // err may quote the key
	}
	return usable(k)
}

// usable checks that a key is of a kind and size that cosign uses.
func usable(k any) (crypto.Signer, error) {
	switch k := k.(type) {
	case *ecdsa.PrivateKey:
		if algorithmName(&k.PublicKey) != "" {
			return k, nil
		}
	case ed25519.PrivateKey:
		return k, nil
	case *rsa.PrivateKey:
		if n := k.N.BitLen(); n >= 2048 && n <= maxRSABits {
			return k, nil
		}
	}
	return nil, &KeyFileError{Reason: "a private key of an algorithm or a size that cosign does not use"}
}

func unlockEnvelope(ctx context.Context, data []byte, ask keys.AskPassphrase, req keys.PassphraseRequest) (k crypto.Signer, err error) {
	env, err := parseKeyFile(data)
	if err != nil {
		return nil, err
	}
	err = keys.Unlock(ctx, ask, req, func(pass keys.Secret) error {
		k, err = env.open(pass)
		return err
	})
	return k, err
}

func unlockPKCS8(ctx context.Context, der []byte, ask keys.AskPassphrase, req keys.PassphraseRequest) (k crypto.Signer, err error) {
	if err := affordable(der); err != nil {
		return nil, err
	}
	err = keys.Unlock(ctx, ask, req, func(pass keys.Secret) error {
		return pass.Use(func(b []byte) error {
			k, err = openPKCS8(der, b)
			return err
		})
	})
	return k, err
}

// openPKCS8 opens an encrypted key. The library panics over ciphertext that is not made of whole
// blocks.
func openPKCS8(der, pass []byte) (k crypto.Signer, err error) {
	defer func() {
		if recover() != nil {
			k, err = nil, &KeyFileError{Reason: "damaged: what is encrypted is not complete"}
		}
	}()
	if len(pass) == 0 { // the library would take it for a key that is not encrypted
		return nil, keys.ErrWrongPassphrase
	}
	found, _, err := pkcs8.ParsePrivateKey(der, pass)
	if err != nil { // affordable has read all the rest of it
		return nil, keys.ErrWrongPassphrase
	}
	return usable(found)
}

// The structures of RFC 5958, section 3, and RFC 8018, appendix A, as far as the costs stand in
// them; and RFC 7914, section 7.
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct {
		KDF, Cipher pkix.AlgorithmIdentifier
	}
	pbkdf2Params struct {
		Salt       []byte
		Iterations int
		Length     int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	scryptKDF struct {
		Salt    []byte
		N, R, P int
		Length  int `asn1:"optional"`
	}
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	ciphers   = []asn1.ObjectIdentifier{
		{1, 2, 840, 113549, 3, 7},                                                                              // DES-EDE3-CBC
		{2, 16, 840, 1, 101, 3, 4, 1, 2}, {2, 16, 840, 1, 101, 3, 4, 1, 22}, {2, 16, 840, 1, 101, 3, 4, 1, 42}, // AES-CBC
		{2, 16, 840, 1, 101, 3, 4, 1, 6}, {2, 16, 840, 1, 101, 3, 4, 1, 26}, {2, 16, 840, 1, 101, 3, 4, 1, 46}, // AES-GCM
	}
)

// affordable checks, without the password, that a key is encrypted in a way that can be opened,
// at a cost that is not senseless.
func affordable(der []byte) error {
	var e encryptedKey
	var p pbes2
	if rest, err := asn1.Unmarshal(der, &e); err != nil || len(rest) > 0 {
		return &KeyFileError{Reason: "damaged: not an encrypted private key (PKCS #8)"}
	}
	if !e.Algorithm.Algorithm.Equal(oidPBES2) {
		return &KeyFileError{Reason: "encrypted by an old method; openssl pkcs8 -topk8 makes a file that can be imported"}
	}
	if _, err := asn1.Unmarshal(e.Algorithm.Parameters.FullBytes, &p); err != nil {
		return &KeyFileError{Reason: "damaged: its parameters cannot be read"}
	}
	known := false
	for _, c := range ciphers {
		known = known || p.Cipher.Algorithm.Equal(c)
	}
	if !known {
		return &KeyFileError{Reason: "encrypted by a cipher that is not known"}
	}
	switch oid := p.KDF.Algorithm; {
	case oid.Equal(oidPBKDF2):
		var k pbkdf2Params
		if _, err := asn1.Unmarshal(p.KDF.Parameters.FullBytes, &k); err != nil || k.Iterations < 1 || k.Iterations > maxIterations {
			return &KeyFileError{Reason: reasonCost}
		}
	case oid.Equal(oidScrypt):
		var k scryptKDF
		if _, err := asn1.Unmarshal(p.KDF.Parameters.FullBytes, &k); err != nil || k.N < 1 || k.R < 1 || k.P < 1 || k.P > 16 || k.N > maxScryptCost || k.R > maxScryptCost/k.N {
			return &KeyFileError{Reason: reasonCost}
		}
	default:
		return &KeyFileError{Reason: "its password is hashed by a method that is not known"}
	}
	return nil
}

const reasonCost = "asks for an unusual cost of the password hash, which is refused because it could take hours or all the memory"

// ChangePassword protects the key file at path by another password: ask is asked for the present
// one. The new file is opened before it takes the place of the old one; until then the old one is
// as it was. Errors are *KeyFileError, those of keys.Unlock and of the file system.
func ChangePassword(ctx context.Context, rand io.Reader, path string, ask keys.AskPassphrase, pass keys.Secret) error {
	s, err := LoadSigner(path)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Unlock(ctx, ask); err != nil {
		return err
	}
	k, pub, err := s.unlocked()
	if err != nil {
		return err
	}
	sealed, err := sealKey(rand, k, pass)
	if err != nil {
		return err
	}
	defer clear(sealed)
	env, err := parseKeyFile(sealed)
	if err != nil {
		return err
	}
	again, err := env.open(pass)
	if err != nil {
		return err
	}
	if p, err := publicKeyOf(again.Public()); err != nil || !bytes.Equal(p.spki, pub.spki) {
		return &KeyFileError{Path: path, Reason: "the new file did not hold the same key; the old one is as it was"}
	}
	return atomicfile.Write(path, sealed, 0o600)
}
