package keys

import (
	"context"
	"errors"
	"fmt"
)

// ErrWrongPassphrase says that the secret key (or the agent holding it) refused a passphrase.
var ErrWrongPassphrase = errors.New("wrong passphrase")

// ErrNoPassphrase is what an [AskPassphrase] returns when nobody can be asked: no terminal, no
// file descriptor, nothing in the vault.
var ErrNoPassphrase = errors.New("the key is protected and no passphrase was given")

// PassphraseTries is how often a wrong passphrase may be corrected before the unlock gives up.
const PassphraseTries = 3

// PassphraseRequest says what a passphrase is asked for.
type PassphraseRequest struct {
	// Purpose is what the secret opens.
	Purpose PassphrasePurpose
	// ID is the name under which a vault keeps the passphrase: the fingerprint of the primary
	// key, for an image key the SHA-256 of its public key info, for a key of Content Trust its id,
	// for a token the forge's host.
	ID string
	// Label is for a person: a user id, or a file name. It comes from outside and must be
	// cleaned before a terminal sees it.
	Label string
	// Attempt counts from 1. From 2 on the passphrase given before was wrong, wherever it
	// came from, so a remembered one must not be offered again.
	Attempt int
	// New asks for a passphrase to protect a key that is being made; it should be typed twice.
	New bool
	// Card is the serial number of the smartcard whose PIN is asked for, as gpg prints it; "" where
	// it is a passphrase. TriesLeft is how many wrong PINs the card takes before it blocks itself, -1
	// if it does not say. With one left Attempt begins at 2: nothing remembered may be spent on it.
	Card      string
	TriesLeft int
}

// PassphrasePurpose is the kind of thing that a passphrase opens.
type PassphrasePurpose string

// The purposes known to bulla.
const (
	PurposeOpenPGP PassphrasePurpose = "openpgp" // a secret key in bulla's store
	PurposeAgent   PassphrasePurpose = "gpg"     // a secret key or card behind gpg-agent
	PurposeImage   PassphrasePurpose = "cosign"  // a cosign private key
	PurposeVault   PassphrasePurpose = "vault"   // the master passphrase of the vault file
	PurposeToken   PassphrasePurpose = "token"   // no passphrase, but an access token of an account on a forge

	PurposeTrustRoot PassphrasePurpose = "dct-root" // a root key of Docker Content Trust
	PurposeTrust     PassphrasePurpose = "dct"      // a repository's or signer's key of Docker Content Trust
)

// AskPassphrase answers a request. The face provides it; it may consult a vault first. The
// Secret it returns belongs to the caller, who destroys it.
type AskPassphrase func(context.Context, PassphraseRequest) (Secret, error)

// UnlockError says that every try was used up.
type UnlockError struct {
	Request PassphraseRequest
	Tries   int
}

func (e *UnlockError) Error() string {
	return fmt.Sprintf("wrong passphrase for %s (%d tries)", e.Request.ID, e.Tries)
}

// Unwrap lets errors.Is find ErrWrongPassphrase.
func (e *UnlockError) Unwrap() error { return ErrWrongPassphrase }

// NoPassphraseError: there was nobody to ask for the passphrase.
type NoPassphraseError struct {
	Request PassphraseRequest
}

func (e *NoPassphraseError) Error() string {
	return fmt.Sprintf("no passphrase for %s", e.Request.ID)
}

// Unwrap lets errors.Is find ErrNoPassphrase.
func (e *NoPassphraseError) Unwrap() error { return ErrNoPassphrase }

// Unlock asks for the passphrase of req and calls try with it until try does not answer
// ErrWrongPassphrase, at most PassphraseTries times. Each Secret is destroyed after its try.
func Unlock(ctx context.Context, ask AskPassphrase, req PassphraseRequest, try func(Secret) error) error {
	if ask == nil {
		return ErrNoPassphrase
	}
	for req.Attempt = 1; req.Attempt <= PassphraseTries; req.Attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := ask(ctx, req)
		if errors.Is(err, ErrNoPassphrase) {
			return &NoPassphraseError{Request: req}
		}
		if err != nil {
			return err
		}
		err = try(s)
		s.Destroy()
		if !errors.Is(err, ErrWrongPassphrase) {
			return err
		}
	}
	return &UnlockError{Request: req, Tries: PassphraseTries}
}
