//go:build !windows

package artifacts

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// inChild names the environment variable that tells a test that it runs in a child process.
const inChild = "BULLA_ARTIFACTS_CHILD"

// child runs the calling test again in a process of its own, where it may give up rights or
// limit itself, and reports whether this is that process. configure may change how it starts.
func child(t *testing.T, configure func(*exec.Cmd)) bool {
	t.Helper()
	if os.Getenv(inChild) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inChild+"=1", "TMPDIR="+os.TempDir())
	if configure != nil {
		configure(cmd)
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOSPC):
		t.Skip("the system does not allow the child: ", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skip(string(out))
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("the child did not run the test:\n%s", out)
	}
	return false
}

// dropRights makes the process an ordinary user, for root may do everything.
func dropRights(t *testing.T) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ba")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	const nobody = 65534
	if err := errors.Join(os.Chown(dir, nobody, nobody), syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if _, err := os.ReadDir(dir); err != nil {
		t.Skip("the temporary folder is closed to other users: ", err)
	}
	return dir
}

func TestSignWithoutRights(t *testing.T) {
	if !child(t, nil) {
		return
	}
	dir := dropRights(t)
	s := defaultSigner(t)
	for _, n := range []string{"open/a", "open/secret", "shut/b"} {
		write(t, filepath.Join(dir, n), n)
	}
	chmod := func(name string, mode fs.FileMode) {
		t.Helper()
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}

	// A file that may not be read.
	chmod("open/secret", 0)
	files := find(t, dir, "open/*")
	o := s.options()
	o.Workers = 1
	signed, err := Sign(t.Context(), files, o)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), files[1].Path) {
		t.Errorf("unreadable file: %v", err)
	}
	if len(signed) != 1 || signed[0].Name != "open/a" {
		t.Errorf("what is done was not returned: %+v", signed)
	}
	if _, err := Verify(t.Context(), files[1].Path, "", s.judge(t)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("verify: %v", err)
	}

	// A folder that may not be written to: found before anything is signed.
	chmod("shut", 0o555)
	files = find(t, dir, "shut/b", "open/secret")
	chmod("open/secret", 0o644)
	signed, err = Sign(t.Context(), files, o)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), filepath.Join(dir, "shut")) || len(signed) != 0 {
		t.Errorf("read-only folder: %+v, %v", signed, err)
	}
	absent(t, filepath.Join(dir, "open", "secret.asc"))
	one := []Signed{{File: File{Path: filepath.Join(dir, "shut", "b")}, SHA256: hexA}}
	_, err = WriteChecksums(t.Context(), filepath.Join(dir, "shut"), one, o)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), filepath.Join(dir, "shut", SHA256Name)) {
		t.Errorf("checksums into a read-only folder: %v", err)
	}

	// A folder that may not be looked into is no empty folder.
	chmod("shut", 0)
	defer chmod("shut", 0o755)
	for _, glob := range []string{"shut/*", "shut/b", "**/b"} {
		if _, err := Find(t.Context(), dir, []string{glob}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), filepath.Join(dir, "shut")) {
			t.Errorf("%q: %v", glob, err)
		}
	}
}

// limitFiles makes files longer than n bytes impossible until the test ends, as a full disk does.
func limitFiles(t *testing.T, n uint64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) })
}

func TestSignWithoutRoom(t *testing.T) {
	if !child(t, nil) {
		return
	}
	dir := tree(t, "a", "b")
	s := defaultSigner(t)
	files := find(t, dir, "*")
	o := s.options()
	o.Workers = 1
	first := mustSign(t, files[:1], o)
	limitFiles(t, 100)
	signed, err := Sign(t.Context(), files, o)
	if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), files[1].SignaturePath()) {
		t.Errorf("got %v", err)
	}
	if len(signed) != 1 || !signed[0].Kept {
		t.Errorf("what is done was not returned: %+v", signed)
	}
	absent(t, files[1].SignaturePath())
	if paths, err := WriteChecksums(t.Context(), dir, append(first, Signed{File: files[1], SHA256: hexA}), o); !errors.Is(err, syscall.EFBIG) || len(paths) != 0 {
		t.Errorf("checksums: %q, %v", paths, err)
	}
	absent(t, filepath.Join(dir, SHA256Name))
	noTemps(t, dir)
}

// A name that leaves no room for .asc is told before anything is signed; the longest that does is signed.
func TestSignLongNames(t *testing.T) {
	dir := t.TempDir()
	s := newSigner(t, "ed25519", nil)
	long := strings.Repeat("n", 251)
	for _, name := range []string{long, "plain.zip"} {
		write(t, filepath.Join(dir, name), "x")
	}
	mustSign(t, find(t, dir, "*"), s.options())
	noTemps(t, dir)

	write(t, filepath.Join(dir, "other.zip"), "x")
	write(t, filepath.Join(dir, long+"g"), "x")
	var tooLong *NameTooLongError
	files := find(t, dir, "*")
	if done, err := Sign(t.Context(), files, s.options()); !errors.As(err, &tooLong) || len(done) > 0 {
		t.Fatalf("%v, %v", done, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other.zip.asc")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("signed all the same: %v", err)
	}
	if _, err := Inspect(t.Context(), files[slices.IndexFunc(files, func(f File) bool { return f.Base() == long+"g" })], s.Key(), nil, s.options().Now()); !errors.As(err, &tooLong) {
		t.Errorf("%v", err)
	}
	o := s.options()
	o.ListOnly = true // no signature is made
	if signed := mustSign(t, files, o); len(signed) != len(files) {
		t.Errorf("%d listed", len(signed))
	}
}

func TestSignSpecialFiles(t *testing.T) {
	dir, err := os.MkdirTemp("", "ba") // short: the path of a socket may have 104 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	pipe, socket, folder := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "folder")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := defaultSigner(t)
	for path, kind := range map[string]string{pipe: "a named pipe", socket: "a socket", folder: "a folder", os.DevNull: "a device"} {
		check := func(what string, err error) {
			t.Helper()
			var special *NotRegularError
			if !errors.As(err, &special) || special.Path != path || special.Kind() != kind {
				t.Errorf("%s %s: %v", what, path, err)
			}
		}
		_, err := Find(t.Context(), dir, []string{path})
		check("find", err)
		_, err = Sign(t.Context(), []File{{Path: path}}, s.options())
		check("sign", err)
		_, err = Verify(t.Context(), path, "", s.judge(t))
		check("verify", err)
		check("read", pathSource(path).feed(t.Context(), newStates(nil), quietly))
	}
	var special *NotRegularError
	if _, err := Find(t.Context(), dir, []string{"*"}); !errors.As(err, &special) {
		t.Errorf("among the matches of a wildcard: %v", err)
	}
	regular := filepath.Join(dir, "regular")
	write(t, regular, "x")
	// Likewise one that stands where a signature belongs.
	if err := syscall.Mkfifo(regular+".asc", 0o600); err != nil {
		t.Fatal(err)
	}
	var exists *SignatureExistsError
	if _, err := Sign(t.Context(), []File{{Path: regular}}, s.options()); !errors.As(err, &exists) || exists.State != StateUnreadable {
		t.Errorf("a pipe as signature: %v", err)
	}
}
