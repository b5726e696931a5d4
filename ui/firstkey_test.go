package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/store"
	"bulla/keys/vault"
	"bulla/ui/theme"
	"bulla/workflow/firstkey"
)

const words = "cave demand energy swing thunder diagram"

// scriptedWizard does nothing, and says what a real one would.
type scriptedWizard struct {
	start    firstkey.Start
	key      keys.Key
	left     firstkey.Progress // what Progress says
	made     []firstkey.Params
	makeErr  error
	backErr  error
	startErr error
	results  []publish.Result
	stuck    bool // Publish waits for the end of its context
	git      firstkey.GitPlan
	gitErr   error
	applied  int
	kept     vault.Backend
	trial    firstkey.Trial
	calls    []string
}

func newScriptedWizard() *scriptedWizard {
	f := &scriptedWizard{
		start: firstkey.Start{Name: "Rhea Release", Email: "rhea@acme.org", HasGit: true, Git: gitops.UserSettings{Name: "Rhea Release", Email: "rhea@acme.org"}, Project: "acme/widget", Host: "github.com", Now: noon},
		key: keys.Key{
			Fingerprint: rhea, UserIDs: []string{"Rhea Release <rhea@acme.org>"}, Algorithm: "ed25519", Created: noon, Expires: day(730), Source: keys.SourceStore, HasSecret: true,
			Subkeys: []keys.Subkey{{Fingerprint: rheaS, Algorithm: "ed25519", Expires: day(730), CanSign: true, HasSecret: true}},
		},
		git: firstkey.GitPlan{File: "/home/rhea/.gitconfig", GnuPG: true, Lines: []gitops.ConfigLine{
			{Key: "user.signingKey", Value: string(rhea), Old: []string{"~/.ssh/id_ed25519.pub"}}, {Key: "gpg.format", Value: "openpgp", Old: []string{"ssh"}}}},
		trial: firstkey.Trial{Tag: "v0.0.1-test", Signer: keys.SigningKey{Fingerprint: rheaS}, Verdict: keys.Verdict{Status: keys.StatusGood}, Git: true, Good: true},
	}
	f.left = firstkey.Progress{Key: f.key, Revocation: "/home/rhea/.local/share/bulla/revocations/" + string(rhea) + ".asc"}
	return f
}

func (f *scriptedWizard) Begin(context.Context) (firstkey.Start, error) { return f.start, f.startErr }
func (f *scriptedWizard) Progress(context.Context, keys.Fingerprint) (firstkey.Progress, error) {
	return f.left, nil
}
func (f *scriptedWizard) Make(_ context.Context, p firstkey.Params) (firstkey.Made, error) {
	p.Passphrase = p.Passphrase.Clone()
	f.made = append(f.made, p)
	if f.makeErr != nil {
		return firstkey.Made{}, f.makeErr
	}
	for _, a := range p.Also {
		f.key.UserIDs = append(f.key.UserIDs, p.Name+" <"+a+">")
	}
	f.left.Key = f.key
	return firstkey.Made{Generated: store.Generated{Key: f.key, Revocation: f.left.Revocation}}, nil
}
func (f *scriptedWizard) Words() (keys.Secret, int, error) {
	return keys.NewSecret([]byte(words)), 66, nil
}
func (f *scriptedWizard) Exposed(path string) string {
	if strings.HasPrefix(path, "/home/widget/") {
		return "This is in a repository."
	}
	return ""
}

func (f *scriptedWizard) Path(name, _ string) string {
	return strings.Replace(name, "~", "/home/rhea", 1)
}

