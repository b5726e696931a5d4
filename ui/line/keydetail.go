package line

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"bulla/keys"
	"bulla/ui/component/agentword"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
)

// one tells everything about a key and does with it what the person wants, until they go back.
func (k *keyTalk) one(ctx context.Context, f keys.Fingerprint) error {
	s := k.all[f]
	k.tell(s)
	k.possible(s)
	for s = k.all[f]; s != nil; s = k.all[f] {
		text, err := k.t.Ask(ctx, "What to do (number or a word of it; ? lists all, d tells the key again, Enter goes back):")
		if err != nil {
			return err
		}
		fits := named(text)
		switch {
		case text == "", strings.EqualFold(text, "b"):
			return nil
		case text == "?":
			k.every(s)
		case strings.EqualFold(text, "d"):
			k.tell(s)
		case len(fits) == 0:
			k.t.Say("A number from 1 to %d, ?, d, or Enter, please.", len(keydeed.Order()))
		case len(fits) > 1:
			k.t.Say("Which of these?")
			for _, a := range fits {
				k.t.Say("  %s  %s", number(a), keydeed.Of(a).Name)
			}
		default:
			if err := k.aside(ctx, s, fits[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// named are the actions that a person means: the one of a number, or those with a text in their names.
func named(text string) (out []keydeed.Action) {
	order := keydeed.Order()
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > len(order) {
			return nil
		}
		return order[n-1 : n]
	}
	for _, a := range order {
		if strings.Contains(strings.ToLower(keydeed.Of(a).Name), strings.ToLower(text)) {
			out = append(out, a)
		}
	}
	return out
}

// number is what an action is called by at the question what to do; it is the same for every key.
func number(a keydeed.Action) string {
	for i, o := range keydeed.Order() {
		if o == a {
			return strconv.Itoa(i + 1)
		}
	}
	return ""
}

// possible lists what can be done with a key now.
func (k *keyTalk) possible(s *keydesk.State) {
	group := ""
	for i, a := range keydeed.Order() {
		d := keydeed.Of(a)
		if keydeed.Fault(a, s) != "" {
			continue
		}
		if d.Group != group {
			group = d.Group
			k.t.Say("%s", group)
		}
		k.t.Say("  %d  %s", i+1, d.Name)
	}
}

// every lists all that can be done with keys, what it means, and why it is not possible now.
func (k *keyTalk) every(s *keydesk.State) {
	for i, a := range keydeed.Order() {
		d := keydeed.Of(a)
		k.t.Say("  %d  %s", i+1, d.Name)
		if d.About != "" {
			k.prose("     ", d.About)
		}
		if why := keydeed.Fault(a, s); why != "" {
			k.prose("     ", "Not possible: "+why+".")
		}
	}
}

// prose prints a paragraph in lines that fit a terminal of 80 columns.
func (k *keyTalk) prose(indent, text string) { k.t.prose(indent, text) }

// tell tells everything about a key.
func (k *keyTalk) tell(s *keydesk.State) {
	now := k.Now()
	k.t.Say("")
	k.t.Say("%s", keydeed.Called(s, s.UserID()))
	for _, l := range human.FingerprintLines(s.Fingerprint, 77) {
		k.t.Say("  %s", l)
	}
	if s.Err != nil {
		x := explain.Error(s.Err)
		for _, l := range append([]string{x.Headline, x.Cause, x.Untouched}, x.Next...) {
			if l != "" {
				k.prose("  ", l)
			}
		}
		return
	}
	k.t.fact("kind", keydeed.Kind(s))
	k.t.fact("algorithm", s.Algorithm+", may "+keydeed.Uses(s.CanCertify, s.CanSign, false))
	k.t.fact("made", human.Date(s.Created)+", "+keydeed.Ago(now, s.Created))
	k.t.fact("valid", keydeed.Validity(s.Expires, s.Revoked, now))
	if s.InStore && s.Secret {
		text, _ := keydeed.Backup(s, now)
		k.t.fact("backup", text)
		if moved := keydeed.RevocationPlace(s); moved != "" {
			k.t.fact("revoking", "certificate "+moved)
		}
	}
	if s.Changed {
		k.t.fact("changed", "the version before the latest change is kept; "+number(keydeed.Undo)+" goes back to it")
	}
	k.health(s)
	k.t.Say("User ids")
	for _, u := range s.UserIDs {
		k.t.Say("  %s", u)
	}
	if len(s.UserIDs) == 0 {
		k.t.Say("  none that is valid")
	}
	k.subkeys(s)
	k.places(s)
	if len(s.Parts) > 0 {
		k.agent(s)
	}
}

// agent tells what gpg-agent says of the secret parts.
func (k *keyTalk) agent(s *keydesk.State) {
	k.t.Say("In gpg-agent")
	if !s.AgentAsked {
		k.t.Say("  %s", agentword.NotAsked)
	}
	for _, p := range s.Parts {
		name := "primary key"
		if p.Fingerprint != s.Fingerprint {
			name = "subkey " + human.Tail(p.Fingerprint)
		}
		_, word := agentword.Part(p, s.AgentAsked)
		k.t.fact(name, word)
	}
}

// health tells what the health check found, and which action mends it.
func (k *keyTalk) health(s *keydesk.State) {
	k.t.Say("Health")
	if len(s.Findings) == 0 {
		k.t.Say("  Nothing is wrong with it.")
	}
	for _, f := range s.Findings {
		k.t.fact(string(f.Severity), f.Message)
		if len(f.RefusedBy) > 0 {
			k.prose("    ", "refused by "+strings.Join(f.RefusedBy, ", "))
		}
		switch a, ok := keydeed.Mend(f); {
		case !s.Secret: // others mend theirs
		case ok:
			k.prose("    ", "mend: "+number(a)+", "+keydeed.Of(a).Name)
		case f.Action != "":
			k.prose("    ", "mend: "+f.Action)
		}
	}
}

func (k *keyTalk) subkeys(s *keydesk.State) {
	if len(s.Subkeys) == 0 {
		return
	}
	k.t.Say("Subkeys")
	for _, sub := range s.Subkeys {
		for _, l := range human.FingerprintLines(sub.Fingerprint, 77) {
			k.t.Say("  %s", l)
		}
		k.prose("    ", sub.Algorithm+", may "+keydeed.Uses(false, sub.CanSign, sub.CanEncrypt)+"; "+keydeed.SubkeyLife(s, sub, k.Now()))
	}
}

func (k *keyTalk) places(s *keydesk.State) {
	k.t.Say("Published")
	if len(s.Places) == 0 {
		k.t.Say("  nowhere from here, as far as bulla knows")
	}
	for _, e := range s.Places {
		text, _ := keydeed.PlaceState(s, e, k.Now())
		k.t.fact(keydeed.PlaceName(e.Target), text)
	}
}

// aside begins an action, with a key or to get one. b leads back here, and so does what went wrong:
// it is told. Errors are those that end the session.
func (k *keyTalk) aside(ctx context.Context, s *keydesk.State, a keydeed.Action) error {
	if why := keydeed.Fault(a, s); why != "" {
		k.t.Say("Not possible: %s.", why)
		return nil
	}
	k.t.Say("")
	k.t.Say("%s", keydeed.Of(a).Name)
	err := k.t.leadingBack(func() error { return k.asks()[a](ctx, s) })
	var left *stoppedError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errBack):
		k.t.Say("Left. Nothing was changed.")
		return nil
	case errors.As(err, &left):
		k.t.Say("%s", left.what)
		return nil
	case err == nil, errors.Is(err, errLeft):
		return err
	}
	explainOn(k.t, err)
	return nil
}

// stoppedError says that the person stopped something at a question for a passphrase.
type stoppedError struct{ what string }

func (e *stoppedError) Error() string { return e.what }
