package gitops

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kinds are the repositories that bulla meets. make returns the folder to open, and the one to
// which git belongs.
var kinds = []struct {
	name       string
	make       func(w *world) string
	throughGit bool // go-git refuses it
	// withoutGitToo: go-git could do it if it had to.
	withoutGitToo bool
	bare          bool
	check         func(t *testing.T, s State)
}{
	{name: "plain", make: func(w *world) string { w.plain("r"); return "r" }},
	{name: "subdirectory", make: func(w *world) string { w.plain("r"); return "r/sub/dir" }},
	{name: "inside dot git", make: func(w *world) string { w.plain("r"); return "r/.git/refs" }},
	{name: "bare", bare: true, make: func(w *world) string {
		w.plain("r")
		w.git(".", "clone", "-q", "--bare", "r", "bare.git")
		return "bare.git"
	}},
	{name: "linked worktree", make: func(w *world) string {
		w.plain("r")
		w.git("r", "worktree", "add", "-q", "-b", "other", w.path("linked"))
		return "linked/sub"
	}, check: func(t *testing.T, s State) {
		if s.Branch != "other" || s.GitDir == s.CommonDir || !strings.Contains(filepath.ToSlash(s.GitDir), "/worktrees/") {
			t.Errorf("state of a linked worktree: %+v", s)
		}
	}},
	{name: "alternates", make: func(w *world) string {
		w.plain("r")
		w.git(".", "clone", "-q", "--shared", "r", "shared")
		return "shared"
	}},
	{name: "packed refs", make: func(w *world) string {
		w.plain("r")
		w.git("r", "tag", "-am", "old", "old")
		w.git("r", "pack-refs", "--all", "--prune")
		w.git("r", "gc", "-q")
		return "r"
	}},
	{name: "detached", make: func(w *world) string { w.plain("r"); w.git("r", "checkout", "-q", "--detach"); return "r" },
		check: func(t *testing.T, s State) {
			if !s.Detached || s.Branch != "" {
				t.Errorf("detached HEAD: %+v", s)
			}
		}},
	{name: "shallow clone", make: func(w *world) string {
		w.plain("r")
		w.git(".", "clone", "-q", "--depth=1", "file://"+filepath.ToSlash(w.path("r")), "shallow")
		return "shallow"
	}, check: func(t *testing.T, s State) {
		if !s.Shallow {
			t.Error("not seen as shallow")
		}
	}},
	{name: "submodule", make: func(w *world) string {
		w.plain("r")
		w.plain("outer")
		w.git("outer", "submodule", "--quiet", "add", w.path("r"), "inner")
		return "outer/inner"
	}},
	{name: "sha256", throughGit: true, make: func(w *world) string {
		w.plain("r", "--object-format=sha256")
		return "r"
	}, check: func(t *testing.T, s State) {
		if s.ObjectFormat != "sha256" || len(s.Head.ID) != 64 {
			t.Errorf("object format %s, head %s", s.ObjectFormat, s.Head.ID)
		}
	}},
	{name: "worktreeConfig", throughGit: true, make: func(w *world) string {
		w.plain("r")
		w.git("r", "config", "core.repositoryformatversion", "1")
		w.git("r", "config", "extensions.worktreeConfig", "true")
		return "r"
	}},
	{name: "worktreeConfig, format 0", throughGit: true, make: func(w *world) string {
		w.plain("r")
		w.git("r", "config", "extensions.worktreeConfig", "true")
		return "r"
	}},
	{name: "partial clone", make: partialClone},
	{name: "partialClone extension", throughGit: true, make: func(w *world) string {
		dir := partialClone(w)
		w.git(dir, "config", "core.repositoryformatversion", "1")
		w.git(dir, "config", "extensions.partialClone", "origin")
		return dir
	}},
	{name: "shared between users", throughGit: true, withoutGitToo: true, make: func(w *world) string {
		w.plain("r", "--shared=group")
		return "r"
	}},
	{name: "preciousObjects", throughGit: true, make: func(w *world) string {
		w.plain("r")
		w.git("r", "config", "core.repositoryformatversion", "1")
		w.git("r", "config", "extensions.preciousObjects", "true")
		return "r"
	}},
}

