package keys

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"testing"
)

// samePower compares publicPower with math/big.
func samePower(t testing.TB, base *big.Int, e uint, n *big.Int) {
	t.Helper()
	want := new(big.Int).Exp(base, new(big.Int).SetUint64(uint64(e)), n)
	if got := publicPower(base, e, n); got.Cmp(want) != 0 {
		t.Errorf("%x ^ %d mod %x: %x, want %x", base, e, n, got, want)
	}
}

// TestPublicPower tries moduli around the ends of words, where a reduction would go wrong first.
func TestPublicPower(t *testing.T) {
	one := big.NewInt(1)
	for _, size := range []uint{2, 63, 64, 65, 127, 128, 129, 512, 1023, 1024, 2048, 4096, 4097} {
		edge := new(big.Int).Lsh(one, size)
		third := new(big.Int).Quo(edge, big.NewInt(3))
		for _, n := range []*big.Int{new(big.Int).Sub(edge, one), new(big.Int).Add(edge, one), third.Or(third, one)} {
			top := new(big.Int).Sub(n, one)
			random, err := rand.Int(rand.Reader, n)
			if err != nil {
				t.Fatal(err)
			}
			for _, base := range []*big.Int{new(big.Int), one, top, random, new(big.Int).Rsh(top, 1)} {
				if base.Cmp(n) >= 0 {
					continue
				}
				for _, e := range []uint{3, 17, 65537, 1<<31 - 1, 1<<31 + 1} {
					samePower(t, base, e, n)
				}
			}
		}
	}
}

func FuzzPublicPower(f *testing.F) {
	f.Add([]byte{2}, []byte{3}, uint32(3))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"), []byte("\x01\x00\x00\x00\x00\x00\x00\x00\x01"), uint32(65537))
	f.Fuzz(func(t *testing.T, base, modulus []byte, e uint32) {
		n := new(big.Int).SetBytes(modulus)
		if len(modulus) > 1024 || n.Cmp(big.NewInt(2)) < 0 || e < 3 {
			return
		}
		b := new(big.Int).SetBytes(base)
		samePower(t, b.Mod(b, n), uint(e), n)
	})
}

func BenchmarkPublicPower(b *testing.B) {
	for _, size := range []uint{1024, 2048, 3072, 4096} {
		n := new(big.Int).Lsh(big.NewInt(1), size)
		n.Sub(n, big.NewInt(12345))
		base, e := new(big.Int).Rsh(n, 1), big.NewInt(65537)
		b.Run(fmt.Sprintf("own/%d", size), func(b *testing.B) {
			for b.Loop() {
				publicPower(base, 65537, n)
			}
		})
		b.Run(fmt.Sprintf("big/%d", size), func(b *testing.B) {
			for b.Loop() {
				new(big.Int).Exp(base, e, n)
			}
		})
	}
}
