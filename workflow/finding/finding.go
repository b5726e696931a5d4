// Package finding has the words of findings: of preflight about a release, and of the health check
// about keys.
package finding

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
