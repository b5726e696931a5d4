//go:build unix

package agent

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"bulla/keys"
)

// The test binary is its own scdaemon: gpg-agent runs it with this variable naming the folder
// that is the card.
const fakeCardVariable = "BULLA_TEST_CARD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(fakeCardVariable); dir != "" {
		(&fakeCard{dir: dir}).run()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	cardPIN = "canary-123456"
	cardKey = "OPENPGP.1"
)

// A fakeCard stands in for GnuPG's scdaemon with an OpenPGP card of one Ed25519 key. Its state
// is a folder of small files: seed (of the key), tries (left), pin (if changed), and switches that are on where
// they exist: absent (no card), nocheck (the PIN can't be checked on its own), notries (it does
// not tell how many are left), each (a PIN for each signature), touch (it says that it wants one), slow (waits to be touched).
// It proves that bulla and gpg-agent agree on the protocol, not that any real card does.
type fakeCard struct {
	dir  string
	mu   sync.Mutex // one command at a time reaches a card
	open bool       // the PIN was given
}

// run serves gpg-agent: the first of its connections over standard input and output, the others
// over a socket, as scdaemon does with --multi-server.
func (c *fakeCard) run() {
	if l, err := net.Listen("unix", c.socket()); err == nil {
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go (&fakeSession{fakeCard: c, in: bufio.NewReader(conn), out: conn}).serve()
			}
		}()
	}
	(&fakeSession{fakeCard: c, in: bufio.NewReader(os.Stdin), out: os.Stdout}).serve()
}

func (c *fakeCard) socket() string { return filepath.Join(c.dir, "S."+strconv.Itoa(os.Getpid())) }

func (c *fakeCard) file(name string) string {
	b, _ := os.ReadFile(filepath.Join(c.dir, name))
	return strings.TrimSpace(string(b))
}

func (c *fakeCard) is(name string) bool {
	_, err := os.Stat(filepath.Join(c.dir, name))
	return err == nil
}

func (c *fakeCard) set(name, value string) {
	_ = os.WriteFile(filepath.Join(c.dir, name), []byte(value), 0o600)
}

// log keeps the names of the commands that use the key.
func (c *fakeCard) log(command string) {
	f, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(f, command)
		_ = f.Close()
	}
}

// A fakeSession is one connection of gpg-agent's to a fakeCard.
type fakeSession struct {
	*fakeCard
	in   *bufio.Reader
	out  io.Writer
	data []byte
}

func (c *fakeSession) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

func (c *fakeSession) refuse(errno int) { c.say("ERR %d refused <SCD>", 6<<24|errno) }

func (c *fakeSession) serve() {
	c.say("OK fake scdaemon")
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return
		}
		f := append(strings.Fields(line), "")
		if f[0] == "BYE" {
			c.say("OK")
			return
		}
		c.mu.Lock()
		c.command(f[0], f[1:len(f)-1])
		c.mu.Unlock()
	}
}

func (c *fakeSession) command(name string, args []string) {
	switch name {
	case "SERIALNO":
		if c.is("absent") {
			c.refuse(errnoNoDevice)
			return
		}
		c.say("S SERIALNO %s", serialSample)
		c.say("OK")
	case "GETATTR":
		if len(args) == 0 || args[0] != "CHV-STATUS" || c.is("notries") {
			c.refuse(errnoUnsupportedOp)
			return
		}
		c.say("S CHV-STATUS +1+127+127+127+%s+0+3", c.file("tries"))
		c.say("OK")
	case "APDU":
		if c.is("touch") {
			c.say("D %%01%%20%%90%%00")
		}
		c.say("OK")
	case "CHECKPIN":
		if c.is("nocheck") {
			c.refuse(errnoUnsupportedOp)
		} else if c.verify() {
			c.say("OK")
		}
	case "SETDATA":
		b, _ := hex.DecodeString(args[len(args)-1])
		if args[0] != "--append" {
			c.data = nil
		}
		c.data = append(c.data, b...)
		c.say("OK")
	case "PKSIGN":
		c.log(name)
		if c.is("conditions") {
			c.refuse(errnoUseConditions)
			return
		}
		if c.verify() {
			c.sign()
		}
	case "GETINFO":
		if len(args) == 0 || args[0] != "socket_name" {
			c.refuse(errnoNotSupported)
			return
		}
		c.say("D %s", c.socket())
		c.say("OK")
	case "KEYINFO", "LEARN", "READKEY":
		c.refuse(errnoNotSupported)
	default:
		c.say("OK")
	}
}

