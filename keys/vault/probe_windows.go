package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/danieljoos/wincred"
	"golang.org/x/sys/windows"
)

// probeSystem reads a name that does not exist. Credential Manager needs a logon session with
// credentials of its own: a service, a scheduled task or a log-on over SSH with a key has none.
func probeSystem(context.Context, func(string) string) Status {
	st := Status{Name: "Windows Credential Manager", Where: "Windows Credential Manager", State: Ready}
	_, err := wincred.GetGenericCredential(DefaultService + ":probe")
	switch {
	case err == nil, errors.Is(err, wincred.ErrElementNotFound):
	case errors.Is(err, windows.ERROR_NO_SUCH_LOGON_SESSION):
		st.State, st.Reason = Absent, "this logon session keeps no credentials"
	default:
		st.State, st.Reason = Absent, fmt.Sprintf("it can't be read (%v)", err)
	}
	return st
}
