//go:build unix

package gitops

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const roomVariable = "BULLA_TEST_ROOM"

// TestTagWithoutRoom is the child of TestFullDiskLeavesNothing: it tags in the repository that the
// variable names, where no file may grow beyond a few bytes, as on a full disk.
func TestTagWithoutRoom(t *testing.T) {
	dir := os.Getenv(roomVariable)
	if dir == "" {
		return // nothing to test by itself
	}
	ctx := context.Background()
	r, err := OpenWith(ctx, dir, Options{Environ: os.Environ(), LookPath: func(string) (string, error) { return "", exec.ErrNotFound }})
	if err != nil {
		t.Fatal(err)
	}
	s := spec("v1", "m")
	payload, err := r.TagPayload(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	setTo(&limit.Cur, 40)
	setTo(&limit.Max, 40)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	_, err = r.CreateTag(ctx, s, payload, []byte(fakeSignature))
	fmt.Println("the error is", err)
}

// setTo sets a number whose type the systems do not agree on.
func setTo[T int64 | uint64](p *T, n uint64) { *p = T(n) }

// A tag that found no room on the disk leaves no half of it.
func TestFullDiskLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	cmd := exec.Command(os.Args[0], "-test.run=^TestTagWithoutRoom$", "-test.v")
	cmd.Env = append(os.Environ(), roomVariable+"="+w.path("r"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "storing the tag object") || !strings.Contains(string(out), "file too large") {
		t.Fatalf("%v\n%s", err, out)
	}
	w.noTemps("r")
}

// Nor does one whose folder cannot be made.
func TestNoFolderLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.plain("r")
	r := w.open("r", false)
	ctx := context.Background()
	for i := range 300 { // each id begins with another byte: one that no object has yet
		s := spec("v1", fmt.Sprint("m", i))
		payload, err := r.TagPayload(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		id := w.hashTag(append(append([]byte{}, payload...), fakeSignature...))
		folder := w.path("r/.git/objects/" + id[:2])
		if _, err := os.Stat(folder); err == nil {
			continue
		}
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.CreateTag(ctx, s, payload, []byte(fakeSignature)); err == nil || !strings.Contains(err.Error(), "storing the tag object") {
			t.Fatalf("got %v", err)
		}
		w.noTemps("r")
		return
	}
	t.Fatal("every folder is there")
}

// hashTag is the id that git gives a tag object.
func (w *world) hashTag(raw []byte) string {
	w.t.Helper()
	w.write("raw", string(raw))
	return w.git("r", "hash-object", "-t", "tag", "--literally", w.path("raw"))
}

func (w *world) noTemps(dir string) {
	w.t.Helper()
	left, err := filepath.Glob(w.path(dir + "/.git/objects/*/tmp_obj_*"))
	if err != nil || len(left) > 0 {
		w.t.Errorf("left: %v, %v", left, err)
	}
}
