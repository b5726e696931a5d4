package line

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/backend"
	"bulla/ui/component/placeword"
	"bulla/ui/explain"
	"bulla/workflow/firstkey"
)

// KeyPlaces is what publishing needs: methods of *firstkey.Wizard.
type KeyPlaces = backend.KeyPlaces

// KeyPublisher leads line by line through the publishing of one key.
type KeyPublisher struct {
	Terminal *Terminal
	Places   KeyPlaces
	// Heartbeat is how often work that goes on says so; 0 means five seconds.
	Heartbeat time.Duration
}

// ErrDeclined says that a person saw what would become public and did not want it.
var ErrDeclined = &explain.UsageError{Message: "nothing was sent"}

// ChooseKey lets one of several keys be chosen. The list must not be empty.
func ChooseKey(ctx context.Context, t *Terminal, list []keys.Key, now time.Time) (keys.Key, error) {
	t.Say("The key")
	for i, k := range list {
		t.Say("  %d  %s", i+1, k.UserID())
		t.Say("     %s", k.Fingerprint.Grouped())
		t.Say("     %s, %s, %s", k.Algorithm, countdown(k.Expires, now), keyPlace(k))
	}
	preset := 0
	if len(list) == 1 {
		preset = 1
	}
	n, err := t.Number(ctx, "Key", len(list), preset)
	if err != nil {
		return keys.Key{}, err
	}
	return list[n-1], nil
}

// Publish asks where a key shall be published, shows exactly what would become public, sends it once
// that is confirmed, and reads every place back. Leaving before that is explain.ErrLeft, and saying no
// to the plan ErrDeclined. It returns what became of the key at each place; none where no place was
// chosen.
func (p *KeyPublisher) Publish(ctx context.Context, k keys.Key) ([]publish.Result, error) {
	plan, err := p.plan(ctx, k)
	if err == nil && len(plan.Items) > 0 {
		err = p.confirm(ctx, plan)
	}
	if errors.Is(err, errLeft) && ctx.Err() == nil {
		return nil, explain.ErrLeft
	}
	if err != nil || len(plan.Items) == 0 {
		return nil, err
	}
	return p.follow(ctx, plan)
}

// follow publishes, and asks again for what waits, as often as the person wants.
func (p *KeyPublisher) follow(ctx context.Context, plan publish.Plan) ([]publish.Result, error) {
	rs, err := p.send(ctx, plan, p.Places.Publish)
	for err == nil && slices.ContainsFunc(rs, publish.Result.Waiting) {
		again, askErr := p.Terminal.Confirm(ctx, "Check again now? Open the link in the mail, or upload the files, first.")
		if askErr != nil || !again {
			break
		}
		rs, err = p.send(ctx, plan, p.Places.Check)
	}
	return rs, err
}

// plan asks for the places and for what becomes public, until that makes a plan.
func (p *KeyPublisher) plan(ctx context.Context, k keys.Key) (publish.Plan, error) {
	t := p.Terminal
	offers, err := p.Places.Offers(ctx, k.Fingerprint)
	if err != nil {
		return publish.Plan{}, err
	}
	t.Say("Where others can find it")
	for i, o := range offers {
		t.Say("  %d  %s", i+1, o.Target.Name())
		t.Say("     %s", o.Why)
		if o.Entry != nil {
			t.Say("     %s when it was asked last", o.Entry.Stage.String())
		}
	}
	for {
		targets, err := p.targets(ctx, offers)
		if err != nil || len(targets) == 0 {
			return publish.Plan{}, err
		}
		ids := k.UserIDs
		if len(ids) > 1 {
			t.Say("The key has several user ids. Which become public?")
			if ids, err = t.UserIDs(ctx, ids); err != nil {
				return publish.Plan{}, err
			}
			if len(ids) == 0 {
				t.Say("At least one: a key without any cannot be found by a name, and gpg refuses it.")
				continue
			}
		}
		plan, err := p.Places.Plan(ctx, k.Fingerprint, targets, ids)
		if err == nil || ctx.Err() != nil {
			return plan, err
		}
		explainOn(t, err)
	}
}

