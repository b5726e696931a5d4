package firstkey

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow/finding"
	"bulla/workflow/firstkey"
)

// The lines of the owner's form.
const (
	ownerUse = iota
	ownerName
	ownerAddress
	ownerAlso
	ownerLines
)

var ownerNames = [ownerLines]string{"use", "name", "address", "also"}

// examples of an address, for each use.
var examples = map[firstkey.Use]string{firstkey.UsePerson: "such as rhea@example.org", firstkey.UseProject: "such as releases@example.org"}

// ownerRoom asks what the key is for and whose it is. A line is judged when it is left.
type ownerRoom struct {
	*state
	use    int // of firstkey.Uses
	fields [ownerLines]*textfield.Model
	at     int
	left   [ownerLines]bool
	ready  bool
	told   string // remarks that were shown when enter was pressed
}

func newOwnerRoom(s *state) *ownerRoom {
	r := &ownerRoom{state: s}
	for i, placeholder := range []string{"", "such as Rhea Release", examples[firstkey.Uses[0]], "none; several between commas"} {
		r.fields[i] = textfield.New("", placeholder)
	}
	return r
}

func (r *ownerRoom) enter() tea.Cmd {
	if !r.ready { // git's words are known now
		r.ready = true
		r.fields[ownerName].SetValue(safetext.Line(r.start.NameFor(firstkey.Uses[r.use])))
		r.fields[ownerAddress].SetValue(safetext.Line(r.start.Email))
		r.fields[ownerAlso].SetValue(safetext.Line(r.start.NoReply))
	}
	return nil
}

func (r *ownerRoom) text(line int) string { return r.fields[line].Value() }
func (r *ownerRoom) also() []string       { return firstkey.Addresses(r.text(ownerAlso)) }

// advice judges a line.
func (r *ownerRoom) advice(line int) []firstkey.Advice {
	switch line {
	case ownerName:
		return r.start.JudgeName(r.text(ownerName))
	case ownerAddress:
		return r.start.JudgeAddress(r.text(ownerAddress), r.also())
	case ownerAlso:
		return r.start.JudgeAlso(r.text(ownerAddress), r.also())
	}
	if c := firstkey.Uses[r.use].Caution(); c != "" {
		return []firstkey.Advice{{Severity: finding.Info, Text: c}}
	}
	return nil
}

func (r *ownerRoom) move(to int) {
	r.left[r.at] = true
	r.at = (to + ownerLines) % ownerLines
}

func (r *ownerRoom) key(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, r.keys.Choose) && !msg.Paste:
		if r.at < ownerAlso {
			r.move(r.at + 1)
			return nil
		}
		r.settle()
	case key.Matches(msg, r.keys.Next), msg.Type == tea.KeyDown:
		r.move(r.at + 1)
	case key.Matches(msg, r.keys.Previous), msg.Type == tea.KeyUp:
		r.move(r.at - 1)
	case r.at == ownerUse:
		if key.Matches(msg, r.keys.Left, r.keys.Right, r.keys.Toggle) {
			r.toggle()
		}
	default:
		r.left[r.at] = false
		r.fields[r.at].Update(msg)
	}
	return nil
}

// toggle takes the other use, and the name that is proposed for it where none was typed.
func (r *ownerRoom) toggle() {
	proposed := safetext.Line(r.start.NameFor(firstkey.Uses[r.use]))
	r.use = (r.use + 1) % len(firstkey.Uses)
	r.fields[ownerAddress].SetPlaceholder(examples[firstkey.Uses[r.use]])
	if r.text(ownerName) == proposed || r.text(ownerName) == "" {
		r.fields[ownerName].SetValue(safetext.Line(r.start.NameFor(firstkey.Uses[r.use])))
	}
}

// spoken is everything that can be remarked of what is typed, but for what was said already by the
// line that the cursor was in.
func (r *ownerRoom) spoken(all bool) (out string) {
	for line := range ownerLines {
		if line == ownerUse || !all && !r.left[line] {
			continue
		}
		for _, a := range r.advice(line) {
			out += a.Text + "\n"
		}
	}
	return out
}

// changed reports whether something was typed that was not proposed.
func (r *ownerRoom) changed() bool {
	proposed := [...]string{ownerName: r.start.NameFor(firstkey.Uses[r.use]), ownerAddress: r.start.Email, ownerAlso: r.start.NoReply}
	for line, p := range proposed {
		if line != ownerUse && r.text(line) != safetext.Line(p) {
			return true
		}
	}
	return false
}

