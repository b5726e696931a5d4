package keys

import (
	"math/big"
	"math/bits"
)

// publicPower is base to the e modulo n, for base < n. big.Int.Exp divides after every step where
// the exponent fits into a word, as those of RSA keys do. This reduces by Barrett's method instead
// (Handbook of Applied Cryptography, 14.42), which costs two multiplications: it takes half the time
// for 4096 bits. Neither takes constant time, which signatures do not need.
func publicPower(base *big.Int, e uint, n *big.Int) *big.Int {
	words := uint(len(n.Bits()))
	low, high := (words-1)*bits.UintSize, (words+1)*bits.UintSize
	// mu is b^2k / n, for k words of base b.
	mu := new(big.Int).Lsh(big.NewInt(1), 2*words*bits.UintSize)
	mu.Quo(mu, n)
	q, t := new(big.Int), new(big.Int)
	reduce := func(x *big.Int) {
		q.Rsh(x, low)
		t.Mul(q, mu)
		q.Rsh(t, high)
		t.Mul(q, n)
		x.Sub(x, t)
		for x.Cmp(n) >= 0 { // twice at the most
			x.Sub(x, n)
		}
	}
	power := new(big.Int).Set(base)
	product := new(big.Int)
	for i := bits.Len(e) - 2; i >= 0; i-- {
		product.Mul(power, power)
		reduce(product)
		power, product = product, power
		if e>>i&1 == 1 {
			product.Mul(power, base)
			reduce(product)
			power, product = product, power
		}
	}
	return power
}
