package passphrase

import (
	"bytes"
	"math"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tyler-smith/go-bip39/wordlists"
)

// In folded text a letter of another script than Latin is foreign, and any other character beyond ASCII
// beyond.
const (
	beyond  = 0x80
	foreign = 0x81
)

// char is one character of a passphrase.
type char struct {
	low    rune // in lower case
	size   int  // in bytes
	letter bool
	upper  bool
	wide   bool // a sign of a script that writes syllables or words
}

// text is a passphrase taken apart: a copy of it, so whoever is done with it wipes it.
type text struct {
	raw   []byte // the caller's
	chars []char
	// folded has a byte for each character: letters in lower case and without accents. clear is the
	// same with the letters that digits and signs among them stand for.
	folded, clear []byte
	known         [][]byte
}

func (t *text) wipe() {
	clear(t.chars)
	clear(t.folded)
	clear(t.clear)
}

// read takes a passphrase apart.
func read(b []byte, known []string) *text {
	n := utf8.RuneCount(b)
	t := &text{raw: b, chars: make([]char, 0, n), folded: make([]byte, 0, n), clear: make([]byte, n)}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		c := char{low: unicode.ToLower(r), size: size, letter: unicode.IsLetter(r), upper: unicode.IsUpper(r)}
		c.wide = c.letter && r >= 0x2E80
		t.chars, t.folded = append(t.chars, c), append(t.folded, foldRune(r))
		i += size
	}
	copy(t.clear, t.folded)
	for i, c := range t.folded {
		if to, ok := swaps[c]; ok && t.letterNear(i, -1) && t.letterNear(i, 1) {
			t.clear[i] = to
		}
	}
	for _, k := range known {
		for _, part := range strings.FieldsFunc(k, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if f := fold(part); len(f) >= 3 && isASCII(f) {
				t.known = append(t.known, []byte(f))
			}
		}
	}
	return t
}

// swaps are the digits and signs that people write for letters.
var swaps = map[byte]byte{'0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '@': 'a', '$': 's', '!': 'i'}

// letterNear reports whether a letter stands before (-1) or after (1) a character, with at most one
// more of those that stand for letters between.
func (t *text) letterNear(i, step int) bool {
	for range 2 {
		if i += step; i < 0 || i >= len(t.chars) {
			return false
		}
		if t.chars[i].letter {
			return true
		}
		if _, ok := swaps[t.folded[i]]; !ok {
			return false
		}
	}
	return false
}

func (t *text) knows(low []byte) bool {
	for _, k := range t.known {
		if bytes.Equal(k, low) {
			return true
		}
	}
	return false
}

// isBreak reports whether what people put between words stands at i; so do both ends.
func (t *text) isBreak(i int) bool {
	if i < 0 || i >= len(t.chars) {
		return true
	}
	c := t.chars[i].low
	return c == ' ' || c == '-' || c == '_' || c == '.'
}

// inWord reports whether the character at i may belong to a word.
func (t *text) inWord(i int) bool {
	return i >= 0 && i < len(t.chars) && (t.chars[i].letter || t.clear[i] != t.folded[i])
}

// starts are where a word that ends before i may begin, if it does end there: where the letters in a
// row begin, and where the last capital after small letters is.
func (t *text) starts(i int) (out []int) {
	hump := func(at int) bool { return t.inWord(at) && t.inWord(at-1) && t.chars[at].upper && !t.chars[at-1].upper }
	if !t.inWord(i-1) || t.inWord(i) && !hump(i) {
		return nil
	}
	from := i - 1
	for t.inWord(from-1) && !hump(from) {
		from--
	}
	out = append(out, from)
	for t.inWord(from - 1) {
		from--
	}
	if from < out[0] && !t.inWord(i) {
		out = append(out, from)
	}
	return out
}

// foldRune is a letter in lower case and without its accents; foreign for one of another script.
func foldRune(r rune) byte {
	switch {
	case r < utf8.RuneSelf:
		return byte(unicode.ToLower(r))
	case !unicode.IsLetter(r):
		return beyond
	}
	if c, ok := latin()[unicode.ToLower(r)]; ok {
		return c
	}
	return foreign
}

// latin maps letters with accents to those that they are made of.
var latin = sync.OnceValue(func() map[rune]byte {
	m := map[rune]byte{}
	for base, accented := range map[byte]string{
		'a': "àáâãäåāăąæ", 'c': "çćĉċč", 'd': "ďđð", 'e': "èéêëēĕėęě", 'g': "ĝğġģ", 'h': "ĥħ", 'i': "ìíîïĩīĭįı", 'j': "ĵ",
		'k': "ķ", 'l': "ĺļľł", 'n': "ñńņňŋ", 'o': "òóôõöøōŏőœ", 'r': "ŕŗř", 's': "śŝşšßș", 't': "ţťŧþț", 'u': "ùúûüũūŭůűų",
		'w': "ŵ", 'y': "ýÿŷ", 'z': "źżž",
	} {
		for _, r := range accented {
			m[r] = base
		}
	}
	return m
})

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// fold is a word of a list as it is looked up: small letters without accents, which the lists write
// as marks of their own behind the letter.
func fold(w string) string {
	var b strings.Builder
	for _, r := range w {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteByte(foldRune(r))
		}
	}
	return b.String()
}

// The model of transition: its alphabet, and how often a letter follows where the lists never have it:
// there are more languages than lists.
const (
	letters = 26
	strange = 0.006
)

// transitions are the bits that a letter is worth after another, in words of several languages.
var transitions = sync.OnceValue(func() *[letters + 1][letters]float64 {
	var n [letters + 1][letters]float64
	for _, list := range [][]string{wordlists.English, wordlists.French, wordlists.Spanish, wordlists.Italian, wordlists.Czech} {
		for _, w := range list {
			last := letters
			for _, c := range []byte(fold(w)) {
				if c < 'a' || c > 'z' {
					continue
				}
				n[last][c-'a']++
				last = int(c - 'a')
			}
		}
	}
	for i := range n {
		sum := 0.0
		for j := range n[i] {
			sum += n[i][j]
		}
		for j := range n[i] {
			n[i][j] = -math.Log2((n[i][j]/sum + strange) / (1 + letters*strange))
		}
	}
	return &n
})

// transition is what a letter is worth in a word after the one before; 0 begins a word.
func transition(last, c byte) float64 {
	if c < 'a' || c > 'z' {
		return 0 // of another script: taken for part of a word
	}
	from := letters
	if last >= 'a' && last <= 'z' {
		from = int(last - 'a')
	}
	return transitions()[from][c-'a']
}
