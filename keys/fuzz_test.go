package keys

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

func FuzzParseSignatures(f *testing.F) {
	e := newTestKey(f, testEpoch, 0)
	body := docSignature(f, e.PrivateKey, testEpoch)
	f.Add(sigFile(body))
	f.Add(sigFile(rawSignV3(f, e.PrivateKey, pgp.SigBinary, 2, testEpoch, textDoc)))
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n=AAAA\n-----END PGP SIGNATURE-----\n"))
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"))
	keystest.Seeds(f, "mutated/*/artifact.*")
	ring, err := ReadKeyring(publicBytes(f, e), SourceFile)
	if err != nil {
		f.Fatal(err)
	}
	j := &Judge{Keyring: ring, Now: testEpoch.Add(time.Hour)}
	f.Fuzz(func(t *testing.T, data []byte) {
		vs, err := j.Verify(KindArtifact, "x", strings.NewReader(testText), data)
		if err != nil {
			t.Fatal(err)
		}
		if len(vs) == 0 {
			t.Fatal("no verdict")
		}
		for _, v := range vs {
			if v.Status == "" || v.Reason == "" || v.Status.Sound() != (v.Signer != nil && v.Status.Sound()) {
				t.Fatalf("%+v", v)
			}
		}
	})
}

func FuzzReadKeyring(f *testing.F) {
	e := newTestKey(f, testEpoch, time.Hour)
	addSigningSubkey(f, e, testEpoch, 0)
	f.Add(publicBytes(f, e))
	f.Add(oldKey())
	keystest.Seeds(f, "real/*/keys.asc")
	keystest.Seeds(f, "mutated/*/keys*")
	sig := sigFile(docSignature(f, e.PrivateKey, testEpoch))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		r, err := ReadKeyring(data, SourceFile)
		if err != nil && r.Len() > 0 {
			t.Fatalf("%d keys and %v", r.Len(), err)
		}
		if len(r.Keys()) != r.Len() || len(r.Digest()) != 64 {
			t.Fatal("keys do not add up")
		}
		r.Problems()
		if m := MergeKeyrings(r, r); m.Len() != r.Len() || m.Digest() != MergeKeyrings(m, r).Digest() {
			t.Fatal("merging a keyring with itself changes it")
		}
		j := &Judge{Keyring: r, Now: testEpoch}
		if _, err := j.Verify(KindTag, "x", strings.NewReader(testText), sig); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzMalleability changes a good signature in every way the fuzzer finds. Whatever is still
// judged sound must be the same signature: same numbers, same hashed part. Only what proves
// nothing may differ: framing, armor, the unhashed area, the hash's first octets and bit
// counts.
func FuzzMalleability(f *testing.F) {
	e := newTestKey(f, testEpoch, 0)
	v4 := docSignature(f, e.PrivateKey, testEpoch)
	v3 := rawSignV3(f, e.PrivateKey, pgp.SigBinary, 8, testEpoch, textDoc)
	originals := []*sigPacket{}
	for _, body := range [][]byte{v4, v3} {
		p, err := parseSignature(body)
		if err != nil {
			f.Fatal(err)
		}
		originals = append(originals, p)
		f.Add(sigFile(body))
		var b bytes.Buffer
		w, err := armor.EncodeWithChecksumOption(&b, armorSignature, nil, true)
		if err != nil {
			f.Fatal(err)
		}
		_, _ = w.Write(sigFile(body))
		_ = w.Close()
		f.Add(b.Bytes())
	}
	ring, err := ReadKeyring(publicBytes(f, e), SourceFile)
	if err != nil {
		f.Fatal(err)
	}
	j := &Judge{Keyring: ring, Now: testEpoch.Add(time.Hour)}
	f.Fuzz(func(t *testing.T, data []byte) {
		sigs, err := ParseSignatures(data)
		if err != nil {
			return
		}
		c := j.Begin(sigs)
		_, _ = c.Write([]byte(testText))
		for i, v := range c.Verdicts(KindArtifact, "x") {
			if !v.Status.Sound() {
				continue
			}
			got := sigs[i].packet
			same := slices.ContainsFunc(originals, func(o *sigPacket) bool {
				return bytes.Equal(o.trailer, got.trailer) && slices.EqualFunc(o.mpis, got.mpis, bytes.Equal) &&
					o.hash == got.hash && o.created.Equal(got.created)
			})
			if !same {
				t.Fatalf("a changed signature is %s: %+v", v.Status, got)
			}
		}
	})
}

func FuzzParseCleartext(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- -x\ny \n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"))
	keystest.Seeds(f, "mutated-inline/*/document")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCleartext(data)
		if err != nil {
			return
		}
		if len(c.signatures) == 0 || len(c.Text) > len(data)+1 {
			t.Fatalf("%d signatures over %d bytes of %d", len(c.signatures), len(c.Text), len(data))
		}
		for _, l := range c.Outside {
			if l.From < 1 || l.To < l.From || l.To > 1+bytes.Count(data, []byte{'\n'}) {
				t.Fatalf("%v of %d lines", l, 1+bytes.Count(data, []byte{'\n'}))
			}
		}
		for _, v := range (&Judge{Now: testEpoch}).VerifyCleartext(KindChecksum, "x", c) {
			if v.Status.Sound() {
				t.Fatal("sound without a keyring")
			}
		}
	})
}

func FuzzReadRevocations(f *testing.F) {
	f.Add([]byte(krlMagic + "\x00\x00\x00\x01" + strings.Repeat("\x00", 24+8) + "\x05\x00\x00\x00\x05\x00\x00\x00\x01x"))
	f.Add([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDcfOgk+7fVQNwnD3WQBUnABIBGO8k7YwUN/WWGCfSEz x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadRevocations(data)
		if (r == nil) != (err != nil) {
			t.Fatalf("%v, %v", r, err)
		}
	})
}