// ask asks as a signer does.
func (f *scriptedWizard) ask(ctx context.Context, ask keys.AskPassphrase, want string) error {
	return keys.Unlock(ctx, ask, keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(rhea), Label: f.key.UserID()}, func(s keys.Secret) error {
		if s.Equal(keys.NewSecret([]byte(want))) {
			return nil
		}
		return keys.ErrWrongPassphrase
	})
}
func (f *scriptedWizard) BackUp(ctx context.Context, _ keys.Fingerprint, path string, ask keys.AskPassphrase) (store.Rehearsal, error) {
	f.calls = append(f.calls, "backup "+path)
	if f.backErr != nil {
		return store.Rehearsal{}, f.backErr
	}
	if err := f.ask(ctx, ask, passphrase); err != nil {
		return store.Rehearsal{}, err
	}
	f.left.Key.BackedUp = noon
	return store.Rehearsal{Signed: []keys.Fingerprint{rhea, rheaS}, Protected: true, Recorded: true, At: noon}, nil
}
func (f *scriptedWizard) Paper(_ context.Context, _ keys.Fingerprint, path string, _ keys.AskPassphrase) (store.Rehearsal, error) {
	f.calls = append(f.calls, "paper "+path)
	return store.Rehearsal{At: noon}, nil
}
func (f *scriptedWizard) MoveRevocation(_ context.Context, _ keys.Fingerprint, path string) error {
	f.calls = append(f.calls, "move "+path)
	if strings.Contains(path, "nowhere") {
		return &firstkey.RevocationError{Path: path, Reason: "reads back otherwise than it was written"}
	}
	f.left.Revocation = ""
	return nil
}
func (f *scriptedWizard) Places(ctx context.Context) ([]vault.Status, vault.Backend) {
	return (&fakeVault{}).Offers(ctx), ""
}
func (f *scriptedWizard) Keep(_ context.Context, _ keys.Fingerprint, b vault.Backend, _ keys.AskPassphrase) error {
	f.kept = b
	return nil
}
func (f *scriptedWizard) Offers(context.Context, keys.Fingerprint) ([]firstkey.Offer, error) {
	return []firstkey.Offer{
		{Target: publish.Target{Kind: publish.KindVKS, Where: publish.DefaultVKS}, Why: "Where most programs look. It mails each address to confirm it, and shows the name only then.", Wise: true},
		{Target: publish.Target{Kind: publish.KindHKP, Where: publish.DefaultHKP}, Why: "What Maven Central and older programs ask. It shows everything at once, and never deletes."},
		{Target: publish.Target{Kind: publish.KindFile, Where: "/home/widget/KEYS"}, Why: "The file KEYS of this repository: users find the key beside what it signs."},
	}, nil
}
func (f *scriptedWizard) Place(text string) (publish.Target, error) {
	return publish.ParseTarget(text, "/home/widget")
}
func (f *scriptedWizard) Plan(_ context.Context, _ keys.Fingerprint, targets []publish.Target, ids []string) (p publish.Plan, err error) {
	for _, t := range targets {
		k := f.key
		k.UserIDs = ids
		i := publish.Item{Target: t, Key: k, Data: make([]byte, 554)}
		i.Sentence, i.Permanent = t.Permanent()
		for _, u := range f.key.UserIDs {
			if len(ids) > 0 && u != ids[0] {
				i.LeftOut = append(i.LeftOut, u)
			}
		}
		p.Items = append(p.Items, i)
	}
	return p, nil
}
func (f *scriptedWizard) Publish(ctx context.Context, p publish.Plan, _ keys.AskPassphrase, progress func(publish.Event)) ([]publish.Result, error) {
	f.calls = append(f.calls, fmt.Sprintf("publish %d", len(p.Items)))
	progress(publish.Event{Target: p.Items[0].Target, Doing: "sending the key to " + p.Items[0].Target.Host()})
	if f.stuck {
		<-ctx.Done()
		return []publish.Result{{Target: p.Items[0].Target, Err: context.Canceled, Notes: []string{"It was being sent when that was stopped: whether it arrived is not known. Publish again to be sure."}}}, ctx.Err()
	}
	return f.results, nil
}
func (f *scriptedWizard) Check(context.Context, publish.Plan, keys.AskPassphrase, func(publish.Event)) ([]publish.Result, error) {
	f.calls = append(f.calls, "check")
	out := append([]publish.Result(nil), f.results...)
	out[0].Stage, out[0].Addresses = publish.StageAddress, []publish.Address{{Address: "rhea@acme.org", State: publish.AddressFound}}
	return out, nil
}
func (f *scriptedWizard) PlanGit(context.Context, keys.Fingerprint) (firstkey.GitPlan, error) {
	return f.git, f.gitErr
}
func (f *scriptedWizard) ApplyGit(context.Context, firstkey.GitPlan) error { f.applied++; return nil }
func (f *scriptedWizard) ToGnuPG(context.Context, keys.Fingerprint, keys.AskPassphrase) error {
	f.calls = append(f.calls, "gnupg")
	return nil
}
func (f *scriptedWizard) Trial(context.Context, keys.Fingerprint, keys.AskPassphrase) (firstkey.Trial, error) {
	return f.trial, nil
}
func (f *scriptedWizard) Texts(context.Context, keys.Fingerprint) (firstkey.Texts, error) {
	return firstkey.Texts{Keys: "the entry", Security: "## Signatures\n\nReleases are signed with this OpenPGP key:\n\n    " + rhea.Grouped() + "\n    Rhea Release <rhea@acme.org>\n\nTo get it:\n\n    gpg --keyserver hkps://keys.openpgp.org --recv-keys " + string(rhea) + "\n"}, nil
}

