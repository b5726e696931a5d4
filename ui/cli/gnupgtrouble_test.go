package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestBrokenGnuPG: a GnuPG that does not work stands in the way of nothing that does not need it, and is
// told.
func TestBrokenGnuPG(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the program that fails is a shell script")
	}
	p := newProject(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "gpgconf"), []byte("#!/bin/sh\necho 'gpgconf: fatal: no home' >&2\nexit 2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	code, out, errs := p.verify(p.path(p.artifact()))
	if code != 0 || !strings.Contains(errs, "warning: GnuPG does not work here") || !strings.Contains(errs, "no home") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}
