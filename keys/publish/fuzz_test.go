package publish

import (
	"encoding/json"
	"testing"

	"bulla/keys"
)

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEaQ\n-----END PGP PUBLIC KEY BLOCK-----\n"), true)
	f.Add([]byte{0xc2, 0x03, 4, 0x20, 22}, false)
	f.Add([]byte("ada@example.test ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"), false)
	q := Query{Fingerprint: "3E9C0E140000000000000000000000000000EE87"}
	f.Fuzz(func(t *testing.T, data []byte, byAddress bool) {
		if byAddress {
			q = Query{Address: "ada@example.test"}
		}
		found, err := sift(q, "keys.example.test", data, nil)
		if (len(found) == 0) != (err != nil) {
			t.Fatalf("%d keys, %v", len(found), err)
		}
		for _, k := range found {
			if k.Form == FormWhole && !q.names(k.Key) {
				t.Fatalf("asked for %s, got %+v", q, k.Key)
			}
			if k.Data != nil {
				if again, ok := describe(k.Data); !ok || again.Fingerprint != k.Key.Fingerprint {
					t.Fatalf("what would be kept is another key: %+v", again)
				}
			}
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"fingerprint":"3E9C0E140000000000000000000000000000EE87","places":[{"target":"hkp://x","user_ids":["a"],"sha256":"","sent_at":"2026-01-01T00:00:00Z","stage":"stored"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRecord(data)
		if err != nil {
			return
		}
		out, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRecord(out); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		r.Again(keys.MergeKeyrings(), Choice{})
	})
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"hkps://a", "vks:https://a", "wkd:x", "file:KEYS", "github", "gitea:https://a:1/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTarget(s, "/work")
		if err != nil {
			return
		}
		if again, err := ParseTarget(got.String(), "/work"); err != nil || again != got {
			t.Fatalf("%q is %q, which reads as %q, %v", s, got, again, err)
		}
	})
}
