package line

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/explain"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/journal"
	"bulla/workflow/keychoice"
	"bulla/workflow/keydesk"
	"bulla/workflow/project"
	"bulla/workflow/record"
)

// whole are the answers of a walk where everything is as it should be: key, version, message,
// files, images, image key, push, the version once more.
var whole = []string{"", "1", "", "", "", "", "n", "1.4.0"}

func with(change func([]string)) []string {
	answers := slices.Clone(whole)
	change(answers)
	return answers
}

func TestWalk(t *testing.T) {
	reported := false
	w := walkThrough(t, newSession(), func(o *Walker) {
		o.Report = func(r *workflow.Result) error { reported = r.Plan.Tag == "v1.4.0"; return nil }
	}, whole...)
	if w.err != nil || w.res == nil || !reported || w.runs != 1 {
		t.Fatalf("%v, %d runs, reported: %v\n%s", w.err, w.runs, reported, w.out)
	}
	want := workflow.Choices{Version: "1.4.0", Key: string(adaSub) + "!", Message: "widget 1.4.0", Files: w.files, Images: w.images, ImageKey: w.imageKeys[0].Path}
	if got := w.planned[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("planned %+v\nwant    %+v", got, want)
	}
	w.says(t,
		"3E9C 0E14 7A21 9D4B 55F0  1C2D 3E4F 5A6B C0DE EE87", "ed25519, expires in 1 y 4 mo (22 Mar 2028), in bulla's store", "signed v1.3.0",
		"rsa2048, expired 22 Mar 2026, on card 0006 1234", "cannot sign: it expired on 22 March 2026", "Enter takes 1: the key of the last release",
		"1  1.4.0, tag v1.4.0: minor", "Since v1.3.0: 1 commit", "| widget 1.4.0", "1  dist/a.tar.gz  12.1 MB", digest+", an index of 2 platforms",
		"Nothing has been created yet", "by its subkey 77C1 D0F2", "The tag is not pushed.", "warning: No backup",
		"begun    Tag", "done     Tag: v1.4.0 signed, in 3.0 s", "skipped  Push: not asked for",
		"git verify-tag v1.4.0", "bulla keys export 3E9C0E147A219D4B55F01C2D3E4F5A6BC0DEEE87 -o KEYS",
	)
	if strings.ContainsRune(w.out, '\x1b') || strings.ContainsRune(w.out, '\r') {
		t.Error("something was repainted")
	}
}

// TestLeaving: q and the end of input at every question change nothing.
func TestLeaving(t *testing.T) {
	for n := range whole {
		for _, how := range []string{"q", "end"} {
			answers := slices.Clone(whole[:n])
			if how == "q" {
				answers = append(answers, "q", "y", "1.4.0")
			}
			w := walkThrough(t, newSession(), nil, answers...)
			if !errors.Is(w.err, explain.ErrLeft) || w.runs != 0 || w.res != nil {
				t.Errorf("%s at question %d: %v, %d runs\n%s", how, n+1, w.err, w.runs, w.out)
			}
		}
	}
}

// TestConfirming: only the version, or the tag, typed exactly begins.
func TestConfirming(t *testing.T) {
	w := walkThrough(t, newSession(), nil, with(func(a []string) { a[7] = "yes" })...)
	if w.runs != 0 || !errors.Is(w.err, context.Canceled) {
		t.Errorf("yes began: %v", w.err)
	}
	w.says(t, "That is not 1.4.0. Nothing was done.")
	for _, typed := range []string{"", " "} {
		if w := walkThrough(t, newSession(), nil, with(func(a []string) { a[7] = typed })...); w.runs != 0 {
			t.Errorf("%q began", typed)
		}
		w := walkThrough(t, newSession(), nil, append(with(func(a []string) { a[7] = typed }), "y", "1.4.0")...)
		if w.err != nil || w.runs != 1 || !w.planned[1].Push {
			t.Errorf("%q did not lead back to the push: %v\n%s", typed, w.err, w.out)
		}
	}
	if w := walkThrough(t, newSession(), nil, with(func(a []string) { a[7] = "v1.4.0" })...); w.runs != 1 {
		t.Error("the tag did not begin")
	}
}

