package ui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/docker/dct"
	"bulla/docker/dockerfile"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/workflow/images"
	"bulla/workflow/policy"
)

// fakeDesk is a desk for the images made by hand. It notes what it was asked to do.
type fakeDesk struct {
	ImageDesk // nil: what is not overridden must not be called
	images    *fakeImages
	view      images.TrustView
	viewErr   error
	imageKeys []images.Key
	pushErr   error
	signErr   error
	made      images.SignedImage
	carried   []images.Carriage
	decision  images.Decision
	block     chan struct{} // what is signed waits for it

	mu  sync.Mutex
	log []string
}

func (f *fakeDesk) did(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fakeDesk) calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.log, "; ")
}

func (f *fakeDesk) Vault() *vault.Manager { return nil }
func (f *fakeDesk) Close() error          { return nil }
func (f *fakeDesk) Remembered(person keys.AskPassphrase, _ func(vault.Status)) keys.AskPassphrase {
	return person
}
func (f *fakeDesk) CanPush(context.Context) error                   { return f.pushErr }
func (f *fakeDesk) ImageKeys() ([]images.Key, error)                { return f.imageKeys, nil }
func (f *fakeDesk) ImageKeyExists(name string) error                { return nil }
func (f *fakeDesk) Trust(context.Context) (images.TrustView, error) { return f.view, f.viewErr }
func (f *fakeDesk) TrustFolder() (string, []dct.Key, error)         { return f.view.Dir, f.view.Keys, nil }
func (f *fakeDesk) Pins(context.Context) (images.PinView, error)    { return f.view.Pins, nil }
func (f *fakeDesk) CanInitialize(_ context.Context, root string) error {
	for _, k := range f.view.Keys {
		if k.ID == root && k.Backup.Rehearsed.IsZero() {
			return &dct.CustodyError{KeyID: root, Backup: k.Backup.Backup}
		}
	}
	return nil
}

func (f *fakeDesk) PinRule(context.Context) (policy.ImageRule, error) {
	return policy.ImageRule{Repository: "registry.acme.org/widget", By: []policy.System{policy.SystemContentTrust}, Roots: f.view.Pins.Own.Certificates}, nil
}

func (f *fakeDesk) LookAt(_ context.Context, ref docker.Reference) (images.Tag, error) {
	for _, t := range f.images.tags {
		if t.Reference.String() == ref.String() {
			t.Cosign.Signatures = []cosign.Signed{signedBy(cosign.FormBundle, ref.Tag())}
			t.Err = nil
			return images.Judged(t), nil
		}
	}
	return images.Tag{}, errors.New("not there")
}

func (f *fakeDesk) Gate(_ context.Context, _ docker.Reference, by []policy.System) (images.Decision, error) {
	if len(by) > 0 {
		f.did("gate %v", by)
	}
	return f.decision, nil
}

func (f *fakeDesk) Prospects(_ context.Context, ref docker.Reference, trust bool) (images.Prospect, error) {
	p := images.Prospect{Keys: f.imageKeys, PushErr: f.pushErr, TrustServer: f.view.Server, TrustErr: f.view.Err}
	for _, t := range f.images.tags {
		if t.Reference.String() == ref.String() {
			p.Image, p.Moved = t.Image, t.Moved
			p.Image.Reference, p.Image.Children = ref, make([]docker.Child, len(t.Image.Platforms))
		}
	}
	if trust && f.view.State != nil {
		p.Trust = &dct.Prospect{Roles: []string{"targets"}, Keys: []string{rootID("7a")}, Released: true, State: f.view.State}
	}
	return p, nil
}

func (f *fakeDesk) unlock(ctx context.Context, face images.Face, req keys.PassphraseRequest) error {
	for req.Attempt = 1; req.Attempt <= keys.PassphraseTries; req.Attempt++ {
		s, err := face.Ask(ctx, req)
		if err != nil {
			return err
		}
		right := s.Equal(keys.NewSecret([]byte(keyCanary)))
		s.Destroy()
		if right {
			return nil
		}
	}
	return &keys.UnlockError{Request: req, Tries: keys.PassphraseTries}
}

