package keys

import (
	"strings"
	"testing"
	"time"
)

// TestSSHLines reads lines of allowed_signers that are written in odd ways, and takes a signature by
// them only where ssh-keygen does.
func TestSSHLines(t *testing.T) {
	f := sshFixture{t, t.TempDir()}
	writeFile(t, f.path("data"), []byte(testText))
	key := f.key("ed", "-t", "ed25519")
	sig := f.sign("ed", "git")
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	made := now.Add(-time.Hour)
	for _, tt := range []struct {
		before string
		want   Status
	}{
		{`a@x`, StatusGood},
		{`a@x Namespaces="git"`, StatusGood},
		{`"a b@x" namespaces="git"`, StatusGood},
		{` a@x namespaces="file,git",valid-after="202603100000Z"`, StatusGood},
		{`a@x namespaces="g*t*,x\"y"`, StatusGood},
		{`a@x namespaces="*\""`, StatusBad},
		{`a@x namespaces="GIT"`, StatusBad},
		// Blanks belong to a pattern.
		{`a@x namespaces="file, git"`, StatusBad},
		{`a@x namespaces="git "`, StatusBad},
		// What OpenSSH calls a mistake allows nothing.
		{`a@x namespaces=""`, StatusUnknownKey},
		{`a@x namespaces`, StatusUnknownKey},
		{`a@x namespaces=git`, StatusUnknownKey},
		{`a@x namespaces="git`, StatusUnknownKey},
		{`a@x namespaces="file",namespaces="git"`, StatusUnknownKey},
		{`a@x valid-after="20260101",valid-after="20250101"`, StatusUnknownKey},
		{`a@x valid-before="20250101",valid-before="20300101"`, StatusUnknownKey},
		{`a@x valid-after="20260101",valid-before="20260101"`, StatusUnknownKey},
		{`a@x valid-after="19691231"`, StatusUnknownKey},
		{`a@x valid-before="20300101`, StatusUnknownKey},
		{`a@x cert-authority="no"`, StatusUnknownKey},
		{"a@x namespaces=\"git,\x00\"", StatusUnknownKey},
		{`!a@x`, StatusUnknownKey},
	} {
		line := tt.before + " " + key
		ring, _ := ReadKeyring([]byte(line+"\n"), SourceFile)
		c := (&Judge{Keyring: ring, Now: now}).Begin(mustSignatures(t, sig))
		_, _ = c.Write([]byte(testText))
		c.MadeAt(made)
		if v := c.Verdicts(KindTag, "v1")[0]; v.Status != tt.want {
			t.Errorf("%q: %s (%s), want %s", tt.before, v.Status, v.Reason, tt.want)
		}
		if tt.want == StatusUnknownKey && len(ring.Problems()) != 1 {
			t.Errorf("%q: problems %v", tt.before, ring.Problems())
		}
		if accepts := f.gitAccepts(line, sig, made, ""); accepts != tt.want.Sound() {
			t.Errorf("%q: ssh-keygen accepts: %v, want %s", tt.before, accepts, tt.want)
		}
	}
}

// TestSSHLineQuotes writes a line whose namespaces hold a quote, and reads it again.
func TestSSHLineQuotes(t *testing.T) {
	const key = " ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDcfOgk+7fVQNwnD3WQBUnABIBGO8k7YwUN/WWGCfSEz"
	const line = `a@x namespaces="git,x\"y"` + key
	r, err := ReadKeyring([]byte(line), SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	s := r.AllowedSigners()[0]
	if s.Line() != line || s.Namespaces != `git,x"y` || strings.Contains(s.PublicKey, "a@x") {
		t.Errorf("%q of %+v", s.Line(), s)
	}
}
