package gitops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTreeAndBlobs(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) { testTreeAndBlobs(t, format) })
	}
}

func testTreeAndBlobs(t *testing.T, format string) {
	skipOnWindows(t)
	ctx := context.Background()
	w := newWorld(t)
	w.plain("r", "--object-format="+format)
	w.write("r/run \"me\".sh", "#!/bin/sh\n")
	if err := os.Chmod(w.path("r/run \"me\".sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.txt", w.path("r/link")); err != nil {
		t.Fatal(err)
	}
	w.write("r/large", strings.Repeat("x", 5000))
	w.git("r", "add", ".")
	w.git("r", "update-index", "--add", "--cacheinfo", "160000,"+w.git("r", "rev-parse", "HEAD")+",module")
	w.git("r", "commit", "-qm", "Third")
	both(t, func(t *testing.T, withGit bool) {
		if !withGit && format == "sha256" {
			return // go-git reads no SHA-256 objects: that it says so is tested elsewhere
		}
		r := w.open("r", withGit)
		list, err := r.Tree(ctx, "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		var got, ids []string
		for _, e := range list {
			got = append(got, fmt.Sprintf("%o %d %s", e.Mode, e.Size, e.Path))
			if e.Mode != ModeSubmodule {
				ids = append(ids, e.ID)
			}
			if want := w.git("r", "rev-parse", "HEAD:"+e.Path); e.ID != want {
				t.Errorf("%q is %s, git says %s", e.Path, e.ID, want)
			}
		}
		slices.Sort(got)
		want := []string{"100644 15 a.txt", "100644 4 sub/dir/b.txt", "100644 5000 large", "100755 10 run \"me\".sh", "120000 5 link", "160000 0 module"}
		if !slices.Equal(got, want) {
			t.Errorf("tree %q, want %q", got, want)
		}
		seen := 0
		err = r.EachBlob(ctx, ids, 4096, func(i int, data []byte) error {
			seen++
			if data == nil {
				return nil // the large one
			}
			h := r.NewBlobHash(int64(len(data)))
			h.Write(data)
			if id := BlobID(h); id != ids[i] {
				t.Errorf("blob %d hashes to %s, want %s", i, id, ids[i])
			}
			return nil
		})
		if err != nil || seen != len(ids) {
			t.Errorf("%d blobs, %v", seen, err)
		}
		if err := r.EachBlob(ctx, []string{strings.Repeat("1", len(ids[0]))}, 4096, func(int, []byte) error { return nil }); err == nil {
			t.Error("a missing blob was read")
		}
	})
}

// testdata/sha1-collision is the first message of https://sha-mbles.github.io (2020), which shares
// its SHA-1 with a second one. A plain SHA-1 would not see that a file was exchanged for its twin.
func TestBlobHashNoticesCollision(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "sha1-collision"))
	if err != nil {
		t.Fatal(err)
	}
	r := &Repo{format: formatSHA1}
	h := r.NewBlobHash(int64(len(data)))
	h.Reset() // the attack is on the file, not on the blob with its header
	h.Write(data)
	if id := BlobID(h); id != "" {
		t.Errorf("collided to %s", id)
	}
	data[0] ^= 1
	h.Reset()
	h.Write(data)
	if id := BlobID(h); len(id) != 40 {
		t.Errorf("a file like others has the id %q", id)
	}
}

func TestEachCommit(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.plain("r")
	w.git("r", "tag", "-am", "one", "v1")
	for i := range 3 {
		w.write("r/a.txt", fmt.Sprint(i))
		w.git("r", "commit", "-qam", fmt.Sprintf("Change %d", i))
	}
	both(t, func(t *testing.T, withGit bool) {
		r := w.open("r", withGit)
		var subjects []string
		collect := func(c Commit, err error) error {
			if err != nil {
				t.Error(err)
			}
			subjects = append(subjects, c.Subject)
			return nil
		}
		if err := r.EachCommit(ctx, "HEAD", "v1", 3, collect); err != nil {
			t.Fatal(err)
		}
		if want := []string{"Change 2", "Change 1", "Change 0"}; !slices.Equal(subjects, want) {
			t.Errorf("%q, want %q", subjects, want)
		}
		var large *TooLargeError
		if err := r.EachCommit(ctx, "HEAD", "v1", 2, collect); !errors.As(err, &large) || len(subjects) != 3 {
			t.Errorf("over the limit: %v after %d", err, len(subjects))
		}
		subjects = nil
		if err := r.EachCommit(ctx, "HEAD", "", 10, collect); err != nil || len(subjects) != 5 {
			t.Errorf("all: %q, %v", subjects, err)
		}
		if err := r.EachCommit(ctx, "no-such", "", 10, collect); !errors.Is(err, ErrNotFound) {
			t.Errorf("missing: %v", err)
		}
	})
}