func (f *fakeDesk) Sign(ctx context.Context, o images.SignOrder, face images.Face) (images.SignedImage, error) {
	face.Emit(images.Began{Doing: images.DoingOpenKey, Where: o.Key})
	if err := f.unlock(ctx, face, keys.PassphraseRequest{Purpose: keys.PurposeImage, ID: string(imageKey), Label: "release.key"}); err != nil {
		return images.SignedImage{}, err
	}
	face.Emit(images.Retried{Server: f.view.Server, Try: 2})
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return images.SignedImage{}, ctx.Err()
		}
	}
	f.did("sign %s %s %s recursive=%v sig=%v", o.Image.Reference.Tag(), o.With, filepath.Base(o.Key), o.Recursive, o.Legacy)
	return f.made, f.signErr
}

func (f *fakeDesk) Migrate(_ context.Context, o images.MigrateOrder, face images.Face) ([]images.Carriage, error) {
	list := slices.Clone(f.carried)
	for i := range list {
		if list[i].Result == images.WouldCarry && !o.Dry {
			list[i].Result = images.Carried
		}
		face.Emit(images.TagCarried{Carriage: list[i], Done: i + 1, Total: len(list), Dry: o.Dry})
	}
	f.did("migrate dry=%v", o.Dry)
	return list, nil
}

func (f *fakeDesk) GenerateTrustKey(ctx context.Context, role string, ask keys.AskPassphrase) (dct.Key, dct.PublicKey, error) {
	if err := f.unlock(ctx, images.Face{Ask: ask}, keys.PassphraseRequest{Purpose: keys.PurposeTrustRoot, Label: "root key", New: true}); err != nil {
		return dct.Key{}, dct.PublicKey{}, err
	}
	k := dct.Key{ID: rootID("9c"), Role: role, Path: "/home/rhea/.docker/trust/private/" + rootID("9c") + ".key", Encrypted: true}
	f.view.Keys = append(f.view.Keys, k)
	f.did("generate %s", role)
	return k, dct.PublicKey{}, nil
}

func (f *fakeDesk) BackUpRoot(id, path string) error {
	if strings.Contains(path, "there") {
		return &fs.PathError{Op: "open", Path: path, Err: fs.ErrExist}
	}
	f.did("back up %.4s to %s", id, path)
	return nil
}

func (f *fakeDesk) RehearseRoot(ctx context.Context, path string, person keys.AskPassphrase) (string, error) {
	if err := f.unlock(ctx, images.Face{Ask: person}, keys.PassphraseRequest{Purpose: keys.PurposeTrustRoot, Label: filepath.Base(path)}); err != nil {
		return "", err
	}
	f.did("rehearse %s", path)
	for i := range f.view.Keys {
		f.view.Keys[i].Backup = dct.Custody{Backup: path, Rehearsed: noon}
	}
	return f.view.Keys[0].ID, nil
}

func (f *fakeDesk) InitializeTrust(_ context.Context, root string, _ images.Face) (*dct.State, error) {
	f.did("initialise %.4s", root)
	keysAtHand := f.view.Keys
	f.view = trustedView()
	f.view.Keys = keysAtHand
	return f.view.State, nil
}

func (f *fakeDesk) Revoke(_ context.Context, tag string, _ images.Face) (dct.Revoked, error) {
	f.did("revoke %s", tag)
	return dct.Revoked{Roles: []string{"targets"}, State: f.view.State}, nil
}

func (f *fakeDesk) RemoveSigner(_ context.Context, name string, force bool, _ images.Face) (*dct.State, error) {
	f.did("remove %s %v", name, force)
	return f.view.State, nil
}

func (f *fakeDesk) Unpin() (bool, error) { f.did("unpin"); return true, nil }
func (f *fakeDesk) Pin(ids []string) error {
	f.did("pin %s", strings.Join(ids, " "))
	return nil
}

