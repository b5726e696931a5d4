//go:build unix

package journal

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
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
	plan := &release{Tag: "v1.0.0"}
	for room := range 400 {
		dir := t.TempDir()
		j, err := Lock[*release](dir, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(j.path(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, perms)
		if err != nil {
			t.Fatal(err)
		}
		j.file = &fullDisk{f, room}
		written, err := 0, j.Begin(plan, nil)
		for err == nil && written < 10 {
			written++
			err = j.Append(Entry[*release]{Kind: Started, Step: "tag"})
		}
		var trouble *WriteError
		if !errors.As(err, &trouble) || trouble.Path != j.path() || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
		j.file.(*fullDisk).room = 1 << 20 // somebody made room: what was lost is not written after all
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				if _, ok := errors.AsType[*WriteError](j.Writing("x", "y")); !ok {
					t.Errorf("room for %d bytes: a line followed", room)
				}
			})
		}
		workers.Wait()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(j.path())
		if err != nil || bytes.Count(data, []byte("\n")) != written || len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
			t.Fatalf("room for %d bytes: %d lines written, left %q, %v", room, written, data, err)
		}
		if entries, err := read[*release](j.path()); err != nil || len(entries) != written {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
	}
}
