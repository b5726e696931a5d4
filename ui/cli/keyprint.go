package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/store"
	"bulla/ui/component/agentword"
)

// keyLine is one key as `keys list --json` prints it.
type keyLine struct {
	Fingerprint    keys.Fingerprint `json:"fingerprint"`
	KeyID          string           `json:"key_id"`
	UserIDs        []string         `json:"user_ids"`
	Algorithm      string           `json:"algorithm"`
	Created        string           `json:"created"`
	Expires        string           `json:"expires"` // "" for never
	Expired        bool             `json:"expired"`
	Revoked        bool             `json:"revoked"`
	Source         keys.Source      `json:"source"`
	HasSecret      bool             `json:"has_secret"`
	PrimaryOffline bool             `json:"primary_offline"`
	Card           string           `json:"card,omitempty"`
	BackedUp       string           `json:"backed_up,omitempty"`
	Successor      keys.Fingerprint `json:"successor,omitempty"`
	Retires        string           `json:"retires,omitempty"`
	Weak           []string         `json:"weak"`
	Subkeys        []subkeyLine     `json:"subkeys"`
	Agent          *agentLine       `json:"agent,omitempty"`
	// Error is why the key cannot be read; then of the rest only the fingerprint and the source are known.
	Error string `json:"error,omitempty"`
}

// agentLine is what gpg-agent says of a key; without a running agent Asked is false, and cached and
// card_present are not known.
type agentLine struct {
	Asked bool       `json:"asked"`
	Parts []partLine `json:"parts"`
}

type partLine struct {
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	Protected   bool             `json:"protected"`
	Cached      bool             `json:"cached"`
	Card        string           `json:"card,omitempty"`
	CardPresent bool             `json:"card_present"`
	Reader      string           `json:"reader,omitempty"`
	Touch       bool             `json:"touch"`
}

func toAgentLine(h agent.Holding) *agentLine {
	out := &agentLine{Asked: h.Asked, Parts: []partLine{}}
	for _, p := range h.Parts {
		out.Parts = append(out.Parts, partLine{p.Fingerprint, p.Protected, p.Cached, p.Card, p.CardHere, p.Reader, p.Touch})
	}
	return out
}

type subkeyLine struct {
	Fingerprint keys.Fingerprint `json:"fingerprint"`
	Algorithm   string           `json:"algorithm"`
	Created     string           `json:"created"`
	Expires     string           `json:"expires"`
	Revoked     bool             `json:"revoked"`
	CanSign     bool             `json:"can_sign"`
	CanEncrypt  bool             `json:"can_encrypt"`
	HasSecret   bool             `json:"has_secret"`
}

func toKeyLine(k keys.Key, now time.Time) keyLine {
	out := keyLine{
		Fingerprint: k.Fingerprint, KeyID: k.Fingerprint.KeyID(), UserIDs: append([]string{}, k.UserIDs...), Algorithm: k.Algorithm,
		Created: rfc3339(k.Created), Expires: rfc3339(k.Expires), Expired: k.ExpiredAt(now), Revoked: k.Revoked, Source: k.Source,
		HasSecret: k.HasSecret, PrimaryOffline: k.PrimaryOffline, Card: k.Card, BackedUp: rfc3339(k.BackedUp),
		Successor: k.Successor, Retires: rfc3339(k.Retires),
		Weak: append([]string{}, k.Weak...), Subkeys: []subkeyLine{},
	}
	for _, s := range k.Subkeys {
		out.Subkeys = append(out.Subkeys, subkeyLine{s.Fingerprint, s.Algorithm, rfc3339(s.Created), rfc3339(s.Expires), s.Revoked, s.CanSign, s.CanEncrypt, s.HasSecret})
	}
	return out
}

// brokenKey prints a key of bulla's store that cannot be read.
func (p *printer) brokenKey(e *store.ProblemError, now time.Time) {
	if p.json {
		l := toKeyLine(keys.Key{Fingerprint: e.Key, Source: keys.SourceStore}, now)
		l.Error = e.Error()
		p.object(l)
		return
	}
	p.line("%s", e.Key.Grouped())
	p.line("    cannot be read: %v", e)
	p.line("    bulla keys aside %s moves it out of the way; then import a backup", e.Key)
}

// brokenInstead is the problem with the key of bulla's store that a person named by its fingerprint,
// or err where there is no such problem.
func brokenInstead(problems []error, named string, err error) error {
	f, e := keys.ParseFingerprint(named)
	if e != nil {
		return err
	}
	for _, p := range problems {
		if broken := (*store.ProblemError)(nil); errors.As(p, &broken) && broken.Key == f {
			return p
		}
	}
	return err
}

