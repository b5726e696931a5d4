//go:build unix

package agent

import (
	"testing"

	"bulla/keys"
)

// The agent tells whether it remembers a passphrase, and whether a card is in a reader; without an
// agent, none is started and neither is claimed.
func TestOverview(t *testing.T) {
	h := newHome(t)
	protected := h.generate("protected@example.org", "ed25519", "cert,sign", passphrase)
	open := h.generate("open@example.org", "nistp256", "cert,sign", "")
	part := func(f keys.Fingerprint) (Part, bool) {
		t.Helper()
		list, err := h.find().Overview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			if k.Key.Fingerprint == f {
				if len(k.Parts) == 0 {
					t.Fatal("no part")
				}
				return k.Parts[0], k.Asked
			}
		}
		t.Fatalf("%s is not listed", f)
		return Part{}, false
	}
	if p, asked := part(protected); !asked || !p.Protected || p.Cached {
		t.Errorf("before it was used: %+v, asked %v", p, asked)
	}
	h.gpg([]byte("text"), passphrase, "--local-user", string(protected), "--sign")
	if p, asked := part(protected); !asked || !p.Protected || !p.Cached {
		t.Errorf("after it was used: %+v, asked %v", p, asked)
	}
	if p, asked := part(open); !asked || p.Protected || p.Card != "" {
		t.Errorf("without passphrase: %+v, asked %v", p, asked)
	}
	h.killAgent()
	if p, asked := part(protected); asked || !p.Protected || p.Cached {
		t.Errorf("without an agent: %+v, asked %v", p, asked)
	}
	if h.agentRuns() {
		t.Error("looking started an agent")
	}
}

func TestOverviewOfCard(t *testing.T) {
	h := newCardHome(t)
	look := func() (Part, bool) {
		t.Helper()
		list, err := h.find().Overview(t.Context())
		if err != nil || len(list) != 1 || len(list[0].Parts) != 1 {
			t.Fatal(list, err)
		}
		return list[0].Parts[0], list[0].Asked
	}
	if p, asked := look(); asked || p.Card != "FFFE 00000001" {
		t.Errorf("without an agent: %+v, asked %v", p, asked)
	}
	if err := h.find().launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, asked := look(); !asked || !p.CardHere || p.Card != "FFFE 00000001" {
		t.Errorf("in the reader: %+v, asked %v", p, asked)
	}
	h.card.set("absent", "1")
	if p, _ := look(); p.CardHere {
		t.Errorf("away: %+v", p)
	}
}
