package agent

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
)

// listTimeout is how long a listing waits for an agent that does not answer before it makes do
// with what lies on disk.
const listTimeout = 3 * time.Second

// PublicKeyring returns all of GnuPG's public keys, binary and one after the other. It works in
// a home that can't be written to.
func (g *GnuPG) PublicKeyring(ctx context.Context) ([]byte, error) {
	if !g.hasKeyring() {
		return nil, nil
	}
	return g.query(ctx, "--export")
}

// List returns the keys of which GnuPG has at least one secret part, in GnuPG's order. It
// starts no agent: where none runs, it looks for the files of the secret keys. A key that can't
// be read here, such as one of version 5, is listed with its name and no abilities.
func (g *GnuPG) List(ctx context.Context) ([]keys.Key, error) {
	pairs, err := g.load(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]keys.Key, len(pairs))
	for i, p := range pairs {
		list[i] = p.describe(g.now())
	}
	return list, nil
}

// pair is a public key with what GnuPG knows of its secret parts.
type pair struct {
	listed
	secrets map[keys.Fingerprint]secretKey
	public  []byte          // transferable public key
	entity  *openpgp.Entity // nil if it can't be read here
}

// load reads every key that has a secret part.
func (g *GnuPG) load(ctx context.Context) ([]*pair, error) {
	if !g.hasKeyring() {
		return nil, nil
	}
	out, err := g.query(ctx, "--with-colons", "--with-keygrip", "--list-keys")
	if err != nil {
		return nil, err
	}
	ring := parseListing(out)
	secrets, err := g.secretKeys(ctx, ring)
	if err != nil {
		return nil, err
	}
	var pairs []*pair
	args := []string{"--export", "--"}
	for _, k := range ring {
		p := &pair{listed: k, secrets: map[keys.Fingerprint]secretKey{}}
		for fpr, grip := range k.grips {
			if s, ok := secrets[grip]; ok {
				p.secrets[fpr] = s
			}
		}
		if len(p.secrets) > 0 {
			pairs = append(pairs, p)
			args = append(args, string(k.fingerprint))
		}
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	if out, err = g.query(ctx, args...); err != nil {
		return nil, err
	}
	attach(pairs, splitKeys(out))
	return pairs, nil
}

// secretKeys finds out which secret keys are within reach, by keygrip: from the agent if one
// runs, else from the files it would read.
func (g *GnuPG) secretKeys(ctx context.Context, ring []listed) (map[string]secretKey, error) {
	short, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	l, err := dial(short, g.socket)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return g.secretKeysOnDisk()
	}
	defer l.close()
	if !l.restricted {
		found, err := l.secretKeys(ctx)
		if err != nil && !refusesCommand(err) {
			return nil, &Error{Doing: "list its keys", Err: err}
		} else if err == nil {
			return found, nil
		}
	}
	var grips []string
	for _, k := range ring {
		grips = slices.AppendSeq(grips, maps.Values(k.grips))
	}
	has := map[string]bool{}
	if err := l.which(ctx, grips, has); err != nil {
		return nil, &Error{Doing: "say which keys it has", Err: err}
	}
	found := map[string]secretKey{}
	for grip := range has {
		found[grip] = secretKey{protected: true} // it does not tell
	}
	return found, nil
}

// splitKeys cuts a binary keyring into its transferable keys. What can't be cut is left out.
func splitKeys(ring []byte) [][]byte {
	const publicKey = 6 // RFC 9580, section 5.5.1.1
	var starts []int
	r := bytes.NewReader(ring)
	packets := packet.NewOpaqueReader(r)
	for {
		at := len(ring) - r.Len()
		p, err := packets.Next()
		if err != nil {
			if err != io.EOF {
				ring = ring[:at]
			}
			break
		}
		if p.Tag == publicKey {
			starts = append(starts, at)
		}
	}
	var out [][]byte
	for i, at := range starts {
		end := len(ring)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		out = append(out, ring[at:end:end])
	}
	return out
}

// attach parses the exported keys and gives each to its pair.
func attach(pairs []*pair, exported [][]byte) {
	byName := map[keys.Fingerprint]*pair{}
	for _, p := range pairs {
		byName[p.fingerprint] = p
	}
	for _, b := range exported {
		e, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(b)))
		if err != nil {
			continue // listed without abilities
		}
		if p := byName[keys.FingerprintOf(e.PrimaryKey.Fingerprint)]; p != nil {
			p.entity, p.public = e, b
		}
	}
}

// holds reports whether the secret part of a key is within reach.
func (p *pair) holds(k *packet.PublicKey) bool {
	_, ok := p.secrets[keys.FingerprintOf(k.Fingerprint)]
	return ok
}

// describe makes the list's model of the pair.
func (p *pair) describe(now time.Time) keys.Key {
	if p.entity == nil {
		return keys.Key{
			Fingerprint: p.fingerprint, UserIDs: p.userIDs, Algorithm: "unknown",
			Source: keys.SourceGnuPG, Weak: []string{"a kind of key that bulla cannot read"},
		}
	}
	k := keys.DescribeKey(p.entity, now, keys.SourceGnuPG)
	primary, here := p.secrets[k.Fingerprint]
	k.PrimaryOffline = !here
	k.HasSecret = here && k.CanSign
	if k.HasSecret {
		k.Card = cardNumber(primary.serial)
	}
	for i := range k.Subkeys {
		sub := &k.Subkeys[i]
		secret, here := p.secrets[sub.Fingerprint]
		sub.HasSecret = here
		if here && sub.CanSign {
			k.HasSecret, k.Card = true, cardNumber(secret.serial)
		}
	}
	// Of several, the one that would sign counts.
	if pub, _, err := keys.ChooseSigningKey(p.entity, keys.Selector{}, now, p.holds); err == nil {
		k.Card = cardNumber(p.secrets[keys.FingerprintOf(pub.Fingerprint)].serial)
	}
	if k.Card != "" {
		k.Source = keys.SourceCard
	}
	return k
}

// cardNumber writes the application id of an OpenPGP card as gpg does, manufacturer and serial
// number: "0006 12345678". Others stay as they are.
func cardNumber(id string) string {
	if len(id) == 32 && id[:12] == "D27600012401" {
		return id[16:20] + " " + id[20:28]
	}
	return id
}
