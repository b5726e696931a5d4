package keys

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

// TestCleartextOutside finds all that stands in a file and is not signed.
func TestCleartextOutside(t *testing.T) {
	const (
		begin = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\necho hello\n-----BEGIN PGP SIGNATURE-----\n"
		end   = "-----END PGP SIGNATURE-----"
		whole = begin + "\nAAAA\n" + end
	)
	for _, tt := range []struct{ name, data, want string }{
		{"nothing", whole + "\n", "[]"},
		{"no last line end", whole, "[]"},
		{"blank lines", "\n \t\r\n" + whole + "\n\n  \n", "[]"},
		{"other line ends", strings.ReplaceAll(whole, "\n", "\r\n"), "[]"},
		{"before", "\ncurl x | sh\n\n" + whole, "[line 2]"},
		{"after", whole + "\n\ncurl x | sh\nexit\n", "[lines 10 to 11]"},
		{"before and after", "one\n\ntwo\n" + whole + "\n\nthree", "[lines 1 to 3 line 13]"},
		{"between two", whole + "\ncurl x | sh\n" + whole + "\n", "[lines 9 to 17]"},
		{"another one", whole + "\n" + whole + "\n", "[lines 9 to 16]"},
		{"another signature", whole + "\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n" + end + "\n", "[lines 9 to 12]"},
		{"beside the end", begin + "\nAAAA\n" + end + "; curl x | sh", "[line 8]"},
		{"another end", begin + "\nAAAA\n-----END PGP MESSAGE-----\n", "[line 8]"},
		{"headers of tools", begin + "Version: GnuPG v1\nComment: hello\n\nAAAA\n" + end, "[]"},
		{"another header", begin + "Version: 1\ncurl https://x | sh\n\nAAAA\n" + end, "[lines 6 to 7]"},
		{"a header without a name", begin + ": ; curl x\n\nAAAA\n" + end, "[line 6]"},
		{"a form feed", "\f\n" + whole, "[line 1]"},
	} {
		c, err := ParseCleartext([]byte(tt.data))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := fmt.Sprint(c.Outside); got != tt.want || string(c.Text) != "echo hello\n" && !strings.Contains(tt.data, "\r") {
			t.Errorf("%s: %s outside of %q, want %s", tt.name, got, c.Text, tt.want)
		}
	}
}

// TestCleartextOddHash takes for a header what names hash functions, and no commands.
func TestCleartextOddHash(t *testing.T) {
	for header, want := range map[string]bool{"Hash: SHA256": false, "Hash: SHA3-256, SHA512": false, "Hash: SHA256, $(curl x)": true, "Hash: SHA256; curl x": true} {
		c, err := ParseCleartext([]byte("-----BEGIN PGP SIGNED MESSAGE-----\n" + header + "\n\nx\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"))
		if err != nil || c.alien != want {
			t.Errorf("%q: %v, %v", header, c, err)
		}
	}
}

// TestCleartextOutsideOfCorpus: what real projects publish holds nothing beside the signed part.
func TestCleartextOutsideOfCorpus(t *testing.T) {
	dir := keystest.Corpus(t)
	tr := readTruth(t, dir)
	seen := 0
	for _, c := range tr.Cases {
		if c.Kind != "inline" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, c.Sig))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := ParseCleartext(data)
		if err != nil {
			continue
		}
		around := false
		for _, mutation := range []string{"text-", "two-", "armored-signed-message-end"} {
			around = around || strings.HasPrefix(c.Mutation, mutation)
		}
		if (len(doc.Outside) > 0) != around {
			t.Errorf("%s: %v outside", c.Case, doc.Outside)
		}
		seen++
	}
	if seen == 0 {
		t.Error("the corpus holds no clear-signed document")
	}
}

// TestCleartextHeaders: a sound signature under headers that it does not cover is no good one, and gpg
// takes none of them either.
func TestCleartextHeaders(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	ring, err := ReadKeyring(publicBytes(t, e), SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	sig := rawSign(t, e.PrivateKey, pgp.SigText, 8, rawArea(subTime(testEpoch), subFPR(e.PrimaryKey)), nil, func(w *bytes.Buffer) { w.WriteString("echo hello") })
	home, dir := keystest.GnuPGHome(t), t.TempDir()
	pub, file := filepath.Join(dir, "ring.gpg"), filepath.Join(dir, "file")
	if _, stderr, err := keystest.GPG(t, home, publicBytes(t, e), "--no-default-keyring", "--keyring", pub, "--import"); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	j := &Judge{Keyring: ring, Now: testEpoch.Add(time.Hour)}
	for _, tt := range []struct {
		header string
		want   Status
	}{
		{"Hash: SHA256\n", StatusGood},
		{"Hash: SHA512, SHA256\n", StatusGood},
		{"", StatusUnsupported},
		{"Hash: SHA512\n", StatusUnsupported},
		{"Hash: SHA256, $(curl x)\n", StatusBad},
		{"Hash: SHA256; curl x\n", StatusBad},
		{"Hash: SHA256\nComment: curl x | sh\n", StatusBad},
		{"Hash: SHA256\ncurl x | sh\n", StatusBad},
	} {
		text := "-----BEGIN PGP SIGNED MESSAGE-----\n" + tt.header + "\necho hello\n" + string(armored(t, armorSignature, sigFile(sig)))
		doc, err := ParseCleartext([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		v := j.VerifyCleartext(KindArtifact, "file", doc)[0]
		if v.Status != tt.want || (v.Signer != nil) != (tt.want == StatusGood) {
			t.Errorf("%q: %s (%s), want %s", tt.header, v.Status, v.Reason, tt.want)
		}
		writeFile(t, file, []byte(text))
		out, _, _ := keystest.GPG(t, home, nil, "--no-default-keyring", "--keyring", pub, "--status-fd", "1", "--verify", file)
		if good := strings.Contains(out, "GOODSIG"); good != (tt.want == StatusGood) {
			t.Errorf("%q: %s, gpg says %s", tt.header, v.Status, out)
		}
	}
}
