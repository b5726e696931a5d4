package gitops

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"
)

// clock is the moment at which tests tag.
var clock = time.Date(2026, 11, 22, 10, 30, 0, 0, time.FixedZone("", 5400))

// world is a home without the user's configuration, in which the real git judges.
type world struct {
	t   testing.TB
	dir string // holds the repositories
	env []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	keystest.Peer(t, "git")
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, env: []string{
		"HOME=" + home, "USERPROFILE=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
		"SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "TZ=UTC",
	}}
	w.write("home/.gitconfig", "[user]\n\tname = Ann Example\n\temail = ann@example.org\n[init]\n\tdefaultBranch = main\n[protocol \"file\"]\n\tallow = always\n")
	return w
}

func (w *world) path(p string) string { return filepath.Join(w.dir, filepath.FromSlash(p)) }

func (w *world) write(path, content string) {
	w.t.Helper()
	p := w.path(path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// try runs git in a folder of the world.
func (w *world) try(dir string, env []string, args ...string) (string, error) {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.path(dir)
	cmd.Env = append(append([]string{}, w.env...), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.try(dir, nil, args...)
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

// plain makes a repository with two commits.
func (w *world) plain(dir string, initArgs ...string) {
	w.t.Helper()
	w.git(".", append(append([]string{"init", "-q"}, initArgs...), dir)...)
	w.write(dir+"/a.txt", "one\n")
	w.write(dir+"/sub/dir/b.txt", "two\n")
	w.git(dir, "add", ".")
	w.git(dir, "commit", "-qm", "First")
	w.write(dir+"/a.txt", "one and a half\n")
	w.git(dir, "commit", "-qam", "Second\n\nwith a body")
}

// options opens a repository of the world, with or without a git program.
func (w *world) options(withGit bool, env ...string) Options {
	o := Options{Environ: append(append([]string{}, w.env...), env...), Now: func() time.Time { return clock }}
	if !withGit {
		o.LookPath = func(string) (string, error) { return "", exec.ErrNotFound }
	}
	return o
}

func (w *world) open(dir string, withGit bool, env ...string) *Repo {
	w.t.Helper()
	r, err := OpenWith(context.Background(), w.path(dir), w.options(withGit, env...))
	if err != nil {
		w.t.Fatalf("open %s: %v", dir, err)
	}
	return r
}

// both runs a test with and without the git program.
func both(t *testing.T, f func(t *testing.T, withGit bool)) {
	for _, withGit := range []bool{true, false} {
		t.Run(fmt.Sprintf("git=%v", withGit), func(t *testing.T) { f(t, withGit) })
	}
}

// gpgHome makes a GnuPG home with one key.
func gpgHome(t testing.TB) string {
	t.Helper()
	home := keystest.GnuPGHome(t)
	if _, stderr, err := keystest.GPG(t, home, nil, "--passphrase", "", "--quick-generate-key", "Ann <ann@example.org>", "ed25519", "sign", "never"); err != nil {
		t.Fatalf("gpg: %v\n%s", err, stderr)
	}
	return home
}

func gpgSign(t testing.TB, home string, payload []byte) []byte {
	t.Helper()
	out, stderr, err := keystest.GPG(t, home, payload, "--armor", "--detach-sign")
	if err != nil {
		t.Fatalf("gpg: %v\n%s", err, stderr)
	}
	return []byte(out)
}

// gpgVerified lets gpg judge a detached signature.
func gpgVerified(t testing.TB, home string, payload, signature []byte) bool {
	t.Helper()
	dir := t.TempDir()
	sig, data := filepath.Join(dir, "s.asc"), filepath.Join(dir, "data")
	for p, b := range map[string][]byte{sig: signature, data: payload} {
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return keystest.HasStatus(keystest.GPGStatus(t, home, sig, data), "GOODSIG")
}

// fakeSignature has the form of a signature where no tool judges it.
const fakeSignature = "-----BEGIN PGP SIGNATURE-----\n\niHUEABYI\n=abcd\n-----END PGP SIGNATURE-----\n"

func spec(name, message string) TagSpec {
	return TagSpec{Name: name, Message: message, Tagger: Ident{Name: "Ann Example", Email: "ann@example.org", When: clock}}
}

// tagWith makes a tag with a signature of the right form.
func tagWith(t testing.TB, r *Repo, s TagSpec, signature string) Tag {
	t.Helper()
	payload, err := r.TagPayload(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := r.CreateTag(context.Background(), s, payload, []byte(signature))
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func skipOnWindows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a unix shell")
	}
}
