package workflow

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"bulla/docker"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/world"
)

const testPassphrase = "CANARY-correct-horse"

// bench is a repository with built files and a world with one key, as a release manager has them.
type bench struct {
	t     *testing.T
	dir   string // everything
	repo  string
	world *world.World
	key   keys.Key
}

func answer(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
	return keys.NewSecret([]byte(testPassphrase)), nil
}

// openWorld opens bulla's own places below dir, without GnuPG and keychain.
func openWorld(dir string) (*world.World, error) {
	return world.New(context.Background(), world.Options{
		Home: filepath.Join(dir, "home"), NoGnuPG: true, NoKeychain: true,
		Registry: docker.Options{Keychain: authn.NewMultiKeychain()},
		Env:      func(string) string { return "" }, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
	})
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// Neither the user's git configuration nor their GnuPG may reach into a test.
	t.Setenv("HOME", filepath.Join(dir, "nobody"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "nobody"))
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GNUPGHOME", filepath.Join(dir, "no-gnupg"))
	b := &bench{t: t, dir: dir, repo: filepath.Join(dir, "widget")}
	if b.world, err = openWorld(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.world.Close)
	g, err := b.world.Store.Generate(context.Background(), store.GenerateParams{
		Name: "Rhea Release", Email: "rhea@example.org", Algorithm: "ed25519", Lifetime: 365 * 24 * time.Hour,
		Passphrase: keys.NewSecret([]byte(testPassphrase)),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.key = g.Key
	b.git("init", "-q", "-b", "main", b.repo)
	b.git("-C", b.repo, "config", "user.name", "Rhea Release")
	b.git("-C", b.repo, "config", "user.email", "rhea@example.org")
	b.write("README", "widget\n")
	b.commit("Begin the widget")
	b.write("dist/widget-1.0.0.tar.gz", strings.Repeat("tar", 1000))
	b.write("dist/widget_1.0.0_amd64.deb", strings.Repeat("deb", 1000))
	return b
}

func (b *bench) git(args ...string) string {
	b.t.Helper()
	out, err := exec.Command("git", args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (b *bench) write(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.repo, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) commit(subject string) {
	b.t.Helper()
	b.git("-C", b.repo, "add", "README")
	b.git("-C", b.repo, "commit", "-q", "-m", subject)
}

func (b *bench) session() *Session {
	b.t.Helper()
	s, err := Open(context.Background(), b.world, b.repo)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) choices() Choices {
	return Choices{Version: "1.0.0", Key: string(b.key.Fingerprint), Artifacts: []string{"dist/*"}}
}

// release performs a whole release that must succeed.
func (b *bench) release(c Choices) *Result {
	b.t.Helper()
	s := b.session()
	plan, err := s.Plan(context.Background(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := s.Run(context.Background(), plan, Face{Ask: answer})
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

// refused expects preflight to refuse with the rule.
func (b *bench) refused(c Choices, rule finding.Rule) *RefusedError {
	b.t.Helper()
	_, err := b.session().Plan(context.Background(), c)
	e, ok := err.(*RefusedError)
	if !ok {
		b.t.Fatalf("got %v, want a refusal by %s", err, rule)
	}
	for _, f := range e.Errors() {
		if f.Rule == rule {
			return e
		}
	}
	b.t.Fatalf("refused by %+v, want %s", e.Errors(), rule)
	return nil
}

// files lists what is in dist, without the artifacts.
func (b *bench) made() []string {
	b.t.Helper()
	entries, err := os.ReadDir(filepath.Join(b.repo, "dist"))
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".gz") && !strings.HasSuffix(e.Name(), ".deb") {
			out = append(out, e.Name())
		}
	}
	return out
}

// clean removes what an earlier release left in dist, as a new build would.
func (b *bench) clean() {
	b.t.Helper()
	for _, name := range b.made() {
		if err := os.Remove(filepath.Join(b.repo, "dist", name)); err != nil {
			b.t.Fatal(err)
		}
	}
}

// registry starts a registry with the sample image acme/widget:1.0.0, and makes a key for images.
func (b *bench) registry() (*loopback.Registry, images.Key) {
	b.t.Helper()
	reg, err := loopback.Start(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(reg.Close)
	if _, err := reg.PushSample(b.t.Context(), "acme/widget", "1.0.0"); err != nil {
		b.t.Fatal(err)
	}
	key, err := images.KeysOf(b.world).Generate(b.t.Context(), "release", keys.NewSecret([]byte(testPassphrase)))
	if err != nil {
		b.t.Fatal(err)
	}
	return reg, key
}

// origin adds a remote whose hook, a line of shell, refuses every push. It returns the hook's path.
func (b *bench) origin(hook string) string {
	b.t.Helper()
	dir := filepath.Join(b.dir, "origin.git")
	b.git("init", "-q", "--bare", dir)
	b.git("-C", b.repo, "remote", "add", "origin", dir)
	path := filepath.Join(dir, "hooks", "pre-receive")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+hook+"\nexit 1\n"), 0o755); err != nil {
		b.t.Fatal(err)
	}
	return path
}
