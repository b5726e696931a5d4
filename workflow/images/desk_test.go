package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/docker/dct/trusttest"
	"bulla/docker/loopback"
	"bulla/keys"
	"bulla/workflow/verify"
)

// desk is the Desk of somebody at the place, who talks to trust servers by d.
func (p *place) desk(d *DCT, o Options) *Desk {
	x := NewDesk(DeskOptions{World: p.world, DCT: d, Repository: p.repository(), Look: o, Verifier: func(ctx context.Context) (*verify.Verifier, error) {
		return p.verifierWith(ctx, verify.Options{Dir: p.t.TempDir(), Keys: p.keys})
	}})
	p.t.Cleanup(func() { _ = x.Close() })
	return x
}

// told collects what a face is told, in words, and answers by ask.
func told(list *[]string, ask keys.AskPassphrase) Face {
	return Face{Ask: ask, Emit: func(e Event) {
		switch e := e.(type) {
		case Began:
			*list = append(*list, string(e.Doing))
		case CosignSigned:
			*list = append(*list, string(e.Form))
		case TrustSigned:
			*list = append(*list, "content trust "+strings.Join(e.Signed.Roles, "+"))
		case TagCarried:
			*list = append(*list, fmt.Sprintf("%d/%d", e.Done, e.Total))
		}
	}}
}

func secret(s string) keys.Secret { return keys.NewSecret([]byte(s)) }

