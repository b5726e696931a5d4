package keydeed

import (
	"context"
	"strconv"
	"time"

	"bulla/keys"
	"bulla/ui/backend"
	"bulla/ui/component/human"
	"bulla/workflow/keydesk"
)

// Effect is one thing that a job does, or leaves alone. Its texts are safe to show.
type Effect struct {
	Label, Text string
	Caution     bool
}

// Job is an action with all that was chosen for it. What it does is shown before it is done.
type Job struct {
	Title   string
	Effects []Effect
	// Yes names agreeing ("extend it"), Doing what is done then ("extending the key").
	Yes, Doing string
	// Typed says that agreeing is typing the end of the key's fingerprint: there is no way back.
	Typed bool
	// File is what it writes, "" for none. Where that is there already Do fails with fs.ErrExist.
	File string
	// Reads says that it leaves every key as it is.
	Reads bool
	// Do does it, once a person agreed.
	Do func(ctx context.Context, b backend.Keys, p Person) (Outcome, error)
}

// Person is who answers while a job is done.
type Person struct {
	Ask keys.AskPassphrase
	// Plain asks without an offer to keep the answer, which is typed to prove that it is known.
	Plain keys.AskPassphrase
	// Say says something beside the next question.
	Say func(string)
}

// Outcome is what became of a job. It counts beside a *keydesk.StaleMemoryError too.
type Outcome struct {
	Note string // a line about it
	// Of is a key that came, "" for the one that the job is about.
	Of keys.Fingerprint
	// Anew says that more than the job's own key has to be looked at again, Gone that it is not
	// there any more.
	Anew, Gone bool
	// Story is what is to be read then.
	Story Story
}

// Story is a text under a title. Good is what went well, before the rest. A line that begins with blanks is
// to be copied: a command, or a path.
type Story struct {
	Title, Good string
	Lines       []string
}

// Hints are what a person types for the actions that follow from others: "p" on the page, a number
// in line mode. Forget is a whole sentence.
type Hints struct{ Publish, BackUp, Undo, Forget, Revocation string }

// Subject is a key that something is done with, in the words of a face.
type Subject struct {
	State *keydesk.State
	Now   func() time.Time
	Hints Hints
}

// change makes a job of something that the store does with the key. Its work returns the line about
// it.
func (s Subject) change(title, yes, doing string, effects []Effect, work func(ctx context.Context, b backend.Keys, sel keys.Selector, ask keys.AskPassphrase) (string, error)) Job {
	sel := keys.ParseSelector(string(s.State.Fingerprint))
	return Job{Title: title, Yes: yes, Doing: doing, Effects: effects, Do: func(ctx context.Context, b backend.Keys, p Person) (Outcome, error) {
		note, err := work(ctx, b, sel, b.Remembered(p.Ask))
		return Outcome{Note: note}, err
	}}
}

// othersLearn says when others learn of a change.
func (s Subject) othersLearn() Effect {
	again := " until you publish it again (" + s.Hints.Publish + ")."
	switch n := len(s.State.Places); {
	case n == 0:
		return Effect{Label: "others", Text: "Nobody learns of it until you publish the key (" + s.Hints.Publish + ")."}
	case n == 1:
		return Effect{Label: "others", Text: "The place where the key is published keeps the old version" + again}
	default:
		return Effect{Label: "others", Text: "The " + strconv.Itoa(n) + " places where the key is published keep the old version" + again}
	}
}

func (s Subject) undoable() Effect {
	return Effect{Label: "undo", Text: s.Hints.Undo + " goes back to the key as it is now, until the next change."}
}

func (s Subject) oldBackups() Effect {
	return Effect{Label: "backups", Text: "The backups that exist do not hold the new subkey: make a new one (" + s.Hints.BackUp + ").", Caution: true}
}

// End is when a lifetime that begins now is over: never for 0.
func (s Subject) End(d time.Duration) string {
	if d == 0 {
		return "never"
	}
	return "on " + human.Date(s.Now().Add(d))
}
