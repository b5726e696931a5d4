// Package early answers a question before it is asked. Bubble Tea v1 asks the terminal for its
// background colour in a package init and waits up to five seconds for the reply; a terminal
// that never replies would stall even --help. This init sets the answer first.
//
// Go initialises packages that are ready in the order of their import paths, so it works only
// while this module's path sorts before github.com/charmbracelet/bubbletea, and only while this
// package imports nothing that Bubble Tea does not import itself. A test of package ui holds
// both on a terminal that stays silent.
package early

import "github.com/charmbracelet/lipgloss"

// The colours themselves come from package theme, which decides between light and dark on its
// own; dark is merely an answer.
func init() { lipgloss.SetHasDarkBackground(true) }
