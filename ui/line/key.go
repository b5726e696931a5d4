package line

import (
	"context"
	"errors"
	"time"

	"bulla/keys"
	"bulla/keys/store"
	"bulla/ui/component/agentword"
	"bulla/ui/component/human"
	"bulla/ui/explain"
	"bulla/workflow/keychoice"
)

// key chooses the key that signs, from a numbered table, or makes one.
func (w *walk) key(ctx context.Context) error {
	if w.c.Key != "" {
		return nil
	}
	w.t.Say("")
	choices, err := w.Session.KeyChoices(ctx)
	if err != nil {
		return err
	}
	for _, n := range choices.Notes {
		w.finding(n)
	}
	if len(choices.List) == 0 {
		w.t.Say("There is no key to sign with, in bulla's store or in GnuPG.")
		ok, err := w.t.Confirm(ctx, "Make one now?")
		if err != nil {
			return err
		}
		if !ok {
			w.t.Say("bulla keys generate makes one, too; bulla keys import FILE brings one.")
			return errLeft
		}
		if err := w.t.leadingBack(func() error { return w.newKey(ctx) }); !errors.Is(err, errBack) {
			return err
		}
		return w.key(ctx)
	}
	w.t.Say("The key that signs")
	for i, k := range choices.List {
		w.keyRow(i+1, k)
	}
	w.t.Say("  %d  make a new key", len(choices.List)+1)
	last := len(choices.List) + 1
	if w.Keys != nil {
		last++
		w.t.Say("  %d  look after the keys: back up, extend, publish, import…", last)
	}
	preset := choices.Preselected + 1
	if preset > 0 {
		w.t.Say("  Enter takes %d: %s.", preset, choices.Why)
	}
	for {
		n, err := w.t.Number(ctx, "Key", last, preset)
		if err != nil {
			return err
		}
		if n > len(choices.List)+1 {
			return w.lookAfter(ctx)
		}
		if n > len(choices.List) {
			err := w.t.leadingBack(func() error { return w.newKey(ctx) })
			if errors.Is(err, errBack) {
				continue
			}
			return err
		}
		if k := choices.List[n-1]; k.Usable {
			w.c.Key = k.Selector()
			return nil
		}
		w.t.Say("That key cannot sign: %s.", choices.List[n-1].Problem)
	}
}

// lookAfter goes to all keys, and back to the choice.
func (w *walk) lookAfter(ctx context.Context) error {
	w.changed = true // what is done there stays done
	w.t.Say("")
	if err := w.Keys(ctx); err != nil {
		return err
	}
	return w.key(ctx)
}

// keyRow prints one row of the table: the whole fingerprint, for here trust is decided.
func (w *walk) keyRow(n int, k keychoice.Choice) {
	w.t.Say("  %d  %s", n, k.UserID())
	w.t.Say("     %s", k.Fingerprint.Grouped())
	until := k.Until
	if !k.Usable {
		until = k.Expires
	}
	place := keyPlace(k.Key)
	if held := agentword.Short(k.Part, k.AgentAsked); held != "" {
		place += ", " + held
	}
	w.t.Say("     %s, %s, %s", k.Algorithm, countdown(until, w.Now()), place)
	if k.LastUsed != "" {
		w.t.Say("     signed %s", k.LastUsed)
	}
	if k.Successor != "" {
		w.t.Say("     another key follows it, which ends in %s", human.Tail(k.Successor))
	}
	for _, weak := range k.Weak {
		w.t.Say("     weak: %s", weak)
	}
	if !k.Usable {
		w.t.Say("     cannot sign: %s", k.Problem)
	}
}

// fingerprint prints a whole fingerprint, over two lines where it is too long for a terminal's one.
func (w *walk) fingerprint(indent string, f keys.Fingerprint) {
	for _, l := range human.FingerprintLines(f, w.t.room()-len(indent)) {
		w.t.Say(indent+"%s", l)
	}
}

// countdown says when a key ends and how long that is from now.
func countdown(at, now time.Time) string {
	if at.IsZero() || !now.Before(at) {
		return human.Expiry(at, now)
	}
	return human.Expiry(at, now) + " (" + human.Date(at) + ")"
}

// keyPlace says where the secret key lives.
func keyPlace(k keys.Key) string {
	switch {
	case k.Card != "":
		return "on card " + k.Card
	case k.Source == keys.SourceGnuPG:
		return "in GnuPG"
	}
	return "in bulla's store"
}

// newKey makes a key pair in bulla's store and chooses it.
func (w *walk) newKey(ctx context.Context) error {
	p := store.GenerateParams{Algorithm: "ed25519"}
	author := w.Session.Repository().Head.Author
	name := func(ctx context.Context) (err error) {
		p.Name, err = w.userID(ctx, "Your name", author.Name, func(s string) store.GenerateParams { return store.GenerateParams{Name: s} })
		return err
	}
	email := func(ctx context.Context) (err error) {
		p.Email, err = w.userID(ctx, "Your e-mail address", author.Email, func(s string) store.GenerateParams { return store.GenerateParams{Email: s} })
		return err
	}
	life := func(ctx context.Context) (err error) {
		p.Lifetime, err = w.lifetime(ctx)
		return err
	}
	if err := w.t.inOrder(ctx, nil, name, email, life); err != nil {
		return err
	}
	w.t.Say("A passphrase protects it on this computer.")
	var err error
	p.Passphrase, err = w.t.Passphrase(ctx, keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, Label: p.Name + " <" + p.Email + ">", Attempt: 1, New: true})
	if err != nil {
		return err
	}
	defer p.Passphrase.Destroy()
	w.warnWeak(p.Passphrase, keys.PurposeOpenPGP)
	made, err := w.Session.GenerateKey(ctx, p)
	var param *store.ParamError
	if errors.As(err, &param) {
		w.explain(err)
		return w.newKey(ctx)
	}
	if err != nil {
		return err
	}
	w.changed = true
	w.t.Say("Made %s", made.Key.Fingerprint.Grouped())
	w.t.Say("Its revocation certificate is %s", made.Revocation)
	w.t.Say("Keep that in another place. A backup: bulla keys backup %s -o FILE", string(made.Key.Fingerprint))
	w.c.Key = string(made.Key.Fingerprint)
	return nil
}

// warnWeak tells of a new passphrase that is easy to guess.
func (w *walk) warnWeak(s keys.Secret, purpose keys.PassphrasePurpose) {
	if weak := explain.WeakPassphrase(s, purpose); weak != "" {
		w.t.Say("Warning: %s", weak)
	}
}

// userID asks for a part of the user id until the store would take it.
func (w *walk) userID(ctx context.Context, question, preset string, as func(string) store.GenerateParams) (string, error) {
	for {
		text, err := w.t.Text(ctx, question, preset)
		if err != nil {
			return "", err
		}
		var param *store.ParamError
		if err := as(text).CheckUserID(); !errors.As(err, &param) {
			return text, nil
		}
		w.t.Say("That cannot be taken: it %s.", param.Reason)
	}
}

func (w *walk) lifetime(ctx context.Context) (time.Duration, error) {
	for {
		text, err := w.t.Text(ctx, "It expires after (2y, 18m, 90d, a date, or never)", "2y")
		if err != nil {
			return 0, err
		}
		d, err := store.ParseLifetime(text, w.Now())
		if err == nil {
			return d, nil
		}
		w.explain(err)
	}
}
