package cli

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/term"

	"bulla/ui/component/human"
)

// counter says how far something has come, on the line it is written to: only for a person at a
// terminal, who may otherwise think that nothing happens.
type counter struct {
	mu   sync.Mutex
	out  *os.File // nil for nobody
	verb string
	noun string
	i, n int
	last int // percent
}

// progress counts n things on standard error, where that is a terminal.
func (a *app) progress(verb string, n int, noun string) *counter {
	c := &counter{verb: verb, n: n, noun: noun, last: -1}
	if f, ok := a.Stderr.(*os.File); ok && !a.flags.accessible && term.IsTerminal(int(f.Fd())) && a.Getenv("TERM") != "dumb" {
		c.out = f
	}
	return c
}

// step counts one.
func (c *counter) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.i++
	if percent := c.i * 100 / max(1, c.n); c.out != nil && percent != c.last {
		c.last = percent
		fmt.Fprintf(c.out, "\r%s %d of %s", c.verb, c.i, human.Count(c.n, c.noun))
	}
}

// end takes the line away.
func (c *counter) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out != nil && c.last >= 0 {
		fmt.Fprint(c.out, "\r\x1b[K")
	}
}
