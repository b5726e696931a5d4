package explain

import (
	"errors"
	"testing"

	"bulla/keys/agent"
)

// What gpg says stands behind a line of ours, without its own alarm and without what a terminal might obey.
func TestGnuPGSays(t *testing.T) {
	for output, want := range map[string]string{
		"gpg: WARNING: nothing exported":               "gpg says: nothing exported",
		"gpg: decryption \x1b[31mfailed\u202e: No key": "gpg says: decryption <1B>[31mfailed<U+202E>: No key",
		"": "gpg: exit status 2.",
	} {
		x := Error(&agent.ProgramError{Program: "gpg", Output: output, Err: errors.New("exit status 2")})
		if x.Headline != "GnuPG could not do that." || x.Cause != want || x.Code != CodeRefused {
			t.Errorf("%q: %+v", output, x)
		}
	}
}
