//go:build unix

package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/keys"
)

func TestCard(t *testing.T) {
	h := newCardHome(t)
	for _, when := range []string{"without an agent", "with an agent"} {
		list, err := h.find().List(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: List = %+v, %v", when, list, err)
		}
		if k := list[0]; k.Card != "FFFE 00000001" || k.Source != keys.SourceCard || !k.HasSecret || k.PrimaryOffline {
			t.Errorf("%s: listed as %+v", when, k)
		}
		h.conf("--launch", "gpg-agent")
	}
	s := h.signer("card@example.org")
	if k := s.Key(); k.Source != keys.SourceCard || !k.Protected || k.Fingerprint != h.fpr {
		t.Errorf("Key() = %+v", k)
	}
	a := answer(cardPIN)
	unlock(t, s, a)
	if n := h.count("PKSIGN"); n != 0 {
		t.Errorf("unlocking made %d signatures: a card counts them and may want a touch", n)
	}
	for range 2 {
		h.judge(sign(t, s), h.fpr)
	}
	if len(a.requests) != 1 || a.requests[0].Label != "PIN of card FFFE 00000001, Card <card@example.org>" || a.requests[0].ID != string(h.fpr) {
		t.Errorf("asked with %+v", a.requests)
	}
	again, b := h.signer("card@example.org"), answer()
	unlock(t, again, b)
	h.judge(sign(t, again), h.fpr)
	if len(b.requests) != 0 {
		t.Error("asked for the PIN of a card that is open")
	}
}

// The PIN of a subkey's card and the passphrase of its primary key on disk are kept apart.
func TestCardPINHasItsOwnName(t *testing.T) {
	h := newCardHome(t)
	s, a := h.signer("card@example.org"), answer(cardPIN)
	s.(*signer).key.Primary = "AB"
	unlock(t, s, a)
	if id := a.requests[0].ID; id != string(h.fpr) {
		t.Errorf("the PIN is asked for under %s", id)
	}
}

// A card with a PIN for each signature gets the one that it accepted.
func TestCardWantsPINEachTime(t *testing.T) {
	h := newCardHome(t)
	h.card.set("each", "")
	s, a := h.signer("card@example.org"), answer(cardPIN)
	unlock(t, s, a)
	for range 3 {
		h.judge(sign(t, s), h.fpr)
	}
	if len(a.requests) != 1 {
		t.Errorf("asked %d times", len(a.requests))
	}
}

func TestCardPIN(t *testing.T) {
	for name, tt := range map[string]struct {
		tries    string
		switches []string
		answers  []string
		attempts []int
		problem  CardProblem // "" for success
		left     string      // tries of the card at the end
	}{
		"right":                     {"3", nil, []string{cardPIN}, []int{1}, "", "3"},
		"corrected":                 {"3", nil, []string{"wrong", cardPIN}, []int{1, 2}, "", "3"},
		"wrong twice, one is left":  {"3", nil, []string{"wrong", "worse", cardPIN}, []int{1, 2}, CardWrongPIN, "1"},
		"wrong once before, twice":  {"2", nil, []string{"wrong", cardPIN}, []int{1}, CardWrongPIN, "1"},
		"last try right":            {"1", nil, []string{cardPIN}, []int{2}, "", "3"},
		"last try wrong":            {"1", nil, []string{"wrong", cardPIN}, []int{2}, CardBlocked, "0"},
		"blocked":                   {"0", nil, []string{cardPIN}, nil, CardBlocked, "0"},
		"wrong, card tells nothing": {"3", []string{"notries"}, []string{"wrong", cardPIN}, []int{1}, CardWrongPIN, "2"},
		"right, by a signature":     {"3", []string{"nocheck"}, []string{cardPIN}, []int{1}, "", "3"},
		"wrong, by a signature":     {"2", []string{"nocheck"}, []string{"wrong", cardPIN}, []int{1}, CardWrongPIN, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newCardHome(t)
			h.card.set("tries", tt.tries)
			for _, s := range tt.switches {
				h.card.set(s, "")
			}
			s, a := h.signer("card@example.org"), answer(tt.answers...)
			err := s.Unlock(t.Context(), a.ask)
			if !slices.Equal(a.attempts(), tt.attempts) {
				t.Errorf("attempts %v, want %v", a.attempts(), tt.attempts)
			}
			if got := h.card.file("tries"); got != tt.left {
				t.Errorf("%s tries are left, want %s", got, tt.left)
			}
			if tt.problem == "" {
				if err != nil {
					t.Fatalf("Unlock: %v", err)
				}
				h.judge(sign(t, s), h.fpr)
				return
			}
			var ce *CardError
			if !errors.As(err, &ce) || ce.Problem != tt.problem || ce.Serial != "FFFE 00000001" {
				t.Fatalf("Unlock = %v", err)
			}
			if ce.Problem == CardWrongPIN && !errors.Is(err, keys.ErrWrongPassphrase) {
				t.Error("the error is not one of a wrong passphrase")
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error tells the PIN: %v", err)
			}
		})
	}
}

