package agent

import (
	"context"

	"bulla/keys"
	"bulla/keys/agent/assuan"
)

// Part is a secret part of a key as gpg-agent sees it.
type Part struct {
	// Fingerprint is that of the primary key or subkey.
	Fingerprint keys.Fingerprint
	// Protected says that using it takes a passphrase or PIN, Cached that the agent remembers it
	// for now.
	Protected, Cached bool
	// Card is the serial number of the card that holds it, as gpg prints it; "" for a part on disk.
	Card string
	// CardHere says that this card is in a reader; only for a part on a card.
	CardHere bool
}

// Holding is a key of which GnuPG has at least one secret part.
type Holding struct {
	Key keys.Key
	// Parts are the primary key and the subkeys whose secrets are within reach, in their order.
	Parts []Part
	// Asked says that an agent ran and told what Cached and CardHere say; without one both are
	// false and mean nothing.
	Asked bool
}

// Overview is List with what the agent says of each secret part. It starts no agent. Where one
// runs and keys lie on cards, it has the agent look which cards are in readers.
func (g *GnuPG) Overview(ctx context.Context) ([]Holding, error) {
	pairs, err := g.load(ctx)
	if err != nil {
		return nil, err
	}
	here, asked := g.cards(ctx, pairs)
	out := make([]Holding, len(pairs))
	for i, p := range pairs {
		h := Holding{Key: p.describe(g.now()), Asked: asked}
		fprs := []keys.Fingerprint{h.Key.Fingerprint}
		for _, s := range h.Key.Subkeys {
			fprs = append(fprs, s.Fingerprint)
		}
		for _, f := range fprs {
			s, ok := p.secrets[f]
			if !ok {
				continue
			}
			part := Part{Fingerprint: f, Protected: s.protected, Cached: s.cached}
			if s.serial != "" {
				part.Card, part.CardHere = cardNumber(s.serial), here[s.serial]
			}
			h.Parts = append(h.Parts, part)
		}
		out[i] = h
	}
	return out, nil
}

// cards finds out which of the cards that keys lie on are in readers, and whether there was an
// agent to ask.
func (g *GnuPG) cards(ctx context.Context, pairs []*pair) (here map[string]bool, asked bool) {
	l, err := dial(ctx, g.socket)
	if err != nil {
		return nil, false
	}
	defer l.close()
	here = map[string]bool{}
	if l.restricted { // it may not be asked
		return here, false
	}
	for _, p := range pairs {
		for _, s := range p.secrets {
			if _, known := here[s.serial]; known || !validSerial(s.serial) {
				continue
			}
			here[s.serial] = l.control(ctx, assuan.Handler{}, "SCD SERIALNO --demand=%s", s.serial) == nil
		}
	}
	return here, true
}
