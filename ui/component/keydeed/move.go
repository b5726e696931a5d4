package keydeed

import (
	"context"
	"errors"

	"bulla/keys"
	"bulla/keys/atomicfile"
	"bulla/keys/store"
	"bulla/ui/backend"
	"bulla/ui/component/human"
	"bulla/ui/safetext"
	"bulla/workflow/keydesk"
)

// BackupForm is a form that a backup can be written in.
type BackupForm struct {
	Form               keydesk.BackupForm
	Name, Ending, What string
}

// BackupForms are the forms of backups, in the order in which a person is best asked.
func BackupForms() []BackupForm {
	return []BackupForm{
		{keydesk.BackupArmored, "file", ".asc", "The secret key in armor, as gpg writes it too."},
		{keydesk.BackupPaperText, "paper", ".txt", "Numbered lines with checksums, to print and to type in again."},
		{keydesk.BackupPaperHTML, "paper with QR codes", ".html", "Numbered lines and QR codes, to print from a browser."},
	}
}

// BackUp writes a backup to a file and tries it.
func (s Subject) BackUp(path string, form BackupForm) Job {
	return s.backUp("Back the key up", "back it up", path, form)
}

// ExportSecret writes the secret key to a file, and tries it as it tries a backup.
func (s Subject) ExportSecret(path string) Job {
	j := s.backUp("Export the secret key", "export it", path, BackupForm{Form: keydesk.BackupArmored, What: "The whole secret key. gpg --import and bulla keys import read it."})
	j.Effects = append(j.Effects, Effect{Label: "mind", Text: "Whoever has the file and the passphrase has the key, and can sign in your name. Delete the file once it is where it belongs.", Caution: true})
	return j
}

func (s Subject) backUp(title, yes, path string, form BackupForm) Job {
	readable := Effect{Label: "readable", Text: "By you alone, and of use only with the passphrase."}
	if unprotected(s.State) {
		readable = Effect{Label: "readable", Text: "By you alone on this computer. The key is under no passphrase: whoever finds the file has it.", Caution: true}
	}
	j := Job{Title: title, Yes: yes, Doing: "writing the backup and trying it", File: path, Effects: []Effect{
		{Label: "file", Text: safetext.Line(path)},
		{Label: "holds", Text: form.What},
		readable,
		{Label: "tried", Text: "It is restored into a throw-away store, opened, and signs something that is then verified. The passphrase is asked for twice, to write and to try."},
		{Label: "stays", Text: "The key is not changed."},
	}}
	if text := keydesk.Exposed(path); text != "" {
		j.Effects = append(j.Effects, Effect{Label: "mind", Text: safetext.Line(text), Caution: true})
	}
	sel := keys.ParseSelector(string(s.State.Fingerprint))
	j.Do = func(ctx context.Context, b backend.Keys, p Person) (Outcome, error) {
		asked := 0
		// One that a vault knows would prove nothing for the day when this computer is gone.
		ask := func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
			if asked++; asked > 1 && req.Attempt == 1 {
				p.Say("Once more, to try the backup.")
			}
			return p.Plain(ctx, req)
		}
		done, err := b.BackUp(ctx, sel, path, form.Form, false, ask)
		return Outcome{Story: rehearsed(done, safetext.Line(path))}, err
	}
	return j
}

// rehearsed tells what was tried with a backup.
func rehearsed(done store.Rehearsal, path string) Story {
	lines := []string{copyable + path, "", "It was restored, opened, signed with, and the signature was verified.", "Keep it apart from this computer, and its passphrase apart from it."}
	if !done.Protected {
		lines = append(lines, "", "It is under no passphrase: whoever finds it has the key.")
	}
	return Story{Title: "The backup works", Good: "Written and tried.", Lines: lines}
}

// NoUserIDs says why a key is not given away without any user id.
const NoUserIDs = "Without any user id nobody can tell whose key it is, and gpg refuses it."

// Export writes the public key to a file, with some of its user ids or all of them.
func (s Subject) Export(path string, ids []string, thirdParty bool) Job {
	p := store.PublicParams{ThirdParty: thirdParty}
	out := without(s.State.UserIDs, ids)
	if len(out) > 0 {
		p.UserIDs = ids
	}
	effects := []Effect{{Label: "file", Text: safetext.Line(path)}}
	effects = append(effects, listed("user id", ids)...)
	effects = append(effects, listed("not in it", out)...)
	effects = append(effects, Effect{Label: "subkeys", Text: human.Count(len(s.State.Subkeys), "subkey") + ", and what the owner of the key signed on it"})
	if thirdParty {
		effects = append(effects, Effect{Label: "others", Text: "What others certified on it, too: it tells who knows whom.", Caution: true})
	}
	sel := keys.ParseSelector(string(s.State.Fingerprint))
	return Job{Title: "Export the public key", Yes: "write it", Doing: "writing the public key", File: path, Reads: true, Effects: effects, Do: func(ctx context.Context, b backend.Keys, _ Person) (Outcome, error) {
		data, err := b.ExportPublicWith(ctx, sel, p)
		if err == nil {
			err = atomicfile.Create(path, data, 0o644)
		}
		return Outcome{Note: "Wrote the public key to " + safetext.Line(path) + "."}, err
	}}
}