// A PIN that was right and is refused later is not sent again.
func TestCardPINChanges(t *testing.T) {
	h := newCardHome(t)
	h.card.set("each", "")
	s, a := h.signer("card@example.org"), answer(cardPIN, cardPIN)
	unlock(t, s, a)
	h.card.set("pin", "another")
	_, err := trySign(t.Context(), s)
	var ce *CardError
	if !errors.As(err, &ce) || ce.Problem != CardWrongPIN {
		t.Fatalf("Sign = %v", err)
	}
	if got := h.card.file("tries"); got != "2" || len(a.requests) != 1 {
		t.Errorf("%s tries are left after %d questions: the old PIN was sent again", got, len(a.requests))
	}
}

func TestCardAbsent(t *testing.T) {
	h := newCardHome(t)
	s, a := h.signer("card@example.org"), answer(cardPIN)
	h.card.set("absent", "")
	var ce *CardError
	if err := s.Unlock(t.Context(), a.ask); !errors.As(err, &ce) || ce.Problem != CardAbsent {
		t.Fatalf("Unlock = %v", err)
	}
	if len(a.requests) != 0 {
		t.Error("asked for the PIN of a card that is not there")
	}
	if err := os.Remove(filepath.Join(h.card.dir, "absent")); err != nil {
		t.Fatal(err)
	}
	unlock(t, s, a)
	h.card.set("absent", "")
	h.replug()
	if _, err := trySign(t.Context(), s); !errors.As(err, &ce) || ce.Problem != CardAbsent {
		t.Errorf("Sign = %v", err)
	}
}

// A card may wait for a touch for as long as the person likes, and the person may give up.
func TestCardWaitsForTouch(t *testing.T) {
	h := newCardHome(t)
	h.card.set("slow", "")
	t.Cleanup(func() { _ = os.RemoveAll(h.card.dir) }) // or the agent would wait for the touch at its end
	s := h.signer("card@example.org")
	unlock(t, s, answer(cardPIN))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for h.count("PKSIGN") == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	if _, err := trySign(ctx, s); !errors.Is(err, context.Canceled) {
		t.Fatalf("Sign = %v", err)
	}
}

// The person is told at once that a card wants a touch, with the limit; what the wait ended in is the
// end of the call.
func TestCardTellsOfTouch(t *testing.T) {
	h := newCardHome(t)
	h.card.set("touch", "")
	s := h.signer("card@example.org")
	var told []Wait
	over := 0
	s.(Attended).Attend(Attendant{Waiting: func(w Wait) func() {
		told = append(told, w)
		_ = os.Remove(filepath.Join(h.card.dir, "slow")) // the touch
		return func() { over++ }
	}})
	unlock(t, s, answer(cardPIN))
	if len(told) != 0 {
		t.Errorf("told of %+v, though nothing was signed", told)
	}
	h.card.set("slow", "")
	h.judge(sign(t, s), h.fpr)
	if want := []Wait{{For: WaitTouch, Card: "FFFE 00000001", Limit: touchLimit}}; !slices.Equal(told, want) || over != 1 {
		t.Errorf("told %+v, want %+v; over %d times", told, want, over)
	}
}

// A card that does not say whether it wants a touch is told of when it takes longer than others.
func TestCardTellsOfWork(t *testing.T) {
	h := newCardHome(t)
	s := h.signer("card@example.org")
	told := make(chan Wait, 1)
	s.(Attended).Attend(Attendant{Waiting: func(w Wait) func() {
		told <- w
		_ = os.Remove(filepath.Join(h.card.dir, "slow"))
		return nil
	}})
	unlock(t, s, answer(cardPIN))
	h.card.set("slow", "")
	h.judge(sign(t, s), h.fpr)
	if w := <-told; w.For != WaitCard || w.Card != "FFFE 00000001" {
		t.Errorf("told %+v", w)
	}
}

// A card that refuses at once is no card that waits for a touch: it is asked a few times and no more,
// and the person is told of one wait.
func TestCardRefusesAtOnce(t *testing.T) {
	for _, touch := range []bool{true, false} {
		h := newCardHome(t)
		if touch {
			h.card.set("touch", "")
		}
		s := h.signer("card@example.org")
		told := make(chan Wait, 100)
		s.(Attended).Attend(Attendant{Waiting: func(w Wait) func() { told <- w; return nil }})
		unlock(t, s, answer(cardPIN))
		h.card.set("conditions", "")
		if _, err := trySign(t.Context(), s); errnoOf(err) != errnoUseConditions {
			t.Errorf("touch %v: Sign = %v", touch, err)
		}
		if asked := h.count("PKSIGN"); asked != soonRefused || len(told) != 1 {
			t.Errorf("touch %v: the card was asked %d times, and %d waits were told", touch, asked, len(told))
		}
	}
}

// A touch that never comes ends by itself, and the error does not blame the PIN.
func TestCardTouchHasALimit(t *testing.T) {
	h := newCardHome(t)
	h.card.set("touch", "")
	s := h.signer("card@example.org")
	unlock(t, s, answer(cardPIN))
	h.card.set("slow", "")
	t.Cleanup(func() { _ = os.RemoveAll(h.card.dir) }) // or the agent would wait for the touch at its end
	s.(*signer).g.touchLimit = time.Second
	var ce *CardError
	if _, err := trySign(t.Context(), s); !errors.As(err, &ce) || ce.Problem != CardIdle || errors.Is(err, keys.ErrWrongPassphrase) {
		t.Fatalf("Sign = %v", err)
	}
}
