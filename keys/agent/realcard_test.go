//go:build linux

package agent

import (
	"errors"
	"os"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

// A realCard is a card in software that GnuPG's own scdaemon drives, with a key that gpg made on it.
type realCard struct {
	*home
	*keystest.Card
	fpr keys.Fingerprint
}

func newRealCard(t *testing.T) *realCard {
	t.Helper()
	c := keystest.NewCard(t)
	fpr := c.MakeKey("Card Holder", "card@example.org")
	return &realCard{&home{t, c.Home}, c, keys.Fingerprint(fpr)}
}

// find is home.find with the variable that leads to the card.
func (c *realCard) find() *GnuPG {
	c.home.t.Helper()
	g, err := Find(c.home.t.Context(), Options{Home: c.Home, Environ: os.Environ()})
	if err != nil {
		c.home.t.Fatal(err)
	}
	return g
}

func (c *realCard) signer() keys.Signer {
	c.home.t.Helper()
	s, err := c.find().Signer(c.home.t.Context(), keys.ParseSelector("card@example.org"))
	if err != nil {
		c.home.t.Fatal(err)
	}
	c.home.t.Cleanup(func() { _ = s.Close() })
	return s
}

// The whole life of a card at the real scdaemon: it is listed, signs, is pulled, is given wrong PINs
// until it is blocked. gpg judges each signature.
func TestRealCard(t *testing.T) {
	c := newRealCard(t)
	list := overview(t, c.find())
	if k := list[0].Key; k.Card != keystest.CardSerial || k.Source != keys.SourceCard || !k.HasSecret || k.Fingerprint != c.fpr {
		t.Errorf("listed as %+v", k)
	}
	for _, p := range list[0].Parts {
		if p.Card != keystest.CardSerial || !p.CardHere || !p.Protected || p.Reader != "Virtual PCD 00 00" || p.Touch {
			t.Errorf("a part is %+v", p)
		}
	}

	s, a := c.signer(), answer(keystest.CardPIN)
	unlock(t, s, a)
	for range 2 { // the card wants its PIN for each
		c.judge(sign(t, s), c.fpr)
	}
	if len(a.requests) != 1 {
		t.Errorf("asked %d times", len(a.requests))
	}

	c.Pull()
	var ce *CardError
	if _, err := trySign(t.Context(), s); !errors.As(err, &ce) || ce.Problem != CardAbsent || ce.Serial != keystest.CardSerial {
		t.Errorf("Sign without the card = %v", err)
	}
	if list := overview(t, c.find()); list[0].Parts[0].CardHere || list[0].Parts[0].Reader != "" {
		t.Errorf("without the card: %+v", list)
	}
	c.Insert()
	c.judge(sign(t, s), c.fpr)
	if len(a.requests) != 1 {
		t.Errorf("asked %d times", len(a.requests))
	}
	_ = s.Close()

	s, a = c.signer(), answer("000000", "111111", "222222")
	if err := s.Unlock(t.Context(), a.ask); !errors.As(err, &ce) || ce.Problem != CardWrongPIN || ce.TriesLeft != 1 {
		t.Fatalf("Unlock with wrong PINs = %v", err)
	}
	if got := c.Status("PIN retry counter"); got != "1 0 3" {
		t.Errorf("gpg says %q of the tries left", got)
	}
	s, a = c.signer(), answer("222222")
	if err := s.Unlock(t.Context(), a.ask); !errors.As(err, &ce) || ce.Problem != CardBlocked {
		t.Fatalf("Unlock with the last wrong PIN = %v", err)
	}
	s, a = c.signer(), answer(keystest.CardPIN)
	if err := s.Unlock(t.Context(), a.ask); !errors.As(err, &ce) || ce.Problem != CardBlocked || len(a.requests) != 0 {
		t.Fatalf("Unlock of a blocked card = %v after %d questions", err, len(a.requests))
	}
}

// The real scdaemon says "wrong PIN" where a card was not touched. The card is asked again until the
// time is over, its PIN is not blamed, and a touch in the meantime signs.
func TestRealCardTouch(t *testing.T) {
	c := newRealCard(t)
	c.WantTouch()
	for _, h := range overview(t, c.find()) {
		for _, p := range h.Parts {
			if want := p.Fingerprint == c.fpr; p.Touch != want { // the setting of the signing key alone
				t.Errorf("a part is %+v", p)
			}
		}
	}
	s, a := c.signer(), answer(keystest.CardPIN)
	unlock(t, s, a)
	var told []Wait
	s.(Attended).Attend(Attendant{Waiting: func(w Wait) func() {
		told = append(told, w)
		time.AfterFunc(20*time.Second, c.Touch) // the card has given up once by then, after 15 seconds
		return nil
	}})
	c.judge(sign(t, s), c.fpr)
	if len(told) != 1 || told[0].For != WaitTouch || told[0].Card != keystest.CardSerial {
		t.Errorf("told %+v", told)
	}
	if got := c.Status("PIN retry counter"); got != "3 0 3" || len(a.requests) != 1 {
		t.Errorf("gpg says %q of the tries left, after %d questions", got, len(a.requests))
	}
	c.LetGo()
	s.(*signer).g.touchLimit = time.Second
	var ce *CardError
	if _, err := trySign(t.Context(), s); !errors.As(err, &ce) || ce.Problem != CardIdle || errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("Sign without a touch = %v", err)
	}
	c.Touch() // the agent still waits for it
}

func overview(t *testing.T, g *GnuPG) []Holding {
	t.Helper()
	list, err := g.Overview(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("Overview = %+v, %v", list, err)
	}
	return list
}