func (f *fakeDesk) GenerateImageKey(_ context.Context, name string, pass keys.Secret) (images.Key, error) {
	if !pass.Equal(keys.NewSecret([]byte(keyCanary))) {
		return images.Key{}, errors.New("another one came")
	}
	f.did("image key %s", name)
	f.imageKeys = []images.Key{{Path: "/home/rhea/.local/share/bulla/images/" + name + ".key", ID: string(imageKey)}}
	return f.imageKeys[0], nil
}

func (f *fakeDesk) Bases(_ context.Context, _ []byte, args map[string]string, face images.Face) ([]images.BaseDecision, error) {
	list := []images.BaseDecision{
		{Base: dockerfile.Base{Line: 1, Use: dockerfile.UseFrom, Image: "registry.acme.org/base:" + args["V"]}, Decision: f.decision},
		{Base: dockerfile.Base{Line: 4, Use: dockerfile.UseCopy, Image: "alpine"}, Decision: images.Undecidable("alpine", keys.StatusUnsigned, "Only an image that is named by a tag or digest can be judged: an image named without a tag would mean :latest by accident."), NoPlatform: false},
	}
	face.Emit(images.BaseJudged{BaseDecision: list[0], Done: 1, Total: 2})
	return list, nil
}

// rootID is an id of 64 digits.
func rootID(c string) string { return strings.Repeat(c, 32) }

// trustedView is a repository with a root key, two tags and a signer.
func trustedView() images.TrustView {
	root := rootID("5e")
	path := "/home/rhea/.docker/trust/private/"
	state := &dct.State{
		GUN: "registry.acme.org/widget", Server: "https://notary.acme.org", Checked: noon,
		Root: dct.Root{Expires: noon.AddDate(10, 0, 0), Certificates: []dct.Certificate{{ID: root, KeyID: rootID("6f"), NotAfter: noon.AddDate(10, 0, 0)}}},
		Roles: []dct.Role{
			{Name: "root", KeyIDs: []string{root}}, {Name: "targets", KeyIDs: []string{rootID("7a")}, Expires: noon.AddDate(3, 0, 0)},
			{Name: "snapshot", KeyIDs: []string{rootID("8b")}, Expires: noon.AddDate(3, 0, 0)}, {Name: "timestamp", KeyIDs: []string{rootID("8c")}, Expires: noon.AddDate(0, 0, 14)},
		},
		Signers: []dct.Signer{{Name: "alice\x1b[2J", KeyIDs: []string{rootID("a1")}}},
		Tags: []dct.Tag{
			{Name: "1.10.0", Digest: someDigest("bb"), Signatures: []dct.Signature{{Name: "alice"}, {}}},
			{Name: "1.9.0", Digest: someDigest("aa"), Signatures: []dct.Signature{{}}},
		},
	}
	return images.TrustView{
		Server: "https://notary.acme.org", GUN: state.GUN, State: state, Dir: path,
		Keys: []dct.Key{
			{ID: rootID("6f"), Role: "root", Path: path + rootID("6f") + ".key", Encrypted: true, Backup: dct.Custody{Backup: "/media/stick/root.key", Rehearsed: noon}},
			{ID: rootID("7a"), Role: "targets", GUN: state.GUN, Path: path + rootID("7a") + ".key", Encrypted: true},
		},
		Roots: []images.RootPlace{{Certificate: state.Root.Certificates[0], Path: path + rootID("6f") + ".key", Custody: dct.Custody{Backup: "/media/stick/root.key", Rehearsed: noon}}},
		Pins:  images.PinView{Trust: dct.Trust{Certificates: []string{root}}, Own: dct.Trust{Certificates: []string{root}}, Path: "/home/rhea/.local/share/bulla/trust/pins.json"},
	}
}

// untouchedView is a repository of which the trust server has no data.
func untouchedView() images.TrustView {
	return images.TrustView{
		Server: "https://notary.acme.org", GUN: "registry.acme.org/widget", Dir: "/home/rhea/.docker/trust/private",
		Err:  &dct.NotInitializedError{GUN: "registry.acme.org/widget", Server: "https://notary.acme.org"},
		Pins: images.PinView{Path: "/home/rhea/.local/share/bulla/trust/pins.json"},
	}
}

