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

// Strength is how hard a passphrase is to guess.
type Strength struct {
	// Bits is what remains when words, repetitions, rows of the keyboard, years and what everybody
	// knows of the key are taken off. Letters in a row that look like a word of any language count as
	// one, whether or not it is one. Somebody who knows more, such as names dear to its owner, needs
	// fewer guesses. It proves weakness, never strength.
	Bits  float64
	Level Level
}

// What pieces of a passphrase are worth, in bits.
const (
	knownBits = 3   // a name or address that stands in the key
	topBits   = 7   // what every list of stolen passwords begins with
	yearBits  = 7   // a year of the last or this century
	breakBits = 1.5 // a blank, dash, dot between two words
	// wordBits is a word of a language: people choose among some thousands of them, as the lists that
	// passphrases are made of do.
	wordBits = 13
	// oddLetter is what a letter is worth on average, by the model of transition, in what looks like no
	// word; oddBits the most that such letters in a row are worth.
	oddLetter = 4.9
	oddBits   = 58
)

// common are the stems of the passwords that every list of stolen ones begins with.
var common = []string{
	"password", "passwort", "passphrase", "qwerty", "letmein", "dragon", "monkey", "iloveyou", "admin", "welcome", "login",
	"princess", "sunshine", "master", "shadow", "football", "baseball", "superman", "batman", "trustno", "starwars", "secret",
	"hunter", "michael", "jordan", "charlie", "whatever", "freedom", "nothing", "computer", "internet", "correct", "battery", "staple",
	"linux", "debian", "ubuntu", "github", "release", "openpgp", "bulla", "hello", "test", "root", "user",
	"motdepasse", "contrasena", "senha", "haslo", "parola", "wachtwoord", "losenord", "geheim", "secreto", "hallo", "bonjour", "hola", "ciao",
	"soleil", "azerty", "qwertz", "teamo", "tequiero", "jetaime", "ichliebedich", "schatz", "amour", "amore", "sonne", "sommer", "winter", "summer",
}

// rows are the rows of keyboards, which fingers run along.
var rows = [][]byte{[]byte("1234567890"), []byte("qwertyuiop"), []byte("qwertzuiop"), []byte("azertyuiop"), []byte("asdfghjkl"), []byte("zxcvbnm"), []byte("yxcvbnm")}

// words maps what counts as one word, folded, to the bits that choosing it is worth.
var words = sync.OnceValue(func() map[string]float64 {
	m := make(map[string]float64, 11000)
	for _, list := range [][]string{wordlists.English, wordlists.French, wordlists.Spanish, wordlists.Italian, wordlists.Czech} {
		for _, w := range list {
			m[fold(w)] = BitsPerWord
		}
	}
	for _, w := range common {
		m[w] = topBits
	}
	return m
})

// maxWord is the length of the longest word that is looked for.
const maxWord = 14

// Estimate says how strong s is at most. known are words that others connect with the key: the name
// and the addresses in it. It keeps nothing of s.
func Estimate(s keys.Secret, known ...string) (out Strength) {
	_ = s.Use(func(b []byte) error {
		t := read(b, known)
		out.Bits = t.cheapest()
		t.wipe()
		return nil
	})
	switch {
	case out.Bits >= 60:
		out.Level = Strong
	case out.Bits >= 40:
		out.Level = Fair
	default:
		out.Level = Weak
	}
	return out
}

// cheapest is the least number of bits by which the text can be put together from characters, words,
// runs, repetitions and years.
func (t *text) cheapest() float64 {
	perByte := math.Log2(float64(alphabet(t.raw)))
	best := make([]float64, len(t.chars)+1)
	for i, c := range t.chars {
		best[i+1] = best[i] + perByte*float64(c.size)
		try := func(from int, bits float64) { best[i+1] = math.Min(best[i+1], best[from]+bits) }
		if i > 0 && t.isBreak(i) {
			try(i, breakBits) // what people put between words
		}
		for from := max(0, i-maxWord+1); from < i-1; from++ {
			if bits, ok := t.piece(from, i+1); ok {
				try(from, bits)
			}
		}
		if from := t.runStart(i); i-from >= 2 {
			try(from, perByte+math.Log2(float64(i-from+1))+1)
		}
		for _, from := range t.starts(i + 1) {
			if bits, ok := t.wordLike(from, i+1); ok {
				try(from, bits)
			}
		}
	}
	return best[len(t.chars)]
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

// piece values the characters from..to as one word of a list, part of the key's name, row of the
// keyboard, year, or repetition.
func (t *text) piece(from, to int) (bits float64, ok bool) {
	low, clear := t.folded[from:to], t.clear[from:to]
	if t.knows(low) {
		return knownBits, true
	}
	if bits, ok = words()[string(clear)]; ok {
		return bits + t.disguise(from, to), true
	}
	if len(low) == 4 && (bytes.HasPrefix(low, []byte("19")) || bytes.HasPrefix(low, []byte("20"))) && isDigit(low[2]) && isDigit(low[3]) {
		return yearBits, true
	}
	if len(low) >= 4 {
		for _, r := range rows {
			if bytes.Contains(r, low) {
				return 5 + math.Log2(float64(len(low))), true
			}
		}
	}
	if before := t.folded[max(0, from-lookBack):from]; bytes.IndexByte(low, foreign) < 0 && bytes.Contains(before, low) {
		return 2 + math.Log2(float64(len(before))), true
	}
	return 0, false
}

// lookBack is how far back a repetition is looked for.
const lookBack = 64

// disguise is what capitals and digits for letters add to a word.
func (t *text) disguise(from, to int) (bits float64) {
	capitals, swapped := 0, 0
	for i := from; i < to; i++ {
		if t.chars[i].upper {
			capitals++
		}
		if t.clear[i] != t.folded[i] {
			swapped++
		}
	}
	if capitals == to-from || capitals == 1 && t.chars[from].upper {
		capitals = 1 // all of it, or the first: what everybody tries
	}
	return float64(min(capitals, to-from-capitals+1) + min(3, swapped)) // who swaps one swaps them all
}

// wordLike values the characters from..to, which are letters in a row, as words of a language that
// nobody has a list of here: one for eight letters, and two and a half at most, for whoever guesses
// takes long words and whole sayings from lists too. Letters that look like no word are worth no more
// than oddBits: there are languages where words look like that.
func (t *text) wordLike(from, to int) (bits float64, ok bool) {
	n, cost := 0, 0.0
	last := byte(0)
	for i := from; i < to; i++ {
		c := t.clear[i]
		n++
		if t.chars[i].wide {
			n += 3 // a sign for a syllable or a word
		}
		cost += transition(last, c)
		last = c
	}
	switch {
	case n < 4 && t.isBreak(from-1) && t.isBreak(to):
		return math.Log2(26)*float64(n) + t.disguise(from, to), true
	case n < 4:
		return 0, false
	case cost >= float64(to-from)*oddLetter:
		return oddBits + t.disguise(from, to), true
	}
	return wordBits*min(2.5, max(1, float64(n)/8)) + t.disguise(from, to), true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// runStart is where the run that ends at i begins: the same character again, or the next one each
// time, up or down.
func (t *text) runStart(i int) int {
	if i == 0 {
		return 0
	}
	step := func(i int) rune { return t.chars[i].low - t.chars[i-1].low }
	if s := step(i); s < -1 || s > 1 {
		return i
	}
	from := i - 1
	for from > 0 && step(from) == step(i) {
		from--
	}
	return from
}
