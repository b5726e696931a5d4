// Package theme gives colours their meaning. The other packages of ui ask for "good" or "muted",
// never for a colour, and every state has a word and an icon beside its colour.
package theme

import (
	"fmt"
	"io"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// Mode says for which background the colours are chosen.
type Mode string

// The modes, as written after --theme.
const (
	Auto  Mode = "auto" // by COLORFGBG, else dark
	Light Mode = "light"
	Dark  Mode = "dark"
)

// ParseMode reads a Mode; "" is Auto.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case "":
		return Auto, nil
	case Auto, Light, Dark:
		return m, nil
	}
	return "", fmt.Errorf("theme %q: expected auto, light or dark", s)
}

// Theme is a set of styles and signs. It is a value: share it freely.
type Theme struct {
	Body    lipgloss.Style // the terminal's own colour
	Strong  lipgloss.Style // headings
	Accent  lipgloss.Style // the one thing that has the focus
	Muted   lipgloss.Style
	Good    lipgloss.Style
	Caution lipgloss.Style
	Bad     lipgloss.Style
	Border  lipgloss.Style // decoration only: its contrast is too low for text
	Cursor  lipgloss.Style // the character under the text cursor
	Code    lipgloss.Style // black on white, whatever the background: QR codes

	Signs Signs
	// ASCII says that nothing but ASCII may reach the terminal.
	ASCII bool
	// Plain says that no escape sequence will be left: what has the focus must show as text.
	Plain bool
	// Light says that the colours are those for a light background.
	Light bool
}

// Options say where the theme is used.
type Options struct {
	Mode  Mode
	ASCII bool // use the ASCII twins even where the locale allows more
	// Out is the terminal. Its colours are found from the environment alone, never by asking.
	Out io.Writer
	// Env reads the environment: COLORFGBG and the locale here; termenv reads NO_COLOR, TERM
	// and COLORTERM through it too.
	Env func(string) string
	// Profile, if not nil, overrides what the environment says. Tests use it.
	Profile *termenv.Profile
}

// The palette: xterm-256 colours for a light and a dark background. The lowest contrast of each,
// measured on three light and four dark backgrounds, is 4.9 (border: 2.7, it carries no meaning).
var palette = struct{ accent, muted, good, caution, bad, border [2]string }{
	accent:  [2]string{"25", "117"},
	muted:   [2]string{"240", "248"},
	good:    [2]string{"22", "114"},
	caution: [2]string{"94", "221"},
	bad:     [2]string{"124", "210"},
	border:  [2]string{"245", "243"},
}

// New makes the theme for a terminal.
func New(o Options) Theme {
	env := o.Env
	if env == nil {
		env = func(string) string { return "" }
	}
	r := lipgloss.NewRenderer(o.Out, termenv.WithEnvironment(environ(env)))
	if o.Profile != nil {
		r.SetColorProfile(*o.Profile)
	}
	i := 1
	if o.Mode == Light || (o.Mode != Dark && lightBackground(env("COLORFGBG"))) {
		i = 0
	}
	style := func(c [2]string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c[i])) }
	t := Theme{
		Body:    r.NewStyle(),
		Strong:  r.NewStyle().Bold(true),
		Accent:  style(palette.accent).Bold(true),
		Muted:   style(palette.muted),
		Good:    style(palette.good),
		Caution: style(palette.caution),
		Bad:     style(palette.bad),
		Border:  style(palette.border),
		Cursor:  r.NewStyle().Reverse(true),
		Code:    r.NewStyle().Foreground(lipgloss.Color("16")).Background(lipgloss.Color("231")),
		Light:   i == 0,
		ASCII:   o.ASCII || !UTF8(env),
		Plain:   r.ColorProfile() == termenv.Ascii,
	}
	t.Signs = signs(t.ASCII)
	return t
}

// environ lets termenv read the environment through a function.
type environ func(string) string

func (e environ) Getenv(name string) string { return e(name) }

// Environ lists what termenv may enumerate; it looks variables up by name only.
func (e environ) Environ() []string { return nil }