// newFakeDesk is a desk where everything can be done.
func newFakeDesk(f *fakeImages) *fakeDesk {
	d := &fakeDesk{images: f, view: trustedView(), imageKeys: []images.Key{{Path: "/home/rhea/.local/share/bulla/images/release.key", ID: string(imageKey)}}}
	d.made = images.SignedImage{Trust: &dct.Signed{Roles: []string{"targets"}}, Cosign: []images.Signature{{Form: cosign.FormBundle, Platform: "linux/amd64"}, {Form: cosign.FormBundle}}}
	good := f.tags[1]
	pull, _ := good.Reference.WithDigest(good.Image.Digest)
	d.decision = images.Decision{Tag: good, By: []policy.System{policy.SystemCosign}, Pull: pull}
	d.carried = []images.Carriage{
		{Tag: "1.9.0", Digest: someDigest("aa"), Result: images.WouldCarry, Signers: []string{"alice"}},
		{Tag: "1.10.1", Digest: someDigest("c0"), Result: images.NotCarried, Reason: "The tag was signed for " + someDigest("c0") + " and points to " + someDigest("cc") + " now."},
		{Tag: "1.10.0", Digest: someDigest("bb"), Result: images.WouldCarry, Signers: []string{"the repository key"}},
	}
	return d
}

// atDesk plays the page with a desk, once it is known what can be done.
func atDesk(t *testing.T, change func(*fakeDesk)) (*player, *fakeDesk) {
	t.Helper()
	f := newFakeImages()
	d := newFakeDesk(f)
	if change != nil {
		change(d)
	}
	p := playImages(t, f, func(o *ImagesOptions) {
		o.Desk, o.Path = d, func(s string) string { return filepath.Join("/home/rhea", strings.TrimPrefix(s, "/home/rhea")) }
	}, false)
	return p.see("no tag").standing(), d
}

// standing waits until the registry and the trust server have answered.
func (p *player) standing() *player {
	p.t.Helper()
	for limit := time.After(patience); ; {
		p.press("a").see("What to do")
		view := ""
		for range 30 {
			view += p.r.View()
			p.press("down")
		}
		p.press("esc")
		if !strings.Contains(view, "being asked") && !strings.Contains(view, "being read") {
			return p
		}
		select {
		case msg := <-p.msgs:
			p.apply(msg)
		case <-limit:
			p.t.Fatal("nobody answered")
		}
	}
}

// on stands on a tag.
func (p *player) on(tag string) *player { return p.press("/", tag, "enter") }

func deskScenes() map[string]func(*player) {
	return map[string]func(*player){
		"menu": func(p *player) { p.on("1.10.0").press("a").see("What to do") },
		"ways": func(p *player) { p.on("1.10.0").press("S").see("Sign 1.10.0") },
		"last-look": func(p *player) {
			p.on("1.10.0").press("S").see("Sign 1.10.0").press("right", "down", " ", "enter").see("last look")
		},
		"last-look-moved": func(p *player) {
			p.on("1.10.1").press("S").see("Sign 1.10.1").press("down", "enter").see("last look")
		},
		"signed": func(p *player) {
			p.on("1.10.0").press("S").see("Sign 1.10.0").press("tab", "tab", "enter").see("last look").press("y").answer().see("read back")
		},
		"allowed": func(p *player) { p.on("1.10.0").press("v").see("from here on") },
		"trust":   func(p *player) { p.press("t").see("Root certificate") },
		"revoke":  func(p *player) { p.on("1.10.0").choose("Take back its").see("take it back") },
		"migrate": func(p *player) { p.choose("Carry its").see("carry them over") },
		"carried": func(p *player) {
			p.choose("Carry its").see("carry them over").press("down", "down", "down", "down", "down", "down", "y").see("2 carried over")
		},
		"remove":  func(p *player) { p.choose("Take the right").see("sign no more?").press("enter").see("Remove alice") },
		"targets": func(p *player) { p.choose("Replace its targets").see("replace it") },
		"pins":    func(p *player) { p.choose("Show it").see("said by") },
		"unpin":   func(p *player) { p.choose("Forget the pin").see("forget it") },
		"pin":     func(p *player) { p.choose("Pin a root").press(rootID("d4"), "enter").see("pin it") },
		"daemon":  func(p *player) { p.choose("content-trust for").see("trust-pinning") },
	}
}

