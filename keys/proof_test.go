package keys

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"bulla/keys/pgp"
)

// TestVerifyRSA compares our PKCS #1 with crypto/rsa's where both can compute it.
func TestVerifyRSA(t *testing.T) {
	k := algorithmKey(t, "rsa2048").PrivateKey.PrivateKey.(*rsa.PrivateKey)
	for h := range digestInfo {
		if h == crypto.RIPEMD160 {
			continue // TestGnuPGSigned has it
		}
		d := h.New()
		d.Write([]byte(testText))
		digest := d.Sum(nil)
		sig, err := rsa.SignPKCS1v15(rand.Reader, k, h, digest)
		if err != nil {
			t.Fatal(err)
		}
		if !verifyRSA(&k.PublicKey, h, digest, sig) {
			t.Errorf("%v: a good signature is refused", h)
		}
		for _, i := range []int{0, 1, len(sig) / 2, len(sig) - 1} {
			bad := slices.Clone(sig)
			bad[i] ^= 1
			if verifyRSA(&k.PublicKey, h, digest, bad) {
				t.Errorf("%v: octet %d changed and still accepted", h, i)
			}
		}
		for other := range digestInfo {
			if other != h && other.Size() == h.Size() && verifyRSA(&k.PublicKey, other, digest, sig) {
				t.Errorf("a signature with %v is taken for one with %v", h, other)
			}
		}
		wrapped := new(big.Int).Add(new(big.Int).SetBytes(sig), k.N)
		if verifyRSA(&k.PublicKey, h, digest, wrapped.Bytes()) {
			t.Errorf("%v: a number beyond the modulus is accepted", h)
		}
	}
}

// BenchmarkVerifyRSA verifies one signature with a fresh 4096-bit key by verifyRSA and by
// crypto/rsa.
func BenchmarkVerifyRSA(b *testing.B) {
	k, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		b.Fatal(err)
	}
	digest := crypto.SHA256.New().Sum(nil)
	sig, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest)
	if err != nil {
		b.Fatal(err)
	}
	pub := rsa.PublicKey{N: k.N, E: k.E}
	b.Run("bulla", func(b *testing.B) {
		for b.Loop() {
			if !verifyRSA(&pub, crypto.SHA256, digest, sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("crypto-rsa", func(b *testing.B) {
		for b.Loop() {
			fresh := pub
			if err := rsa.VerifyPKCS1v15(&fresh, crypto.SHA256, digest, sig); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestTinyKey judges a signature by a 768-bit key, which crypto/rsa refuses to look at: weak,
// and not forged.
func TestTinyKey(t *testing.T) {
	p, err := rand.Prime(rand.Reader, 384)
	if err != nil {
		t.Fatal(err)
	}
	q, err := rand.Prime(rand.Reader, 384)
	if err != nil {
		t.Fatal(err)
	}
	n, e, one := new(big.Int).Mul(p, q), big.NewInt(65537), big.NewInt(1)
	d := new(big.Int).ModInverse(e, new(big.Int).Mul(p.Sub(p, one), q.Sub(q, one)))
	if d == nil {
		t.Skip("one chance in 30,000: the exponent is not invertible")
	}
	pub := packet.NewRSAPublicKey(testEpoch, &rsa.PublicKey{N: n, E: 65537})
	s := &sigPacket{version: 4, algo: packet.PubKeyAlgoRSA, hash: crypto.SHA256, trailer: []byte("trailer")}
	h := crypto.SHA256.New()
	h.Write([]byte(testText + "trailer"))
	em := slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 96-3-19-32), []byte{0}, []byte(digestInfo[crypto.SHA256]), h.Sum(nil))
	s.mpis = [][]byte{new(big.Int).Exp(new(big.Int).SetBytes(em), d, n).Bytes()}
	over := func(text string) bool {
		h := crypto.SHA256.New()
		h.Write([]byte(text))
		return proves(pub, h, s)
	}
	if !over(testText) || over(testText+"!") {
		t.Error("the 768-bit signature is not computed")
	}
	if w := weakKey(pub); w != "rsa768 key" {
		t.Errorf("weakness %q", w)
	}
}

// TestOddNumbers: numbers that no signer makes are bad, and nothing panics.
func TestOddNumbers(t *testing.T) {
	huge := bytes.Repeat([]byte{0xff}, 2048)
	numbers := [][]byte{nil, {1}, {2}, huge, huge[:32], huge[:64], huge[:384]}
	for _, name := range algorithmNames {
		e := algorithmKey(t, name)
		ring, err := ReadKeyring(publicBytes(t, e), SourceFile)
		if err != nil {
			t.Fatal(err)
		}
		j := &Judge{Keyring: ring, Now: testEpoch.Add(time.Hour)}
		area := rawArea(subTime(testEpoch), subFPR(e.PrimaryKey))
		head := slices.Concat([]byte{4, pgp.SigBinary, byte(e.PrimaryKey.PubKeyAlgo), 8, 0, byte(len(area))}, area, []byte{0, 0, 0xab, 0xcd})
		for _, r := range numbers {
			for _, s := range numbers {
				body := slices.Concat(head, mpi(r).EncodedBytes(), mpi(s).EncodedBytes())
				vs, err := j.Verify(KindTag, "v1", strings.NewReader(testText), sigFile(body))
				if err != nil || vs[0].Status != StatusBad {
					t.Errorf("%s with numbers of %d and %d octets: %v, %v", name, len(r), len(s), vs, err)
				}
			}
		}
	}
}

// TestOddKeys: key packets with numbers out of all reason are left out, and nothing panics.
func TestOddKeys(t *testing.T) {
	huge := bytes.Repeat([]byte{0xff}, 8000)
	numbers := [][]byte{nil, {1}, {4}, huge, huge[:20], huge[:128]}
	head := append([]byte{4}, be32(testEpoch.Unix())...)
	for _, algo := range []byte{1, 3, 17, 19, 22, 27} {
		for _, a := range numbers {
			for _, b := range numbers {
				body := slices.Concat(head, []byte{algo}, mpi(a).EncodedBytes(), mpi(b).EncodedBytes(), mpi(a).EncodedBytes(), mpi(b).EncodedBytes())
				k, err := readKey(pgp.Packet{Tag: pgp.TagPublicKey, Body: body})
				if err != nil {
					continue
				}
				s := &sigPacket{version: 4, algo: k.PubKeyAlgo, hash: crypto.SHA256, mpis: [][]byte{{1}, {1}}, fixed: make([]byte, 64)}
				h := crypto.SHA256.New()
				if proves(k, h, s) {
					t.Errorf("algorithm %d with numbers of %d and %d octets proves 1", algo, len(a), len(b))
				}
				AlgorithmName(k)
			}
		}
	}
}