// TestVersionQuestion: Enter takes the version that is proposed first, and back is no version.
func TestVersionQuestion(t *testing.T) {
	w := walkThrough(t, newSession(), nil, with(func(a []string) { a[1] = "" })...)
	if w.err != nil || w.runs != 1 || w.planned[0].Version != "1.4.0" {
		t.Errorf("%v\n%s", w.err, w.out)
	}
	w = walkThrough(t, newSession(), func(o *Walker) { o.Choices.Key = "ada@example.org" }, append([]string{"back", "b"}, whole[1:]...)...)
	if w.err != nil || w.runs != 1 || strings.Count(w.out, "No question was asked before this one.") != 2 {
		t.Errorf("%v\n%s", w.err, w.out)
	}
	w = walkThrough(t, newSession(), nil, append([]string{"", "back", ""}, whole[1:]...)...)
	if w.err != nil || w.runs != 1 {
		t.Errorf("%v\n%s", w.err, w.out)
	}
}

// TestChoosing: what is answered is what is planned.
func TestChoosing(t *testing.T) {
	f := newSession()
	w := walkThrough(t, f, nil,
		"2", "7", "x", "1", // a key that cannot sign, one that is none, a slip, then one that can
		"next", "v2.0.0-rc.1", // no version, then a tag
		"My words", "", "and more", ".",
		"9", "3 1-2", // too many, then out of order
		"none", "y", "2.0.0-rc.1")
	if w.err != nil {
		t.Fatalf("%v\n%s", w.err, w.out)
	}
	c := f.planned[0]
	if c.Version != "2.0.0-rc.1" || c.Message != "My words\n\nand more" || len(c.Files) != 3 || len(c.Images) != 0 || c.Images == nil || c.ImageKey != "" || !c.Push {
		t.Errorf("planned %+v", c)
	}
	w.says(t, "That key cannot sign: it expired", "A number from 1 to 3, please.", `"next" is not a version`, `"9" is no number or range from 1 to 3`, "Then the tag is pushed to origin, git@forge.example.org:acme/widget.git.")
}

// TestSaidAlready: what the command line says is not asked.
func TestSaidAlready(t *testing.T) {
	f := newSession()
	w := walkThrough(t, f, func(o *Walker) {
		o.Choices = workflow.Choices{Version: "1.4.0", Key: "ada@example.org", Message: "said", Files: f.files, Images: []string{}, Push: true}
	}, "1.4.0")
	if w.err != nil || w.runs != 1 || f.planned[0].Key != "ada@example.org" {
		t.Errorf("%v\n%s", w.err, w.out)
	}
}

// TestLookTellsWhatIsReplaced: the lists and the record, as well as the signatures of files.
func TestLookTellsWhatIsReplaced(t *testing.T) {
	f := newSession()
	f.replaced = []string{"SHA256SUMS", "SHA256SUMS.asc", record.Name}
	walkThrough(t, f, func(o *Walker) {
		o.Choices = workflow.Choices{Version: "1.4.0", Key: "ada@example.org", Message: "said", Files: f.files, Images: []string{}, Push: true, Replace: true}
	}, "1.4.0").says(t, "    SHA256SUMS  replaces the one that is there, and its signature", "    bulla-release.json  replaces the one that is there\n")
}

// TestRefusedByTheRepository: what is mended outside ends the walk at once.
func TestRefusedByTheRepository(t *testing.T) {
	f := newSession()
	f.findings = []workflow.Finding{
		{Finding: finding.Finding{Rule: workflow.RuleDirty, Severity: finding.Error, Message: "README.md has changed."}, Step: workflow.StepPreflight},
		{Finding: finding.Finding{Rule: workflow.RuleVersion, Severity: finding.Error, Message: "No version is named."}, Step: workflow.StepTag},
	}
	w := walkThrough(t, f, nil, whole...)
	var refused *workflow.RefusedError
	if !errors.As(w.err, &refused) || len(refused.Findings) != 1 || refused.Findings[0].Rule != workflow.RuleDirty {
		t.Errorf("%v", w.err)
	}
	if strings.Contains(w.out, "The key that signs") {
		t.Error("it went on asking")
	}
}

