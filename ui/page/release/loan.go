package release

import (
	"context"
	"io"
	"os"
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys/agent"
	"bulla/ui/component/ownprompt"
)

// loan lends the screen to gpg-agent's own prompt. Bubble Tea runs it as it runs an editor: it lets
// go of the terminal first and draws the whole screen anew afterwards.
type loan struct {
	ctx    context.Context
	env    func(string) string
	use    func(context.Context, agent.Terminal) error
	in     io.Reader
	once   sync.Once
	ended  chan struct{}
	result error
}

var _ tea.ExecCommand = (*loan)(nil)

// Run lends the terminal. It is called once the screen is let go.
func (l *loan) Run() error {
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
	return nil // how it ended is the run's to tell
}

// SetStdin is told the terminal.
func (l *loan) SetStdin(r io.Reader) { l.in = r }

// SetStdout and SetStderr are of no use: the prompt opens the terminal itself.
func (l *loan) SetStdout(io.Writer) {}

// SetStderr is like SetStdout.
func (l *loan) SetStderr(io.Writer) {}

// lend has the screen lent while use runs.
func (w *worker) lend(ctx context.Context, use func(context.Context, agent.Terminal) error) error {
	l := &loan{ctx: ctx, env: w.env, use: use, ended: make(chan struct{})}
	w.feed.put(feedItem{loan: l})
	select {
	case <-l.ended:
		return l.result
	case <-ctx.Done():
	}
	// The screen may be lent, or never be: whichever comes first.
	l.once.Do(func() {
		l.result = ctx.Err()
		close(l.ended)
	})
	<-l.ended
	return l.result
}
