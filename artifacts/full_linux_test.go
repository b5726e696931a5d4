package artifacts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk that is really full: a tiny file system that only the child sees.
func TestSignOnFullDisk(t *testing.T) {
	if !child(t, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}) {
		return
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("no file system may be mounted: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := defaultSigner(t)
	for _, n := range []string{"a", "b", "c"} {
		write(t, filepath.Join(dir, n), n)
	}
	files := find(t, dir, "?")
	fill, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer fill.Close()
	o := s.options()
	o.Workers = 1
	page := make([]byte, 4096)
	o.Progress = func(p Progress) {
		for err == nil && p.Files == 1 { // after the first file is done
			_, err = fill.Write(page)
		}
	}
	signed, serr := Sign(t.Context(), files, o)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk did not fill up: %v", err)
	}
	if !errors.Is(serr, syscall.ENOSPC) || !strings.Contains(serr.Error(), files[1].SignaturePath()) {
		t.Errorf("got %v", serr)
	}
	if len(signed) != 1 || signed[0].Name != "a" {
		t.Errorf("what is done was not returned: %+v", signed)
	}
	absent(t, files[1].SignaturePath())
	noTemps(t, dir)
}