// TestReplacedWhereItLies: what stands where the signatures go is told with the files, and can be replaced
// there; no option is named where none is typed.
func TestReplacedWhereItLies(t *testing.T) {
	f := newSession()
	f.inTheWay = []workflow.Finding{{Finding: finding.Finding{Rule: workflow.RuleSignatureExists, Severity: finding.Error,
		Message: "There are files of the release v1.3.0 already.", Hint: "allow --replace", Here: "keep a copy"}, Step: workflow.StepArtifacts}}
	f.findings = f.inTheWay
	answers := slices.Insert(slices.Clone(whole), 4, "y")
	w := walkThrough(t, f, nil, answers...)
	if w.err != nil || len(f.planned) != 1 || !f.planned[0].Replace {
		t.Errorf("%v\n%s", w.err, w.out)
	}
	w.says(t, "look at the 1 warning above", "with the files you can let bulla replace it", "warning: There are files of the release v1.3.0 already.", "hint: keep a copy", "Replace what lies there?")
	if strings.Contains(w.out, "--replace") {
		t.Error(w.out)
	}
}

// TestTooLate: who stops at the last moment is told that the release stands.
func TestTooLate(t *testing.T) {
	f := newSession()
	ctx, stop := context.WithCancel(t.Context())
	f.run = func(context.Context, workflow.Face) error { stop(); return nil }
	var out buffer
	_, err := Walk(ctx, Walker{Terminal: NewTerminal(strings.NewReader(strings.Join(whole, "\n")+"\n"), &out, nil), Session: f, Now: func() time.Time { return noon }})
	walked{f, out.String(), nil, err}.says(t, "It was too late to stop: the release is done and stands.")
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestSecretOf: a PIN is offered to be kept under its own name.
func TestSecretOf(t *testing.T) {
	pin := keys.PassphraseRequest{Card: "0006 12345678", Label: "PIN of card 0006 12345678, Ada"}
	if got := secretOf(pin); got != "PIN of card 0006 12345678, Ada" {
		t.Error(got)
	}
	if got := secretOf(keys.PassphraseRequest{Label: "Ada"}); got != "passphrase of Ada" {
		t.Error(got)
	}
}

// TestMending: a refusal leads back to the choice that it is about, once for each.
func TestMending(t *testing.T) {
	f := newSession()
	f.refuse = func(c workflow.Choices) error {
		var list []workflow.Finding
		if c.Version == "1.4.0" {
			list = append(list, workflow.Finding{Finding: finding.Finding{Rule: workflow.RuleTagExists, Severity: finding.Error, Message: "The tag v1.4.0 exists already.", Hint: "choose the next"}, Step: workflow.StepTag})
		}
		if !c.Replace {
			exists := workflow.Finding{Finding: finding.Finding{Rule: workflow.RuleSignatureExists, Severity: finding.Error, Message: "dist/SHA256SUMS exists already."}, Step: workflow.StepArtifacts}
			list = append(list, exists, exists)
		}
		if len(list) > 0 {
			return &workflow.RefusedError{Findings: list}
		}
		return nil
	}
	answers := append(slices.Clone(whole[:7]), "y", "2", "", "y", "1.3.1")
	w := walkThrough(t, f, nil, answers...)
	if w.err != nil || w.runs != 1 || f.planned[1].Version != "1.3.1" || !f.planned[1].Replace {
		t.Errorf("%v\n%s", w.err, w.out)
	}
	w.says(t, "error: The tag v1.4.0 exists already.", "hint: choose the next")

	w = walkThrough(t, f, nil, append(slices.Clone(whole[:7]), "n")...)
	var refused *workflow.RefusedError
	if !errors.As(w.err, &refused) {
		t.Errorf("no to mending: %v", w.err)
	}

	f.runs = 0
	f.refuse = func(workflow.Choices) error {
		return &workflow.RefusedError{Findings: []workflow.Finding{{Finding: finding.Finding{Rule: workflow.RuleIdentity, Severity: finding.Error, Message: "Nobody."}, Step: workflow.StepPreflight}}}
	}
	if w = walkThrough(t, f, nil, whole...); !errors.As(w.err, &refused) || w.runs != 0 {
		t.Errorf("what cannot be mended here: %v", w.err)
	}
}

// TestWrongPassphrase leads back to the choice of the key that it is about.
func TestWrongPassphrase(t *testing.T) {
	f := newSession()
	purpose := keys.PurposeOpenPGP
	f.run = func(context.Context, workflow.Face) error {
		if f.runs == 1 {
			return &keys.UnlockError{Request: keys.PassphraseRequest{Purpose: purpose}, Tries: 3}
		}
		return nil
	}
	w := walkThrough(t, f, nil, append(slices.Clone(whole), "", "1.4.0")...)
	if w.err != nil || w.runs != 2 || strings.Count(w.out, "Enter takes 1: the key of the last") != 2 {
		t.Errorf("%v, %d runs\n%s", w.err, w.runs, w.out)
	}
	w.says(t, "The passphrase of the key ")

	f.runs, purpose = 0, keys.PurposeImage
	w = walkThrough(t, f, nil, append(slices.Clone(whole), "", "1.4.0")...)
	if w.err != nil || w.runs != 2 || strings.Count(w.out, "The key that signs the images") != 2 {
		t.Errorf("%v, %d runs\n%s", w.err, w.runs, w.out)
	}
}

// TestStopped: a release that stops halfway is gone on with, taken back, or left.
func TestStopped(t *testing.T) {
	for _, c := range []struct {
		answer             string
		resumed, abandoned int
		err                bool
	}{
		{"1", 1, 0, false}, {"2", 0, 1, true}, {"3", 0, 0, true}, {"q", 0, 0, true},
	} {
		f := newSession()
		f.run = func(context.Context, workflow.Face) error {
			if f.resumed == 0 {
				return &workflow.IncompleteError{Tag: "v1.4.0", Step: workflow.StepImage, Err: errors.New("the registry is closed"), Done: []string{"v1.4.0 signed"}}
			}
			return nil
		}
		w := walkThrough(t, f, nil, append(slices.Clone(whole), c.answer)...)
		if f.resumed != c.resumed || f.abandoned != c.abandoned || (w.err != nil) != c.err {
			t.Errorf("%s: %d resumed, %d abandoned, %v", c.answer, f.resumed, f.abandoned, w.err)
		}
		w.says(t, "The registry is closed.", "Done and safe: v1.4.0 signed.")
		var incomplete *workflow.IncompleteError
		if c.answer == "3" && !errors.As(w.err, &incomplete) {
			t.Errorf("left: %v", w.err)
		}
	}
}

func TestUnfinished(t *testing.T) {
	begun := &workflow.Unfinished{Tag: "v1.4.0", Began: noon.Add(-3 * time.Hour), Done: []string{"v1.4.0 signed"}, Left: []string{"Image"}}
	f := newSession()
	f.unfinished = begun
	w := walkThrough(t, f, nil, "1")
	if w.err != nil || f.resumed != 1 || f.runs != 1 {
		t.Errorf("go on: %v", w.err)
	}
	w.says(t, "The release of v1.4.0 was begun 3 h ago", "done   v1.4.0 signed", "to do  Image")

	f = newSession()
	f.unfinished = begun
	if w = walkThrough(t, f, nil, append([]string{"2"}, whole...)...); w.err != nil || f.abandoned != 1 || f.runs != 1 {
		t.Errorf("take back, then release: %v\n%s", w.err, w.out)
	}
	w.says(t, "removed  the tag v1.4.0", "kept     the image's signature")

	f = newSession()
	f.unfinished = begun
	if w = walkThrough(t, f, nil, "2", "q"); !errors.Is(w.err, context.Canceled) || errors.Is(w.err, explain.ErrLeft) {
		t.Errorf("take back, then leave: %v", w.err)
	}

	f = newSession()
	f.unfinished = begun
	if w = walkThrough(t, f, nil, "3"); w.err != nil || w.res != nil || f.abandoned+f.resumed+f.runs != 0 {
		t.Errorf("leave: %v, %v", w.res, w.err)
	}
	w.says(t, "It is left as it is.")
	f.unfinished = &workflow.Unfinished{Tag: "v1.4.0", Running: true}
	if w = walkThrough(t, f, nil, "1"); !errors.Is(w.err, journal.ErrRunning) || f.resumed != 0 {
		t.Errorf("running elsewhere: %v", w.err)
	}
}

// TestNoKey: without any key one is made, or the walk ends.
func TestNoKey(t *testing.T) {
	f := newSession()
	f.keys = keychoice.Choices{Preselected: -1}
	w := walkThrough(t, f, nil, "n")
	if !errors.Is(w.err, context.Canceled) || len(f.generated) != 0 {
		t.Errorf("no: %v", w.err)
	}
	// Without a terminal a passphrase cannot be typed: nothing is made.
	w = walkThrough(t, f, nil, "y", "Ada <x>", "", "nowhere", "ada@elsewhere.example", "soon", "90d")
	if !errors.Is(w.err, keys.ErrNoPassphrase) || len(f.generated) != 0 {
		t.Errorf("no terminal: %v", w.err)
	}
	w.says(t, "Your name [Ada]:", "it contains one of ( ) < >.", "Your e-mail address [ada@example.org]:", "it is not an address.")
}

// TestNothingConfigured asks for globs and references, and offers to save the choices.
func TestNothingConfigured(t *testing.T) {
	f := newSession()
	f.config, f.images = project.Config{}, nil
	f.filesErr = errors.New("nothing matches dist/*")
	w := walkThrough(t, f, nil, "", "1", "", "dist/*", "out/*-1.4.0.*", "2", "registry.example.org/gone:1 x", "registry.example.org/widget:1.4.0", "", "", "n", "1.4.0", "y")
	if w.err != nil {
		t.Fatalf("%v\n%s", w.err, w.out)
	}
	w.says(t, "Nothing matches dist/*.", "No such image.", "bulla.toml would say", "image registry.example.org/widget:{version}")
	want := project.ReleaseConfig{Key: string(ada), Artifacts: []string{"out/*-{version}.*"}, Images: []string{"registry.example.org/widget:{version}"}}
	if len(f.saved) != 1 || !reflect.DeepEqual(f.saved[0].Release, want) {
		t.Errorf("saved %+v", f.saved)
	}
	if c := f.planned[0]; len(c.Files) != 1 || c.Files[0].Base() != "b.deb" {
		t.Errorf("planned %+v", c)
	}

	f = newSession()
	f.config, f.images = project.Config{}, nil
	w = walkThrough(t, f, nil, "", "1", "", "", "", "n", "1.4.0", "n")
	if w.err != nil || len(f.saved) != 0 || f.planned[0].Files == nil || f.planned[0].Images == nil {
		t.Errorf("%v, saved %v, planned %+v", w.err, f.saved, f.planned)
	}
	w.says(t, "No files.", "No images.")
}

// TestKeepPassphrase: nothing is kept unless it is asked for, and only where it can be.
func TestKeepPassphrase(t *testing.T) {
	request := keys.PassphraseRequest{Purpose: keys.PurposeOpenPGP, ID: string(ada), Label: "Ada"}
	keychain := vault.Status{Backend: vault.BackendKeychain, Name: "GNOME Keyring", State: vault.Ready, Persistent: true, Sentence: "Any program you run can read it."}
	file := vault.Status{Backend: vault.BackendFile, Name: "Encrypted vault file", State: vault.NeedsSetup, Persistent: true, Sentence: "Only its master passphrase opens it."}
	memory := vault.Status{Backend: vault.BackendMemory, Name: "Memory", State: vault.Ready}
	locked := file
	locked.State = vault.Locked
	absent := keychain
	absent.State = vault.Absent
	for _, c := range []struct {
		offers  []vault.Status
		chosen  vault.Backend
		answers []string
		want    string
	}{
		{[]vault.Status{keychain, file, memory}, "", []string{"n"}, "[]"},
		{[]vault.Status{keychain, file, memory}, "", nil, "[]"},
		{[]vault.Status{keychain, file, memory}, "", []string{"y", "3", "1"}, "[keep " + string(ada) + " in keychain]"},
		{[]vault.Status{keychain, file, memory}, "", []string{"y", "2"}, "[set up keep " + string(ada) + " in file]"},
		{[]vault.Status{keychain, file, memory}, "", []string{"y", ""}, "[keep " + string(ada) + " in keychain]"},
		{[]vault.Status{keychain, locked, memory}, vault.BackendFile, []string{"maybe", "YES"}, "[unlock keep " + string(ada) + " in file]"},
		{[]vault.Status{absent, memory}, "", []string{"y", "1"}, "[]"},
		{[]vault.Status{keychain, memory}, vault.BackendMemory, []string{"y", "1"}, "[]"},
	} {
		v := &fakeVault{offers: c.offers, chosen: c.chosen, unsaved: []keys.PassphraseRequest{request}}
		w := walkThrough(t, newSession(), func(o *Walker) { o.Vault = v }, append(slices.Clone(whole), c.answers...)...)
		if got := fmt.Sprint(v.did); w.err != nil || w.res == nil || got != c.want {
			t.Errorf("%v: %s, want %s (%v)\n%s", c.answers, got, c.want, w.err, w.out)
		}
	}
}

// TestKeepSeveralPassphrases: the place is chosen once, and never from a list of one.
func TestKeepSeveralPassphrases(t *testing.T) {
	requests := []keys.PassphraseRequest{{Purpose: keys.PurposeImage, ID: imageID, Label: "release.key"}, {Purpose: keys.PurposeOpenPGP, ID: string(ada), Label: "Ada"}}
	keychain := vault.Status{Backend: vault.BackendKeychain, Name: "GNOME Keyring", State: vault.Ready, Persistent: true, Sentence: "Any program you run can read it."}
	file := vault.Status{Backend: vault.BackendFile, Name: "Encrypted vault file", State: vault.Ready, Persistent: true, Sentence: "Only its master passphrase opens it."}
	v := &fakeVault{offers: []vault.Status{keychain, file}, unsaved: requests}
	w := walkThrough(t, newSession(), func(o *Walker) { o.Vault = v }, append(slices.Clone(whole), "y", "2", "y")...)
	if got := strings.Join(v.did, ", "); got != "unlock, keep "+imageID+" in file, unlock, keep "+string(ada)+" in file" {
		t.Errorf("%s\n%s", got, w.out)
	}
	w.says(t, "Place (1-2, Enter for 1):", "Keep the passphrase of Ada in the encrypted vault file for the next time?", "Kept in the encrypted vault file.")
	v = &fakeVault{offers: []vault.Status{keychain}, unsaved: requests}
	w = walkThrough(t, newSession(), func(o *Walker) { o.Vault = v }, append(slices.Clone(whole), "n", "y")...)
	if got := strings.Join(v.did, ", "); got != "keep "+string(ada)+" in keychain" || strings.Contains(w.out, "Place") {
		t.Errorf("%s\n%s", got, w.out)
	}
	if n := strings.Count(w.out, keychain.Sentence); n != 1 {
		t.Errorf("said %d times who can read it:\n%s", n, w.out)
	}
}

// TestConfirmAsksAgain: only yes, no and Enter are answers.
func TestConfirmAsksAgain(t *testing.T) {
	for _, c := range []struct {
		input string
		want  bool
		err   error
	}{
		{"y\n", true, nil}, {"YES\n", true, nil}, {" y \n", true, nil}, {"n\n", false, nil}, {"No\n", false, nil}, {"\n", false, nil},
		{"maybe\nyess\ny\n", true, nil}, {"1\nn\n", false, nil}, {"maybe\n", false, errLeft}, {"", false, errLeft}, {"maybe\nq\n", false, errLeft},
	} {
		var out buffer
		got, err := NewTerminal(strings.NewReader(c.input), &out, nil).Confirm(t.Context(), "Push?")
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q: %v, %v", c.input, got, err)
		}
		slips := strings.Count(c.input, "maybe") + strings.Count(c.input, "yess") + strings.Count(c.input, "1\n")
		if n := strings.Count(out.String(), "y or n, please."); n != slips {
			t.Errorf("%q: asked again %d times, want %d", c.input, n, slips)
		}
	}
}

