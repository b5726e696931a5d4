package ui

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/vault"
	"bulla/ui/page/firstkey"
	wizard "bulla/workflow/firstkey"
	"bulla/workflow/keychoice"
	"bulla/workflow/world"
)

// secret types a passphrase; no part of it may be on the screen after any key.
func (p *player) secret(s string) *player {
	p.t.Helper()
	for i, c := range s {
		p.press(string(c))
		if i >= 4 && strings.Contains(p.r.View(), s[i-4:i+1]) {
			p.t.Fatalf("a part of the passphrase is on the screen:\n%s", p.r.View())
		}
	}
	return p
}

func (p *player) wizardPage() *firstKeyPage { return p.r.page.(*firstKeyPage) }

// TestWizardAlong goes all the way, and looks what was asked of the workflow.
func TestWizardAlong(t *testing.T) {
	f := newScriptedWizard()
	f.results = waitingForMail()
	f.start.Email, f.start.NoReply = "", "77+rhea@users.noreply.github.com"
	p := playWizard(t, f, nil, false)
	p.see("whose is it").press("enter", "enter", "rhea@acme.org", "enter", "enter").see("Mind the remarks").press("enter").see("What kind").press("right", "enter", "ctrl+u", "18m", "enter")
	p.see("once more").press("ctrl+g").see(words).press("enter")
	if strings.Contains(p.r.View(), "demand") {
		t.Error("the words are on the screen after the dialog")
	}
	p.secret("cave demand energy swing thunder").press("enter").see("other words").press("ctrl+u").secret(words).press("enter").see("A backup, tried")
	made := f.made[0]
	if made.Name != "Rhea Release" || made.Email != "rhea@acme.org" || !slices.Equal(made.Also, []string{f.start.NoReply}) || made.Algorithm != "rsa4096" ||
		made.Lifetime.Hours()/24 < 540 || !made.Passphrase.Equal(keys.NewSecret([]byte(words))) {
		t.Errorf("asked to make %+v", made)
	}
	p.press("ctrl+u", "/media/stick/b.asc", "enter").see("From memory").press("up").secret("wrong").press("enter").see("Try 2 of 3").
		secret(passphrase).press("enter").see("kept in GNOME Keyring")
	if f.kept != vault.BackendKeychain {
		t.Errorf("kept in %q", f.kept)
	}
	p.press("enter", "up", "ctrl+u", "~/paper.txt", "enter").see("Print it").press("enter").see("It declares").press("~/drawer.asc", "enter").see("moved to")
	p.press("enter", "c").see("clipboard").press("enter").see("keys.openpgp.org").press("enter").see("not sent").readOn().press("enter", "n").see("make it public")
	if slices.ContainsFunc(f.calls, func(s string) bool { return strings.HasPrefix(s, "publish") }) {
		t.Error("something was sent before it was confirmed")
	}
	p.press("enter", "y").see("waiting for the mail").press("r").see(": findable by address").press("enter").see("It would say").press("down", "enter").see("put back")
	p.press("down", "enter").see("GnuPG has the key").press("enter", "enter").see("good for those").press("enter").see("## Signatures").press("p").see("printed when you leave")
	p.press("enter").see("Left to do").press("enter").ends()
	if f.applied != 1 {
		t.Errorf("git was told %d times", f.applied)
	}
	want := []string{"backup /media/stick/b.asc", "paper /home/rhea/paper.txt", "move /home/rhea/drawer.asc", "publish 1", "check", "gnupg"}
	if !slices.Equal(f.calls, want) {
		t.Errorf("did %q\nwant %q", f.calls, want)
	}
	if got := strings.Join(p.copied, "|"); got != string(rhea) {
		t.Errorf("copied %q", got)
	}
	if d := p.wizardPage().end; d.Cancelled || d.Key != rhea || !strings.Contains(d.Text, "## Signatures") {
		t.Errorf("ended with %+v", d)
	}
}

// TestWizardLeaving: before the key is made nothing stays; after it the way on is said.
func TestWizardLeaving(t *testing.T) {
	f := newScriptedWizard()
	p := playWizard(t, f, nil, false).see("whose is it").press("esc")
	p.ends()
	if d := p.wizardPage().end; d != (firstkey.Done{}) || len(f.made) > 0 {
		t.Errorf("%+v, %d made", d, len(f.made))
	}
	p = playWizard(t, newScriptedWizard(), nil, false).toBackup().press("esc").see("No backup was made").see("bulla keys backup " + string(rhea)).press("esc").see("write it to").press("ctrl+c")
	p.ends()
	if d := p.wizardPage().end; !d.Cancelled || d.Key != rhea {
		t.Errorf("%+v", d)
	}
	// A letter q is text where text is typed, and leaves elsewhere.
	playWizard(t, newScriptedWizard(), nil, false).toBackup().press("q").see("C0DEEE87.ascq")
	p = playWizard(t, newScriptedWizard(), nil, false).toIdentity().press("q").see("Left to do").press("q")
	p.ends()
	// Back leads through the steps after the key, and no further.
	p = playWizard(t, newScriptedWizard(), nil, false).toRevoking().press("esc").see("A backup on paper").press("esc").see("The backup works").press("esc").see("Left to do")
	p.press("enter").ends()
}

