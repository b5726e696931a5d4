// Package ownprompt lends the terminal to gpg-agent's own prompt (pinentry), for agents that let
// nobody else ask.
package ownprompt

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"golang.org/x/term"

	"bulla/keys/agent"
)

// Terminal says which terminal in is, and how it is to be written to. The prompt is another process
// without a terminal of its own: it needs the name.
func Terminal(ctx context.Context, in *os.File, getenv func(string) string) agent.Terminal {
	t := agent.Terminal{
		Type: getenv("TERM"), Display: getenv("DISPLAY"),
		Ctype: cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")),
	}
	c := exec.CommandContext(ctx, "tty") // POSIX
	c.Stdin = in
	if out, err := c.Output(); err == nil {
		t.TTY = strings.TrimSpace(string(out))
	}
	if t.TTY == "" {
		t.TTY = getenv("GPG_TTY")
	}
	return t
}

// leaveScreen ends what a prompt that was cut off leaves behind: the second screen, colours, and a
// hidden cursor.
const leaveScreen = "\x1b[?1049l\x1b[0m\x1b[?25h"

// Lend lends the terminal that in is while use runs. Ctrl+C ends it: the prompt does not hear of it,
// for it has no terminal of its own. However it ends, the terminal is afterwards as it was before.
func Lend(ctx context.Context, in *os.File, getenv func(string) string, use func(context.Context, agent.Terminal) error) error {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	err = use(ctx, Terminal(ctx, in, getenv))
	if ctx.Err() != nil {
		_, _ = os.Stderr.WriteString(leaveScreen)
	}
	_ = term.Restore(fd, before)
	return err
}
