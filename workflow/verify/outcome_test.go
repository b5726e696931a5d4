package verify

import (
	"testing"

	"bulla/keys"
)

func TestFailing(t *testing.T) {
	no := false
	v := func(kind keys.Kind, target string, st keys.Status) keys.Verdict {
		return keys.Verdict{Kind: kind, Target: target, Status: st}
	}
	for _, c := range []struct {
		name string
		vs   []keys.Verdict
		want int
	}{
		{"nothing", nil, 0},
		{"all good", []keys.Verdict{v("tag", "v1", "good"), v("artifact", "a", "good-expired-since")}, 0},
		{"weak fails", []keys.Verdict{v("tag", "v1", "weak")}, 1},
		{"a second signer of a file counts", []keys.Verdict{v("artifact", "a", "good"), v("artifact", "a", "unknown-key")}, 1},
		{"a second signer of an image does not", []keys.Verdict{v("image", "i", "good"), v("image", "i", "unknown-key"), v("image", "i", "bad")}, 0},
		{"but another image does", []keys.Verdict{v("image", "i", "good"), v("image", "j", "unknown-key")}, 1},
		{"not trusted", []keys.Verdict{{Kind: "tag", Target: "v1", Status: keys.StatusGood, Trusted: &no}}, 1},
	} {
		if got := Failing(c.vs, false); len(got) != c.want {
			t.Errorf("%s: %d fail, want %d", c.name, len(got), c.want)
		}
	}
}
