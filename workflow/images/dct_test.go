package images

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/docker/dct/trusttest"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/workflow/keydesk"
	"bulla/workflow/policy"
	"bulla/workflow/world"
)

// trustPlace is a place with a real trust server and a repository that the notary command has
// initialised there.
type trustPlace struct {
	*place
	server *trusttest.Server
	notary *trusttest.Peer
	dir    string // Docker's folder
	root   string // id of the root certificate
}

func newTrustPlace(t testing.TB) *trustPlace {
	t.Helper()
	p := &trustPlace{place: newPlace(t, loopback.StartWithoutReferrers), server: trusttest.Start(t, trusttest.NewCA(t))}
	p.dir = trusttest.DockerDir(t, p.server.CA, "{}", strings.TrimPrefix(p.server.URL, "https://"))
	p.notary = trusttest.Notary(t, p.server, p.dir)
	p.notary.Must("init", p.gun(), "-p")
	p.notary.Must("key", "rotate", p.gun(), "snapshot", "-r")
	list := p.dct().Examine(t.Context(), p.repository(), p.server.URL)
	if len(list.Roots) != 1 || list.Err != nil {
		t.Fatalf("the root: %+v", list)
	}
	p.root = list.Roots[0]
	return p
}

func (p *trustPlace) gun() string { return p.reg.Host() + "/demo/app" }

// dct is a person who has seen nothing yet.
func (p *trustPlace) dct() *DCT {
	p.t.Helper()
	env := map[string]string{"DOCKER_CONFIG": p.dir, "DOCKER_CONTENT_TRUST_SERVER": p.server.URL}
	d := NewDCT(&world.World{Registry: p.world.Registry, Places: keydesk.Places{Home: p.t.TempDir(), Env: func(n string) string { return env[n] }, Now: p.world.Now}})
	p.t.Cleanup(d.Close)
	return d
}

// notarise signs tags with the notary command, all in one publish.
func (p *trustPlace) notarise(list ...docker.Image) {
	p.t.Helper()
	for _, img := range list {
		p.notary.Must("addhash", p.gun(), img.Reference.Tag(), strconv.FormatInt(img.Size, 10), "--sha256", strings.TrimPrefix(img.Digest, "sha256:"))
	}
	p.notary.Must("publish", p.gun())
}

func answer(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
	if req.Attempt > 1 {
		return keys.Secret{}, keys.ErrWrongPassphrase
	}
	if req.Purpose == keys.PurposeTrustRoot {
		return keys.NewSecret([]byte(trusttest.RootPassphrase)), nil
	}
	return keys.NewSecret([]byte(trusttest.Passphrase)), nil
}

// rehearse makes a backup of the root key and tries it: nothing is signed before.
func (p *trustPlace) rehearse(d *DCT) {
	p.t.Helper()
	folder := d.Keys()
	list, err := folder.List()
	if err != nil || len(list) == 0 || list[0].Role != "root" {
		p.t.Fatal(list, err)
	}
	backup := filepath.Join(p.t.TempDir(), "root.key")
	if err := folder.Backup(list[0].ID, backup); err != nil {
		p.t.Fatal(err)
	}
	if _, err := folder.Rehearse(p.t.Context(), backup, answer); err != nil {
		p.t.Fatal(err)
	}
}

