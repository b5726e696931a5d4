package store

import (
	"bytes"
	"crypto"
	"errors"
	"hash"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
	"bulla/keys/pgp"
)

func TestSplitPackets(t *testing.T) {
	body := func(n int) []byte { return bytes.Repeat([]byte{0xab}, n) }
	var stream []byte
	var want []int
	add := func(n int, header ...byte) {
		stream = append(append(stream, header...), body(n)...)
		want = append(want, n)
	}
	add(3, 0xc6, 3)                        // new format, one octet
	add(191, 0xc6, 191)                    //
	add(192, 0xc6, 192, 0)                 // two octets
	add(8383, 0xc6, 223, 255)              //
	add(8384, 0xc6, 255, 0, 0, 0x20, 0xc0) // five octets
	add(0, 0xc6, 0)                        // empty
	add(200, 0x98, 200)                    // old format, one octet
	add(300, 0x99, 1, 44)                  // two
	add(5, 0x9a, 0, 0, 0, 5)               // four
	packets, err := splitPackets(stream)
	if err != nil || len(packets) != len(want) {
		t.Fatalf("%d packets, %v", len(packets), err)
	}
	var again []byte
	for i, p := range packets {
		if p.Tag != pgp.TagPublicKey || len(p.Body) != want[i] || !bytes.Equal(p.Body, body(want[i])) {
			t.Errorf("packet %d: type %d, %d bytes", i, p.Tag, len(p.Body))
		}
		if made := pgp.New(p.Tag, p.Body); !bytes.Equal(made.Body, p.Body) || (i < 6 && !bytes.Equal(made.Raw, p.Raw)) {
			t.Errorf("packet %d made anew differs", i)
		}
		again = append(again, p.Raw...)
	}
	if !bytes.Equal(again, stream) {
		t.Error("the packets do not add up to the stream")
	}
	for name, b := range map[string][]byte{
		"no packet":     {0x42, 0x00},
		"partial":       {0xc6, 0xe1, 1, 2},
		"indeterminate": {0x9b, 1, 2},
		"no length":     {0xc6},
		"short body":    {0xc6, 5, 1},
		"short length":  {0x9a, 0, 0},
		"huge":          {0xc6, 255, 0xff, 0xff, 0xff, 0xff},
	} {
		if p, err := splitPackets(append([]byte{0xcd, 1, 'x'}, b...)); err == nil || len(p) != 1 {
			t.Errorf("%s: %d packets, %v", name, len(p), err)
		}
	}
}

// TestKeyAnatomy: for every kind of key our own reading of the packets agrees with go-crypto's.
func TestKeyAnatomy(t *testing.T) {
	configs := map[string]*packet.Config{
		"rsa":       {Algorithm: packet.PubKeyAlgoRSA, RSABits: 1024},
		"eddsa":     {Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519},
		"nistp256":  {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256},
		"nistp521":  {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP521},
		"brainpool": {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP384},
		"ed25519":   {Algorithm: packet.PubKeyAlgoEd25519},
		"ed448":     {Algorithm: packet.PubKeyAlgoEd448},
		"v6":        {Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true},
	}
	for name, config := range configs {
		config.MinRSABits = 1024
		e, err := openpgp.NewEntity("a", "", "a@example.org", config)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := e.AddSigningSubkey(config); err != nil {
			t.Fatal(name, err)
		}
		private := []*packet.PrivateKey{e.PrivateKey}
		for _, sub := range e.Subkeys {
			private = append(private, sub.PrivateKey)
		}
		for _, k := range private {
			checkAnatomy(t, name, k, plain)
			if err := k.EncryptWithConfig([]byte("x"), &packet.Config{}); err != nil {
				t.Fatal(name, err)
			}
			checkAnatomy(t, name, k, protected)
		}
	}
}

func checkAnatomy(t *testing.T, name string, k *packet.PrivateKey, kind protectionKind) {
	t.Helper()
	var public, private bytes.Buffer
	if err := k.PublicKey.Serialize(&public); err != nil {
		t.Fatal(err)
	}
	if err := k.Serialize(&private); err != nil {
		t.Fatal(err)
	}
	packets, err := splitPackets(private.Bytes())
	if err != nil {
		t.Fatal(name, err)
	}
	s, err := readSecret(packets[0])
	if err != nil {
		t.Fatal(name, err)
	}
	if want := keys.FingerprintOf(k.Fingerprint); s.fpr != want || s.protection.kind != kind {
		t.Errorf("%s: fingerprint %s, want %s; protection %v, want %v", name, s.fpr, want, s.protection.kind, kind)
	}
	if got := s.publicPacket(); !bytes.Equal(got.Raw, public.Bytes()) {
		t.Errorf("%s: public packet differs from go-crypto's", name)
	}
	for n := range s.public {
		if _, err := publicLength(s.public[:n]); err == nil {
			t.Errorf("%s: cut to %d bytes the key still seems whole", name, n)
			break
		}
	}
	stub := offlineStub(s.publicPacket())
	if off, err := readSecret(stub); err != nil || off.protection.kind != offline || off.fpr != s.fpr {
		t.Errorf("%s: stub: %v, %v", name, off.protection, err)
	}
	p, err := packet.Read(bytes.NewReader(stub.Raw))
	if dummy, ok := p.(*packet.PrivateKey); err != nil || !ok || !dummy.Dummy() {
		t.Errorf("%s: go-crypto does not take the stub: %v", name, err)
	}
}

