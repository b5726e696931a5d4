package theme

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/lipgloss"
	"github.com/mattn/go-runewidth"
)

// State is how far something has come. Its word stands beside its icon and its colour.
type State int

// The states.
const (
	Pending State = iota // not begun
	Current              // where the person is
	Running              // at work
	Waiting              // for a person or a token
	Done
	Skipped // neither success nor failure
	Failed
)

// Word is the state for a person.
func (s State) Word() string {
	return [...]string{"to do", "now", "running", "waiting", "done", "skipped", "failed"}[s]
}

// Signs are the characters that are not letters: those of Unicode, or their ASCII twins.
type Signs struct {
	icons                [7]string
	Marker               string // before the line that has the focus
	Rule, Pipe           string // straight lines
	TopLeft, TopRight    string // corners of a box
	BottomLeft, BottomRt string
	Bullet, Dot          string // of a list; between two facts
	Arrow, Ellipsis      string
	Dash                 string // where there is no value
	BarFull, BarEmpty    string
	Secret               string // one typed character of a passphrase
	On, Off              string // a ticked and an empty box
	Radio, RadioOff      string // the chosen and another alternative
	Up, Down             string // more above, more below
	Spinner              [4]string
}

// Icon is the sign of a state.
func (s Signs) Icon(st State) string { return s.icons[st] }

var unicodeSigns = Signs{
	icons:  [7]string{"○", "▸", "◐", "!", "✓", "–", "✗"},
	Marker: ">", Rule: "─", Pipe: "│",
	TopLeft: "╭", TopRight: "╮", BottomLeft: "╰", BottomRt: "╯",
	Bullet: "•", Dot: "·", Arrow: "→", Ellipsis: "…", Dash: "–",
	BarFull: "█", BarEmpty: "░", Secret: "•",
	On: "[✓]", Off: "[ ]", Radio: "(•)", RadioOff: "( )", Up: "↑", Down: "↓",
	Spinner: [4]string{"|", "/", "-", `\`},
}

var asciiSigns = Signs{
	icons:  [7]string{"[ ]", "[>]", "[>]", "[?]", "[x]", "[-]", "[!]"},
	Marker: ">", Rule: "-", Pipe: "|",
	TopLeft: "+", TopRight: "+", BottomLeft: "+", BottomRt: "+",
	Bullet: "*", Dot: "-", Arrow: "->", Ellipsis: "...", Dash: "-",
	BarFull: "#", BarEmpty: ".", Secret: "*",
	On: "[x]", Off: "[ ]", Radio: "(*)", RadioOff: "( )", Up: "^", Down: "v",
	Spinner: [4]string{"|", "/", "-", `\`},
}

func signs(ascii bool) Signs {
	if ascii {
		return asciiSigns
	}
	return unicodeSigns
}

// Icon is the coloured sign of a state.
func (t Theme) Icon(s State) string { return t.StateStyle(s).Render(t.Signs.Icon(s)) }

// IconWidth is how many columns the icons of this theme take.
func (t Theme) IconWidth() int { return lipgloss.Width(t.Signs.icons[Done]) }

// StateStyle is the colour of a state.
func (t Theme) StateStyle(s State) lipgloss.Style {
	switch s {
	case Current, Running:
		return t.Accent
	case Waiting:
		return t.Caution
	case Done:
		return t.Good
	case Failed:
		return t.Bad
	}
	return t.Muted
}

// twins are ASCII characters for some that our own sentences use.
var twins = map[rune]byte{'…': '.', '–': '-', '→': '>', '·': '-', '•': '*'}

// Fold is the last safety net of the ASCII theme: it replaces whatever is not ASCII, by a twin or
// by as many columns of "?". In other themes it changes nothing.
func (t Theme) Fold(view string) string {
	if !t.ASCII {
		return view
	}
	var b strings.Builder
	for _, r := range view {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		if twin, ok := twins[r]; ok {
			b.WriteByte(twin)
			continue
		}
		b.WriteString(strings.Repeat("?", runewidth.RuneWidth(r)))
	}
	return b.String()
}
