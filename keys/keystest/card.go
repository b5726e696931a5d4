package keystest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What every card that NewCard makes has: its PINs, and its number as gpg prints it.
const (
	CardPIN      = "123456"
	CardAdminPIN = "12345678"
	CardSerial   = "FFFE 00001234"
)

// patience is how long a card may take for what it does in a moment: the machine may be busy.
const patience = 2 * time.Minute

// Card is an OpenPGP card in software (.ci/peers/card), in a reader of its own that the real
// scdaemon and pcscd know as any other. It asks for its PIN before each signature, as cards do
// unless they are told otherwise.
type Card struct {
	// Home is a GnuPG home whose programs find the card.
	Home string

	t   testing.TB
	dir string
}

// NewCard puts a fresh card into a reader, and sets the variable by which GnuPG's programs find
// it. The test is skipped where the peers are missing. The card itself needs what no other peer does,
// Rust's cargo and its registry to build it and name spaces to run it in: where they are not to be had,
// the test is skipped even where peers are required, and the summary of the tests says so.
func NewCard(t testing.TB) *Card {
	t.Helper()
	program, ok := LookPeer("openpgp-card")
	if !ok {
		t.Skip("no card in software here: .ci/peers/card.sh could not build one")
	}
	if out, err := exec.Command("unshare", spaces("true")...).CombinedOutput(); err != nil {
		t.Skipf("no name spaces for a card reader of its own: %v: %s", err, bytes.TrimSpace(out))
	}
	program, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, need := range []string{"/usr/lib/pcsc/drivers/serial/libifdvpcd.so", "/usr/sbin/pcscd"} {
		if _, err := os.Stat(need); err != nil {
			Missing(t, "peer not installed: "+need)
		}
	}
	c := &Card{t: t, Home: GnuPGHome(t), dir: t.TempDir()}
	for _, d := range []string{"card", "conf", "run"} {
		if err := os.Mkdir(filepath.Join(c.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c.write("conf/vpcd", "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x8C7B\nLIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\nCHANNELID 0x8C7B\n")
	if err := os.WriteFile(filepath.Join(c.Home, "scdaemon.conf"), []byte("disable-ccid\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(c.dir, "run", "pcscd.comm"))
	c.start(program)
	c.Insert()
	return c
}

// start runs the reader in name spaces of its own. All of it ends with the test, however that
// ends: the shell that holds them waits for the end of its standard input.
func (c *Card) start(program string) {
	c.t.Helper()
	script := filepath.Join(root(c.t), ".ci", "peers", "card", "reader.sh")
	run := exec.Command("unshare", spaces("sh", "-c", `"$0" "$@" </dev/null & exec cat >/dev/null`, script, c.dir, program)...)
	var out bytes.Buffer // read only when it has ended
	run.Stdout, run.Stderr = &out, &out
	hold, err := run.StdinPipe()
	if err == nil {
		err = run.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = hold.Close()
		_ = run.Wait()
		if c.t.Failed() {
			c.t.Logf("the reader said:\n%s", out.String())
		}
	})
}

// spaces are the arguments by which unshare runs a command in name spaces of its own.
func spaces(command ...string) []string {
	args := []string{"-m", "-n", "-p", "--fork", "--kill-child"}
	if os.Getuid() != 0 {
		args = append([]string{"-r"}, args...)
	}
	return append(args, command...)
}

// root is the folder of the module.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod above the test")
		}
	}
}

func (c *Card) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// Insert puts the card into the reader, and waits until GnuPG sees it.
func (c *Card) Insert() {
	c.t.Helper()
	c.write("card/inserted", "")
	c.until("the card is in the reader", c.Seen)
}

// Pull takes the card out, and waits until GnuPG has noticed.
func (c *Card) Pull() {
	c.t.Helper()
	c.remove("inserted")
	c.until("the card is out of the reader", func() bool { return !c.Seen() })
}

// Touch lays a finger on the card until LetGo.
func (c *Card) Touch() { c.write("card/touched", "") }

// LetGo takes the finger away.
func (c *Card) LetGo() { c.remove("touched") }

func (c *Card) remove(name string) {
	c.t.Helper()
	if err := os.Remove(filepath.Join(c.dir, "card", name)); err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
}

// Seen reports whether gpg finds the card.
func (c *Card) Seen() bool {
	c.t.Helper()
	_, _, err := GPG(c.t, c.Home, nil, "--card-status")
	return err == nil
}

// Status is what gpg --card-status says after a word, such as "PIN retry counter".
func (c *Card) Status(word string) string {
	c.t.Helper()
	out, stderr, err := GPG(c.t, c.Home, nil, "--card-status")
	if err != nil {
		c.t.Fatalf("gpg --card-status: %v\n%s", err, stderr)
	}
	for l := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(l, word); ok {
			_, value, _ := strings.Cut(rest, ":")
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (c *Card) until(what string, done func() bool) {
	c.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("it did not happen that %s", what)
		}
	}
}

// Edit has gpg --card-edit carry out the answers, one for each of its questions.
func (c *Card) Edit(answers ...string) {
	c.t.Helper()
	answers = append([]string{"admin"}, append(answers, "quit")...)
	in := []byte(strings.Join(answers, "\n") + "\n")
	out, stderr, err := Run(c.t, in, []string{"GNUPGHOME=" + c.Home, "LC_ALL=C"}, Peer(c.t, "gpg"),
		"--no-tty", "--pinentry-mode", "loopback", "--command-fd", "0", "--status-fd", "1", "--expert", "--card-edit")
	if err != nil || strings.Contains(out, "SC_OP_FAILURE") || strings.Contains(out, "ERROR") {
		c.t.Fatalf("gpg --card-edit %q: %v\n%s%s", answers, err, out, stderr)
	}
}

// MakeKey has gpg make an Ed25519 key on the card, and returns its fingerprint.
func (c *Card) MakeKey(name, email string) string {
	c.t.Helper()
	const ecc, curve25519 = "2", "1"
	c.Edit("key-attr", ecc, curve25519, CardAdminPIN, ecc, curve25519, CardAdminPIN, ecc, curve25519, CardAdminPIN)
	c.Edit("generate", "n", CardAdminPIN, CardPIN, "0", name, email, "", CardPIN, CardPIN, CardPIN)
	return strings.ReplaceAll(c.Status("Signature key"), " ", "")
}

// WantTouch sets the card to want a touch for each signature, for which gpg 2.2 has no command.
func (c *Card) WantTouch() {
	c.t.Helper()
	const admin, touchOn = "SCD APDU 00200083083132333435363738", "SCD APDU 00DA00D6020120"
	out, stderr, err := Run(c.t, nil, []string{"GNUPGHOME=" + c.Home}, Peer(c.t, "gpg-connect-agent"),
		"--hex", "SCD SERIALNO", admin, touchOn, "/bye")
	if err != nil || strings.Count(out, "90 00") != 2 {
		c.t.Fatalf("gpg-connect-agent: %v\n%s%s", err, out, stderr)
	}
}
