package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/publish"
	"bulla/keys/publish/web"
	"bulla/keys/store"
	"bulla/keys/vault"
	firstkeypage "bulla/ui/page/firstkey"
	"bulla/workflow/firstkey"
	"bulla/workflow/keydesk"
)

// keyCanary is the passphrase of the tests of the keys page: it must be on no screen.
const keyCanary = "canary-93b1 correct horse"

// did notes what the page had the keys do.
func (f *fakeKeys) did(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fakeKeys) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

func (f *fakeKeys) Remembered(person keys.AskPassphrase) keys.AskPassphrase {
	if f.vault == nil {
		return person
	}
	return f.vault.Ask(person, nil)
}

func (f *fakeKeys) Attend(agent.Attendant) {}

func (f *fakeKeys) PassphraseVault() *vault.Manager { return f.vault }

// unlock asks for a passphrase as the store does.
func (f *fakeKeys) unlock(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) error {
	req := keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: sel.Text, Label: "Rhea Release <rhea@acme.org>"}
	return keys.Unlock(ctx, ask, req, func(s keys.Secret) error {
		if !s.Equal(keys.NewSecret([]byte(keyCanary))) {
			return keys.ErrWrongPassphrase
		}
		return nil
	})
}

func (f *fakeKeys) key(sel keys.Selector) *keydesk.State {
	for i := range f.states {
		if string(f.states[i].Fingerprint) == sel.Text {
			return &f.states[i]
		}
	}
	return &keydesk.State{}
}

func (f *fakeKeys) Previous(keys.Fingerprint) (keys.Key, bool) {
	k := f.states[0].Key
	k.UserIDs, k.Expires = k.UserIDs[:1], day(900)
	return k, true
}

func (f *fakeKeys) Extend(ctx context.Context, sel keys.Selector, p store.ExtendParams, ask keys.AskPassphrase) (keys.Key, error) {
	if f.block != nil {
		close(f.block)
		<-ctx.Done()
		time.Sleep(20 * time.Millisecond) // what is being written is written to its end
		f.did("stopped")
		return keys.Key{}, ctx.Err()
	}
	if err := f.unlock(ctx, sel, ask); err != nil {
		return keys.Key{}, err
	}
	f.did("extend %s %s", sel, p.Lifetime)
	s := f.key(sel)
	s.Expires = noon.Add(p.Lifetime)
	return s.Key, nil
}

func (f *fakeKeys) AddUserID(ctx context.Context, sel keys.Selector, p store.AddUserIDParams, ask keys.AskPassphrase) (keys.Key, error) {
	if err := f.unlock(ctx, sel, ask); err != nil {
		return keys.Key{}, err
	}
	f.did("add %s", p.Email)
	return f.key(sel).Key, f.refusal
}

func (f *fakeKeys) Undo(_ context.Context, sel keys.Selector) (keys.Key, error) {
	f.did("undo %s", sel)
	return keys.Key{}, nil
}

func (f *fakeKeys) Revoke(ctx context.Context, sel keys.Selector, p store.RevokeParams, ask keys.AskPassphrase) (keys.Key, error) {
	if err := f.unlock(ctx, sel, ask); err != nil {
		return keys.Key{}, err
	}
	f.did("revoke %s %s %q", sel, p.Reason, p.Text)
	return keys.Key{}, nil
}

func (f *fakeKeys) ApplyRevocation(_ context.Context, sel keys.Selector) (keys.Key, error) {
	return keys.Key{}, &os.PathError{Op: "open", Path: "/home/rhea/revocations/x.asc", Err: os.ErrNotExist}
}

func (f *fakeKeys) ExportSecret(ctx context.Context, sel keys.Selector, ask keys.AskPassphrase) ([]byte, error) {
	return []byte("secret"), f.unlock(ctx, sel, ask)
}

func (f *fakeKeys) ChangePassphrase(_ context.Context, sel keys.Selector, next keys.Secret, _ keys.AskPassphrase) (keys.Key, error) {
	if !next.Equal(keys.NewSecret([]byte(keyCanary))) {
		return keys.Key{}, errors.New("another one came")
	}
	f.did("passphrase %s", sel)
	return keys.Key{}, &keydesk.StaleMemoryError{Err: errors.New("the keychain is locked")}
}

func (f *fakeKeys) BackUp(ctx context.Context, sel keys.Selector, path string, form keydesk.BackupForm, replace bool, ask keys.AskPassphrase) (store.Rehearsal, error) {
	for range 2 {
		if err := f.unlock(ctx, sel, ask); err != nil {
			return store.Rehearsal{}, err
		}
	}
	f.did("backup %s %s %q %v", sel, path, form, replace)
	return store.Rehearsal{Key: f.states[0].Key, Protected: true, Recorded: true}, nil
}

func (f *fakeKeys) ExportPublicWith(_ context.Context, sel keys.Selector, p store.PublicParams) ([]byte, error) {
	f.did("export %s %q %v", sel, p.UserIDs, p.ThirdParty)
	return []byte("public"), nil
}

func (f *fakeKeys) Delete(_ context.Context, sel keys.Selector, force bool) (keys.Key, error) {
	f.did("delete %s %v", sel, force)
	f.states = slices.DeleteFunc(f.states, func(s keydesk.State) bool { return string(s.Fingerprint) == sel.Text })
	return keys.Key{}, nil
}