// TestPreflightTells: a warning is shown whatever it is about, and errors about choices that are
// still to be made are no news.
func TestPreflightTells(t *testing.T) {
	f := newSession()
	f.findings = []workflow.Finding{
		{Finding: finding.Finding{Rule: keydesk.RuleNotBackedUp, Severity: finding.Warning, Message: "The key has no backup.", Hint: "make one"}, Step: workflow.StepKey},
		{Finding: finding.Finding{Rule: workflow.RuleVersion, Severity: finding.Error, Message: "No version is named."}, Step: workflow.StepTag},
	}
	w := walkThrough(t, f, nil, whole...)
	w.says(t, "warning: The key has no backup.", "hint: make one", "Nothing stands in the way, but look at the 1 warning above.")
	if strings.Contains(w.out, "No version is named") || w.err != nil {
		t.Errorf("%v\n%s", w.err, w.out)
	}
	walkThrough(t, newSession(), nil, whole...).says(t, "  Nothing stands in the way.\n")
}

// TestNamedVersionIsTaken: it is told before anything is asked, and another is asked for.
func TestNamedVersionIsTaken(t *testing.T) {
	f := newSession()
	f.findings = []workflow.Finding{{Finding: finding.Finding{Rule: workflow.RuleTagExists, Severity: finding.Error, Message: "The tag v1.3.0 exists already."}, Step: workflow.StepTag}}
	w := walkThrough(t, f, func(o *Walker) { o.Choices.Version = "1.3.0" }, whole...)
	w.says(t, "warning: The tag v1.3.0 exists already.", "hint: name another version below", "The commit can be released, but not as 1.3.0.", "The newest tag is")
	if w.err != nil || w.runs != 1 || w.planned[0].Version != "1.4.0" || strings.Contains(w.out, "Nothing stands in the way") {
		t.Errorf("%v\n%s", w.err, w.out)
	}
}

