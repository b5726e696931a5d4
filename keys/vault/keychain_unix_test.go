//go:build unix

package vault

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestKeychainExitCodes: on macOS go-keyring hands on the bare exit status of security(1).
func TestKeychainExitCodes(t *testing.T) {
	for code, want := range map[int]error{
		exitNotFound: ErrNotFound, exitNoInteraction: ErrLocked, exitAuthFailed: ErrLocked, exitUserCanceled: ErrLocked, 1: nil,
	} {
		r := newFakeRing()
		r.before = func(string) error { return exec.Command("/bin/sh", "-c", "exit "+strconv.Itoa(code)).Run() }
		_, err := fakeKeychain(t, r).Get(context.Background(), keyA)
		var exit *exec.ExitError
		switch {
		case want != nil:
			wantErr(t, err, want)
		case !errors.As(err, &exit) || !strings.HasPrefix(err.Error(), "Fake Keyring"):
			t.Errorf("%d: %v", code, err)
		}
	}
}