// targets reads which places are meant: numbers of the list, or the names of others.
func (p *KeyPublisher) targets(ctx context.Context, offers []firstkey.Offer) ([]publish.Target, error) {
	preset := ""
	for i, o := range offers {
		if o.Wise {
			preset = strconv.Itoa(i + 1)
		}
	}
	t := p.Terminal
	t.Say("Numbers, or names of other places: hkps://HOST, wkd:FOLDER, file:KEYS, github…")
	for {
		s, err := t.Text(ctx, "Places, or none", preset)
		if err != nil || strings.EqualFold(s, "none") {
			return nil, err
		}
		var out []publish.Target
		for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
			if chosen, e := parseSelection(f, len(offers)); e == nil && f != "none" {
				for _, i := range chosen {
					out = append(out, offers[i].Target)
				}
				continue
			}
			var target publish.Target
			if target, err = p.Places.Place(f); err != nil {
				break
			}
			out = append(out, target)
		}
		if err == nil && len(out) > 0 {
			return out, nil
		}
		if err != nil {
			explainOn(t, err)
		}
	}
}

// confirm shows the plan and asks. What is only printed needs no consent.
func (p *KeyPublisher) confirm(ctx context.Context, plan publish.Plan) error {
	t := p.Terminal
	if !slices.ContainsFunc(plan.Items, func(i publish.Item) bool { return !i.Target.Prints() }) {
		return nil
	}
	t.Say("")
	t.Say("Nothing has been sent yet. This would become public:")
	t.Say("")
	for _, l := range placeword.Plan(plan, t.room()) {
		t.Say("%s", l)
	}
	t.Say("")
	if slices.ContainsFunc(plan.Items, func(i publish.Item) bool { return i.Permanent }) {
		t.Say("Some of it is for good: it cannot be taken back.")
	}
	yes, err := t.Confirm(ctx, "Make this public?")
	if err == nil && !yes {
		return ErrDeclined
	}
	return err
}

// send publishes or checks, and tells what became of it, also when it was interrupted.
func (p *KeyPublisher) send(ctx context.Context, plan publish.Plan, do func(context.Context, publish.Plan, keys.AskPassphrase, func(publish.Event)) ([]publish.Result, error)) ([]publish.Result, error) {
	t := p.Terminal
	var rs []publish.Result
	err := busy(ctx, t, p.Heartbeat, "still waiting for an answer", func(ctx context.Context, ask keys.AskPassphrase) (err error) {
		rs, err = do(ctx, plan, ask, func(e publish.Event) { t.Say("  %s…", e.Doing) })
		return err
	})
	t.Say("")
	for _, r := range rs {
		if r.Target.Prints() && r.Err == nil {
			for _, l := range r.Lines {
				t.SayWhole("%s", l)
			}
			continue
		}
		for _, l := range placeword.Result(r, true, t.room()) {
			t.Say("%s", l)
		}
	}
	return rs, err
}

// busy runs work that may take a while and may ask for passphrases. While it goes on, and nobody
// types, a line says so now and then.
func busy(ctx context.Context, t *Terminal, every time.Duration, still string, work func(context.Context, keys.AskPassphrase) error) error {
	return busyWith(ctx, t, every, func() string { return still }, work)
}

// busyWith is busy for work that can tell how far it is.
func busyWith(ctx context.Context, t *Terminal, every time.Duration, still func() string, work func(context.Context, keys.AskPassphrase) error) error {
	if every == 0 {
		every = 5 * time.Second
	}
	typing := make(chan bool)
	done := make(chan error, 1)
	go func() {
		done <- work(ctx, func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
			typing <- true
			defer func() { typing <- false }()
			return t.Passphrase(ctx, req)
		})
	}()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	silent := false
	for {
		select {
		case silent = <-typing:
		case err := <-done:
			return err
		case <-ticker.C:
			if !silent && !t.lent.Load() {
				t.Say("  %s", still())
			}
		}
	}
}

// explainOn prints an error in the words of package explain, without its exit code.
func explainOn(t *Terminal, err error) { t.explained(explain.Error(err)) }

// explained prints an explanation.
func (t *Terminal) explained(x explain.Explanation) {
	t.Say("%s", x.Headline)
	for _, more := range append([]string{x.Cause, x.Untouched}, x.Next...) {
		if strings.TrimSpace(more) != "" {
			t.Say("  %s", more)
		}
	}
}
