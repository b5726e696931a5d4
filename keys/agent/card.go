package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/agent/assuan"
)

// cardFacts is what a card said of itself.
type cardFacts struct {
	tries int // wrong PINs that it still took when it was last asked, -1 if it does not say
	touch touch
}

// touch says whether a card wants to be touched for each signature.
type touch int

const (
	touchUnknown touch = iota
	touchNo
	touchYes
)

// unlockCard makes sure that the card is there and its PIN known. The card checks the PIN
// itself; only where it can't, a signature is made and thrown away. id is what it calls the key.
func (s *signer) unlockCard(ctx context.Context, id string) error {
	s.card = cardFacts{tries: -1}
	if !validSerial(s.serial) { // the stub does not name its card
		return s.withPassphrase(ctx, s.prove)
	}
	_, err := s.link.conn.Do(ctx, "SCD SERIALNO --demand="+s.serial, assuan.Handler{})
	if err != nil && !refusesCommand(err) {
		return s.explain("find the card", err)
	}
	s.card = cardFacts{tries: s.triesLeft(ctx), touch: s.link.wantsTouch(ctx, id)}
	err = s.withPassphrase(ctx, s.checkPIN)
	if refusesCommand(err) {
		err = s.withPassphrase(ctx, s.prove)
	}
	if err == nil {
		s.card.tries = s.triesLeft(ctx) // the right PIN gives back those that were lost
	}
	return err
}

// wantsTouch reads the setting of the card at hand (User Interaction Flag, OpenPGP card 3.4,
// section 4.4.3.6) for the key that it calls id, such as OPENPGP.1. GnuPG 2.2 has no word for it,
// hence the command to the card itself: GET DATA, which changes nothing.
func (l *link) wantsTouch(ctx context.Context, id string) touch {
	object := map[string]string{"OPENPGP.1": "D6", "OPENPGP.2": "D7", "OPENPGP.3": "D8"}[id]
	if object == "" {
		return touchUnknown
	}
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	out, err := l.conn.Do(ctx, "SCD APDU 00CA00"+object+"00", assuan.Handler{})
	switch {
	case err != nil || len(out) < 2:
		return touchUnknown
	case string(out[len(out)-2:]) != "\x90\x00" || len(out) < 3 || out[0] == 0:
		return touchNo // off, or the card has no such setting
	}
	return touchYes
}

// A card that waits for a touch lets some seconds pass before it refuses. One that refuses sooner, and
// does so again and again, has another reason.
const (
	soon        = 2 * time.Second
	soonRefused = 4               // so many times in a row are enough
	soonPause   = time.Second / 2 // between them
)

// useCard has the card make one signature. A card gives a touch some seconds and then refuses, most
// often with the words for a wrong PIN: then it is asked again, until touchLimit has passed.
func (s *signer) useCard(ctx context.Context, q *inquiry, sign func(context.Context) (signatureExpr, error)) (signatureExpr, error) {
	w, after := Wait{For: WaitCard, Card: cardNumber(s.serial), Limit: s.g.touchLimit}, patience
	switch s.card.touch {
	case touchYes:
		w.For, after = WaitTouch, 0
	case touchNo:
		after = 2 * patience
	}
	limited, cancel := context.WithTimeout(ctx, s.g.touchLimit)
	defer cancel()
	defer s.tell(w, after)()
	secret := q.secret
	for refused := 0; ; {
		early, stop := context.WithTimeout(limited, soon)
		sig, err := sign(limited)
		if early.Err() == nil {
			refused++
		} else {
			refused = 0
		}
		stop()
		switch {
		case err == nil || ctx.Err() != nil:
			return sig, err
		case limited.Err() != nil:
			return sig, &CardError{Serial: cardNumber(s.serial), Problem: CardIdle, TriesLeft: -1, Err: err}
		case refused >= soonRefused || !s.untouched(limited, err):
			return sig, err
		}
		if refused > 0 {
			pause(limited, soonPause)
		}
		*q = inquiry{secret: secret, asked: false}
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// untouched reports whether an answer that says "wrong PIN" means that no touch came: the card then
// takes as many wrong PINs as before.
func (s *signer) untouched(ctx context.Context, err error) bool {
	if s.card.touch == touchNo {
		return false
	}
	switch errnoOf(err) {
	case errnoUseConditions:
		return true
	case errnoBadPIN:
		left := s.triesLeft(ctx)
		return left > 0 && left >= s.card.tries && s.card.tries > 0
	}
	return false
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
		req.TriesLeft = left
		pin, err := s.ask(ctx, req)
		if errors.Is(err, keys.ErrNoPassphrase) {
			return &keys.NoPassphraseError{Request: req}
		}
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
