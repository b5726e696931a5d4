package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"bulla/keys"
	"bulla/keys/agent/assuan"
)

// unlockCard makes sure that the card is there and its PIN known. The card checks the PIN
// itself; only where it can't, a signature is made and thrown away.
func (s *signer) unlockCard(ctx context.Context) error {
	if !validSerial(s.serial) { // the stub does not name its card
		return s.withPassphrase(ctx, s.prove)
	}
	_, err := s.link.conn.Do(ctx, "SCD SERIALNO --demand="+s.serial, assuan.Handler{})
	if err != nil && !refusesCommand(err) {
		return s.explain("find the card", err)
	}
	err = s.withPassphrase(ctx, s.checkPIN)
	if refusesCommand(err) {
		err = s.withPassphrase(ctx, s.prove)
	}
	return err
}

// checkPIN has the card verify its PIN. It asks nothing if the card is open already.
func (s *signer) checkPIN(ctx context.Context, q *inquiry) error {
	_, err := s.link.conn.Do(ctx, "SCD CHECKPIN "+s.serial, q.handler())
	return s.explain("check the PIN", err)
}

// askPIN asks for a PIN. A card blocks itself after some wrong ones, three as a rule, so the
// card is asked how many it still takes: a question is repeated only while another wrong answer
// would leave one over, and never for a card that does not tell.
func (s *signer) askPIN(ctx context.Context, req keys.PassphraseRequest, try func(keys.Secret) error) error {
	if s.ask == nil {
		return keys.ErrNoPassphrase
	}
	left := s.triesLeft(ctx)
	first := 1
	switch left {
	case 0:
		return &CardError{Serial: cardNumber(s.serial), Problem: CardBlocked}
	case 1:
		first = 2 // a wrong PIN was given before: no remembered one may be spent on the last try
	}
	for req.Attempt = first; ; req.Attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		pin, err := s.ask(ctx, req)
		if err != nil {
			return err
		}
		err = try(pin)
		pin.Destroy()
		if !errors.Is(err, keys.ErrWrongPassphrase) {
			return err
		}
		if left = s.triesLeft(ctx); left == 0 {
			return &CardError{Serial: cardNumber(s.serial), Problem: CardBlocked, Err: err}
		}
		if left < 2 || req.Attempt >= keys.PassphraseTries {
			return &CardError{Serial: cardNumber(s.serial), Problem: CardWrongPIN, TriesLeft: left, Err: err}
		}
	}
}

// triesLeft is the number of wrong PINs the card takes before it blocks, -1 if it does not say.
func (s *signer) triesLeft(ctx context.Context) int {
	left := -1
	h := assuan.Handler{Status: func(keyword, args string) {
		if keyword == "CHV-STATUS" {
			left = parseTries(args)
		}
	}}
	if err := s.link.control(ctx, h, "SCD GETATTR CHV-STATUS"); err != nil {
		return -1
	}
	return left
}

// parseTries reads "+1+127+127+127+3+0+3" (with pluses for spaces): whether a PIN is valid for
// several signatures, three greatest lengths, and three numbers of tries, the first of them that
// of the PIN for signatures.
func parseTries(args string) int {
	f := strings.FieldsFunc(args, func(r rune) bool { return r == '+' || r == ' ' })
	if len(f) != 7 {
		return -1
	}
	n, err := strconv.Atoi(f[4])
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// validSerial reports whether a serial number may go into a command.
func validSerial(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && s != "" && len(s) <= 64
}
