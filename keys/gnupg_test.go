package keys

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

const testText = "bulla 1.4.0\r\nsecond line  \nno end"

// rawArea builds a subpacket area of type, critical and body triples.
type rawSub struct {
	typ      byte
	critical bool
	body     []byte
}

func rawArea(subs ...rawSub) (area []byte) {
	for _, s := range subs {
		t := s.typ
		if s.critical {
			t |= 0x80
		}
		area = append(area, byte(len(s.body)+1), t)
		area = append(area, s.body...)
	}
	return area
}

// subID is needed beside subFPR on keys: gpg 2.2 takes no self-signature without it.
func subID(k *packet.PublicKey) rawSub {
	return rawSub{pgp.SubIssuer, false, binary.BigEndian.AppendUint64(nil, k.KeyId)}
}

func be32(n int64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func subTime(at time.Time) rawSub { return rawSub{pgp.SubCreated, true, be32(at.Unix())} }

func subFPR(k *packet.PublicKey) rawSub {
	return rawSub{pgp.SubIssuerFPR, false, append([]byte{4}, k.Fingerprint...)}
}

// rawSign makes the body of a v4 EdDSA signature packet around areas of the test's choice.
// write hashes what is signed.
func rawSign(t testing.TB, priv *packet.PrivateKey, typ byte, hashID byte, hashedArea, unhashedArea []byte, write func(w *bytes.Buffer)) []byte {
	t.Helper()
	body := []byte{4, typ, byte(packet.PubKeyAlgoEdDSA), hashID}
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(hashedArea))), hashedArea...)
	trailer := append(bytes.Clone(body), 4, 0xff)
	trailer = append(trailer, be32(int64(len(body)))...)
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(unhashedArea))), unhashedArea...)
	return append(body, signTail(t, priv, hashID, trailer, write)...)
}

// rawSignV3 makes the body of a v3 EdDSA signature packet. GnuPG makes none, but verifies them.
func rawSignV3(t testing.TB, priv *packet.PrivateKey, typ byte, hashID byte, at time.Time, write func(w *bytes.Buffer)) []byte {
	t.Helper()
	trailer := append([]byte{typ}, be32(at.Unix())...)
	body := append([]byte{3, 5}, trailer...)
	body = binary.BigEndian.AppendUint64(body, priv.KeyId)
	body = append(body, byte(packet.PubKeyAlgoEdDSA), hashID)
	return append(body, signTail(t, priv, hashID, trailer, write)...)
}

func signTail(t testing.TB, priv *packet.PrivateKey, hashID byte, trailer []byte, write func(w *bytes.Buffer)) []byte {
	t.Helper()
	var data bytes.Buffer
	write(&data)
	id, ok := hashByID(hashID)
	if !ok || !id.Available() {
		// Any digest will do for a hash function that nobody here can compute.
		id = crypto.SHA256
	}
	h := id.New()
	h.Write(data.Bytes())
	h.Write(trailer)
	digest := h.Sum(nil)
	r, s, err := eddsa.Sign(priv.PrivateKey.(*eddsa.PrivateKey), digest)
	if err != nil {
		t.Fatal(err)
	}
	tail := bytes.Clone(digest[:2])
	for _, m := range [][]byte{r, s} {
		n := mpi(bytes.TrimLeft(m, "\x00"))
		tail = append(tail, n.EncodedBytes()...)
	}
	return tail
}

func textDoc(w *bytes.Buffer) { w.WriteString(testText) }

func sigFile(bodies ...[]byte) (out []byte) {
	for _, b := range bodies {
		out = appendPacket(out, pgp.Packet{Tag: pgp.TagSignature, Body: b})
	}
	return out
}

// docSignature is a plain good signature by priv over testText.
func docSignature(t testing.TB, priv *packet.PrivateKey, at time.Time, extra ...rawSub) []byte {
	t.Helper()
	area := rawArea(append([]rawSub{subTime(at), subFPR(&priv.PublicKey)}, extra...)...)
	return rawSign(t, priv, pgp.SigBinary, 8, area, nil, textDoc)
}