func (f *fakeKeys) MoveAside(_ context.Context, fpr keys.Fingerprint) (string, error) {
	f.did("aside %s", fpr)
	f.states = slices.DeleteFunc(f.states, func(s keydesk.State) bool { return s.Fingerprint == fpr })
	return "/home/rhea/.local/share/bulla/aside/" + string(fpr), nil
}

func (f *fakeKeys) Generate(_ context.Context, p store.GenerateParams) (store.Generated, error) {
	if !p.Passphrase.Equal(keys.NewSecret([]byte(keyCanary))) {
		return store.Generated{}, errors.New("another passphrase came")
	}
	f.did("generate %s %s %s", p.Name, p.Email, p.Algorithm)
	k := keys.Key{Fingerprint: "ABCD0E147A219D4B55F01C2D3E4F5A6BC0DE9999", UserIDs: []string{p.Name + " <" + p.Email + ">"}, Algorithm: p.Algorithm, Created: noon, Expires: noon.Add(p.Lifetime), Source: keys.SourceStore, HasSecret: true}
	f.states = append(f.states, keydesk.State{Key: k, Read: true, InStore: true, Secret: true, PlacesKnown: true})
	return store.Generated{Key: k, Revocation: "/home/rhea/.local/share/bulla/revocations/ABCD.asc"}, nil
}

func (f *fakeKeys) PreviewImport(_ context.Context, path string) ([]store.Imported, error) {
	f.did("look into %s", path)
	return []store.Imported{{Key: f.states[3].Key, New: true}, {Key: f.states[0].Key, Changed: true, HasSecret: true}}, &store.SkippedError{Skipped: []error{errors.New("a key of version 2")}}
}

func (f *fakeKeys) ImportFile(_ context.Context, path string) ([]store.Imported, error) {
	f.did("import %s", path)
	return []store.Imported{{Key: f.states[3].Key, New: true}, {Key: f.states[0].Key, Changed: true, HasSecret: true}}, nil
}

// plan makes a plan to send a key to places.
func (f *fakeKeys) plan(targets []publish.Target, c publish.Choice) publish.Plan {
	var p publish.Plan
	for _, t := range targets {
		i := publish.Item{Target: t, Key: f.states[0].Key, LeftOut: []string{"Rhea Release <rhea@old.example>"}, Data: []byte{1, 2, 3}, Notes: []string{"Something else happens there."}}
		i.Key.UserIDs = c.UserIDs
		i.Sentence, i.Permanent = t.Permanent()
		p.Items = append(p.Items, i)
	}
	return p
}

func (f *fakeKeys) PlanPublish(_ context.Context, sel keys.Selector, targets []publish.Target, c publish.Choice) (publish.Plan, error) {
	f.did("plan %s %v %q", sel, targets, c.UserIDs)
	return f.plan(targets, c), nil
}

func (f *fakeKeys) PlanAgain(_ context.Context, _ keys.Selector, c publish.Choice) (publish.Plan, []error, error) {
	if len(c.UserIDs) == 0 {
		c.UserIDs = f.states[0].UserIDs[:1]
	} else {
		f.did("again with %q", c.UserIDs)
	}
	return f.plan([]publish.Target{{Kind: publish.KindVKS, Where: publish.DefaultVKS}, {Kind: publish.KindHKP, Where: publish.DefaultHKP}}, c), nil, nil
}

