package passphrase

import (
	"fmt"
	"math"
)

// triesPerSecond is what one graphics card manages against the S2K of bulla's keys.
const triesPerSecond = 10_000

// Basis says in plain words what a strength is: an estimate, and of what.
const Basis = "An estimate: words of any language, names in the key, years, repetitions and rows of keys count little. Where else you use it nobody sees from here."

// Sentence says in plain words how long a typed passphrase can hold at most against somebody who has
// the key file and one graphics card.
func (s Strength) Sentence() string {
	word := string(s.Level)
	if s.Level == Strong { // that is not known of what a person thought of
		word = "no weakness seen"
	}
	verb := "needs"
	if s.Level != Weak {
		verb = "may need"
	}
	return fmt.Sprintf("%s, %.0f bits at most: one graphics card, at ten thousand tries a second, %s %s.", word, math.Floor(s.Bits), verb, timeFor(s.Bits))
}

// RandomSentence says the same of a passphrase that was chosen at random, with as many bits.
func RandomSentence(bits int) string {
	return fmt.Sprintf("%d bits of entropy: one graphics card, at ten thousand tries a second, needs %s.", bits, timeFor(float64(bits)))
}

// timeFor is how long it takes to try all that many bits give, in words.
func timeFor(bits float64) string {
	const day = 24 * 60 * 60
	seconds := math.Exp2(bits) / triesPerSecond
	switch {
	case seconds < 60:
		return "less than a minute"
	case seconds < 2*60*60:
		return fmt.Sprintf("%.0f minutes", math.Ceil(seconds/60))
	case seconds < 2*day:
		return fmt.Sprintf("%.0f hours", math.Ceil(seconds/(60*60)))
	case seconds < 60*day:
		return fmt.Sprintf("%.0f days", math.Ceil(seconds/day))
	case seconds < 2*365*day:
		return fmt.Sprintf("%.0f months", math.Ceil(seconds/(30*day)))
	case seconds < 1000*365*day:
		return fmt.Sprintf("%.0f years", math.Ceil(seconds/(365*day)))
	}
	return "more than a thousand years"
}
