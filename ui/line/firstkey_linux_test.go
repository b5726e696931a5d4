package line

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/publish"
	"bulla/ui/explain"
	"bulla/workflow/firstkey"
	"bulla/workflow/world"
)

const canary = "CANARY-kelp-ribbon-oak-pencil"

// newcomer is a home with a git configuration and nothing else.
type newcomer struct {
	t     *testing.T
	dir   string
	world *world.World
	*talk
}

func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	keystest.Peer(t, "git")
	dir := t.TempDir()
	for k, v := range map[string]string{"HOME": dir, "XDG_CONFIG_HOME": filepath.Join(dir, "none"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": filepath.Join(dir, "gitconfig"), "GNUPGHOME": filepath.Join(dir, "none")} {
		t.Setenv(k, v)
	}
	err := os.WriteFile(filepath.Join(dir, "gitconfig"), []byte("[user]\n\tname = Ada Release\n\temail = ada@example.org\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w, err := world.New(t.Context(), world.Options{
		Home: filepath.Join(dir, "home"), NoGnuPG: true, NoKeychain: true, Registry: docker.Options{}, Env: os.Getenv, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &newcomer{t, dir, w, newTalk(t)}
}

// begin runs the wizard; the error comes when it has ended.
func (n *newcomer) begin(ctx context.Context) <-chan error {
	ended := make(chan error, 1)
	go func() {
		ended <- FirstKey{Terminal: NewTerminal(n.tty, n.tty, &TTY{In: n.tty, Out: n.tty}), Wizard: firstkey.New(n.world, n.dir), Now: time.Now}.Run(ctx)
	}()
	return ended
}

func (n *newcomer) end(ended <-chan error) error {
	n.t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		n.t.Fatalf("it did not end:\n%s", n.said())
		return nil
	}
}

// toPublish answers everything up to where the key is to be published.
func (n *newcomer) toPublish() {
	n.t.Helper()
	n.answer(`Use \(1-2.*: $`, "")
	n.answer(`Name.*: $`, "")
	n.answer(`Address \[ada@example.org\]: $`, "")
	n.answer(`Further addresses.*: $`, "")
	n.answer(`Algorithm.*: $`, "")
	n.answer(`It expires after.*: $`, "soon")
	n.answer(`90d[^:]*: $`, "18m")
	n.answer(`Passphrase \(1-2.*: $`, "2")
	n.secret(`New passphrase.*: $`, "password")
	n.secret(`once more: $`, "password")
	n.answer(`weak, .*(?s:.*)Take it all the same\? \[y/N\] $`, "n")
	n.answer(`Passphrase \(1-2.*: $`, "2")
	n.secret(`New passphrase.*: $`, canary)
	n.secret(`once more: $`, canary)
	n.answer(`Write the backup to \[~/bulla-key-.*\]: $`, "gitconfig") // there already
	n.answer(`exists(?s:.*)Write the backup to .*: $`, "stick.asc")
	n.secret(`Passphrase of the key.*: $`, "wrong")
	n.secret(`Try 2 of 3(?s:.*)Passphrase of the key.*: $`, canary)
	n.answer(`Restored from there(?s:.*)printer too\? \[y/N\] $`, "y")
	n.answer(`Write it to.*: $`, "paper.html")
	n.answer(`Move it to.*: $`, "drawer.asc")
}

// TestFirstKeyLineByLine: a newcomer goes the whole way, with a real key server and real gpg.
func TestFirstKeyLineByLine(t *testing.T) {
	server := keystest.SKS(t)
	n := newNewcomer(t)
	ended := n.begin(t.Context())
	n.toPublish()
	f := keys.Fingerprint(strings.ReplaceAll(n.wait(`Step 7 of 11: Identity(?s:.*?)\n  ([0-9A-F ]{50})\n`)[1], " ", ""))
	n.answer(`Places, or none \[1\]: $`, "nowhere")
	n.answer(`names no place(?s:.*)Places, or none \[1\]: $`, server)
	n.answer(`never delete(?s:.*)Make this public\? \[y/N\] $`, "n")
	n.answer(`Choose other places.*\[y/N\] $`, "y")
	n.answer(`Places, or none \[1\]: $`, server)
	n.answer(`Make this public\? \[y/N\] $`, "y")
	n.wait(`: findable by address\n`)
	n.answer(`user.signingKey = `+string(f)+`\nWrite that\? \[y/N\] $`, "y")
	n.wait(`git  +git verify-tag by gpg says good`)
	n.answer(`--keyserver `+server+`(?s:.*)KEYS file too\?.*\[y/N\] $`, "y")
	if err := n.end(ended); err != nil {
		t.Fatal(err)
	}
	n.wait(`BEGIN PGP PUBLIC KEY BLOCK(?s:.*)Nothing is left to do\.`)
	out := n.said()
	if strings.Contains(out, canary) || strings.Contains(out, "\x1b") {
		t.Error("the passphrase, or an escape, was printed")
	}
	n.noCanary()
	home := keystest.GnuPGHome(t)
	for _, args := range [][]string{{"--keyserver", server, "--recv-keys", string(f)}, {"--import", filepath.Join(n.dir, "drawer.asc")}} {
		if _, out, err := keystest.GPG(t, home, nil, args...); err != nil {
			t.Errorf("gpg %v: %v\n%s", args, err, out)
		}
	}
	if out, _, _ := keystest.GPG(t, home, nil, "--with-colons", "--list-keys", string(f)); !strings.Contains(out, "pub:r:") {
		t.Errorf("gpg does not take the certificate:\n%s", out)
	}
	if got, err := exec.Command("git", "config", "--global", "user.signingkey").Output(); err != nil || strings.TrimSpace(string(got)) != string(f) {
		t.Errorf("git reads %q, %v", got, err)
	}
}

// noCanary looks for the passphrase in every file.
func (n *newcomer) noCanary() {
	n.t.Helper()
	err := filepath.WalkDir(n.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), canary) {
			n.t.Errorf("the passphrase is in %s", path)
		}
		return err
	})
	if err != nil {
		n.t.Error(err)
	}
}

