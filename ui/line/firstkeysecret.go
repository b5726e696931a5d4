package line

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"bulla/keys"
	"bulla/keys/passphrase"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/ui/explain"
	"bulla/workflow/firstkey"
)

// secret asks for the passphrase: typed, or made of random words and typed from paper.
func (f *firstKey) secret(ctx context.Context, p *firstkey.Params) error {
	f.t.Say("A passphrase protects the key's file. Whoever has both signs as you.")
	f.t.Say("  1  let bulla make one of %d random words, to be written down", passphrase.Words)
	f.t.Say("  2  type one of your own")
	for {
		n, err := f.t.Number(ctx, "Passphrase", 2, 1)
		if err != nil {
			return err
		}
		if n == 1 {
			p.Passphrase, err = f.words(ctx)
		} else {
			p.Passphrase, err = f.typed(ctx, p)
		}
		if err != nil {
			return noTerminal(err)
		}
		if !p.Passphrase.IsZero() {
			return nil
		}
	}
}

// noTerminal says what to do where nobody can type unseen.
func noTerminal(err error) error {
	if errors.Is(err, keys.ErrNoPassphrase) {
		return &explain.UsageError{Message: "the new key needs a passphrase, and there is no terminal to type it on unseen", Hints: []string{"bulla keys generate --name … --email … --passphrase-fd N reads it from a file descriptor"}}
	}
	return err
}

// words makes a passphrase, shows it once, and lets it be typed. The zero Secret means another
// choice.
func (f *firstKey) words(ctx context.Context) (keys.Secret, error) {
	made, bits, err := f.Wizard.Words()
	if err != nil {
		return keys.Secret{}, err
	}
	f.prose("", fmt.Sprintf("Write these words down on paper, in this order. bulla keeps them nowhere; the terminal may keep what it showed, so clear it afterwards. They have %s", passphrase.RandomSentence(bits)))
	if err := f.t.ShowSecret(made); err != nil {
		made.Destroy()
		return keys.Secret{}, err
	}
	for tries := 0; ; tries++ {
		typed, err := f.t.readSecret(ctx, "Type them from your paper:")
		if err != nil && !errors.Is(err, errCut) {
			made.Destroy()
			return keys.Secret{}, err
		}
		same := typed.Equal(made)
		typed.Destroy()
		if same {
			return made, nil
		}
		if tries == 2 {
			made.Destroy()
			f.t.Say("Those were other words again: once more from the beginning.")
			return keys.Secret{}, nil
		}
		f.t.Say("These are not the words above. Compare them with your paper.")
	}
}

// typed lets a person type a passphrase of their own and says how strong it can be at most. The zero
// Secret means another choice.
func (f *firstKey) typed(ctx context.Context, p *firstkey.Params) (keys.Secret, error) {
	s, err := f.t.Passphrase(ctx, keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, Label: p.Name + " <" + p.Email + ">", Attempt: 1, New: true})
	if errors.Is(err, errLeft) && ctx.Err() == nil { // Ctrl+D
		err = errBack
	}
	if err != nil {
		return s, err
	}
	e := passphrase.Estimate(s, append([]string{p.Name, p.Email}, p.Also...)...)
	f.prose("  ", e.Sentence())
	f.prose("  ", passphrase.Basis)
	if e.Level != passphrase.Weak {
		return s, nil
	}
	keep, err := f.t.Confirm(ctx, "Take it all the same?")
	if err != nil || !keep {
		s.Destroy()
		return keys.Secret{}, err
	}
	return s, nil
}

// ShowSecret shows a secret on the terminal that passphrases are read from, and nowhere else. Without
// one it returns keys.ErrNoPassphrase.
func (t *Terminal) ShowSecret(s keys.Secret) error {
	if t.tty == nil {
		return keys.ErrNoPassphrase
	}
	return s.Use(func(b []byte) error {
		_, err := fmt.Fprint(t.tty.Out, "\n    ")
		if err == nil {
			_, err = t.tty.Out.Write(b)
		}
		if err == nil {
			_, err = fmt.Fprint(t.tty.Out, "\n\n")
		}
		return err
	})
}

// backUp writes a backup and rehearses it, until one works.
func (f *firstKey) backUp(ctx context.Context) error {
	f.prose("", "The file is protected by the passphrase. Afterwards it is tried as if all else were lost: restored into a throw-away store, opened with the passphrase that you type, signed with, verified.")
	err := f.toFile(ctx, "Write the backup to", firstkey.FileName(f.key.Fingerprint, "key", ".asc"), f.Wizard.BackUp, func(path string, r store.Rehearsal) {
		f.t.Say("Written to %s", path)
		f.prose("", "Restored from there, opened, signed with, verified. Copy it to a place apart from this computer.")
	})
	if err != nil {
		return err
	}
	return f.keep(ctx)
}

// toFile asks for a file until what writes it has worked.
func (f *firstKey) toFile(ctx context.Context, question, preset string, write func(context.Context, keys.Fingerprint, string, keys.AskPassphrase) (store.Rehearsal, error), say func(string, store.Rehearsal)) error {
	for {
		name, err := f.t.Text(ctx, question, preset)
		if err != nil {
			return err
		}
		path := f.Wizard.Path(name, filepath.Base(preset))
		if text := f.Wizard.Exposed(path); text != "" {
			f.prose("  ", "warning: "+text)
			if there, err := f.t.Confirm(ctx, "Write it there all the same?"); err != nil {
				return err
			} else if !there {
				continue
			}
		}
		var r store.Rehearsal
		err = busy(ctx, f.t, f.Heartbeat, "still at it", func(ctx context.Context, ask keys.AskPassphrase) (err error) {
			r, err = write(ctx, f.key.Fingerprint, path, ask)
			return err
		})
		switch {
		case err == nil:
			say(path, r)
			return nil
		case ctx.Err() != nil, errors.Is(err, context.Canceled):
			return err
		case errors.Is(err, keys.ErrNoPassphrase):
			return noTerminal(err)
		}
		explainOn(f.t, err)
	}
}

// keep offers to keep the passphrase for the next time.
func (f *firstKey) keep(ctx context.Context) error {
	var places []vault.Status
	offers, chosen := f.Wizard.Places(ctx)
	for _, p := range offers {
		usable := p.State == vault.Ready || p.State == vault.Locked || p.State == vault.NeedsSetup && p.Backend == vault.BackendFile
		if usable && p.Persistent {
			places = append(places, p)
		}
	}
	if len(places) == 0 {
		return nil
	}
	f.t.Say("Where shall the passphrase be kept for the next time?")
	f.t.Say("  1  nowhere: it is typed once each time")
	preset := 1
	for i, p := range places {
		f.t.Say("  %d  %s", i+2, p.Name)
		f.prose("     ", p.Sentence)
		if p.Backend == chosen {
			preset = i + 2
		}
	}
	n, err := f.t.Number(ctx, "Place", len(places)+1, preset)
	if err != nil || n == 1 {
		return err
	}
	if err := f.Wizard.Keep(ctx, f.key.Fingerprint, places[n-2].Backend, f.t.Passphrase); err != nil {
		if ctx.Err() != nil {
			return err
		}
		explainOn(f.t, err) // the key stands whether its passphrase is kept or not
		return nil
	}
	f.t.Say("Kept in %s.", placeWords(places[n-2]))
	return nil
}
