// Package writes carries out, beside the event loop, what changes something on disk. Bubble Tea
// abandons its commands when the program ends; what is half written must not be abandoned with
// them.
package writes

import (
	"sync"

	tea "github.com/charmbracelet/bubbletea"
)

// Group is the work of one page. The zero Group is ready.
type Group struct{ wg sync.WaitGroup }

// Go begins the work at once, in a goroutine of its own, and returns the command that brings its
// result. Call it from Update.
func (g *Group) Go(work func() tea.Msg) tea.Cmd {
	result := make(chan tea.Msg, 1)
	g.wg.Go(func() { result <- work() })
	return func() tea.Msg { return <-result }
}

// Wait returns when all work has ended. Whoever ends the program cancels the work's context first.
func (g *Group) Wait() { g.wg.Wait() }
