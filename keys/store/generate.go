package store

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/pgp"
)

// The algorithms that [Store.Generate] knows.
const (
	AlgorithmEd25519 = "ed25519"
	AlgorithmRSA4096 = "rsa4096"
)

// GenerateParams say what key to make.
type GenerateParams struct {
	// Name, Email and Comment make up the user id "Name (Comment) <Email>". One of name and
	// email must be there.
	Name, Email, Comment string
	// Algorithm is AlgorithmEd25519 or AlgorithmRSA4096, for primary key and subkey alike.
	Algorithm string
	// Lifetime counts from now and is rounded down to seconds; 0 means that the key never
	// expires.
	Lifetime time.Duration
	// Passphrase protects the secret parts. The zero Secret leaves them unprotected; a Secret
	// that is set but empty is refused. It stays the caller's to destroy.
	Passphrase keys.Secret
}

// Generated says what was made.
type Generated struct {
	Key keys.Key
	// Dir is the folder of the key, Revocation the file with its revocation certificate.
	Dir, Revocation string
}

// Generate makes a key: a primary key that only certifies and a subkey that signs, with its
// back-signature, both of the same algorithm and lifetime, and a revocation certificate, which
// is written before the key appears. It takes seconds for RSA; a cancelled ctx ends the wait.
//
// Secret parts are encrypted with AES-256 under an iterated and salted S2K of 65,011,712 octets,
// the strongest that GnuPG 2.2 imports. A parameter that cannot be used is a *ParamError.
func (s *Store) Generate(ctx context.Context, p GenerateParams) (Generated, error) {
	userID, err := p.userID()
	if err != nil {
		return Generated{}, err
	}
	if err := p.check(); err != nil {
		return Generated{}, err
	}
	m := maker{
		rand:      s.rand,
		created:   time.Unix(s.now().Unix(), 0),
		lifetime:  uint32(p.Lifetime / time.Second),
		algorithm: p.Algorithm,
	}
	defer m.wipe()
	if err := m.generate(ctx); err != nil {
		return Generated{}, err
	}
	t, revocation, err := m.build(userID, p.Passphrase)
	if err != nil {
		return Generated{}, fmt.Errorf("make the key: %w", err)
	}
	defer t.forget()
	if err := s.usable(t.certificate); err != nil {
		return Generated{}, fmt.Errorf("the key just made does not verify: %w", err)
	}
	certificate, err := revocationFile(t.fpr, userID, m.created, revocation)
	if err != nil {
		return Generated{}, err
	}
	out := Generated{Dir: s.keyDir(t.fpr), Revocation: s.RevocationPath(t.fpr)}
	err = s.locked(ctx, func() error {
		if err := s.writeRevocation(t.fpr, certificate); err != nil {
			return err
		}
		if err := s.createKey(t); err != nil {
			_ = os.Remove(out.Revocation)
			return err
		}
		return nil
	})
	if err != nil {
		return Generated{}, err
	}
	out.Key, err = s.describeKey(t.fpr)
	return out, err
}

// writeRevocation stores a revocation certificate apart from its key. It replaces none.
func (s *Store) writeRevocation(fpr keys.Fingerprint, certificate []byte) error {
	path := s.RevocationPath(fpr)
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	return atomicfile.Create(path, certificate, fileMode)
}

func (p GenerateParams) check() error {
	switch {
	case p.Algorithm != AlgorithmEd25519 && p.Algorithm != AlgorithmRSA4096:
		return &ParamError{Field: "algorithm", Reason: "must be " + AlgorithmEd25519 + " or " + AlgorithmRSA4096}
	case !p.Passphrase.IsZero() && p.Passphrase.Len() == 0:
		return &ParamError{Field: "passphrase", Reason: "is empty"}
	}
	return checkLifetime(p.Lifetime)
}

// UserID is the user id that a key made with p has, or a *ParamError for parts that make none.
func (p GenerateParams) UserID() (string, error) { return p.userID() }

// CheckUserID reports a name, address or comment that Generate would refuse, as the *ParamError that
// it would return: a form can say so as soon as it is typed.
func (p GenerateParams) CheckUserID() error {
	_, err := p.userID()
	return err
}