// TestWizardGoesOn: a key that was begun is gone on with; a new one can be made all the same.
func TestWizardGoesOn(t *testing.T) {
	f := newScriptedWizard()
	f.start.Keys = []wizard.Progress{f.left}
	playWizard(t, f, nil, false).see("Go on with it?").press("enter").see("A backup, tried").see("step 4 of 11")
	playWizard(t, f, nil, false).see("Go on with it?").press("end", "enter").see("whose is it")
	f.left.Key.BackedUp = noon
	playWizard(t, f, func(o *FirstKeyOptions) { o.Key = rhea }, false).see("was tried on").press("r").see("A backup, tried").press("esc").see("was tried on").press("enter").see("on paper")
}

// TestWizardStops: Ctrl+C, and Esc, stop what is under way; a second Ctrl+C leaves.
func TestWizardStops(t *testing.T) {
	for _, how := range []string{"esc", "ctrl+c"} {
		f := newScriptedWizard()
		f.stuck = true
		p := playWizard(t, f, nil, false).toPreview().readOn().press("enter", "y").see("sending the key").press("x", "enter", how).see("whether it arrived is not")
		if p.quit {
			t.Errorf("%s left", how)
		}
		p.press("ctrl+c").ends()
	}
	// A question that nobody answers is withdrawn.
	p := playWizard(t, newScriptedWizard(), nil, false).toBackup().press("enter").see("From memory").press("ctrl+c").see("Cancelled")
	if p.r.dialogs.Top() != nil {
		t.Error("the dialog stayed")
	}
	p = playWizard(t, newScriptedWizard(), nil, false).toBackup().press("enter").see("From memory").press("esc").see("Cancelled").press("q", "enter", "enter").see("From memory").press("ctrl+c", "ctrl+c")
	p.ends()
}

// TestWizardPastes: what is pasted decides nothing.
func TestWizardPastes(t *testing.T) {
	f := newScriptedWizard()
	p := playWizard(t, f, nil, false).toSecret()
	paste := func(s string) {
		p.apply(pasted(s))
	}
	paste("y\n")
	p.press("ctrl+u").press(passphrase, "enter")
	paste(passphrase + "\r\n")
	if len(f.made) > 0 {
		t.Error("a paste made the key")
	}
	p.press("enter").see("A backup, tried")
}

