package workflow

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/keystest"
)

// A card that wants a touch, behind the real scdaemon: its key is listed with reader and touch, a
// release by it tells of each touch, and git and gpg accept what it signed. The PIN is asked for once.
func TestReleaseByRealCard(t *testing.T) {
	card := keystest.NewCard(t)
	fpr := keys.Fingerprint(card.MakeKey("Card Holder", "card@example.org"))
	card.WantTouch()
	b := newBench(t)
	g, err := agent.Find(t.Context(), agent.Options{Home: card.Home, Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	b.world.GnuPG = g

	list, held, problems := b.world.KeysHeld(t.Context())
	if len(problems) > 0 || len(list) != 2 {
		t.Fatalf("KeysHeld = %+v, %v", list, problems)
	}
	h := held[fpr]
	if p := h.Part(fpr); p == nil || p.Card != keystest.CardSerial || !p.CardHere || p.Reader == "" || !p.Touch {
		t.Errorf("the signing part is %+v", p)
	}

	s := b.session()
	c := b.choices()
	c.Key = string(fpr)
	plan, err := s.Plan(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	asked, touches := 0, 0
	face := Face{
		Ask: func(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
			if asked++; req.Card != keystest.CardSerial || req.TriesLeft != 3 {
				t.Errorf("asked with %+v", req)
			}
			return keys.NewSecret([]byte(keystest.CardPIN)), nil
		},
		Emit: func(e Event) {
			if w, ok := e.(StepWaiting); ok && w.For == WaitTouch {
				touches++
				if w.Label != keystest.CardSerial || w.Limit <= 0 {
					t.Errorf("waiting %+v", w)
				}
				card.Touch()
			}
		},
	}
	res, err := s.Run(t.Context(), plan, face)
	if err != nil {
		t.Fatal(err)
	}
	if !res.Good() || asked != 1 || touches != 5 { // the tag, two files, the list, the record
		t.Errorf("good %v, asked %d times, %d touches", res.Good(), asked, touches)
	}
	env := []string{"GNUPGHOME=" + card.Home, "LC_ALL=C"}
	if _, stderr, err := keystest.Run(t, nil, env, keystest.Peer(t, "git"), "-C", b.repo, "verify-tag", "v1.0.0"); err != nil || !strings.Contains(stderr, "Good signature") {
		t.Errorf("git: %v\n%s", err, stderr)
	}
	for _, f := range []string{"widget-1.0.0.tar.gz", "widget_1.0.0_amd64.deb", "SHA256SUMS", "bulla-release.json"} {
		path := filepath.Join(b.repo, "dist", f)
		if st := keystest.GPGStatus(t, card.Home, path+".asc", path); !keystest.HasStatus(st, "GOODSIG") {
			t.Errorf("gpg on %s: %v", f, st)
		}
	}
}
