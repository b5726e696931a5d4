package agent

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

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
	// CardHere says that this card is in a reader, Reader which that is ("" if scdaemon does not say),
	// and Touch that it wants to be touched for each use of this part; only for a part on a card.
	CardHere bool
	Reader   string
	Touch    bool
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

// Part is the secret part with that fingerprint, nil if it is not within reach.
func (h *Holding) Part(f keys.Fingerprint) *Part {
	for i := range h.Parts {
		if h.Parts[i].Fingerprint == f {
			return &h.Parts[i]
		}
	}
	return nil
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
				c, ok := here[s.serial]
				part.Card, part.CardHere, part.Reader, part.Touch = cardNumber(s.serial), ok, c.reader, c.touch[s.id]
			}
			h.Parts = append(h.Parts, part)
		}
		out[i] = h
	}
	return out, nil
}

// usualStretch is what gpg-agent makes a passphrase cost on the machine where a key is made (GnuPG's
// agent/protect.c).
const usualStretch = 100 * time.Millisecond

// StretchTime is about how long the agent takes to open a protected key, which it does anew for each
// signature: what it has measured here, or where no agent runs the least that is usual.
func (g *GnuPG) StretchTime(ctx context.Context) (each time.Duration, measured bool) {
	l, err := dial(ctx, g.socket)
	if err != nil {
		return usualStretch, false
	}
	defer l.close()
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	out, err := l.conn.Do(ctx, "GETINFO s2k_time", assuan.Handler{})
	ms, parsed := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || parsed != nil || ms < 0 {
		return usualStretch, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// cardHere is a card that is in a reader.
type cardHere struct {
	reader string
	touch  map[string]bool // by what the card calls the key
}

// cards finds out which of the cards that keys lie on are in readers, and whether there was an
// agent to ask.
func (g *GnuPG) cards(ctx context.Context, pairs []*pair) (here map[string]cardHere, asked bool) {
	l, err := dial(ctx, g.socket)
	if err != nil {
		return nil, false
	}
	defer l.close()
	here = map[string]cardHere{}
	if l.restricted { // it may not be asked
		return here, false
	}
	ids := map[string][]string{}
	for _, p := range pairs {
		for _, s := range p.secrets {
			if validSerial(s.serial) {
				ids[s.serial] = append(ids[s.serial], s.id)
			}
		}
	}
	for serial, ids := range ids {
		if l.control(ctx, assuan.Handler{}, "SCD SERIALNO --demand=%s", serial) != nil {
			continue
		}
		c := cardHere{reader: l.reader(ctx), touch: map[string]bool{}}
		for _, id := range ids {
			c.touch[id] = l.wantsTouch(ctx, id) == touchYes
		}
		here[serial] = c
	}
	return here, true
}

// reader is the name of the reader that the card at hand is in. scdaemon tells it before it asks
// whether the card is known; the answer that it is saves reading all of the card.
func (l *link) reader(ctx context.Context) (name string) {
	h := assuan.Handler{
		Status: func(keyword, args string) {
			if keyword == "READER" {
				name = args
			}
		},
		Inquire: func(string, string) (keys.Secret, error) { return keys.Secret{}, errKnownCard },
	}
	_ = l.control(ctx, h, "SCD LEARN")
	return name
}

var errKnownCard = errors.New("the card is known")
