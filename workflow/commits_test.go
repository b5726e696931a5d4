package workflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"bulla/keys"
	"bulla/workflow/verify"
)

// TestShallowRange: what a shallow clone does not have was not checked, and is not passed over.
func TestShallowRange(t *testing.T) {
	b := newBench(t)
	b.git("-C", b.repo, "tag", "v1")
	for _, s := range []string{"Two", "Three", "Four"} {
		b.write("README", s)
		b.commit(s)
	}
	b.git("-C", b.repo, "tag", "v4")
	judge := func(dir, text string) map[keys.Status]int {
		t.Helper()
		v, err := NewVerifier(context.Background(), b.world, verify.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		got := map[keys.Status]int{}
		if _, err := v.Commits(context.Background(), text, func(x keys.Verdict) { got[x.Status]++ }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	clone := func(name string, args ...string) string {
		dir := filepath.Join(t.TempDir(), name)
		b.git(append(append([]string{"clone", "-q"}, args...), "file://"+b.repo, dir)...)
		return dir
	}
	two := clone("two", "--depth", "2")
	b.git("-C", two, "fetch", "-q", "--depth", "1", "origin", "tag", "v1") // not beneath what is here
	for _, text := range []string{"v1..HEAD", "HEAD"} {
		if got := judge(two, text); got[keys.StatusUnsigned] != 2 || got[keys.StatusNotChecked] != 1 {
			t.Errorf("two of three, %s: %v", text, got)
		}
	}
	if got := judge(two, "HEAD~1..HEAD"); got[keys.StatusUnsigned] != 1 || len(got) != 1 {
		t.Errorf("all that was asked for is here: %v", got)
	}
	four := clone("four", "--depth", "4")
	if got := judge(four, "v1..HEAD"); got[keys.StatusUnsigned] != 3 || len(got) != 1 {
		t.Errorf("three of three: %v", got)
	}
	// The range ends just where the clone does.
	three := clone("three", "--depth", "3")
	b.git("-C", three, "fetch", "-q", "--depth", "1", "origin", "tag", "v1")
	if got := judge(three, "v1..HEAD"); got[keys.StatusUnsigned] != 3 || len(got) != 1 {
		t.Errorf("three of three, the fourth apart: %v", got)
	}
}

// TestPolicyNotHere: a policy that cannot be read is not the same as none.
func TestPolicyNotHere(t *testing.T) {
	b := newBench(t)
	b.git("-C", b.repo, "config", "uploadpack.allowFilter", "true")
	dir := filepath.Join(t.TempDir(), "treeless")
	b.git("clone", "-q", "--no-checkout", "--filter=tree:0", "file://"+b.repo, dir)
	ctx := context.Background()
	var unread *verify.UnreadPolicyError
	if _, err := NewVerifier(ctx, b.world, verify.Options{Dir: dir}); !errors.As(err, &unread) {
		t.Errorf("without its tree: %v", err)
	}
	if _, err := NewVerifier(ctx, b.world, verify.Options{Dir: dir, Policy: verify.PolicyOptions{None: true}}); err != nil {
		t.Errorf("no policy is wanted: %v", err)
	}
	lost := filepath.Join(t.TempDir(), "lost")
	b.git("clone", "-q", b.repo, lost)
	head := b.git("-C", lost, "rev-parse", "HEAD")
	if err := os.RemoveAll(filepath.Join(lost, ".git", "objects", head[:2], head[2:])); err != nil {
		t.Fatal(err)
	}
	if _, err := NewVerifier(ctx, b.world, verify.Options{Dir: lost}); !errors.As(err, &unread) {
		t.Errorf("without its HEAD: %v", err)
	}
	b.git("init", "-q", filepath.Join(lost, "new"))
	if _, err := NewVerifier(ctx, b.world, verify.Options{Dir: filepath.Join(lost, "new")}); err != nil {
		t.Errorf("without commits: %v", err)
	}
}

// TestRangeWithAHole: a commit that is missing leaves the range unchecked, whatever else is in it.
func TestRangeWithAHole(t *testing.T) {
	b := newBench(t)
	for _, s := range []string{"Two", "Three"} {
		b.write("README", s)
		b.commit(s)
	}
	lost := b.git("-C", b.repo, "rev-parse", "HEAD~1")
	if err := os.Remove(filepath.Join(b.repo, ".git", "objects", lost[:2], lost[2:])); err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(context.Background(), b.world, verify.Options{Dir: b.repo})
	if err != nil {
		t.Fatal(err)
	}
	open := 0
	if _, err := v.Commits(context.Background(), "HEAD", func(x keys.Verdict) {
		if x.Status == keys.StatusNotChecked {
			open++
		}
	}); err != nil || open == 0 {
		t.Errorf("%d are not checked, %v", open, err)
	}
}