func TestReadProtection(t *testing.T) {
	gnu := func(tail ...byte) []byte { return append([]byte{255, 0, 101, 2, 'G', 'N', 'U'}, tail...) }
	argon := func(memory byte) []byte {
		return append(append([]byte{253, 9, 2, 4}, make([]byte, 16)...), 3, 4, memory)
	}
	for name, c := range map[string]struct {
		b    []byte
		kind protectionKind
		card string
		bad  bool
	}{
		"plain":             {b: []byte{0}, kind: plain},
		"iterated":          {b: []byte{254, 9, 3}, kind: protected},
		"checksum, simple":  {b: []byte{255, 9, 0}, kind: protected},
		"obsolete":          {b: []byte{3, 0, 0}, kind: unreadable},
		"offline":           {b: gnu(1), kind: offline},
		"card":              {b: gnu(2, 3, 0xd2, 0x76, 0x00), kind: onCard, card: "D27600"},
		"card, no serial":   {b: gnu(2), bad: true},
		"card, cut":         {b: gnu(2, 16, 1), bad: true},
		"gnu mode 3":        {b: gnu(3), kind: unreadable},
		"gnu cut":           {b: gnu(), kind: unreadable},
		"argon2":            {b: argon(21), kind: protected},
		"argon2, too much":  {b: argon(22), kind: unreadable},
		"argon2, cut":       {b: argon(21)[:10], bad: true},
		"nothing":           {bad: true},
		"nothing behind it": {b: []byte{254, 9}, bad: true},
	} {
		p, err := readProtection(4, c.b)
		if (err != nil) != c.bad || p.kind != c.kind || p.card != c.card {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if err == nil && (p.why() == "") != p.usable() {
			t.Errorf("%s: usable %v, but: %q", name, p.usable(), p.why())
		}
	}
}

func TestDearmor(t *testing.T) {
	block := func(kind, content string) string {
		b, err := pgp.Encode(kind, map[string]string{"Comment": "x"}, []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	text := "Dear reader,\r\n" + block(armorPublic, "one") + "between\n" +
		block("PGP SIGNATURE", "not a key") + block(armorSecret, "two") +
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n????\n-----END PGP PUBLIC KEY BLOCK-----\n" + block(armorPublic, "three")
	for name, data := range map[string]string{
		"plain": text,
		"crlf":  string(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n"))),
		"bom":   "\xef\xbb\xbf" + text[len("Dear reader,\r\n"):],
	} {
		blocks, errs := dearmor([]byte(data))
		if string(bytes.Join(blocks, []byte(","))) != "one,two,three" || len(errs) != 1 || !errors.Is(errs[0], errArmor) {
			t.Errorf("%s: %q, %v", name, blocks, errs)
		}
	}
	if blocks, errs := dearmor([]byte{0x99, 1, 2}); len(blocks) != 1 || len(blocks[0]) != 3 || len(errs) != 0 {
		t.Errorf("binary: %v, %v", blocks, errs)
	}
	for _, data := range []string{"", "no key", "-----BEGIN PGP PUBLIC KEY BLOCK-----"} {
		if blocks, _ := dearmor([]byte(data)); len(blocks) != 0 {
			t.Errorf("%q: %q", data, blocks)
		}
	}
}

// TestWipe: the private numbers are gone, for every kind of key.
func TestWipe(t *testing.T) {
	for _, config := range []*packet.Config{
		{Algorithm: packet.PubKeyAlgoRSA, RSABits: 1024},
		{Algorithm: packet.PubKeyAlgoEdDSA},
		{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256},
		{Algorithm: packet.PubKeyAlgoEd25519},
		{Algorithm: packet.PubKeyAlgoEd448},
	} {
		e, err := openpgp.NewEntity("a", "", "a@example.org", config)
		if err != nil {
			t.Fatal(err)
		}
		numbers := *e.PrivateKey
		wipe(e.PrivateKey)
		if e.PrivateKey.PrivateKey != nil {
			t.Errorf("%T is still there", numbers.PrivateKey)
		}
		sig := &packet.Signature{Version: 4, PubKeyAlgo: numbers.PubKeyAlgo, Hash: crypto.SHA256}
		h, err := sig.PrepareSign(nil)
		if err != nil {
			t.Fatal(err)
		}
		if signsWith(&numbers, sig, h) {
			t.Errorf("%T still signs", numbers.PrivateKey)
		}
	}
	wipe(nil)
}

// signsWith reports whether k makes a valid signature; a wiped key may also panic.
func signsWith(k *packet.PrivateKey, sig *packet.Signature, h hash.Hash) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	if err := sig.Sign(h, k, nil); err != nil {
		return false
	}
	var out bytes.Buffer
	if sig.Serialize(&out) != nil {
		return false
	}
	p, err := packet.Read(&out)
	if err != nil {
		return false
	}
	again, err := p.(*packet.Signature).PrepareVerify()
	return err == nil && k.PublicKey.VerifySignature(again, p.(*packet.Signature)) == nil
}