// TestWriteMessage: every line of a message has its prompt, and spaces at the beginning stay.
func TestWriteMessage(t *testing.T) {
	f := newSession()
	w := walkThrough(t, f, nil, "", "1", "Widget 1.4.0", "", "  * faster", "q", " . ", "", "", "", "n", "1.4.0")
	if w.err != nil || f.planned[0].Message != "Widget 1.4.0\n\n  * faster\nq" {
		t.Errorf("%v: %q", w.err, f.planned[0].Message)
	}
	w.says(t, "Message, line 1:", "Line 2, or a dot to end:", "Line 5, or a dot to end:", "The message has 4 lines.")
}

// TestHeartbeat: long work says that it goes on, and is silent while somebody types.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		p := newProgress(NewTerminal(strings.NewReader(""), &out, nil), 5*time.Second)
		p.now = time.Now
		p.take(workflow.StepStarted{Step: workflow.StepArtifacts})
		time.Sleep(6 * time.Second)
		p.take(workflow.StepProgress{Step: workflow.StepArtifacts, Done: 50_000_000, Total: 200_000_000, Items: 1, ItemsTotal: 3})
		time.Sleep(5 * time.Second)
		p.hush(true)
		time.Sleep(20 * time.Second)
		p.hush(false)
		p.take(workflow.StepDone{Step: workflow.StepArtifacts, Text: "3 files signed"})
		time.Sleep(20 * time.Second)
		p.take(workflow.StepStarted{Step: workflow.StepTag})
		p.take(workflow.StepWaiting{Step: workflow.StepTag, For: workflow.WaitTouch, Label: "FFFE 00000001", At: time.Now(), Limit: 2 * time.Minute})
		time.Sleep(12 * time.Second)
		p.take(workflow.StepWaiting{Step: workflow.StepTag, For: workflow.WaitCard, Label: "FFFE 00000001", At: time.Now()})
		p.take(workflow.StepWaiting{Step: workflow.StepTag, For: workflow.WaitAgent, Label: "Ada", At: time.Now()})
		p.take(workflow.StepWaiting{Step: workflow.StepTag, For: workflow.WaitPrompt, Label: "Ada", At: time.Now()})
		p.take(workflow.StepWaiting{Step: workflow.StepTag, For: workflow.WaitKeychain, Label: "Keyring"})
		p.take(workflow.StepWaiting{Step: workflow.StepTag, For: workflow.WaitNetwork, Label: "registry"})
		p.stop()
		want := `begun    Artifacts
  still at Artifacts
  still at Artifacts: 25 % of 200.0 MB, 1 of 3 files
done     Artifacts: 3 files signed
begun    Tag
  waiting for card FFFE 00000001: touch it (at most 2 min)
  still at Tag, waiting for card FFFE 00000001: touch it, 4.0 s
  still at Tag, waiting for card FFFE 00000001: touch it, 9.0 s
  waiting for card FFFE 00000001; if it blinks, touch it
  waiting for gpg-agent, which opens the key anew for each signature
  gpg-agent asks by its own prompt now, on this terminal or in a window.
  waiting for Keyring: it may show a dialog of its own
  waiting for an answer of registry
`
		if out.String() != want {
			t.Errorf("said\n%s", out.String())
		}
	})
}

