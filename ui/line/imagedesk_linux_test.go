package line

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/docker/dct/trusttest"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/verify"
)

// caretaker is a person who looks after the images of a repository on a terminal: a registry in the
// process, and Debian's notary-server where the test asks for it.
type caretaker struct {
	*newcomer
	reg  *loopback.Registry
	desk *images.Desk
	beat time.Duration // how often work says that it goes on; 0 means as always
}

func newCaretaker(t *testing.T, server *trusttest.Server) *caretaker {
	t.Helper()
	reg, err := loopback.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Close)
	dir := t.TempDir()
	if server != nil {
		dir = trusttest.DockerDir(t, server.CA, "{}", server.Host)
		t.Setenv("DOCKER_CONTENT_TRUST_SERVER", server.URL)
	} else { // the registry answers for it: it has none
		t.Setenv("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1")
	}
	t.Setenv("DOCKER_CONFIG", dir)
	c := &caretaker{newcomer: newNewcomer(t), reg: reg}
	repo, err := docker.ParseRepository(reg.Host() + "/demo/app")
	if err != nil {
		t.Fatal(err)
	}
	trust := images.NewDCT(c.world)
	t.Cleanup(trust.Close)
	c.desk = images.NewDesk(images.DeskOptions{World: c.world, DCT: trust, Repository: repo, Verifier: func(ctx context.Context) (*verify.Verifier, error) {
		return workflow.NewVerifier(ctx, c.world, verify.Options{Dir: c.dir})
	}})
	t.Cleanup(func() { _ = c.desk.Close() })
	return c
}

func (c *caretaker) push(tag string, index bool) string {
	c.t.Helper()
	d, err := c.reg.PushRandom(c.t.Context(), "demo/app", tag, 50, index)
	if err != nil {
		c.t.Fatal(err)
	}
	return d
}

func (c *caretaker) come(ctx context.Context, back string) <-chan error {
	path := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(c.dir, name)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- ImageDesk{
			Terminal: NewTerminal(c.tty, c.tty, &TTY{In: c.tty, Out: c.tty}), Desk: c.desk, Path: path, Back: back, Heartbeat: c.beat,
		}.Run(ctx)
	}()
	return ended
}

// good reports whether the registry has a good signature over a digest, by the public key in a file.
func (c *caretaker) good(digest, public string) bool {
	c.t.Helper()
	b, err := os.ReadFile(public)
	if err != nil {
		c.t.Fatal(err)
	}
	key, err := cosign.ParsePublicKey(b)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := cosign.Inspect(c.t.Context(), c.world.Registry.In(c.desk.Repository()), digest, []cosign.PublicKey{key})
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Sound()
}

const (
	atList      = `Image: $`
	imageCanary = "CANARY image passphrase"
	rootCanary  = "CANARY vortex lamppost ginger saddle"
)

// A person makes a key, signs an index with it, judges it, and leaves; what they typed where the echo
// was off is nowhere on the terminal, nor in a file.
func TestImagesSignLineByLine(t *testing.T) {
	c := newCaretaker(t, nil)
	digest := c.push("v1", true)
	c.push("v2", false)
	ended := c.come(t.Context(), "")
	c.wait(`2 images: 2 unsigned`)
	c.answer(atList, "nothing like it")
	c.wait("Nothing fits")
	c.answer(atList, "v1")
	c.wait("1 of 2 images")
	c.answer(atList, "1")
	c.answer(`Do \(1-3, Enter goes back\): $`, "9")
	c.answer(`A number from 1 to 3.*\n.*: $`, "3") // says why not
	c.answer(`Not now: Content Trust does not sign it.*\n.*: $`, "1")
	c.answer(`Image key \(1-1.*: $`, "")
	c.answer(`Its name \[release\]: $`, "../key")
	c.answer(`Its name: $`, "rel")
	c.secret(`New passphrase.*: $`, imageCanary)
	c.secret(`once more: $`, imageCanary)
	c.wait(`The image key is made\n .*rel.key`)
	c.answer(`each platform too\? \[y/N\] $`, "b") // back to the key
	c.answer(`Image key \(1-2.*: $|Image key \(1-1.*: $`, "b")
	c.answer(`Do \(1-3.*: $`, "1") // and out to the image; once more, with the key that is there now
	c.answer(`Image key \(1-2.*: $`, "1")
	c.answer(`each platform too\? \[y/N\] $`, "n")
	c.answer(`older form.* \[y/N\] $`, "n")
	c.wait(`The last look. Nothing has been done yet(?s:.*)` + digest)
	c.answer(`key: .*rel.key\n +([0-9A-F]{4} *)+(?s:.*)Sign it\? \[y/N\] $`, "n")
	public := filepath.Join(c.world.Home, "images", "rel.pub")
	c.wait(`Do \(1-3`)
	if c.good(digest, public) {
		t.Fatal("signed against the person's word")
	}
	c.answer(`.*: $`, "1")
	c.answer(`Image key.*: $`, "1")
	c.answer(`each platform too.*\] $`, "y")
	c.answer(`older form.*\] $`, "n")
	c.answer(`Sign it.*\] $`, "y")
	c.wait(`Signed\n(?s:.*)made: cosign bundle`)
	c.answer(`Do \(1-3.*: $`, "2")
	c.answer(`By \(1-4.*: $`, "2")
	c.wait(`\n  allowed\n(?s:.*)Use this(?s:.*)/demo/app@` + digest)
	c.answer(`Do \(1-3.*: $`, "")
	c.answer(atList, "")
	if err := c.end(ended); err != nil {
		t.Fatal(err)
	}
	if !c.good(digest, public) {
		t.Error("the registry has no good signature")
	}
	c.nowhere(imageCanary)
}