// userID checks the parts and joins them. Brackets would make the parts ambiguous, and controls
// or invisible characters have no place in a name that people are to trust.
func (p GenerateParams) userID() (string, error) {
	fields := []struct {
		name string
		text *string
	}{{"name", &p.Name}, {"email", &p.Email}, {"comment", &p.Comment}}
	for _, f := range fields {
		*f.text = strings.TrimSpace(*f.text)
		if err := checkText(f.name, *f.text); err != nil {
			return "", err
		}
	}
	switch at := strings.LastIndexByte(p.Email, '@'); {
	case p.Name == "" && p.Email == "":
		return "", &ParamError{Field: "name", Reason: "is empty, and so is email"}
	case p.Email != "" && (at <= 0 || at == len(p.Email)-1 || strings.Count(p.Email, "@") > 1 || strings.ContainsAny(p.Email, " \t,;\"")):
		return "", &ParamError{Field: "email", Reason: "is not an address"}
	}
	if p.Name == "" && p.Comment == "" {
		return p.Email, nil // a bare address, as GnuPG writes it
	}
	return packet.NewUserId(p.Name, p.Comment, p.Email).Id, nil
}

func checkText(field, s string) error {
	switch {
	case !utf8.ValidString(s):
		return &ParamError{Field: field, Reason: "is not UTF-8"}
	case len(s) > 500:
		return &ParamError{Field: field, Reason: "is longer than 500 bytes"}
	case strings.ContainsAny(s, "()<>"):
		return &ParamError{Field: field, Reason: "contains one of ( ) < >"}
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return &ParamError{Field: field, Reason: "contains control or invisible characters"}
	}
	return nil
}

// maker makes one key.
type maker struct {
	rand      io.Reader
	created   time.Time
	lifetime  uint32 // seconds, 0 for ever
	algorithm string

	primary, subkey *packet.PrivateKey
	material        []any // private numbers, to be wiped; encrypting a key drops them from it
}

// generate makes both pairs.
func (m *maker) generate(ctx context.Context) error {
	made, err := m.pairs(ctx, 2)
	if err != nil {
		return err
	}
	m.primary, m.subkey = made[0], made[1]
	m.subkey.IsSubkey = true
	return nil
}

// pairs makes n pairs. What go-crypto and crypto/rsa do cannot be stopped, so a cancelled ctx
// leaves them to end by themselves and wipes the result.
func (m *maker) pairs(ctx context.Context, n int) ([]*packet.PrivateKey, error) {
	type result struct {
		key *packet.PrivateKey
		err error
	}
	pairs := make(chan result, n)
	one := func() {
		k, err := m.newPair()
		pairs <- result{k, err}
	}
	if m.algorithm == AlgorithmRSA4096 {
		for range n {
			go one()
		}
	} else {
		go func() { // m.rand need not be safe for concurrent use
			for range n {
				one()
			}
		}()
	}
	got := make([]*packet.PrivateKey, 0, n)
	for len(got) < n {
		select {
		case r := <-pairs:
			if r.err != nil {
				return nil, r.err
			}
			m.material = append(m.material, r.key.PrivateKey)
			got = append(got, r.key)
		case <-ctx.Done():
			go func(left int) {
				for ; left > 0; left-- {
					wipe((<-pairs).key)
				}
			}(n - len(got))
			return nil, ctx.Err()
		}
	}
	return got, nil
}

func (m *maker) newPair() (*packet.PrivateKey, error) {
	if m.algorithm == AlgorithmRSA4096 {
		k, err := rsa.GenerateKey(m.rand, 4096)
		if err != nil {
			return nil, err
		}
		return packet.NewRSAPrivateKey(m.created, k), nil
	}
	// go-crypto makes EdDSA pairs only within a whole entity; what is around the pair is dropped.
	e, err := openpgp.NewEntity("-", "", "", m.config(packet.PubKeyAlgoEdDSA))
	if err != nil {
		return nil, err
	}
	for i := range e.Subkeys {
		wipe(e.Subkeys[i].PrivateKey)
	}
	return e.PrivateKey, nil
}

func (m *maker) config(a packet.PublicKeyAlgorithm) *packet.Config {
	noSalt := false
	return &packet.Config{
		Rand:                                  m.rand,
		Time:                                  func() time.Time { return m.created },
		Algorithm:                             a,
		Curve:                                 packet.Curve25519,
		DefaultHash:                           crypto.SHA512,
		NonDeterministicSignaturesViaNotation: &noSalt,
	}
}

