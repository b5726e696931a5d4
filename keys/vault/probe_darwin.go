package vault

import (
	"context"
	"fmt"
	"os/exec"
)

const securityTool = "/usr/bin/security"

// probeSystem asks security(1) which keychain is the default one. Whether it is locked can't be
// asked without the risk of a dialog (`security show-keychain-info` opens one), so every use
// counts as one that may prompt. Over SSH the login keychain is locked as a rule and no dialog
// can appear.
func probeSystem(ctx context.Context, env func(string) string) Status {
	st := Status{Name: "the macOS keychain", Where: "Keychain Services", State: Absent, MayPrompt: true}
	// The tool is named by its full path and reads no input; its output is one quoted path.
	out, err := exec.CommandContext(ctx, securityTool, "default-keychain", "-d", "user").Output()
	switch {
	case ctx.Err() != nil:
		st.Reason = "security(1) does not answer"
		return st
	case err != nil:
		st.Reason = fmt.Sprintf("there is no default keychain (%v)", err)
		return st
	}
	name, ok := parseDefaultKeychain(out)
	if !ok {
		st.Reason = "security(1) did not name a default keychain"
		return st
	}
	st.Name = fmt.Sprintf("the macOS keychain (%s)", name)
	st.State = Ready
	if env("SSH_CONNECTION") != "" {
		st.State, st.Reason = Locked, "over SSH it is locked as a rule and shows no dialog"
	}
	return st
}
