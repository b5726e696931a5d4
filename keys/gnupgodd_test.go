package keys

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys/pgp"
)

// oddKey builds a key out of parts that no program would put together so.
type oddKey struct {
	t    testing.TB
	e    *openpgp.Entity
	base []byte // the primary key packet
	sub  *packet.PrivateKey
}

const oddUser = "x <x@example.org>"

func newOddKey(t testing.TB) *oddKey {
	k := &oddKey{t: t, e: newTestKey(t, testEpoch, 0)}
	var b bytes.Buffer
	if err := k.e.PrimaryKey.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	k.base = b.Bytes()
	k.sub = addSigningSubkey(t, k.e, testEpoch, 0).PrivateKey
	return k
}

// over makes a signature by one of the key's own keys over what write gives.
func (k *oddKey) over(by *packet.PrivateKey, typ byte, write func(*bytes.Buffer), subs ...rawSub) []byte {
	k.t.Helper()
	area := rawArea(append([]rawSub{subFPR(&by.PublicKey), subID(&by.PublicKey)}, subs...)...)
	return rawSign(k.t, by, typ, 8, area, nil, write)
}

func (k *oddKey) primary(w *bytes.Buffer) { hashKey(w, k.e.PrimaryKey) }

func (k *oddKey) both(w *bytes.Buffer) { k.primary(w); hashKey(w, &k.sub.PublicKey) }

func (k *oddKey) user(w *bytes.Buffer) {
	k.primary(w)
	w.Write(append([]byte{0xb4, 0, 0, 0, byte(len(oddUser))}, oddUser...))
}

func (k *oddKey) self(subs ...rawSub) []byte {
	return k.over(k.e.PrivateKey, 0x13, k.user, append(subs, rawSub{pgp.SubKeyFlags, true, []byte{pgp.FlagCertify | pgp.FlagSign}})...)
}

// bound is a binding of the subkey with a back signature of the given date.
func (k *oddKey) bound(at, back time.Time) []byte {
	b := k.over(k.sub, pgp.SigPrimaryBinding, k.both, subTime(back))
	return k.over(k.e.PrivateKey, pgp.SigSubkeyBinding, k.both, subTime(at), rawSub{pgp.SubKeyFlags, true, []byte{pgp.FlagSign}}, rawSub{pgp.SubEmbedded, false, b})
}

// ring is the key with these signatures behind the primary key, the user id and the subkey.
func (k *oddKey) ring(direct, user, sub [][]byte) []byte {
	out := slices.Concat(k.base, sigFile(direct...), appendPacket(nil, pgp.Packet{Tag: pgp.TagUserID, Body: []byte(oddUser)}), sigFile(user...))
	if sub == nil {
		return out
	}
	var b bytes.Buffer
	if err := k.sub.PublicKey.Serialize(&b); err != nil {
		k.t.Fatal(err)
	}
	return slices.Concat(out, b.Bytes(), sigFile(sub...))
}

