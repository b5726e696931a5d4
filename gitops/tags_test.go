package gitops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestTags lists tags of every kind, both ways alike.
func TestTags(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	tagAt := func(unix int, args ...string) {
		t.Helper()
		if out, err := w.try("r", []string{fmt.Sprintf("GIT_COMMITTER_DATE=%d +0130", unix)}, append([]string{"tag"}, args...)...); err != nil {
			t.Fatalf("%v: %s", args, out)
		}
	}
	tagAt(1800000001, "-am", "one", "v1")
	tagAt(1800000009, "-am", "nested", "nested", "v1")
	tagAt(1800000008, "-am", "nested twice", "nested2", "nested")
	tagAt(1800000007, "-am", "of a tree", "tree", "HEAD^{tree}")
	tagAt(0, "light", "HEAD~1")
	tagAt(0, "lightblob", "HEAD:a.txt")
	tagAt(1800000005, "-am", "posing", "old")
	w.git("r", "update-ref", "refs/tags/posing", w.git("r", "rev-parse", "old"))
	w.git("r", "symbolic-ref", "refs/tags/symbolic", "refs/tags/v1")
	// A tag from before taggers were written, as v0.99 of git.
	old := fmt.Sprintf("object %s\ntype commit\ntag ancient\n\nno tagger\n", w.git("r", "rev-parse", "HEAD"))
	cmd := exec.Command("git", "hash-object", "-t", "tag", "-w", "--stdin", "--literally")
	cmd.Dir, cmd.Env, cmd.Stdin = w.path("r"), w.env, strings.NewReader(old)
	id, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	w.git("r", "update-ref", "refs/tags/ancient", strings.TrimSpace(string(id)))
	w.git("r", "pack-refs", "--all")
	w.git("r", "gc", "-q")

	head := w.git("r", "rev-parse", "HEAD")
	var lists [][]Tag
	both(t, func(t *testing.T, withGit bool) {
		r := w.open("r", withGit)
		tags, err := r.Tags(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, tags)
		by := map[string]Tag{}
		var order []string
		for _, tag := range tags {
			by[tag.Name] = tag
			order = append(order, tag.Name)
			if tag.Problem != nil {
				t.Errorf("%s: %v", tag.Name, tag.Problem)
			}
			if tag.ObjectID != w.git("r", "rev-parse", "refs/tags/"+tag.Name) {
				t.Errorf("%s is %s", tag.Name, tag.ObjectID)
			}
			one, err := r.Tag(context.Background(), tag.Name)
			if err != nil || fmt.Sprint(one) != fmt.Sprint(tag) {
				t.Errorf("alone %+v, %v; in the list %+v", one, err, tag)
			}
		}
		want := []string{"nested", "nested2", "tree", "posing", "old", "v1", "symbolic"}
		if len(order) != 10 || !slices.Equal(order[:5], want[:5]) {
			t.Errorf("order %q", order)
		}
		for name, c := range map[string]string{"v1": head, "nested": head, "nested2": head, "symbolic": head, "ancient": head, "tree": "", "lightblob": "", "light": w.git("r", "rev-parse", "HEAD~1")} {
			if by[name].CommitID != c {
				t.Errorf("%s peels to %q, want %q", name, by[name].CommitID, c)
			}
		}
		if p := by["posing"]; p.InnerName != "old" || p.Lightweight {
			t.Errorf("posing: %+v", p)
		}
		if l := by["light"]; !l.Lightweight || l.TargetType != "commit" || l.Date.IsZero() || l.Payload != nil {
			t.Errorf("light: %+v", l)
		}
		if b := by["lightblob"]; !b.Lightweight || b.TargetType != "blob" || !b.Date.IsZero() {
			t.Errorf("lightblob: %+v", b)
		}
		if a := by["ancient"]; a.Message != "no tagger\n" || a.Date.IsZero() || !a.Tagger.When.IsZero() {
			t.Errorf("ancient: %+v", a)
		}
		if n := by["nested"]; n.TargetType != "tag" || n.TargetID != by["v1"].ObjectID {
			t.Errorf("nested: %+v", n)
		}
	})
	if len(lists) == 2 && fmt.Sprint(lists[0]) != fmt.Sprint(lists[1]) {
		t.Error("git and go-git list different tags")
	}
}

