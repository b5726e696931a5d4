package imagedeed

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulla/docker/dct"
	"bulla/ui/component/imageword"
	"bulla/ui/component/sheet"
	"bulla/ui/explain"
	"bulla/ui/safetext"
)

// Step is what comes next on the way to a root key that may be used.
type Step int

// The steps, in their order. No root key gets into use before a backup of it was opened as if the
// original were lost.
const (
	MakeItFirst Step = iota // there is none
	ChooseIt                // there are several
	BackItUp                // no backup of it is known
	TryBackup               // the backup was never opened
	UseIt
)

// RootStep is a step, and what it is about.
type RootStep struct {
	Step Step
	Key  dct.Key   // from BackItUp on
	Keys []dct.Key // of ChooseIt
	Dir  string    // where root keys are kept
}

// RootWay leads to a root key for some end.
type RootWay struct {
	Keeper RootKeeper
	// Can says what else is in the way, for the key of an id or "" for any; nil for nothing. What it
	// refuses for the want of a key or of a backup is what the steps mend.
	Can func(ctx context.Context, id string) error
	// Not are the ids of keys that are not meant.
	Not []string
}

// Next is the next step with the root key of an id, the beginning of one, or "" where none was chosen.
func (w RootWay) Next(ctx context.Context, id string) (RootStep, error) {
	var refusal error
	if w.Can != nil {
		refusal = w.Can(ctx, id)
	}
	var none *dct.RootKeyError
	var untried *dct.CustodyError
	if refusal != nil && !errors.As(refusal, &none) && !errors.As(refusal, &untried) {
		return RootStep{}, refusal
	}
	dir, list, err := w.Keeper.TrustFolder()
	if err != nil {
		return RootStep{}, err
	}
	list = slices.DeleteFunc(slices.Clone(list), func(k dct.Key) bool {
		return k.Role != "root" || !strings.HasPrefix(k.ID, id) || slices.Contains(w.Not, k.ID)
	})
	next := RootStep{Keys: list, Dir: dir}
	switch {
	case len(list) == 0 && id == "":
		return next, nil
	case len(list) == 0:
		return next, &dct.RootKeyError{Selector: id, Dir: dir}
	case len(list) > 1:
		next.Step = ChooseIt
		return next, nil
	}
	next.Key = list[0]
	switch c := next.Key.Backup; {
	case !c.Rehearsed.IsZero():
		next.Step = UseIt
		return next, refusal
	case c.Backup == "":
		next.Step = BackItUp
	default:
		next.Step = TryBackup
	}
	return next, nil
}

// The words on the way to a root key.
const (
	WhyBackup     = "A lost root key can never be replaced, so nothing is signed before a backup of it was opened once."
	WhereBackup   = "On a stick that goes into a drawer, not on this disk. A file that is there already is not replaced."
	WhatRehearsal = "As if the original were lost: it is read, opened, and has to sign something."
	WhoseMemory   = "Nothing that remembers passphrases is asked: it is your memory too that is tried."
	BackupOpens   = "The backup opens, and signs as the root key."
	SignerName    = "Lower-case letters, digits, dashes and underscores."
	WhichRoot     = "Which root key?"
)

// BackupOf says what is known of the backup of a root key.
func BackupOf(c dct.Custody) string {
	text, _ := imageword.Backup(c)
	return "backup: " + text
}

// BackUp writes the backup of a root key to a new file.
func BackUp(k RootKeeper, id, path string) Job {
	return Job{Doing: "writing the backup", File: path, Do: func(context.Context, Person) (Outcome, error) {
		return Outcome{Note: "Wrote " + path + ", encrypted as the key is."}, k.BackUpRoot(id, path)
	}}
}

// Rehearse opens a backup as if the original were lost: that of the root key of an id, or "" for any. Where
// it goes on then, next is told the id.
func Rehearse(k RootKeeper, id, path string, next func(id string)) Job {
	return Job{Doing: "trying the backup", Do: func(ctx context.Context, p Person) (Outcome, error) {
		out := Outcome{Note: BackupOpens, Left: "Left. The backup was not opened: nothing is signed before."}
		got, err := k.RehearseRoot(ctx, path, p.Self("From your memory, as if this computer were gone."))
		switch {
		case err != nil:
		case id != "" && got != id:
			out.Note = ""
			out.Story = Story{"It is another key", paras("The backup opens, and is that of another root key:", got, "", "Nothing was changed. Name the backup of", id)}
		case next != nil:
			next(got)
		default:
			out.Story = Story{"The backup works", paras("It opens, and signs as the root key", got, "", "Keep it apart from this computer, and its passphrase apart from it.")}
		}
		return out, err
	}}
}

// Restore takes a root key back from its backup.
func Restore(d Desk, path string) Job {
	return Job{Doing: "taking the root key back", Do: func(ctx context.Context, p Person) (Outcome, error) {
		k, err := d.RestoreRoot(ctx, path, p.Self(""))
		return Outcome{Note: "The root key is in " + k.Path}, err
	}}
}

// LoadSignerKey takes a signer's private key from a file; who may be "" where the file says it.
func LoadSignerKey(d Desk, path, who string) Job {
	return Job{Doing: "taking the key", Do: func(ctx context.Context, p Person) (Outcome, error) {
		k, err := d.LoadTrustKey(ctx, path, who, p.Ask)
		return Outcome{Note: "The key of " + k.Role + " is in " + k.Path}, err
	}}
}

// MakeRoot makes a root key; made is told its id.
func MakeRoot(k RootKeeper, dir string, made func(id string)) Job {
	return Job{
		Title: "Make a root key", Yes: "make it", Doing: "making the root key",
		Effects: []sheet.Effect{
			{Label: "what", Text: "A key that vouches for all other keys of a repository, for good. One root key may serve many repositories."},
			{Label: "kept", Text: "In " + safetext.Line(dir) + ", under a passphrase that you type next. docker trust and notary use it too."},
			{Label: "mind", Text: "2,048 rounds of PBKDF2 protect it, no more: only a long passphrase slows down who finds the file.", Caution: true},
			{Label: "next", Text: "Its backup, which is tried: nothing is signed before."},
		},
		Do: func(ctx context.Context, p Person) (Outcome, error) {
			key, _, err := k.GenerateTrustKey(ctx, "root", p.Ask)
			if err == nil {
				made(key.ID)
			}
			return Outcome{Note: "Made " + key.Path}, err
		},
	}
}

// SignerKey makes a key pair to sign with, for who is named, and writes the public half to a new file.
func SignerKey(d Desk, who, public string) Job {
	return Job{Doing: "making the key", File: public, Do: func(ctx context.Context, p Person) (Outcome, error) {
		k, err := d.MakeSignerKey(ctx, who, public, p.Ask)
		switch {
		case k.Path != "" && err != nil:
			return Outcome{}, &explain.PartialError{Done: "The private key is " + k.Path + ".", Err: err}
		case err != nil:
			return Outcome{}, err
		}
		return Outcome{Note: "Made the key of " + who + ".", Story: Story{"The key is made", paras(
			safetext.Line(k.Path), "", "Its public half, for the owner of the repository:", safetext.Line(public),
		)}}, nil
	}}
}
