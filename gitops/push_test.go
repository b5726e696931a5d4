package gitops

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
)

// withMirrors gives the remote of withRemote two addresses to push to.
func withMirrors(t *testing.T) (*world, *Repo, []string) {
	w, r := withRemote(t)
	var at []string
	for _, name := range []string{"a.git", "b.git"} {
		w.git(".", "init", "-q", "--bare", name)
		w.git("r", "remote", "set-url", "--add", "--push", "origin", w.path(name))
		at = append(at, w.path(name))
	}
	return w, r, at
}

// TestPushURLs: a person is told every address that git pushes to, as git rewrites it.
func TestPushURLs(t *testing.T) {
	w, r, both := withMirrors(t)
	said := func(want ...string) {
		t.Helper()
		list, err := r.Remotes(context.Background())
		if err != nil || len(list) != 1 || !slices.Equal(list[0].PushURLs, want) {
			t.Errorf("%+v, %v; want %q", list, err, want)
		}
	}
	said(both...)
	w.git("r", "config", "--unset-all", "remote.origin.pushurl")
	said(w.path("remote.git"))
	w.git("r", "config", "url."+w.path("a.git")+".pushInsteadOf", w.path("remote.git"))
	said(w.path("a.git"))
	tagWith(t, r, spec("v1", "one"), fakeSignature)
	if err := r.PushTag(context.Background(), "origin", "v1", nil); err != nil {
		t.Fatal(err)
	}
	w.git("a.git", "rev-parse", "v1") // git says so too

	w.git("r", "config", "--remove-section", "url."+w.path("a.git"))
	w.git("r", "config", "url.https://ann:hunter2secret@host.example/.pushInsteadOf", w.path("remote.git"))
	said("https://host.example/")
}

// TestPushedInPart: of two addresses one takes the tag. It is told which, and asked of each.
func TestPushedInPart(t *testing.T) {
	skipOnWindows(t)
	w, r, both := withMirrors(t)
	ctx := context.Background()
	tag := tagWith(t, r, spec("v1", "one"), fakeSignature)
	w.write("b.git/hooks/pre-receive", "#!/bin/sh\nexit 1\n")
	if err := os.Chmod(w.path("b.git/hooks/pre-receive"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is there already
		var push *PushError
		if err := r.PushTag(ctx, "origin", "v1", nil); !errors.As(err, &push) || !slices.Equal(push.Arrived, both[:1]) || push.Rejected != "pre-receive hook declined" {
			t.Fatalf("%+v", push)
		}
	}
	list, err := r.PushedTags(ctx, "origin", "v1")
	if want := []TagAt{{both[0], tag.ObjectID}, {both[1], ""}}; err != nil || !slices.Equal(list, want) {
		t.Errorf("%v, %v; want %v", list, err, want)
	}
	// One that does not answer hides nothing of the other.
	if err := os.RemoveAll(w.path("b.git")); err != nil {
		t.Fatal(err)
	}
	list, err = r.PushedTags(ctx, "origin", "v1")
	var remote *RemoteError
	if !slices.Equal(list, []TagAt{{both[0], tag.ObjectID}}) || !errors.As(err, &remote) || remote.Remote != both[1] {
		t.Errorf("%v, %v", list, err)
	}
	w.git("r", "config", "--unset-all", "remote.origin.pushurl")
	if list, err = r.PushedTags(ctx, "origin", "v1"); err != nil || len(list) != 1 || list[0].ID != "" {
		t.Errorf("where it was never pushed to: %v, %v", list, err)
	}
}