// outcomes are what becomes of a key at the places, by kind.
func outcomes(t publish.Target) publish.Result {
	r := publish.Result{Target: t, Stage: publish.StageFingerprint, Goal: publish.StageAddress, At: noon}
	switch t.Kind {
	case publish.KindVKS:
		r.Addresses = []publish.Address{{Address: "rhea@acme.org", State: publish.AddressWaiting}}
	case publish.KindHKP:
		r.Stage = publish.StageSent
		r.Err = &web.Error{Host: t.Host(), Op: "read the key back", Kind: web.KindTimeout}
	case publish.KindGitHub:
		r.Differences = []publish.Difference{{What: "expiry", Sent: "2028", Found: "2027 " + hostile}}
		r.Stage = publish.StageStored
		r.Err = &publish.DifferenceError{Target: t, Fingerprint: rhea, Differences: r.Differences}
	case publish.KindAllowedSigners:
		r.Lines = []string{"rhea@acme.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + strings.Repeat("abcdefgh", 70)}
	default:
		r.Goal = publish.StageFingerprint
	}
	return r
}

func (f *fakeKeys) Publish(ctx context.Context, p publish.Plan, face keydesk.PublishFace) ([]publish.Result, error) {
	t := p.Items[0].Target
	if t.NeedsToken() {
		s, err := face.Ask(ctx, keydesk.TokenRequest(t))
		if err != nil {
			return nil, err
		}
		defer s.Destroy()
		if !s.Equal(keys.NewSecret([]byte(keyCanary))) {
			return nil, errors.New("another token came")
		}
	}
	face.Progress(publish.Event{Target: t, Doing: "sending the key to " + t.Name()})
	f.did("publish %s", t)
	return []publish.Result{outcomes(t)}, nil
}

func (f *fakeKeys) CheckPublished(_ context.Context, p publish.Plan, _ keydesk.PublishFace) ([]publish.Result, error) {
	f.did("check %s", p.Items[0].Target)
	return []publish.Result{outcomes(p.Items[0].Target)}, nil
}

func (f *fakeKeys) FetchSources(q publish.Query) ([]publish.Target, error) {
	return publish.DefaultSources(q), nil
}

func (f *fakeKeys) Fetch(_ context.Context, q publish.Query, _ []publish.Target, _ keydesk.PublishFace) ([]publish.Found, []publish.Miss, error) {
	f.did("fetch %s", q.String())
	if f.misses != nil {
		return nil, f.misses, nil
	}
	one := []publish.Found{{From: "keys.example.org", Form: publish.FormWhole, Key: f.states[3].Key, Data: []byte{1}}}
	if q.String() == "two@acme.org" {
		return append(one, publish.Found{From: "keys.example.org", Form: publish.FormWhole, Key: f.states[1].Key, Data: []byte{2}}), nil, nil
	}
	return one, nil, nil
}

func (f *fakeKeys) KeepFetched(_ context.Context, found publish.Found) ([]store.Imported, error) {
	f.did("keep %s", found.Key.Fingerprint)
	return nil, nil
}

// onRhea stands on the key that has everything.
func (p *player) onRhea() *player { return p.press("/", "3e9c", "enter") }

// One action extends a key, shows what becomes public then, sends it everywhere it is published, and
// tells of each place; a no in the middle leaves the key extended and sends nothing.
func TestKeyExtendsEverywhere(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().onRhea().size(100, 50)
	p.choose("Extend it, and publish it again").press("enter").see("It goes to keys.openpgp.org").see("extend it").press("y").answer()
	p.see("This would become public").see("keyserver.ubuntu.com").expect(f, "This would become public", "extend "+string(rhea)+" 17544h0m0s")
	p.press("n").expect(f, "keys")
	p.press("p", "down", "down", "down", "enter").see("Extend the key").press("ctrl+u", "3y", "enter").see("extend it").press("y").answer()
	p.see("This would become public").press("y").see("waiting for the mail")
	p.expect(f, "Every place was asked", "extend "+string(rhea)+" 26304h0m0s", "publish vks:https://keys.openpgp.org", "publish hkps://keyserver.ubuntu.com")
}

// onBroken stands on the key that cannot be read, once that is known.
func (p *player) onBroken() *player { return p.see("cannot be read").press("/", "is:broken", "enter") }

func (p *player) paste(text string) *player {
	p.t.Helper()
	p.apply(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text), Paste: true})
	return p
}

// choose opens the menu and takes the item with a name.
func (p *player) choose(name string) *player {
	p.t.Helper()
	p.press("a").see("What to do")
	for range 30 {
		if strings.Contains(p.r.View(), "> "+name) || strings.Contains(p.r.View(), "> ("+name) {
			return p.press("enter")
		}
		p.press("down")
	}
	p.t.Fatalf("not in the menu: %s\n%s", name, p.r.View())
	return p
}

// secretive fails when a part of the passphrase is on the screen.
func (p *player) secretive() *player {
	p.t.Helper()
	for i := 0; i+5 <= len(keyCanary); i++ {
		if strings.Contains(p.r.View(), keyCanary[i:i+5]) {
			p.t.Fatalf("a part of the passphrase is on the screen:\n%s", p.r.View())
		}
	}
	return p
}

// answer types the passphrase into the dialog that is open.
func (p *player) answer() *player {
	p.t.Helper()
	p.see("ctrl+u erase")
	for _, c := range keyCanary {
		p.press(string(c)).secretive()
	}
	return p.press("enter").secretive()
}

