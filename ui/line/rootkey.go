package line

import (
	"context"
	"errors"

	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/component/imagedeed"
)

// RootKey leads a person on a terminal to a root key of Content Trust whose backup was tried.
type RootKey struct {
	Terminal *Terminal
	Keeper   imagedeed.RootKeeper
	// Path makes the name of a file, as it was typed, absolute.
	Path func(string) string
	// Work does something that may take a while and may ask for passphrases; still says what it is at.
	Work func(ctx context.Context, still string, do func(context.Context, imagedeed.Person) error) error
}

// Declined reports whether an error is that a person did not agree to what was shown.
func Declined(err error) bool { return errors.Is(err, errStopped) }

func (r RootKey) jobs() jobs { return jobs{r.Terminal, r.Work} }

// Lead asks for one step after the other, from the root key of an id, the beginning of one or "" on.
// Errors are those of way, and of the person who leaves or does not agree.
func (r RootKey) Lead(ctx context.Context, way imagedeed.RootWay, id string) (dct.Key, error) {
	for {
		var s imagedeed.RootStep
		err := r.Work(ctx, "still asking the trust server", func(ctx context.Context, _ imagedeed.Person) (err error) {
			s, err = way.Next(ctx, id)
			return err
		})
		if err != nil {
			return dct.Key{}, err
		}
		switch s.Step {
		case imagedeed.MakeItFirst:
			other := ""
			if len(way.Not) > 0 {
				other = "other "
			}
			r.Terminal.Say("There is no %sroot key here.", other)
			id, err = r.Make(ctx, s.Dir)
		case imagedeed.ChooseIt:
			id, err = r.Choose(ctx, s.Keys)
		case imagedeed.BackItUp:
			id, err = s.Key.ID, r.BackUp(ctx, s.Key.ID)
		case imagedeed.TryBackup:
			id, err = s.Key.ID, r.Rehearse(ctx, s.Key.ID, s.Key.Backup.Backup)
		default:
			return s.Key, nil
		}
		if err != nil {
			return dct.Key{}, err
		}
	}
}

// Make makes a root key in the folder dir.
func (r RootKey) Make(ctx context.Context, dir string) (id string, err error) {
	_, err = r.jobs().propose(ctx, imagedeed.MakeRoot(r.Keeper, dir, func(made string) { id = made }))
	return id, err
}

// Choose lets the person choose one of several root keys.
func (r RootKey) Choose(ctx context.Context, list []dct.Key) (string, error) {
	r.Terminal.Say(imagedeed.WhichRoot)
	for i, k := range list {
		r.Terminal.Say("  %d  %s", i+1, k.ID)
		r.Terminal.prose("     ", imagedeed.BackupOf(k.Backup))
	}
	n, err := r.Terminal.Number(ctx, "Root key", len(list), 0)
	if err != nil {
		return "", err
	}
	return list[n-1].ID, nil
}

// BackUp writes the backup of a root key to a file that the person names.
func (r RootKey) BackUp(ctx context.Context, id string) error {
	r.Terminal.prose("", imagedeed.WhyBackup)
	r.Terminal.prose("", imagedeed.WhereBackup)
	return r.again(ctx, "The file for the backup", "", func(path string) (bool, error) {
		_, err := r.jobs().carryOut(ctx, imagedeed.BackUp(r.Keeper, id, path))
		return err == nil, err
	})
}

// Rehearse opens the backup of a root key as if the original were lost; id is "" for that of any.
func (r RootKey) Rehearse(ctx context.Context, id, backup string) error {
	r.Terminal.Say("Now try the backup.")
	r.Terminal.prose("", imagedeed.WhatRehearsal+" "+imagedeed.WhoseMemory)
	return r.again(ctx, "The file to open", backup, func(path string) (opened bool, err error) {
		_, err = r.jobs().carryOut(ctx, imagedeed.Rehearse(r.Keeper, id, path, func(string) { opened = true }))
		return opened, err
	})
}

// again asks for a file until do is done with it. What it ends in is told, unless the person stopped it.
func (r RootKey) again(ctx context.Context, question, preset string, do func(path string) (done bool, err error)) error {
	for {
		path, err := r.Terminal.Text(ctx, question, preset)
		if err != nil {
			return err
		}
		done, err := do(r.Path(path))
		switch {
		case done:
			return nil
		case errors.Is(err, errStopped), errors.Is(err, context.Canceled), errors.Is(err, keys.ErrNoPassphrase):
			return err
		case err != nil && !errors.Is(err, errTaken):
			explainOn(r.Terminal, err)
		}
	}
}
