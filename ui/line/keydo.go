package line

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"bulla/keys"
	"bulla/ui/component/human"
	"bulla/ui/component/keydeed"
	"bulla/ui/explain"
	"bulla/workflow/keydesk"
)

// asks is what asks for all that an action needs to know, and does it.
func (k *keyTalk) asks() map[keydeed.Action]func(context.Context, *keydesk.State) error {
	return map[keydeed.Action]func(context.Context, *keydesk.State) error{
		keydeed.Extend: k.extend, keydeed.ExtendEverywhere: k.extendEverywhere, keydeed.BackUp: k.backUp, keydeed.Passphrase: k.passphrase, keydeed.Renew: k.renew,
		keydeed.Revocation: k.revocation, keydeed.Undo: k.undo, keydeed.Forget: k.forget,
		keydeed.Publish: k.publish, keydeed.CheckPlaces: k.checkPlaces, keydeed.Export: k.export,
		keydeed.AddUserID: k.addUserID, keydeed.PrimaryUserID: k.primaryUserID, keydeed.RevokeUserID: k.revokeUserID,
		keydeed.AddSubkey: k.addSubkey, keydeed.RotateSubkey: k.rotateSubkey, keydeed.RevokeSubkey: k.revokeSubkey,
		keydeed.ToGnuPG: k.toGnuPG, keydeed.FromGnuPG: k.fromGnuPG, keydeed.ExportSecret: k.exportSecret,
		keydeed.Succeed: k.succeed, keydeed.Revoke: k.revoke, keydeed.Delete: k.deleteIt, keydeed.Aside: k.asideIt,
		keydeed.Generate: k.generate, keydeed.Import: k.importFile, keydeed.Fetch: k.fetch,
	}
}

// subject is a key, for jobs.
func (k *keyTalk) subject(s *keydesk.State) keydeed.Subject {
	return keydeed.Subject{State: s, Now: k.Now, Hints: keydeed.Hints{
		Publish: number(keydeed.Publish), BackUp: number(keydeed.BackUp), Undo: number(keydeed.Undo),
		Forget: number(keydeed.Forget) + " forgets it.", Revocation: number(keydeed.Revocation),
	}}
}

// propose shows what a job does to a key, nil for none, and does it once the person agreed. A file
// that is there already is errBack, to the question for its name.
func (k *keyTalk) propose(ctx context.Context, s *keydesk.State, j keydeed.Job) error {
	k.t.Say("")
	k.t.Say("%s. Nothing has been done yet.", strings.TrimSuffix(j.Title, "?"))
	if s != nil {
		k.t.Say("  %s", keydeed.Called(s, s.UserID()))
		for _, l := range human.FingerprintLines(s.Fingerprint, 77) {
			k.t.Say("  %s", l)
		}
	}
	for _, e := range j.Effects {
		k.t.fact(e.Label, e.Text)
	}
	if err := k.agree(ctx, s, j); err != nil {
		return err
	}
	var out keydeed.Outcome
	k.t.Say("%s…", keydeed.Sentence(j.Doing))
	err := busy(ctx, k.t, k.Heartbeat, "still at it", func(ctx context.Context, ask keys.AskPassphrase) (err error) {
		out, err = j.Do(ctx, k.Keys, keydeed.Person{Ask: k.warning(ask), Plain: k.warning(ask), Say: func(text string) { k.t.Say("%s", text) }})
		return err
	})
	var stale *keydesk.StaleMemoryError // it was changed all the same
	switch {
	case j.File != "" && errors.Is(err, fs.ErrExist):
		k.t.Say("Nothing was written: %s is there already. Give another name.", filepath.Base(j.File))
		return errBack
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.Canceled):
		return &stoppedError{"Left. Nothing was changed."}
	case errors.As(err, &stale):
		explainOn(k.t, err)
	case err != nil:
		return err
	}
	return k.done(ctx, s, j, out)
}

// done tells what became of a job, and looks at the keys again.
func (k *keyTalk) done(ctx context.Context, s *keydesk.State, j keydeed.Job, out keydeed.Outcome) error {
	if out.Note != "" {
		k.t.Say("%s", out.Note)
	}
	if out.Story.Title != "" {
		k.t.Say("%s", out.Story.Title)
		for _, l := range append([]string{out.Story.Good}, out.Story.Lines...) {
			switch {
			case strings.HasPrefix(l, " "):
				k.t.SayWhole("%s", l)
			case l != "":
				k.prose("  ", l)
			}
		}
	}
	switch {
	case j.Reads:
		return nil
	case out.Anew, s == nil:
		return k.read(ctx)
	}
	return k.look(ctx, s.Fingerprint)
}

// agree asks whether a job shall be done. No is errLeave.
func (k *keyTalk) agree(ctx context.Context, s *keydesk.State, j keydeed.Job) error {
	word := ""
	if j.Typed {
		word = human.Tail(s.Fingerprint)
	}
	yes, err := k.t.agree(ctx, j.Yes, word, "the end of the fingerprint")
	if err == nil && !yes {
		return errLeave
	}
	return err
}

// errLeave is no to what was shown.
var errLeave = &stoppedError{"Left. Nothing was changed."}

// warning tells of a new passphrase that is easy to guess.
func (k *keyTalk) warning(ask keys.AskPassphrase) keys.AskPassphrase {
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		s, err := ask(ctx, req)
		if err == nil && req.New {
			if weak := explain.WeakPassphrase(s, req.Purpose); weak != "" {
				k.t.Say("Warning: %s", weak)
			}
		}
		return s, err
	}
}

// pick lets one of several things be chosen by its number. Enter goes back.
func (k *keyTalk) pick(ctx context.Context, question string, items []item) (int, error) {
	k.t.Say("%s", question)
	for i, it := range items {
		k.t.Say("  %d  %s", i+1, it.name)
		if it.about != "" {
			k.prose("     ", it.about)
		}
	}
	for {
		text, err := k.t.Ask(ctx, "Number, or Enter to go back:")
		if err != nil {
			return 0, err
		}
		if text == "" {
			return 0, errBack
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(items) {
			return n - 1, nil
		}
		k.t.Say("A number from 1 to %d, please.", len(items))
	}
}

// item is one of several things to choose from.
type item struct{ name, about string }

// file asks for the name of a file that is not there yet.
func (k *keyTalk) file(ctx context.Context, question, preset string) (string, error) {
	for {
		name, err := k.t.Text(ctx, question, preset)
		if err != nil {
			return "", err
		}
		path := k.Path(name)
		if _, err := os.Lstat(path); err != nil {
			return path, nil
		}
		k.t.Say("%s is there already, and is not replaced. Give another name.", path)
	}
}
