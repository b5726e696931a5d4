package keys

import (
	"context"
	"crypto"
	"hash"
	"time"
)

// Signer makes OpenPGP signatures with one key, wherever its secret lives: bulla's store,
// gpg-agent, a card. Tags, artifacts and records are all signed through it.
type Signer interface {
	// Key says which key and subkey sign.
	Key() SigningKey
	// Unlock makes the secret usable, asking for a passphrase only if one is needed and not
	// known yet. A wrong passphrase ends in an *UnlockError.
	Unlock(ctx context.Context, ask AskPassphrase) error
	// Sign makes a detached signature of type 0x00 (binary document, RFC 9580 section 5.2.1)
	// over what was written to h, a state of Key().Hash. h is cloned, not consumed, so the same
	// state yields a checksum and any number of signatures. The result is armored, with CRC and
	// a final newline. It is by Key().Fingerprint, and the signer has shown that it verifies:
	// callers may look at their first one alone. It is safe for concurrent use.
	Sign(ctx context.Context, h hash.Hash, at time.Time) ([]byte, error)
	// Close wipes what Unlock made usable.
	Close() error
}

// SigningKey describes the key behind a Signer.
type SigningKey struct {
	// Primary is the fingerprint people know; Fingerprint is that of the key or subkey that
	// signs (equal to Primary if the primary key itself signs).
	Primary, Fingerprint Fingerprint
	// UserID is the primary user id, as it stands in the key: clean it before showing it.
	UserID string
	// Algorithm is a short lower-case name: ed25519, rsa4096, nistp256.
	Algorithm string
	// Hash is the digest that this key's signatures use: SHA-256 where the key allows it.
	Hash crypto.Hash
	// Expires is the earlier of primary's and subkey's expiry; zero for never.
	Expires time.Time
	// Source is where the secret lives.
	Source Source
	// Protected says that using the key takes a passphrase, PIN or touch.
	Protected bool
	// Public holds the transferable public key (RFC 9580 section 10.1), binary, for the check
	// as a stranger.
	Public []byte
}

// Source is the place where a key was found.
type Source string

// The places bulla looks for keys.
const (
	SourceStore Source = "bulla" // bulla's own store
	SourceGnuPG Source = "gnupg" // GnuPG's keyring; secrets behind gpg-agent
	SourceCard  Source = "card"  // a smartcard, reached through gpg-agent
	SourceFile  Source = "file"  // a keyring named on the command line or kept in a repository
	SourceTrust Source = "dct"   // the trust data of an image repository, under a pinned root
)
