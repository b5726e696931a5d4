package passphrase

import (
	"fmt"
	"math"
)

// triesPerSecond is what one graphics card manages against the S2K of bulla's keys.
const triesPerSecond = 10_000

// Sentence says in plain words how long the passphrase can hold at most against somebody who has the
// key file and one graphics card.
func (s Strength) Sentence() string {
	const day = 24 * 60 * 60
	seconds := math.Exp2(s.Bits) / triesPerSecond
	within := "not within a thousand years"
	switch {
	case seconds < 60:
		within = "within a minute"
	case seconds < 60*60:
		within = fmt.Sprintf("within %.0f minutes", math.Ceil(seconds/60))
	case seconds < 2*day:
		within = fmt.Sprintf("within %.0f hours", math.Ceil(seconds/(60*60)))
	case seconds < 60*day:
		within = fmt.Sprintf("within %.0f days", math.Ceil(seconds/day))
	case seconds < 2*365*day:
		within = fmt.Sprintf("within %.0f months", math.Ceil(seconds/(30*day)))
	case seconds < 1000*365*day:
		within = fmt.Sprintf("within %.0f years", math.Ceil(seconds/(365*day)))
	}
	return fmt.Sprintf("%s, %.0f bits at most: one graphics card, at ten thousand tries a second, finds it %s.", s.Level, math.Floor(s.Bits), within)
}
