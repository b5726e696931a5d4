package keys

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/pgp"
)

func TestParseSignatures(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	ring, err := ReadKeyring(publicBytes(t, e), SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	j := &Judge{Keyring: ring, Now: testEpoch.Add(time.Hour)}
	body := docSignature(t, e.PrivateKey, testEpoch)
	bin := sigFile(body)
	asc := armored(t, armorSignature, bin)
	crc := bytes.Index(asc, []byte("\n=")) + 2
	wrongCRC := slices.Concat(asc[:crc], []byte("AAAA"), asc[crc+4:])
	key := armored(t, "PGP PUBLIC KEY BLOCK", publicBytes(t, e))
	skip := appendPacket(nil, pgp.Packet{Tag: pgp.TagMarker, Body: []byte("PGP")})
	many := bytes.Repeat(skip, 2000)
	old := slices.Concat([]byte{0x80 | byte(pgp.TagSignature)<<2 | 1, byte(len(body) >> 8), byte(len(body))}, body)
	partial := slices.Concat([]byte{0xc2, 0xe0 | 5}, body[:32], []byte{byte(len(body) - 32)}, body[32:])
	junk := appendPacket(nil, pgp.Packet{Tag: pgp.TagSignature, Body: []byte{4, 0, 22}})
	five := appendPacket(nil, pgp.Packet{Tag: pgp.TagSignature, Body: append([]byte{5}, body[1:]...)})
	indeterminate := append([]byte{0x80 | byte(pgp.TagSignature)<<2 | 3}, body...)

	for _, tt := range []struct {
		name string
		sig  []byte
		want []Status
	}{
		{"binary", bin, []Status{StatusGood}},
		{"old format", old, []Status{StatusGood}},
		{"partial length", partial, []Status{StatusGood}},
		{"indeterminate length", indeterminate, []Status{StatusMalformed}},
		{"armor", asc, []Status{StatusGood}},
		{"CRLF", bytes.ReplaceAll(asc, []byte("\n"), []byte("\r\n")), []Status{StatusGood}},
		{"text around", slices.Concat([]byte("Hello: there\n\n"), asc, []byte("bye\n")), []Status{StatusGood}},
		{"no checksum", dropChecksum(asc), []Status{StatusGood}},
		{"two blocks", slices.Concat(asc, asc), []Status{StatusGood, StatusGood}},
		{"two packets", slices.Concat(bin, bin), []Status{StatusGood, StatusGood}},
		{"key block beside", slices.Concat(key, asc), []Status{StatusGood}},
		{"other label", armored(t, "PGP PUBLIC KEY BLOCK", bin), []Status{StatusGood}},
		{"unknown block beside", slices.Concat(asc, armored(t, "OPENTIMESTAMPS PROOF", []byte("x"))), []Status{StatusGood}},
		{"many markers", slices.Concat(many, bin), []Status{StatusGood}},
		{"junk after", slices.Concat(bin, []byte("\x00\x00junk")), []Status{StatusGood}},
		{"unreadable one inside", slices.Concat(bin, junk, bin), []Status{StatusGood, StatusMalformed, StatusGood}},
		{"version 5 inside", slices.Concat(five, bin), []Status{StatusUnsupported, StatusGood}},
		{"wrong checksum", wrongCRC, []Status{StatusMalformed}},
		{"no end line", asc[:len(asc)-30], []Status{StatusMalformed}},
		{"only a key", key, []Status{StatusMalformed}},
		{"a user id first", slices.Concat(appendPacket(nil, pgp.Packet{Tag: pgp.TagUserID, Body: []byte("x")}), bin), []Status{StatusMalformed}},
		{"clear-signed", slices.Concat([]byte("-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n"), asc), []Status{StatusUnsupported}},
		{"X.509", armored(t, "SIGNED MESSAGE", bin), []Status{StatusUnsupported}},
		{"text", []byte("404 not found"), []Status{StatusMalformed}},
		{"random", []byte("\x99\x12\x13"), []Status{StatusMalformed}},
		{"empty", nil, []Status{StatusUnsigned}},
		{"blank", []byte(" \n"), []Status{StatusUnsigned}},
		{"too big", make([]byte, MaxSignatureBytes+1), []Status{StatusNotChecked}},
		{"too many", bytes.Repeat(sigFile([]byte{4}), MaxSignaturePackets+1), []Status{StatusNotChecked}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			vs, err := j.Verify(KindArtifact, "a file", strings.NewReader(testText), tt.sig)
			if err != nil {
				t.Fatal(err)
			}
			var got []Status
			for _, v := range vs {
				got = append(got, v.Status)
				if v.Kind != KindArtifact || v.Target != "a file" || !strings.HasSuffix(v.Reason, ".") || strings.Count(v.Reason, "\n") != 0 {
					t.Errorf("verdict %+v", v)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v: %s", got, tt.want, vs[0].Reason)
			}
		})
	}
}

// TestSignatureBomb: the largest accepted number of signatures, with every hash function there
// is, over one document.
func TestSignatureBomb(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	ring, _ := ReadKeyring(publicBytes(t, e), SourceFile)
	var sigs []byte
	for i := range MaxSignaturePackets {
		id := []byte{2, 3, 8, 9, 10, 11, 12, 14}[i%8]
		sigs = append(sigs, sigFile(rawSign(t, e.PrivateKey, byte(i/8%2), id, rawArea(subTime(testEpoch), subFPR(e.PrimaryKey)), nil, textDoc))...)
	}
	parsed, err := ParseSignatures(sigs)
	if err != nil {
		t.Fatal(err)
	}
	c := (&Judge{Keyring: ring, Now: testEpoch}).Begin(parsed)
	if len(c.open) != 16 {
		t.Errorf("%d hash states, want 16", len(c.open))
	}
	io.WriteString(c, testText)
	for i, v := range c.Verdicts(KindArtifact, "") {
		// testText has mixed line ends, so that the text signatures made over it are bad.
		if text := i/8%2 == 1; text != (v.Status == StatusBad) {
			t.Fatalf("signature %d: %s (%s)", i, v.Status, v.Reason)
		}
	}
}

// TestTooManySalts: every v6 signature needs a hash state of its own, of which there are only
// so many.
func TestTooManySalts(t *testing.T) {
	sigs := make([]*Signature, maxDocumentStates+5)
	e := newTestKey(t, testEpoch, 0)
	ring, _ := ReadKeyring(publicBytes(t, e), SourceFile)
	id := FingerprintOf(e.PrimaryKey.Fingerprint).KeyID()
	for i := range sigs {
		sigs[i] = &Signature{packet: &sigPacket{version: 6, hash: crypto.SHA256, salt: []byte{byte(i)}, issuerID: id, algo: packet.PubKeyAlgoEd25519}}
	}
	c := (&Judge{Keyring: ring, Now: testEpoch}).Begin(sigs)
	last := c.Verdicts(KindArtifact, "")[len(sigs)-1]
	if len(c.open) != maxDocumentStates || last.Status != StatusNotChecked {
		t.Errorf("%d states, last verdict %+v", len(c.open), last)
	}
}

func TestJudgeWithoutTime(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	ring, _ := ReadKeyring(publicBytes(t, e), SourceFile)
	vs, err := (&Judge{Keyring: ring}).Verify(KindTag, "v1", strings.NewReader(testText), sigFile(docSignature(t, e.PrivateKey, testEpoch)))
	if err != nil || vs[0].Status != StatusNotChecked {
		t.Errorf("%+v, %v", vs, err)
	}
}

func TestJudgeWithoutKeyring(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	vs, err := (&Judge{Now: testEpoch}).Verify(KindTag, "v1", iotest.ErrReader(errors.New("must not be read")), sigFile(docSignature(t, e.PrivateKey, testEpoch)))
	if err != nil || vs[0].Status != StatusUnknownKey || vs[0].Signer != nil {
		t.Errorf("%+v, %v", vs, err)
	}
}

func TestVerifyReadError(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	ring, _ := ReadKeyring(publicBytes(t, e), SourceFile)
	broken := errors.New("disk on fire")
	_, err := (&Judge{Keyring: ring, Now: testEpoch}).Verify(KindTag, "v1", iotest.ErrReader(broken), sigFile(docSignature(t, e.PrivateKey, testEpoch)))
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// TestDocumentText: line ends as GnuPG hashes them, whatever the pieces a document comes in.
func TestDocumentText(t *testing.T) {
	for in, want := range map[string]string{
		"":              "",
		"a":             "a",
		"a\n":           "a\r\n",
		"a\r\nb\n\nc":   "a\r\nb\r\n\r\nc",
		"a\r\r\nb":      "a\r\nb",
		"a\rb\n":        "a\rb\r\n",
		"\r\n\r":        "\r\n",
		"trailing  \r":  "trailing  ",
		"\n\r\n\r\r\nx": "\r\n\r\n\r\nx",
	} {
		for size := 1; size <= len(in)+1; size++ {
			d := newDocumentHash(documentKey{hash: crypto.SHA256, text: true})
			for rest := []byte(in); len(rest) > 0; {
				n := min(size, len(rest))
				d.write(rest[:n])
				rest = rest[n:]
			}
			h := crypto.SHA256.New()
			io.WriteString(h, want)
			if got, err := d.clone(); err != nil || !bytes.Equal(got.Sum(nil), h.Sum(nil)) {
				t.Errorf("%q in pieces of %d is not hashed as %q", in, size, want)
			}
		}
	}
}

func TestCloneHash(t *testing.T) {
	for _, id := range []crypto.Hash{crypto.SHA1, crypto.RIPEMD160, crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512} {
		h := id.New()
		io.WriteString(h, "first ")
		c, err := cloneHash(h)
		if err != nil {
			t.Errorf("%v: %v", id, err)
			continue
		}
		io.WriteString(h, "second")
		io.WriteString(c, "other")
		want := id.New()
		io.WriteString(want, "first other")
		if !bytes.Equal(c.Sum(nil), want.Sum(nil)) {
			t.Errorf("%v: the clone is not independent", id)
		}
	}
}

func TestSummarize(t *testing.T) {
	yes, no := true, false
	mk := func(s Status, trusted *bool) Verdict { return Verdict{Status: s, Trusted: trusted} }
	for _, tt := range []struct {
		name string
		in   []Verdict
		want Verdict
	}{
		{"none", nil, mk(StatusUnsigned, nil)},
		{"one", []Verdict{mk(StatusWeak, nil)}, mk(StatusWeak, nil)},
		{"good beside unknown", []Verdict{mk(StatusUnknownKey, nil), mk(StatusGood, nil)}, mk(StatusGood, nil)},
		{"good beside bad", []Verdict{mk(StatusGood, nil), mk(StatusBad, nil)}, mk(StatusBad, nil)},
		{"good before expired since", []Verdict{mk(StatusGoodExpiredSince, nil), mk(StatusGood, nil)}, mk(StatusGood, nil)},
		{"trusted first", []Verdict{mk(StatusGood, &no), mk(StatusGoodExpiredSince, &yes)}, mk(StatusGoodExpiredSince, &yes)},
		{"weak beside unknown", []Verdict{mk(StatusUnknownKey, nil), mk(StatusWeak, nil)}, mk(StatusWeak, nil)},
		{"worst", []Verdict{mk(StatusWeak, nil), mk(StatusRevoked, nil), mk(StatusMalformed, nil)}, mk(StatusRevoked, nil)},
	} {
		got := Summarize(tt.in)
		if got.Status != tt.want.Status || got.Trusted != tt.want.Trusted {
			t.Errorf("%s: %s, want %s", tt.name, got.Status, tt.want.Status)
		}
	}
}

func TestReasons(t *testing.T) {
	want := map[string]string{
		"good":               "Good signature by F made on 2026-03-01.",
		"key expired since":  "Good signature by F made on 2026-03-01; the key has expired since (2026-03-01).",
		"key expired before": "Signature by F made on 2026-03-01, after the key had expired (2026-03-01).",
		"sha1":               "Weak signature by F made on 2026-03-01 (sha1 signature).",
		"md5":                "The signature cannot be judged: the hash function md5 is not supported.",
		"expired":            "Signature by F made on 2026-03-01 was valid until 2026-03-01 only.",
		"future":             "Signature by F made on 2026-03-01, which is in the future.",
		"before the key":     "Signature by F made on 2026-03-01, before the key existed (2026-03-01).",
		"retired later":      "Good signature by F made on 2026-03-01; the key was retired later (2026-03-01).",
		"superseded later":   "Good signature by F made on 2026-03-01; the key was replaced later (2026-03-01).",
		"compromised later":  "Signature by F made on 2026-03-01, but the key is revoked as compromised (2026-03-01).",
		"no issuer":          "The signature does not say which key made it.",
		"timestamp":          "The signature cannot be judged: it is of type 0x40, which is not a signature over a document.",
	}
	seen := 0
	for _, c := range gnupgCases(t) {
		w, ok := want[c.name]
		if !ok {
			continue
		}
		seen++
		ring, _ := ReadKeyring(c.ring, SourceFile)
		vs, _ := (&Judge{Keyring: ring, Now: c.now}).Verify(KindTag, "v1", strings.NewReader(testText), c.sig)
		got := vs[0].Reason
		if s := vs[0].Signer; s != nil {
			got = strings.ReplaceAll(got, s.Primary.Short(), "F")
		}
		if got != w {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, w)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d sentences were compared", seen, len(want))
	}
}
