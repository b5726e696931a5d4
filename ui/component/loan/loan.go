// Package loan lends the whole screen to gpg-agent's own prompt. Bubble Tea runs it as it runs an
// editor: it lets go of the terminal first and draws the whole screen anew afterwards.
package loan

import (
	"context"
	"io"
	"os"
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys/agent"
	"bulla/ui/component/ownprompt"
)

// Loan is the screen that is lent once. It is a tea.ExecCommand.
type Loan struct {
	ctx    context.Context
	env    func(string) string
	use    func(context.Context, agent.Terminal) error
	in     io.Reader
	once   sync.Once
	ended  chan struct{}
	result error
}

var _ tea.ExecCommand = (*Loan)(nil)

// New makes a loan for as long as use runs; env reads the environment.
func New(ctx context.Context, env func(string) string, use func(context.Context, agent.Terminal) error) *Loan {
	return &Loan{ctx: ctx, env: env, use: use, ended: make(chan struct{})}
}

// Begin is the command that lends the screen.
func (l *Loan) Begin() tea.Cmd { return tea.Exec(l, func(error) tea.Msg { return nil }) }

// Wait waits until it was lent and given back, and returns the error of the use; or until the context
// of the loan ends, and then the screen is not lent any more.
func (l *Loan) Wait() error {
	select {
	case <-l.ended:
		return l.result
	case <-l.ctx.Done():
	}
	// The screen may be lent, or never be: whichever comes first.
	l.once.Do(func() {
		l.result = l.ctx.Err()
		close(l.ended)
	})
	<-l.ended
	return l.result
}

// Run lends the terminal. It is called once the screen is let go.
func (l *Loan) Run() error {
	l.once.Do(func() {
		defer close(l.ended)
		if l.result = l.ctx.Err(); l.result != nil {
			return
		}
		in, ok := l.in.(*os.File)
		if !ok {
			in = os.Stdin
		}
		l.result = ownprompt.Lend(l.ctx, in, l.env, l.use)
	})
	return nil // how it ended is for whoever waits for it
}

// SetStdin is told the terminal.
func (l *Loan) SetStdin(r io.Reader) { l.in = r }

// SetStdout and SetStderr are of no use: the prompt opens the terminal itself.
func (l *Loan) SetStdout(io.Writer) {}

// SetStderr is like SetStdout.
func (l *Loan) SetStderr(io.Writer) {}
