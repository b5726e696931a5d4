package line

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/publish"
	"bulla/ui/backend"
	"bulla/ui/component/agentword"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/workflow/finding"
	"bulla/workflow/keydesk"
)

// Keys are the keys as line mode needs them.
type Keys = backend.Keys

// KeyDesk looks after keys line by line: what the page of all keys does, without a screen.
type KeyDesk struct {
	Terminal *Terminal
	Keys     Keys
	// Wizard leads through the making of a key, and publishes.
	Wizard KeyWizard
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string
	// Published is told what became of a key at the places where it was published; nil for nobody.
	Published func(context.Context, []publish.Result)
	Now       func() time.Time
	// Lend lends the terminal to gpg-agent's own prompt; nil where there is none.
	Lend Lender
	// Heartbeat is how often work that goes on says so; 0 means five seconds.
	Heartbeat time.Duration
	// Back says where leaving leads to, in words that follow "goes back to"; "" for out of bulla.
	Back string
}

// keyTalk is one session at the desk.
type keyTalk struct {
	KeyDesk
	t     *Terminal
	all   map[keys.Fingerprint]*keydesk.State
	text  string // of the filter
	worry bool   // only what the health check has something to say of
}

// Run shows the keys and does with them what the person wants, until they leave: with Enter or b at
// the list, with q or the end of input anywhere. That is no error; the end of ctx is.
func (o KeyDesk) Run(ctx context.Context) error {
	k := &keyTalk{KeyDesk: o, t: o.Terminal}
	k.t.Say("Keys, line by line. b goes back to the question before, q leaves. What is done stays done.")
	k.Keys.Attend(agent.Attendant{Lend: k.t.lending(k.Lend), Waiting: func(w agent.Wait) (over func()) {
		k.t.Say("  waiting for %s…", agentword.Of(w))
		return nil
	}})
	err := k.read(ctx)
	if err == nil {
		err = k.list(ctx)
	}
	if errors.Is(err, errLeft) && ctx.Err() == nil && k.Back == "" {
		return nil
	}
	return err
}