// TestFirstKeyProgram: the entry point ends when its context does, and with Ctrl+C.
func TestFirstKeyProgram(t *testing.T) {
	start := func(ctx context.Context, in string) (keys.Fingerprint, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		read, write := io.Pipe()
		defer read.Close()
		go func() {
			for in != "" && ctx.Err() == nil {
				if _, err := io.WriteString(write, in); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		k, _, err := FirstKey(ctx, FirstKeyOptions{Wizard: newScriptedWizard(), Display: Display{In: read, Out: io.Discard, Now: func() time.Time { return noon }, Env: func(string) string { return "" }}})
		return k, err
	}
	if k, err := start(context.Background(), "\x03"); k != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("ctrl+c: %q, %v", k, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := start(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("context: %v", err)
	}
}

const wizardCanary = "CANARY-kelp-ribbon-oak-pencil"

// TestWizardForReal: a newcomer makes a key on the page with the real workflow, a real key server and
// a real git; real gpg judges all that leaves the store. The passphrase is in no file and no frame.
func TestWizardForReal(t *testing.T) {
	server := keystest.SKS(t)
	dir := t.TempDir()
	for k, v := range map[string]string{"HOME": dir, "XDG_CONFIG_HOME": filepath.Join(dir, "none"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": filepath.Join(dir, "gitconfig"), "GNUPGHOME": filepath.Join(dir, "none")} {
		t.Setenv(k, v)
	}
	if err := os.WriteFile(filepath.Join(dir, "gitconfig"), []byte("[user]\n\tname = Ada Release\n\temail = ada@example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := world.New(t.Context(), world.Options{Home: filepath.Join(dir, "home"), NoGnuPG: true, NoKeychain: true, Registry: docker.Options{}, Env: os.Getenv, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p := playWizard(t, wizard.New(w, dir), func(o *FirstKeyOptions) { o.Now = time.Now }, false)
	p.see("ada@example.org").press("enter", "enter", "enter", "enter").see("What kind").press("enter", "enter").see("once more").secret(wizardCanary).press("enter").secret(wizardCanary).press("enter")
	p.see("A backup, tried").press("ctrl+u", "stick.asc", "enter").see("From memory").secret(wizardCanary).press("enter").see("The backup works")
	p.press("enter", "up", "ctrl+u", "paper.html", "enter").see("Print it").press("enter").see("It declares").press("drawer.asc", "enter").see("moved to").press("enter").see("is its fingerprint")
	p.press("enter").see("keys.openpgp.org").press(" ", "end", server, "enter").see(strings.TrimPrefix(server, "hkp://")).press("enter").see("never delete").readOn().press("enter", "y").see(": findable by address")
	p.press("enter").see("It would say").press("down", "enter").see("put back").press("enter").see("A scratch").press("enter").see("good for those").press("enter").see("--recv-keys").press("enter").see("Nothing is left to do").press("enter").ends()

	f := p.wizardPage().Made()
	home := keystest.GnuPGHome(t)
	for _, args := range [][]string{{"--import", filepath.Join(dir, "stick.asc")}, {"--keyserver", server, "--recv-keys", string(f)}, {"--import", filepath.Join(dir, "drawer.asc")}} {
		if _, out, err := keystest.GPG(t, home, nil, args...); err != nil {
			t.Errorf("gpg %v: %v\n%s", args, err, out)
		}
	}
	if out, _, _ := keystest.GPG(t, home, nil, "--with-colons", "--list-secret-keys", string(f)); !strings.Contains(out, "sec:r:") {
		t.Errorf("gpg has of backup and certificate:\n%s", out)
	}
	if list, err := w.Store.List(t.Context()); err != nil || len(list) != 1 || list[0].Revoked || list[0].BackedUp.IsZero() {
		t.Errorf("the store: %+v, %v", list, err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), wizardCanary) {
			t.Errorf("the passphrase is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// pasted is a paste.
func pasted(s string) tea.KeyMsg {
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s), Paste: true}
}

// TestWizardFromTheWalk: the step Key leads to the wizard and back to the key that was made; the small
// form is still there. Who stops the wizard with Ctrl+C stops the walk.
func TestWizardFromTheWalk(t *testing.T) {
	start := func(f *fake) (*driver, *scriptedWizard) {
		w := newScriptedWizard()
		o := testOptions(f)
		o.KeyWizard = func() KeyWizard { return w }
		return drive(t, o), w
	}
	f := newFake()
	f.keyChoices.Preselected = 1
	d, w := start(f)
	d.toKey().see("YubiKey").press("n").see("whose is it").press("enter", "enter", "enter", "enter").see("What kind").press("enter", "enter").see("once more")
	d.press(passphrase, "enter", passphrase, "enter").see("A backup, tried").press("esc").see("Left to do").press("enter").see("Which key signs").see("Rhea Release").press("enter").see("last release is")
	if len(w.made) != 1 || len(f.generated) != 0 {
		t.Errorf("%d made by the wizard, %d by the form", len(w.made), len(f.generated))
	}
	f = newFake()
	f.keyChoices = keychoice.Choices{Preselected: -1}
	d, w = start(f)
	d.toKey().see("N makes one at once").press("N").see("A new key to sign").press("tab", "tab", "tab", "tab", passphrase, "tab", passphrase, "enter").see("Made a key")
	if len(w.made) != 0 || len(f.generated) != 1 {
		t.Errorf("%d made by the wizard, %d by the form", len(w.made), len(f.generated))
	}
	d, _ = start(newFake())
	d.toKey().see("YubiKey").press("n").see("whose is it").press("esc").see("Which key signs").press("n").see("whose is it").press("ctrl+c").until("the end", func() bool { return d.quit })
	if out := d.r.shutdown(); !out.Cancelled {
		t.Errorf("%+v", out)
	}
}

// TestExampleAddress: the example in an empty line is no value, and that for a project is nobody's own.
func TestExampleAddress(t *testing.T) {
	p := playWizard(t, newScriptedWizard(), nil, false).see("What is the key for").press("down", "down", "ctrl+u").see("(such as rhea@example.org)")
	p.press("up", "up", "right", "down", "down").see("(such as releases@example.org)").press("ctrl+c")
}

// TestWizardLosesNothing: typed text is not left behind without a question, a passphrase typed too
// early lands in no field, and a secret is not written into a repository by one enter.
func TestWizardLosesNothing(t *testing.T) {
	p := playWizard(t, newScriptedWizard(), nil, false)
	p.see("whose is it").press("tab", "X", "esc").see("Leave without a key?").press("n").see("whose is it").press("esc", "y").ends()

	p = playWizard(t, newScriptedWizard(), nil, false).toBackup().press("ctrl+u", "/home/widget/key.asc", "enter").see("This is in a repository").press("enter").see("From memory")
	p.press("esc").see("another name").press("orchid").press("enter").see("write and try it")
	if got := p.r.View(); strings.Contains(got, "orchid") {
		t.Errorf("it landed in a field:\n%s", got)
	}
	if got := p.r.View(); strings.Contains(got, "? help") {
		t.Errorf("a ? typed here is text:\n%s", got)
	}
}
