package agent

import (
	"errors"
	"fmt"

	"bulla/keys"
	"bulla/keys/agent/assuan"
)

// ErrAbsent says that there is no GnuPG here: its programs or its home directory are missing.
var ErrAbsent = errors.New("GnuPG is not here")

// ErrCancelled says that somebody cancelled at a prompt of gpg-agent's own.
var ErrCancelled = errors.New("cancelled at gpg-agent's own prompt")

// ProgramError says that one of GnuPG's programs failed.
type ProgramError struct {
	Program string // gpg, gpgconf
	Output  string // its last line on standard error: clean it before showing it
	Err     error
}

func (e *ProgramError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("%s: %v", e.Program, e.Err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Program, e.Err, e.Output)
}

// Unwrap returns the cause.
func (e *ProgramError) Unwrap() error { return e.Err }

// Error says that gpg-agent did not do what it was asked for.
type Error struct {
	Doing string // "sign", "read the list of keys"
	// Err is the cause: a *assuan.ServerError with the agent's words, keys.ErrWrongPassphrase,
	// ErrCancelled, or an error of the connection or the context.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("gpg-agent could not %s: %v", e.Doing, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LoopbackError says that gpg-agent must not let bulla ask for the passphrase, because its
// configuration forbids the loopback pinentry, and that there was no terminal for its own prompt.
// The remedies: a terminal; or remove the line "no-allow-loopback-pinentry" from Config, then run
// "gpgconf --reload gpg-agent".
type LoopbackError struct {
	Config string // path of gpg-agent.conf
}

func (e *LoopbackError) Error() string {
	return fmt.Sprintf("gpg-agent does not let others ask for its passphrases: remove no-allow-loopback-pinentry from %s and run gpgconf --reload gpg-agent", e.Config)
}

// CardProblem is what is wrong with a smartcard. The words are stable.
type CardProblem string

// The problems of cards.
const (
	CardAbsent   CardProblem = "absent"    // not in a reader, another one is, or no reader
	CardWrongPIN CardProblem = "wrong PIN" // and asking again would risk blocking it
	CardBlocked  CardProblem = "blocked"   // too many wrong PINs
	CardIdle     CardProblem = "untouched" // it waited for a touch that did not come
)

// CardError says that a smartcard could not be used.
type CardError struct {
	Serial    string // as gpg prints it: "0006 12345678"
	Problem   CardProblem
	TriesLeft int   // how many wrong PINs the card still takes; -1 for not known
	Err       error // the agent's words, or nil
}

func (e *CardError) Error() string {
	switch e.Problem {
	case CardAbsent:
		return fmt.Sprintf("card %s is not in the reader", e.Serial)
	case CardBlocked:
		return fmt.Sprintf("the PIN of card %s is blocked", e.Serial)
	case CardIdle:
		return fmt.Sprintf("card %s was not touched in time", e.Serial)
	}
	if e.TriesLeft > 0 {
		return fmt.Sprintf("wrong PIN for card %s (tries left: %d)", e.Serial, e.TriesLeft)
	}
	return fmt.Sprintf("wrong PIN for card %s", e.Serial)
}

// Unwrap lets errors.Is find keys.ErrWrongPassphrase in a wrong PIN.
func (e *CardError) Unwrap() []error {
	var errs []error
	if e.Problem == CardWrongPIN {
		errs = append(errs, keys.ErrWrongPassphrase)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// Error codes of libgpg-error.
const (
	errnoBadPassphrase  = 11
	errnoNoSecretKey    = 17
	errnoNotFound       = 27
	errnoNotSupported   = 60
	errnoNotImplemented = 69
	errnoNoPinentry     = 85
	errnoBadPIN         = 87
	errnoWrongCard      = 91
	errnoCancelled      = 99
	errnoCardRemoved    = 110
	errnoCardNotPresent = 112
	errnoNoDaemon       = 119
	errnoUnsupportedOp  = 124
	errnoPINBlocked     = 130
	errnoUseConditions  = 131
	errnoUnknownCommand = 175
	errnoNoPassphrase   = 177
	errnoFullyCancelled = 198
	errnoForbidden      = 251
	errnoTooMuchData    = 273 // the agent takes passphrases of up to 255 bytes
	errnoUnknownIPC     = 275
	errnoIPCCancelled   = 277
	errnoNoDevice       = 0x8000 | 80
	errnoCard           = 108
)

// errnoOf is the code of an error from the agent, 0 for other errors.
func errnoOf(err error) int {
	var e *assuan.ServerError
	if errors.As(err, &e) {
		return e.Errno()
	}
	return 0
}

// refusesCommand reports whether the agent can't or won't carry out this kind of command.
func refusesCommand(err error) bool {
	switch errnoOf(err) {
	case errnoForbidden, errnoNotSupported, errnoNotImplemented, errnoUnsupportedOp, errnoUnknownCommand, errnoUnknownIPC:
		return true
	}
	return false
}

// explain turns an answer of the agent into what it means for the key of s.
func (s *signer) explain(doing string, err error) error {
	var card *CardError
	if err == nil || errors.Is(err, errNeedPassphrase) || errors.As(err, &card) {
		return err
	}
	switch errnoOf(err) {
	case errnoBadPassphrase, errnoBadPIN, errnoNoPassphrase, errnoTooMuchData:
		if s.serial != "" {
			return &CardError{Serial: cardNumber(s.serial), Problem: CardWrongPIN, TriesLeft: -1, Err: err}
		}
		err = keys.ErrWrongPassphrase
	case errnoNoSecretKey, errnoNotFound:
		return &keys.UnusableError{Key: s.key.Fingerprint, Reason: "GnuPG no longer holds its secret part"}
	case errnoNoPinentry:
		if s.link.restricted {
			break
		}
		if s.serial == "" || !s.link.loopback {
			return &LoopbackError{Config: s.g.config()}
		}
		// The agent wanted to say "please insert the card" and may not.
		return &CardError{Serial: cardNumber(s.serial), Problem: CardAbsent, TriesLeft: -1, Err: err}
	case errnoCard, errnoCardRemoved, errnoCardNotPresent, errnoWrongCard, errnoNoDaemon, errnoNoDevice:
		return &CardError{Serial: cardNumber(s.serial), Problem: CardAbsent, TriesLeft: -1, Err: err}
	case errnoUseConditions:
		return &CardError{Serial: cardNumber(s.serial), Problem: CardIdle, TriesLeft: -1, Err: err}
	case errnoPINBlocked:
		return &CardError{Serial: cardNumber(s.serial), Problem: CardBlocked, TriesLeft: 0, Err: err}
	case errnoCancelled, errnoFullyCancelled, errnoIPCCancelled:
		err = ErrCancelled
	}
	return &Error{Doing: doing, Err: err}
}