// oddCases are keys and signatures that are written against the rules.
func oddCases(t testing.TB, hour func(int) time.Time) (cases []gnupgCase) {
	k := newOddKey(t)
	own, at := k.e.PrivateKey, func(n int) rawSub { return subTime(hour(n)) }
	self := k.self(at(0))
	plain := k.ring(nil, [][]byte{self}, nil)
	add := func(name string, ring, sig []byte, want Status, differs string) {
		cases = append(cases, gnupgCase{name, ring, sigFile(sig), hour(9), want, differs})
	}
	over := func(subs ...rawSub) []byte { return docSignature(t, own, hour(1), subs...) }
	short, long, never := rawSub{pgp.SubSigExpires, true, be32(1800)}, rawSub{pgp.SubSigExpires, true, be32(50 * 3600)}, rawSub{pgp.SubSigExpires, true, be32(0)}
	add("expires twice, short first", plain, over(short, long), StatusExpired, "")
	add("expires twice, never last", plain, over(short, never), StatusExpired, "")
	add("expires twice, long first", plain, over(long, short), StatusExpired, "gpg takes the first; sequoia refuses it as we do")
	for _, typ := range []byte{34, 37, 38} {
		add("critical, of a type that is only reserved", plain, over(rawSub{typ, true, []byte{1}}), StatusBad, "")
	}
	doc := over()
	add("user id certified before the key", k.ring(nil, [][]byte{k.self(at(-3))}, nil), doc, StatusUnknownKey, "")
	v3 := rawSignV3(t, own, 0x13, 8, hour(0), func(w *bytes.Buffer) { k.primary(w); w.WriteString(oddUser) })
	add("self-signature of version 3", k.ring(nil, [][]byte{v3}, nil), doc, StatusGood, "")

	rev := k.over(own, pgp.SigKeyRevoke, k.primary, at(3), rawSub{pgp.SubRevokeReason, false, []byte{2}})
	none := k.over(own, pgp.SigKeyRevoke, k.primary, at(3), rawSub{pgp.SubRevokeReason, false, nil})
	add("revocation with an empty reason", k.ring([][]byte{none}, [][]byte{self}, nil), doc, StatusRevoked, "")
	add("revocation behind the user id", k.ring(nil, [][]byte{self, rev}, nil), doc, StatusRevoked, "")

	sub := docSignature(t, k.sub, hour(1))
	good := k.bound(hour(0), hour(0))
	subRev := k.over(own, pgp.SigSubkeyRevoke, k.both, at(3), rawSub{pgp.SubRevokeReason, false, []byte{2}})
	withSub := func(direct, user, subkey [][]byte) []byte {
		return k.ring(direct, append([][]byte{self}, user...), subkey)
	}
	add("subkey of an odd key", withSub(nil, nil, [][]byte{good}), sub, StatusGood, "")
	add("revocation behind the subkey", withSub(nil, nil, [][]byte{good, rev}), sub, StatusRevoked, "")
	add("revocation of the subkey behind the user id", withSub(nil, [][]byte{subRev}, [][]byte{good}), sub, StatusRevoked, "")
	add("revocation of the subkey behind the primary key", withSub([][]byte{subRev}, nil, [][]byte{good}), sub, StatusRevoked, "")
	add("subkey bound before the key", withSub(nil, nil, [][]byte{k.bound(hour(-3), hour(0))}), sub, StatusUnknownKey, "")
	add("back signature before the subkey", withSub(nil, nil, [][]byte{k.bound(hour(0), hour(-3))}), sub, StatusBad, "gpg calls it an error")
	return cases
}

// TestManyRevokedSubkeys: a key whose subkeys were changed and revoked for decades is no flooded one.
func TestManyRevokedSubkeys(t *testing.T) {
	k := newOddKey(t)
	data := k.ring(nil, [][]byte{k.self(subTime(testEpoch))}, nil)
	var last *packet.PrivateKey
	for range 60 {
		k.sub = addSigningSubkey(t, k.e, testEpoch, 0).PrivateKey
		var b bytes.Buffer
		if err := k.sub.PublicKey.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		sigs := [][]byte{k.bound(testEpoch, testEpoch), k.over(k.e.PrivateKey, pgp.SigSubkeyRevoke, k.both, subTime(testEpoch.Add(time.Hour)), rawSub{pgp.SubRevokeReason, false, []byte{3}})}
		data, last = slices.Concat(data, b.Bytes(), sigFile(sigs...)), k.sub
	}
	ring, err := ReadKeyring(data, SourceFile)
	if err != nil || len(ring.Problems()) > 0 {
		t.Fatalf("%v, %v", err, ring.Problems())
	}
	j := &Judge{Keyring: ring, Now: testEpoch.Add(2 * time.Hour)}
	vs, err := j.Verify(KindTag, "v1", strings.NewReader(testText), sigFile(docSignature(t, last, testEpoch)))
	if err != nil || vs[0].Status != StatusGoodExpiredSince {
		t.Errorf("%+v, %v", vs, err)
	}
}