func keyActScenes() map[string]func(*player) {
	return map[string]func(*player){
		"menu":           func(p *player) { p.onRhea().press("a").see("Keep it healthy") },
		"menu-end":       func(p *player) { p.onRhea().press("a").see("Keep it healthy").press("end") },
		"menu-off":       func(p *player) { p.press("/", "yubi", "enter", "a", "home") },
		"mend":           func(p *player) { p.onRhea().press("m").see("What to mend") },
		"extend":         func(p *player) { p.onRhea().press("e") },
		"extend-wrong":   func(p *player) { p.onRhea().press("e", "x", "enter") },
		"extend-consent": func(p *player) { p.onRhea().press("e", "enter").see("extend it") },
		"ask":            func(p *player) { p.onRhea().press("e", "enter", "y").see("ctrl+u erase").press("abc") },
		"undo":           func(p *player) { p.onRhea().press("u").see("go back") },
		"adduid":         func(p *player) { p.onRhea().choose("Add a user id").press("tab", "new@acme.org", "tab", "tab", " ") },
		"rotate": func(p *player) {
			p.onRhea().choose("Replace the subkey").press("tab", "tab", "enter").see("replace it")
		},
		"reason": func(p *player) { p.onRhea().choose("Revoke it").see("Why?") },
		"revoke": func(p *player) {
			p.onRhea().choose("Revoke it").press("enter", "gone", "enter").see("end of the fingerprint")
		},
		"revoke-wrong": func(p *player) { p.onRhea().choose("Revoke it").press("enter", "enter", "1234", "enter") },
		"delete-off":   func(p *player) { p.onRhea().choose("Delete it") },
		"delete-broken": func(p *player) {
			p.onBroken().choose("Delete it").see("end of the fingerprint")
		},
		"aside":       func(p *player) { p.onBroken().press("m").see("end of the fingerprint") },
		"menu-broken": func(p *player) { p.onBroken().press("a").press("end", "up", "up", "up") },
		"delete":      func(p *player) { p.press("/", "fine", "enter").choose("Delete it").see("end of the fingerprint") },
		"backup":      func(p *player) { p.onRhea().press("b", "right") },
		"backup-look": func(p *player) { p.onRhea().press("b", "enter", "enter").see("back it up") },
		"backup-done": func(p *player) {
			p.onRhea().press("b", "enter", "enter", "y").answer().answer().see("The backup works")
		},
		"export":        func(p *player) { p.onRhea().press("x", "tab", "tab", " ") },
		"export-secret": func(p *player) { p.onRhea().choose("Export the secret key").press("enter").see("export it") },
		"import":        func(p *player) { p.press("i", "keys.asc", "enter").see("import them") },
		"generate":      func(p *player) { p.press("n", "Nora", "enter", "nora@acme.org", "enter", "right") },
		"generate-look": func(p *player) {
			p.press("n", "Nora", "enter", "nora@acme.org", "enter", "enter", "enter").see("make it")
		},
		"publish":       func(p *player) { p.onRhea().press("p") },
		"publish-where": func(p *player) { p.onRhea().press("p", "down", "down", "enter").see("Where shall").press(" ") },
		"publish-ids":   func(p *player) { p.onRhea().press("p", "down", "enter").see("Which user ids shall").press("down") },
		"publish-plan": func(p *player) {
			p.onRhea().press("p", "enter").see("This would become public").see("keyserver.ubuntu.com")
		},
		"published": func(p *player) {
			p.onRhea().press("p", "enter").see("make it public").press("y").see("do that, then ask again")
		},
		"succeed":      func(p *player) { p.onRhea().choose("Let a new key").see("Which key follows?") },
		"succeed-form": func(p *player) { p.onRhea().choose("Let a new key").press("enter").see("old ends") },
		"succeed-look": func(p *player) {
			p.onRhea().choose("Let a new key").press("enter", "enter", "enter", "enter").see("let it follow")
		},
		"succeed-done": func(p *player) {
			p.onRhea().choose("Let a new key").press("enter", "enter", "enter", "enter").see("let it follow").press("y").answer().see("The new key follows")
		},
		"fetch":      func(p *player) { p.press("f", "ola@acme.org", "enter").see("Asked would be") },
		"fetch-keep": func(p *player) { p.press("f", "ola@acme.org", "enter", "y").see("Keep this key?") },
	}
}

// TestKeyActScreens compares the screens of every action with their pictures.
func TestKeyActScreens(t *testing.T) {
	for name, play := range keyActScenes() {
		t.Run(name, func(t *testing.T) {
			p := playKeys(t, newFakeKeys(), nil, false).surveyed()
			play(p.size(100, 50))
			for _, size := range [][2]int{{80, 24}, {60, 16}} {
				t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
					p.size(size[0], size[1])
					golden.RequireEqual(t, p.r.View())
				})
			}
		})
	}
}

// TestKeyActsEverySize resizes the screens of every action through all kinds of sizes.
func TestKeyActsEverySize(t *testing.T) {
	for name, play := range keyActScenes() {
		t.Run(name, func(t *testing.T) {
			p := playKeys(t, newFakeKeys(), func(o *KeysOptions) { o.ASCII = true }, false).surveyed()
			play(p.size(100, 50))
			for _, w := range []int{1, 20, 59, 60, 61, 80, 99, 130, 250} {
				for _, h := range []int{1, 3, 15, 16, 17, 24, 90} {
					p.size(w, h)
				}
			}
		})
	}
}

// expect waits until the keys were had to do exactly this, and a text is on the screen.
func (p *player) expect(f *fakeKeys, text string, want ...string) *player {
	p.t.Helper()
	p.see(text).secretive()
	if got := f.calls(); !slices.Equal(got, want) {
		p.t.Errorf("did %q, want %q", got, want)
	}
	f.mu.Lock()
	f.log = nil
	f.mu.Unlock()
	return p
}

