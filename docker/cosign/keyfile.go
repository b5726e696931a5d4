package cosign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"

	"bulla/keys"
	"bulla/keys/atomicfile"
)

// The PEM types of a private key file: cosign's since version 2, and before.
const (
	pemSigstore = "ENCRYPTED SIGSTORE PRIVATE KEY"
	pemCosign   = "ENCRYPTED COSIGN PRIVATE KEY"
)

// envelope is the JSON inside a key file, as go-securesystemslib's package encrypted writes it:
// scrypt makes a key of the password, NaCl's secretbox seals the PKCS #8 private key with it.
type envelope struct {
	KDF struct {
		Name   string       `json:"name"`
		Params scryptParams `json:"params"`
		Salt   []byte       `json:"salt"`
	} `json:"kdf"`
	Cipher struct {
		Name  string `json:"name"`
		Nonce []byte `json:"nonce"`
	} `json:"cipher"`
	Ciphertext []byte `json:"ciphertext"`
}

type scryptParams struct {
	N int `json:"N"`
	R int `json:"r"`
	P int `json:"p"`
}

// The cost of scrypt that a new key gets (64 MiB), and the costs that are accepted: those that
// the library behind cosign writes or wrote. Anything else could be a planted file that makes
// bulla spend gigabytes.
var (
	standardCost  = scryptParams{N: 1 << 16, R: 8, P: 1}
	acceptedCosts = []scryptParams{{N: 1 << 15, R: 8, P: 1}, standardCost, {N: 1 << 17, R: 8, P: 1}}
)

const (
	kdfName    = "scrypt"
	cipherName = "nacl/secretbox"
	saltSize   = 32
	nonceSize  = 24
)

// KeyFileError says why a file cannot be used as a cosign private key. It is never about the
// password. Path is empty where the key did not come from a file.
type KeyFileError struct {
	Path   string
	Reason string // a plain sentence fragment that quotes nothing of the file
	Err    error  // of the file system, or nil
}

func (e *KeyFileError) Error() string {
	s := "image key"
	if e.Path != "" {
		s += " " + e.Path
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the error of the file system.
func (e *KeyFileError) Unwrap() error { return e.Err }

// parseKeyFile reads the PEM and checks all of the envelope that can be checked without the
// password. What is sealed inside may still be damaged; that looks like a wrong password.
func parseKeyFile(data []byte) (*envelope, error) {
	broken := func(reason string) (*envelope, error) { return nil, &KeyFileError{Reason: reason} }
	if len(data) > maxKeyFile {
		return broken(fmt.Sprintf("longer than %d bytes, so not a cosign private key", maxKeyFile))
	}
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
		return broken("not a PEM file, so not a cosign private key")
	case block.Type == "PUBLIC KEY":
		return broken("a public key; the private key is needed")
	case block.Type != pemSigstore && block.Type != pemCosign:
		return broken("not a private key that cosign protected with a password (bulla image key import makes one of other keys)")
	}
	var e envelope
	if json.Unmarshal(block.Bytes, &e) != nil {
		return broken("damaged: what the PEM block holds is not JSON")
	}
	if e.KDF.Name != kdfName || e.Cipher.Name != cipherName {
		return broken("protected by a method that cosign does not use")
	}
	if !e.KDF.Params.accepted() {
		return broken("asks for an unusual cost of the password hash (scrypt), which is refused because it could use up the memory")
	}
	if len(e.KDF.Salt) == 0 || len(e.Cipher.Nonce) != nonceSize || len(e.Ciphertext) <= secretbox.Overhead {
		return broken("damaged: salt, nonce or ciphertext have the wrong length")
	}
	return &e, nil
}

func (p scryptParams) accepted() bool {
	for _, a := range acceptedCosts {
		if p == a {
			return true
		}
	}
	return false
}

// open unseals the private key. keys.ErrWrongPassphrase means that the password is wrong or
// that the ciphertext was altered: an authenticated cipher cannot tell the two apart.
func (e *envelope) open(pass keys.Secret) (crypto.Signer, error) {
	var key [32]byte
	defer clear(key[:])
	if err := deriveKey(&key, pass, e.KDF.Salt, e.KDF.Params); err != nil {
		return nil, err
	}
	der, ok := secretbox.Open(nil, e.Ciphertext, (*[nonceSize]byte)(e.Cipher.Nonce), &key)
	if !ok {
		return nil, keys.ErrWrongPassphrase
	}
	defer clear(der)
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, &KeyFileError{Reason: "the password fits, but what it protects is not a private key (PKCS #8)"}
	}
	return usable(k)
}

func deriveKey(key *[32]byte, pass keys.Secret, salt []byte, p scryptParams) error {
	return pass.Use(func(b []byte) error {
		k, err := scrypt.Key(b, salt, p.N, p.R, p.P, len(key))
		copy(key[:], k)
		clear(k)
		return err
	})
}

// GenerateKey makes a key pair that cosign can use too: ECDSA on P-256, protected by pass, which
// may be empty but must be set. rand makes salt and nonce; the key itself comes from Go's own
// generator, which takes no other source.
func GenerateKey(ctx context.Context, rand io.Reader, pass keys.Secret) (privatePEM, publicPEM []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, nil, fmt.Errorf("make an image key: %w", err)
	}
	pub, err := publicKeyOf(&k.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := sealKey(rand, k, pass)
	if err != nil {
		return nil, nil, err
	}
	return sealed, pub.PEM(), ctx.Err()
}

func seal(rand io.Reader, der []byte, pass keys.Secret) ([]byte, error) {
	var e envelope
	e.KDF.Name, e.KDF.Params, e.KDF.Salt = kdfName, standardCost, make([]byte, saltSize)
	e.Cipher.Name, e.Cipher.Nonce = cipherName, make([]byte, nonceSize)
	for _, b := range [][]byte{e.KDF.Salt, e.Cipher.Nonce} {
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, err
		}
	}
	var key [32]byte
	defer clear(key[:])
	if err := deriveKey(&key, pass, e.KDF.Salt, e.KDF.Params); err != nil {
		return nil, err
	}
	e.Ciphertext = secretbox.Seal(nil, der, (*[nonceSize]byte)(e.Cipher.Nonce), &key)
	return json.Marshal(&e)
}

// WriteKeyPair writes dir/NAME.key (mode 0600) and dir/NAME.pub (0644). It replaces neither:
// the error then matches fs.ErrExist, and nothing was written.
func WriteKeyPair(dir, name string, priv, pub []byte) error {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`) {
		return fmt.Errorf("%q is not a name for a key pair", name)
	}
	private, public := filepath.Join(dir, name+".key"), filepath.Join(dir, name+".pub")
	for _, p := range []string{private, public} {
		if _, err := os.Lstat(p); err == nil {
			return &fs.PathError{Op: "create", Path: p, Err: fs.ErrExist}
		}
	}
	if err := atomicfile.Create(private, priv, 0o600); err != nil {
		return err
	}
	if err := atomicfile.Create(public, pub, 0o644); err != nil {
		return errors.Join(err, os.Remove(private)) // it was made just now and has signed nothing
	}
	return nil
}
