package line

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"bulla/ui/component/human"
)

// version proposes the next versions; another one can be typed.
func (w *walk) version(ctx context.Context) error {
	if w.c.Version != "" {
		return nil
	}
	choices, err := w.Session.VersionChoices(ctx)
	if err != nil {
		return err
	}
	w.t.Say("")
	w.t.Say("The version")
	if choices.LatestTag != "" {
		w.t.Say("  The newest tag is %s.", choices.LatestTag)
	}
	for i, p := range choices.Proposals {
		w.t.Say("  %d  %s, tag %s: %s", i+1, p.Version, p.Tag, p.Why)
	}
	for {
		question := "Number, or the version itself:"
		if len(choices.Proposals) > 0 {
			question = "Number, or the version itself (Enter for 1):"
		}
		text, err := w.t.Ask(ctx, question)
		if err != nil {
			return err
		}
		switch {
		case text == "b", text == "back": // else it was understood
			w.t.Say("No question was asked before this one. q leaves.")
			continue
		case text == "" && len(choices.Proposals) > 0:
			text = "1"
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(choices.Proposals) {
			text = choices.Proposals[n-1].Version
		}
		if text == "" {
			w.t.Say("A version, please.")
			continue
		}
		tag, version, err := w.Session.NewTag(ctx, text)
		if err != nil {
			w.explain(err)
			continue
		}
		w.c.Version = version
		w.t.Say("The tag will be %s.", tag)
		return nil
	}
}

// maxSubjects is how many subjects of commits are shown beside a draft.
const maxSubjects = 20

// message shows the draft of the tag's message and the subjects since the last tag. A line with a
// single dot ends a message that is typed.
func (w *walk) message(ctx context.Context) error {
	if w.c.Message != "" {
		return nil
	}
	draft, err := w.Session.DraftMessage(ctx, w.c.Version)
	if err != nil {
		return err
	}
	w.t.Say("")
	if n := len(draft.Subjects); n > 0 {
		since := "Since the beginning"
		if draft.Since != "" {
			since = "Since " + draft.Since
		}
		w.t.Say("%s: %s", since, human.Count(n, "commit"))
		for _, s := range draft.Subjects[:min(n, maxSubjects)] {
			w.t.Say("  %s", s.Subject)
		}
		if n > maxSubjects {
			w.t.Say("  and %d more", n-maxSubjects)
		}
	}
	w.t.Say("The message of the tag")
	for l := range strings.SplitSeq(draft.Text, "\n") {
		w.t.SayWhole("  | %s", l)
	}
	w.t.Say("Enter keeps it. Or type another, line by line; a line with only a dot ends it.")
	text, err := w.t.Ask(ctx, "Message, line 1:")
	if err != nil {
		return err
	}
	if text == "" || text == "." {
		w.c.Message = draft.Text
		return nil
	}
	lines := []string{text}
	for {
		// Not Ask: q is a line like any other here, and spaces at its beginning are the writer's.
		w.t.print(fmt.Sprintf("Line %d, or a dot to end: ", len(lines)+1))
		l, err := w.t.readLine(ctx)
		if err != nil {
			return err
		}
		if strings.TrimSpace(l) == "." {
			w.c.Message = strings.TrimRight(strings.Join(lines, "\n"), "\n")
			w.t.Say("The message has %s.", human.Count(strings.Count(w.c.Message, "\n")+1, "line"))
			return nil
		}
		lines = append(lines, l)
	}
}

// push asks whether the tag leaves this computer at the end.
func (w *walk) push(ctx context.Context) error {
	if w.c.Push {
		return nil
	}
	w.t.Say("")
	var err error
	w.c.Push, err = w.t.Confirm(ctx, "Push the tag at the end?")
	return err
}