// A key whose password is changed while it signs goes on signing, and is closed then.
func TestDeskKeepsTheKeyInUse(t *testing.T) {
	p := newPlace(t, loopback.Start)
	img, ctx := p.push("v1", true), t.Context()
	d := p.desk(nil, Options{})
	key, err := d.GenerateImageKey(ctx, "release", secret("an image passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return secret("an image passphrase"), nil
	}
	var used *cosign.Signer
	face := Face{Ask: ask, Emit: func(e Event) {
		if b, ok := e.(Began); !ok || b.Doing != DoingSignCosign {
			return
		}
		used = d.signers[key.Path]
		if _, err := d.ChangeImageKeyPassword(ctx, key.Path, ask, secret("another passphrase")); err != nil {
			t.Error(err)
		}
	}}
	out, err := d.Sign(ctx, SignOrder{Image: img, With: WithCosign, Key: key.Path, Recursive: true}, face)
	if err != nil || len(out.Cosign) != 3 || used == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := cosign.Sign(ctx, p.world.Registry, p.push("v2", false), used, someTime); !errors.Is(err, cosign.ErrLocked) {
		t.Errorf("a key that was forgotten stays open: %v", err)
	}
	if len(d.signers) != 0 || len(d.inUse) != 0 {
		t.Errorf("kept: %v, %v", d.signers, d.inUse)
	}
}

// The whole life of a repository at the desk: root key, backup, rehearsal, first signature both ways, a
// second signer, revocation, rotation; the notary command and cosign judge.
func TestDeskForReal(t *testing.T) {
	p := &trustPlace{place: newPlace(t, loopback.Start), server: trusttest.Start(t, trusttest.NewCA(t))}
	p.dir = trusttest.DockerDir(t, p.server.CA, "{}", strings.TrimPrefix(p.server.URL, "https://"))
	p.notary = trusttest.Notary(t, p.server, p.dir)
	ctx, img := t.Context(), p.push("v1", true)
	d := p.desk(p.dct(), Options{})
	view := func() TrustView {
		t.Helper()
		v, err := d.Trust(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := view(); !v.Untouched() || v.Server != p.server.URL || v.State != nil || v.Pins.Pinned() {
		t.Errorf("at first: %+v", v)
	}
	var none *dct.RootKeyError
	if err := d.CanInitialize(ctx, ""); !errors.As(err, &none) {
		t.Errorf("without a root key: %v", err)
	}
	root, _, err := d.GenerateTrustKey(ctx, "root", answer)
	if err != nil {
		t.Fatal(err)
	}
	var untried *dct.CustodyError
	if err := d.CanInitialize(ctx, ""); !errors.As(err, &untried) {
		t.Errorf("without a backup: %v", err)
	}
	backup := filepath.Join(t.TempDir(), "root.backup")
	if err := d.BackUpRoot(root.ID, backup); err != nil {
		t.Fatal(err)
	}
	if id, err := d.RehearseRoot(ctx, backup, answer); err != nil || id != root.ID {
		t.Fatal(id, err)
	}
	if _, err := d.InitializeTrust(ctx, root.ID, Face{Ask: answer}); err != nil {
		t.Fatal(err)
	}
	v := view()
	if len(v.Roots) != 1 || v.Roots[0].Path != root.Path || v.Roots[0].Custody.Backup != backup || !v.Pins.OwnPinned() || v.Pins.Trust.Certificates[0] != v.Roots[0].ID {
		t.Errorf("initialised: %+v", v)
	}

	// Signed both ways, in one step; the key is opened once.
	key, err := d.GenerateImageKey(ctx, "release", secret("an image passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	pr, err := d.Prospects(ctx, img.Reference, true)
	if err != nil || pr.Image.Digest != img.Digest || len(pr.Keys) != 1 || pr.PushErr != nil || pr.Trust == nil || fmt.Sprint(pr.Trust.Roles) != "[targets]" {
		t.Fatalf("%+v, %v", pr, err)
	}
	var list []string
	ask := d.Remembered(answer, nil)
	out, err := d.Sign(ctx, SignOrder{Image: pr.Image, With: WithBoth, Recursive: true}, told(&list, ask))
	if err != nil || !out.Public() || len(out.Cosign) != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	if want := "[resolve open-key read-trust publish-trust content trust targets sign-cosign bundle bundle bundle]"; fmt.Sprint(list) != want {
		t.Errorf("told %v", list)
	}
	if out := p.notary.Must("lookup", p.gun(), "v1"); !strings.Contains(out, strings.TrimPrefix(img.Digest, "sha256:")) {
		t.Errorf("notary says %s", out)
	}
	if err := p.cosignVerify(key.PublicPath(), img); err != nil {
		t.Error(err)
	}
	if dec, err := d.Gate(ctx, img.Reference, both); err != nil || dec.Outcome != Allowed || dec.Pull.Digest() != img.Digest {
		t.Errorf("%+v, %v", dec, err)
	}
	list = nil
	if out, err = d.Sign(ctx, SignOrder{Image: pr.Image, With: WithBoth}, told(&list, ask)); err != nil || out.Public() || slices.Contains(list, string(DoingOpenKey)) {
		t.Errorf("again: %+v, %v, %v", out, list, err)
	}

	// A tag that moved since it was looked at is not signed.
	p.push("v1", false)
	var moved *docker.MovedError
	if out, err = d.Sign(ctx, SignOrder{Image: pr.Image, With: WithBoth}, told(&list, ask)); !errors.As(err, &moved) || out.Public() {
		t.Errorf("%+v, %v", out, err)
	}

	// A signer comes, the keys change, the tag goes; notary follows.
	_, pub, err := d.GenerateTrustKey(ctx, "alice", answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, existing, err := d.AddSigner(ctx, "alice", []dct.PublicKey{pub}, Face{Ask: answer}); err != nil || existing {
		t.Fatal(existing, err)
	}
	if _, err := d.RotateTargets(ctx, Face{Ask: answer}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Revoke(ctx, "v1", Face{Ask: answer}); err != nil {
		t.Fatal(err)
	}
	v2 := p.push("v2", false)
	if out, err = d.Sign(ctx, SignOrder{Image: v2, With: WithContentTrust}, told(&list, answer)); err != nil || fmt.Sprint(out.Trust.Roles) != "[targets/alice targets/releases]" {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := p.notary.Run("lookup", p.gun(), "v1"); err == nil {
		t.Errorf("notary still has v1: %s", out)
	}
	p.notary.Must("lookup", p.gun(), "v2")
	if _, err := d.RemoveSigner(ctx, "alice", true, Face{Ask: answer}); err != nil {
		t.Fatal(err)
	}

	// Another root key, whose backup was tried; the pin follows.
	next, _, err := d.GenerateTrustKey(ctx, "root", answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.RotateRoot(ctx, next.ID, Face{Ask: answer}); !errors.As(err, &untried) {
		t.Errorf("a root key without a backup: %v", err)
	}
	other := filepath.Join(t.TempDir(), "next.backup")
	if err := d.BackUpRoot(next.ID, other); err != nil {
		t.Fatal(err)
	}
	if _, err := d.RehearseRoot(ctx, other, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := d.RotateRoot(ctx, next.ID, Face{Ask: answer}); err != nil {
		t.Fatal(err)
	}
	if v = view(); v.Roots[0].KeyID != next.ID || v.Pins.Trust.Certificates[0] != v.Roots[0].ID || v.Err != nil {
		t.Errorf("rotated: %+v", v)
	}

	// Unpinned, nothing is trusted; pinned again, it is.
	id := v.Roots[0].ID
	if had, err := d.Unpin(); !had || err != nil {
		t.Fatal(had, err)
	}
	var unpinned *dct.UnpinnedError
	if v = view(); !errors.As(v.Err, &unpinned) || unpinned.Shown[0].ID != id {
		t.Errorf("unpinned: %+v", v.Err)
	}
	if err := d.Pin([]string{id}); err != nil {
		t.Fatal(err)
	}
	if r, err := d.PinRule(ctx); err != nil || fmt.Sprint(r.Roots) != "["+id+"]" {
		t.Errorf("%+v, %v", r, err)
	}
	// A server that has died is no success out of a cache.
	p.server.Stop()
	var dead *dct.ServerError
	if v = view(); !errors.As(v.Err, &dead) {
		t.Errorf("dead: %+v", v)
	}
	if _, err = d.Sign(ctx, SignOrder{Image: v2, With: WithContentTrust}, told(&list, answer)); !errors.As(err, &dead) {
		t.Errorf("dead: %v", err)
	}
}

// A wrong passphrase is told from a missing key, and nothing is made by either.
func TestDeskWrongPassphrase(t *testing.T) {
	p := newTrustPlace(t)
	img := p.push("v1", false)
	dctOf := p.dct()
	p.rehearse(dctOf)
	d := p.desk(dctOf, Options{Roots: []string{p.root}})
	wrong := func(context.Context, keys.PassphraseRequest) (keys.Secret, error) { return secret("wrong"), nil }
	var locked *keys.UnlockError
	var list []string
	if _, err := d.Sign(t.Context(), SignOrder{Image: img, With: WithContentTrust}, told(&list, wrong)); !errors.As(err, &locked) || locked.Request.Purpose != keys.PurposeTrust {
		t.Errorf("content trust: %v", err)
	}
	if _, err := d.Sign(t.Context(), SignOrder{Image: img, With: WithCosign}, told(&list, wrong)); !errors.Is(err, ErrNoKey) {
		t.Errorf("no image key: %v", err)
	}
	key, err := d.GenerateImageKey(t.Context(), "release", secret("right"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := d.Sign(t.Context(), SignOrder{Image: img, With: WithBoth}, told(&list, wrong)); !errors.As(err, &locked) || locked.Request.Purpose != keys.PurposeImage || out.Public() {
		t.Errorf("image key: %+v, %v", out, err)
	}
	for _, k := range []string{"targets", "root"} {
		keysOf, _ := d.TrustKeys()
		for _, have := range keysOf {
			if have.Role == k {
				if err := os.Remove(have.Path); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	fresh := p.desk(p.dct(), Options{Roots: []string{p.root}})
	var missing *dct.MissingKeyError
	if _, err := fresh.Sign(t.Context(), SignOrder{Image: img, With: WithContentTrust}, told(&list, answer)); !errors.As(err, &missing) {
		t.Errorf("missing: %v", err)
	}
	pr, err := fresh.Prospects(t.Context(), img.Reference, true)
	if err != nil || pr.Trust != nil || !errors.As(pr.TrustErr, &missing) || len(pr.Keys) != 1 || pr.Keys[0].Path != key.Path {
		t.Errorf("%+v, %v", pr, err)
	}
	if out, err := p.notary.Run("lookup", p.gun(), "v1"); err == nil {
		t.Errorf("notary has it: %s", out)
	}
}

// Whoever replaces a root key is told which of the two a passphrase is asked for.
func TestOldOrNewRoot(t *testing.T) {
	var got []string
	ask := oldOrNew(func(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		got = append(got, req.Label)
		return keys.Secret{}, nil
	}, "ab")
	for _, req := range []keys.PassphraseRequest{
		{Purpose: keys.PurposeTrustRoot, ID: "abcd", Label: "root key"}, {Purpose: keys.PurposeTrustRoot, ID: "cdef", Label: "root key"}, {Purpose: keys.PurposeTrust, ID: "abcd", Label: "signer key x"},
	} {
		if _, err := ask(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"new root key", "old root key", "signer key x"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestDeskMigrates(t *testing.T) {
	p := newTrustPlace(t)
	imgs := []docker.Image{p.push("v1", false), p.push("v2", false), p.push("v3", false)}
	p.notarise(imgs...)
	p.push("v2", false)
	d := p.desk(p.dct(), Options{Roots: []string{p.root}})
	if _, err := d.Migrate(t.Context(), MigrateOrder{}, Face{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	key, err := d.GenerateImageKey(t.Context(), "release", secret("a passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	got, err := d.Migrate(t.Context(), MigrateOrder{Dry: true}, told(&list, nil))
	if err != nil || len(got) != 3 || list[len(list)-1] != "3/3" {
		t.Fatalf("%v %v %v", got, list, err)
	}
	if err := p.cosignVerify(key.PublicPath(), imgs[0]); err == nil {
		t.Error("a dry run signed")
	}
	got, err = d.Migrate(t.Context(), MigrateOrder{}, told(&list, d.Remembered(answer, nil)))
	carried := 0
	for _, c := range got {
		if c.Result == Carried {
			carried++
		}
	}
	if err != nil || carried != 2 {
		t.Errorf("%v %v", got, err)
	}
	if err := p.cosignVerify(key.PublicPath(), imgs[2]); err != nil {
		t.Error(err)
	}
}

// The images of a Dockerfile, each told as it is decided on.
func TestDeskBases(t *testing.T) {
	p := newPlace(t, loopback.Start)
	signed, s := p.push("v1", false), p.signer()
	p.sign(signed, s)
	p.push("v2", false)
	d := p.desk(NewDCT(p.world), Options{})
	name := p.repository().String()
	text := "FROM " + name + ":v1 AS build\nFROM " + name + ":v2\nCOPY --from=build /a /a\nCOPY --from=" + name + " /b /b\n"
	n := 0
	list, err := d.Bases(t.Context(), []byte(text), nil, Face{Emit: func(e Event) {
		if b, ok := e.(BaseJudged); ok {
			n = b.Done
		}
	}})
	if err != nil || len(list) != 3 || n != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []Outcome{Allowed, Refused, Refused} {
		if list[i].Outcome != want {
			t.Errorf("%d: %+v", i, list[i])
		}
	}
	if _, err := d.Bases(t.Context(), []byte("FRM x"), nil, Face{}); err == nil {
		t.Error("no Dockerfile")
	}
}
