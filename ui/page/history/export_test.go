package history

import (
	"encoding/json"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/workflow/history"
)

// TestExportOfRefused: a sound tag that the policy refuses is called good in no export.
func TestExportOfRefused(t *testing.T) {
	no := false
	r := history.Release{Tag: "v1", Verdicts: []keys.Verdict{{Kind: keys.KindTag, Target: "v1", Status: keys.StatusGood, Trusted: &no}}}
	s := snapshot{Releases: []shown{{Release: &r}}}
	data, err := s.csv()
	if row := strings.Split(strings.Split(string(data), "\n")[1], ","); err != nil || row[4] != "not trusted" {
		t.Errorf("%q, %v", row, err)
	}
	data, err = s.json()
	var out struct {
		Releases []struct {
			Status  string
			Trusted *bool
		}
	}
	if e := json.Unmarshal(data, &out); err != nil || e != nil || out.Releases[0].Trusted == nil || *out.Releases[0].Trusted {
		t.Errorf("%s, %v, %v", data, err, e)
	}
}
