package passphrase

import (
	"encoding/binary"
	"io"

	"github.com/tyler-smith/go-bip39/wordlists"

	"bulla/keys"
)

const (
	// BitsPerWord is the entropy of a word: it is one of 2048, all equally likely.
	BitsPerWord = 11
	// Words is how many words a passphrase has by default: 66 bits. The key's S2K makes each
	// guess cost a million hashes, so that a thousand graphics cards would need centuries.
	Words = 6
	// MinWords is the fewest that Generate makes.
	MinWords = 4
)

// Generate makes a passphrase of n random words with spaces between them, and says how many bits
// of entropy it has. n below MinWords means Words. The Secret is the caller's to destroy.
func Generate(rand io.Reader, n int) (s keys.Secret, bits int, err error) {
	if n < MinWords {
		n = Words
	}
	var out []byte
	defer func() { clear(out) }()
	for i := range n {
		var b [2]byte
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return keys.Secret{}, 0, err
		}
		if i > 0 {
			out = grow(out, " ")
		}
		out = grow(out, wordlists.English[binary.BigEndian.Uint16(b[:])%2048])
	}
	return keys.NewSecret(append(make([]byte, 0, len(out)), out...)), n * BitsPerWord, nil
}

// grow appends to a secret and overwrites the memory that it leaves behind.
func grow(b []byte, s string) []byte {
	if len(b)+len(s) <= cap(b) {
		return append(b, s...)
	}
	bigger := append(make([]byte, 0, 2*cap(b)+len(s)+64), b...)
	clear(b)
	return append(bigger, s...)
}
