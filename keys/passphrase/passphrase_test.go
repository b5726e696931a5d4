package passphrase

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"bulla/keys"

	"github.com/tyler-smith/go-bip39/wordlists"
)

func TestWordList(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range wordlists.English {
		head := w[:min(4, len(w))]
		if seen[head] || w == "" || strings.ContainsFunc(w, func(r rune) bool { return r < 'a' || r > 'z' }) {
			t.Errorf("%q", w)
		}
		seen[head] = true
	}
	if len(wordlists.English) != 1<<BitsPerWord {
		t.Errorf("%d words", len(wordlists.English))
	}
}

// TestGenerate: as many words as asked for, every one as likely as another, and what it is said
// to be worth is what Estimate finds.
func TestGenerate(t *testing.T) {
	counts := map[string]int{}
	const rounds = 4000
	for i := range rounds {
		s, bits, err := Generate(rand.Reader, 0)
		if err != nil || bits != 66 {
			t.Fatalf("%d bits, %v", bits, err)
		}
		_ = s.Use(func(b []byte) error {
			list := bytes.Fields(b)
			if len(list) != Words {
				t.Fatalf("%d words", len(list))
			}
			for _, w := range list {
				counts[string(w)]++
			}
			return nil
		})
		if e := Estimate(s); i < 50 && (e.Level != Strong || e.Bits > float64(bits)+1.5*(Words-1)+0.01) {
			t.Errorf("estimated %v", e)
		}
		s.Destroy()
	}
	// Chi-squared with 2047 degrees of freedom: mean 2047, standard deviation 64.
	expected := float64(rounds*Words) / 2048
	chi := 0.0
	for _, w := range wordlists.English {
		chi += math.Pow(float64(counts[w])-expected, 2) / expected
	}
	if chi < 2047-8*64 || chi > 2047+8*64 {
		t.Errorf("the words are not equally likely: chi-squared %.0f", chi)
	}
	if s, bits, err := Generate(rand.Reader, 8); err != nil || bits != 88 || s.Len() < 8*3+7 {
		t.Errorf("%d bits, %v", bits, err)
	}
	broken := errors.New("no randomness")
	if s, _, err := Generate(iotest.ErrReader(broken), 6); !errors.Is(err, broken) || !s.IsZero() {
		t.Errorf("without randomness: %v", err)
	}
}

func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		text     string
		min, max float64
		level    Level
	}{
		{"", 0, 0, Weak},
		{"password", 1, 8, Weak},
		{"Password1", 1, 16, Weak},
		{"password123456", 1, 22, Weak},
		{"aaaaaaaaaaaaaaaaaaaaaaaa", 1, 12, Weak},
		{"abcdefghijklmnopqrstuvwxyz", 1, 14, Weak},
		{"qwertyuiop1234567890", 1, 24, Weak},
		{"correct horse battery staple", 20, 45, Weak},
		{"linux2024", 1, 20, Weak},
		{"abandon abandon abandon abandon", 20, 40, Weak},
		{"xkq9#mZ2pLw!", 60, 80, Strong},
		{"7f3a9c1e5b2d", 40, 60, Fair},
		{"Größe und Wahrheit", 40, 60, Fair},
		{"Blaue-Kuh-7-Regenschirm", 40, 60, Fair},
		{"tischlampe kartoffel regenschirm gewitter brosche anker", 70, 110, Strong},
		{"s0mm3rurl4ub", 10, 35, Weak},
		{"SommerUrlaub2024!", 10, 40, Weak},
		{"aaaaaaаааааа", 1, 40, Weak}, // the second half is Cyrillic
		{"T7#k9vQ2xR4m", 60, 80, Strong},
	} {
		s := keys.NewSecret([]byte(c.text))
		e := Estimate(s)
		if e.Bits < c.min || e.Bits > c.max || e.Level != c.level {
			t.Errorf("%q: %v, want %v to %v, %s", c.text, e, c.min, c.max, c.level)
		}
		if s.Len() != len(c.text) {
			t.Errorf("%q was changed", c.text)
		}
	}
}