func partialClone(w *world) string {
	w.plain("r")
	w.git("r", "config", "uploadpack.allowFilter", "true")
	w.git(".", "clone", "-q", "--filter=blob:none", "file://"+filepath.ToSlash(w.path("r")), "partial")
	return "partial"
}

// TestKinds takes every kind of repository through a release's dealings with git, with gpg's
// own signature, and lets git verify what came out.
func TestKinds(t *testing.T) {
	home := gpgHome(t)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			both(t, func(t *testing.T, withGit bool) {
				w := newWorld(t)
				dir := k.make(w)
				if k.throughGit && !withGit && !k.withoutGitToo {
					before := snapshot(t, w.dir)
					_, err := OpenWith(context.Background(), w.path(dir), w.options(false))
					var unsupported *UnsupportedRepositoryError
					if !errors.As(err, &unsupported) || unsupported.Need == "" || !errors.Is(err, ErrNoGit) {
						t.Fatalf("open without git: %v", err)
					}
					if after := snapshot(t, w.dir); !slices.Equal(before, after) {
						t.Error("a refused repository was touched")
					}
					return
				}
				r := w.open(dir, withGit)
				state, err := r.State(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if state.ThroughGit != (k.throughGit && withGit) || state.Bare != k.bare {
					t.Errorf("through git %v, bare %v", state.ThroughGit, state.Bare)
				}
				if want := w.git(dir, "rev-parse", "HEAD"); state.Head.ID != want || state.Head.Subject != "Second" {
					t.Errorf("head %s %q, want %s", state.Head.ID, state.Head.Subject, want)
				}
				if len(state.Changed) > 0 {
					t.Errorf("a clean tree has changes: %q", state.Changed)
				}
				if k.check != nil {
					k.check(t, state)
				}
				walk(t, w, r, dir, home)
			})
		})
	}
}

