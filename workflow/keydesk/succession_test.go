package keydesk

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/store"
	"bulla/workflow/policy"
)

// TestSucceed: gpg sees the certification as a good one, both signatures over the statement, and
// the old key's new end; the policy's lines are understood.
func TestSucceed(t *testing.T) {
	ctx := context.Background()
	w, home := gnupgWorld(t)
	var made []keys.Key
	for _, name := range []string{"old", "new"} {
		g, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ada", Email: name + "@example.org", Algorithm: store.AlgorithmEd25519, Passphrase: keys.NewSecret([]byte(testPassphrase))})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, g.Key)
	}
	p := SucceedParams{Old: keys.ParseSelector("old@example.org"), New: keys.ParseSelector("new@example.org"), Retire: 90 * 24 * time.Hour}
	var done Succession
	for range 2 { // the second time nothing is certified twice
		var err error
		if done, err = w.Succeed(ctx, p, answer); err != nil {
			t.Fatal(err)
		}
	}
	if end := done.Old.Expires; end.IsZero() || end.After(time.Now().Add(90*24*time.Hour+time.Minute)) {
		t.Errorf("the old key expires %v", end)
	}
	for _, k := range made {
		data, err := w.Store.ExportPublic(ctx, keys.ParseSelector(string(k.Fingerprint)))
		if err != nil {
			t.Fatal(err)
		}
		if _, errOut, err := keystest.GPG(t, home, data, "--import"); err != nil {
			t.Fatalf("%v\n%s", err, errOut)
		}
	}
	out, _, err := keystest.GPG(t, home, nil, "--with-colons", "--check-signatures", string(made[1].Fingerprint))
	good := 0
	for l := range strings.SplitSeq(out, "\n") {
		f := strings.Split(l, ":")
		if f[0] == "sig" && f[1] == "!" && f[4] == made[0].Fingerprint.KeyID() && f[10] == "13x" {
			good++
		}
	}
	if err != nil || good != 1 {
		t.Errorf("gpg sees %d good certifications by the old key: %v\n%s", good, err, out)
	}
	dir := t.TempDir()
	// The old key signs this very text, today: it must not seem to be left out.
	if s := string(done.Statement); strings.Contains(s, "before today") || !strings.Contains(s, "has signed stays good") {
		t.Errorf("the statement:\n%s", s)
	}
	text, sig := filepath.Join(dir, "statement.txt"), filepath.Join(dir, "statement.txt.asc")
	for path, data := range map[string][]byte{text: done.Statement, sig: done.Signature} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	status := strings.Join(keystest.GPGStatus(t, home, sig, text), "\n")
	if strings.Count(status, "GOODSIG") != 2 {
		t.Errorf("gpg says\n%s", status)
	}
	if _, err := policy.Parse(append([]byte("[policy]\nkeyring = \".bulla/keys.asc\"\n\n"), done.Policy...)); err != nil {
		t.Errorf("%v\n%s", err, done.Policy)
	}
}
