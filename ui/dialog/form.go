package dialog

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// Field is one line of a Form: a text, one of several words, or a box to tick. No secret is typed
// into a form.
type Field struct {
	// Label and Help must be safe to show; Help is shown while the field has the focus.
	Label, Help string

	text    *textfield.Model
	judge   func(text string) (wrong string)
	options []string
	at      int
	box, on bool
	applies func() bool // nil for always
}

// Text is a field to type into.
func Text(label, value, placeholder, help string) *Field {
	return &Field{Label: label, Help: help, text: textfield.New(value, placeholder)}
}

// Judged has what stands in the field judged as soon as it is left: judge says what is wrong with it,
// safe to show, or "".
func (f *Field) Judged(judge func(text string) (wrong string)) *Field {
	f.judge = judge
	return f
}

// When leaves the field out of the form while it does not apply, which the fields before it decide.
func (f *Field) When(applies func() bool) *Field {
	f.applies = applies
	return f
}

// Choice is a field for one of several words.
func Choice(label string, at int, help string, options ...string) *Field {
	return &Field{Label: label, Help: help, options: options, at: at}
}

// Tick is a field to tick.
func Tick(label string, on bool, help string) *Field {
	return &Field{Label: label, Help: help, box: true, on: on}
}

// Value is what was typed, without spaces around it.
func (f *Field) Value() string { return f.text.Value() }

// At is the index of the option that was chosen.
func (f *Field) At() int { return f.at }

// On reports whether the box is ticked.
func (f *Field) On() bool { return f.on }

// Form asks for several things at once.
type Form struct {
	title  string
	intro  string
	all    []*Field
	fields []*Field // those of them that apply
	at     int
	first  int
	done   string // what enter does on the last field
	wrong  string
	submit func() (wrong string, at *Field, cmd tea.Cmd)
	keys   keymap.Map
}

// NewForm makes the form. submit is called with what stands in the fields; it says what is wrong
// with it and where, or begins what follows, and the form is closed.
func NewForm(title, intro string, fields []*Field, done string, submit func() (wrong string, at *Field, cmd tea.Cmd)) *Form {
	f := &Form{title: title, intro: intro, all: fields, done: done, submit: submit, keys: keymap.Default()}
	f.settle()
	return f
}

// settle finds the fields that apply now. None of those before the one with the focus comes or goes.
func (f *Form) settle() {
	f.fields = nil
	for _, x := range f.all {
		if x.applies == nil || x.applies() {
			f.fields = append(f.fields, x)
		}
	}
}

// Title is the dialog's title.
func (f *Form) Title() string { return f.title }

// Key types, moves, or submits.
func (f *Form) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	defer f.settle()
	field, n := f.fields[f.at], len(f.fields)
	f.wrong = ""
	switch {
	case key.Matches(msg, f.keys.Back) && !msg.Paste:
		return true, nil
	case key.Matches(msg, f.keys.Choose) && !msg.Paste:
		if f.at < n-1 && !field.box {
			f.leave(f.at + 1)
			return false, nil
		}
		if f.leave(f.at); f.wrong != "" {
			return false, nil
		}
		wrong, at, cmd := f.submit()
		for i := range f.fields {
			if wrong != "" && f.fields[i] == at {
				f.at = i
			}
		}
		f.wrong = wrong
		return wrong == "", cmd
	case key.Matches(msg, f.keys.Next), msg.Type == tea.KeyDown:
		f.leave((f.at + 1) % n)
	case key.Matches(msg, f.keys.Previous), msg.Type == tea.KeyUp:
		f.leave((f.at + n - 1) % n)
	case field.text != nil:
		field.text.Update(msg)
	case field.box && key.Matches(msg, f.keys.Toggle):
		field.on = !field.on
	case len(field.options) > 0 && key.Matches(msg, f.keys.Left):
		field.at = (field.at + len(field.options) - 1) % len(field.options)
	case len(field.options) > 0 && key.Matches(msg, f.keys.Right, f.keys.Toggle):
		field.at = (field.at + 1) % len(field.options)
	}
	return false, nil
}

// leave goes on to another field, unless what stands in this one cannot be meant.
func (f *Form) leave(to int) {
	if field := f.fields[f.at]; field.judge != nil {
		if f.wrong = field.judge(field.Value()); f.wrong != "" {
			return
		}
	}
	f.at = to
}

// View draws the fields, and below them the help of the one that has the focus, or what is wrong.
func (f *Form) View(t theme.Theme, w, h int) []string {
	label := 0
	for _, x := range f.all { // so that nothing moves when a field comes or goes
		if !x.box {
			label = max(label, layout.Width(x.Label))
		}
	}
	var foot []string
	if f.wrong != "" {
		for _, l := range layout.Wrap(f.wrong, w) {
			foot = append(foot, t.Bad.Render(l))
		}
	} else {
		for _, l := range layout.Wrap(f.fields[f.at].Help, w) {
			foot = append(foot, t.Muted.Render(l))
		}
	}
	foot = append([]string{""}, foot...)
	var head []string
	if f.intro != "" {
		head = append(layout.Wrap(f.intro, w), "")
	}
	room := h - len(foot) - len(head)
	if room < min(3, len(f.fields)) { // the fields matter most
		head, room = nil, h-len(foot)
	}
	room = max(1, room)
	f.first = layout.Window(len(f.fields), room, f.at, f.first)
	out := head
	for i := f.first; i < min(len(f.fields), f.first+room); i++ {
		out = append(out, f.row(t, i, label, w))
	}
	return append(out, foot...)
}

func (f *Form) row(t theme.Theme, i, label, w int) string {
	x, focus := f.fields[i], i == f.at
	name := x.Label
	if x.box {
		sign := t.Signs.Off
		if x.on {
			sign = t.Signs.On
		}
		if focus {
			name = t.Strong.Render(name)
		}
		return picker.Marker(t, focus) + layout.Cut(sign+" "+name, w-2, t.Signs.Ellipsis)
	}
	name = layout.Pad(name, label)
	if !focus {
		name = t.Muted.Render(name)
	}
	room := max(4, w-label-4)
	value := ""
	if x.text != nil {
		value = x.text.View(t, room, focus)
	} else {
		value = layout.Cut(x.alternatives(t, room), room, t.Signs.Ellipsis)
	}
	return picker.Marker(t, focus) + name + "  " + value
}

// alternatives draws all options where there is room, else the chosen one and that there are more.
func (f *Field) alternatives(t theme.Theme, w int) string {
	var all []string
	for i, o := range f.options {
		sign := t.Signs.RadioOff
		if i == f.at {
			sign = t.Signs.Radio
		}
		all = append(all, sign+" "+o)
	}
	if line := strings.Join(all, "   "); layout.Width(line) <= w {
		return line
	}
	return "< " + f.options[f.at] + " >"
}

// Hints are the keys of the form.
func (f *Form) Hints() []keymap.Hint {
	x, enter := f.fields[f.at], f.done
	if f.at < len(f.fields)-1 && !x.box {
		enter = "next"
	}
	h := []keymap.Hint{keymap.On(f.keys.Choose, enter), keymap.On(f.keys.Back, "leave it")}
	switch {
	case x.box:
		h = append(h, keymap.On(f.keys.Toggle, ""))
	case len(x.options) > 1:
		h = append(h, keymap.On(f.keys.Right, "other"))
	}
	if len(f.fields) > 1 {
		h = append(h, keymap.On(f.keys.Next, ""))
	}
	return h
}

// Dismiss has nothing to undo.
func (f *Form) Dismiss() {}
