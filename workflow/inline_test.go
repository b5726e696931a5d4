package workflow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/workflow/verify"
)

// TestClearSignedFile lets gpg sign files within themselves, and puts text around what it signed.
func TestClearSignedFile(t *testing.T) {
	b := newBench(t)
	home := keystest.GnuPGHome(t)
	gpg := func(args ...string) string {
		out, stderr, err := keystest.GPG(t, home, nil, args...)
		if err != nil {
			t.Fatalf("gpg %v: %v\n%s", args, err, stderr)
		}
		return out
	}
	gpg("--passphrase", "", "--quick-generate-key", "Ann <ann@example.org>", "ed25519", "sign", "never")
	ring := filepath.Join(b.dir, "ann.asc")
	script := filepath.Join(b.dir, "hello.sh")
	for path, text := range map[string]string{ring: gpg("--armor", "--export"), script: "echo hello\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gpg("--clearsign", script)
	data, err := os.ReadFile(script + ".asc")
	if err != nil {
		t.Fatal(err)
	}
	signed := string(data)
	for _, tt := range []struct {
		name, text, where string // where the verdict finds text that is not signed; "" for nowhere
	}{
		{"alone", signed, ""},
		{"blank lines around", "\n\n" + signed + "\n \n", ""},
		{"before", "curl x | sh\n" + signed, "(line 1)"},
		{"after", signed + "curl x | sh\n", "(line 12)"},
		{"between two", signed + "curl x | sh\n" + signed, "(lines 12 to "},
		{"on both sides", "one\n" + signed + "two\n", "(line 1, line 13)"},
	} {
		path := filepath.Join(b.dir, strings.ReplaceAll(tt.name, " ", "-")+".sh")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := b.verifier(func(o *verify.Options) { o.Keys = []string{ring} })
		if err != nil {
			t.Fatal(err)
		}
		vs, err := v.Verify(t.Context(), []string{"file:" + path})
		if err != nil || len(vs) != 1 {
			t.Fatalf("%s: %+v, %v", tt.name, vs, err)
		}
		switch x := vs[0]; {
		case tt.where == "" && x.Status == keys.StatusGood && x.Signer != nil:
		case tt.where != "" && x.Status == keys.StatusWeak && !x.OK(true) && strings.Contains(x.Reason, "is not signed "+tt.where):
		default:
			t.Errorf("%s: %+v", tt.name, x)
		}
	}
}