func TestTagNotFound(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		w.git("r", "tag", "a/b")
		r := w.open("r", withGit)
		for _, name := range []string{"nope", "", "a", "../../HEAD", "a b", "-l", "HEAD"} {
			if _, err := r.Tag(context.Background(), name); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

// TestTagProblems: a tag that cannot be read is listed, and hides no other.
func TestTagProblems(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	w.git("r", "tag", "-am", "fine", "fine")
	put := func(name, content string) {
		cmd := exec.Command("git", "hash-object", "-t", "tag", "-w", "--stdin", "--literally")
		cmd.Dir, cmd.Env, cmd.Stdin = w.path("r"), w.env, strings.NewReader(content)
		id, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		// git itself would not point a ref at what it cannot parse.
		w.write("r/.git/refs/tags/"+name, string(id))
	}
	head := "object " + w.git("r", "rev-parse", "HEAD") + "\ntype commit\n"
	put("huge", head+"tag huge\n\n"+strings.Repeat("x\n", maxObject/2+1))
	put("nameless", head+"\nno name\n")
	both(t, func(t *testing.T, withGit bool) {
		tags, err := w.open("r", withGit).Tags(context.Background())
		if err != nil || len(tags) != 3 {
			t.Fatalf("%d tags, %v", len(tags), err)
		}
		for _, tag := range tags {
			var large *TooLargeError
			var malformed *MalformedError
			ok := map[string]bool{
				"fine": tag.Problem == nil, "huge": errors.As(tag.Problem, &large), "nameless": errors.As(tag.Problem, &malformed),
			}[tag.Name]
			if !ok {
				t.Errorf("%s: problem %v", tag.Name, tag.Problem)
			}
		}
	})
}

func TestHistory(t *testing.T) {
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		w.git("r", "tag", "-am", "x", "v1")
		for i := range 3 {
			if out, err := w.try("r", []string{fmt.Sprintf("GIT_COMMITTER_DATE=%d +0000", 1900000000+i)}, "commit", "-q", "--allow-empty", "-m", fmt.Sprintf("Change\n%d\n\nbody", i)); err != nil {
				t.Fatal(out)
			}
		}
		w.git("r", "branch", "v1", "HEAD~1") // a branch named as the tag must not be taken for it
		r := w.open("r", withGit)
		ctx := context.Background()
		list, err := r.Subjects(ctx, "v1", 10)
		if err != nil || len(list) != 3 || list[0].Subject != "Change 2" || list[2].Subject != "Change 0" {
			t.Errorf("since v1: %v, %v", list, err)
		}
		if list, err = r.Subjects(ctx, "", 4); err != nil || len(list) != 4 || list[3].Subject != "Second" {
			t.Errorf("the newest four: %v, %v", list, err)
		}
		if _, err = r.Subjects(ctx, "nope", 4); !errors.Is(err, ErrNotFound) {
			t.Errorf("since nowhere: %v", err)
		}
		id, typ, err := r.Resolve(ctx, "refs/tags/v1")
		if err != nil || typ != "tag" || id != w.git("r", "rev-parse", "refs/tags/v1") {
			t.Errorf("resolve: %s %s %v", id, typ, err)
		}
		c, err := r.Commit(ctx, "refs/tags/v1")
		if err != nil || c.ID != w.git("r", "rev-parse", "refs/tags/v1^{commit}") || c.Message != "Second\n\nwith a body\n" {
			t.Errorf("commit of a tag: %+v, %v", c, err)
		}
		if withGit {
			if _, err := r.Commit(ctx, "HEAD^{tree}"); !errors.Is(err, ErrNotFound) {
				t.Errorf("a tree as a commit: %v", err)
			}
		}
	})
}

