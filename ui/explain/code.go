// Package explain is the one place where an error becomes words for a person: what is wrong, why,
// what is untouched, what to do next, and the exit code. The domain's errors carry facts; the
// sentences are here.
package explain

// The exit codes. They are part of the command contract and stay as they are.
const (
	// CodeOK: everything asked is good (and trusted, where a policy speaks).
	CodeOK = 0
	// CodeFailed: something is not, or an error without a code of its own.
	CodeFailed = 1
	// CodeUsage: a wrong command line or configuration.
	CodeUsage = 2
	// CodeUnchecked: something could not be checked, and nothing is known to be worse.
	CodeUnchecked = 3
	// CodeRefused: preflight refused before anything was done.
	CodeRefused = 4
	// CodeIncomplete: a release began and could not finish; it can be resumed.
	CodeIncomplete = 5
	// CodeCancelled: the person cancelled (Ctrl+C).
	CodeCancelled = 130
)
