// Package family ends programs together with those that they started.
package family

import "os/exec"

// EndWith puts a command that was made with a context into a session of its own, before it is
// started, and lets the context's end send the signal to it and to all it started: a shell's children
// would live on else. In its own session nothing finds a terminal to prompt on behind the screen's
// back, and Ctrl+C reaches it through the context alone. What leaves the session, as daemons do,
// stays.
//
// Where the system has no sessions the context ends the command itself.
func EndWith(cmd *exec.Cmd, s Signal) { endWith(cmd, s) }

// Signal is how a family is asked to end.
type Signal int

// The ways to end.
const (
	Terminate Signal = iota // it may tidy up first: git removes its lock files
	Kill
)