// Nothing is changed before it was shown and agreed to, and what was agreed to is what is done. The
// passphrase reaches the keys and no screen.
func TestKeyActs(t *testing.T) {
	f := newFakeKeys()
	dir := t.TempDir()
	p := playKeys(t, f, func(o *KeysOptions) { o.Path = func(s string) string { return filepath.Join(dir, s) } }, false).surveyed().onRhea()

	p.press("e", "enter").see("extend it").press("n").expect(f, "1 of 6")
	p.press("e", "enter").see("extend it").press("enter").see("Press y to extend it").press("esc").expect(f, "1 of 6")
	p.press("e", "ctrl+u", "3y", "enter").see("extend it").press("y").see("ctrl+u erase").press("wrong", "enter").see("Try 2 of 3").answer()
	p.expect(f, "The key expires on 22 Nov 2029 now", "extend "+string(rhea)+" 26304h0m0s").see("3 y")
	p.press("e", "enter").see("extend it").press("y").see("ctrl+u erase").press("esc").expect(f, "Left. Nothing was changed.")
	for range 3 {
		p.see("keys").press("e", "enter").see("extend it").press("y").see("ctrl+u erase").press("x", "enter").see("Try 2").press("x", "enter").see("Try 3").press("x", "enter").expect(f, "That did not work")
		p.press("esc")
	}

	p.press("u").see("go back").see("Gone: Rhea Release <rhea@old.example>").press("y").expect(f, "as it was before", "undo "+string(rhea))
	p.choose("Change its passphrase").see("change it").press("y").answer().see("once more").answer().answer()
	p.expect(f, "keychain is locked", "passphrase "+string(rhea)).press("esc").see("The passphrase is changed")

	p.press("b", "enter", "x.asc", "enter").see("back it up").press("y").answer().see("Once more").answer()
	p.expect(f, "The backup works", "backup "+string(rhea)+" "+filepath.Join(dir, "x.asc")+` "" false`).press("esc")

	p.press("x", "pub.asc", "tab", "tab", " ", "enter").see("write it").see("not in it").press("y")
	p.expect(f, "Wrote the public key", "export "+string(rhea)+` ["Rhea Release <rhea@acme.org>"] false`)
	if data, err := os.ReadFile(filepath.Join(dir, "pub.asc")); err != nil || string(data) != "public" {
		t.Errorf("%q, %v", data, err)
	}
	p.press("x", "pub.asc", "enter", "enter").see("write it").press("y").expect(f, "is there already", "export "+string(rhea)+" [] false")
	if strings.Contains(p.r.View(), "Wrote") {
		t.Error("said to be written:\n" + p.r.View())
	}

	p.see("Export the public key").see("file  pub.asc").press("up", "ctrl+u", "other.asc", "enter", "enter").see("write it").see("other.asc").press("n").expect(f, "enter all about it") // the form is there again

	p.press("i", "in.asc", "enter").see("a key of version 2").press("n").expect(f, "1 of 6", "look into "+filepath.Join(dir, "in.asc"))
	p.press("i", "in.asc", "enter").see("import them").press("y").expect(f, "1 new key", "look into "+filepath.Join(dir, "in.asc"), "import "+filepath.Join(dir, "in.asc"))
}

// The dialog of a passphrase says where it is kept, in the words of the walk, and it is kept there once it
// has proved right: not where a person only showed that they know it, nor a wrong one.
func TestKeyKeepsPassphrase(t *testing.T) {
	f := newFakeKeys()
	dir := t.TempDir()
	open := func() *vault.Manager {
		m := vault.NewManager(vault.ManagerOptions{Dir: dir, File: vault.NewFile(vault.FileOptions{Dir: filepath.Join(dir, "vault")})})
		t.Cleanup(m.Close)
		return m
	}
	f.vault = open()
	p := playKeys(t, f, func(o *KeysOptions) { o.Path = func(s string) string { return filepath.Join(dir, s) } }, false).surveyed().onRhea()
	p.press("b", "enter", "enter", "y").see("ctrl+u erase")
	if v := p.r.View(); strings.Contains(v, "kept") {
		t.Errorf("a backup's passphrase is typed to prove that it is known:\n%s", v)
	}
	p.answer().see("Once more").answer().see("The backup works").press("esc")
	p.press("e", "enter").see("extend it").press("y").see("Where shall it be kept?").see("nowhere: only in memory, until bulla ends").press("down").see("vault file")
	p.press("esc").see("Left. Nothing was changed.")
	p.press("e", "enter").see("extend it").press("y").see("Where shall it be kept?").press("down", "wrong", "enter").see("Try 2").press("down").answer()
	p.see("New master passphrase of the vault file").answer().answer().see("The key expires on")
	req := keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(rhea)}
	again := open()
	got, err := again.Ask(func(_ context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		if req.Purpose != keys.PurposeVault {
			return keys.Secret{}, keys.ErrNoPassphrase
		}
		return keys.NewSecret([]byte(keyCanary)), nil
	}, nil)(t.Context(), req)
	if err != nil || !got.Equal(keys.NewSecret([]byte(keyCanary))) {
		t.Errorf("it was not kept: %v", err)
	}
	p.secretive()
}

// A user id is judged as it is typed, and what was typed is there again where the keys would not take
// it.
func TestKeyAddsUserID(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().onRhea().choose("Add a user id")
	p.press("tab", "no address", "tab").see("The address is not an address").press("enter").see("The address is not an address")
	p.press("ctrl+u", "rhea@acme.org", "tab").see("Shown in parentheses").press("a (b", "tab").see("The comment contains one of").press("ctrl+u", "tab", "enter").see("has this user id already")
	p.press("ctrl+u", "rhea@new.example", "enter", "enter", "enter").see("add it").expect(f, "Rhea Release <rhea@new.example>")
	f.refusal = &store.ParamError{Field: "user id", Reason: "is there already"}
	p.press("y").answer().see("That did not work").expect(f, "is there already", "add rhea@new.example").press("esc")
	p.see("Add a user id").see("rhea@new.example").press("enter").see("add it")
	f.refusal = nil
	p.press("y").answer().expect(f, "Added Rhea Release <rhea@new.example>", "add rhea@new.example")
}