func TestReadFile(t *testing.T) {
	skipOnWindows(t)
	both(t, func(t *testing.T, withGit bool) {
		w := newWorld(t)
		w.plain("r")
		w.write("r/-x *?.txt", "odd name\n")
		if out, err := exec.Command("ln", "-s", "/etc/passwd", w.path("r/link")).CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
		w.git("r", "add", ".")
		w.git("r", "commit", "-qm", "Third")
		r := w.open("r/sub", withGit)
		for path, want := range map[string]string{"a.txt": "one and a half\n", "sub/dir/b.txt": "two\n", "./sub//dir/b.txt": "two\n", "-x *?.txt": "odd name\n"} {
			got, err := r.ReadFile(context.Background(), "HEAD", path)
			if err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", path, got, err)
			}
		}
		if got, err := r.ReadFile(context.Background(), "HEAD~2", "a.txt"); err != nil || string(got) != "one\n" {
			t.Errorf("older: %q, %v", got, err)
		}
		for _, path := range []string{"nope", "", "sub", "link", "../a.txt", "/a.txt", "*.txt", "a.txt/x", ":(top)a.txt", "a.txt\x00"} {
			if got, err := r.ReadFile(context.Background(), "HEAD", path); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %q, %v", path, got, err)
			}
		}
	})
}

// importTags makes n signed-looking tags over n commits by git fast-import.
func importTags(w *world, dir string, n int) {
	w.t.Helper()
	w.git(".", "init", "-q", dir)
	pr, pw := io.Pipe()
	go func() {
		for i := range n {
			fmt.Fprintf(pw, "commit refs/heads/main\nmark :%d\ncommitter Ann <ann@example.org> %d +0000\ndata 5\nhello\n", i+1, 1700000000+i)
			message := fmt.Sprintf("Release %d\n\n%s\n%s", i, strings.Repeat("What is new. ", 40), fakeSignature)
			fmt.Fprintf(pw, "tag v1.%d\nfrom :%d\ntagger Ann <ann@example.org> %d +0000\ndata %d\n%s\n", i, i+1, 1700000000+i, len(message), message)
		}
		pw.Close()
	}()
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Env, cmd.Stdin = w.path(dir), w.env, pr
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}

// TestThousandTags reads a long history whole, both ways.
func TestThousandTags(t *testing.T) {
	w := newWorld(t)
	importTags(w, "r", 1000)
	both(t, func(t *testing.T, withGit bool) {
		tags, err := w.open("r", withGit).Tags(context.Background())
		if err != nil || len(tags) != 1000 {
			t.Fatalf("%d tags, %v", len(tags), err)
		}
		for i, tag := range tags {
			if want := fmt.Sprintf("v1.%d", 999-i); tag.Name != want || tag.InnerName != want || string(tag.Signature) != fakeSignature || tag.CommitID == "" {
				t.Fatalf("tag %d: %+v", i, tag)
			}
		}
	})
}

// BenchmarkTags reads 1,000 tags with messages and signatures.
func BenchmarkTags(b *testing.B) {
	w := newWorld(b)
	importTags(w, "r", 1000)
	for _, withGit := range []bool{true, false} {
		r := w.open("r", withGit)
		b.Run(fmt.Sprintf("git=%v", withGit), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if tags, err := r.Tags(context.Background()); err != nil || len(tags) != 1000 {
					b.Fatal(len(tags), err)
				}
			}
		})
	}
}

// BenchmarkState reads the state of a small repository, as the first screen does.
func BenchmarkState(b *testing.B) {
	w := newWorld(b)
	w.plain("r")
	r := w.open("r", true)
	for b.Loop() {
		if _, err := r.State(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