func waitingForMail() []publish.Result {
	return []publish.Result{
		{Target: publish.Target{Kind: publish.KindVKS, Where: publish.DefaultVKS}, Stage: publish.StageStored, Goal: publish.StageAddress, Addresses: []publish.Address{{Address: "rhea@acme.org", State: publish.AddressWaiting}},
			Notes: []string{"No address is confirmed yet: the server gives the key without user ids, and GnuPG refuses to import it like that."}},
		{Target: publish.Target{Kind: publish.KindFile, Where: "/home/widget/KEYS"}, Stage: publish.StageFingerprint, Goal: publish.StageFingerprint, Notes: []string{"The key was added at the end of the file."}},
	}
}

func playWizard(t *testing.T, f KeyWizard, change func(*FirstKeyOptions), coloured bool) *player {
	t.Helper()
	o := FirstKeyOptions{
		Wizard: f, Display: noDisplay(),
	}
	if change != nil {
		change(&o)
	}
	r := newFirstKeyRoot(context.Background(), o)
	return play(t, r.soloRoot, coloured, func(put func(string) error) soloPage { return r.newPage(put) })
}

// The ways to the rooms. Each begins where the one before it ends.
func (p *player) toKind() *player {
	return p.see("whose is it").press("enter", "enter", "enter", "enter").see("What kind of key")
}
func (p *player) toSecret() *player { return p.toKind().press("enter", "enter").see("once more") }
func (p *player) toBackup() *player {
	return p.toSecret().press(passphrase, "enter", passphrase, "enter").see("A backup, tried")
}
func (p *player) toTried() *player {
	return p.toBackup().press("enter").see("From memory").press(passphrase, "enter").see("The backup works")
}
func (p *player) toPaper() *player    { return p.toTried().press("enter").see("A backup on paper") }
func (p *player) toRevoking() *player { return p.toPaper().press("enter").see("It declares") }
func (p *player) toIdentity() *player {
	return p.toRevoking().press("down", "enter").see("is its fingerprint")
}
func (p *player) toPlaces() *player { return p.toIdentity().press("enter").see("keys.openpgp.org") }
func (p *player) toPreview() *player {
	return p.toPlaces().press("down", "down", " ", "enter").see("554 bytes")
}

// readOn reads the preview to its end.
func (p *player) readOn() *player {
	for range 20 {
		if !strings.Contains(p.r.View(), "read on") {
			break
		}
		p.press("enter")
	}
	return p.see("make it public")
}
func (p *player) toSent() *player {
	return p.toPreview().readOn().press("enter").see("Make this public?").press("y").see("What became of it")
}
func (p *player) toGit() *player   { return p.toSent().press("enter").see("It would say") }
func (p *player) toTrial() *player { return p.toGit().press("enter", "enter").see("A scratch") }
func (p *player) toTexts() *player {
	return p.toTrial().press("enter").see("good for those").press("enter").see("## Signatures")
}
func (p *player) toWizardEnd() *player { return p.toTexts().press("enter").see("Left to do") }

type wizardScene struct {
	name  string
	world func(*scriptedWizard)
	play  func(*player)
}

