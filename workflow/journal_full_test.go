//go:build unix

package workflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// fullDisk is the journal's file on a disk with room for so many bytes.
type fullDisk struct {
	appender
	room int
}

func (f *fullDisk) Write(p []byte) (int, error) {
	n, err := f.appender.Write(p[:min(len(p), f.room)])
	f.room -= n
	if err == nil && n < len(p) {
		err = &os.PathError{Op: "write", Path: "the disk", Err: syscall.ENOSPC}
	}
	return n, err
}

// Wherever the disk is full, no half line stays, nothing follows it, and the journal can be read.
func TestJournalOnAFullDisk(t *testing.T) {
	b := newBench(t)
	plan := &Plan{Tag: "v1.0.0"}
	for room := range 400 {
		dir := t.TempDir()
		j, err := lockJournal(dir, b.world.Now)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(j.path(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, journalPerms)
		if err != nil {
			t.Fatal(err)
		}
		j.file = &fullDisk{f, room}
		written, err := 0, j.begin(plan, nil)
		for err == nil && written < 10 {
			written++
			err = j.append(entry{Type: entryStarted, Step: StepTag})
		}
		var trouble *JournalWriteError
		if !errors.As(err, &trouble) || trouble.Path != j.path() || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
		j.file.(*fullDisk).room = 1 << 20 // somebody made room: what was lost is not written after all
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				var refused *JournalWriteError
				if err := j.writing("x", "y"); !errors.As(err, &refused) {
					t.Errorf("room for %d bytes: a line followed: %v", room, err)
				}
			})
		}
		workers.Wait()
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(j.path())
		if err != nil || bytes.Count(data, []byte("\n")) != written || len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
			t.Fatalf("room for %d bytes: %d lines written, left %q, %v", room, written, data, err)
		}
		if entries, err := readJournal(j.path()); err != nil || len(entries) != written {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
	}
}

// A release whose journal finds no room stops there, and is resumed or taken back once there is:
// wherever in a line that was.
func TestReleaseOnAFullDisk(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	whole := func() int {
		b.leave(b.choices())
		data, err := os.ReadFile(filepath.Join(b.repo, ".git", journalDir, journalName))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.session().Abandon(ctx); err != nil {
			t.Fatal(err)
		}
		begin := bytes.IndexByte(data, '\n')
		if len(data) < begin+500 {
			t.Fatalf("a journal of %d bytes, the plan takes %d", len(data), begin)
		}
		return begin
	}()
	stopped := 0
	for i := range 12 {
		n := whole - 20 + 107*i
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			out, _ := b.child(killPlan{Choices: b.choices(), Room: uint64(n)})
			if !strings.Contains(out, (&JournalWriteError{Err: syscall.EFBIG}).Error()[:40]) {
				t.Skipf("something else found no room: %s", out)
			}
			stopped++
			u, err := b.session().Unfinished(ctx)
			if err != nil || (u == nil) != (n < whole) {
				t.Fatalf("unfinished: %+v, %v", u, err)
			}
			if u == nil {
				if left := b.made(); len(left) > 0 {
					t.Errorf("made without a journal: %v", left)
				}
				return
			}
			if i%2 == 0 {
				if res, err := b.session().Resume(ctx, Face{Ask: answer}); err != nil || !res.Good() {
					t.Fatalf("resumed: %v", err)
				}
				b.git("-C", b.repo, "tag", "-d", "v1.0.0")
				for _, f := range b.made() {
					if err := os.Remove(filepath.Join(b.repo, "dist", f)); err != nil {
						t.Fatal(err)
					}
				}
				return
			}
			if a, err := b.session().Abandon(ctx); err != nil || len(a.Kept) > 0 {
				t.Fatalf("taken back: %+v, %v", a, err)
			}
			if left := b.made(); len(left) > 0 || b.git("-C", b.repo, "tag") != "" {
				t.Errorf("left: %v", left)
			}
		})
	}
	if stopped < 6 {
		t.Errorf("the journal found no room %d times only", stopped)
	}
}

// A crash may leave a part of the last line: taking back drops it and works.
func TestTornJournalIsTakenBack(t *testing.T) {
	ctx := context.Background()
	for _, torn := range []string{`{"type":"wri`, "{", "\x00\x00\x00\x00", "\x00\x00\n", `{"type":"writing"` + "\n"} {
		t.Run(fmt.Sprintf("%q", torn), func(t *testing.T) {
			b := newBench(t)
			b.leave(b.choices())
			path := filepath.Join(b.repo, ".git", journalDir, journalName)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(data, torn...), 0o600); err != nil {
				t.Fatal(err)
			}
			if u, err := b.session().Unfinished(ctx); u == nil || err != nil {
				t.Fatalf("unfinished %v, %v", u, err)
			}
			if a, err := b.session().Abandon(ctx); err != nil || len(a.Kept) > 0 || len(a.Removed) != 7 {
				t.Fatalf("%+v, %v", a, err)
			}
		})
	}
}

// A line that is damaged before the last one is told by its place: nothing is guessed.
func TestDamagedJournal(t *testing.T) {
	b := newBench(t)
	b.leave(b.choices())
	path := filepath.Join(b.repo, ".git", journalDir, journalName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines[2] = append(lines[2][:10:10], lines[2]...)
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *JournalDamagedError
	if _, err := b.session().Abandon(context.Background()); !errors.As(err, &damaged) || damaged.Line != 3 || damaged.Path != path {
		t.Errorf("got %v", err)
	}
	if _, err := b.session().Resume(context.Background(), Face{}); !errors.As(err, &damaged) {
		t.Errorf("got %v", err)
	}
}
