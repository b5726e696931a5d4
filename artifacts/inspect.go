package artifacts

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"bulla/keys"
	"bulla/keys/limits"
)

// maxSignature limits the size of a signature file, in bytes.
const maxSignature = keys.MaxSignatureBytes

// SignState says what stands where a file's signature belongs.
type SignState string

// The states.
const (
	// StateNone: nothing is there.
	StateNone SignState = "none"
	// StateClaimed: a signature that names this key; whether it fits the file was not looked at.
	StateClaimed SignState = "claimed"
	// StateValid: this key's sound signature over the file as it is.
	StateValid SignState = "valid"
	// StateStale: it names this key, but is not sound over the file as it is: the file changed,
	// the signature did, or it was made at a time when it could not be made.
	StateStale SignState = "stale"
	// StateForeign: a signature that names another key, or another subkey of the same key.
	StateForeign SignState = "foreign"
	// StateUnreadable: something that can't be read as an OpenPGP signature.
	StateUnreadable SignState = "unreadable"
)

// Inspection is what stands where a file's signature belongs.
type Inspection struct {
	File
	State SignState
	// By is the fingerprint that the signature names, empty if it names none. It is proved only
	// where State is StateValid.
	By keys.Fingerprint
	// SignedAt is the time that the signature claims. A signature older than the file's ModTime
	// is stale more often than not.
	SignedAt time.Time
	// Path is where the signature is or would be.
	Path string
}

// Inspect says before anything is done what Sign would meet at f.
//
// It costs a read of the small signature file alone while keyring is nil: a signature by
// signer's key is then StateClaimed. Sign itself tells valid from stale in the one pass that it
// makes over the file anyway, and signs nothing before it has told for every file; so a
// preflight need not read big files twice. With a keyring that holds the signer's key, Inspect
// reads f where a signature claims to be by that key, and only there, and answers StateValid or
// StateStale as of now.
//
// Errors: *NotRegularError, *NameTooLongError, *ChangedError, *fs.PathError about f. Trouble with the
// signature file is a state, not an error.
func Inspect(ctx context.Context, f File, signer keys.SigningKey, keyring *keys.Keyring, now time.Time) (Inspection, error) {
	if _, err := statRegular(f.Path); err != nil {
		return Inspection{}, err
	}
	if err := signatureFits(f); err != nil {
		return Inspection{}, err
	}
	e := readExisting(f.SignaturePath(), signer)
	if e.state == StateClaimed && keyring != nil {
		judge := &keys.Judge{Keyring: keyring, Now: now}
		check := judge.Begin(e.sigs)
		if err := pathSource(f.Path).feed(ctx, check, func(int64, int64) {}); err != nil {
			return Inspection{}, err
		}
		e.decide(check, signer)
	}
	return Inspection{File: f, State: e.state, By: e.by, SignedAt: e.at, Path: e.path}, nil
}

// signatureFits says whether a file can have a signature beside it, by its name.
func signatureFits(f File) error {
	if _, err := os.Lstat(f.SignaturePath()); errors.Is(err, syscall.ENAMETOOLONG) {
		return &NameTooLongError{Path: f.Path}
	}
	return nil
}

// existing is a signature file that was found, or the place where none is.
type existing struct {
	path  string
	state SignState
	by    keys.Fingerprint
	at    time.Time
	sigs  []*keys.Signature
}

// readExisting reads what is at path and compares the keys it names with signer.
func readExisting(path string, signer keys.SigningKey) existing {
	e := existing{path: path, state: StateNone}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return e
	}
	e.state = StateUnreadable
	data, err := limits.ReadFile(path, maxSignature)
	if err != nil {
		return e
	}
	sigs, err := keys.ParseSignatures(data)
	if err != nil {
		return e
	}
	for _, sig := range sigs {
		claim := sig.Claim()
		if claim.KeyID == "" && claim.Fingerprint == "" {
			continue
		}
		ours := claimsToBe(claim, signer)
		if e.state == StateUnreadable || ours {
			e.state, e.by, e.at = StateForeign, claim.Fingerprint, claim.SignedAt
		}
		if ours {
			e.state, e.sigs = StateClaimed, sigs
			break
		}
	}
	return e
}

// decide turns StateClaimed into StateValid or StateStale, once check has seen the file.
func (e *existing) decide(check *keys.Check, signer keys.SigningKey) {
	e.state = StateStale
	for _, v := range check.Verdicts(keys.KindArtifact, e.path) {
		if proves(v, signer) {
			e.state = StateValid
		}
	}
}

// proves reports whether a verdict makes another signature by signer needless: it is signer's
// own and sound, or no weaker than a new one would be, where the key itself is what is weak.
func proves(v keys.Verdict, signer keys.SigningKey) bool {
	if v.Signer == nil || v.Signer.Fingerprint != signer.Fingerprint {
		return false
	}
	return v.Status.Sound() || (v.Status == keys.StatusWeak && v.Signer.Hash == keys.HashName(signer.Hash))
}

// claimsToBe reports whether a signature names the signing key itself: its fingerprint, or its
// key id where the signature carries no fingerprint.
func claimsToBe(c keys.Claim, signer keys.SigningKey) bool {
	if c.Fingerprint != "" {
		return c.Fingerprint == signer.Fingerprint
	}
	return c.KeyID == signer.Fingerprint.KeyID()
}