// Signed by the notary command: the gate, the survey and the doctor say so; with another root, a
// dead server and a moved tag they do not.
func TestContentTrustForReal(t *testing.T) {
	p := newTrustPlace(t)
	img, moved := p.push("v1", true), p.push("v2", false)
	p.push("plain", false)
	p.notarise(img, moved)
	now := p.push("v2", false)
	by := []policy.System{policy.SystemContentTrust}
	gate := func(tag string, o Options) Decision {
		t.Helper()
		o.By = by
		d, err := Gate(t.Context(), p.verifier(), p.image(p.host+"/demo/app:"+tag).Reference, o, false)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	root := []string{p.root}
	if d := gate("v1", Options{Trust: p.dct(), Roots: root}); d.Outcome != Allowed || d.Pull.Digest() != img.Digest {
		t.Errorf("v1: %+v", d)
	}
	if d := gate("v2", Options{Trust: p.dct(), Roots: root}); d.Outcome != Refused || len(d.Tag.Moved) != 1 || d.Tag.Moved[0].From != moved.Digest || d.Tag.Image.Digest != now.Digest {
		t.Errorf("v2: %+v", d)
	}
	if d := gate("plain", Options{Trust: p.dct(), Roots: root}); d.Outcome != Refused {
		t.Errorf("plain: %+v", d)
	}
	if d := gate("v1", Options{Trust: p.dct(), Roots: []string{strings.Repeat("ab", 32)}}); d.Outcome != Refused {
		t.Errorf("another root: %+v", d.Verdicts())
	}
	if d := gate("v1", Options{Trust: p.dct()}); d.Outcome != Unchecked {
		t.Errorf("no root: %+v", d.Verdicts())
	}
	if d := gate("v1", Options{Trust: p.dct(), FirstUse: true}); d.Outcome != Allowed {
		t.Errorf("first use: %+v", d.Verdicts())
	}

	// The key's own id pins too, as some daemon.json have it.
	list, err := p.dct().Keys().List()
	if err != nil || len(list) == 0 || list[0].Role != "root" {
		t.Fatal(list, err)
	}
	if d := gate("v1", Options{Trust: p.dct(), Roots: []string{list[0].ID}}); d.Outcome != Allowed {
		t.Errorf("by the root key: %+v", d.Verdicts())
	}

	_, got := p.survey(Options{Trust: p.dct(), Roots: root})
	if got["v1"].Verdict().Status != keys.StatusGood || got["v2"].Verdict().Status != keys.StatusBad || got["plain"].Verdict().Status != keys.StatusUnsigned {
		t.Errorf("survey: %+v", got)
	}

	// A server that says it never had what is pinned: nothing is known to be wrong, and nothing is checked.
	none, err := docker.ParseRepository(p.host + "/demo/none")
	if err != nil {
		t.Fatal(err)
	}
	var missing *dct.NotInitializedError
	var untrusted *UntrustedError
	if _, err := p.dct().Read(t.Context(), none, root, "", false); !errors.As(err, &missing) || errors.As(err, &untrusted) {
		t.Errorf("no data under a pin: %v", err)
	}

	// A server that has been seen and is dead by now is no success out of a cache.
	d := p.dct()
	if x := gate("v1", Options{Trust: d, Roots: root}); x.Outcome != Allowed {
		t.Fatalf("got %+v", x)
	}
	p.server.Stop()
	if x := gate("v1", Options{Trust: d, Roots: root}); x.Outcome != Unchecked {
		t.Errorf("the server is dead: %+v", x.Verdicts())
	}
	if x := d.Examine(t.Context(), p.repository(), ""); x.Err == nil || x.Signed {
		t.Errorf("the server is dead: %+v", x)
	}
}

// One digest, both ways: the notary command, docker trust and cosign all see it.
func TestSignBothWays(t *testing.T) {
	p := newTrustPlace(t)
	img := p.push("v1", true)
	d := p.dct()
	o := Options{Roots: []string{p.root}}
	if err := d.CanSign(t.Context(), p.repository(), o); err != nil {
		t.Fatal(err)
	}
	s, public := p.fileSigner()
	if _, err := cosign.Sign(t.Context(), p.world.Registry, img, s, someTime); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Sign(t.Context(), img, o, answer); err == nil {
		t.Fatal("signed without a backup of the root key that was tried")
	}
	p.rehearse(d)
	if _, err := d.Sign(t.Context(), img, o, answer); err != nil {
		t.Fatal(err)
	}
	o.By, o.Trust = both, p.dct()
	if x, err := Gate(t.Context(), p.verifier(), img.Reference, o, false); err != nil || x.Outcome != Allowed || len(x.Verdicts()) != 2 {
		t.Errorf("got %+v, %v", x.Verdicts(), err)
	}
	if out := p.notary.Must("lookup", p.gun(), "v1"); !strings.Contains(out, strings.TrimPrefix(img.Digest, "sha256:")) {
		t.Errorf("notary says %s", out)
	}
	docker := trusttest.Docker(t, p.server, p.dir)
	if in, err := docker.Inspect(p.gun() + ":v1"); err != nil || len(in.SignedTags) != 1 || "sha256:"+in.SignedTags[0].Digest != img.Digest {
		t.Errorf("docker says %+v, %v", in, err)
	}
	if err := p.cosignVerify(public, img); err != nil {
		t.Error(err)
	}
	// Without a root nothing is begun.
	if err := p.dct().CanSign(t.Context(), p.repository(), Options{}); !errors.Is(err, ErrNoRoot) {
		t.Errorf("got %v", err)
	}
}

// fileSigner is a signer with its public key in a file.
func (p *trustPlace) fileSigner() (*cosign.Signer, string) {
	s := p.signer()
	return s, p.keys[len(p.keys)-1]
}

func (p *trustPlace) cosignVerify(public string, img docker.Image) error {
	p.t.Helper()
	_, errs, err := keystest.Run(p.t, nil, []string{"TUF_ROOT=" + p.t.TempDir()}, keystest.Peer(p.t, "cosign"),
		"verify", "--key", public, "--insecure-ignore-tlog=true", "-a", "tag="+img.Reference.Tag(), img.Reference.Repository().String()+"@"+img.Digest)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, errs)
	}
	return nil
}