// read looks at all keys, their health, and where they are published.
func (k *keyTalk) read(ctx context.Context) error {
	k.t.Say("Reading the keys…")
	all := map[keys.Fingerprint]*keydesk.State{}
	var problems []error
	err := busy(ctx, k.t, k.Heartbeat, "still reading", func(ctx context.Context, _ keys.AskPassphrase) error {
		problems = k.Keys.Survey(ctx, func(n keydesk.News) {
			if all[n.Fingerprint] == nil {
				all[n.Fingerprint] = &keydesk.State{}
			}
			n.Apply(all[n.Fingerprint])
		})
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	k.all = all
	for _, e := range problems {
		explainOn(k.t, e)
	}
	return nil
}

// look takes what became of one key.
func (k *keyTalk) look(ctx context.Context, f keys.Fingerprint) error {
	news, here := k.Keys.Look(ctx, f)
	s := k.all[f]
	if !here || s == nil {
		return k.read(ctx)
	}
	for _, n := range news {
		n.Apply(s)
	}
	return nil
}

// shown are the keys that the filter lets through, in their order.
func (k *keyTalk) shown() (out []*keydesk.State) {
	words := strings.Fields(strings.ToLower(k.text))
	for _, s := range k.all {
		hay := keydeed.Haystack(s)
		missing := func(w string) bool { return !strings.Contains(hay, w) }
		if !slices.ContainsFunc(words, missing) && (!k.worry || worries(s)) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, keydeed.ByOwner)
	return out
}

// worries reports whether something about a key should be mended soon.
func worries(s *keydesk.State) bool {
	return s.Err != nil || s.Worst() == finding.Error || s.Worst() == finding.Warning
}

// maxKeys is how many keys are read out at once.
const maxKeys = 20

// list shows the keys and lets one be chosen, until the person leaves.
func (k *keyTalk) list(ctx context.Context) error {
	for {
		shown := k.shown()
		if len(shown) == 0 { // what fitted the filter may be gone
			k.text, k.worry = "", false
			shown = k.shown()
		}
		k.t.Say("")
		k.heading(len(shown))
		for i, s := range shown[:min(len(shown), maxKeys)] {
			k.row(i+1, s)
		}
		if n := len(shown) - maxKeys; n > 0 {
			k.t.Say("  and %d more: type a part of a name, an address or a fingerprint to see those that fit", n)
		}
		leave, err := k.choose(ctx, shown)
		if err != nil || leave {
			return err
		}
	}
}

// heading says how many keys there are, and what can be typed.
func (k *keyTalk) heading(shown int) {
	own, worry := 0, 0
	for _, s := range k.all {
		if s.Secret {
			own++
			if worries(s) {
				worry++
			}
		}
	}
	line := human.Count(len(k.all), "key") + ", " + keydeed.Counts(own, worry)
	if shown != len(k.all) {
		line = strconv.Itoa(shown) + " of " + line + "; a shows all again"
	}
	k.t.Say("%s", line)
	if len(k.all) == 0 {
		k.t.Say("A key pair is what you sign releases with. n makes one; i imports one that you have.")
	}
}

// row tells a key in short.
func (k *keyTalk) row(n int, s *keydesk.State) {
	k.t.Say("  %d  %s", n, keydeed.Called(s, s.UserID()))
	if s.Err != nil {
		k.t.Say("     ends in %s; cannot be read: %s", human.Tail(s.Fingerprint), keydeed.ReadError(s.Err))
		return
	}
	k.t.Say("     ends in %s; %s", human.Tail(s.Fingerprint), keydeed.Kind(s))
	k.t.Say("     %s; %s", keydeed.Validity(s.Expires, s.Revoked, k.Now()), publicWords(s))
	switch {
	case len(s.Findings) == 0, !s.Secret && !worries(s): // what others might do better is no worry here
		k.t.Say("     well")
	default:
		f := s.Findings[0]
		more := ""
		if n := len(s.Findings) - 1; n > 0 {
			more = ", and " + strconv.Itoa(n) + " more"
		}
		k.t.Say("     %s: %s%s", string(f.Severity), keydeed.Short(f), more)
	}
}

// publicWords is at how many places a key was published, and whether it is current there.
func publicWords(s *keydesk.State) string {
	switch n, old := len(s.Places), len(s.Stale); {
	case n == 0 && !s.Secret:
		return "not published from here"
	case n == 0:
		return "published nowhere"
	case old > 0:
		return "published at " + human.Count(n, "place") + ", " + strconv.Itoa(old) + " with an older version"
	default:
		return "published at " + human.Count(n, "place")
	}
}

// choose takes one answer at the list.
func (k *keyTalk) choose(ctx context.Context, shown []*keydesk.State) (leave bool, err error) {
	out := "leaves"
	if k.Back != "" {
		out = "goes back to " + k.Back
	}
	k.t.Say("A number chooses a key. n makes one, i imports a file, f fetches somebody's.")
	k.t.Say("w shows only what needs care, r reads them again, Enter %s.", out)
	text, err := k.t.Ask(ctx, "Key:")
	if err != nil {
		return false, err
	}
	switch n, nerr := strconv.Atoi(text); {
	case nerr == nil && len(text) < 5 && (n < 1 || n > len(shown)):
		k.t.Say("A number from 1 to %d, please.", len(shown))
		return false, nil
	case nerr == nil && len(text) < 5:
		return false, k.one(ctx, shown[n-1].Fingerprint)
	}
	switch strings.ToLower(text) {
	case "", "b":
		return true, nil
	case "n":
		return false, k.aside(ctx, nil, keydeed.Generate)
	case "i":
		return false, k.aside(ctx, nil, keydeed.Import)
	case "f":
		return false, k.aside(ctx, nil, keydeed.Fetch)
	case "r":
		return false, k.read(ctx)
	case "w":
		k.worry = true
	case "a":
		k.text, k.worry = "", false
	default:
		k.text = text
	}
	if len(k.shown()) == 0 && len(k.all) > 0 {
		k.t.Say("Nothing fits. All again:")
		k.text, k.worry = "", false
	}
	return false, nil
}
