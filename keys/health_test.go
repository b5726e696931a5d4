package keys

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

// TestHealthOfSignatures: what ties user ids and subkeys to a key is examined signature by
// signature, on keys of their own that gpg would not make, and sq agrees on which it refuses.
func TestHealthOfSignatures(t *testing.T) {
	const sha1, sha256, md5 = 2, 8, 1
	at := func(n int) time.Time { return testEpoch.Add(time.Duration(n) * time.Hour) }
	e := newTestKey(t, testEpoch, 0)
	sub := addSigningSubkey(t, e, testEpoch, 0).PrivateKey
	pub := &sub.PublicKey
	f := FingerprintOf(pub.Fingerprint)
	packetOf := func(k *packet.PublicKey) []byte {
		var b bytes.Buffer
		if err := k.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	const id = "Test Key <test@example.org>"
	var user bytes.Buffer
	if err := packet.NewUserId("Test Key", "", "test@example.org").Serialize(&user); err != nil {
		t.Fatal(err)
	}
	signed := func(typ, hash byte, by *packet.PrivateKey, over func(*bytes.Buffer), subs ...rawSub) []byte {
		area := rawArea(append([]rawSub{subFPR(&by.PublicKey), subID(&by.PublicKey)}, subs...)...)
		return rawSign(t, by, typ, hash, area, nil, over)
	}
	overUser := func(w *bytes.Buffer) {
		hashKey(w, e.PrimaryKey)
		w.Write(append([]byte{0xb4, 0, 0, 0, byte(len(id))}, id...))
	}
	overSubkey := func(w *bytes.Buffer) { hashKey(w, e.PrimaryKey); hashKey(w, pub) }
	self := func(hash byte, n int) []byte {
		return signed(pgp.SigCertPositive, hash, e.PrivateKey, overUser, subTime(at(n)), rawSub{pgp.SubKeyFlags, true, []byte{pgp.FlagCertify}}, rawSub{pgp.SubKeyExpires, true, be32(20 * 365 * 24 * 3600)})
	}
	back := func(hash byte) rawSub {
		return rawSub{pgp.SubEmbedded, false, signed(pgp.SigPrimaryBinding, hash, sub, overSubkey, subTime(at(0)))}
	}
	bind := func(hash byte, n int, more ...rawSub) []byte {
		return signed(pgp.SigSubkeyBinding, hash, e.PrivateKey, overSubkey, append([]rawSub{subTime(at(n)), {pgp.SubKeyFlags, true, []byte{pgp.FlagSign}}}, more...)...)
	}
	foreign := rawSub{pgp.SubEmbedded, false, signed(pgp.SigPrimaryBinding, sha256, e.PrivateKey, overSubkey, subTime(at(0)))}
	list := func(bodies ...[]byte) [][]byte { return bodies }

	for _, c := range []struct {
		name      string
		self      [][]byte
		bindings  [][]byte
		want      string
		key       Fingerprint // that the first finding is about
		sqRefuses bool
	}{
		{"well", list(self(sha256, 0)), list(bind(sha256, 0, back(sha256))), "", "", false},
		{"self-signature by SHA-1", list(self(sha1, 0)), list(bind(sha256, 0, back(sha256))), "weak-self-signature sha1", FingerprintOf(e.PrimaryKey.Fingerprint), true},
		{"self-signature by SHA-1, renewed", list(self(sha1, 0), self(sha256, 1)), list(bind(sha256, 0, back(sha256))), "", "", false},
		{"self-signature by MD5 alone", list(self(md5, 0)), list(bind(sha256, 0, back(sha256))), "no-valid-self-signature md5", FingerprintOf(e.PrimaryKey.Fingerprint), true},
		{"binding by SHA-1", list(self(sha256, 0)), list(bind(sha1, 0, back(sha256))), "weak-binding sha1", f, true},
		{"binding by SHA-1, renewed", list(self(sha256, 0)), list(bind(sha1, 0, back(sha256)), bind(sha256, 1, back(sha256))), "", "", false},
		{"binding by MD5 alone", list(self(sha256, 0)), list(bind(md5, 0, back(sha256))), "no-signing-key", FingerprintOf(e.PrimaryKey.Fingerprint), true},
		{"no back-signature", list(self(sha256, 0)), list(bind(sha256, 0)), "no-back-signature, no-signing-key", f, true},
		{"somebody's back-signature", list(self(sha256, 0)), list(bind(sha256, 0, foreign)), "no-back-signature, no-signing-key", f, true},
		{"back-signature by SHA-1", list(self(sha256, 0)), list(bind(sha256, 0, back(sha1))), "weak-back-signature sha1", f, true},
		{"back-signature by MD5", list(self(sha256, 0)), list(bind(sha256, 0, back(md5))), "no-back-signature, no-signing-key", f, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := slices.Concat(packetOf(e.PrimaryKey), user.Bytes(), sigFile(c.self...), packetOf(pub), sigFile(c.bindings...))
			ring, err := ReadKeyring(data, SourceFile)
			if err != nil {
				t.Fatal(err)
			}
			found := ring.Health(FingerprintOf(e.PrimaryKey.Fingerprint), at(48))
			var words []string
			for _, a := range found {
				words = append(words, strings.TrimSpace(fmt.Sprintf("%s %s", a.Rule, a.Detail)))
			}
			if got := strings.Join(words, ", "); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if len(found) > 0 && found[0].Key != c.key {
				t.Errorf("it is about %s, want %s", found[0].Key, c.key)
			}
			file := filepath.Join(t.TempDir(), "key.pgp")
			writeFile(t, file, data)
			out, errOut, err := keystest.Run(t, nil, nil, keystest.Peer(t, "sq"), "inspect", file)
			if err != nil {
				t.Fatalf("sq inspect: %v\n%s", err, errOut)
			}
			// sq does not list a subkey that it refuses.
			refused := !strings.Contains(out, "Key flags: signing") || strings.Contains(out, "Invalid") || strings.Contains(out, "not considered secure") || strings.Contains(out, "Policy rejected")
			if refused != c.sqRefuses {
				t.Errorf("refused by sq: %v, want %v\n%s", refused, c.sqRefuses, out)
			}
		})
	}
}
