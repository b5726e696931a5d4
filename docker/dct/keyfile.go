package dct

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/theupdateframework/notary/tuf/data"
	"github.com/theupdateframework/notary/tuf/utils"

	"bulla/keys"
	"bulla/keys/limits"
)

// maxKeyFile is the longest key file that is read, in bytes; one of RSA 4096 has 3.5 KiB.
const maxKeyFile = 64 << 10

// maxRounds is the most that a key file may ask for when its passphrase is tried. Docker and
// notary write 2,048.
const maxRounds = 10_000_000

// keyFile is a private key as it lies on the disk, not opened: one PEM block.
type keyFile struct {
	role, gun string
	block     *pem.Block
	encrypted bool
}

// parseKeyFile reads the outside of a private key: PKCS #8 with the headers role and gun, or what
// Docker wrote before 2018 (a PEM block of the key's own kind, encrypted as a whole). Errors are
// *KeyFileError.
func parseKeyFile(b []byte) (*keyFile, error) {
	block, rest := pem.Decode(b)
	if block == nil {
		return nil, &KeyFileError{Reason: "it is no private key in PEM form"}
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, &KeyFileError{Reason: "more than one key is in it, or something else after the key"}
	}
	k := &keyFile{role: block.Headers["role"], gun: block.Headers["gun"], block: block}
	switch block.Type {
	case "ENCRYPTED PRIVATE KEY":
		k.encrypted = true
		return k, checkEnvelope(block.Bytes)
	case "PRIVATE KEY":
		return k, nil
	case "RSA PRIVATE KEY", "EC PRIVATE KEY", "ED25519 PRIVATE KEY":
		//lint:ignore SA1019 the format is weak, and these are the keys that people have
		k.encrypted = x509.IsEncryptedPEMBlock(block)
		return k, nil
	}
	return nil, &KeyFileError{Reason: "it is no private key"}
}