// A repository of fifty tags, signed by the notary command, is walked over to cosign.
func TestMigrate(t *testing.T) {
	p := newTrustPlace(t)
	const n = 50
	var list []docker.Image
	for i := range n {
		list = append(list, p.push(fmt.Sprintf("v%d", i), i%10 == 0))
	}
	p.notarise(list...)
	moved := p.push("v7", false)
	p.push("unsigned", false)
	s, public := p.fileSigner()
	p.sign(list[3], s) // before
	data, err := p.dct().Read(t.Context(), p.repository(), []string{p.root}, "", false)
	if err != nil {
		t.Fatal(err)
	}
	run := func(dry bool) map[string]Carriage {
		t.Helper()
		got := map[string]Carriage{}
		if err := Migrate(t.Context(), p.world.Registry, p.repository(), data, s, p.world.Now, dry, func(c Carriage) { got[c.Tag] = c }); err != nil {
			t.Fatal(err)
		}
		if len(got) != n {
			t.Errorf("%d tags of %d, %v", len(got), n, got["unsigned"])
		}
		return got
	}
	tally := func(got map[string]Carriage) string {
		count := map[Carry]int{}
		for _, c := range got {
			count[c.Result]++
		}
		return fmt.Sprint(count)
	}
	if got := tally(run(true)); got != "map[existing:1 not-carried:1 would-carry:48]" {
		t.Errorf("dry: %s", got)
	}
	got := run(false)
	if x := tally(got); x != "map[carried:48 existing:1 not-carried:1]" {
		t.Errorf("got %s", x)
	}
	if c := got["v7"]; c.Digest != list[7].Digest || !strings.Contains(c.Reason, moved.Digest) {
		t.Errorf("the moved one: %+v", c)
	}
	if c := got["v10"]; len(c.Signers) == 0 || c.Signature.Digest != list[10].Digest || c.Reason != "" {
		t.Errorf("v10: %+v", c)
	}
	for _, i := range []int{0, 3, 10, 49} {
		if err := p.cosignVerify(public, list[i]); err != nil {
			t.Errorf("v%d: %v", i, err)
		}
	}
	if p.cosignVerify(public, moved) == nil {
		t.Error("the moved one was signed")
	}
	if x := tally(run(false)); x != "map[existing:49 not-carried:1]" {
		t.Errorf("again: %s", x)
	}
	if x := tally(run(true)); x != "map[existing:49 not-carried:1]" {
		t.Errorf("dry, with nothing left: %s", x)
	}
	// A registry that lost a tag, and one that is out of order.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Migrate(ctx, p.world.Registry, p.repository(), data, s, p.world.Now, false, func(Carriage) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Two tags of one digest get a signature each, and a migration that is begun anew writes nothing.
func TestMigrateTwoTagsOfOneDigest(t *testing.T) {
	p := newPlace(t, loopback.Start)
	s := p.signer()
	img := p.push("1.4.0-rc1", false)
	repo := p.world.Registry.In(p.repository())
	m, err := repo.Manifest(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.PutManifest(t.Context(), "1.4.0", img.MediaType, m.Raw); err != nil {
		t.Fatal(err)
	}
	data := trustServer{tags: map[string]string{"1.4.0-rc1": img.Digest, "1.4.0": img.Digest}}
	for _, want := range []Carry{Carried, CarriedPast} {
		err := Migrate(t.Context(), p.world.Registry, p.repository(), data, s, p.world.Now, false, func(c Carriage) {
			if c.Result != want {
				t.Errorf("%s: %s, not %s", c.Tag, c.Result, want)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := cosign.Inspect(t.Context(), repo, img.Digest, []cosign.PublicKey{s.Public()})
		var tags []string
		for _, x := range r.Signatures {
			tags = append(tags, x.Tag)
		}
		slices.Sort(tags)
		if err != nil || !slices.Equal(tags, []string{"1.4.0", "1.4.0-rc1"}) {
			t.Errorf("signed as %v, %v", tags, err)
		}
	}
}

func TestMigrateFromABadRegistry(t *testing.T) {
	p := newPlace(t, loopback.Start)
	s := p.signer()
	img := p.push("v1", false)
	data := trustServer{tags: map[string]string{"v1": img.Digest, "gone": img.Digest, "bad name": img.Digest}}
	var got []string
	emit := func(c Carriage) { got = append(got, c.Tag+" "+string(c.Result)) }
	if err := Migrate(t.Context(), p.world.Registry, p.repository(), data, s, p.world.Now, false, emit); err != nil {
		t.Fatal(err)
	}
	p.reg.Close()
	if err := Migrate(t.Context(), p.world.Registry, p.repository(), trustServer{tags: map[string]string{"v1": img.Digest}}, s, p.world.Now, false, emit); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if want := "[bad name not-carried gone not-carried v1 carried v1 failed]"; fmt.Sprint(got) != want {
		t.Errorf("got %v", got)
	}
}