// A key is let follow another only after all that it does was shown; what was chosen is what is done.
func TestKeySucceeds(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, func(o *KeysOptions) { o.Path = func(s string) string { return "/src/" + s } }, false).surveyed().onRhea().size(100, 60)
	p.choose("Let a new key").see("Fine Fred").press("enter", "ctrl+u", "soon", "enter", "enter", "enter").expect(f, "2y")
	p.press("ctrl+u", "90d", "enter", "enter", "enter").see("[[policy.signer]]").see("It goes on signing with the old key").see("/src/statement.txt.asc").press("n").expect(f, "1 of 6")
	p.choose("Let a new key").press("enter", "tab", "to-packagers.txt", "enter", " ", "enter").see("instead of "+string(rhea)).see("let it follow").press("pgdown", "y").answer()
	p.expect(f, "The new key follows", "succeed "+string(rhea)+" 99990E147A219D4B55F01C2D3E4F5A6BC0DE1111 8760h0m0s /src/to-packagers.txt", "git")
	p.press("pgdown").see("git signs with the new key from now on").see("│   bulla keys to-gnupg 9999")
}

// What cannot be taken back is typed, not pressed and not pasted.
func TestKeyEnds(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().onRhea().size(90, 30)
	p.choose("Revoke it").see("Why?")
	p.press("enter", "a newer one", "enter").see("soft revocation").press("y", "enter").see("That is not it").expect(f, "Nothing was changed")
	p.paste("C0DEEE87").see("a paste is too quick").press("enter").expect(f, "That is not it")
	p.press("c0de ee87", "enter").answer().expect(f, "The key is revoked", "revoke "+string(rhea)+` superseded "a newer one"`)
	p.choose("Revoke it").see("Why?").press("end", "enter").see("end of the fingerprint").press("c0deee87", "enter").expect(f, "That did not work").press("esc")
	p.choose("Delete it").see("back it up first").press("esc")
	p.press("esc", "/", "fine", "enter").choose("Delete it").see("end of the fingerprint").press("c0de1111").expect(f, "c0de1111")
	p.press("enter").expect(f, "Deleted the key", "delete 99990E147A219D4B55F01C2D3E4F5A6BC0DE1111 false")
	p.press("esc").see("5 keys")
	if strings.Contains(p.r.View(), "Fine Fred") {
		t.Error(p.r.View())
	}
	p.press("/", "ria", "enter").choose("Delete it").see("delete it").press("y").expect(f, "Deleted the key", "delete 5555666677778888999900001111222233334444 false")
}

// A key that cannot be read is moved aside, or deleted, once the end of its fingerprint was typed;
// nothing else is offered for it.
func TestBrokenKeyEnds(t *testing.T) {
	const broken = "7777000011112222333344445555666677778888"
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().size(90, 30)
	p.onBroken().press("e").expect(f, "it cannot be read")
	p.press("m").see("unexpected end of the file").see("end of the fingerprint").press("77778888", "enter")
	p.expect(f, "Its files are now in", "aside "+broken)
	f = newFakeKeys()
	p = playKeys(t, f, nil, false).surveyed().size(90, 30)
	p.onBroken().choose("Delete it").see("Whether one was tried").press("1234", "enter").see("That is not it").press("esc").expect(f, "1 of 6")
	p.choose("Delete it").see("Whether one was tried").press("77778888", "enter").expect(f, "Deleted the key", "delete "+broken+" true")
	p.press("esc").onRhea().choose("Move it aside").see("it can be read")
}

// A key is published only after what becomes public was seen to its end, and each place tells for
// itself how far it came.
func TestKeyPublishes(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().onRhea().press("p", "enter").see("This would become public")
	p.size(60, 16).press("y").see("read it first").expect(f, "more below")
	for range 40 {
		p.press("down")
	}
	p.press("n").size(80, 24).press("p", "enter").see("make it public").press("pgdown", "pgdown", "y")
	p.see("waiting for the mail").press("down", "down", "down", "down", "down", "down", "down", "down").see("a mail was sent").expect(f, "Every place was asked", "publish vks:https://keys.openpgp.org", "publish hkps://keyserver.ubuntu.com")
	p.press("esc").size(100, 50).press("p", "down", "down", "enter").see("Where shall").press("down", "enter").see("Choose a place")
	p.press("home", "up", " ", "enter").see("keys")
	p.press("esc").choose("Ask the places").see("No key: each place").press("y").see("waiting for the mail")
	p.see("Asked every place").expect(f, "Asked every place", slices.DeleteFunc(f.calls(), func(s string) bool { return !strings.HasPrefix(s, "check ") && !strings.HasPrefix(s, "plan ") })...).press("esc")
}

// A key that is published again goes with other user ids only where a person chose them, and with one at
// least; what was public is ticked, and nothing else is.
func TestKeyPublishesAgainWithOthers(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().onRhea().press("p", "down", "enter").see("Which user ids shall").see("sent to keys.openpgp.org").see("[✓] make public: Rhea Release <rhea@acme.org>").see("[ ] make public: Rhea Release <rhea@old.example>")
	p.press(" ", "enter").see("Choose a user id").press("down").see("Not sent anywhere").press(" ", "enter").see("This would become public").see("old.example")
	p.press("pgdown", "pgdown", "pgdown", "y").see("waiting for the mail").see("Every place was asked")
	if got := f.calls(); len(got) != 3 || got[0] != `again with ["Rhea Release <rhea@old.example>"]` || got[1] != "publish vks:https://keys.openpgp.org" {
		t.Errorf("did %q", got)
	}
}

