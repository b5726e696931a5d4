package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"bulla/keys/agent"
	"bulla/ui/component/agentword"
	"bulla/ui/component/ownprompt"
)

// attendant is the person at the terminal, for gpg-agent and cards.
func (a *app) attendant() agent.Attendant {
	return agent.Attendant{Waiting: a.waits, Lend: a.lend()}
}

// lend lends the terminal to gpg-agent's own prompt; nil where nobody sits before one.
func (a *app) lend() func(context.Context, func(context.Context, agent.Terminal) error) error {
	if !a.interactive() {
		return nil
	}
	return func(ctx context.Context, use func(context.Context, agent.Terminal) error) error {
		a.note("gpg-agent asks by its own prompt now.")
		return ownprompt.Lend(ctx, a.Stdin, a.Getenv, use)
	}
}

// waits says on standard error what is waited for, until it is over.
func (a *app) waits(w agent.Wait) (over func()) {
	return a.waitLine("waiting for "+agentword.Of(w), agentword.Limit(w.Limit), w.For == agent.WaitTouch)
}

// How often a wait is told again: a terminal's line is drawn anew, a log gets another line.
const (
	tickOfTerminal = time.Second
	tickOfLog      = 15 * time.Second
)

// waitLine tells of a wait with the time that it lasts. In a log only what a person has to act upon
// gets its line at once.
func (a *app) waitLine(text, limit string, now bool) (over func()) {
	begun := a.Now()
	every, show, clear := tickOfLog, func() { a.note("%s … %s", text, lasting(a.Now().Sub(begun))) }, func() {}
	if f, ok := a.Stderr.(*os.File); ok && !a.flags.accessible && term.IsTerminal(int(f.Fd())) && a.Getenv("TERM") != "dumb" {
		every = tickOfTerminal
		show = func() { drawWait(f, text, a.Now().Sub(begun)) }
		clear = func() { fmt.Fprint(f, "\r\x1b[K") }
		show()
	} else if now {
		if limit != "" {
			limit = " (" + limit + ")"
		}
		a.note("%s%s", text, limit)
	}
	var all sync.WaitGroup
	quit := make(chan struct{})
	all.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				show()
			case <-quit:
				return
			}
		}
	})
	return func() {
		close(quit)
		all.Wait()
		clear()
	}
}

// drawWait draws the line of a wait anew, cut to the width of its terminal.
func drawWait(f *os.File, text string, d time.Duration) {
	line := []rune(text + " … " + lasting(d))
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 1 && len(line) >= w {
		line = line[:w-1]
	}
	_, _ = io.WriteString(f, "\r"+string(line)+"\x1b[K")
}

func lasting(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Seconds())) }
