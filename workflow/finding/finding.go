// Package finding has the words of findings: of preflight about a release, of the doctor about a
// registry, and of the health check about keys.
package finding

import "cmp"

// Severity says how bad a finding is.
type Severity string

// The severities, in the words of the command contract.
const (
	Error   Severity = "error"   // what was to be done is refused
	Warning Severity = "warning" // worth a look; it may go on
	Info    Severity = "info"
)

// Rule names what a finding is about. The words are stable: scripts may rely on them.
type Rule string

// Finding is one thing that was noticed.
type Finding struct {
	Rule     Rule
	Severity Severity
	// Message is one plain sentence; Hint says what to do next. Both may quote text from
	// outside and must be cleaned before a terminal sees them.
	Message, Hint string
	// Here is Hint for who walks through the questions, where no option is typed; "" where Hint names
	// none.
	Here string
	// Err is the error behind it, if there is one.
	Err error
	// Unreachable marks an error that means "could not be checked" (exit 3) and not "refused"
	// (exit 4).
	Unreachable bool
}

// Advice says what to do next within the walk.
func (f Finding) Advice() string { return cmp.Or(f.Here, f.Hint) }
