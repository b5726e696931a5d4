//go:build !unix

package gitops

import "os/exec"

// isolate has nothing to add where processes have no sessions: the context ends git itself.
func isolate(*exec.Cmd) {}
