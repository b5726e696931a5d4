package passphrase

import (
	"bytes"
	"math"
	"sync"

	"github.com/tyler-smith/go-bip39/wordlists"

	"bulla/keys"
)

// Level is what a strength means for a key file that somebody else has got.
type Level string

// The levels. Each guess costs about a million hash computations (the S2K of bulla's keys), so
// ten thousand guesses a second is what one graphics card does.
const (
	Weak   Level = "weak"   // under 40 bits: a few such cards need months at most
	Fair   Level = "fair"   // under 60 bits: out of reach for one person, not for a state
	Strong Level = "strong" // 60 bits and more
)

// Strength is how hard a passphrase is to guess, at most.
type Strength struct {
	// Bits is an upper bound: it is what remains when words, repetitions, rows of the keyboard
	// and years are taken off. Somebody who knows more, such as names dear to its owner, needs
	// fewer guesses. It proves weakness, never strength.
	Bits  float64
	Level Level
}

// common are the stems of the passwords that every list of stolen ones begins with.
var common = []string{
	"password", "passwort", "passphrase", "qwerty", "letmein", "dragon", "monkey", "iloveyou", "admin", "welcome", "login",
	"princess", "sunshine", "master", "shadow", "football", "baseball", "superman", "batman", "trustno", "starwars", "secret",
	"hunter", "michael", "jordan", "charlie", "whatever", "freedom", "nothing", "computer", "internet", "correct", "battery", "staple",
	"linux", "debian", "ubuntu", "github", "release", "openpgp", "bulla", "hello", "test", "root", "user",
}

// rows are the rows of keyboards, which fingers run along.
var rows = []string{"1234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm"}

// words maps what counts as one word to the bits that choosing it is worth.
var words = sync.OnceValue(func() map[string]float64 {
	m := make(map[string]float64, 2200)
	for _, w := range wordlists.English {
		m[w] = BitsPerWord
	}
	for _, w := range common {
		m[w] = 7
	}
	return m
})

// maxWord is the length of the longest word that is looked for.
const maxWord = 12

// Estimate says how strong s is at most. It keeps nothing of it.
func Estimate(s keys.Secret) (out Strength) {
	out.Level = Weak
	_ = s.Use(func(b []byte) error {
		low := bytes.ToLower(b)
		if len(low) != len(b) { // letters of other scripts may change their length
			low = append([]byte(nil), b...)
		}
		out.Bits = cheapest(b, low)
		clear(low)
		return nil
	})
	switch {
	case out.Bits >= 60:
		out.Level = Strong
	case out.Bits >= 40:
		out.Level = Fair
	}
	return out
}

// cheapest is the least number of bits by which b can be put together from characters, words,
// runs and years.
func cheapest(b, low []byte) float64 {
	perByte := math.Log2(float64(alphabet(b)))
	best := make([]float64, len(b)+1)
	for i := range b {
		best[i+1] = best[i] + perByte
		if i > 0 && (b[i] == ' ' || b[i] == '-' || b[i] == '_' || b[i] == '.') {
			best[i+1] = math.Min(best[i+1], best[i]+1.5) // what people put between words
		}
		for from := max(0, i-maxWord+1); from <= i; from++ {
			if bits, ok := piece(b[from:i+1], low[from:i+1]); ok {
				best[i+1] = math.Min(best[i+1], best[from]+bits)
			}
		}
		if from := runStart(low, i); i-from >= 2 {
			best[i+1] = math.Min(best[i+1], best[from]+perByte+math.Log2(float64(i-from+1))+1)
		}
	}
	return best[len(b)]
}

// alphabet is how many characters there are of the kinds that occur.
func alphabet(b []byte) int {
	var lower, upper, digit, other, wide int
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			lower = 26
		case c >= 'A' && c <= 'Z':
			upper = 26
		case c >= '0' && c <= '9':
			digit = 10
		case c >= 0x80:
			wide = 40 // two bytes of UTF-8 make a character of an alphabet of some dozens
		default:
			other = 33
		}
	}
	return max(2, lower+upper+digit+other+wide)
}

// piece values b as one word, row of the keyboard, or year.
func piece(b, low []byte) (bits float64, ok bool) {
	if len(b) < 3 {
		return 0, false
	}
	if bits, ok = words()[string(low)]; ok {
		if !bytes.Equal(b, low) {
			bits++
		}
		return bits, true
	}
	if len(b) == 4 && (bytes.HasPrefix(b, []byte("19")) || bytes.HasPrefix(b, []byte("20"))) && isDigit(b[2]) && isDigit(b[3]) {
		return 7, true
	}
	if len(b) >= 4 {
		for _, r := range rows {
			if bytes.Contains([]byte(r), low) {
				return 5 + math.Log2(float64(len(b))), true
			}
		}
	}
	return 0, false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// runStart is where the run that ends at i begins: the same character again, or the next one each
// time, up or down.
func runStart(b []byte, i int) int {
	if i == 0 {
		return 0
	}
	step := int(b[i]) - int(b[i-1])
	if step < -1 || step > 1 {
		return i
	}
	from := i - 1
	for from > 0 && int(b[from])-int(b[from-1]) == step {
		from--
	}
	return from
}