// settle goes on, or to the line that is refused. A remark that was not in sight yet is shown first.
func (r *ownerRoom) settle() {
	shown := r.spoken(false)
	all := r.spoken(true)
	for line := range ownerLines {
		r.left[line] = true
	}
	for line := range ownerLines {
		if firstkey.Refused(r.advice(line)) != "" {
			r.at, r.note = line, "The key cannot be made like that."
			return
		}
	}
	if all != shown && all != r.told {
		r.told, r.note = all, "Mind the remarks; enter goes on."
		return
	}
	r.params.Name, r.params.Email, r.params.Also = r.text(ownerName), r.text(ownerAddress), r.also()
	r.next = true
}

func (r *ownerRoom) back() bool   { return false }
func (r *ownerRoom) typing() bool { return r.at != ownerUse }

func (r *ownerRoom) value() (string, bool) {
	return safetext.Line(r.params.Email), r.params.Name != "" || r.made
}

func (r *ownerRoom) view(w, h int) []string {
	out := r.heading("What is the key for, and whose is it?", w)
	signs := r.theme.Signs
	for line := range ownerLines {
		value := ""
		if line == ownerUse {
			words := [2]string{"you", "a project"}
			for i, word := range words {
				sign := signs.RadioOff
				if i == r.use {
					sign = signs.Radio
				}
				value += sign + " " + word + "   "
			}
		} else {
			value = r.fields[line].View(r.theme, w-11, line == r.at)
		}
		out = append(out, row(r.theme, ownerNames[line], 8, line == r.at, value))
	}
	out = append(out, "")
	remarks := r.remarks(w)
	if len(remarks) == 0 || r.help() != "" && len(out)+len(remarks)+3 < h {
		out = append(out, r.prose(r.help(), w)...)
		if len(remarks) > 0 {
			out = append(out, "")
		}
	}
	return append(out, remarks...)
}

// row is a line of a form.
func row(t theme.Theme, label string, width int, focus bool, value string) string {
	label = layout.Pad(label, width)
	if !focus {
		label = t.Muted.Render(label)
	}
	return picker.Marker(t, focus) + label + " " + value
}

// remarks is what there is to say of the lines that were left, what refuses first.
func (r *ownerRoom) remarks(w int) (out []string) {
	for _, refusing := range []bool{true, false} {
		for line := range ownerLines {
			if !r.left[line] && line != ownerUse {
				continue
			}
			for _, a := range r.advice(line) {
				if (a.Severity == finding.Error) == refusing {
					out = append(out, advice(r.theme, ownerNames[line], a, w)...)
				}
			}
		}
	}
	return out
}

// advice draws one remark, with its word.
func advice(t theme.Theme, about string, a firstkey.Advice, w int) (out []string) {
	style, word := t.Muted, ""
	switch a.Severity {
	case finding.Error:
		style, word = t.Bad, t.Signs.Icon(theme.Failed)+" "
	case finding.Warning:
		style, word = t.Caution, "! "
	}
	for i, l := range layout.Wrap(word+about+": "+safetext.Line(a.Text), w-2) {
		if i > 0 {
			l = "  " + l
		}
		out = append(out, style.Render(l))
	}
	return out
}

func (r *ownerRoom) help() string {
	switch r.at {
	case ownerUse:
		return strings.ToUpper(firstkey.Uses[r.use].Sentence()[:1]) + firstkey.Uses[r.use].Sentence()[1:] + "."
	case ownerName:
		return "Who signs, as others will see it."
	case ownerAddress:
		if r.start.NoReply != "" {
			return "An address that you read. git has one here that no mail reaches; it is proposed as a further one."
		}
		return "An address that you read: servers mail it, and people find the key by it."
	}
	return "Further addresses that git writes into your tags and commits, or that people know you by. Each becomes public with the key only if you say so."
}

func (r *ownerRoom) status() string {
	if r.at == ownerUse {
		return "Left and right change it."
	}
	return ""
}

func (r *ownerRoom) hints() []keymap.Hint {
	return []keymap.Hint{keymap.On(r.keys.Choose, "next"), keymap.On(r.keys.Next, ""), keymap.On(r.keys.Back, "leave"), keymap.On(r.keys.Help, "")}
}