// verify asks for the PIN unless it was given, and answers with the error if it is wrong.
func (c *fakeSession) verify() bool {
	if c.open {
		return true
	}
	tries, _ := strconv.Atoi(c.file("tries"))
	if tries == 0 {
		c.refuse(errnoPINBlocked)
		return false
	}
	c.say("INQUIRE NEEDPIN ||Please enter the PIN")
	var pin []byte
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			os.Exit(1)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "CAN" {
			c.refuse(errnoCancelled)
			return false
		}
		if line == "END" {
			break
		}
		pin = append(pin, strings.TrimPrefix(line, "D ")...)
	}
	pin = bytes.TrimRight(bytes.ReplaceAll(pin, []byte("%00"), nil), "\x00")
	want := cardPIN
	if c.is("pin") {
		want = c.file("pin")
	}
	if string(pin) != want {
		c.set("tries", strconv.Itoa(tries-1))
		c.refuse(errnoBadPIN)
		return false
	}
	c.set("tries", "3")
	c.open = !c.is("each")
	return true
}

func (c *fakeSession) sign() {
	for range 6000 { // a minute, should a test forget it
		if !c.is("slow") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	seed, _ := hex.DecodeString(c.file("seed"))
	data := c.data
	if len(data) == 51 { // in a DigestInfo, which real cards strip for EdDSA too
		data = data[19:]
	}
	var escaped strings.Builder
	for _, b := range ed25519.Sign(ed25519.NewKeyFromSeed(seed), data) {
		fmt.Fprintf(&escaped, "%%%02X", b)
	}
	c.say("D %s", escaped.String())
	c.say("OK")
}

// A cardHome is a GnuPG home whose one key lives on a fake card.
type cardHome struct {
	*home
	card *fakeCard
	fpr  keys.Fingerprint
}

func newCardHome(t *testing.T) *cardHome {
	t.Helper()
	h := &cardHome{home: newHome(t)}
	// Within the home, which is removed after its programs were stopped.
	h.card = &fakeCard{dir: filepath.Join(h.dir, "card")}
	if err := os.Mkdir(h.card.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := openpgp.NewEntity("Card", "", "card@example.org", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	e.Subkeys = nil
	secret := e.PrivateKey.PrivateKey.(*eddsa.PrivateKey)
	h.card.set("seed", hex.EncodeToString(secret.D))
	h.card.set("tries", "3")
	h.fpr = keys.FingerprintOf(e.PrimaryKey.Fingerprint)
	var public bytes.Buffer
	if err := e.Serialize(&public); err != nil {
		t.Fatal(err)
	}
	h.gpg(public.Bytes(), "", "--import")
	h.killAgent()

	var grip string
	for _, k := range parseListing([]byte(h.gpg(nil, "", "--with-colons", "--with-keygrip", "--list-keys"))) {
		grip = k.grips[h.fpr]
	}
	h.killAgent()
	writeStub(t, h.dir, grip, secret.X)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n%s='%s' exec '%s'\n", fakeCardVariable, h.card.dir, self)
	program := filepath.Join(h.dir, "scdaemon.sh")
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	h.configure("scdaemon-program " + program + "\n")
	return h
}

// writeStub writes what gpg-agent keeps of a key on a card (GnuPG's agent/keyformat.txt).
func writeStub(t *testing.T, dir, grip string, point []byte) {
	t.Helper()
	atom := func(s string) string { return fmt.Sprintf("%d:%s", len(s), s) }
	serial, err := hex.DecodeString(serialSample)
	if err != nil {
		t.Fatal(err)
	}
	stub := "(20:shadowed-private-key(3:ecc(5:curve7:Ed25519)(5:flags5:eddsa)(1:q" + atom("\x40"+string(point)) +
		")(8:shadowed5:t1-v1(" + atom(string(serial)) + atom(cardKey) + "))))"
	dir = filepath.Join(dir, secretKeyDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, grip+".key"), []byte(stub), 0o600); err != nil {
		t.Fatal(err)
	}
}

// count is how often the card was sent a command.
func (h *cardHome) count(command string) (n int) {
	for line := range strings.Lines(h.card.file("log")) {
		if strings.TrimSpace(line) == command {
			n++
		}
	}
	return n
}

// replug takes the card out and puts it in again: it wants its PIN anew.
func (h *cardHome) replug() { h.killAgent() }
