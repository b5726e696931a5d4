package images

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/keys/atomicfile"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/imagedeed"
	"bulla/ui/dialog"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// decide asks the gate about the chosen image.
func (m *Model) decide() tea.Cmd { return m.decideBy(m.reference(), nil) }

// decideBy asks the gate about an image. By, where it is not empty, must vouch, whatever the policy says.
func (m *Model) decideBy(ref docker.Reference, by []policy.System) tea.Cmd {
	d := m.o.Desk
	return m.begin("deciding on "+imagedeed.TagName(ref), func(ctx context.Context, _ *errand.Errand) ending {
		out, err := imagedeed.Decide(ctx, d, ref, by)
		end := ending{err: err}
		if err == nil {
			end.note = ref.String() + ": " + imagedeed.OutcomeWord(out.Outcome) + "."
			told := m.handingStory(imagedeed.Decided(ref.String(), out, len(by) > 0), out.Pull.String())
			told.others = func() tea.Cmd { return m.chooseVouchers(ref) }
			end.tell = told
			if out.Tag.Reference.String() == ref.String() {
				end.seen = []images.Tag{out.Tag}
			}
		}
		return end
	})
}

// chooseVouchers lets the person choose who must vouch for an image.
func (m *Model) chooseVouchers(ref docker.Reference) tea.Cmd {
	var items []dialog.Item
	for _, v := range imagedeed.Vouchers() {
		items = append(items, dialog.Item{Name: v.Name, About: v.About, Do: func() tea.Cmd { return m.decideBy(ref, v.By) }})
	}
	m.o.Dialogs.Push(dialog.NewMenu(imagedeed.WhoVouches, items))
	return nil
}

// hands is a message with a text that can be taken along.
type hands struct {
	*dialog.Message
	m    *Model
	text string // "" for none
	name string // proposed for a file, "" for none
	// others lets the person choose who must vouch; nil where there is no choice.
	others func() tea.Cmd
}

// handing makes a message with a text to copy, or to print after leaving.
func (m *Model) handing(title, text string, draw func(t theme.Theme, w int) []string) *hands {
	return &hands{Message: dialog.NewMessage(title, draw), m: m, text: text}
}

// handingStory is handing for a story.
func (m *Model) handingStory(s imagedeed.Story, text string) *hands {
	return m.handing(s.Title, text, func(t theme.Theme, w int) []string { return drawn(s, t, w) })
}

// Key copies, prints, saves, or is the message's.
func (h *hands) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	switch {
	case !msg.Paste && h.others != nil && key.Matches(msg, h.m.keys.Gate):
		return true, h.others()
	case msg.Paste || h.text == "":
	case key.Matches(msg, h.m.keys.Copy):
		return false, h.m.copyText(h.text)
	case key.Matches(msg, h.m.keys.Print) && h.m.o.Print != nil:
		h.m.o.Print(h.text)
		h.m.Note = "It will be printed after you leave."
		return false, nil
	case key.Matches(msg, h.m.keys.Save) && h.name != "":
		return true, h.m.save(h.text, h.name)
	}
	return h.Message.Key(msg)
}

// Hints are the keys.
func (h *hands) Hints() []keymap.Hint {
	list := h.Message.Hints()
	if h.others != nil {
		list = append(list, keymap.On(h.m.keys.Gate, "who must vouch"))
	}
	if h.text == "" {
		return list
	}
	off := ""
	if h.m.o.Copy == nil {
		off = "this terminal has no clipboard"
	}
	out := []keymap.Hint{keymap.Unless(off, h.m.keys.Copy, "copy")}
	if h.name != "" {
		out = append(out, keymap.On(h.m.keys.Save, ""))
	}
	if h.m.o.Print != nil {
		out = append(out, keymap.On(h.m.keys.Print, ""))
	}
	return append(out, list...)
}

// copyText sends a text to the clipboard.
func (m *Model) copyText(text string) tea.Cmd {
	put := m.o.Copy
	if put == nil {
		m.Note = "Not copied: this terminal has no clipboard."
		return nil
	}
	said := text
	if strings.Contains(text, "\n") {
		said = human.Count(strings.Count(text, "\n"), "line")
	}
	return func() tea.Msg { return copied{said, put(text)} }
}

// bases decides on the images that a Dockerfile names.
func (m *Model) bases() tea.Cmd {
	file := dialog.Text("Dockerfile", "Dockerfile", "Dockerfile", "In the folder where bulla was started, unless it begins with / or ~/.")
	args := dialog.Text("build arguments", "", "NAME=VALUE NAME=VALUE", "As for docker build --build-arg, with spaces between them. May stay empty.")
	return m.form("The base images of a Dockerfile", "", []*dialog.Field{file, args}, "decide", func() (string, *dialog.Field, tea.Cmd) {
		given, wrong := imagedeed.BuildArgs(args.Value())
		if wrong != "" {
			return wrong, args, nil
		}
		if file.Value() == "" {
			return "Name the Dockerfile.", file, nil
		}
		return "", nil, m.decideBases(m.o.Path(file.Value()), given)
	})
}

func (m *Model) decideBases(path string, args map[string]string) tea.Cmd {
	d := m.o.Desk
	return m.begin("deciding on the base images", func(ctx context.Context, e *errand.Errand) ending {
		list, err := imagedeed.DecideBases(ctx, d, path, args, face(d, e))
		if err != nil {
			return ending{err: err}
		}
		var pulls strings.Builder
		for _, b := range list {
			if b.Outcome == images.Allowed {
				pulls.WriteString(b.Pull.String() + "\n")
			}
		}
		return ending{note: imagedeed.BasesNote(list), tell: m.handingStory(imagedeed.BasesOf(path, list), pulls.String())}
	})
}

// save writes a text to a file that the person names.
func (m *Model) save(text, name string) tea.Cmd {
	file := dialog.Text("file", "", name, newFileHelp)
	return m.form("Save it", "", []*dialog.Field{file}, "write it", func() (string, *dialog.Field, tea.Cmd) {
		typed := file.Value()
		if typed == "" {
			typed = name
		}
		path := m.o.Path(typed)
		return "", nil, m.begin("writing the file", func(context.Context, *errand.Errand) ending {
			return written(path, atomicfile.Create(path, []byte(text), 0o644))
		})
	})
}

const newFileHelp = "In the folder where bulla was started, unless it begins with / or ~/. A file that is there already is not replaced."

// written is the ending of the writing of a file.
func written(path string, err error) ending {
	if errors.Is(err, fs.ErrExist) {
		return ending{note: "Nothing was written: " + safetext.Line(filepath.Base(path)) + " is there already. Give another name."}
	}
	return ending{err: err, note: "Written: " + safetext.Line(path)}
}