// build signs the parts together and protects the secrets. The revocation comes back as a bare
// signature packet.
func (m *maker) build(userID string, pass keys.Secret) (t transferable, revocation []byte, err error) {
	cfg := m.config(m.primary.PubKeyAlgo)
	self := m.selfSignature()
	if err := self.SignUserId(userID, &m.primary.PublicKey, m.primary, cfg); err != nil {
		return t, nil, err
	}
	binding, err := m.binding(cfg)
	if err != nil {
		return t, nil, err
	}
	revoke := m.revocation()
	if err := revoke.RevokeKey(&m.primary.PublicKey, m.primary, cfg); err != nil {
		return t, nil, err
	}
	var revoked bytes.Buffer
	if err := revoke.Serialize(&revoked); err != nil {
		return t, nil, err
	}
	if !pass.IsZero() {
		if err := encryptKeys([]*packet.PrivateKey{m.primary, m.subkey}, pass, m.rand); err != nil {
			return t, nil, err
		}
	}
	t, err = assemble(m.primary, pgp.New(pgp.TagUserID, []byte(userID)), self, m.subkey, binding)
	if err != nil {
		return t, nil, err
	}
	return t, revoked.Bytes(), nil
}

// assemble writes the parts of a transferable secret key in their order and reads them back the
// way an import would.
func assemble(parts ...any) (transferable, error) {
	var out bytes.Buffer
	for _, p := range parts {
		var err error
		switch p := p.(type) {
		case pgp.Packet:
			_, err = out.Write(p.Raw)
		case packet.Packet:
			err = p.(interface{ Serialize(io.Writer) error }).Serialize(&out)
		}
		if err != nil {
			return transferable{}, err
		}
	}
	packets, err := splitPackets(out.Bytes())
	if err != nil {
		return transferable{}, err
	}
	found, _, errs := readTransferables(packets)
	if len(errs) > 0 || len(found) != 1 {
		return transferable{}, fmt.Errorf("the key just made does not read back: %v", errs)
	}
	return found[0], nil
}

// signature begins a signature by key. Self-signatures use SHA-512: they are few and long-lived,
// so the time it takes does not count.
func (m *maker) signature(kind packet.SignatureType, key *packet.PrivateKey) *packet.Signature {
	id := key.KeyId
	return &packet.Signature{
		Version:      4,
		SigType:      kind,
		PubKeyAlgo:   key.PubKeyAlgo,
		Hash:         crypto.SHA512,
		CreationTime: m.created,
		IssuerKeyId:  &id,
	}
}

func (m *maker) expiry() *uint32 {
	if m.lifetime == 0 {
		return nil
	}
	return &m.lifetime
}

// selfSignature carries what GnuPG puts there: the key may certify, nothing else; what its owner
// prefers; and that only the owner should change it on a key server.
func (m *maker) selfSignature() *packet.Signature {
	primaryID := true
	sig := m.signature(packet.SigTypePositiveCert, m.primary)
	sig.KeyLifetimeSecs = m.expiry()
	sig.FlagsValid, sig.FlagCertify = true, true
	sig.IsPrimaryId = &primaryID
	sig.PreferredSymmetric = []uint8{uint8(packet.CipherAES256), uint8(packet.CipherAES192), uint8(packet.CipherAES128)}
	sig.PreferredHash = []uint8{10, 9, 8} // SHA-512, SHA-384, SHA-256
	sig.PreferredCompression = []uint8{uint8(packet.CompressionNone)}
	sig.SEIPDv1 = true
	sig.KeyserverPrefsValid, sig.KeyserverPrefNoModify = true, true
	return sig
}

// binding makes the subkey a signing subkey. The signature by the subkey within it, the
// back-signature, keeps others from claiming the subkey as theirs (RFC 9580, section 5.2.1.9).
func (m *maker) binding(cfg *packet.Config) (*packet.Signature, error) {
	back := m.signature(packet.SigTypePrimaryKeyBinding, m.subkey)
	if err := back.CrossSignKey(&m.subkey.PublicKey, &m.primary.PublicKey, m.subkey, cfg); err != nil {
		return nil, err
	}
	sig := m.signature(packet.SigTypeSubkeyBinding, m.primary)
	sig.KeyLifetimeSecs = m.expiry()
	sig.FlagsValid, sig.FlagSign = true, true
	sig.EmbeddedSignature = back
	return sig, sig.SignKey(&m.subkey.PublicKey, m.primary, cfg)
}

// wipe overwrites the private numbers of both keys.
func (m *maker) wipe() {
	for _, k := range m.material {
		wipe(&packet.PrivateKey{PrivateKey: k})
	}
}