// TestFirstKeyWords: words made by bulla are shown once and typed from paper; leaving after the key
// is made says what is left, and the next run goes on with it.
func TestFirstKeyWords(t *testing.T) {
	n := newNewcomer(t)
	ended := n.begin(t.Context())
	n.answer(`Use.*: $`, "")
	n.answer(`Name.*: $`, "Ada (work)")
	n.answer(`contains one of(?s:.*)Name.*: $`, "Ada")
	n.answer(`Address.*: $`, "b")
	n.answer(`Name.*: $`, "back") // to the use, from where it is asked again
	n.answer(`Use.*: $`, "")
	n.answer(`Name.*: $`, "Ada")
	n.answer(`Address.*: $`, "77+ada@users.noreply.github.com")
	n.answer(`No mail reaches(?s:.*)Address.*: $`, "ada@example.org")
	n.answer(`Further.*: $`, "ada@example.org")
	n.answer(`named twice(?s:.*)Further.*: $`, "77+ada@users.noreply.github.com")
	n.answer(`Algorithm.*: $`, "9")
	n.answer(`1 to 2(?s:.*)Algorithm.*: $`, "1")
	n.answer(`It expires.*: $`, "never")
	n.answer(`Passphrase.*: $`, "")
	words := n.wait(`\n    ((?:[a-z]+ ){5}[a-z]+)\n`)[1]
	n.secret(`from your paper: $`, "something else")
	n.secret(`not the words above(?s:.*)from your paper: $`, words)
	n.answer(`Write the backup to.*: $`, "q")
	if err := n.end(ended); err != nil {
		t.Fatal(err)
	}
	n.wait(`No backup was made(?s:.*)bulla keys backup [0-9A-F]{40} -o FILE`)

	ended = n.begin(t.Context())
	n.answer(`something left to do\n  1  Ada <ada@example.org>(?s:.*)Key \(1-2, Enter for 1\): $`, "")
	n.answer(`Step 4 of 11: Backup(?s:.*)Write the backup to.*: $`, "stick.asc")
	n.secret(`Passphrase of the key.*: $`, words)
	n.answer(`Restored(?s:.*)printer too.*$`, "q")
	if err := n.end(ended); err != nil {
		t.Fatal(err)
	}
	ended = n.begin(t.Context()) // the backup is made: it is not asked for again, nor the paper
	n.answer(`Key \(1-2, Enter for 1\): $`, "")
	n.answer(`A backup was made and tried on(?s:.*)Step 6 of 11(?s:.*)Move it to.*: $`, "later")
	n.answer(`Places, or none(?s:.*): $`, "file:KEYS")
	n.answer(`2  Ada <77\+ada@users.noreply.github.com>  \(hides your address on GitHub: only if you choose it\)\nEnter takes 1; (?s:.*): $`, "")
	n.answer(`not sent(?s:.*)noreply(?s:.*)Make this public\? \[y/N\] $`, "q")
	if err := n.end(ended); err != nil {
		t.Fatal(err)
	}
	if strings.Count(n.said(), words) != 1 {
		t.Errorf("the words were shown %d times", strings.Count(n.said(), words))
	}
}

// TestFirstKeyLeft: whoever leaves before the key is made changed nothing.
func TestFirstKeyLeft(t *testing.T) {
	n := newNewcomer(t)
	ended := n.begin(t.Context())
	n.answer(`Use.*: $`, "")
	n.answer(`Name.*: $`, "q")
	if err := n.end(ended); !errors.Is(err, explain.ErrLeft) {
		t.Errorf("%v", err)
	}
	if list, err := n.world.Store.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if !strings.Contains(explain.Error(explain.ErrLeft).Untouched, "Nothing") {
		t.Error("it is not said that nothing was changed")
	}
}

// TestStoppedWhilePublishing: Ctrl+C while a server lets one wait ends cleanly, and says what is known.
func TestStoppedWhilePublishing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	called := make(chan struct{})
	go func() { // a server that takes the key and never answers
		c, err := l.Accept()
		if err == nil {
			close(called)
			_, _ = io.Copy(io.Discard, c)
		}
	}()
	n := newNewcomer(t)
	pass := keys.NewSecret([]byte(canary))
	defer pass.Destroy()
	wizard := firstkey.New(n.world, n.dir)
	made, err := wizard.Make(t.Context(), firstkey.Params{Name: "Ada", Email: "ada@example.org", Algorithm: "ed25519", Passphrase: pass})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	var rs []publish.Result
	go func() {
		p := KeyPublisher{Terminal: NewTerminal(n.tty, n.tty, &TTY{In: n.tty, Out: n.tty}), Places: wizard}
		var err error
		rs, err = p.Publish(ctx, made.Key)
		ended <- err
	}()
	n.answer(`Places, or none \[1\]: $`, "hkp://"+l.Addr().String()+" file:KEYS")
	n.answer(`Make this public\? \[y/N\] $`, "y")
	<-called
	cancel()
	if err := n.end(ended); !errors.Is(err, context.Canceled) || explain.Error(err).Code != explain.CodeCancelled {
		t.Errorf("%v", err)
	}
	n.wait(`whether it arrived is not(?s:.*)KEYS: not published`)
	if len(rs) != 2 || rs[0].Err == nil || rs[1].Err == nil {
		t.Errorf("%+v", rs)
	}
	if _, err := os.Stat(filepath.Join(n.dir, "KEYS")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file after it was written")
	}
}