// TestImageDeskScreens compares what is done at the desk with its pictures.
func TestImageDeskScreens(t *testing.T) {
	for name, play := range deskScenes() {
		t.Run(name, func(t *testing.T) {
			p, _ := atDesk(t, nil)
			play(p)
			for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 16}} {
				t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
					p.size(size[0], size[1])
					golden.RequireEqual(t, p.r.View())
				})
			}
		})
	}
	for name, change := range map[string]func(*fakeDesk){
		"no-server": func(d *fakeDesk) {
			d.view = images.TrustView{Server: "https://notary.acme.org", GUN: "registry.acme.org/widget", Err: &dct.ServerError{Server: "https://notary.acme.org", GUN: "registry.acme.org/widget", Op: "read the timestamp", Kind: docker.KindUnreachable, Err: errors.New("connection refused")}}
		},
		"unpinned": func(d *fakeDesk) {
			d.view.State, d.view.Pins = nil, images.PinView{}
			d.view.Err = &dct.UnpinnedError{GUN: d.view.GUN, Shown: []dct.Certificate{{ID: rootID("5e")}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := atDesk(t, change)
			golden.RequireEqual(t, p.press("t").see("Content Trust").see("✗").r.View())
		})
	}
}

// TestImageDeskEverySize resizes every screen of the desk; the player holds that nothing is wider or
// taller than the terminal.
func TestImageDeskEverySize(t *testing.T) {
	for name, play := range deskScenes() {
		t.Run(name, func(t *testing.T) {
			p, _ := atDesk(t, nil)
			play(p)
			for _, w := range []int{1, 20, 59, 60, 61, 80, 100, 130, 250} {
				for _, h := range []int{1, 15, 16, 17, 24, 41} {
					p.size(w, h)
				}
			}
		})
	}
}

// Nothing is signed before the last look, and its default is no.
func TestImageSigningAsks(t *testing.T) {
	p, d := atDesk(t, nil)
	p.on("1.10.0")
	p.press("S").see("Sign 1.10.0").press("tab", "tab", "enter").see("last look").press("enter").see("Press y to sign it").press("esc")
	for _, no := range []string{"esc", "n", "q"} {
		p.press("S").see("Sign 1.10.0").press("tab", "tab", "enter").see("last look").press(no)
		if strings.Contains(p.r.View(), "last look") || d.calls() != "" {
			t.Errorf("after %s: %s\n%s", no, d.calls(), p.r.View())
		}
	}
	p.press("S").see("Sign 1.10.0").press("right", "tab", " ", "tab", " ", "enter").see("last look").see(someDigest("bb")).see("38CD 11D5").see("registry.acme.org").see("notary.acme.org")
	p.press("down", "down", "down", "down", "down", "down", "y").answer().see("read back").press("esc").see("Signed.")
	if got := d.calls(); got != "sign 1.10.0 both release.key recursive=true sig=true" {
		t.Errorf("did %s", got)
	}
	// In Content Trust alone nothing of cosign is asked.
	p.press("S").see("Sign 1.10.0").see("(.sig)").press("right", "right")
	if strings.Contains(p.r.View(), ".sig") || strings.Contains(p.r.View(), "each platform") {
		t.Errorf("something of cosign is asked:\n%s", p.r.View())
	}
	p.press("enter").see("last look").press("esc")
	// A wrong passphrase is asked for again, and is told from a missing key.
	p.press("S").see("Sign 1.10.0").press("tab", "tab", "enter").see("last look").press("y").see("ctrl+u erase").press("wrong", "enter").see("not the right one").press("wrong", "enter").see("Try 3").press("wrong", "enter").see("wrong 3 times").press("esc")
	// Esc at the passphrase leaves it.
	p.press("S").see("Sign 1.10.0").press("tab", "tab", "enter").see("last look").press("y").see("ctrl+u erase").see("waiting for the passphrase").press("esc").see("Nothing was changed")
}