// The token of an account is asked for as a secret, and hostile answers are cleaned.
func TestKeyPublishesWithToken(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().size(100, 50).onRhea().press("p", "down", "down", "enter").see("Where shall")
	for range 12 {
		if strings.Contains(p.r.View(), "> [ ] your account on GitHub") {
			break
		}
		p.press("down")
	}
	p.press(" ", "down", "down", "down", "down", " ", "enter").see("make it public").press("y").see("Access token of an account")
	for _, c := range keyCanary {
		p.press(string(c)).secretive()
	}
	p.press("enter").see("not current").see("abcdefghabcdefgh").size(100, 70).see("prints this")
	p.see("Every place was asked")
	if got := f.calls(); len(got) != 3 || got[1] != "publish github:https://api.github.com" || got[2] != "publish allowed-signers" {
		t.Errorf("did %q", got)
	}
}

func TestKeyFetches(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().press("f", "no key", "enter").expect(f, "Fetch somebody").press("ctrl+u", "ola@acme.org", "enter").see("Asked would be").press("n").expect(f, "6 keys")
	p.press("f", "ola@acme.org", "enter").see("Asked would be").press("y").see("Keep this key?").see("compare the fingerprint").press("n").expect(f, "6 keys", "fetch ola@acme.org")
	p.press("f", "ola@acme.org", "enter", "y").see("Keep this key?").press("y").expect(f, "Kept the key", "fetch ola@acme.org", "keep 0BADC0DE00112233445566778899AABBCCDDEEFF")
	p.press("f", "two@acme.org", "enter", "y").see("Which?").see("C0DE 1111").press("down", "enter").see("Keep this key?").see("Fine Fred").press("y")
	p.expect(f, "Kept the key", "fetch two@acme.org", "keep 99990E147A219D4B55F01C2D3E4F5A6BC0DE1111")
	f.misses = []publish.Miss{{From: "keys.example.org", Err: &web.Error{Host: "keys.example.org", Op: "ask for the key", Kind: web.KindTimeout}}}
	p.press("f", "ola@acme.org", "enter", "y").expect(f, "No key was found", "fetch ola@acme.org")
}

func TestKeyGenerates(t *testing.T) {
	f := newFakeKeys()
	p := playKeys(t, f, nil, false).surveyed().onRhea().press("n", "Nora", "enter", "nora@acme.org", "enter", "right", "enter", "enter").see("make it").press("y").see("once more").answer().answer()
	p.expect(f, "The key is made", "generate Nora nora@acme.org rsa4096").press("esc").see("7 keys").see("Nora <nora")
	p = playKeys(t, &fakeKeys{}, nil, false).see("No keys yet").press("n").see("A new key pair").press("esc", "a").see("Make a new key pair").press("esc", "q")
	p.ends()
}

// What is under way is told, is not left by accident, and is waited for when the person insists.
func TestKeysWaitForWrites(t *testing.T) {
	f := newFakeKeys()
	f.block = make(chan struct{})
	p := playKeys(t, f, nil, false).surveyed().onRhea().press("e", "enter").see("extend it").press("y")
	<-f.block
	p.press("q").see("Something is under way").press("b").see("Something is under way: extending the key").press("/", "typed too early")
	if strings.Contains(p.r.View(), "filter:") {
		t.Error(p.r.View())
	}
	p.see("Something is under way")
	p.press("ctrl+c").ends()
	p.r.page.(soloPage).Shutdown()
	if got := f.calls(); !slices.Equal(got, []string{"stopped"}) {
		t.Errorf("left with %q", got)
	}
	f = newFakeKeys()
	f.block = make(chan struct{})
	p = playKeys(t, f, nil, false).surveyed().onRhea().press("e", "enter").see("extend it").press("y")
	<-f.block
	p.press("esc").expect(f, "Left. Nothing was changed.", "stopped")
}

// quietWizard is a wizard that knows nothing; it is not asked for more.
type quietWizard struct{ KeyWizard }

func (quietWizard) Begin(context.Context) (firstkey.Start, error) {
	return firstkey.Start{Name: "Nora New", Now: noon}, nil
}

// A key is made on the page of a first key, which leads back here.
func TestKeysLeadToWizard(t *testing.T) {
	p := playKeys(t, newFakeKeys(), func(o *KeysOptions) { o.Wizard = func() KeyWizard { return quietWizard{} } }, false).surveyed()
	p.press("n").see("first key").see("Nora New").press("esc").see("6 keys").press("n").see("Nora New").press("ctrl+c").ends()
}

// Whoever makes a key so that it follows another comes to that at once, from the page of a first key as
// from the form; where none was made that is said.
func TestMadeKeyFollows(t *testing.T) {
	const fred = keys.Fingerprint("99990E147A219D4B55F01C2D3E4F5A6BC0DE1111")
	p := playKeys(t, newFakeKeys(), func(o *KeysOptions) { o.Wizard = func() KeyWizard { return quietWizard{} } }, false).surveyed().onRhea()
	p.choose("Let a new key").press("end", "enter").see("Nora New").press("esc").see("none follows yet")
	p.choose("Let a new key").press("end", "enter").see("Nora New")
	page := p.r.page.(*keysPage)
	page.first.Interrupt(tea.KeyMsg{}) // as it was left; that must not take what is asked next with it
	p.apply(firstkeypage.Done{Key: fred})
	page.ending.Wait()
	p.see("C0DE 1111 follows the one that ends in C0DE EE87").press("enter", "enter", "enter").see("let it follow")

	p = playKeys(t, newFakeKeys(), nil, false).surveyed().onRhea().choose("Let a new key").press("end", "enter").see("A new key pair")
	p.press("Nora", "enter", "nora@acme.org", "enter", "enter", "enter").see("make it").press("y").answer().answer().see("follows the one that ends in C0DE EE87")
}