// TestOneWord: no single word of any language is called strong, with its capital, a digit for a letter,
// or a year behind it; nearly all are called weak. The last ones look least like words.
func TestOneWord(t *testing.T) {
	words := []string{
		"Sommerurlaub", "Donaudampfschifffahrtsgesellschaft", "Abnahmestückzahlen", "Zwiebelkuchen", "Schmetterling", "Fußballweltmeisterschaft",
		"anticonstitutionnellement", "grenouille", "émerveillement", "papillon", "courts-circuits", "expédiions",
		"electroencefalografista", "murciélago", "desafortunadamente", "otorrinolaringólogo", "precipitevolissimevolmente", "farfalla",
		"przepiórka", "niebezpieczeństwo", "konstantynopolitańczykowianeczka", "abdykowałyśmy", "achtentachtigprachtige", "aaibaarheidsgehalte",
		"nejnezpravděpodobnější", "guldsmedshyttan", "muvaffakiyetsizleştirilebilen", "saippuakivikauppias", "θαλασσοπόρος", "достопримечательность", "שוקולדה", "図書館員",
	}
	fair := 0
	for _, w := range words {
		for _, form := range []string{w, strings.ToUpper(w), w + "1", w + "2024", strings.NewReplacer("a", "4", "e", "3").Replace(w)} {
			s := keys.NewSecret([]byte(form))
			switch e := Estimate(s); e.Level {
			case Strong:
				t.Errorf("%q is called strong, %.0f bits", form, e.Bits)
			case Fair:
				fair++
				t.Logf("%q is called fair, %.0f bits", form, e.Bits)
			}
		}
	}
	if fair > len(words)/2 {
		t.Errorf("%d of %d are called fair", fair, 5*len(words))
	}
}

// TestKnownWords: what stands in the key's name is worth next to nothing.
func TestKnownWords(t *testing.T) {
	known := []string{"Rhea Müller", "rhea.mueller@acme-widgets.org", "", "李"}
	for text, most := range map[string]float64{"rhea": 3, "Müller": 4, "muller-acme": 8, "Acme-Widgets-2024": 18} {
		s := keys.NewSecret([]byte(text))
		if e := Estimate(s, known...); e.Bits > most {
			t.Errorf("%q: %.1f bits, want %.0f at most", text, e.Bits, most)
		}
	}
}

// TestRandomStaysStrong: what a password manager makes is not taken for words but rarely.
func TestRandomStaysStrong(t *testing.T) {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	strong := 0
	const rounds = 1000
	for range rounds {
		b := make([]byte, 16)
		_, _ = rand.Read(b)
		for i := range b {
			b[i] = alphabet[int(b[i])%len(alphabet)]
		}
		s := keys.NewSecret(b)
		if Estimate(s).Level == Strong {
			strong++
		}
	}
	if strong < rounds*8/10 {
		t.Errorf("%d of %d are called strong", strong, rounds)
	}
}

func FuzzEstimate(f *testing.F) {
	f.Add([]byte("Password 2024 İ"))
	f.Add([]byte("p4ß$ Größe\xff ЖЖ 図書"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e := Estimate(keys.NewSecret(bytes.Clone(b))); e.Bits < 0 || math.IsNaN(e.Bits) || e.Bits > 8*float64(len(b)) {
			t.Errorf("%q: %v", b, e)
		}
	})
}

func BenchmarkEstimate(b *testing.B) {
	s := keys.NewSecret([]byte("abandon ability able about above absent"))
	for b.Loop() {
		Estimate(s)
	}
}

func TestSentence(t *testing.T) {
	for want, s := range map[string]Strength{
		"weak, 0 bits at most": {0, Weak}, "needs less than a minute": {15, Weak}, "weak, 30 bits at most": {30.9, Weak},
		"may need 112 years": {45, Fair}, "no weakness seen, 72 bits at most": {72, Strong}, "may need more than a thousand years": {66, Strong},
	} {
		if got := s.Sentence(); !strings.Contains(got, want) {
			t.Errorf("%+v: %q lacks %q", s, got, want)
		}
	}
	if got := RandomSentence(66); got != "66 bits of entropy: one graphics card, at ten thousand tries a second, needs more than a thousand years." {
		t.Error(got)
	}
}
