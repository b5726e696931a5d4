// Package sandbox makes a practice world: a small project with history and an earlier signed
// release, built artifacts, a registry on loopback with a pushed image, and keys that are worth
// nothing. A newcomer performs a whole release in it without risk; nothing of the user's own
// keys, configuration or keychain is touched.
package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"bulla/docker"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/keys/store"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

// Passphrase opens every key of a practice world. It is shown on the screen: it protects nothing.
const Passphrase = "practice makes perfect"

// The versions of the practice project: the one released already, and the one to be released.
const (
	EarlierVersion = "0.9.0"
	NextVersion    = "1.0.0"
)

// Options says where a practice world is built.
type Options struct {
	// Dir is the folder to build it in, which must be empty; "" makes a temporary one.
	Dir string
	Now func() time.Time
	// Environ is the environment of the program, as os.Environ has it. What it says of a person
	// does not reach into the practice world.
	Environ []string
}

// Sandbox is a practice world.
type Sandbox struct {
	dir      string
	environ  []string
	temp     bool // dir was made here and goes away with Close
	now      func() time.Time
	shift    atomic.Int64 // nanoseconds by which the clock is turned back
	registry *loopback.Registry
	world    *world.World
	key      keys.Key
	imageKey images.Key
	tampered string
}

// New builds a practice world. Close removes it.
func New(ctx context.Context, o Options) (_ *Sandbox, err error) {
	b := &Sandbox{dir: o.Dir, environ: o.Environ, now: o.Now}
	if b.now == nil {
		b.now = time.Now
	}
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "bulla-sandbox-"); err != nil {
			return nil, err
		}
		b.temp = true
	}
	if b.dir, err = filepath.EvalSymlinks(b.dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	for _, build := range []func(context.Context) error{b.openWorld, b.makeKeys, b.makeProject, b.releaseEarlier, b.moveOn} {
		if err := build(ctx); err != nil {
			return nil, fmt.Errorf("the practice world could not be built: %w", err)
		}
	}
	return b, nil
}

// clock is the practice world's time: the past is built first.
func (b *Sandbox) clock() time.Time { return b.now().Add(-time.Duration(b.shift.Load())) }

// at sets the clock back by d.
func (b *Sandbox) at(d time.Duration) { b.shift.Store(int64(d)) }

const day = 24 * time.Hour

func (b *Sandbox) openWorld(ctx context.Context) (err error) {
	// The registry lives as long as the world, not as long as the call that builds it.
	if b.registry, err = loopback.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	b.world, err = world.New(ctx, world.Options{
		Home: filepath.Join(b.dir, "home"), NoGnuPG: true, NoKeychain: true,
		Registry: docker.Options{Keychain: authn.NewMultiKeychain()}, Env: func(string) string { return "" }, Environ: b.practiceEnviron(),
		Now: b.clock, Rand: rand.Reader,
	})
	return err
}

// practiceEnviron is the environment of the programs of the practice world: they are found, and that
// is all. The user's name, hooks and settings stay outside, those that git reads from files in the
// home folder too.
func (b *Sandbox) practiceEnviron() []string {
	env := []string{"HOME=" + filepath.Join(b.dir, "home"), "GIT_CONFIG_NOSYSTEM=1"}
	for _, kv := range b.environ {
		switch name, _, _ := strings.Cut(kv, "="); strings.ToUpper(name) {
		case "PATH", "PATHEXT", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "WINDIR", "COMSPEC":
			env = append(env, kv)
		}
	}
	return env
}

