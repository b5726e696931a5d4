package keys

import (
	"bytes"
	"strings"
	"testing"

	"bulla/keys/keystest"
)

// TestExport gives gpg what we export of its own key, others' certifications left out.
func TestExport(t *testing.T) {
	home := keystest.GnuPGHome(t)
	gpg := func(args ...string) string {
		t.Helper()
		out, stderr, err := keystest.GPG(t, home, nil, args...)
		if err != nil {
			t.Fatalf("gpg %v: %v\n%s", args, err, stderr)
		}
		return out
	}
	for _, who := range []string{"Ann <ann@example.org>", "Bob <bob@example.org>"} {
		gpg("--passphrase", "", "--quick-generate-key", who, "ed25519", "cert", "2y")
	}
	var fpr Fingerprint
	for l := range strings.Lines(gpg("--with-colons", "--list-keys", "ann@example.org")) {
		if f := strings.Split(l, ":"); f[0] == "fpr" && fpr == "" {
			fpr = Fingerprint(f[9])
		}
	}
	gpg("--passphrase", "", "--quick-add-key", string(fpr), "ed25519", "sign", "1y")
	gpg("--passphrase", "", "--quick-add-uid", string(fpr), "Ann Second <ann@example.net>")
	gpg("-u", "bob@example.org", "--quick-sign-key", string(fpr))

	whole := []byte(gpg("--armor", "--export", string(fpr)))
	ring, err := ReadKeyring(whole, SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	k := ring.Keys()[0]
	for _, f := range []Fingerprint{fpr, k.Subkeys[0].Fingerprint} {
		out := ring.Export(f)
		again, err := ReadKeyring(out, SourceFile)
		if err != nil || len(again.Problems()) > 0 {
			t.Fatalf("%v, %v", err, again.Problems())
		}
		a := again.Keys()[0]
		if a.Fingerprint != fpr || len(a.UserIDs) != 2 || len(a.Subkeys) != 1 || !a.Expires.Equal(k.Expires) || !a.Subkeys[0].Expires.Equal(k.Subkeys[0].Expires) || !a.Subkeys[0].CanSign {
			t.Errorf("got %+v, want %+v", a, k)
		}
		if len(out) >= len(whole) {
			t.Errorf("%d bytes of %d: Bob's certification is still there", len(out), len(whole))
		}
		theirs := keystest.GnuPGHome(t)
		if _, stderr, err := keystest.GPG(t, theirs, out, "--import"); err != nil || !strings.Contains(stderr, "imported: 1") {
			t.Errorf("gpg: %v\n%s", err, stderr)
		}
		sigs, _, _ := keystest.GPG(t, theirs, nil, "--check-sigs", "--with-colons")
		if n := strings.Count(sigs, "\nsig:!:"); n != 3 { // two user ids and a binding
			t.Errorf("gpg finds %d good signatures in\n%s", n, sigs)
		}
	}
	if ring.Export("00") != nil || ring.Export(Fingerprint(strings.Repeat("0", 40))) != nil || (*Keyring)(nil).Export(fpr) != nil {
		t.Error("exported what is not there")
	}
}

func TestAllowedSignersLine(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	for in, want := range map[string]string{
		"ann@x " + key + " a comment": "ann@x " + key,
		`ann@x,bob@x namespaces="git",valid-after="20260102",valid-before="20270102030405Z" ` + key: `ann@x,bob@x namespaces="git",valid-after="20260102000000Z",valid-before="20270102030405Z" ` + key,
		`"Ann A <ann@x>" ` + key: `"Ann A <ann@x>" ` + key,
	} {
		ring, err := ReadKeyring([]byte(in+"\n"), SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		a := ring.AllowedSigners()
		if len(a) != 1 || a[0].Line() != want {
			t.Fatalf("%s\nwas written as %s", in, a[0].Line())
		}
		if a[0].MatchesNamespace("file") == strings.Contains(in, "namespaces") || !a[0].MatchesNamespace("git") {
			t.Errorf("%s: namespaces", in)
		}
		if a[0].Fingerprint != ring.Keys()[0].Fingerprint || bytes.Contains([]byte(a[0].PublicKey), []byte("comment")) {
			t.Errorf("%+v", a[0])
		}
	}
	if (*Keyring)(nil).AllowedSigners() != nil {
		t.Error("nil has signers")
	}
}
