package ui

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulla/docker"
	"bulla/docker/dct/trusttest"
	"bulla/docker/loopback"
	"bulla/keys/keystest"
	"bulla/workflow"
	"bulla/workflow/images"
	"bulla/workflow/verify"
	"bulla/workflow/world"
)

// realImages is the page of a repository in a real registry beside a real trust server.
type realImages struct {
	*player
	server *trusttest.Server
	docker string // Docker's folder
	home   string // of all files that are written
	name   string // of the repository
	reg    *loopback.Registry
}

func playRealImages(t *testing.T) *realImages {
	t.Helper()
	x := &realImages{server: trusttest.Start(t, trusttest.NewCA(t)), home: t.TempDir()}
	x.docker = trusttest.DockerDir(t, x.server.CA, "{}", x.server.Host)
	t.Setenv("DOCKER_CONFIG", x.docker)
	var err error
	if x.reg, err = loopback.StartWithoutReferrers(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.reg.Close)
	for _, tag := range []string{"1.0.0", "1.1.0"} {
		if _, err := x.reg.PushRandom(t.Context(), "demo/app", tag, 100, tag == "1.1.0"); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"DOCKER_CONFIG": x.docker, "DOCKER_CONTENT_TRUST_SERVER": x.server.URL}
	w, err := world.New(t.Context(), world.Options{
		Home: filepath.Join(x.home, "bulla"), NoGnuPG: true, NoKeychain: true, Env: func(n string) string { return env[n] }, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	x.name = x.reg.Host() + "/demo/app"
	repo, err := docker.ParseRepository(x.name)
	if err != nil {
		t.Fatal(err)
	}
	d := images.NewDCT(w)
	t.Cleanup(d.Close)
	desk := images.NewDesk(images.DeskOptions{World: w, DCT: d, Repository: repo, Verifier: func(ctx context.Context) (*verify.Verifier, error) {
		return workflow.NewVerifier(ctx, w, verify.Options{Dir: x.home})
	}})
	x.player = playImages(t, nil, func(o *ImagesOptions) {
		o.Name, o.Desk, o.Doctor, o.Now = x.name, desk, desk.Doctor, time.Now
		o.Path = func(s string) string { return filepath.Join(x.home, strings.TrimPrefix(s, x.home)) }
		o.Open = func(ctx context.Context) (Images, error) {
			s, err := desk.Open(ctx)
			if err != nil {
				return nil, err
			}
			return s, nil
		}
	}, false)
	return x
}

// TestImagesForReal does with a real registry and a real trust server what a person does on the page:
// both kinds of keys are made, the root key's backup is tried, a tag is signed both ways and taken back,
// the rest is carried over; notary and cosign judge. The passphrase is on no screen and in no file.
func TestImagesForReal(t *testing.T) {
	x := playRealImages(t)
	notary := trusttest.Notary(t, x.server, x.docker)
	cosign := keystest.Peer(t, "cosign")
	x.size(100, 60).see("2 unsigned").standing()
	x.choose("Give the repository").see("make it").press("y").see("once more").answer().answer()
	x.see("Back the root key up").press("root.key", "enter").see("Try the backup").press("enter").see("From your memory").answer()
	x.see("Give it its root key").see("the end of the root key")
	_, after, _ := strings.Cut(x.r.View(), "Type ")
	x.press(after[:8], "enter").see("once more").answer().answer().see("Root certificate").see("at hand").press("esc")
	x.choose("Make a key pair").press("enter").see("once more").answer().answer().see("Give this one").press("esc").standing()

	x.on("1.1.0").press("S").see("Sign 1.1.0").press("right", "tab", " ", "tab", "enter").see("last look").press("y").see("read back").press("esc", "home").see("good, cosign bundle")
	if out := notary.Must("lookup", x.name, "1.1.0"); !strings.Contains(out, "sha256") && !strings.Contains(out, "1.1.0") {
		t.Errorf("notary says %s", out)
	}
	x.press("v").see("from here on").press("c").see("clipboard").press("esc")
	if len(x.copied) != 1 {
		t.Fatalf("copied %q", x.copied)
	}
	judge := func(ref string) error {
		_, _, err := keystest.Run(t, nil, []string{"TUF_ROOT=" + t.TempDir()}, cosign, "verify", "--key", filepath.Join(x.home, "bulla/images/release.pub"), "--insecure-ignore-tlog=true", ref)
		return err
	}
	if err := judge(x.copied[0]); err != nil {
		t.Error(err)
	}
	x.press("esc").on("1.0.0").press("S").see("Sign 1.0.0").press("right", "right", "tab", "enter").see("last look").press("y").see("read back").press("esc")
	x.chooseOnce("Carry its").see("carry them over").press("y").see("1 carried over, 1 were so before").press("esc", "home").see("2 signed")
	x.chooseOnce("Take back its").see("take it back").press("y").see("is signed there no more")
	if out, err := notary.Run("lookup", x.name, "1.0.0"); err == nil {
		t.Errorf("notary still has it: %s", out)
	}
	// A registry that stops in the middle is told; nothing is signed.
	x.press("S").see("Sign 1.0.0").press("tab", "enter").see("last look")
	x.reg.Close()
	x.press("y").see("cannot be reached").press("esc")
	notInFiles(t, x.home)
	notInFiles(t, x.docker)
}

// chooseOnce is choose once the item can be taken: what can be done is asked anew after every change.
func (p *player) chooseOnce(name string) *player {
	p.t.Helper()
	for limit := time.After(patience); ; {
		p.press("a").see("What to do")
		for range 30 {
			if strings.Contains(p.r.View(), "> "+name) {
				return p.press("enter")
			}
			p.press("down")
		}
		p.press("esc")
		select {
		case msg := <-p.msgs:
			p.apply(msg)
		case <-limit:
			p.t.Fatalf("it cannot be taken: %s", name)
		}
	}
}
