package keys

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys/pgp"
)

// TestEd448 judges signatures that OpenPGP.js made: see testdata/ed448/README.
func TestEd448(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "ed448", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	document := string(read("document.txt"))
	for _, version := range []string{"v4", "v6"} {
		ring, err := ReadKeyring(read(version+".pub.asc"), SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range []string{"primary", "subkey"} {
			sig := read(version + "." + by + ".sig.asc")
			judge := func(r *Keyring, text string, sig []byte) Verdict {
				t.Helper()
				v, err := (&Judge{Keyring: r, Now: testEpoch}).Verify(KindArtifact, "document.txt", strings.NewReader(text), sig)
				if err != nil || len(v) != 1 {
					t.Fatal(v, err)
				}
				return v[0]
			}
			v := judge(ring, document, sig)
			if v.Status != StatusGood || v.Signer.Algorithm != "ed448" || v.Signer.UserIDs[0] != "Vera Vector <vera@example.org>" ||
				(v.Signer.Fingerprint == v.Signer.Primary) != (by == "primary") {
				t.Errorf("%s, %s: %+v", version, by, v)
			}
			if v := judge(ring, document+"!", sig); v.Status != StatusBad || v.Signer != nil {
				t.Errorf("%s, %s, another document: %+v", version, by, v)
			}
			block := pgp.Blocks(sig, 1)[0].Body
			for _, at := range []int{len(block) - 1, len(block) - 60} { // both halves of the signature
				changed := append([]byte(nil), block...)
				changed[at] ^= 1
				if v := judge(ring, document, changed); v.Status != StatusBad {
					t.Errorf("%s, %s, changed at %d: %+v", version, by, at, v)
				}
			}
			if v := judge(nil, document, sig); v.Status != StatusUnknownKey {
				t.Errorf("%s, %s, without the key: %+v", version, by, v)
			}
		}
	}
}