// nowhere looks for a passphrase on the terminal and in every file of the person.
func (c *caretaker) nowhere(secret string) {
	c.t.Helper()
	if strings.Contains(c.said(), secret) {
		c.t.Error("a passphrase is on the terminal")
	}
	for _, root := range []string{c.dir, os.Getenv("DOCKER_CONFIG")} {
		_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), secret) {
					c.t.Errorf("a passphrase is in %s, or it cannot be read: %v", path, err)
				}
			}
			return nil
		})
	}
}

// Every way out is clean: q and the end of input at any question are no error, and lead to the release
// where the desk was opened from there; Ctrl+C is one.
func TestImagesLeave(t *testing.T) {
	c := newCaretaker(t, nil)
	c.push("v1", false)
	for _, back := range []string{"", "the release"} {
		ended := c.come(t.Context(), back)
		c.answer(atList, "1")
		c.answer(`Do \(1-3.*: $`, "q")
		if err := c.end(ended); (back == "") != (err == nil) || back != "" && !errors.Is(err, errLeft) {
			t.Errorf("q, opened from %q: %v", back, err)
		}
		ended = c.come(t.Context(), back)
		c.answer(`Enter goes back to the release.*\n.*: $|Enter leaves.*\n.*: $`, "")
		if err := c.end(ended); err != nil {
			t.Errorf("Enter: %v", err)
		}
	}
	ended := c.come(t.Context(), "")
	c.wait(atList)
	if _, err := c.master.Write([]byte{4}); err != nil { // Ctrl+D
		t.Fatal(err)
	}
	if err := c.end(ended); err != nil {
		t.Errorf("the end of input: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended = c.come(ctx, "")
	c.wait(atList)
	cancel()
	if err := c.end(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Ctrl+C: %v", err)
	}
}

// Who stops at a passphrase stops what it is for, and stays at the desk; nothing was signed.
func TestImagesStopAtAPassphrase(t *testing.T) {
	c := newCaretaker(t, nil)
	c.push("v1", false)
	ended := c.come(t.Context(), "")
	c.answer(atList, "k")
	c.answer(`Do \(1-3.*: $`, "1")
	c.answer(`Its name.*: $`, "")
	c.wait(`New passphrase.*: $`)
	left := func() bool { return regexp.MustCompile(`Left\.`).MatchString(c.said()) }
	for end := time.Now().Add(patience); !left(); {
		if time.Now().After(end) {
			t.Fatal(c.said())
		}
		// Until the echo is off, Ctrl+D may be lost; one too many would answer the next question.
		if _, err := c.master.Write([]byte{4}); err != nil {
			t.Fatal(err)
		}
		for wait := time.Now().Add(5 * time.Second); !left() && time.Now().Before(wait); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	c.answer(`Do \(1-3.*: $`, "q")
	if err := c.end(ended); err != nil {
		t.Fatal(err)
	}
	if list, err := c.desk.ImageKeys(); err != nil || len(list) != 0 {
		t.Errorf("a key was made: %v, %v", list, err)
	}
}

// strangersRoot is the backup of a root key that is in no folder here.
func strangersRoot(t *testing.T) string {
	client := dct.NewClient(dct.Options{DockerDir: t.TempDir(), StateDir: t.TempDir(), Now: time.Now})
	t.Cleanup(client.Close)
	key, _, err := client.Keys().Generate(t.Context(), "root", func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte("another")), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "stranger.key")
	if err := client.Keys().Backup(key.ID, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// From a repository that nobody signs to one that Content Trust signs, with the rehearsal of the root
// key's backup on the way, another signer, a signature taken back, and what is left carried over to
// cosign. docker trust and notary read what was made.
func TestContentTrustLineByLine(t *testing.T) {
	server := trusttest.Start(t, trusttest.NewCA(t))
	c := newCaretaker(t, server)
	v1, v2 := c.push("v1", true), c.push("v2", false)
	ended := c.come(t.Context(), "")
	const do = `Do \(1-11, Enter goes back\): $`
	c.answer(atList, "t")
	c.wait(`no trust data`)
	c.answer(do, "1")
	c.answer(`Not now: the repository has no root key there.*\n.*: $`, "2")
	c.answer(`Nothing has been done yet(?s:.*)Make it\? \[y/N\] $`, "y")
	c.secret(`New passphrase of the root key.*: $`, "b")
	c.answer(`Go back\? \[y/N\] $`, "y")
	c.answer(`Left\.(?s:.*)`+do, "2") // and no key was made
	c.answer(`There is no root key here(?s:.*)Make it\? \[y/N\] $`, "y")
	c.secret(`New passphrase of the root key.*: $`, "b")
	c.answer(`Go back\? \[y/N\] $`, "n")
	c.secret(`once more: $`, "b")
	c.answer(`Warning: (?s:.*)weak(?s:.*)all the same\? \[y/N\] $`, "n")
	c.secret(`New passphrase of the root key.*: $`, rootCanary)
	c.secret(`once more: $`, rootCanary)
	backup := filepath.Join(t.TempDir(), "root.key")
	c.answer(`The file for the backup.*: $`, "/no/such/folder/root.key")
	c.answer(`The file for the backup.*: $`, backup)
	c.answer(`The file to open.*: $`, strangersRoot(t))
	c.secret(`Passphrase of the root key.*: $`, "another")
	c.wait(`is that of another root key`)
	c.answer(`The file to open.*: $`, "")
	c.secret(`Passphrase of the root key.*: $`, "wrong")
	c.secret(`not the right one(?s:.*)Passphrase of the root key.*: $`, rootCanary)
	c.wait(`The backup opens`)
	c.wait(`Give it its root key. Nothing has been done yet`)
	c.answer(`Type [0-9a-f]{8}, the end of the root key's id(?s:.*): $`, "y")
	end := c.wait(`That is not it(?s:.*)Type ([0-9a-f]{8}), the end`)[1]
	c.answer(`: $`, end)
	c.secret(`New passphrase of the targets key.*: $`, "CANARY targets")
	c.secret(`once more: $`, "CANARY targets")
	root := c.wait(`The root certificate.*\n +([0-9a-f]{64})`)[1]
	c.answer(do, "")
	for _, tag := range []string{"v1", "v2"} {
		c.answer(atList, tag)
		c.answer(atList, "1")
		c.answer(`Do \(1-3.*: $`, "1")
		c.answer(`Sign \(1-3.*: $`, "3")
		c.answer(`Sign it\? \[y/N\] $`, "y")
		c.wait(`Signed\n.*:` + tag + `(?s:.*)made: Content Trust`)
		c.answer(`Do \(1-3.*: $`, "")
		c.answer(atList, "a")
	}
	c.answer(atList, "t")
	c.answer(do, "11")
	c.answer(`Do \(1-6.*: $`, "5")
	c.answer(`name: $`, "alice")
	c.answer(`The file for the public key.* \[alice.pub\]: $`, backup)
	c.answer(`is there already(?s:.*)\[alice.pub\]: $`, "")
	c.secret(`New passphrase of the.*alice.*: $`, "CANARY alice")
	c.secret(`once more: $`, "CANARY alice")
	c.wait(`The key is made`)
	c.answer(`Do \(1-6.*: $`, "")
	c.answer(do, "3")
	c.answer(`name: $`, "alice")
	c.answer(`\(NAME.pub\): $`, "alice.pub")
	c.answer(`Let alice sign(?s:.*)Let them sign\? \[y/N\] $`, "y")
	c.wait(`signer: alice\n +[0-9a-f]{12}\.\.\., at hand`)
	c.answer(do, "1")
	c.answer(`The tag: $`, "v9")
	c.answer(`does not sign a tag v9.*\n.*: $`, "v2")
	c.answer(`Take it back\? \[y/N\] $`, "y")
	c.wait(`Taken back: v2`)
	c.answer(do, "")
	c.answer(atList, "m")
	c.wait(`0 carried over, 0 were so before(?s:.*)Would be carried over\n +v1`)
	c.answer(`Image key \(1-1.*: $`, "")
	c.answer(`Its name.*: $`, "")
	c.secret(`New passphrase.*: $`, imageCanary)
	c.secret(`once more: $`, imageCanary)
	c.answer(`Carry them over\? \[y/N\] $`, "y")
	c.wait(`What was carried over(?s:.*)1 carried over`)
	c.answer(atList, "m")
	c.wait(`looking: 1 of 1(?s:.*)Nothing to carry over(?s:.*)0 carried over, 1 were so before`)
	c.answer(atList, "p")
	c.answer(`Print \(1-5.*: $`, "1")
	c.wait(root + `(?s:.*)\n\[\[policy.image\]\]\nrepository`)
	c.answer(`Print \(1-5.*: $`, "4")
	c.wait(`"cert-ids"(?s:.*)` + root)
	c.answer(`Print \(1-5.*: $`, "2")
	c.wait(`kyverno`)
	c.answer(`Print \(1-5.*: $`, "q")
	if err := c.end(ended); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{rootCanary, "CANARY targets", "CANARY alice", imageCanary} {
		c.nowhere(secret)
	}
	public := filepath.Join(c.world.Home, "images", "release.pub")
	if !c.good(v1, public) || c.good(v2, public) {
		t.Errorf("carried over: v1 %v, v2 %v", c.good(v1, public), c.good(v2, public))
	}
	c.judged(server, v1)
}

// judged lets the peers say what is signed: v1 and nothing else.
func (c *caretaker) judged(server *trusttest.Server, v1 string) {
	c.t.Helper()
	name := c.desk.Repository().String()
	dir := trusttest.DockerDir(c.t, server.CA, "{}", server.Host)
	out, err := trusttest.Notary(c.t, server, dir).Run("list", name, "-r", "targets/releases")
	if err != nil {
		c.t.Errorf("notary: %v", err)
	}
	both, err := trusttest.Notary(c.t, server, dir).Run("list", name)
	if err != nil || !strings.Contains(out+both, strings.TrimPrefix(v1, "sha256:")) || regexp.MustCompile(`(?m)^v2 `).MatchString(out+both) {
		c.t.Errorf("notary lists:\n%s%s%v", out, both, err)
	}
}

// While a trust server hangs it is named, and not the registry that has answered.
func TestImagesNameTheServerThatHangs(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	c := newCaretaker(t, nil)
	t.Setenv("DOCKER_CONTENT_TRUST_SERVER", "https://"+silent.Addr().String())
	c.push("v1", false)
	if err := c.desk.Pin([]string{strings.Repeat("5e", 32)}); err != nil {
		t.Fatal(err)
	}
	c.beat = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := c.come(ctx, "")
	c.wait(`still waiting for the trust server ` + regexp.QuoteMeta(silent.Addr().String()))
	cancel()
	if err := c.end(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A registry that does not answer is told, and the desk stays open for what needs none.
func TestImagesOfADeadRegistry(t *testing.T) {
	c := newCaretaker(t, nil)
	c.reg.Close()
	ended := c.come(t.Context(), "")
	c.wait(`cannot be reached`)
	c.answer(`There is no image to show(?s:.*)`+atList, "d")
	c.wait(`error: The registry`)
	c.answer(atList, "k")
	c.wait(`There is none yet`)
	c.answer(`Do \(1-3.*: $`, "")
	c.answer(atList, "f")
	c.answer(`The Dockerfile.*: $`, "none")
	c.answer(`Build arguments.*: $`, "")
	c.answer(atList, "")
	if err := c.end(ended); err != nil {
		t.Fatal(err)
	}
}

// The images of a Dockerfile, judged where it lies.
func TestBasesLineByLine(t *testing.T) {
	c := newCaretaker(t, nil)
	c.push("v1", false)
	file := filepath.Join(c.dir, "Dockerfile")
	if err := os.WriteFile(file, []byte("ARG V\nFROM "+c.reg.Host()+"/demo/app:${V} AS build\nFROM scratch\nCOPY --from=build / /\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended := c.come(t.Context(), "")
	c.answer(atList, "f")
	c.answer(`The Dockerfile \[Dockerfile\]: $`, "")
	c.answer(`Build arguments.*: $`, "V=v1 nonsense")
	c.answer(`A build argument is NAME=VALUE(?s:.*)Build arguments.*: $`, "V=v1")
	c.wait(`demo/app:v1\n +line: 2, (?s:.*)refused`)
	c.answer(atList, "q")
	if err := c.end(ended); err != nil {
		t.Fatal(err)
	}
}
