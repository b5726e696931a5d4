package history

import (
	"path/filepath"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/ui/component/layout"
	"bulla/ui/component/picker"
	"bulla/ui/component/textfield"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// nameDialog asks for the name of the file to export to. What it ends in says what is written.
type nameDialog struct {
	field  *textfield.Model
	wrong  string
	answer func(name string) tea.Cmd
	keys   keymap.Map
}

func newNameDialog(answer func(string) tea.Cmd) *nameDialog {
	return &nameDialog{field: textfield.New("history.html", "history.html"), answer: answer, keys: keymap.Default()}
}

// Title is the dialog's title.
func (d *nameDialog) Title() string { return "Export what is shown" }

// Key types, or answers.
func (d *nameDialog) Key(msg tea.KeyMsg) (bool, tea.Cmd) {
	switch {
	case key.Matches(msg, d.keys.Back) && !msg.Paste:
		return true, nil
	case key.Matches(msg, d.keys.Choose) && !msg.Paste:
		name := d.field.Value()
		if _, ok := formatOf(name); !ok {
			d.wrong = "The name must end in .json, .csv or .html."
			return false, nil
		}
		return true, d.answer(name)
	}
	d.wrong = ""
	d.field.Update(msg)
	return false, nil
}

// View draws the field.
func (d *nameDialog) View(t theme.Theme, w, _ int) []string {
	out := layout.Wrap("To a new file: .html is a page with the timeline as a picture, .csv a table, .json everything there is.", w)
	out = append(out, "", picker.Marker(t, true)+d.field.View(t, w-3, true))
	if d.wrong != "" {
		return append(out, t.Bad.Render("  "+d.wrong))
	}
	return append(out, t.Muted.Render("  A file that is there already is never replaced."))
}

// Hints are the keys of the dialog.
func (d *nameDialog) Hints() []keymap.Hint {
	return []keymap.Hint{keymap.On(d.keys.Choose, "write it"), keymap.On(d.keys.Back, "cancel")}
}

// Dismiss has nothing to undo.
func (d *nameDialog) Dismiss() {}

// format is what an export is written as.
type format int

const (
	formatJSON format = iota
	formatCSV
	formatHTML
)

func formatOf(name string) (format, bool) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json":
		return formatJSON, true
	case ".csv":
		return formatCSV, true
	case ".html", ".htm":
		return formatHTML, true
	}
	return 0, false
}
