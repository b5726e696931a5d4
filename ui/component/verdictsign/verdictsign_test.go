package verdictsign

import (
	"testing"

	"bulla/keys"
	"bulla/ui/theme"
)

func TestState(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		v    keys.Verdict
		want theme.State
	}{
		{keys.Verdict{Status: keys.StatusGood}, theme.Done},
		{keys.Verdict{Status: keys.StatusGoodExpiredSince, Trusted: &yes}, theme.Done},
		{keys.Verdict{Status: keys.StatusGood, Trusted: &no}, theme.Failed},
		{keys.Verdict{Status: keys.StatusUnsigned, Trusted: &no}, theme.Failed},
		{keys.Verdict{Status: keys.StatusUnsigned}, theme.Skipped},
		{keys.Verdict{Status: keys.StatusNotChecked}, theme.Skipped},
		{keys.Verdict{Status: keys.StatusUnsupported}, theme.Skipped},
		{keys.Verdict{Status: keys.StatusWeak}, theme.Waiting},
		{keys.Verdict{Status: keys.StatusUnknownKey}, theme.Waiting},
		{keys.Verdict{Status: keys.StatusBad}, theme.Failed},
		{keys.Verdict{Status: keys.StatusRevoked}, theme.Failed},
		{keys.Verdict{Status: "what nobody thought of"}, theme.Failed},
	} {
		if got := State(c.v); got != c.want {
			t.Errorf("%s, trusted %v: %v, want %v", c.v.Status, c.v.Trusted, got, c.want)
		}
	}
}
