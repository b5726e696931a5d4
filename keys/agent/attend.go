package agent

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"bulla/keys"
)

// Attendant is the person who stands before the agent, for what a passphrase alone does not answer.
// The zero Attendant is nobody.
type Attendant struct {
	// Waiting is told when the agent or a card keeps the caller waiting; what it returns is called
	// when that is over, unless it is nil. Neither may block.
	Waiting func(Wait) (over func())
	// Lend gives the terminal to the agent's own prompt (pinentry) while use runs, and takes it
	// back. It is called only where the agent's configuration leaves no other way.
	Lend func(ctx context.Context, use func(context.Context, Terminal) error) error
}

// Wait is something that takes its time.
type Wait struct {
	For WaitFor
	// Card is the serial number of the card as gpg prints it, "" where there is none.
	Card string
	// Limit is how long it is waited for; 0 for as long as the context allows.
	Limit time.Duration
}

// WaitFor is what is waited for. The words are stable.
type WaitFor string

// What may be waited for.
const (
	WaitTouch WaitFor = "touch" // the card is set to want a touch for each signature
	WaitCard  WaitFor = "card"  // a card at work, which does not say whether it wants a touch
	WaitAgent WaitFor = "agent" // gpg-agent at work: it stretches the passphrase for each signature
)

// Terminal is where the agent's own prompt appears.
type Terminal struct {
	TTY     string // path of the terminal, such as /dev/pts/3
	Type    string // TERM
	Ctype   string // LC_CTYPE, "" for the agent's own
	Display string // of X11; "" for none
}

// Attended is a Signer that may keep a person waiting.
type Attended interface {
	keys.Signer
	// Attend says who stands there, from now on.
	Attend(Attendant)
}

// Attend says who stands before the agent. It must not be called while the signer is used.
func (s *signer) Attend(a Attendant) { s.attendant = a }

// patience is how long something may take before it is told: most signatures are quicker.
const patience = 400 * time.Millisecond

// touchLimit is how long a touch is waited for. Cards themselves give up after some 15 seconds; then
// they are asked again until this has passed.
const touchLimit = 2 * time.Minute

// tell tells of a wait that lasts longer than after. The func it returns ends that: after it nothing
// more is told.
func (s *signer) tell(w Wait, after time.Duration) (over func()) {
	waiting := s.attendant.Waiting
	if waiting == nil {
		return func() {}
	}
	var mu sync.Mutex
	var ended bool
	var told func()
	begin := func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			told = waiting(w)
		}
	}
	t := (*time.Timer)(nil)
	if after > 0 {
		t = time.AfterFunc(after, begin)
	} else {
		begin()
	}
	return func() {
		if t != nil {
			t.Stop()
		}
		mu.Lock()
		defer mu.Unlock()
		if ended = true; told != nil {
			told()
			told = nil
		}
	}
}

// lend runs use while the agent asks by its own prompt, on a terminal that is lent for it.
func (s *signer) lend(ctx context.Context, use func(context.Context, *inquiry) error) error {
	return s.attendant.Lend(ctx, func(ctx context.Context, t Terminal) error {
		if err := s.connect(ctx); err != nil {
			return err
		}
		l := s.link
		for _, o := range []struct{ name, value string }{{"ttyname", t.TTY}, {"ttytype", t.Type}, {"lc-ctype", t.Ctype}, {"display", t.Display}} {
			if o.value == "" {
				continue
			}
			if err := l.option(ctx, o.name, o.value); err != nil && !refusesCommand(err) {
				return s.explain("be told the terminal", err)
			}
		}
		if err := l.option(ctx, "pinentry-mode", "ask"); err != nil {
			return s.explain("ask by itself", err)
		}
		l.prompts = true
		defer func() {
			l.prompts = false
			if err := l.option(context.WithoutCancel(ctx), "pinentry-mode", "error"); err != nil {
				l.close() // or a prompt could appear on a terminal that is not lent
			}
		}()
		if err := l.option(ctx, "allow-pinentry-notify", "1"); err != nil && !refusesCommand(err) {
			return s.explain("name its prompt", err)
		}
		p := prompt{}
		err := use(ctx, &inquiry{launched: p.launched})
		if ctx.Err() != nil {
			p.end()
		}
		return err
	})
}

// prompt is the agent's own prompt at work. The agent leaves it alone when nobody waits for it any
// more: it would stay on the terminal and eat what is typed there.
type prompt struct{ pid int }

func (p *prompt) launched(pid int) { p.pid = pid }

// end stops the prompt, and waits until it has let go of the terminal.
func (p *prompt) end() {
	if p.pid <= 1 {
		return
	}
	process, err := os.FindProcess(p.pid)
	if err != nil {
		return
	}
	if process.Signal(syscall.SIGTERM) != nil {
		_ = process.Kill()
	}
	for range 100 { // the agent, which began it, clears it away
		if process.Signal(syscall.Signal(0)) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = process.Kill()
}
