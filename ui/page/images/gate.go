package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/docker/dockerfile"
	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/ui/component/errand"
	"bulla/ui/component/human"
	"bulla/ui/component/imagedeed"
	"bulla/ui/component/imageword"
	"bulla/ui/component/sheet"
	"bulla/ui/component/verdictsign"
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
		out, err := d.Gate(ctx, ref, by)
		if m := moved(err); m != nil { // only a reference with a digest can
			out, err = images.Undecidable(ref.String(), "bad", m.Error()+"."), nil
		}
		end := ending{err: err}
		if err == nil {
			end.note = ref.String() + ": " + outcomeWord(out.Outcome) + "."
			told := m.decided(ref.String(), out, len(by) > 0)
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
	item := func(name, about string, by ...policy.System) dialog.Item {
		return dialog.Item{Name: name, About: about, Do: func() tea.Cmd { return m.decideBy(ref, by) }}
	}
	m.o.Dialogs.Push(dialog.NewMenu("Who must vouch for it?", []dialog.Item{
		item("Who the policy names", "Where no rule of it names the repository: a cosign key at hand."),
		item("A cosign key", "By a signature in the registry.", policy.SystemCosign),
		item("Content Trust", "By the trust server's data, under the root that is pinned.", policy.SystemContentTrust),
		item("Both", "A cosign key, and Content Trust.", policy.SystemCosign, policy.SystemContentTrust),
	}))
	return nil
}

func outcomeWord(o images.Outcome) string {
	return map[images.Outcome]string{images.Allowed: "allowed", images.Unchecked: "could not be checked", images.Refused: "refused"}[o]
}

func outcomeState(o images.Outcome) theme.State {
	return map[images.Outcome]theme.State{images.Allowed: theme.Done, images.Unchecked: theme.Waiting, images.Refused: theme.Failed}[o]
}

// decided shows what the gate says of an image; chosen says that the person chose who must vouch.
func (m *Model) decided(name string, d images.Decision, chosen bool) *hands {
	return m.handing("May it be used?", d.Pull.String(), func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		s.Text(t.Strong, safetext.Line(name))
		decision(s, d, chosen)
		s.Space()
		if d.Outcome == images.Allowed {
			s.Text(t.Body, "Use this from here on; nobody can change what it means:")
			s.Text(t.Strong, safetext.Line(d.Pull.Repository().String()+"@"))
			s.Text(t.Strong, d.Pull.Digest())
		} else if d.Outcome == images.Unchecked {
			s.Text(t.Caution, "Nothing is known to be wrong, and nothing vouches for it: do not use it before it could be checked.")
		}
		return s.Lines
	})
}

// decision writes what was decided, by what, and why. Chosen says that a person said who must vouch.
func decision(s *sheet.Sheet, d images.Decision, chosen bool) {
	t := s.Theme
	state := outcomeState(d.Outcome)
	s.Lines = append(s.Lines, t.Icon(state)+" "+t.StateStyle(state).Render(outcomeWord(d.Outcome)))
	var by []string
	for _, x := range d.By {
		by = append(by, map[policy.System]string{policy.SystemCosign: "a cosign signature", policy.SystemContentTrust: "Content Trust"}[x])
	}
	rule := "no rule of the policy names the repository"
	switch {
	case chosen:
		rule = "you chose that"
	case d.Rule != "":
		rule = "the policy's rule for " + safetext.Line(d.Rule)
	}
	s.Fact("wanted", strings.Join(by, " and ")+": "+rule+".")
	for _, v := range d.Verdicts() {
		s.Styled(string(v.Status), t.Icon(verdictsign.State(v))+" ", t.Body, safetext.Line(v.Reason))
		s.Fact("", safetext.Line(v.PolicyReason))
	}
	s.Styled("mind", "", t.Caution, imageword.Elsewhere(d))
	for _, mv := range d.Tag.Moved {
		s.Fact("before", "It was signed over "+mv.From+".")
	}
	if other := imageword.OtherName(d.Tag); other != "" {
		s.Styled("warning", "", t.Caution, other)
	}
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
		given := map[string]string{}
		for _, s := range strings.Fields(args.Value()) {
			name, value, ok := strings.Cut(s, "=")
			if !ok || name == "" {
				return "A build argument is NAME=VALUE.", args, nil
			}
			given[name] = value
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
		data, err := imagedeed.Aside(ctx, func() ([]byte, error) { return limits.ReadNamed(path, dockerfile.MaxSize) })
		if err != nil {
			return ending{err: err}
		}
		list, err := d.Bases(ctx, data, args, face(d, e))
		if err != nil {
			return ending{err: err}
		}
		return ending{note: basesNote(list), tell: m.basesStory(path, list)}
	})
}

// basesNote sums the decisions up.
func basesNote(list []images.BaseDecision) string {
	count := map[images.Outcome]int{}
	for _, b := range list {
		count[b.Outcome]++
	}
	return fmt.Sprintf("%d allowed, %d refused, %d could not be checked.", count[images.Allowed], count[images.Refused], count[images.Unchecked])
}

func (m *Model) basesStory(path string, list []images.BaseDecision) dialog.Dialog {
	var pulls strings.Builder
	for _, b := range list {
		if b.Outcome == images.Allowed {
			pulls.WriteString(b.Pull.String() + "\n")
		}
	}
	return m.handing("Base images", pulls.String(), func(t theme.Theme, w int) []string {
		s := &sheet.Sheet{Theme: t, Width: w}
		s.Text(t.Muted, safetext.Line(path))
		if len(list) == 0 {
			s.Text(t.Body, "It builds on no other image.")
			return s.Lines
		}
		s.Text(t.Body, basesNote(list))
		for _, b := range list {
			s.Space()
			s.Text(t.Strong, safetext.Line(b.Base.Image))
			s.Fact("line", fmt.Sprintf("%d, %s", b.Base.Line, b.Base.Use))
			decision(s, b.Decision, false)
			if b.NoPlatform {
				s.Styled("mind", "", t.Caution, "It has no image for "+safetext.Line(b.Base.Platform)+".")
			}
			if b.Outcome == images.Allowed {
				s.Text(t.Strong, safetext.Line(b.Pull.Repository().String()+"@"))
				s.Text(t.Strong, b.Pull.Digest())
			}
		}
		return s.Lines
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