// Keys of one name are told apart where there is no room for a column of their fingerprints.
func TestKeysOfOneName(t *testing.T) {
	f := newFakeKeys()
	for i := range f.states {
		if f.states[i].Fingerprint == "99990E147A219D4B55F01C2D3E4F5A6BC0DE1111" {
			f.states[i].UserIDs = []string{"Rhea Release <rhea@acme.org>"}
		}
	}
	playKeys(t, f, nil, false).surveyed().size(80, 24).see("…1111").see("…EE87")
}

// TestKeysOfTheWalk: the way from the step Key to all keys and back, where the keys to choose from
// are read again.
func TestKeysOfTheWalk(t *testing.T) {
	f, keys := newFake(), newFakeKeys()
	o := testOptions(f)
	o.Keys = func(context.Context) (Keys, error) { return keys, nil }
	d := drive(t, o).toKey().see("Rhea Release").press("a").see("3 with the secret key").see("esc back to the release")
	f.keyChoices.List = f.keyChoices.List[:1]
	d.press("w").hidden("back to the release").press("esc").see("esc back to the release").press("q").see("Which key signs").see("Rhea Release").hidden("Old Rhea")
	d.press("a").see("esc back to the release").press("esc").see("Which key signs").press("enter").see("last release is")

	keys.block = make(chan struct{})
	d = drive(t, o).toKey().see("Rhea Release").press("a").see("3 with the secret key").press("/", "3e9c", "enter", "e", "enter").see("extend it").press("y")
	<-keys.block
	d.press("ctrl+c")
	if out := d.r.shutdown(); !out.Cancelled || !slices.Equal(keys.calls(), []string{"stopped"}) {
		t.Errorf("%+v, %q", out, keys.calls())
	}
	o.Keys = nil
	drive(t, o).toKey().see("Rhea Release").press("a").see("There is no page for all keys here.")
}

func (f *fakeKeys) gitSwitch(p keydesk.SucceedParams) *keydesk.GitSwitch {
	return &keydesk.GitSwitch{File: "/home/rhea/.gitconfig", GnuPG: true, Lines: []gitops.ConfigLine{{Key: "user.signingKey", Value: string(f.key(p.New).Fingerprint), Old: []string{string(f.key(p.Old).Fingerprint)}}}}
}

func (f *fakeKeys) PlanSuccession(_ context.Context, p keydesk.SucceedParams) (keydesk.SuccessionPlan, error) {
	return keydesk.SuccessionPlan{
		SucceedParams: p, OldKey: f.key(p.Old).Key, NewKey: f.key(p.New).Key, OldName: f.key(p.Old).UserID(), NewName: f.key(p.New).UserID(), Ends: noon.Add(p.Retire),
		Statement: []byte("A new key signs from now on\n===========================\n\nThe old key:\n\n    3E9C 0E14\n"),
		Policy:    []byte("[[policy.signer]]\nname = \"Rhea\"\n"),
		GitSwitch: f.gitSwitch(p),
		Files: []keydesk.FileChange{
			{Path: "/src/widget/.bulla/keys.asc", What: "the new key is added, the old one gets its new expiry", Keys: []keydesk.ShownKey{
				{Fingerprint: f.key(p.Old).Fingerprint, UserIDs: f.key(p.Old).UserIDs[:1], Kept: []string{"Rhea <77+rhea@users.noreply.github.com>"}, Place: "file:/src/widget/.bulla/keys.asc"},
				{Fingerprint: f.key(p.New).Fingerprint, UserIDs: f.key(p.New).UserIDs, Place: "file:/src/widget/.bulla/keys.asc"},
			}},
			{Path: "/src/widget/bulla.toml", What: "the new key is added to the signers of the policy", Added: []byte("[[policy.signer]]\nname = \"Rhea\"\n")},
		},
	}, nil
}

func (f *fakeKeys) CarryOutSuccession(ctx context.Context, p keydesk.SucceedParams, ask keys.AskPassphrase) (keydesk.SuccessionDone, error) {
	if err := f.unlock(ctx, p.Old, ask); err != nil {
		return keydesk.SuccessionDone{}, err
	}
	f.did("succeed %s %s %s %s", p.Old, p.New, p.Retire, p.StatementFile)
	var git *keydesk.GitSwitch
	if p.Git {
		f.did("git")
		git = f.gitSwitch(p)
	}
	return keydesk.SuccessionDone{
		Git: git,
		Commit: []string{
			"bulla keys to-gnupg " + string(f.key(p.Old).Fingerprint), "git add -- statement.txt statement.txt.asc .bulla/keys.asc bulla.toml",
			"git commit -S" + string(f.key(p.Old).Fingerprint) + ` -m "Let a new key sign"`,
		},
		Succession: keydesk.Succession{Old: f.key(p.Old).Key, New: f.key(p.New).Key},
		Written:    []string{p.StatementFile, p.StatementFile + ".asc", "/src/widget/.bulla/keys.asc", "/src/widget/bulla.toml"},
	}, nil
}
