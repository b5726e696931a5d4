package placeword

import (
	"strings"
	"testing"

	"bulla/keys/publish"
)

// TestDifferencesAreToldOnce: what a place shows otherwise is told in one line each, and of a place that was
// only asked nothing is called sent.
func TestDifferencesAreToldOnce(t *testing.T) {
	target := publish.Target{Kind: publish.KindFile, Where: "/src/KEYS"}
	differences := []publish.Difference{{What: "expiry", Sent: "2028-11-26", Found: "2027-11-26"}}
	r := publish.Result{
		Target: target, Stage: publish.StageStored, Goal: publish.StageFingerprint, Differences: differences,
		Err: &publish.DifferenceError{Target: target, Differences: differences},
	}
	text := strings.Join(Result(r, true, 79), "\n")
	if strings.Count(text, "2028-11-26") != 1 || !strings.Contains(text, "expiry: 2028-11-26 here, 2027-11-26 there") {
		t.Error(text)
	}
	if strings.Contains(text, "sent") || !strings.Contains(text, "otherwise than it is now") {
		t.Error(text)
	}
}