func (b *Sandbox) makeKeys(ctx context.Context) error {
	b.at(200 * day)
	g, err := b.world.Store.Generate(ctx, store.GenerateParams{
		Name: "Pat Practice", Email: "pat@example.org", Comment: "", Algorithm: "ed25519",
		Lifetime: 2 * 365 * day, Passphrase: keys.NewSecret([]byte(Passphrase)),
	})
	if err != nil {
		return err
	}
	b.key = g.Key
	if err := b.world.Store.MarkBackedUp(ctx, g.Key.Fingerprint, b.clock()); err != nil {
		return err
	}
	if b.imageKey, err = images.KeysOf(b.world).Generate(ctx, "practice", keys.NewSecret([]byte(Passphrase))); err != nil {
		return err
	}
	public, err := b.world.Store.ExportPublic(ctx, keys.ParseSelector(string(g.Key.Fingerprint)))
	if err != nil {
		return err
	}
	return os.WriteFile(b.PublicKeyFile(), public, 0o644)
}

// Dir is the practice project's repository.
func (b *Sandbox) Dir() string { return filepath.Join(b.dir, "lantern") }

// Root is the folder that holds the whole practice world.
func (b *Sandbox) Root() string { return b.dir }

// PublicKeyFile is the OpenPGP public key, as a stranger would have got it.
func (b *Sandbox) PublicKeyFile() string { return filepath.Join(b.dir, "pat-practice.asc") }

// ImageKeyFile is the public key that verifies the image.
func (b *Sandbox) ImageKeyFile() string { return b.imageKey.PublicPath() }

// World is the practice world's places: a store with one key, a vault, a registry client.
func (b *Sandbox) World() *world.World { return b.world }

// Choices is the release to be practised.
func (b *Sandbox) Choices() workflow.Choices {
	return workflow.Choices{Version: NextVersion, Key: string(b.key.Fingerprint), ImageKey: b.imageKey.Path}
}

// Ask answers every request for a passphrase with the practice one.
func (b *Sandbox) Ask(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
	return keys.NewSecret([]byte(Passphrase)), nil
}

// Release performs the practised release unattended and tells emit about it.
func (b *Sandbox) Release(ctx context.Context, c workflow.Choices, emit func(workflow.Event)) (*workflow.Result, error) {
	s, err := workflow.Open(ctx, b.world, b.Dir())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	plan, err := s.Plan(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, plan, workflow.Face{Ask: b.Ask, Emit: emit})
}

// Commands are what a stranger types to check a release made here.
func (b *Sandbox) Commands(r *workflow.Result) []workflow.Command {
	return workflow.StrangerCommands(r, b.Dir(), b.PublicKeyFile(), b.ImageKeyFile())
}

// Tamper changes one byte of one released file and returns its path. The second call takes the
// change back.
func (b *Sandbox) Tamper(_ context.Context, r *workflow.Result) (path string, tampered bool, err error) {
	if len(r.Files) == 0 {
		return "", false, errors.New("the release has no files to tamper with")
	}
	path = r.Files[0].Path
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return path, false, err
	}
	defer f.Close()
	var one [1]byte
	if _, err := f.ReadAt(one[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return path, false, err
	}
	one[0] ^= 0x01
	if _, err := f.WriteAt(one[:], 0); err != nil {
		return path, false, err
	}
	if b.tampered == path {
		b.tampered = ""
		return path, false, f.Close()
	}
	b.tampered = path
	return path, true, f.Close()
}

// Recheck verifies a release made here as a stranger would: with the exported public key alone.
func (b *Sandbox) Recheck(ctx context.Context, r *workflow.Result) ([]keys.Verdict, error) {
	v, err := workflow.NewVerifier(ctx, b.world, verify.Options{
		Dir: b.Dir(), Keys: []string{b.PublicKeyFile(), b.ImageKeyFile()}, OnlyKeys: true,
	})
	if err != nil {
		return nil, err
	}
	return v.Verify(ctx, []string{"file:" + r.Record})
}

// Close stops the registry, wipes the passphrases and removes the folder, if it was a temporary
// one.
func (b *Sandbox) Close() error {
	var errs []error
	if b.world != nil {
		b.world.Close()
	}
	if b.registry != nil {
		b.registry.Close()
	}
	if b.temp {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	return errors.Join(errs...)
}
