package line

import (
	"cmp"
	"context"
	"errors"
	"time"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/ui/component/foundkey"
	"bulla/ui/component/keydeed"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
)

func (k *keyTalk) backUp(ctx context.Context, s *keydesk.State) error {
	forms := keydeed.BackupForms()
	var form keydeed.BackupForm
	var path string
	kind := func(ctx context.Context) error {
		var items []item
		for _, f := range forms {
			items = append(items, item{f.Name, f.What})
		}
		n, err := k.pick(ctx, "What kind of backup? Each is protected by the passphrase of the key.", items)
		if err == nil {
			form = forms[n]
		}
		return err
	}
	return k.t.inOrder(ctx, nil, kind, func(ctx context.Context) (err error) {
		path, err = k.file(ctx, "File to write", keydeed.SecretName(s.Fingerprint, "backup", form.Ending))
		return err
	}, func(ctx context.Context) error { return k.propose(ctx, s, k.subject(s).BackUp(path, form)) })
}

func (k *keyTalk) exportSecret(ctx context.Context, s *keydesk.State) error {
	var path string
	return k.t.inOrder(ctx, nil, func(ctx context.Context) (err error) {
		path, err = k.file(ctx, "File to write", keydeed.SecretName(s.Fingerprint, "secret", ".asc"))
		return err
	}, func(ctx context.Context) error { return k.propose(ctx, s, k.subject(s).ExportSecret(path)) })
}

func (k *keyTalk) export(ctx context.Context, s *keydesk.State) error {
	var path string
	var others bool
	ids := s.UserIDs
	which := func(ctx context.Context) error {
		if len(s.UserIDs) < 2 {
			return nil
		}
		k.t.Say("The user ids that go with it")
		for {
			var err error
			if ids, err = k.t.UserIDs(ctx, s.UserIDs); err != nil {
				return err
			}
			if len(ids) > 0 {
				return nil
			}
			k.t.Say("%s", keydeed.NoUserIDs)
		}
	}
	more := func(ctx context.Context) (err error) {
		others, err = k.t.Confirm(ctx, "With what others certified on it, too? It tells who knows whom, and may be a flood.")
		return err
	}
	return k.t.inOrder(ctx, nil, which, more, func(ctx context.Context) (err error) {
		path, err = k.file(ctx, "File to write", keydeed.FileName(s.Fingerprint, "", ".asc"))
		return err
	}, func(ctx context.Context) error { return k.propose(ctx, s, k.subject(s).Export(path, ids, others)) })
}

func (k *keyTalk) toGnuPG(ctx context.Context, s *keydesk.State) error {
	return k.propose(ctx, s, k.subject(s).ToGnuPG())
}

func (k *keyTalk) fromGnuPG(ctx context.Context, s *keydesk.State) error {
	return k.propose(ctx, s, k.subject(s).FromGnuPG())
}

func (k *keyTalk) generate(ctx context.Context, _ *keydesk.State) error {
	err := FirstKey{Terminal: k.t, Wizard: k.Wizard, Now: k.Now, Heartbeat: k.Heartbeat}.Run(ctx)
	if errors.Is(err, explain.ErrLeft) { // q leaves, but b has come back already
		return errLeft
	}
	return errors.Join(err, k.read(ctx))
}

// importFile asks for a file and shows what it holds, until there is something in it.
func (k *keyTalk) importFile(ctx context.Context, _ *keydesk.State) error {
	var job keydeed.Job
	file := func(ctx context.Context) error {
		for {
			name, err := k.t.Text(ctx, "File with keys: public or secret, a paper backup that was typed in, or pubring.kbx", "")
			if err != nil {
				return err
			}
			err = busy(ctx, k.t, k.Heartbeat, "still looking into it", func(ctx context.Context, _ keys.AskPassphrase) (err error) {
				job, err = keydeed.ImportFile(ctx, k.Keys, k.Path(name))
				return err
			})
			if err == nil || ctx.Err() != nil {
				return err
			}
			explainOn(k.t, err)
		}
	}
	return k.t.inOrder(ctx, nil, file, func(ctx context.Context) error { return k.propose(ctx, nil, job) })
}

// publish offers to publish again where it was, or at other places.
func (k *keyTalk) publish(ctx context.Context, s *keydesk.State) error {
	p := k.publisher()
	var again, choose bool
	var c publish.Choice
	how := func(ctx context.Context) error {
		if len(s.Places) == 0 {
			return nil
		}
		ways := []item{{keydeed.AgainName, keydeed.AgainAbout(s)}, {"At other places", ""}}
		if len(s.UserIDs) > 1 {
			ways = append(ways, item{keydeed.AgainOtherIDs, keydeed.AgainOtherIDsAbout})
		}
		n, err := k.pick(ctx, "Where?", ways)
		again, choose = n != 1, n == 2
		return err
	}
	which := func(ctx context.Context) (err error) {
		if c = (publish.Choice{}); choose {
			c.UserIDs, err = k.idsAgain(ctx, s)
		}
		return err
	}
	return k.t.inOrder(ctx, nil, how, which, func(ctx context.Context) error {
		var rs []publish.Result
		var err error
		if again {
			rs, err = k.publishAgain(ctx, p, s, c)
		} else {
			rs, err = p.Publish(ctx, s.Key)
		}
		return k.published(ctx, s, rs, err)
	})
}

// idsAgain asks which user ids go to the places that have the key.
func (k *keyTalk) idsAgain(ctx context.Context, s *keydesk.State) ([]string, error) {
	k.prose("", keydeed.WhichIDsAgain)
	for {
		ids, err := k.t.userIDs(ctx, s.UserIDs, keydeed.ProposedIDs(s))
		if err != nil || len(ids) > 0 {
			return ids, err
		}
		k.t.Say("%s", keydeed.NoUserIDs)
	}
}