// Who must vouch for an image can be chosen after the policy's choice.
func TestImageDeskVouchers(t *testing.T) {
	p, d := atDesk(t, nil)
	p.on("1.10.0").press("v").see("from here on").press("v").see("Who must vouch").press("down", "down", "enter").see("you chose that").press("esc")
	if got := d.calls(); got != "gate [content-trust]" {
		t.Errorf("did %s", got)
	}
}

// What cannot be done stays visible and says why.
func TestImageDeskSaysWhyNot(t *testing.T) {
	denied := &docker.RegistryError{Host: "registry.acme.org", Repo: "widget", Op: "push", Kind: docker.KindForbidden, Status: 403}
	dead := images.TrustView{Server: "https://notary.acme.org", Err: &dct.ServerError{Server: "https://notary.acme.org", Kind: docker.KindUnreachable, Err: errors.New("x")}}
	for _, c := range []struct {
		name   string
		change func(*fakeDesk)
		do     func(*player)
		want   string
	}{
		{"no key at all", func(d *fakeDesk) { d.imageKeys, d.view = nil, untouchedView() }, func(p *player) { p.on("edge").press("S") }, "there is no image key (a makes one); nor can"},
		{"no key, trust", func(d *fakeDesk) { d.imageKeys = nil }, func(p *player) { p.on("edge").press("S") }, "Not with cosign: there is no image key"},
		{"may not push", func(d *fakeDesk) { d.pushErr, d.view = denied, dead }, func(p *player) { p.on("edge").press("S") }, "may not be pushed to (forbidden)"},
		{"no trust server", func(d *fakeDesk) { d.view = dead }, func(p *player) { p.on("edge").press("S") }, "Not in Content Trust: The trust server"},
		{"revoke", nil, func(p *player) { p.on("edge").choose("Take back its") }, "Not now: it is not signed there."},
		{"initialise", nil, func(p *player) { p.choose("Give the repository") }, "it has a root key on the trust server already"},
		{"initialise what was lost", func(d *fakeDesk) {
			d.view.State, d.view.Err = nil, &dct.NotInitializedError{GUN: d.view.GUN, Server: d.view.Server, Known: true}
		}, func(p *player) { p.choose("Give the repository") }, "the trust server lost the data"},
		{"untouched", func(d *fakeDesk) { d.view = untouchedView() }, func(p *player) { p.press("t") }, "a, then: Give the repository"},
		{"signers", func(d *fakeDesk) { d.view = untouchedView() }, func(p *player) { p.choose("Let somebody") }, "initialise it first"},
		{"another root", nil, func(p *player) { p.choose("Replace its root") }, "Make a root key"},
		{"policy", func(d *fakeDesk) { d.view.Pins.ByPolicy = true }, func(p *player) { p.choose("Pin a root") }, "the policy names the root"},
		{"migrate", func(d *fakeDesk) { d.imageKeys = nil }, func(p *player) { p.choose("Carry its") }, "there is no image key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, d := atDesk(t, c.change)
			c.do(p)
			if p.see(c.want); d.calls() != "" {
				t.Errorf("did %s", d.calls())
			}
		})
	}
	playImages(t, newFakeImages(), nil, false).see("no tag").press("S").see("nothing can be changed from here")
}