func wizardScenes() []wizardScene {
	hidden := func(f *scriptedWizard) { f.start.Email, f.start.NoReply = "", "77+rhea@users.noreply.github.com" }
	begun := func(f *scriptedWizard) { f.start.Keys = []firstkey.Progress{f.left} }
	return []wizardScene{
		{"owner", nil, func(p *player) { p.see("whose is it") }},
		{"owner-differs", nil, func(p *player) {
			p.see("whose is it").press("enter", "enter", "ctrl+u", "rhea@home.example", "enter")
		}},
		{"owner-hidden", hidden, func(p *player) { p.see("whose is it").press("enter", "enter", "rhea@acme.org", "enter", "tab") }},
		{"owner-refused", nil, func(p *player) { p.see("whose is it").press("tab", "tab", "@", "enter", "enter") }},
		{"owner-project", nil, func(p *player) { p.see("whose is it").press("right") }},
		{"kind", nil, func(p *player) { p.toKind() }},
		{"kind-rsa", func(f *scriptedWizard) {
			f.start.RSA = "the policy in bulla.toml takes keys of rsa only"
		}, func(p *player) { p.toKind().press("tab", "ctrl+u", "never") }},
		{"kind-unclear", nil, func(p *player) { p.toKind().press("tab", "x", "enter") }},
		{"secret", nil, func(p *player) { p.toSecret().press("password1") }},
		{"secret-words", nil, func(p *player) { p.toSecret().press("ctrl+g").see("Six random words") }},
		{"secret-written", nil, func(p *player) { p.toSecret().press("ctrl+g", "enter") }},
		{"secret-differ", nil, func(p *player) { p.toSecret().press("correct", "enter", "horse", "enter") }},
		{"secret-failed", func(f *scriptedWizard) { f.makeErr = errors.New("no space left on device") }, func(p *player) {
			p.toSecret().press(passphrase, "enter", passphrase, "enter").see("No space")
		}},
		{"backup", nil, func(p *player) { p.toBackup() }},
		{"backup-ask", nil, func(p *player) { p.toBackup().press("enter").see("From memory") }},
		{"backup-wrong", nil, func(p *player) {
			p.toBackup().press("enter").see("From memory").press("horse", "enter").see("Try 2 of 3")
		}},
		{"backup-forgotten", func(f *scriptedWizard) {
			f.backErr = &firstkey.ForgottenError{Key: rhea, Err: &keys.UnlockError{Tries: 3}}
		}, func(p *player) { p.toBackup().press("enter").see("No backup was made") }},
		{"secret-other-words", nil, func(p *player) { p.toSecret().press("ctrl+g", "enter", "cave demand", "enter").see("other words") }},
		{"backup-works", nil, func(p *player) { p.toTried() }},
		{"backup-failed", func(f *scriptedWizard) {
			f.backErr = &store.BackupError{Key: rhea, Reason: "it holds 2 secret keys, not one"}
		}, func(p *player) { p.toBackup().press("enter").see("would not bring") }},
		{"paper", nil, func(p *player) { p.toPaper().press("up") }},
		{"paper-written", nil, func(p *player) { p.toPaper().press("up", "enter").see("Print it") }},
		{"revoking", nil, func(p *player) { p.toRevoking() }},
		{"revoking-failed", nil, func(p *player) { p.toRevoking().press("/nowhere", "enter").see("reads back") }},
		{"revoking-moved", nil, func(p *player) { p.toRevoking().press("/media/stick/revoke.asc", "enter").see("moved to") }},
		{"identity", nil, func(p *player) { p.toIdentity() }},
		{"identity-code", nil, func(p *player) { p.toIdentity().press("v") }}, // in ASCII there is no code: nothing happens
		{"publish", nil, func(p *player) { p.toPlaces() }},
		{"publish-hidden", hidden, func(p *player) {
			p.see("whose is it").press("enter", "enter", "rhea@acme.org", "enter", "enter").see("Mind the remarks").press("enter").see("What kind").press("enter", "enter").see("once more").
				press(passphrase, "enter", passphrase, "enter").see("A backup, tried").press("enter").see("From memory").press(passphrase, "enter").see("The backup works").
				press("enter", "enter", "down", "enter", "enter").see("becomes public of the key").press("end")
		}},
		{"publish-other", nil, func(p *player) { p.toPlaces().press("end", "nowhere", "enter").see("names no place") }},
		{"publish-preview", nil, func(p *player) { p.toPreview() }},
		{"publish-ask", nil, func(p *player) { p.toPreview().readOn().press("enter").see("Make this public?") }},
		{"publish-sent", nil, func(p *player) { p.toSent() }},
		{"publish-found", nil, func(p *player) { p.toSent().press("r").see(": findable by address") }},
		{"publishing", func(f *scriptedWizard) { f.stuck = true }, func(p *player) {
			p.toPreview().readOn().press("enter").see("Make this public?").press("y").see("sending the key")
		}},
		{"publish-stopped", func(f *scriptedWizard) { f.stuck = true }, func(p *player) {
			p.toPreview().readOn().press("enter").see("Make this public?").press("y").see("sending the key").press("ctrl+c").see("Cancelled")
		}},
		{"git", nil, func(p *player) { p.toGit() }},
		{"git-nameless", func(f *scriptedWizard) {
			f.git.Named, f.git.Lines = true, []gitops.ConfigLine{
				{Key: "user.signingKey", Value: string(rhea)}, {Key: "user.name", Value: "Rhea Release"}, {Key: "user.email", Value: "rhea@acme.org"}}
		}, func(p *player) { p.toGit() }},
		{"git-written", nil, func(p *player) { p.toGit().press("down", "enter").see("put back") }},
		{"git-none", func(f *scriptedWizard) { f.gitErr = gitops.ErrNoGit }, func(p *player) { p.toSent().press("enter").see("git is not installed") }},
		{"test", nil, func(p *player) { p.toTrial() }},
		{"test-good", nil, func(p *player) { p.toTrial().press("enter").see("good for those") }},
		{"test-alone", func(f *scriptedWizard) {
			f.trial.Git, f.trial.Good, f.trial.Reason = false, false, "gpg is not installed here"
		}, func(p *player) { p.toTrial().press("enter").see("not asked") }},
		{"test-bad", func(f *scriptedWizard) { f.trial.Good, f.trial.Output = false, "[GNUPG:] BADSIG\x1b[2J 77" }, func(p *player) {
			p.toTrial().press("enter").see("not good for everybody")
		}},
		{"texts", nil, func(p *player) { p.toTexts() }},
		{"end", nil, func(p *player) { p.toWizardEnd() }},
		{"end-public", func(f *scriptedWizard) {
			f.left.Published.Entries = []publish.Entry{
				{Target: "vks:" + publish.DefaultVKS, Stage: publish.StageStored, Addresses: []publish.Address{{Address: "rhea@acme.org", State: publish.AddressWaiting}}},
				{Target: "file:/home/widget/KEYS", Stage: publish.StageFingerprint}}
		}, func(p *player) { p.toWizardEnd() }},
		{"begun", begun, func(p *player) { p.see("Go on with it?") }},
		{"failed", func(f *scriptedWizard) { f.startErr = errors.New("the store cannot be read") }, func(p *player) { p.see("cannot be read") }},
		{"help", nil, func(p *player) { p.toPlaces().press("?").see("Everywhere") }},
	}
}