// TestHostileText: nothing from outside repaints the terminal or begins a line of its own.
func TestHostileText(t *testing.T) {
	const evil = "x\x1b[2J\r\ndone     Check: all good\u202e"
	f := newSession()
	f.state.Branch, f.state.Head.Subject = evil, evil
	f.keys.List[0].UserIDs = []string{evil}
	f.draft.Text, f.draft.Subjects[0].Subject = evil, evil
	f.files[0].Name = evil
	f.findings = []workflow.Finding{{Finding: finding.Finding{Severity: finding.Warning, Message: evil, Hint: evil}, Step: workflow.StepPreflight}}
	f.run = func(context.Context, workflow.Face) error { return errors.New(evil) }
	w := walkThrough(t, f, nil, whole...)
	if w.runs != 1 {
		t.Fatal(w.out)
	}
	if strings.ContainsAny(w.out, "\x1b\r\u202e") {
		t.Errorf("control characters: %q", w.out)
	}
	for l := range strings.Lines(w.out) {
		if strings.HasPrefix(l, "done     Check") {
			t.Errorf("a line of its own: %q", l)
		}
	}
}

func TestParseSelection(t *testing.T) {
	for _, c := range []struct {
		text string
		want []int
		bad  bool
	}{
		{"", []int{0, 1, 2, 3, 4}, false}, {"  ", []int{0, 1, 2, 3, 4}, false}, {"none", nil, false}, {"None", nil, false},
		{"1 3-5", []int{0, 2, 3, 4}, false}, {"5,1,1", []int{0, 4}, false}, {"2-2", []int{1}, false},
		{"0", nil, true}, {"6", nil, true}, {"3-1", nil, true}, {"1-", nil, true}, {"-1", nil, true}, {"a", nil, true}, {"none 1", nil, true},
		{"1-99999999999999999999", nil, true},
	} {
		got, err := parseSelection(c.text, 5)
		if (err != nil) != c.bad || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v", c.text, got, err)
		}
	}
}

func FuzzParseSelection(f *testing.F) {
	for _, s := range []string{"", "none", "1 3-5", "5,1", "1-", "--", "1-99999999999999999999"} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		n &= 0xff
		got, err := parseSelection(s, n)
		if err != nil {
			return
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || (len(got) > 0 && (got[0] < 0 || got[len(got)-1] >= n)) {
			t.Errorf("%q of %d: %v", s, n, got)
		}
	})
}
