package keydesk

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/store"
)

// gnupgWorld are places with a GnuPG home of its own.
func gnupgWorld(t *testing.T) (*Places, string) {
	t.Helper()
	home := keystest.GnuPGHome(t)
	if err := os.WriteFile(filepath.Join(home, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Open(context.Background(), Options{
		Home: filepath.Join(t.TempDir(), "home"), GnuPGHome: home, NoKeychain: true,
		Env: func(string) string { return "" }, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &w, home
}

const testPassphrase = "CANARY-correct-horse"

func answer(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
	return keys.NewSecret([]byte(testPassphrase)), nil
}

// openedPlaces opens bulla's own places below dir, without GnuPG and keychain.
func openedPlaces(dir string) (*Places, error) {
	p, err := Open(context.Background(), Options{
		Home: filepath.Join(dir, "home"), NoGnuPG: true, NoKeychain: true,
		Env: func(string) string { return "" }, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
	})
	return &p, err
}

func saying(pass string) keys.AskPassphrase {
	return func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte(pass)), nil
	}
}

// TestMoveToGnuPGAndBack: a key goes to GnuPG and signs there, a key of GnuPG comes and signs here,
// each under its own passphrase.
func TestMoveToGnuPGAndBack(t *testing.T) {
	ctx := context.Background()
	w, home := gnupgWorld(t)
	g, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ours", Email: "ours@example.org", Algorithm: store.AlgorithmEd25519, Passphrase: keys.NewSecret([]byte(testPassphrase))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ToGnuPG(ctx, keys.ParseSelector("ours@example.org"), saying("wrong")); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	k, err := w.ToGnuPG(ctx, keys.ParseSelector("ours@example.org"), answer)
	if err != nil || k.Fingerprint != g.Key.Fingerprint || !k.HasSecret {
		t.Fatalf("%v: %+v", err, k)
	}
	both, _, _ := w.KeysHeld(ctx)
	if one, err := keys.Select(both, keys.ParseSelector(string(k.Fingerprint))); len(both) != 2 || err != nil || one.Source != keys.SourceStore {
		t.Errorf("of %d copies the key's fingerprint names %+v, %v", len(both), one, err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errOut, err := keystest.GPG(t, home, []byte(testPassphrase), "--pinentry-mode", "loopback", "--passphrase-fd", "0", "-u", "ours@example.org", "--detach-sign", text); err != nil {
		t.Errorf("gpg signs: %v\n%s", err, errOut)
	}

	const theirs = "CANARY-theirs"
	if _, errOut, err := keystest.GPG(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", theirs, "--quick-gen-key", "Theirs <theirs@example.org>", "ed25519", "sign,cert", "1y"); err != nil {
		t.Fatalf("%v\n%s", err, errOut)
	}
	forget(t, home)
	sel := keys.ParseSelector("theirs@example.org")
	_, err = w.FromGnuPG(ctx, sel, saying("wrong"))
	if !errors.Is(err, keys.ErrWrongPassphrase) || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("wrong passphrase: %v", err)
	}
	done, err := w.FromGnuPG(ctx, sel, saying(theirs))
	if err != nil || len(done) != 1 || !done[0].HasSecret {
		t.Fatalf("%v: %+v", err, done)
	}
	if _, err := w.Store.ExportSecret(ctx, sel, saying(theirs)); err != nil {
		t.Error(err)
	}

	// The keybox, through gpg.
	done, err = w.ImportFile(ctx, filepath.Join(home, "pubring.kbx"))
	if err != nil || len(done) != 2 {
		t.Errorf("%v: %+v", err, done)
	}
}

// TestToGnuPGThatWasNeverUsed: the home is made, for its owner alone, once the key is there to be copied;
// gpg signs with it then. Without GnuPG nothing is made.
func TestToGnuPGThatWasNeverUsed(t *testing.T) {
	ctx := context.Background()
	home := filepath.Join(keystest.GnuPGHome(t), "h")
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() })
	o := Options{
		Home: filepath.Join(t.TempDir(), "home"), GnuPGHome: home, NoKeychain: true,
		Env: func(string) string { return "" }, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
	}
	w, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := w.Store.Generate(ctx, store.GenerateParams{Name: "Ours", Email: "ours@example.org", Algorithm: store.AlgorithmEd25519, Passphrase: keys.NewSecret([]byte(testPassphrase))}); err != nil {
		t.Fatal(err)
	}
	sel := keys.ParseSelector("ours@example.org")
	if _, err := w.ToGnuPG(ctx, sel, saying("wrong")); !errors.Is(err, keys.ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, err := os.Stat(home); err == nil || w.GnuPG != nil {
		t.Fatal("the home was made before there was something to copy")
	}
	if k, err := w.ToGnuPG(ctx, sel, answer); err != nil || !k.HasSecret {
		t.Fatalf("%v: %+v", err, k)
	}
	if fi, err := os.Stat(home); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o700 {
		t.Errorf("the home: %v, %v", fi, err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errOut, err := keystest.GPG(t, home, []byte(testPassphrase), "--pinentry-mode", "loopback", "--passphrase-fd", "0", "-u", "ours@example.org", "--detach-sign", text); err != nil {
		t.Errorf("gpg signs: %v\n%s", err, errOut)
	}
	o.NoGnuPG, o.GnuPGHome = true, filepath.Join(home, "other")
	w, err = Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := w.ToGnuPG(ctx, sel, answer); !errors.Is(err, ErrNoGnuPG) {
		t.Errorf("without GnuPG: %v", err)
	}
}

// forget lets the agent forget the passphrases it knows.
func forget(t *testing.T, home string) {
	t.Helper()
	if _, errOut, err := keystest.Run(t, nil, nil, keystest.Peer(t, "gpgconf"), "--homedir", home, "--reload", "gpg-agent"); err != nil {
		t.Fatalf("%v\n%s", err, errOut)
	}
}

// TestPreviewImport: what a file would bring is told as the import then tells it, and nothing is
// changed before.
func TestPreviewImport(t *testing.T) {
	ctx := context.Background()
	w, _ := gnupgWorld(t)
	other, err := openedPlaces(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	var files []string
	file := func(data []byte, err error) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "file")
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
		return path
	}
	g, err := other.Store.Generate(ctx, store.GenerateParams{Name: "Theirs", Email: "theirs@example.org", Algorithm: store.AlgorithmEd25519})
	if err != nil {
		t.Fatal(err)
	}
	sel := keys.ParseSelector(string(g.Key.Fingerprint))
	public := file(other.Store.ExportPublic(ctx, sel))
	if _, err := other.Store.Extend(ctx, sel, store.ExtendParams{Lifetime: 24 * time.Hour}, nil); err != nil {
		t.Fatal(err)
	}
	file(other.Store.ExportPublic(ctx, sel))
	file(other.Store.ExportSecret(ctx, sel, nil))
	for _, path := range append(files, files...) {
		want, err := w.PreviewImport(ctx, path)
		if err != nil || len(want) != 1 {
			t.Fatal(want, err)
		}
		got, err := w.ImportFile(ctx, path)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: told %+v, came %+v, %v", path, want, got, err)
		}
	}
	fresh, _ := gnupgWorld(t)
	if _, err := fresh.PreviewImport(ctx, public); err != nil {
		t.Fatal(err)
	}
	if list, err := fresh.Store.List(ctx); err != nil || len(list) != 0 {
		t.Error("a preview imported", list, err)
	}
	if left, err := filepath.Glob(filepath.Join(fresh.Home, ".*")); err != nil || len(left) != 0 {
		t.Error("left behind", left, err)
	}
	if _, err := fresh.PreviewImport(ctx, file([]byte("no key"), nil)); !errors.Is(err, keys.ErrNoKeys) {
		t.Error(err)
	}
}