// listed makes an effect of each user id, with the label before the first.
func listed(label string, ids []string) (out []Effect) {
	for i, id := range ids {
		if i > 0 {
			label = ""
		}
		out = append(out, Effect{Label: label, Text: UserID(id)})
	}
	return out
}

// ImportFile looks into a file and makes the job of importing what it holds.
func ImportFile(ctx context.Context, b backend.Keys, path string) (Job, error) {
	list, err := b.PreviewImport(ctx, path)
	var skipped *store.SkippedError
	if err != nil && (!errors.As(err, &skipped) || len(list) == 0) {
		return Job{}, err
	}
	return Job{Title: "Import these keys?", Yes: "import them", Doing: "importing", Effects: importEffects(list, skipped), Do: func(ctx context.Context, b backend.Keys, _ Person) (Outcome, error) {
		list, err := b.ImportFile(ctx, path)
		if err != nil && (!errors.As(err, &skipped) || len(list) == 0) {
			return Outcome{}, err
		}
		n := map[string]int{}
		for _, i := range list {
			n[importLabel(i)]++
		}
		out := Outcome{Note: human.Count(n["new"], "new key") + ", " + human.Count(n["learns"], "key") + " learned something, " + human.Count(n["known"], "key") + " known already.", Anew: true}
		if len(list) > 0 {
			out.Of = list[0].Key.Fingerprint
		}
		return out, nil
	}}, nil
}

func importEffects(list []store.Imported, skipped *store.SkippedError) (out []Effect) {
	for _, i := range list {
		out = append(out, Effect{Label: importLabel(i), Text: UserID(i.Key.UserID())}, Effect{Text: i.Key.Fingerprint.Grouped()})
		if i.HasSecret {
			out = append(out, Effect{Text: "with its secret key, which stays under the passphrase that it has"})
		}
	}
	if skipped != nil {
		for _, e := range skipped.Skipped {
			out = append(out, Effect{Label: "left out", Text: safetext.Line(e.Error()), Caution: true})
		}
	}
	return append(out, Effect{Label: "mind", Text: "A key in a file says nothing about whose it is: compare the fingerprint with one that you have from elsewhere."})
}

func importLabel(i store.Imported) string {
	switch {
	case i.New:
		return "new"
	case i.Changed:
		return "learns"
	}
	return "known"
}

// ToGnuPG copies the key to GnuPG.
func (s Subject) ToGnuPG() Job {
	return s.copied(s.change("Copy the key to GnuPG", "copy it", "copying the key to GnuPG", []Effect{
		{Label: "then", Text: "GnuPG has the public and the secret key, under the passphrase that it has here. Where it was never used, its home is made."},
		{Label: "stays", Text: "bulla's store keeps its own. A change in one place does not reach the other."},
		{Label: "mind", Text: "GnuPG trusts no key by itself: gpg --edit-key … trust says that it is yours."},
	}, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		_, err := b.ToGnuPG(ctx, sel, ask)
		return "GnuPG has the key now.", err
	}))
}

// FromGnuPG copies the key from GnuPG to bulla's store.
func (s Subject) FromGnuPG() Job {
	return s.copied(s.change("Copy the key from GnuPG", "copy it", "copying the key from GnuPG", []Effect{
		{Label: "then", Text: "bulla's store has the public and the secret key, under the passphrase that it has in GnuPG."},
		{Label: "stays", Text: "GnuPG keeps its own: gpg --delete-secret-keys removes it there. What is on a card stays on the card."},
		{Label: "next", Text: "Make a backup (" + s.Hints.BackUp + ") and a revocation certificate (" + s.Hints.Revocation + "): bulla has none of it."},
	}, func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error) {
		_, err := b.FromGnuPG(ctx, sel, ask)
		return "bulla's store has the key now. Make a backup (" + s.Hints.BackUp + ").", err
	}))
}

// copied is a job after which GnuPG has to be looked at again.
func (s Subject) copied(j Job) Job {
	do := j.Do
	j.Do = func(ctx context.Context, b backend.Keys, p Person) (Outcome, error) {
		out, err := do(ctx, b, p)
		out.Of, out.Anew = s.State.Fingerprint, err == nil
		return out, err
	}
	return j
}
