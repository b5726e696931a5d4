package release

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/human"
	"bulla/ui/component/layout"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
)

// unfinishedView offers what to do with a release that a former run began.
type unfinishedView struct {
	*state
	left *workflow.Unfinished
}

// running is why nothing can be done about it now, or "".
func (v *unfinishedView) running() string {
	if v.left.Running {
		return "another bulla is at work on it right now"
	}
	return ""
}

func (v *unfinishedView) key(msg tea.KeyMsg) next {
	switch {
	case key.Matches(msg, v.keys.Quit):
		return nextQuit
	case key.Matches(msg, v.keys.Choose):
		return nextAgain
	case key.Matches(msg, v.keys.Resume, v.keys.Undo):
		if why := v.running(); why != "" {
			v.note = capitalized(why) + "."
			return nextNothing
		}
		if key.Matches(msg, v.keys.Undo) {
			return nextUndo
		}
		return nextResume
	}
	return nextNothing
}

func (v *unfinishedView) view(w, _ int) []string {
	t := v.theme
	ago := human.Span(v.now().Sub(v.left.Began))
	out := []string{t.Icon(theme.Waiting) + " " + t.Strong.Render("The release of "+safetext.Line(v.left.Tag)+" was begun "+ago+" ago and not finished."), ""}
	for _, d := range v.left.Done {
		out = append(out, "  "+t.Icon(theme.Done)+" "+t.Muted.Render("done ")+" "+safetext.Line(d))
	}
	for _, l := range v.left.Left {
		out = append(out, "  "+t.Icon(theme.Pending)+" "+t.Muted.Render("to do")+" "+safetext.Line(l))
	}
	out = append(out, "")
	if why := v.running(); why != "" {
		out = append(out, t.Caution.Render("! "+capitalized(why)+".")+" Enter looks again.")
	} else {
		out = append(out, "  "+t.Accent.Render("r")+" goes on where it stopped; what is right already is kept",
			"  "+t.Accent.Render("t")+" takes back what can be taken back: the tag and the signatures",
			"  "+t.Accent.Render("q")+" leaves it as it is")
	}
	for i := range out {
		out[i] = layout.Cut(out[i], w, t.Signs.Ellipsis)
	}
	return out
}

func (v *unfinishedView) hints() []keymap.Hint {
	return []keymap.Hint{
		keymap.Unless(v.running(), v.keys.Resume, ""), keymap.Unless(v.running(), v.keys.Undo, ""),
		keymap.On(v.keys.Choose, "look again"), keymap.On(v.keys.Help, ""), keymap.On(v.keys.Quit, ""),
	}
}