func publicBytes(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gnupgCase is a situation that the corpus lacks: a keyring, a signature over testText and a
// moment.
type gnupgCase struct {
	name      string
	ring, sig []byte
	now       time.Time
	want      Status
	// differs says why GnuPG's word does not map to want.
	differs string
}

// gnupgCases builds the situations.
func gnupgCases(t testing.TB) (cases []gnupgCase) {
	hour := func(n int) time.Time { return testEpoch.Add(time.Duration(n) * time.Hour) }
	add := func(name string, ring, sig []byte, now time.Time, want Status, differs string) {
		cases = append(cases, gnupgCase{name, ring, sig, now, want, differs})
	}
	plain := newTestKey(t, testEpoch, 0)
	ring := publicBytes(t, plain)
	own := plain.PrivateKey
	std := []rawSub{subTime(hour(1)), subFPR(plain.PrimaryKey)}
	with := func(extra ...rawSub) []byte { return rawArea(slices.Concat(std, extra)...) }
	notation := func(name string) []byte {
		b := append([]byte{0x80, 0, 0, 0, 0, byte(len(name)), 0, 1}, name...)
		return append(b, 'x')
	}
	crlf := func(w *bytes.Buffer) { w.WriteString("bulla 1.4.0\r\nsecond line  \r\nno end") }

	add("good", ring, sigFile(docSignature(t, own, hour(1))), hour(2), StatusGood, "")
	add("text", ring, sigFile(rawSign(t, own, pgp.SigText, 8, with(), nil, crlf)), hour(2), StatusGood, "")
	add("text of other line ends", ring, sigFile(rawSign(t, own, pgp.SigText, 8, with(), nil, textDoc)), hour(2), StatusBad, "")
	add("v3", ring, sigFile(rawSignV3(t, own, pgp.SigBinary, 8, hour(1), textDoc)), hour(2), StatusGood, "")
	add("v3 sha1", ring, sigFile(rawSignV3(t, own, pgp.SigBinary, 2, hour(1), textDoc)), hour(2), StatusWeak, "")
	add("sha1", ring, sigFile(rawSign(t, own, pgp.SigBinary, 2, with(), nil, textDoc)), hour(2), StatusWeak, "")
	add("ripemd160", ring, sigFile(rawSign(t, own, pgp.SigBinary, 3, with(), nil, textDoc)), hour(2), StatusWeak, "")
	add("md5", ring, sigFile(rawSign(t, own, pgp.SigBinary, 1, with(), nil, textDoc)), hour(2), StatusUnsupported, "")
	add("sha224", ring, sigFile(rawSign(t, own, pgp.SigBinary, 11, with(), nil, textDoc)), hour(2), StatusGood, "")
	add("timestamp", ring, sigFile(rawSign(t, own, 0x40, 8, with(), nil, textDoc)), hour(2), StatusUnsupported, "")
	add("standalone", ring, sigFile(rawSign(t, own, 0x02, 8, with(), nil, func(*bytes.Buffer) {})), hour(2), StatusUnsupported, "")
	add("issuer id only, unhashed", ring, sigFile(rawSign(t, own, pgp.SigBinary, 8, rawArea(subTime(hour(1))),
		rawArea(rawSub{pgp.SubIssuer, false, binary.BigEndian.AppendUint64(nil, own.KeyId)}), textDoc)), hour(2), StatusGood, "")
	wrongFPR := rawSub{pgp.SubIssuerFPR, false, append([]byte{4}, make([]byte, 20)...)}
	add("hashed id, wrong fingerprint unhashed", ring, sigFile(rawSign(t, own, pgp.SigBinary, 8, rawArea(subTime(hour(1)), subID(plain.PrimaryKey)),
		rawArea(wrongFPR), textDoc)), hour(2), StatusGood, "")
	add("hashed fingerprint, wrong id unhashed", ring, sigFile(rawSign(t, own, pgp.SigBinary, 8, with(),
		rawArea(rawSub{pgp.SubIssuer, false, make([]byte, 8)}, wrongFPR), textDoc)), hour(2), StatusGood, "")
	add("no issuer", ring, sigFile(rawSign(t, own, pgp.SigBinary, 8, rawArea(subTime(hour(1))), nil, textDoc)), hour(2), StatusUnknownKey, "")
	add("unknown subpacket", ring, sigFile(rawSign(t, own, pgp.SigBinary, 8, with(rawSub{99, false, []byte("hi")}), nil, textDoc)), hour(2), StatusGood, "")
	add("unknown critical subpacket", ring, sigFile(rawSign(t, own, pgp.SigBinary, 8, with(rawSub{99, true, []byte("hi")}), nil, textDoc)), hour(2), StatusBad, "")
	add("notation", ring, sigFile(rawSign(t, own, pgp.SigBinary, 8, with(rawSub{pgp.SubNotation, false, notation("a@example.org")}), nil, textDoc)), hour(2), StatusGood, "")
	add("critical notation", ring, sigFile(rawSign(t, own, pgp.SigBinary, 8, with(rawSub{pgp.SubNotation, true, notation("a@example.org")}), nil, textDoc)), hour(2), StatusBad, "")
	add("expiring", ring, sigFile(docSignature(t, own, hour(1), rawSub{pgp.SubSigExpires, true, be32(3 * 3600)})), hour(2), StatusGood, "")
	add("expired", ring, sigFile(docSignature(t, own, hour(1), rawSub{pgp.SubSigExpires, true, be32(1800)})), hour(2), StatusExpired, "")
	add("before the key", ring, sigFile(docSignature(t, own, hour(-1))), hour(2), StatusNotYetValid, "gpg calls it an error in time")
	add("future", ring, sigFile(docSignature(t, own, hour(9))), hour(2), StatusNotYetValid, "gpg only warns of a clock problem")
	add("two, one foreign", ring, sigFile(docSignature(t, own, hour(1)), docSignature(t, newTestKey(t, testEpoch, 0).PrivateKey, hour(1))), hour(2), StatusGood, "")

	cases = append(cases, expiryCases(t, hour)...)
	cases = append(cases, revocationCases(t, hour)...)
	cases = append(cases, oddCases(t, hour)...)
	return append(cases, subkeyCases(t, hour)...)
}

func expiryCases(t testing.TB, hour func(int) time.Time) (cases []gnupgCase) {
	e := newTestKey(t, testEpoch, 5*time.Hour)
	ring := publicBytes(t, e)
	early := sigFile(docSignature(t, e.PrivateKey, hour(1)))
	late := sigFile(docSignature(t, e.PrivateKey, hour(6)))
	sha1 := sigFile(rawSign(t, e.PrivateKey, pgp.SigBinary, 2, rawArea(subTime(hour(1)), subFPR(e.PrimaryKey)), nil, textDoc))
	both := sigFile(docSignature(t, e.PrivateKey, hour(1), rawSub{pgp.SubSigExpires, true, be32(1800)}))
	// Extending: a newer self-signature with a longer life.
	extended := withDirect(t, e, extend(t, e, hour(2), 50*3600))
	return []gnupgCase{
		{"key still valid", ring, early, hour(2), StatusGood, ""},
		{"key expired since", ring, early, hour(8), StatusGoodExpiredSince, ""},
		{"key expired before", ring, late, hour(8), StatusAfterExpiry, ""},
		{"key expired since, sha1", ring, sha1, hour(8), StatusWeak, ""},
		{"signature and key expired", ring, both, hour(8), StatusExpired, ""},
		{"key extended later", extended, early, hour(8), StatusGood, ""},
		{"key extended later, signed after old expiry", extended, late, hour(8), StatusGood, ""},
	}
}

// extend makes a direct key signature with another life time.
func extend(t testing.TB, e *openpgp.Entity, at time.Time, lifetime int64) []byte {
	t.Helper()
	area := rawArea(subTime(at), subFPR(e.PrimaryKey), subID(e.PrimaryKey), rawSub{pgp.SubKeyExpires, true, be32(lifetime)}, rawSub{pgp.SubKeyFlags, true, []byte{pgp.FlagCertify | pgp.FlagSign}})
	return rawSign(t, e.PrivateKey, pgp.SigDirectKey, 8, area, nil, func(w *bytes.Buffer) { hashKey(w, e.PrimaryKey) })
}

func revocationCases(t testing.TB, hour func(int) time.Time) (cases []gnupgCase) {
	add := func(name string, reason []byte, signed, revoked int, want Status) {
		e := newTestKey(t, testEpoch, 0)
		subs := []rawSub{subTime(hour(revoked)), subFPR(e.PrimaryKey), subID(e.PrimaryKey)}
		if reason != nil {
			subs = append(subs, rawSub{pgp.SubRevokeReason, false, reason})
		}
		rev := rawSign(t, e.PrivateKey, pgp.SigKeyRevoke, 8, rawArea(subs...), nil, func(w *bytes.Buffer) { hashKey(w, e.PrimaryKey) })
		cases = append(cases, gnupgCase{name, withDirect(t, e, rev), sigFile(docSignature(t, e.PrivateKey, hour(signed))), hour(9), want, ""})
	}
	add("no reason given, later", nil, 1, 3, StatusRevoked)
	add("reason none, later", []byte{0}, 1, 3, StatusRevoked)
	add("compromised later", []byte{2}, 1, 3, StatusRevoked)
	add("superseded later", []byte{1}, 1, 3, StatusGoodExpiredSince)
	add("retired later", []byte{3, 'o', 'k'}, 1, 3, StatusGoodExpiredSince)
	add("retired before", []byte{3}, 4, 3, StatusRevoked)
	add("user id no longer valid, on the key", []byte{32}, 1, 3, StatusRevoked)

	// Somebody else's revocation is nothing, unless the owner named him.
	e, other := newTestKey(t, testEpoch, 0), newTestKey(t, testEpoch, 0)
	rev := rawSign(t, other.PrivateKey, pgp.SigKeyRevoke, 8, rawArea(subTime(hour(3)), subFPR(other.PrimaryKey), subID(other.PrimaryKey)), nil,
		func(w *bytes.Buffer) { hashKey(w, e.PrimaryKey) })
	named := rawSign(t, e.PrivateKey, pgp.SigDirectKey, 8, rawArea(subTime(hour(0)), subFPR(e.PrimaryKey), subID(e.PrimaryKey),
		rawSub{pgp.SubRevoker, false, append([]byte{0x80, 22}, other.PrimaryKey.Fingerprint...)}), nil,
		func(w *bytes.Buffer) { hashKey(w, e.PrimaryKey) })
	sig := sigFile(docSignature(t, e.PrivateKey, hour(1)))
	foreign := slices.Concat(withDirect(t, e, rev), publicBytes(t, other))
	designated := slices.Concat(withDirect(t, e, rev, named), publicBytes(t, other))
	return append(cases,
		gnupgCase{"revoked by a stranger", foreign, sig, hour(9), StatusGood, ""},
		gnupgCase{"revoked by a designated revoker", designated, sig, hour(9), StatusRevoked, ""},
		gnupgCase{"designated revoker not at hand", withDirect(t, e, rev, named), sig, hour(9), StatusGood, ""},
	)
}

// withDirect puts signatures right after the primary key.
func withDirect(t testing.TB, e *openpgp.Entity, bodies ...[]byte) []byte {
	t.Helper()
	data := publicBytes(t, e)
	_, rest, err := nextPacket(data)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(data[:len(data)-len(rest)], sigFile(bodies...), rest)
}

func subkeyCases(t testing.TB, hour func(int) time.Time) (cases []gnupgCase) {
	e := newTestKey(t, testEpoch, 0)
	base := publicBytes(t, e)
	priv := addSigningSubkey(t, e, testEpoch, 0).PrivateKey
	pub := &priv.PublicKey
	bind := func(typ byte, signer *packet.PrivateKey, subs ...rawSub) []byte {
		area := rawArea(append([]rawSub{subFPR(&signer.PublicKey), subID(&signer.PublicKey)}, subs...)...)
		return rawSign(t, signer, typ, 8, area, nil, func(w *bytes.Buffer) { hashKey(w, e.PrimaryKey); hashKey(w, pub) })
	}
	back := rawSub{pgp.SubEmbedded, false, bind(pgp.SigPrimaryBinding, priv, subTime(hour(0)))}
	signs := rawSub{pgp.SubKeyFlags, true, []byte{pgp.FlagSign}}
	ring := func(sigs ...[]byte) []byte {
		var k bytes.Buffer
		if err := pub.Serialize(&k); err != nil {
			t.Fatal(err)
		}
		return slices.Concat(base, k.Bytes(), sigFile(sigs...))
	}
	wrongBack := rawSub{pgp.SubEmbedded, false, bind(pgp.SigPrimaryBinding, e.PrivateKey, subTime(hour(0)))}
	first := bind(pgp.SigSubkeyBinding, e.PrivateKey, subTime(hour(0)), signs, back)
	short := bind(pgp.SigSubkeyBinding, e.PrivateKey, subTime(hour(0)), signs, rawSub{pgp.SubKeyExpires, true, be32(5 * 3600)}, back)
	renewed := bind(pgp.SigSubkeyBinding, e.PrivateKey, subTime(hour(3)), signs, back)
	revoke := func(at int, reason ...byte) []byte {
		return bind(pgp.SigSubkeyRevoke, e.PrivateKey, subTime(hour(at)), rawSub{pgp.SubRevokeReason, false, reason})
	}
	sig := sigFile(docSignature(t, priv, hour(1)))
	late := sigFile(docSignature(t, priv, hour(6)))
	return []gnupgCase{
		{"subkey", ring(first), sig, hour(9), StatusGood, ""},
		{"subkey binding renewed later", ring(renewed), sig, hour(9), StatusGood, ""},
		{"subkey extended later", ring(short, renewed), late, hour(9), StatusGood, ""},
		{"subkey expired since", ring(short), sig, hour(9), StatusGoodExpiredSince, ""},
		{"subkey expired before", ring(short), late, hour(9), StatusAfterExpiry, ""},
		{"subkey without back signature", ring(bind(pgp.SigSubkeyBinding, e.PrivateKey, subTime(hour(0)), signs)), sig, hour(9), StatusBad, "gpg calls it an error"},
		{"subkey with somebody's back signature", ring(bind(pgp.SigSubkeyBinding, e.PrivateKey, subTime(hour(0)), signs, wrongBack)), sig, hour(9), StatusBad, "gpg calls it an error"},
		{"subkey for encryption only", ring(bind(pgp.SigSubkeyBinding, e.PrivateKey, subTime(hour(0)), rawSub{pgp.SubKeyFlags, true, []byte{pgp.FlagEncryptComms}}, back)), sig, hour(9), StatusBad, "gpg calls it an error"},
		{"subkey not bound", ring(), sig, hour(9), StatusUnknownKey, ""},
		{"subkey bound by another", ring(bind(pgp.SigSubkeyBinding, priv, subTime(hour(0)), signs, back)), sig, hour(9), StatusUnknownKey, ""},
		{"subkey compromised later", ring(first, revoke(3, 2)), sig, hour(9), StatusRevoked, ""},
		{"subkey retired later", ring(first, revoke(3, 3)), sig, hour(9), StatusGoodExpiredSince, ""},
		{"subkey retired before", ring(first, revoke(3, 3)), late, hour(9), StatusRevoked, ""},
	}
}

// TestAgainstGnuPG judges each situation and compares with GnuPG, its clock set to the moment.
func TestAgainstGnuPG(t *testing.T) {
	home := keystest.GnuPGHome(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	writeFile(t, data, []byte(testText))
	for _, c := range gnupgCases(t) {
		t.Run(c.name, func(t *testing.T) {
			v := judgeCase(t, c)
			keys, sig := filepath.Join(dir, "keys"), filepath.Join(dir, "sig")
			writeFile(t, keys, c.ring)
			writeFile(t, sig, c.sig)
			ring := filepath.Join(t.TempDir(), "ring.gpg")
			// The exit status tells of keys left out; the verdict below is what counts.
			_, _, _ = keystest.GPG(t, home, nil, "--no-default-keyring", "--keyring", ring, "--import", keys)
			ask := func(at time.Time) string { return gnupgWord(t, home, ring, sig, data, at) }
			word := ask(c.now)
			// GnuPG's clock at the time of signing tells what a key was worth then.
			agrees := slices.Contains(wanted(word, ask(v.Claim.SignedAt.Add(time.Second)), v.Status == StatusWeak), v.Status)
			if agrees == (c.differs != "") {
				t.Errorf("%s, gpg says %s (differs: %q)", v.Status, word, c.differs)
			}
		})
	}
}

// judgeCase checks the verdict against what the case wants, so that most of the test does not
// need GnuPG.
func judgeCase(t *testing.T, c gnupgCase) Verdict {
	t.Helper()
	ring, err := ReadKeyring(c.ring, SourceFile)
	if err != nil {
		t.Fatal(err)
	}
	j := &Judge{Keyring: ring, Now: c.now}
	vs, err := j.Verify(KindArtifact, "data", strings.NewReader(testText), c.sig)
	if err != nil {
		t.Fatal(err)
	}
	if vs[0].Status != c.want {
		t.Errorf("%s (%s), want %s", vs[0].Status, vs[0].Reason, c.want)
	}
	if (vs[0].Signer != nil) != (vs[0].Status.Sound() || slices.Contains([]Status{StatusWeak, StatusAfterExpiry, StatusExpired, StatusRevoked, StatusNotYetValid}, vs[0].Status)) {
		t.Errorf("%s names the signer %+v", vs[0].Status, vs[0].Signer)
	}
	return vs[0]
}

func TestSituations(t *testing.T) {
	for _, c := range gnupgCases(t) {
		t.Run(c.name, func(t *testing.T) { t.Log(judgeCase(t, c).Reason) })
	}
}

// gnupgWord is GnuPG's word for the first signature.
func gnupgWord(t *testing.T, home, ring, sig, data string, at time.Time) string {
	t.Helper()
	out, _, _ := keystest.GPG(t, home, nil, "--no-default-keyring", "--keyring", ring, "--trust-model", "always",
		"--faked-system-time", at.UTC().Format("20060102T150405")+"!", "--status-fd", "1", "--verify", sig, data)
	for line := range strings.SplitSeq(out, "\n") {
		f := strings.Fields(strings.TrimPrefix(line, "[GNUPG:] "))
		if len(f) > 0 && slices.Contains([]string{"GOODSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG", "BADSIG", "ERRSIG"}, f[0]) {
			return f[0]
		}
	}
	return "NODATA"
}

func writeFile(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestGnuPGSigned judges what GnuPG signed.
func TestGnuPGSigned(t *testing.T) {
	home := keystest.GnuPGHome(t)
	data := filepath.Join(t.TempDir(), "data")
	writeFile(t, data, []byte(testText))
	for _, name := range []string{"ed25519", "rsa2048", "nistp256", "secp256k1"} {
		e := algorithmKey(t, name)
		var secret bytes.Buffer
		if err := e.SerializePrivateWithoutSigning(&secret, nil); err != nil {
			t.Fatal(err)
		}
		if _, stderr, err := keystest.GPG(t, home, secret.Bytes(), "--import"); err != nil {
			t.Fatalf("gpg --import: %v\n%s", err, stderr)
		}
		ring, err := ReadKeyring(publicBytes(t, e), SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		j := &Judge{Keyring: ring, Now: time.Now()}
		for _, tt := range []struct {
			name string
			args []string
			want Status
		}{
			{"default", nil, StatusGood},
			{"armor", []string{"--armor"}, StatusGood},
			{"text", []string{"--textmode"}, StatusGood},
			{"sha512", []string{"--digest-algo", "SHA512"}, StatusGood},
			{"sha1", []string{"--digest-algo", "SHA1"}, StatusWeak},
			{"ripemd160", []string{"--digest-algo", "RIPEMD160"}, StatusWeak},
			{"expiring", []string{"--default-sig-expire", "1y"}, StatusGood},
			{"notation", []string{"--sig-notation", "a@example.org=b"}, StatusGood},
		} {
			if tt.want == StatusWeak && e.PrimaryKey.PubKeyAlgo == packet.PubKeyAlgoECDSA {
				continue // gpg-agent signs no digest that is shorter than the curve
			}
			args := append([]string{"-u", string(FingerprintOf(e.PrimaryKey.Fingerprint)) + "!", "-o", "-", "--detach-sign"}, data)
			sig, stderr, err := keystest.GPG(t, home, nil, append(tt.args, args...)...)
			if err != nil {
				t.Fatalf("%s, %s: gpg: %v\n%s", name, tt.name, err, stderr)
			}
			for text, want := range map[string]Status{testText: tt.want, testText + "!": StatusBad} {
				vs, err := j.Verify(KindArtifact, "data", strings.NewReader(text), []byte(sig))
				if err != nil || len(vs) != 1 || vs[0].Status != want {
					t.Errorf("%s, %s: %+v, %v; want %s", name, tt.name, vs, err, want)
				}
			}
		}
	}
}
