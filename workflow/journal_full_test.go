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
	"syscall"
	"testing"

	"bulla/workflow/journal"
)

// A release whose journal finds no room stops there, and is resumed or taken back once there is:
// wherever in a line that was.
func TestReleaseOnAFullDisk(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	whole := func() int {
		b.leave(b.choices())
		data, err := os.ReadFile(journal.Path(filepath.Join(b.repo, ".git")))
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
			if !strings.Contains(out, (&journal.WriteError{Err: syscall.EFBIG}).Error()[:40]) {
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
			path := journal.Path(filepath.Join(b.repo, ".git"))
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
	path := journal.Path(filepath.Join(b.repo, ".git"))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines[2] = append(lines[2][:10:10], lines[2]...)
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *journal.DamagedError
	if _, err := b.session().Abandon(context.Background()); !errors.As(err, &damaged) || damaged.Line != 3 || damaged.Path != path {
		t.Errorf("got %v", err)
	}
	if _, err := b.session().Resume(context.Background(), Face{}); !errors.As(err, &damaged) {
		t.Errorf("got %v", err)
	}
}
