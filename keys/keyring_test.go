package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgped25519 "github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys/pgp"
)

func armored(t testing.TB, label string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&b, label, map[string]string{"Comment": "a: b"}, true)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// oldKey is a v3 RSA primary key packet with a user id: GnuPG 2 skips such keys, too.
func oldKey() []byte {
	body := append([]byte{3}, be32(testEpoch.Unix())...)
	body = append(body, 0, 0, 1)
	body = append(body, mpi(bytes.Repeat([]byte{0xff}, 128)).EncodedBytes()...)
	body = append(body, mpi{17}.EncodedBytes()...)
	return appendPacket(appendPacket(nil, pgp.Packet{Tag: pgp.TagPublicKey, Body: body}), pgp.Packet{Tag: pgp.TagUserID, Body: []byte("old")})
}

func TestReadKeyring(t *testing.T) {
	a, b := newTestKey(t, testEpoch, 0), newTestKey(t, testEpoch, 0)
	pa, pb := publicBytes(t, a), publicBytes(t, b)
	fa, fb := FingerprintOf(a.PrimaryKey.Fingerprint), FingerprintOf(b.PrimaryKey.Fingerprint)
	block := func(data []byte) []byte { return armored(t, "PGP PUBLIC KEY BLOCK", data) }
	broken := block(pb)
	broken[len(broken)/2] ^= 0x10
	var secret bytes.Buffer
	if err := a.SerializePrivateWithoutSigning(&secret, nil); err != nil {
		t.Fatal(err)
	}
	unknownSubkey := appendPacket(nil, pgp.Packet{Tag: pgp.TagPublicSubkey, Body: append([]byte{4}, append(be32(0), 99, 1, 2, 3)...)})
	nonsense := appendPacket(nil, pgp.Packet{Tag: pgp.TagSignature, Body: []byte{4, 0}})

	for _, tt := range []struct {
		name     string
		data     []byte
		want     []Fingerprint
		problems int
	}{
		{"binary", pa, []Fingerprint{fa}, 0},
		{"concatenated", slices.Concat(pa, pb), []Fingerprint{fa, fb}, 0},
		{"armored together", block(slices.Concat(pa, pb)), []Fingerprint{fa, fb}, 0},
		{"two blocks with text", slices.Concat([]byte("KEYS of the project\n\n"), block(pa), []byte("and: more\n"), block(pb), []byte("end")), []Fingerprint{fa, fb}, 0},
		{"CRLF", bytes.ReplaceAll(block(pa), []byte("\n"), []byte("\r\n")), []Fingerprint{fa}, 0},
		{"prose beyond ASCII", slices.Concat([]byte("Ünterschriften\n"), block(pa)), []Fingerprint{fa}, 0},
		{"byte order mark", slices.Concat([]byte("\ufeff"), block(pa)), []Fingerprint{fa}, 0},
		{"no checksum", dropChecksum(block(pa)), []Fingerprint{fa}, 0},
		{"twice", slices.Concat(pa, pb, pa), []Fingerprint{fa, fb}, 0},
		{"secret", secret.Bytes(), []Fingerprint{fa}, 0},
		{"v3 key first", slices.Concat(oldKey(), pa), []Fingerprint{fa}, 1},
		{"v3 key between", slices.Concat(pb, oldKey(), pa), []Fingerprint{fb, fa}, 1},
		{"broken block", slices.Concat(block(pa), broken), []Fingerprint{fa}, 1},
		{"block without end", slices.Concat(block(pb)[:200], []byte("\n"), block(pa)), []Fingerprint{fa}, 1},
		{"cut off", slices.Concat(pa, pb[:len(pb)-20]), []Fingerprint{fa, fb}, 1},
		{"unknown subkey", slices.Concat(pa, unknownSubkey, nonsense, pb), []Fingerprint{fa, fb}, 0},
		{"nonsense signature", slices.Concat(pa, nonsense, pb), []Fingerprint{fa, fb}, 0},
		{"unknown packets", slices.Concat(appendPacket(nil, pgp.Packet{Tag: 60, Body: []byte("x")}), pa, appendPacket(nil, pgp.Packet{Tag: pgp.TagTrust, Body: []byte{1}}), pb), []Fingerprint{fa, fb}, 0},
		{"stray subkey", slices.Concat(unknownSubkey, pa), []Fingerprint{fa}, 0},
		{"empty", nil, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ReadKeyring(tt.data, SourceFile)
			if err != nil {
				t.Fatal(err)
			}
			var got []Fingerprint
			for _, k := range r.Keys() {
				got = append(got, k.Fingerprint)
				if len(k.Weak) != 0 || k.UserID() != "Test Key <test@example.org>" || k.Source != SourceFile {
					t.Errorf("key %+v", k)
				}
			}
			if !slices.Equal(got, tt.want) || r.Len() != len(tt.want) {
				t.Errorf("keys %v, want %v", got, tt.want)
			}
			if p := r.Problems(); len(p) != tt.problems {
				t.Errorf("problems %v, want %d", p, tt.problems)
			}
		})
	}
	for name, data := range map[string]string{"text": "no key here", "html": "<html>", "bytes": "\xff\xff\xff\xff"} {
		if r, err := ReadKeyring([]byte(data), SourceFile); !errors.Is(err, ErrNoKeys) || r == nil || r.Len() != 0 {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

func dropChecksum(block []byte) []byte {
	var out [][]byte
	for _, l := range bytes.Split(block, []byte("\n")) {
		if len(l) != 5 || l[0] != '=' {
			out = append(out, l)
		}
	}
	return bytes.Join(out, []byte("\n"))
}

// TestKeyringInputIsCopied: a frozen keyring does not follow the buffer it was read from.
func TestKeyringInputIsCopied(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	data := publicBytes(t, e)
	r, err := ReadKeyring(data, SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if k := r.Keys()[0]; len(k.UserIDs) != 1 || len(k.Weak) != 0 {
		t.Errorf("the keyring changed with its input: %+v", k)
	}
}

func TestMergeKeyrings(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	other := newTestKey(t, testEpoch, 0)
	before := publicBytes(t, e)
	sub := addSigningSubkey(t, e, testEpoch, 0)
	if err := e.Revoke(packet.KeyRetired, "", testConfig(testEpoch.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	read := func(data []byte, src Source) *Keyring {
		r, err := ReadKeyring(data, src)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	old := read(slices.Concat(before, publicBytes(t, other)), SourceStore)
	fresh := read(publicBytes(t, e), SourceGnuPG)
	merged := MergeKeyrings(nil, old, fresh)
	if merged.Len() != 2 || old.Len() != 2 || fresh.Len() != 1 {
		t.Fatalf("%d keys merged of %d and %d", merged.Len(), old.Len(), fresh.Len())
	}
	k := merged.Keys()[0]
	if !k.Revoked || k.Source != SourceStore || len(k.Subkeys) != 2 || k.Subkeys[1].Fingerprint != FingerprintOf(sub.PublicKey.Fingerprint) {
		t.Errorf("merged key %+v", k)
	}
	if old.Keys()[0].Revoked {
		t.Error("merging changed its input")
	}
	if a, b := MergeKeyrings(fresh, old).Digest(), merged.Digest(); a != b {
		t.Errorf("the digest depends on the order: %s, %s", a, b)
	}
	if old.Digest() == merged.Digest() || fresh.Digest() == merged.Digest() {
		t.Error("a revocation does not change the digest")
	}
	var none *Keyring
	if none.Len() != 0 || none.Digest() != MergeKeyrings().Digest() || none.Keys() != nil || none.Problems() != nil {
		t.Error("a nil keyring is not an empty one")
	}
}

// TestUserIDs: the primary user id first, revoked ones not at all.
func TestUserIDs(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	certify := func(typ byte, id string, at int, subs ...rawSub) []byte {
		area := rawArea(append([]rawSub{subTime(testEpoch.Add(time.Duration(at) * time.Hour)), subFPR(e.PrimaryKey)}, subs...)...)
		return rawSign(t, e.PrivateKey, typ, 8, area, nil, func(w *bytes.Buffer) {
			hashUser(w, e.PrimaryKey, &userPart{tag: pgp.TagUserID, body: []byte(id)}, 4)
		})
	}
	user := func(id string, sigs ...[]byte) []byte {
		return slices.Concat(appendPacket(nil, pgp.Packet{Tag: pgp.TagUserID, Body: []byte(id)}), sigFile(sigs...))
	}
	pkt, _, err := nextPacket(publicBytes(t, e))
	if err != nil {
		t.Fatal(err)
	}
	data := slices.Concat(
		appendPacket(nil, pkt),
		user("older", certify(0x13, "older", 0)),
		user("newer", certify(0x10, "newer", 2)),
		user("primary", certify(0x13, "primary", 1, rawSub{pgp.SubPrimaryUserID, false, []byte{1}})),
		user("revoked", certify(0x13, "revoked", 3), certify(0x30, "revoked", 4)),
		user("back again", certify(0x30, "back again", 0), certify(0x13, "back again", 1)),
		user("unsigned"),
		user("forged", certify(0x13, "another", 9)),
	)
	r, err := ReadKeyring(data, SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"primary", "newer", "back again", "older"}
	if got := r.Keys()[0].UserIDs; !slices.Equal(got, want) {
		t.Errorf("user ids %q, want %q", got, want)
	}
}

// TestWeakSelfSignature: a SHA-1 self-signature is listed and the status stays good.
func TestWeakSelfSignature(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	pkt, _, err := nextPacket(publicBytes(t, e))
	if err != nil {
		t.Fatal(err)
	}
	user := &userPart{tag: pgp.TagUserID, body: []byte("old habits")}
	sha1 := rawSign(t, e.PrivateKey, 0x13, 2, rawArea(subTime(testEpoch), subFPR(e.PrimaryKey)), nil,
		func(w *bytes.Buffer) { hashUser(w, e.PrimaryKey, user, 4) })
	old := rawSignV3(t, e.PrivateKey, 0x13, 8, testEpoch, func(w *bytes.Buffer) { hashUser(w, e.PrimaryKey, user, 3) })
	for name, tt := range map[string]struct {
		self []byte
		weak []string
	}{
		"sha1": {sha1, []string{"sha1 self-signature on the key"}},
		"v3":   {old, nil},
	} {
		data := slices.Concat(appendPacket(nil, pkt), appendPacket(nil, pgp.Packet{Tag: pgp.TagUserID, Body: user.body}), sigFile(tt.self))
		r, err := ReadKeyring(data, SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		j := &Judge{Keyring: r, Now: testEpoch.Add(time.Hour)}
		vs, _ := j.Verify(KindTag, "v1", strings.NewReader(testText), sigFile(docSignature(t, e.PrivateKey, testEpoch)))
		if vs[0].Status != StatusGood || !slices.Equal(vs[0].Weak, tt.weak) || !slices.Equal(r.Keys()[0].Weak, tt.weak) {
			t.Errorf("%s: %+v; key %v", name, vs[0], r.Keys()[0].Weak)
		}
	}
}

// TestFloodedKey: a key with more self-signatures than are verified is not used at all, for
// the one left out might be a revocation.
func TestFloodedKey(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	junk := docSignature(t, e.PrivateKey, testEpoch, subID(e.PrimaryKey))
	junk[1] = pgp.SigDirectKey
	flood := make([][]byte, maxSelfSignatures+1)
	for i := range flood {
		flood[i] = bytes.Clone(junk)
		flood[i][len(junk)-1] ^= byte(i)
		flood[i][len(junk)-2] ^= byte(i >> 8)
	}
	r, err := ReadKeyring(withDirect(t, e, flood...), SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	j := &Judge{Keyring: r, Now: testEpoch.Add(time.Hour)}
	vs, _ := j.Verify(KindTag, "v1", strings.NewReader(testText), sigFile(docSignature(t, e.PrivateKey, testEpoch)))
	if vs[0].Status != StatusUnknownKey {
		t.Errorf("%s: %s", vs[0].Status, vs[0].Reason)
	}
	if p := r.Problems(); len(p) != 1 || !strings.Contains(p[0].Error(), "too many") {
		t.Errorf("problems %v", p)
	}
}

// TestJudgeConcurrently shares one keyring and one judge among workers, whose first questions
// verify the self-signatures. Run it with -race.
func TestJudgeConcurrently(t *testing.T) {
	var data, texts [][]byte
	for range 8 {
		e := newTestKey(t, testEpoch, 0)
		data = append(data, publicBytes(t, e))
		texts = append(texts, sigFile(docSignature(t, e.PrivateKey, testEpoch)))
	}
	r, err := ReadKeyring(bytes.Join(data, nil), SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	j := &Judge{Keyring: r, Now: testEpoch.Add(time.Hour)}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range texts {
				sig := texts[(i+w)%len(texts)]
				vs, err := j.Verify(KindTag, fmt.Sprint(i), strings.NewReader(testText), sig)
				if err != nil || vs[0].Status != StatusGood {
					t.Errorf("%v, %v", vs, err)
				}
				r.Keys()
				r.Problems()
			}
		})
	}
	wg.Wait()
}

func TestVersion6(t *testing.T) {
	cfg := testConfig(testEpoch)
	cfg.V6Keys, cfg.Algorithm = true, packet.PubKeyAlgoEd25519
	e, err := openpgp.NewEntity("Six", "", "six@example.org", cfg)
	if err != nil {
		t.Fatal(err)
	}
	var sig bytes.Buffer
	if err := openpgp.DetachSign(&sig, []*openpgp.Entity{e}, strings.NewReader(testText), cfg); err != nil {
		t.Fatal(err)
	}
	r, err := ReadKeyring(publicBytes(t, e), SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	j := &Judge{Keyring: r, Now: testEpoch.Add(time.Hour)}
	vs, _ := j.Verify(KindTag, "v6", strings.NewReader(testText), sig.Bytes())
	if vs[0].Status != StatusGood || vs[0].Claim.Version != 6 || len(vs[0].Signer.Fingerprint) != 64 {
		t.Errorf("%+v", vs[0])
	}
	vs, _ = j.Verify(KindTag, "v6", strings.NewReader(testText+"!"), sig.Bytes())
	if vs[0].Status != StatusBad {
		t.Errorf("changed: %+v", vs[0])
	}
	// A key of version 6 makes no signatures of version 4 (RFC 9580, section 5.2.3).
	body := []byte{4, pgp.SigBinary, byte(packet.PubKeyAlgoEd25519), 8}
	area := rawArea(subTime(testEpoch), rawSub{pgp.SubIssuerFPR, false, append([]byte{6}, e.PrimaryKey.Fingerprint...)})
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(area))), area...)
	h := sha256.New()
	io.WriteString(h, testText)
	h.Write(body)
	h.Write(append([]byte{4, 0xff}, be32(int64(len(body)))...))
	digest := h.Sum(nil)
	body = slices.Concat(body, []byte{0, 0}, digest[:2], ed25519.Sign(e.PrivateKey.PrivateKey.(*pgped25519.PrivateKey).Key, digest))
	vs, _ = j.Verify(KindTag, "v6", strings.NewReader(testText), sigFile(body))
	if vs[0].Status != StatusBad {
		t.Errorf("of version 4: %+v", vs[0])
	}
	if k := r.Keys()[0]; k.Algorithm != "ed25519" || !k.CanSign || k.UserID() != "Six <six@example.org>" {
		t.Errorf("%+v", k)
	}
}

var _ io.Writer = (*Check)(nil)

// TestKeyringOfManyBlocks: one with more blocks than are read is not read in part, for the rest could
// revoke what came before.
func TestKeyringOfManyBlocks(t *testing.T) {
	e := newTestKey(t, testEpoch, 0)
	block := armored(t, "PGP PUBLIC KEY BLOCK", publicBytes(t, e))
	empty := []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n")
	for n, good := range map[int]bool{maxKeyringBlocks - 1: true, maxKeyringBlocks: false} {
		r, err := ReadKeyring(slices.Concat(block, bytes.Repeat(empty, n)), SourceFile)
		var limit *LimitError
		if good != (err == nil && r.Len() == 1) || !good && (!errors.As(err, &limit) || r.Len() != 0) {
			t.Errorf("%d blocks: %d keys, %v", n+1, r.Len(), err)
		}
	}
}

// appendPacket frames a packet in the new format.
func appendPacket(dst []byte, p pgp.Packet) []byte { return pgp.Append(dst, p.Tag, p.Body) }
