package history

import (
	"testing"

	"bulla/keys"
)

// TestGroupCountsThings: a cell counts files and images, not signatures: of an image that is signed once for
// each of two tags, or a file that two people signed, there is one.
func TestGroupCountsThings(t *testing.T) {
	on := func(target string, s keys.Status) keys.Verdict {
		return keys.Verdict{Target: target, Status: s}
	}
	for want, vs := range map[string][]keys.Verdict{
		"":       nil,
		"1 good": {on("app:1", keys.StatusGood), on("app:1", keys.StatusGood)},
		"2 good": {on("a", keys.StatusGood), on("b", keys.StatusUnknownKey), on("b", keys.StatusGood)},
		"1 of 2": {on("a", keys.StatusGood), on("b", keys.StatusGood), on("b", keys.StatusBad)},
		"bad":    {on("a", keys.StatusGood), on("a", keys.StatusBad)},
	} {
		if got, _ := group(vs); got != want {
			t.Errorf("%v: %q, want %q", vs, got, want)
		}
	}
}