// key prints one key: two lines in a list, all of it in full.
func (p *printer) key(k keys.Key, now time.Time, full bool) {
	if p.json {
		p.object(toKeyLine(k, now))
		return
	}
	p.line("%s", k.Fingerprint.Grouped())
	p.line("    %s", k.UserID())
	p.line("    %s", strings.Join(keyFacts(k, now), " · "))
	if !full {
		return
	}
	for _, u := range k.UserIDs[min(1, len(k.UserIDs)):] {
		p.line("    also %s", u)
	}
	for _, s := range k.Subkeys {
		p.line("    subkey %s", s.Fingerprint.Grouped())
		p.line("           %s", strings.Join(subkeyFacts(s, now), " · "))
	}
	if k.Successor != "" {
		p.line("    followed by %s", k.Successor.Grouped())
	}
	for _, w := range k.Weak {
		p.line("    noted: %s", w)
	}
}

// held prints one key with what gpg-agent says of it.
func (p *printer) held(k keys.Key, held map[keys.Fingerprint]agent.Holding, now time.Time, full bool) {
	h, ok := held[k.Fingerprint]
	ok = ok && k.Source != keys.SourceStore
	if p.json {
		l := toKeyLine(k, now)
		if ok {
			l.Agent = toAgentLine(h)
		}
		p.object(l)
		return
	}
	p.key(k, now, full)
	if !ok {
		return
	}
	if full && !h.Asked {
		p.line("    gpg-agent does not run: it starts with the first signature")
	}
	for _, part := range h.Parts {
		_, word := agentword.Part(part, h.Asked)
		switch {
		case full && part.Fingerprint == k.Fingerprint:
			p.line("    gpg-agent: primary key: %s", word)
		case full:
			p.line("    gpg-agent: subkey %s: %s", part.Fingerprint.Short(), word)
		case part.Fingerprint == signs(k):
			p.line("    gpg-agent: %s", word)
		}
	}
}

// signs is the part of a key that signs: the newest subkey that can, else the primary key.
func signs(k keys.Key) keys.Fingerprint {
	f, made := k.Fingerprint, time.Time{}
	for _, s := range k.Subkeys {
		if s.CanSign && s.HasSecret && !s.Revoked && s.Created.After(made) {
			f, made = s.Fingerprint, s.Created
		}
	}
	return f
}

func keyFacts(k keys.Key, now time.Time) []string {
	facts := []string{k.Algorithm, expiry(k.Expires, k.Revoked, now)}
	switch {
	case k.Card != "":
		facts = append(facts, "on card "+k.Card)
	case k.HasSecret && k.Source == keys.SourceGnuPG:
		facts = append(facts, "secret key in GnuPG")
	case k.HasSecret:
		facts = append(facts, "secret key in bulla's store")
	case slices.ContainsFunc(k.Subkeys, func(s keys.Subkey) bool { return s.HasSecret }):
		facts = append(facts, "secret key in bulla's store, but none that signs")
	default:
		facts = append(facts, "no secret key that signs")
	}
	if k.PrimaryOffline {
		facts = append(facts, "primary key kept elsewhere")
	}
	return facts
}

func subkeyFacts(s keys.Subkey, now time.Time) []string {
	facts := []string{s.Algorithm, expiry(s.Expires, s.Revoked, now)}
	if s.CanSign {
		facts = append(facts, "signs")
	}
	if s.CanEncrypt {
		facts = append(facts, "encrypts")
	}
	return facts
}

func expiry(t time.Time, revoked bool, now time.Time) string {
	switch {
	case revoked:
		return "revoked"
	case t.IsZero():
		return "never expires"
	case !now.Before(t):
		return "expired on " + t.UTC().Format("2 Jan 2006")
	}
	return fmt.Sprintf("expires on %s (%d days)", t.UTC().Format("2 Jan 2006"), int(t.Sub(now).Hours()/24))
}

// imported prints what became of one imported key.
func (p *printer) imported(i store.Imported) {
	if p.json {
		p.object(map[string]any{"fingerprint": i.Key.Fingerprint, "user_ids": append([]string{}, i.Key.UserIDs...), "new": i.New, "changed": i.Changed, "secret": i.HasSecret})
		return
	}
	what := "known already"
	switch {
	case i.New:
		what = "new"
	case i.Changed:
		what = "brought something new"
	}
	if i.HasSecret {
		what += ", with its secret key"
	}
	p.line("%s  %s  (%s)", i.Key.Fingerprint.Grouped(), i.Key.UserID(), what)
}