// A root key is made, backed up and tried before a repository gets it; what is typed is on no screen.
func TestImageDeskCustody(t *testing.T) {
	p, d := atDesk(t, func(d *fakeDesk) { d.view = untouchedView() })
	p.choose("Give the repository").see("Make a root key").see("make it").press("y").see("once more").answer().answer()
	p.see("Back the root key up").press("there", "enter").see("is there already").press("stick.key", "enter").see("Try the backup").press("enter").see("From your memory").answer()
	p.see("Give it its root key").see("signs as this key").see("Type 9c9c9c9c")
	if got := d.calls(); got != "generate root; back up 9c9c to /home/rhea/stick.key; rehearse /home/rhea/stick.key" {
		t.Fatalf("did %s", got)
	}
	p.press("down", "down", "down", "down", "down", "down", "9c9c", "enter").see("Nothing was changed").press("esc")
	if strings.Contains(d.calls(), "initialise") {
		t.Fatal("it was given a root key after half of the word")
	}
	p.choose("Give the repository").see("Type 9c9c9c9c").press("down", "down", "down", "down", "down", "down", "9c9c9c9c", "enter").see("Root certificate").see("it is pinned here")
	if !strings.HasSuffix(d.calls(), "initialise 9c9c") {
		t.Errorf("did %s", d.calls())
	}
}

// While something is done no key becomes an action, esc stops it, and Ctrl+C asks first.
func TestImageDeskAtWork(t *testing.T) {
	work := func() (*player, *fakeDesk) {
		p, d := atDesk(t, func(d *fakeDesk) { d.block = make(chan struct{}) })
		return p.on("1.10.0").press("S").see("Sign 1.10.0").press("tab", "tab", "enter").see("last look").press("y").answer().see("somebody else changed the trust data"), d
	}
	p, d := work()
	p.press("v").see("Something is under way").press("esc").see("Nothing was changed")
	if d.calls() != "" {
		t.Errorf("did %s", d.calls())
	}
	p, d = work()
	p.press("ctrl+c").see("Stop and leave?").press("n")
	close(d.block)
	p.see("read back").press("esc")
	p, _ = work()
	p.press("ctrl+c").see("Stop and leave?").press("ctrl+c").ends()
	p, _ = work()
	p.press("ctrl+c").see("Stop and leave?").press("y").ends()
}

// What is public beside an error is told.
func TestImageDeskPartly(t *testing.T) {
	p, _ := atDesk(t, func(d *fakeDesk) {
		d.made.Cosign = nil
		d.signErr = &docker.RegistryError{Host: "registry.acme.org", Repo: "widget", Op: "store a signature", Kind: docker.KindUnreachable}
	})
	p.on("1.10.0").press("S").see("Sign 1.10.0").press("right", "tab", "tab", "enter").see("last look").press("down", "down", "down", "down", "down", "down", "y").answer()
	p.see("It was not finished").see("Public already").see("Content Trust, in targets")
}

// The digest to pull is copied, and printed once the screen is left; snippets are written to new files
// alone.
func TestImageDeskHandsOver(t *testing.T) {
	dir := t.TempDir()
	f := newFakeImages()
	d := newFakeDesk(f)
	p := playImages(t, f, func(x *ImagesOptions) {
		x.Desk, x.Path = d, func(s string) string { return filepath.Join(dir, s) }
	}, false)
	p.see("no tag").standing().on("1.10.0").press("v").see("from here on").press("c").see("clipboard")
	want := "registry.acme.org/widget@" + someDigest("bb")
	if len(p.copied) != 1 || p.copied[0] != want {
		t.Errorf("copied %q", p.copied)
	}
	p.press("p").see("printed after you leave").press("esc")
	p.choose("content-trust for").see("trust-pinning").press("w").see("Save it").press("enter").see("Written")
	data, err := os.ReadFile(filepath.Join(dir, "content-trust.json"))
	if err != nil || !strings.Contains(string(data), rootID("5e")) {
		t.Errorf("%v\n%s", err, data)
	}
	p.choose("content-trust for").see("trust-pinning").press("w").see("Save it").press("enter").see("is there already")
	if again, _ := os.ReadFile(filepath.Join(dir, "content-trust.json")); string(again) != string(data) {
		t.Error("it was replaced")
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.choose("Decide on the base").press("enter", "V", "enter").see("NAME=VALUE").press("=3", "enter").see("registry.acme.org/base:3").see("1 allowed, 1 refused")
}
