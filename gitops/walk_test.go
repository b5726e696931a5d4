package gitops

import (
	"context"
	"os"
	"slices"
	"testing"
)

// TestRanges: both readers list the same commits, newest first, over merges, and in clones whose
// history is cut off.
func TestRanges(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	w.git("r", "checkout", "-q", "-b", "side")
	for _, s := range []string{"S1", "S2"} {
		w.git("r", "commit", "-q", "--allow-empty", "-m", s)
	}
	w.git("r", "checkout", "-q", "main")
	w.git("r", "commit", "-q", "--allow-empty", "-m", "M1")
	w.git("r", "merge", "-q", "--no-ff", "-m", "Merge", "side")
	w.git("r", "commit", "-q", "--allow-empty", "-m", "Last")
	ctx := context.Background()
	list := func(dir string, withGit bool, rev, without string) ([]string, error) {
		var ids []string
		err := w.open(dir, withGit).EachCommit(ctx, rev, without, 1000, func(c Commit, err error) error {
			ids = append(ids, c.ID)
			return err
		})
		slices.Sort(ids) // commits of one second have no order
		return ids, err
	}
	for _, depth := range []string{"1", "2", "3", "100"} {
		dir := "depth" + depth
		w.git(".", "clone", "-q", "--depth", depth, "file://"+w.path("r"), w.path(dir))
		for _, r := range [][2]string{{"HEAD", ""}, {"HEAD", "HEAD~1"}} {
			if depth == "1" && r[1] != "" {
				continue
			}
			theirs, err := list(dir, true, r[0], r[1])
			if err != nil {
				t.Fatal(err)
			}
			if ours, err := list(dir, false, r[0], r[1]); err != nil || !slices.Equal(ours, theirs) {
				t.Errorf("depth %s, %v: %v, %v; git has %v", depth, r, ours, err, theirs)
			}
		}
		cut, err := w.open(dir, false).Shallow()
		if err != nil || (len(cut) > 0) != (depth != "100") {
			t.Errorf("depth %s: cut off at %v, %v", depth, cut, err)
		}
	}
	// A commit that is missing in a whole clone is an error, not the end of history.
	lost := w.git("r", "rev-parse", "main~2^1")
	if err := os.Remove(w.path("r/.git/objects/" + lost[:2] + "/" + lost[2:])); err != nil {
		t.Fatal(err)
	}
	for _, withGit := range []bool{true, false} {
		if ids, err := list("r", withGit, "HEAD", ""); err == nil {
			t.Errorf("git=%v: %d commits, and one is missing", withGit, len(ids))
		}
	}
}