// envelope is what the notary library understands of an encrypted PKCS #8 key (RFC 5208 with
// PBES2 and PBKDF2 of RFC 8018, AES-256-CBC). It is looked at here first, for the library would
// panic or count for ever on a bad one.
type envelope struct {
	Algorithm struct {
		ID         asn1.ObjectIdentifier
		Parameters struct {
			KDF struct {
				ID         asn1.ObjectIdentifier
				Parameters struct {
					Salt       []byte
					Iterations int
				}
			}
			Cipher struct {
				ID asn1.ObjectIdentifier
				IV []byte
			}
		}
	}
	Data []byte
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidAES256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

func checkEnvelope(der []byte) error {
	var e envelope
	rest, err := asn1.Unmarshal(der, &e)
	p := e.Algorithm.Parameters
	switch {
	case err != nil || len(rest) > 0,
		!e.Algorithm.ID.Equal(oidPBES2) || !p.KDF.ID.Equal(oidPBKDF2) || !p.Cipher.ID.Equal(oidAES256):
		return &KeyFileError{Reason: "it is encrypted in another way than Docker and notary do"}
	case len(p.Cipher.IV) != 16 || len(e.Data) == 0 || len(e.Data)%16 != 0:
		return &KeyFileError{Reason: "it is damaged"}
	case p.KDF.Parameters.Iterations < 1 || p.KDF.Parameters.Iterations > maxRounds:
		return &KeyFileError{Reason: fmt.Sprintf("it asks for %d rounds of PBKDF2", p.KDF.Parameters.Iterations)}
	}
	return nil
}

// open decrypts the key with pass, which is not looked at if the file is not encrypted. A wrong
// passphrase is keys.ErrWrongPassphrase: nothing in the format tells it from a damaged file.
func (k *keyFile) open(pass []byte) (key data.PrivateKey, err error) {
	defer func() {
		if recover() != nil {
			key, err = nil, &KeyFileError{Reason: "it is damaged"}
		}
	}()
	switch k.block.Type {
	case "ENCRYPTED PRIVATE KEY":
		if len(pass) == 0 {
			return nil, keys.ErrWrongPassphrase
		}
		key, err = utils.ParsePKCS8ToTufKey(k.block.Bytes, pass)
	case "PRIVATE KEY":
		key, err = utils.ParsePKCS8ToTufKey(k.block.Bytes, nil)
	default:
		key, err = k.openOld(pass)
	}
	switch {
	case err == nil:
		return key, nil
	case k.encrypted:
		return nil, keys.ErrWrongPassphrase
	}
	return nil, &KeyFileError{Reason: "the key in it cannot be read", Err: err}
}

// openOld opens what Docker wrote before 2018.
func (k *keyFile) openOld(pass []byte) (data.PrivateKey, error) {
	der := k.block.Bytes
	if k.encrypted {
		var err error
		//lint:ignore SA1019 the format is weak, and these are the keys that people have
		if der, err = x509.DecryptPEMBlock(k.block, pass); err != nil {
			return nil, err
		}
		defer clear(der)
	}
	switch k.block.Type {
	case "RSA PRIVATE KEY":
		rsa, err := x509.ParsePKCS1PrivateKey(der)
		if err != nil {
			return nil, err
		}
		return utils.RSAToPrivateKey(rsa)
	case "EC PRIVATE KEY":
		ec, err := x509.ParseECPrivateKey(der)
		if err != nil {
			return nil, err
		}
		return utils.ECDSAToPrivateKey(ec)
	}
	return utils.ED25519ToPrivateKey(bytes.Clone(der)) // which keeps it, and der is wiped
}

// encodeKey writes a private key the way Docker and notary do, encrypted with pass.
func encodeKey(key data.PrivateKey, role, gun string, pass keys.Secret) ([]byte, error) {
	var der []byte
	err := pass.Use(func(b []byte) (err error) {
		if len(b) == 0 {
			return errors.New("the passphrase is empty")
		}
		der, err = utils.ConvertTUFKeyToPKCS8(key, b)
		return err
	})
	if err != nil {
		return nil, err
	}
	headers := map[string]string{"role": role}
	if gun != "" {
		headers["gun"] = gun
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der, Headers: headers}), nil
}

// ParsePublicKey reads the public key of a signer, as docker trust key generate writes it (PUBLIC
// KEY) or as a certificate, in PEM form. Errors are *KeyFileError.
func ParsePublicKey(b []byte) (PublicKey, error) {
	if len(b) > maxKeyFile {
		return PublicKey{}, &KeyFileError{Reason: fmt.Sprintf("longer than %d bytes", maxKeyFile)}
	}
	if strings.Contains(string(b), "PRIVATE KEY") {
		return PublicKey{}, &KeyFileError{Reason: "it is a private key; a signer gives out the public half"}
	}
	k, err := utils.ParsePEMPublicKey(b)
	if err != nil {
		return PublicKey{}, &KeyFileError{Reason: "it is no public key that can sign tags", Err: err}
	}
	id, err := utils.CanonicalKeyID(k)
	if err != nil {
		return PublicKey{}, &KeyFileError{Reason: "it is no public key that can sign tags", Err: err}
	}
	return PublicKey{key: k, ID: id, Algorithm: algorithm(k)}, nil
}

// ReadPublicKey is ParsePublicKey for a file.
func ReadPublicKey(path string) (PublicKey, error) {
	b, err := limits.ReadNamed(path, maxKeyFile)
	if err != nil {
		return PublicKey{}, &KeyFileError{Path: path, Reason: "it cannot be read", Err: limits.WithoutPath(err)}
	}
	p, err := ParsePublicKey(b)
	return p, withPath(err, path)
}

// PublicKey is the public half of a signer's key.
type PublicKey struct {
	// ID is the key's name everywhere: 64 hexadecimal digits.
	ID string
	// Algorithm is "ecdsa", "rsa" or "ed25519".
	Algorithm string
	key       data.PublicKey
}

func algorithm(k data.PublicKey) string { return strings.TrimSuffix(k.Algorithm(), "-x509") }