func (k *keyTalk) publisher() KeyPublisher {
	return KeyPublisher{Terminal: k.t, Places: k.Wizard, Heartbeat: k.Heartbeat}
}

// published takes what became of a key at the places where it was published.
func (k *keyTalk) published(ctx context.Context, s *keydesk.State, rs []publish.Result, err error) error {
	if len(rs) > 0 && k.Published != nil {
		k.Published(context.WithoutCancel(ctx), rs)
	}
	switch {
	case errors.Is(err, ErrDeclined):
		return &stoppedError{"Left. Nothing was sent."}
	case errors.Is(err, explain.ErrLeft):
		return errLeft
	case err != nil:
		return err
	case len(rs) == 0:
		k.t.Say("Nothing was sent.")
		return nil
	}
	return k.look(ctx, s.Fingerprint)
}

func (k *keyTalk) publishAgain(ctx context.Context, p KeyPublisher, s *keydesk.State, c publish.Choice) ([]publish.Result, error) {
	plan, err := k.planAgain(ctx, s, c)
	if err == nil {
		err = p.confirm(ctx, plan)
	}
	if err != nil {
		return nil, err
	}
	return p.follow(ctx, plan)
}

// planAgain is the plan for all places where a key is published; what cannot be planned is told.
func (k *keyTalk) planAgain(ctx context.Context, s *keydesk.State, c publish.Choice) (publish.Plan, error) {
	plan, problems, err := k.Keys.PlanAgain(ctx, keys.ParseSelector(string(s.Fingerprint)), c)
	if err == nil && len(plan.Items) == 0 {
		return plan, errors.Join(problems...)
	}
	for _, e := range problems {
		k.t.Say("Left out: %v", e)
	}
	return plan, err
}

// checkPlaces asks where a key is published, after saying whom.
func (k *keyTalk) checkPlaces(ctx context.Context, s *keydesk.State) error {
	k.t.fact("asked", keydeed.PlaceNames(s))
	k.t.fact("sent", keydeed.CheckSends)
	yes, err := k.t.Confirm(ctx, "Ask them?")
	if err != nil || !yes {
		return cmp.Or[error](err, errLeave)
	}
	plan, err := k.planAgain(ctx, s, publish.Choice{})
	if err != nil {
		return err
	}
	p := k.publisher()
	if _, err := p.send(ctx, plan, k.Wizard.Check); err != nil {
		return err
	}
	return k.look(ctx, s.Fingerprint)
}

const fetchTimeout = 2 * time.Minute

// fetch asks what to look for, says whom that is asked of, and shows what was found before it is kept.
func (k *keyTalk) fetch(ctx context.Context, _ *keydesk.State) error {
	var q publish.Query
	var from []publish.Target
	what := func(ctx context.Context) error {
		for {
			text, err := k.t.Text(ctx, "A fingerprint, a key id of 16 digits, an address, or the URL of a key", "")
			if err != nil {
				return err
			}
			if q, err = publish.ParseQuery(text); err == nil {
				from, err = k.Keys.FetchSources(q)
			}
			switch {
			case err != nil:
				explainOn(k.t, err)
			case len(from) == 0:
				k.t.Say("No place to ask is set; see BULLA_KEYSERVERS.")
			default:
				return nil
			}
		}
	}
	var found []publish.Found
	ask := func(ctx context.Context) error {
		k.t.Say("%s", foundkey.Query(q))
		k.prose("  ", foundkey.Asked(from))
		yes, err := k.t.Confirm(ctx, "Ask them?")
		if err != nil || !yes {
			return cmp.Or[error](err, errLeave)
		}
		found, err = k.fetchFrom(ctx, q, from)
		return err
	}
	if err := k.t.inOrder(ctx, nil, what, ask); err != nil {
		return err
	}
	return k.keep(ctx, found)
}

func (k *keyTalk) fetchFrom(ctx context.Context, q publish.Query, from []publish.Target) (found []publish.Found, err error) {
	err = busy(ctx, k.t, k.Heartbeat, "still waiting for an answer", func(ctx context.Context, _ keys.AskPassphrase) error {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		var misses []publish.Miss
		found, misses, err = k.Keys.Fetch(ctx, q, from, keydesk.PublishFace{Progress: func(e publish.Event) { k.t.Say("  %s…", e.Doing) }})
		if err == nil && len(found) == 0 {
			err = &keydesk.NotFetchedError{Query: q, Misses: misses}
		}
		return err
	})
	return found, err
}

// keep shows what was found and asks whether to keep it.
func (k *keyTalk) keep(ctx context.Context, found []publish.Found) error {
	f := found[0]
	if len(found) > 1 {
		var items []item
		for _, f := range found {
			items = append(items, item{name: foundkey.Name(f)})
		}
		n, err := k.pick(ctx, "Several keys were found. Which?", items)
		if err != nil {
			return err
		}
		f = found[n]
	}
	for _, l := range foundkey.Lines(f) {
		k.prose("  ", l)
	}
	if f.Data == nil {
		k.t.Say("It is of no use.")
		return nil
	}
	k.prose("", foundkey.Caution)
	yes, err := k.t.Confirm(ctx, "Keep it in bulla's store?")
	if err != nil || !yes {
		return cmp.Or[error](err, &stoppedError{"Left. No key was kept."})
	}
	if _, err := k.Keys.KeepFetched(ctx, f); err != nil {
		return err
	}
	k.t.Say("Kept the key %s.", f.Key.Fingerprint.Short())
	return k.read(ctx)
}
