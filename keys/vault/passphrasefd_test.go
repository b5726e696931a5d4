//go:build unix

package vault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inherited is a descriptor that no os.File closes behind our back.
func inherited(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return fd
}

func pipeWith(t *testing.T, content string) int {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = w.WriteString(content); _ = w.Close() }()
	return inherited(t, r)
}

func TestReadPassphraseFD(t *testing.T) {
	long := strings.Repeat("x", MaxPassphrase)
	for in, want := range map[string]string{
		"": "", "\n": "", "\r\n": "", "pass": "pass", "pass\n": "pass", "pass\r\n": "pass",
		"pass\n\n": "pass\n", "pass\r": "pass\r", " a b \n": " a b ", "a\nb": "a\nb", "p\xff\x00w": "p\xff\x00w",
		long: long, long + "\n": long, long + "\r\n": long,
	} {
		fd := pipeWith(t, in)
		s, err := ReadPassphraseFD(fd)
		if err != nil {
			t.Fatalf("%.20q: %v", in, err)
		}
		if got := reveal(t, s); got != want {
			t.Errorf("%.20q gives %.20q", in, got)
		}
		if s.IsZero() {
			t.Errorf("%.20q gives no secret", in)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			t.Error("the descriptor is still open")
		}
	}
	file := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(file, []byte("pass\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ReadPassphraseFD(inherited(t, f)); err != nil || reveal(t, s) != "pass" {
		t.Error(err)
	}
}

func TestReadPassphraseFDRefuses(t *testing.T) {
	for _, tail := range []string{"", "\n", "\r\n", strings.Repeat("y", 1<<16)} {
		_, err := ReadPassphraseFD(pipeWith(t, canary+strings.Repeat("x", MaxPassphrase)+tail))
		wantErr(t, err, ErrTooBig)
	}
	for _, in := range []string{strings.Repeat("x", MaxPassphrase+1), strings.Repeat("x", MaxPassphrase+2), strings.Repeat("x", MaxPassphrase+1) + "\n"} {
		_, err := ReadPassphraseFD(pipeWith(t, in))
		wantErr(t, err, ErrTooBig)
	}
	for _, fd := range []int{-1, 1 << 20} {
		if _, err := ReadPassphraseFD(fd); err == nil {
			t.Errorf("read from %d", fd)
		}
	}
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fd := inherited(t, dir)
	if _, err := ReadPassphraseFD(fd); err == nil || !strings.Contains(err.Error(), "neither a pipe nor a file") {
		t.Error(err)
	}
	if err := unix.Close(fd); err != nil {
		t.Error("closed what was not handed over:", err)
	}
}
