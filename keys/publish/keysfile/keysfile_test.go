package keysfile

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/store"
)

// made are public keys, binary, one for each name.
func made(t testing.TB, names ...string) (out [][]byte) {
	t.Helper()
	s := store.Open(store.Options{Dir: t.TempDir()})
	for _, n := range names {
		g, err := s.Generate(t.Context(), store.GenerateParams{Name: n, Email: "x@example.test", Algorithm: store.AlgorithmEd25519})
		if err != nil {
			t.Fatal(err)
		}
		data, err := s.PublicKeyring(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := keys.ReadKeyring(data, keys.SourceStore)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r.ExportWith(g.Key.Fingerprint, keys.ExportOptions{}))
	}
	return out
}

func update(t testing.TB, file, key []byte, want Kind) Change {
	t.Helper()
	c, err := Update(file, key)
	if err != nil || c.Kind != want {
		t.Fatalf("%s, %v; want %s", c.Kind, err, want)
	}
	return c
}

func TestUpdate(t *testing.T) {
	list := made(t, "Ada", "Bob")
	file := update(t, nil, list[0], Added).Data
	if !bytes.HasPrefix(file, []byte("pub   ed25519 ")) {
		t.Errorf("%s", file)
	}
	two := update(t, file, list[1], Added).Data
	if !bytes.HasPrefix(two, file) {
		t.Errorf("the first key was changed:\n%s", two)
	}
	if again := update(t, two, list[0], Unchanged).Data; !bytes.Equal(again, two) {
		t.Error("unchanged is not the same")
	}
	// Both in one block: it is not touched, and nothing needs to be added.
	shared := append([]byte("Keys\n\n"), keys.ArmorPublicKey(bytes.Join(list, nil))...)
	update(t, shared, list[0], Unchanged)
	// A text that only mentions the key before the block is not its listing.
	prose := "Ada's key follows, see below.\n\n"
	c := update(t, append([]byte(prose), keys.ArmorPublicKey(list[0])...), list[0], Unchanged)
	if !strings.HasPrefix(string(c.Data), prose) {
		t.Errorf("%s", c.Data)
	}
	if _, err := Update([]byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAA\n-----END PGP PRIVATE KEY BLOCK-----\n"), list[0]); !errors.Is(err, ErrSecret) {
		t.Errorf("a secret key: %v", err)
	}
	if _, err := Update(make([]byte, MaxSize+1), list[0]); !errors.Is(err, ErrTooBig) {
		t.Errorf("too big: %v", err)
	}
	if _, err := Update(nil, []byte("x")); err == nil {
		t.Error("no key was added")
	}
}

func TestListing(t *testing.T) {
	text := Listing(keys.Key{UserIDs: []string{"Ada\n-----BEGIN PGP PUBLIC KEY BLOCK-----\x1b[31m"}})
	if strings.Contains(text, "\n-----") || strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
}

// Whatever stands in a file, everything but the key's own block stays, and a second update finds
// nothing to do.
func FuzzUpdate(f *testing.F) {
	key := made(f, "Ada")[0]
	own := append([]byte(Listing(keys.Key{})+"\n"), keys.ArmorPublicKey(key)...)
	f.Add([]byte("Keys\r\n\r\n"), []byte("\nend"))
	f.Add([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), []byte("pub \n"))
	f.Add(own, own)
	f.Fuzz(func(t *testing.T, before, after []byte) {
		c, err := Update(append(bytes.Clone(before), after...), key)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(c.Data, before) && c.Kind == Added {
			t.Fatalf("what stood before was changed: %q", c.Data)
		}
		again, err := Update(c.Data, key)
		if err != nil || again.Kind != Unchanged && bytes.Count(c.Data, []byte(begin)) == 1 {
			t.Fatalf("once more: %s, %v", again.Kind, err)
		}
	})
}

// TestReplaceKeepsTheRest: of a file in which a key is renewed everything else stays, to the byte.
func TestReplaceKeepsTheRest(t *testing.T) {
	list := made(t, "Ada", "Bob")
	ring, err := keys.ReadKeyring(list[0], keys.SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	f := ring.Keys()[0].Fingerprint
	old := ring.ExportWith(f, keys.ExportOptions{UserIDs: func(string) bool { return false }})
	bob := string(keys.ArmorPublicKey(list[1]))
	for _, end := range []string{"\n", "\r\n"} {
		lines := func(s string) string { return strings.ReplaceAll(s, "\n", end) }
		before := lines("Keys of the project  \n\n\n" + Listing(keys.Key{Fingerprint: "0123456789ABCDEF0123456789ABCDEF01234567"}) + "\n" + bob + "\n\n\n")
		after := lines("\n\n\n  and more text\t\n" + bob + "the end, without a line end")
		file := before + lines(string(keys.ArmorPublicKey(old))) + after
		c := update(t, []byte(file), list[0], Replaced)
		if !strings.HasPrefix(string(c.Data), before) || !strings.HasSuffix(string(c.Data), after) {
			t.Errorf("more than the block was changed:\n%q", c.Data)
		}
		own := strings.TrimSuffix(strings.TrimPrefix(string(c.Data), before), after)
		if r, err := keys.ReadKeyring([]byte(own), keys.SourceFile); err != nil || r.Len() != 1 || r.Keys()[0].UserID() == "" || strings.HasSuffix(own, end+end) {
			t.Errorf("the key now: %q, %v", own, err)
		}
	}
}