// walk tags, lets git judge, tries to tag again and takes the tag back.
func walk(t *testing.T, w *world, r *Repo, dir, home string) {
	ctx := context.Background()
	s := spec("v1.0.0", "Release 1\n\nIt is out: ü\n")
	payload, err := r.TagPayload(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	signature := gpgSign(t, home, payload)
	tag, err := r.CreateTag(ctx, s, payload, signature)
	if err != nil {
		t.Fatal(err)
	}
	if tag.InnerName != "v1.0.0" || tag.CommitID != tag.TargetID || string(tag.Signature) != string(signature) || tag.Lightweight {
		t.Errorf("created: %+v", tag)
	}
	for _, args := range [][]string{{"verify-tag", "v1.0.0"}, {"tag", "-v", "v1.0.0"}} {
		out, err := w.try(dir, []string{"GNUPGHOME=" + home}, args...)
		if err != nil || !strings.Contains(out, "Good signature") {
			t.Errorf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if out, err := w.try(dir, nil, "fsck", "--strict", "--no-dangling"); err != nil {
		t.Errorf("git fsck: %v\n%s", err, out)
	}
	if got := w.git(dir, "rev-parse", "v1.0.0"); got != tag.ObjectID {
		t.Errorf("git sees tag %s, created %s", got, tag.ObjectID)
	}

	before := tag.ObjectID
	again := spec("v1.0.0", "Release 1 again")
	payload, err = r.TagPayload(ctx, again)
	if err != nil {
		t.Fatal(err)
	}
	var exists *ExistsError
	if _, err = r.CreateTag(ctx, again, payload, signature); !errors.As(err, &exists) || exists.Ref != "refs/tags/v1.0.0" || exists.ID != before {
		t.Errorf("second creation: %v", err)
	}
	if err := r.own.createRef(ctx, "refs/tags/v1.0.0", tag.CommitID); !errors.As(err, &exists) {
		t.Errorf("creating the ref itself again: %v", err)
	}
	var conflict *ConflictError
	if err := r.own.createRef(ctx, "refs/tags/v1.0.0/x", tag.CommitID); !errors.As(err, &conflict) || conflict.With != "refs/tags/v1.0.0" {
		t.Errorf("a ref below a ref: %v", err)
	}
	if got := w.git(dir, "rev-parse", "v1.0.0"); got != before {
		t.Fatalf("the tag moved to %s", got)
	}

	var moved *MovedError
	if err := r.DeleteTag(ctx, "v1.0.0", tag.CommitID); !errors.As(err, &moved) || moved.Is != before {
		t.Errorf("deleting another object's tag: %v", err)
	}
	if err := r.DeleteTag(ctx, "v1.0.0", before); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := r.DeleteTag(ctx, "v1.0.0", before); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete again: %v", err)
	}
	if out := w.git(dir, "tag", "-l", "v1*"); out != "" {
		t.Errorf("tags left: %s", out)
	}
	if locks, _ := filepath.Glob(filepath.Join(r.loc.commonDir, "refs", "tags", "*.lock")); len(locks) > 0 {
		t.Errorf("locks left: %q", locks)
	}
}

// snapshot lists every file with its size and time of change.
func snapshot(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil {
			list = append(list, p+info.ModTime().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestRefusedExtension: what git itself refuses is refused with the version that would help.
func TestRefusedExtension(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	w.git("r", "config", "core.repositoryformatversion", "1")
	w.git("r", "config", "extensions.fromTheFuture", "true")
	_, err := OpenWith(context.Background(), w.path("r"), w.options(true))
	var unsupported *UnsupportedRepositoryError
	if !errors.As(err, &unsupported) || unsupported.Extension != "fromthefuture" {
		t.Fatalf("got %v", err)
	}
}

// TestReftable: with a git that knows reftable the walk works; an older one is told.
func TestReftable(t *testing.T) {
	w := newWorld(t)
	if out, err := w.try(".", nil, "init", "-q", "--ref-format=reftable", "r"); err != nil {
		t.Logf("this git makes no reftable repositories: %.60s", out)
		w.plain("r")
		w.git("r", "config", "core.repositoryformatversion", "1")
		w.write("r/.git/config", "[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\trefStorage = reftable\n")
		for _, withGit := range []bool{true, false} {
			_, err := OpenWith(context.Background(), w.path("r"), w.options(withGit))
			var unsupported *UnsupportedRepositoryError
			if !errors.As(err, &unsupported) || unsupported.Extension != "refstorage" || !strings.Contains(unsupported.Need, "2.45") {
				t.Errorf("git=%v: %v", withGit, err)
			}
		}
		return
	}
	w.write("r/a.txt", "one\n")
	w.git("r", "add", ".")
	w.git("r", "commit", "-qm", "Second")
	walk(t, w, w.open("r", true), "r", gpgHome(t))
}

func TestOpenErrors(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	if _, err := OpenWith(ctx, w.path("home"), w.options(true)); !errors.Is(err, ErrNotRepository) {
		t.Errorf("no repository: %v", err)
	}
	if _, err := OpenWith(ctx, w.path("nowhere"), w.options(true)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	w.write("broken/.git", "gitdir: /nowhere/at/all\n")
	if _, err := OpenWith(ctx, w.path("broken"), w.options(true)); !errors.Is(err, ErrNotRepository) {
		t.Errorf("dangling .git file: %v", err)
	}
	w.write("empty/.git/HEAD", "ref: refs/heads/main\n")
	if _, err := OpenWith(ctx, w.path("empty"), w.options(true)); !errors.Is(err, ErrNotRepository) {
		t.Errorf("a .git without objects: %v", err)
	}
}

// TestOpenForbidden: a .git that may not be read is not passed over for one further up.
func TestOpenForbidden(t *testing.T) {
	skipOnWindows(t)
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	w := newWorld(t)
	w.plain("r")
	w.plain("r/inner")
	if err := os.Chmod(w.path("r/inner/.git"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(w.path("r/inner/.git"), 0o700)
	if _, err := OpenWith(context.Background(), w.path("r/inner"), w.options(true)); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestUnborn(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.git(".", "init", "-q", "r")
		r := w.open("r", withGit)
		ctx := context.Background()
		s, err := r.State(ctx)
		if err != nil || !s.Unborn || s.Branch != "main" || s.Detached || s.Head.ID != "" {
			t.Errorf("state %+v, %v", s, err)
		}
		if _, err := r.TagPayload(ctx, spec("v1", "x")); !errors.Is(err, ErrNoCommits) {
			t.Errorf("tagging nothing: %v", err)
		}
		if _, err := r.Commit(ctx, "HEAD"); !errors.Is(err, ErrNoCommits) {
			t.Errorf("HEAD: %v", err)
		}
		if list, err := r.Subjects(ctx, "", 10); err != nil || len(list) != 0 {
			t.Errorf("subjects %v, %v", list, err)
		}
		if tags, err := r.Tags(ctx); err != nil || len(tags) != 0 {
			t.Errorf("tags %v, %v", tags, err)
		}
	})
}

func TestUnreadableHead(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		w.write("r/.git/HEAD", "this is no ref\n")
		if _, err := w.open("r", withGit).State(context.Background()); !errors.Is(err, ErrUnreadableHead) {
			t.Errorf("got %v", err)
		}
		w.write("r/.git/HEAD", strings.Repeat("ab", 20)+"\n")
		if _, err := w.open("r", withGit).State(context.Background()); !errors.Is(err, ErrUnreadableHead) {
			t.Errorf("HEAD at a missing commit: %v", err)
		}
	})
}

// TestChanged holds what clean means: tracked files only.
func TestChanged(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		r := w.open("r/sub", withGit)
		changed := func() []string {
			t.Helper()
			s, err := r.State(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return s.Changed
		}
		w.write("r/untracked.txt", "x")
		w.write("r/sub/new file", "x")
		if got := changed(); len(got) > 0 {
			t.Errorf("untracked files count: %q", got)
		}
		w.write("r/sub/dir/b.txt", "changed\n")
		if got := changed(); !slices.Equal(got, []string{"sub/dir/b.txt"}) {
			t.Errorf("modified: %q", got)
		}
		w.git("r", "checkout", "-q", "--", ".")
		w.git("r", "mv", "a.txt", "ä ö\".txt")
		if got := changed(); !slices.Equal(got, []string{"a.txt", "ä ö\".txt"}) {
			t.Errorf("renamed: %q", got)
		}
		w.git("r", "reset", "-q", "--hard")
		if err := os.Remove(w.path("r/a.txt")); err != nil {
			t.Fatal(err)
		}
		if got := changed(); !slices.Equal(got, []string{"a.txt"}) {
			t.Errorf("deleted: %q", got)
		}
		for i := range 70 {
			w.write("r/many/"+strings.Repeat("x", i+1), "x")
		}
		w.git("r", "add", "many")
		if got := changed(); len(got) != maxChanged {
			t.Errorf("%d changes listed", len(got))
		}
	})
}

// TestChangedAsGitSays: line endings, filters and submodules are judged as git status does.
func TestChangedAsGitSays(t *testing.T) {
	skipOnWindows(t)
	w := newWorld(t)
	w.plain("inner")
	w.plain("r")
	w.write("r/.gitattributes", "*.crlf text eol=crlf\n*.up filter=up\n")
	w.git("r", "config", "filter.up.clean", "tr a-z A-Z")
	w.git("r", "config", "filter.up.smudge", "tr A-Z a-z")
	w.write("r/x.crlf", "one\r\ntwo\r\n")
	w.write("r/y.up", "loud\n")
	w.git("r", "submodule", "--quiet", "add", w.path("inner"), "mod")
	w.git("r", "add", ".")
	w.git("r", "commit", "-qm", "filters")
	r := w.open("r", true)
	s, err := r.State(context.Background())
	if err != nil || len(s.Changed) != 0 {
		t.Fatalf("clean with filters: %q, %v", s.Changed, err)
	}
	w.write("r/mod/untracked", "x")
	if s, _ = r.State(context.Background()); len(s.Changed) != 0 {
		t.Errorf("untracked file in a submodule: %q", s.Changed)
	}
	w.write("r/mod/a.txt", "changed\n")
	if s, _ = r.State(context.Background()); !slices.Equal(s.Changed, []string{"mod"}) {
		t.Errorf("modified submodule: %q", s.Changed)
	}
	w.git("r", "config", "submodule.mod.ignore", "dirty")
	if s, _ = r.State(context.Background()); len(s.Changed) != 0 {
		t.Errorf("submodule.mod.ignore is not followed: %q", s.Changed)
	}
}
