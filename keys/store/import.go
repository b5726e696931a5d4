package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys"
	"bulla/keys/pgp"
)

// ImportLimit is the most that [Store.Import] reads, in bytes.
const ImportLimit = 16 << 20

// Imported says what became of one key of an import.
type Imported struct {
	// Key is the key as the store has it now.
	Key keys.Key
	// New says that the store did not have the key. Changed says that it did, and learned
	// something: signatures, user ids, subkeys, secret parts or a revocation.
	New, Changed bool
	// HasSecret says that secret parts, not just stubs for them, came with this import.
	HasSecret bool
}

// Import reads keys from r, armored or binary, public or secret, any number of them, and stores
// them as they came. Text around armor blocks is passed over. A revocation certificate is
// applied to the key it revokes, if that is here.
//
// A known key learns what is new and loses nothing. A secret that is here is never replaced,
// only a stub for it. The version before is kept beside the changed file.
//
// A key that cannot be used is left out with a *[SkippedError], which comes together with what
// was imported. Other errors are [keys.ErrNoKeys], [ErrTooBig], and those of reading and writing.
func (s *Store) Import(ctx context.Context, r io.Reader) ([]Imported, error) {
	data, err := io.ReadAll(io.LimitReader(r, ImportLimit+1))
	defer clear(data)
	if err != nil {
		return nil, err
	}
	if len(data) > ImportLimit {
		return nil, ErrTooBig
	}
	blocks, skipped := dearmor(data)
	var incoming []transferable
	var loose []pgp.Packet
	for _, b := range blocks {
		defer clear(b)
		packets, err := splitPackets(b)
		if err != nil {
			skipped = append(skipped, err)
		}
		found, alone, errs := readTransferables(packets)
		skipped = append(skipped, errs...)
		incoming = combine(incoming, found)
		loose = append(loose, alone...)
	}
	if len(incoming) == 0 && len(loose) == 0 {
		if len(skipped) > 0 {
			return nil, fmt.Errorf("%w: %w", keys.ErrNoKeys, skipped[0])
		}
		return nil, keys.ErrNoKeys
	}
	var done []Imported
	err = s.locked(ctx, func() error {
		var errs []error
		done, errs, err = s.importAll(ctx, incoming, loose)
		skipped = append(skipped, errs...)
		return err
	})
	if err == nil && len(skipped) > 0 {
		err = &SkippedError{Skipped: skipped}
	}
	return done, err
}

// combine merges several copies of a key that came in one stream.
func combine(list, more []transferable) []transferable {
next:
	for _, t := range more {
		for i := range list {
			if list[i].fpr == t.fpr {
				list[i].certificate, _ = list[i].merge(t.certificate)
				list[i].secret, _ = mergeSecrets(list[i].secret, t.secret)
				continue next
			}
		}
		list = append(list, t)
	}
	return list
}

// importAll stores what came in, under the lock. What is wrong with single keys is gathered;
// the error ends the import.
func (s *Store) importAll(ctx context.Context, incoming []transferable, loose []pgp.Packet) (done []Imported, skipped []error, err error) {
	note := func(im Imported, err error) error {
		var keyErr *keys.KeyError
		var problem *ProblemError
		switch {
		case err == nil:
			done = append(done, im)
			return nil
		case errors.As(err, &keyErr), errors.As(err, &problem), errors.Is(err, ErrOnlyRevocation), errors.Is(err, errStraySignature):
			skipped = append(skipped, err)
			return nil
		}
		return err // a full disk, or a folder of someone else
	}
	for _, t := range incoming {
		if err := ctx.Err(); err != nil {
			return done, skipped, err
		}
		if err := note(s.importKey(t)); err != nil {
			return done, skipped, err
		}
	}
	for _, p := range loose {
		if err := note(s.importRevocation(p)); err != nil {
			return done, skipped, err
		}
	}
	return done, skipped, nil
}

func (s *Store) importKey(t transferable) (Imported, error) {
	im := Imported{}
	t.certificate = t.reordered()
	for _, p := range t.secret {
		if err := p.check(); err != nil {
			return im, err
		}
		im.HasSecret = im.HasSecret || !p.protection.stub()
	}
	have, err := s.readKey(t.fpr)
	defer have.forget()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := s.usable(t.certificate); err != nil {
			return im, err
		}
		im.New = true
		err = s.createKey(t)
	case err == nil:
		im.Changed, err = s.updateKey(have, t)
	}
	if err != nil {
		return im, err
	}
	im.Key, err = s.describeKey(t.fpr)
	return im, err
}

// updateKey merges t into the key that is here.
func (s *Store) updateKey(have stored, t transferable) (changed bool, err error) {
	public, newPublic := have.merge(t.certificate)
	secret, newSecret := mergeSecrets(have.secret, t.secret)
	if newPublic {
		if err := s.usable(public); err != nil {
			return false, err
		}
	}
	return newPublic || newSecret, s.replace(have, transferable{certificate: public, secret: secret})
}

// importRevocation applies a revocation certificate: a lone signature of type 0x20.
func (s *Store) importRevocation(p pgp.Packet) (Imported, error) {
	im := Imported{}
	parsed, err := packet.Read(bytes.NewReader(p.Raw))
	sig, ok := parsed.(*packet.Signature)
	if err != nil || !ok || sig.SigType != packet.SigTypeKeyRevocation || sig.IssuerKeyId == nil {
		return im, errStraySignature
	}
	fprs, _, err := s.fingerprints()
	if err != nil {
		return im, err
	}
	for _, fpr := range fprs {
		if fpr.KeyID() != fmt.Sprintf("%016X", *sig.IssuerKeyId) {
			continue
		}
		have, err := s.readKey(fpr)
		defer have.forget()
		if err != nil {
			return im, err
		}
		primary, err := have.publicKey(fpr)
		if err != nil {
			return im, err
		}
		if err := primary.VerifyRevocationSignature(sig); err != nil {
			continue
		}
		revoked := certificate{fpr: fpr, parts: []component{{head: have.parts[0].head, sigs: []pgp.Packet{p}}}}
		if im.Changed, err = s.updateKey(have, transferable{certificate: revoked}); err != nil {
			return im, err
		}
		im.Key, err = s.describeKey(fpr)
		return im, err
	}
	return im, ErrOnlyRevocation
}

// usable refuses a certificate that could not be listed, or whose owner signed nothing in it.
// Expired and revoked keys are welcome: old signatures are checked with them.
func (s *Store) usable(c certificate) error {
	k, err := c.describe(s.now())
	if err != nil {
		return &keys.KeyError{Fingerprint: c.fpr, Reason: err.Error()}
	}
	if len(k.UserIDs) == 0 && !k.CanCertify && !k.CanSign {
		if !slices.ContainsFunc(c.parts, func(p component) bool { return p.head.Tag == pgp.TagUserID }) {
			// As keys.openpgp.org gives out a key whose addresses were not confirmed.
			return &keys.KeyError{Fingerprint: c.fpr, Reason: "it came without user ids, which say how it may be used; another key server may have it whole"}
		}
		return &keys.KeyError{Fingerprint: c.fpr, Reason: "it has no valid self-signature"}
	}
	return nil
}
