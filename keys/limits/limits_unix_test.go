//go:build unix

package limits

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is no file is refused, and nothing waits for its other end or reads without end.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // the path of a socket is bounded
	pipe, folder := filepath.Join(dir, "pipe"), filepath.Join(dir, "folder")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Mkdir(folder, 0o700), os.Symlink("/dev/zero", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for path, kind := range map[string]string{pipe: "a named pipe", "socket": "a socket", folder: "a folder", "/dev/zero": "a device", filepath.Join(dir, "link"): "a device"} {
		var special *NotRegularError
		if _, err := ReadFile(path, 10); !errors.As(err, &special) || special.Path != path || special.Kind() != kind {
			t.Errorf("%s: %v", path, err)
		}
	}
	var special *NotRegularError
	if _, _, err := OpenIn(root, "pipe", "P"); !errors.As(err, &special) || special.Path != "P" {
		t.Errorf("in a folder: %v", err)
	}
	// A pipe that takes the file's place between the look and the open does not hang the open.
	regular := filepath.Join(dir, "regular")
	if err := os.WriteFile(regular, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = open(pipe, func() (fs.FileInfo, error) { return os.Stat(regular) }, func() (*os.File, error) { return os.OpenFile(pipe, openFlags, 0) })
	if !errors.As(err, &special) {
		t.Errorf("a pipe in the last moment: %v", err)
	}
}

// A file whose size is not told, as those of /proc, is read within the limit all the same.
func TestSizeIsNotTold(t *testing.T) {
	const path = "/proc/self/status"
	if _, err := os.Stat(path); err != nil {
		t.Skip("this system has no such file")
	}
	if data, err := ReadFile(path, 1<<20); err != nil || len(data) == 0 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := ReadFile(path, 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("longer than the limit: %v", err)
	}
}