func (s wizardScene) start(t *testing.T, change func(*FirstKeyOptions), coloured bool) *player {
	f := newScriptedWizard()
	f.results = waitingForMail()
	if s.world != nil {
		s.world(f)
	}
	p := playWizard(t, f, change, coloured)
	s.play(p)
	return p
}

// TestWizardScreens compares every screen of the first key with its picture, at the size of the
// design, on a wide terminal, and at the minimum.
func TestWizardScreens(t *testing.T) {
	for _, s := range wizardScenes() {
		t.Run(s.name, func(t *testing.T) {
			p := s.start(t, nil, false)
			for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 16}} {
				t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
					p.size(size[0], size[1])
					golden.RequireEqual(t, p.r.View())
				})
			}
		})
	}
}

// TestWizardThemes: some screens in colours, on light and on dark, and in ASCII.
func TestWizardThemes(t *testing.T) {
	some := map[string]bool{"owner-differs": true, "secret": true, "backup-works": true, "publish": true, "publish-sent": true, "test-bad": true, "end": true}
	for _, s := range wizardScenes() {
		if !some[s.name] {
			continue
		}
		for _, mode := range []theme.Mode{theme.Light, theme.Dark} {
			t.Run(s.name+"/"+string(mode), func(t *testing.T) {
				golden.RequireEqual(t, s.start(t, func(o *FirstKeyOptions) { o.Theme = mode }, true).r.View())
			})
		}
		t.Run(s.name+"/ascii", func(t *testing.T) {
			golden.RequireEqual(t, s.start(t, func(o *FirstKeyOptions) { o.ASCII = true }, false).r.View())
		})
	}
}

// TestWizardEverySize resizes every screen through all kinds of sizes; the player holds that nothing
// is wider or taller than the terminal.
func TestWizardEverySize(t *testing.T) {
	for _, s := range wizardScenes() {
		t.Run(s.name, func(t *testing.T) {
			for _, p := range []*player{s.start(t, func(o *FirstKeyOptions) { o.ASCII = true }, false), s.start(t, nil, true)} {
				for _, w := range []int{1, 20, 59, 60, 61, 72, 79, 80, 81, 100, 130, 250} {
					for _, h := range []int{1, 3, 15, 16, 17, 20, 24, 41, 90} {
						p.size(w, h)
					}
				}
			}
		})
	}
}
