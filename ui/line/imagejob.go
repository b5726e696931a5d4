package line

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"bulla/ui/component/human"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/keydeed"
	"bulla/ui/component/layout"
	"bulla/ui/component/sheet"
)

// jobs shows on a terminal what a job does, and does it.
type jobs struct {
	t *Terminal
	// work does something that may take a while and may ask for passphrases; still says what it is at.
	work func(ctx context.Context, still string, do func(context.Context, imagedeed.Person) error) error
}

// errTaken says that the file that a job writes is there already: another name is wanted.
var errTaken = errors.New("the file is there already")

// propose shows what a job does, and does it once the person agreed; else it is errStopped.
func (d jobs) propose(ctx context.Context, j imagedeed.Job) (imagedeed.Outcome, error) {
	d.t.Say("")
	d.t.Say("%s. Nothing has been done yet.", j.Title)
	for _, l := range append([]string{j.Name}, j.IDs...) {
		if l != "" {
			d.t.Say("  %s", l)
		}
	}
	for _, e := range j.Effects {
		d.t.effect(e)
	}
	yes, err := d.t.agree(ctx, j.Yes, j.Word, j.WordIs)
	if err == nil && !yes {
		err = errStopped
	}
	if err != nil {
		return imagedeed.Outcome{}, err
	}
	return d.carryOut(ctx, j)
}

// carryOut does a job, and tells what became of it; its error is the caller's to tell.
func (d jobs) carryOut(ctx context.Context, j imagedeed.Job) (out imagedeed.Outcome, err error) {
	d.t.Say("%s…", keydeed.Sentence(j.Doing))
	err = d.work(ctx, "still at it", func(ctx context.Context, p imagedeed.Person) (err error) {
		out, err = j.Do(ctx, p)
		return err
	})
	if j.File != "" && errors.Is(err, fs.ErrExist) {
		d.t.Say("Nothing was written: %s is there already. Give another name.", filepath.Base(j.File))
		return out, errTaken
	}
	switch {
	case err == nil && out.Note != "" && out.Story.Title == "": // else the story says it
		d.t.Say("%s", out.Note)
	case errors.Is(err, errStopped) && out.Left != "":
		d.t.Say("%s", out.Left)
	}
	if out.Story.Title != "" {
		d.t.story(out.Story)
	}
	if err == nil && out.NewRoot && out.Trust != nil {
		for _, c := range out.Trust.Root.Certificates {
			d.t.Say("The root certificate, for those who verify:")
			d.t.Say("  %s", c.ID)
		}
	}
	return out, err
}

// agree asks whether something shall be done, which yes names: with a word to type, which is wordIs, where
// there is no way back.
func (t *Terminal) agree(ctx context.Context, yes, word, wordIs string) (bool, error) {
	if word == "" {
		return t.Confirm(ctx, keydeed.Sentence(yes)+"?")
	}
	plain := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	for {
		question := "Type " + word + ", " + wordIs + ", to " + yes + "; Enter leaves it:"
		if len(question) > 79 {
			t.prose("", "Type "+word+", "+wordIs+", to "+yes+".")
			question = "Enter leaves it:"
		}
		text, err := t.Ask(ctx, question)
		switch {
		case err != nil:
			return false, err
		case text == "":
			return false, nil
		case strings.EqualFold(plain(text), plain(word)):
			return true, nil
		}
		t.Say("That is not it. Nothing was changed.")
	}
}

// story tells a story.
func (t *Terminal) story(s imagedeed.Story) {
	t.Say("%s", s.Title)
	for _, r := range s.Rows {
		switch r.Kind {
		case imagedeed.Space:
			t.Say("")
		case imagedeed.Fact, imagedeed.Judged:
			t.effect(r.Effect)
		case imagedeed.Reference:
			t.Say("  %s%s", r.Label, r.Text)
		case imagedeed.Verbatim:
			t.Say("%s", r.Text)
		case imagedeed.ShortID:
			t.Say("    %s...%s", imagedeed.Short(r.ID), r.Text)
		case imagedeed.Explained:
			t.explained(r.X)
		default:
			t.prose("  ", r.Text)
		}
	}
}

// effect prints what something does, or leaves alone. Whole ids stand on lines of their own.
func (t *Terminal) effect(e sheet.Effect) {
	whole := human.FingerprintLines(e.Key, 75)
	if e.ID != "" {
		whole = []string{e.ID}
	}
	if e.Key == "" && e.ID == "" {
		t.fact(e.Label, e.Text)
		return
	}
	if e.Label != "" {
		t.Say("  %s:", e.Label)
	}
	for _, l := range whole {
		t.Say("    %s", l)
	}
}

// fact prints what belongs to a word. What must not be broken, such as a path, stands on a line of its own.
func (t *Terminal) fact(label, text string) {
	if text == "" {
		return
	}
	long := !strings.Contains(text, " ") && len(label)+len(text) > 70
	switch {
	case long && label != "":
		t.Say("  %s:", label)
		fallthrough
	case long:
		t.Say("    %s", text)
		return
	case label != "":
		text = label + ": " + text
	}
	for i, l := range layout.Wrap(text, t.room()-4) {
		t.Say(map[bool]string{true: "  %s", false: "    %s"}[i == 0], l)
	}
}

// prose prints a paragraph in lines that fit a terminal of 80 columns; a single word is never broken.
func (t *Terminal) prose(indent, text string) {
	if !strings.Contains(text, " ") {
		t.Say(indent+"%s", text)
		return
	}
	for _, l := range layout.Wrap(text, t.room()-len(indent)) {
		t.Say(indent+"%s", l)
	}
}
