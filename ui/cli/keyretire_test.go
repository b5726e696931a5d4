package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"bulla/ui/explain"
)

// TestRemindsOfRetirement: from the day on which an old key gives way to a new one, bulla keys list and
// check say so and what to do; once that is done they are silent again.
func TestRemindsOfRetirement(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	now := time.Now()
	run := func(args ...string) (code int, out, errs string) {
		t.Helper()
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		var o, e bytes.Buffer
		env := map[string]string{"BULLA_HOME": home, "GNUPGHOME": dir + "/none", "HOME": home}
		code = Run(t.Context(), Env{
			Args: args, Stdin: null, Stdout: &o, Stderr: &e, Getenv: func(n string) string { return env[n] },
			Environ: []string{"BULLA_HOME=" + home, "GNUPGHOME=" + dir + "/none", "HOME=" + home}, Dir: dir, Now: func() time.Time { return now }, Rand: rand.Reader,
		})
		return code, o.String(), e.String()
	}
	for _, args := range [][]string{
		{"keys", "generate", "--name", "Ada", "--email", "old@example.org", "--no-passphrase"},
		{"keys", "generate", "--name", "Ada", "--email", "new@example.org", "--no-passphrase"},
		{"keys", "succeed", "old@example.org", "new@example.org", "--retire", "30d"},
	} {
		if code, out, errs := run(args...); code != explain.CodeOK {
			t.Fatalf("%v: %d\n%s%s", args, code, out, errs)
		}
	}
	if _, _, errs := run("keys", "list"); strings.Contains(errs, "follows it") {
		t.Errorf("too early:\n%s", errs)
	}
	now = now.Add(31 * 24 * time.Hour)
	if _, _, errs := run("keys", "list"); !strings.Contains(errs, "follows it, and it expired on") || !strings.Contains(errs, "--reason superseded") {
		t.Errorf("no reminder:\n%s", errs)
	}
	_, out, _ := run("keys", "check", "old@example.org", "--json")
	if !strings.Contains(out, `"retired"`) || strings.Contains(out, `"rule":"expired"`) {
		t.Errorf("checked as\n%s", out)
	}
	_, out, _ = run("keys", "list", "--json")
	followed := 0
	for l := range strings.Lines(out) {
		var k keyLine
		if err := json.Unmarshal([]byte(l), &k); err != nil {
			t.Fatal(err)
		}
		if k.Successor != "" && k.Retires != "" {
			followed++
		}
	}
	if followed != 1 {
		t.Errorf("%d keys have a successor:\n%s", followed, out)
	}
	if code, out, errs := run("keys", "revoke", "old@example.org", "--reason", "superseded", "--yes"); code != explain.CodeOK {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	if _, _, errs := run("keys", "list"); strings.Contains(errs, "follows it") {
		t.Errorf("it is revoked:\n%s", errs)
	}
}
