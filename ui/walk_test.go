package ui

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"bulla/artifacts"
	"bulla/docker"
	"bulla/docker/cosign"
	"bulla/gitops"
	"bulla/keys"
	"bulla/keys/vault"
	"bulla/workflow"
	"bulla/workflow/finding"
	"bulla/workflow/images"
	"bulla/workflow/journal"
	"bulla/workflow/keychoice"
)

// TestChoicesReachThePlan walks with choices other than the proposed ones.
func TestChoicesReachThePlan(t *testing.T) {
	f := newFake()
	d := drive(t, testOptions(f))
	d.toKey().see("Rhea Release").press("down", "enter").see("last release is")
	d.press("end", "down", "1.4.0-rc.1", "enter").see("What does tag v1.4.0-rc.1 say?")
	d.press("e", " candidate", "esc", "enter").see("each with its .asc")
	d.press(" ", "enter").images()
	d.press("i").paste("registry.acme.org/extra:{version}").press("enter").see("extra:1.4.0-rc.1")
	d.until("both images", func() bool { return strings.Count(d.r.View(), "2 platforms") == 2 })
	d.press("enter").see("Type 1.4.0-rc.1")
	c := f.planned[len(f.planned)-1]
	if want := "A1B2C3D4E5F60718293A4B5C6D7E8F9011220F60!"; c.Key != want {
		t.Errorf("key %q, want %q", c.Key, want)
	}
	if c.Version != "1.4.0-rc.1" || c.Message != "widget 1.4.0 candidate" {
		t.Errorf("version %q, message %q", c.Version, c.Message)
	}
	if len(c.Files) != 2 || c.Files[0].Base() != "widget_1.4.0_amd64.deb" {
		t.Errorf("files %v", c.Files)
	}
	if !slices.Equal(c.Images, []string{"registry.acme.org/widget:1.4.0", "registry.acme.org/extra:1.4.0-rc.1"}) || c.ImageKey != f.imageKeys[0].Path {
		t.Errorf("images %v by %q", c.Images, c.ImageKey)
	}
	if c.Push || c.Replace {
		t.Error("something was added that nobody asked for")
	}
}

// TestImageThatIsNone: what is no reference stays in the field, to be mended there.
func TestImageThatIsNone(t *testing.T) {
	d := drive(t, testOptions(newFake())).toImage().press("i").press("ctrl+u", "Registry.acme.org/Not An:Image", "enter")
	d.see("Registry.acme.org/Not An:Image_").press("ctrl+u").paste("registry.acme.org/extra:{version}").press("enter").see("extra:1.4.0")
}

// TestWithoutFilesAndImages: an explicit "none" is an empty list, not the configuration's.
func TestWithoutFilesAndImages(t *testing.T) {
	f := newFake()
	d := drive(t, testOptions(f)).toFiles().press("0").see("2 platforms").press("x").see("No image is part").press("enter").see("Type 1.4.0")
	c := f.planned[0]
	if c.Files == nil || len(c.Files) != 0 || c.Images == nil || len(c.Images) != 0 {
		t.Errorf("files %#v, images %#v", c.Files, c.Images)
	}
	d.see("none")
}

// TestImageWith: cosign signs unless the person chooses another way, which has to be possible.
func TestImageWith(t *testing.T) {
	f := newFake()
	trustTaken(f)
	d := drive(t, testOptions(f)).toImage()
	for _, c := range []struct {
		press []string
		want  images.With
	}{{nil, images.WithCosign}, {[]string{"t"}, images.WithBoth}, {[]string{"t"}, images.WithContentTrust}, {[]string{"t"}, images.WithCosign}} {
		d.press(c.press...).press("enter").see("Type 1.4.0")
		if got := f.planned[len(f.planned)-1]; got.ImageWith != c.want {
			t.Errorf("%s: %+v", c.want, got)
		}
		d.press("esc").see("Which images")
	}
	f = newFake() // no root key there: t tells so, and nothing changes
	drive(t, testOptions(f)).toImage().press("t").see("bulla image trust key generate --root").press("esc", "enter").see("Type 1.4.0")
	if got := f.planned[0]; got.ImageWith != images.WithCosign {
		t.Errorf("%+v", got)
	}
	f = newFake() // asked for on the command line, and impossible: the walk does not go on
	o := testOptions(f)
	o.Choices.ImageWith = images.WithBoth
	d = drive(t, o).toFiles().press("enter").see("has no root key").press("enter").see("Content Trust cannot sign here yet.")
	if d.press("t", "t").see("signed by cosign").press("enter").see("Type 1.4.0"); f.planned[0].ImageWith != images.WithCosign {
		t.Errorf("%+v", f.planned[0])
	}
}

// TestImagesOfTheWalk: the way from the step Image to the tags of its repository and back, where the
// walk is as it was.
func TestImagesOfTheWalk(t *testing.T) {
	f := newFake()
	trustTaken(f)
	d := drive(t, testOptions(f)).toImage().press("t").see("cosign and Content Trust")
	d.press("o").see("1.10.0").see("esc back to the release")
	d.press("w").hidden("back to the release") // esc shows all again first
	d.press("esc").see("esc back to the release").press("/", "1.9", "enter").hidden("back to the release")
	d.press("esc").see("1.10.0").press("esc").see("Which images").see("cosign and Content Trust")
	d.press("o").see("1.10.0").press("enter").see("esc close").press("esc").see("esc back to the release").press("esc").see("Which images")
	if d.press("enter").see("Type 1.4.0"); !f.planned[0].ImageWith.ContentTrust() {
		t.Errorf("%+v", f.planned[0])
	}
	// Ctrl+C there ends the walk, as everywhere; and what is being read then ends with it.
	f = newFake()
	o := testOptions(f)
	left := make(chan struct{})
	o.Images = func(ctx context.Context, name string) (Images, error) {
		if name != "registry.acme.org/widget" {
			t.Errorf("asked for %q", name)
		}
		<-ctx.Done()
		close(left)
		return nil, ctx.Err()
	}
	d = drive(t, o).toImage().press("o").see("listing the tags").see("esc back to the release").press("ctrl+c")
	if out := d.r.shutdown(); !out.Cancelled {
		t.Errorf("%+v", out)
	}
	<-left
	o.Images = nil
	drive(t, o).toImage().press("o").see("There is no page for them here.")
}

// TestTakenVersion: a version that has a tag is refused where it is typed.
func TestTakenVersion(t *testing.T) {
	d := drive(t, testOptions(newFake()))
	d.toKey().see("Rhea Release").press("enter").see("last release is")
	d.press("end", "ctrl+u", "1.3.0", "enter").see("v1.3.0 exists already").see("Which version is this?")
	d.press("ctrl+u", "1.4.0", "enter").see("What does tag v1.4.0 say?")
}

// TestTypedVersion: who types a version while a proposal is under the cursor gets what was typed.
func TestTypedVersion(t *testing.T) {
	d := drive(t, testOptions(newFake()))
	d.toKey().see("Rhea Release").press("enter").see("last release is")
	d.press("1", ".", "7", ".", "2").see("> 1.7.2_").press("enter").see("What does tag v1.7.2 say?")
	d.press("esc", "up", "v", "2").see("> v2_") // begun anew, not appended
	d.press("up").paste("1.8.0").see("> 1.8.0_").press("enter").see("What does tag v1.8.0 say?")
}

// TestNamedOnTheCommandLine: what the flags said is chosen already.
func TestNamedOnTheCommandLine(t *testing.T) {
	f := newFake()
	o := testOptions(f)
	o.Choices = workflow.Choices{Version: "v3.0.0", Key: "0F60C0DE", Message: "By hand", Files: []artifacts.File{f.files[1]}, Images: []string{"registry.acme.org/other:{version}"}, ImageKey: "/keys/mine.key", Push: true}
	o.Choices.Key = "A1B2C3D4E5F60718293A4B5C6D7E8F9011220F60"
	f.imageKeys = nil
	d := drive(t, o)
	d.toKey().see("> Rhea (YubiKey)").press("enter").see("> v3.0.0_")
	d.press("home", "ctrl+u", "3.0.0", "enter").see("By hand").press("enter").see("1 file, ")
	d.press("enter").see("other:3.0.0").see("2 platforms").see("mine.key").press("enter").see("Type 3.0.0").see("yes, the tag to origin")
	if c := f.planned[0]; c.ImageKey != "/keys/mine.key" || len(c.Files) != 1 || c.Message != "By hand" {
		t.Errorf("%+v", c)
	}
}

// TestOnlyTheTypedVersionConfirms: the default is no, and a paste is no typing.
func TestOnlyTheTypedVersionConfirms(t *testing.T) {
	f := newFake()
	ran := false
	f.run = func(context.Context, *workflow.Plan, workflow.Face) (*workflow.Result, error) {
		ran = true
		return nil, errors.New("not now")
	}
	d := drive(t, testOptions(f)).toLook()
	for _, keys := range [][]string{{"enter"}, {"1.4", "enter"}, {"ctrl+u", "yes", "enter"}, {"ctrl+u", "1.4.0x", "enter"}} {
		d.press(keys...).see("Nothing was done.")
	}
	d.press("ctrl+u").paste("1.4.0").see("by hand").press("enter").see("Nothing was done.")
	d.press("1.4.0").press("esc").see("Which images").press("enter").see("Type 1.4.0 to sign:  _")
	if ran {
		t.Fatal("the run began")
	}
	d.press("v1.4.0", "enter").see("Not now.").see("Nothing was created.")
	if !ran {
		t.Fatal("the run did not begin")
	}
	d.press("enter").see("Type 1.4.0")
}

func TestEscGoesBackOneLevel(t *testing.T) {
	d := drive(t, testOptions(newFake())).toLook()
	for _, want := range []string{"Which images", "Which files", "What does tag", "Which version", "Which key", "Can this commit", "Can this commit"} {
		d.press("esc").see(want)
	}
	d.press("enter").see("Which key").press("/", "rhea", "esc").see("Old Rhea").hidden("filter rhea")
	d.press("q").until("the end", func() bool { return d.quit })
	if out := d.r.release.Shutdown(); out.Err != nil || out.Cancelled || out.Result != nil {
		t.Errorf("outcome %+v", out)
	}
}

// TestWrongPassphrase: three tries, and only a passphrase that proved right is kept, in the place
// picked at the first of them.
func TestWrongPassphrase(t *testing.T) {
	f := newFake()
	o := testOptions(f)
	v := o.Vault.(*fakeVault)
	d := drive(t, o).toAsk()
	d.press("enter").see("Type the passphrase first.").press("up", "first wrong", "enter").see("Try 2 of 3").see("(•) GNOME").press("second", "enter").see("Try 3 of 3").press("third", "enter").see("Nothing was created")
	if len(v.kept) != 0 {
		t.Errorf("a wrong passphrase was kept: %v", v.kept)
	}
	d.press("enter").see("Type 1.4.0").press("1.4.0", "enter").see("> passphrase")
	d.press("up").see("(•) GNOME").paste(passphrase + "\n").press("enter").see("Released v1.4.0")
	if !slices.Equal(v.kept, []vault.Backend{vault.BackendKeychain}) {
		t.Errorf("kept: %v", v.kept)
	}
}

// TestNothingIsKeptUnasked: memory is the default.
func TestNothingIsKeptUnasked(t *testing.T) {
	o := testOptions(newFake())
	drive(t, o).toEnd()
	if v := o.Vault.(*fakeVault); len(v.kept) != 0 || v.chosen != "" {
		t.Errorf("kept %v, chosen %q", v.kept, v.chosen)
	}
}

func TestDeclinedPassphrase(t *testing.T) {
	d := drive(t, testOptions(newFake())).toAsk().press("abc", "esc").see("Nothing was created")
	if out := d.r.release.Shutdown(); !errors.Is(out.Err, context.Canceled) {
		t.Errorf("outcome %+v", out)
	}
}

// TestPassphraseNeverRendered types and pastes the passphrase wherever one is asked for, at sizes
// where lines are cut, and lets the driver look for any five characters of it.
func TestPassphraseNeverRendered(t *testing.T) {
	for _, typed := range []bool{true, false} {
		enter := func(d *driver) *driver {
			if typed {
				return d.press(passphrase)
			}
			return d.paste(passphrase)
		}
		for _, size := range [][2]int{{80, 24}, {60, 16}, {120, 40}} {
			t.Run(fmt.Sprint(typed, size), func(t *testing.T) {
				f := newFake()
				f.keyChoices = keychoice.Choices{Preselected: -1}
				d := drive(t, testOptions(f)).size(size[0], size[1]).toKey().see("no signing key yet").press("n", "tab", "tab", "tab", "tab")
				enter(d).press("tab")
				enter(d).press("up", "up", "down", "down", "enter").see("Made a key").press("enter").see("Which key")
				if len(f.generated) != 1 || !f.generated[0].Passphrase.Equal(keys.NewSecret([]byte(passphrase))) {
					t.Fatal("the key form did not hand on the passphrase")
				}
				d.see("Rhea Release").press("enter").see("last release is").press("enter").see("What does").press("enter").see(".asc").press("enter").images()
				d.press("n")
				enter(d).press("tab")
				enter(d).press("enter").see("new.key").see("2 platforms").press("enter").see("to sign").press("1.4.0", "pgdown", "pgdown", "pgdown", "enter").see("> passphrase")
				enter(d).press("?", "tab", "backspace", "up", "down").size(59, 15).size(size[0], size[1])
				d.press("ctrl+u")
				enter(d).press("enter").see("Released v1.4.0")
				d.press("v", "esc", "?", "esc")
			})
		}
	}
}

// TestCtrlC: outside a run it ends at once; in a run it asks, and means yes when pressed again.
func TestCtrlC(t *testing.T) {
	t.Run("outside a run", func(t *testing.T) {
		d := drive(t, testOptions(newFake())).toText().press("e", "ctrl+c")
		d.until("the end", func() bool { return d.quit })
		if out := d.r.release.Shutdown(); !out.Cancelled || out.Err != nil {
			t.Errorf("outcome %+v", out)
		}
	})
	stuck := func(t *testing.T) *driver {
		f := newFake()
		f.run = f.stuckWalk
		return drive(t, testOptions(f)).toAsk().press(passphrase, "enter").see("1 of 3 files")
	}
	t.Run("no goes on", func(t *testing.T) {
		d := stuck(t)
		for _, no := range []string{"n", "esc", "enter", "q"} {
			d.press("ctrl+c").see("Stop signing?").press(no).hidden("Stop signing?").hidden("Stopping")
		}
		d.press("q").see("Stop signing?").paste("y").see("Stop signing?")
		if d.quit {
			t.Error("it ended")
		}
	})
	t.Run("yes stops and shows what is left", func(t *testing.T) {
		d := stuck(t).press("ctrl+c", "y").see("stopped at artifacts").see("done").see("to do")
		d.press("q").until("the end", func() bool { return d.quit })
		var inc *workflow.IncompleteError
		if out := d.r.release.Shutdown(); !errors.As(out.Err, &inc) || !errors.Is(out.Err, context.Canceled) {
			t.Errorf("outcome %+v", out)
		}
	})
	t.Run("asked where there is no room", func(t *testing.T) {
		d := stuck(t).size(59, 15).press("ctrl+c").see("Stop signing? Ctrl+C once more stops").press("y").see("Stop signing?")
		d.press("ctrl+c").size(80, 24).see("stopped at artifacts").press("q").until("the end", func() bool { return d.quit })
	})
	t.Run("nothing begins under the question", func(t *testing.T) {
		f := newFake()
		signed, about := make(chan struct{}), make(chan struct{})
		var answered atomic.Bool
		early := true
		f.run = func(_ context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
			face.Emit(workflow.StepStarted{Step: workflow.StepArtifacts})
			<-signed
			face.Emit(workflow.StepDone{Step: workflow.StepArtifacts, Text: "2 files signed"})
			close(about)
			face.Emit(workflow.StepStarted{Step: workflow.StepImage})
			early = !answered.Load()
			return f.result(p), nil
		}
		d := drive(t, testOptions(f)).toLook().press("1.4.0", "enter").see("running").press("ctrl+c").see("Stop signing?")
		close(signed)
		<-about
		d.press("x").see("Stop signing?")
		answered.Store(true)
		d.press("n").see("Released v1.4.0")
		if early {
			t.Error("the image was signed while the person was asked")
		}
	})
	t.Run("no image is signed under the question", func(t *testing.T) {
		f := newFake()
		goOn, about := make(chan struct{}), make(chan struct{})
		var answered atomic.Int32
		var early []int32
		f.run = func(_ context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
			face.Emit(workflow.StepStarted{Step: workflow.StepImage})
			for i := range int32(2) {
				<-goOn
				about <- struct{}{}
				face.Emit(workflow.StepProgress{Step: workflow.StepImage, Item: "an image", Items: int(i), ItemsTotal: 2})
				if answered.Load() <= i { // here the image's signature would go out
					early = append(early, i)
				}
				face.Emit(workflow.StepWaiting{Step: workflow.StepImage, For: workflow.WaitNetwork, Label: "registry.acme.org"})
			}
			return f.result(p), nil
		}
		d := drive(t, testOptions(f)).toLook().press("1.4.0", "enter").see("running")
		for range 2 {
			d.press("ctrl+c").see("Stop signing?")
			goOn <- struct{}{}
			<-about
			d.press("x").see("Stop signing?")
			answered.Add(1)
			d.press("n").hidden("Stop signing?")
		}
		d.see("Released v1.4.0")
		if len(early) > 0 {
			t.Errorf("signed while the person was asked: images %v", early)
		}
	})
	t.Run("too late", func(t *testing.T) {
		for _, answer := range []string{"y", ""} {
			f := newFake()
			goOn := make(chan struct{})
			f.run = func(_ context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
				face.Emit(workflow.StepStarted{Step: workflow.StepCheck})
				<-goOn // it is at its last step, and hears of no stop
				return f.result(p), nil
			}
			d := drive(t, testOptions(f)).toLook().press("1.4.0", "enter").see("running").press("ctrl+c").see("Stop signing?").press(answer)
			close(goOn)
			d.see("Released v1.4.0").see("It was too late to stop").hidden("Stop signing?")
		}
	})
	t.Run("again means yes", func(t *testing.T) { stuck(t).press("ctrl+c", "ctrl+c").see("stopped at artifacts") })
	t.Run("while a passphrase is asked for", func(t *testing.T) {
		d := drive(t, testOptions(newFake())).toAsk().press("abc", "ctrl+c").see("Stop signing?").press("y").see("Nothing was created")
		d.hidden("> passphrase")
	})
}

// TestTheEndWaitsForTheRun: the program may die under a run; Shutdown cancels it and returns only
// once it has come to its end.
func TestTheEndWaitsForTheRun(t *testing.T) {
	f := newFake()
	finished := false
	f.run = func(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
		r, err := f.stuckWalk(ctx, p, face)
		time.Sleep(20 * time.Millisecond) // cancelling takes a moment
		finished = true
		return r, err
	}
	d := drive(t, testOptions(f)).toAsk().press(passphrase, "enter").see("1 of 3 files")
	out := d.r.release.Shutdown()
	var inc *workflow.IncompleteError
	if !finished || !out.Cancelled || !errors.As(out.Err, &inc) {
		t.Errorf("finished %v, outcome %+v", finished, out)
	}
	if f.closed == 0 {
		t.Error("the repository was not closed")
	}
	// One that waits for a passphrase ends too.
	d = drive(t, testOptions(newFake())).toAsk()
	if out := d.r.release.Shutdown(); !errors.Is(out.Err, context.Canceled) {
		t.Errorf("outcome %+v", out)
	}
}

func TestStoppedReleases(t *testing.T) {
	f := newFake()
	f.run = f.brokenWalk
	f.abandoned = workflow.Abandoned{Tag: "v1.4.0", Removed: []string{"tag v1.4.0"}, Kept: []string{"signature of registry.acme.org/widget:1.4.0: it is in the registry: others may have it"}}
	d := drive(t, testOptions(f)).toAsk().press(passphrase, "enter").see("stopped at artifacts").see("No space left on device")
	// Going on: the cause is gone.
	f.run = f.walk
	d.press("r").see("> passphrase").press(passphrase, "enter").see("Released v1.4.0")
	if out := d.r.release.Shutdown(); out.Err != nil || out.Result == nil {
		t.Errorf("outcome %+v", out)
	}
	// Another run finds one and takes it back.
	kept := f.abandoned
	f = newFake()
	f.abandoned, f.unfinished = kept, unfinished()
	d = drive(t, testOptions(f)).see("was begun 3 h ago").press("t").see("Take the release back?").press("esc").hidden("Take the release back?")
	f.undo = make(chan struct{})
	d.press("t", "y").see("waiting for an answer of origin")
	close(f.undo)
	d.see("removed tag v1.4.0").see("others may have it").press("enter").see("Nothing stands in the way")
}

// TestWhatIsNotKnownIsNotClaimed: where going on fails before it begins, a former run made things;
// and a release that is done stands, whatever became of its journal.
func TestWhatIsNotKnownIsNotClaimed(t *testing.T) {
	f := newFake()
	f.unfinished = unfinished()
	f.run = func(context.Context, *workflow.Plan, workflow.Face) (*workflow.Result, error) {
		return nil, journal.ErrRunning
	}
	d := drive(t, testOptions(f)).see("was begun 3 h ago").press("r").see("Another bulla is releasing").hidden("Nothing was created")
	d.press("enter").see("was begun 3 h ago")

	f = newFake()
	f.run = func(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
		r, err := f.walk(ctx, p, face)
		if r != nil {
			r.JournalFailed = &workflow.JournalError{Tag: p.Tag, Err: errors.New("no space left on device")}
		}
		return r, err
	}
	d = drive(t, testOptions(f)).toEnd()
	d.size(80, 40).see("its journal could not be put away").see("space left on device")
	if out := d.r.release.Shutdown(); out.Err != nil || out.Result == nil {
		t.Errorf("outcome %+v", out)
	}
}

func TestPush(t *testing.T) {
	f := newFake()
	d := drive(t, testOptions(f)).toEnd().press("p").see("git@forge.acme.org").press("n").hidden("Push the tag?")
	if f.pushed != 0 {
		t.Fatal("pushed without a yes")
	}
	f.pushErr = errors.New("the remote rejected the tag")
	d.press("p", "y").see("The remote rejected the tag").see("Released v1.4.0").see("The tag is not pushed yet")
	f.pushErr = &gitops.PushError{Remote: "origin", Tag: "v1.4.0", Rejected: "pre-receive hook declined", Arrived: []string{"git@mirror.example.org:w"}}
	d.size(80, 40).press("p", "y").see("It is public at git@mirror.example.org:w").see("not everywhere").hidden("not pushed yet").hidden("only here")
	f.pushErr = nil
	d.press("p", "y").see("The tag is pushed").press("p").see("It is pushed already")
	if f.pushed != 3 {
		t.Errorf("pushed %d times", f.pushed)
	}
	if out := d.r.release.Shutdown(); out.Err != nil || !out.Result.Pushed {
		t.Errorf("outcome %+v", out)
	}
}

// TestNoRemote: what cannot be done is not offered, and its key says why.
func TestNoRemote(t *testing.T) {
	f := newFake()
	f.remote = gitops.Remote{}
	drive(t, testOptions(f)).toLook().press("ctrl+p").see("no remote to push to").press("1.4.0", "enter").see("> passphrase").press(passphrase, "enter").see("Released v1.4.0").see("p push the tag: not now").hidden("so far it is only here").press("p").see("This repository has no remote").hidden("Push the tag?")
	if f.pushed != 0 {
		t.Error("pushed")
	}
}

// TestMendedFaults: once a choice was made anew, the rail says no more that it was refused.
func TestMendedFaults(t *testing.T) {
	f := newFake()
	f.planErr = refusal()
	d := drive(t, testOptions(f)).toImage().press("enter").see("This would fail").press("1").see("What does tag")
	d.press("esc").see("1 error").see("refused")
	// The tag's is mended, the image's is not.
	d.press("down", "enter").see("What does tag v1.3.1").see("Image     1 error").see("refused").press("esc").see("Tag       v1.3.1")
	d.press("enter").see("What does").press("enter").see(".asc").press("enter").images().press("esc").see("Artifacts 3 files")
	d.press("enter").images().see("Image     1 image")
	f.planErr = nil
	d.press("enter").see("Type 1.3.1")
}

// TestWaitingForTheRegistry: a wait that nobody can shorten is told, and is no call to the person.
func TestWaitingForTheRegistry(t *testing.T) {
	f := newFake()
	answer := make(chan struct{})
	f.run = func(_ context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
		face.Emit(workflow.StepStarted{Step: workflow.StepImage, At: noon})
		face.Emit(workflow.StepWaiting{Step: workflow.StepImage, For: workflow.WaitNetwork, Label: "registry.acme.org\x1b[2J", At: noon})
		<-answer
		return f.result(p), nil
	}
	d := drive(t, testOptions(f)).toLook().press("1.4.0", "enter").see("waiting for an answer of registry.acme.org").hidden("waiting for you").hidden("\x1b[2J")
	d.see("Waiting for an answer of registry.acme.org").hidden("! Waiting")
	close(answer)
	d.see("Released v1.4.0")
}

// TestOpeningIsTold: once the passphrase is typed nobody waits for it any more; what it opens may
// take seconds.
func TestOpeningIsTold(t *testing.T) {
	f := newFake()
	opened := make(chan struct{})
	f.run = func(ctx context.Context, p *workflow.Plan, face workflow.Face) (*workflow.Result, error) {
		face.Emit(workflow.StepStarted{Step: workflow.StepKey, At: noon})
		req := keys.PassphraseRequest{Purpose: keys.PurposeVault, ID: "file", Label: "/home/rhea/.local/share/bulla/vault", Attempt: 1}
		face.Emit(workflow.StepWaiting{Step: workflow.StepKey, For: workflow.WaitPassphrase, Label: req.Label, At: noon})
		s, err := face.Ask(ctx, req)
		s.Destroy()
		<-opened
		return f.result(p), err
	}
	d := drive(t, testOptions(f)).toLook().press("1.4.0", "enter").see("Master passphrase of the vault file").see("Waiting for the passphrase")
	d.press("master", "enter").see("opening the vault…").see("Opening the vault…").hidden("Waiting for").hidden("waiting for you")
	close(opened)
	d.see("Released v1.4.0")
}

// TestWrongVersionGoesAway: what was typed in place of the version may be a passphrase. It does not
// stay in sight, and the version can be typed at once.
func TestWrongVersionGoesAway(t *testing.T) {
	d := drive(t, testOptions(newFake())).toLook().press("some other words", "enter").see("That is not 1.4.0.").hidden("some other words")
	d.press("1.4.0", "enter").see("> passphrase")
}

// TestSubjectsOnce: the subjects are added once, and again when they were taken out.
func TestSubjectsOnce(t *testing.T) {
	f := newFake()
	d := drive(t, testOptions(f)).toText().see("a adds their subjects").press("a").hidden("a adds their subjects").see("a add subjects: not now")
	d.press("a").see("The subjects are in the message already")
	if n := strings.Count(d.r.View(), "- Fix the frobnicator"); n != 1 {
		t.Errorf("listed %d times\n%s", n, d.r.View())
	}
	d.press("enter").see("each with its .asc")
}

// TestFileCounts: one file has its signature, none has none.
func TestFileCounts(t *testing.T) {
	f := newFake()
	d := drive(t, testOptions(f)).toFiles().press(" ", "down", " ").see("1 file, ").see(", with its .asc").hidden("each with")
	d.press("down", " ").see("No file is taken.").hidden("0 files")
}

// TestTheRailFollows: what stands in a room is what the rail says, also for who comes back to it.
func TestTheRailFollows(t *testing.T) {
	f := newFake()
	f.images, f.config.Release.Images = nil, nil
	d := drive(t, testOptions(f)).toFiles().press("enter").see("Which images").press("enter").see("Type 1.4.0").press("esc").see("Which images")
	d.press("i", "registry.acme.org/widget:1.4.0", "enter").see("2 platforms").see("1 image").hidden("none")
}

// TestRefusedByTheLastLook leads to the room where it can be mended.
func TestRefusedByTheLastLook(t *testing.T) {
	f := newFake()
	f.planErr = refusal()
	d := drive(t, testOptions(f)).toImage().press("enter").see("This would fail").press("1").see("What does tag")
	d.press("esc").see("Which version").see("1 error")
	f.planErr = exists()
	d.press("enter").see("What does").press("enter").see(".asc").press("enter").images().press("enter").see("lets bulla replace")
	f.planErr = nil
	d.press("R").see("Type 1.4.0")
	if !f.planned[len(f.planned)-1].Replace {
		t.Error("the wish to replace did not reach the plan")
	}
}

// TestChangedUnderTheRun: the run itself refuses, nothing was done, and the walk goes on.
func TestChangedUnderTheRun(t *testing.T) {
	f := newFake()
	f.run = func(context.Context, *workflow.Plan, workflow.Face) (*workflow.Result, error) { return nil, refusal() }
	drive(t, testOptions(f)).toLook().press("1.4.0", "enter").see("Something changed since the last look").see("exists already")
}

// TestMovedWhileSigned: the screen says, as line mode does, what is public by then and what to do.
func TestMovedWhileSigned(t *testing.T) {
	ref, err := docker.ParseReference("registry.acme.org/widget:1.4.0")
	if err != nil {
		t.Fatal(err)
	}
	was, is := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	f := newFake()
	f.run = func(context.Context, *workflow.Plan, workflow.Face) (*workflow.Result, error) {
		return nil, &workflow.IncompleteError{Tag: "v1.4.0", Step: workflow.StepImage, Err: &cosign.PublishedError{
			Signature: cosign.Signature{Digest: was}, Complete: true, Err: &docker.MovedError{Ref: ref, Was: was, Is: is}}}
	}
	d := drive(t, testOptions(f)).size(80, 24).toLook().press("1.4.0", "enter").see("stopped at image").see("widget:1.4.0 has moved")
	text := strings.Join(strings.Fields(sgr.ReplaceAllString(d.r.View(), "")), " ")
	for _, want := range []string{"The signature of " + was + " is finished", "others may have it", "Put the tag back to " + was + " and go on, or take the release back and begin again."} {
		if !strings.Contains(text, want) {
			t.Errorf("not said: %s\n%s", want, d.r.View())
		}
	}
}

// TestNamedVersionIsTaken: preflight says it at once, and the step Tag takes another.
func TestNamedVersionIsTaken(t *testing.T) {
	f := newFake()
	f.findings = refusal().(*workflow.RefusedError).Findings
	o := testOptions(f)
	o.Choices.Version = "1.3.0"
	d := drive(t, o).see("exists already").see("not as 1.3.0").see("at Tag you can choose another version").hidden("Nothing stands in the way")
	d.press("enter").see("Rhea Release").press("enter").see("last release is").press("enter").see("exists")
	drive(t, testOptions(f)).see("Nothing stands in the way").hidden("exists already")
}

func TestRefusedPreflight(t *testing.T) {
	f := newFake()
	f.findings = dirty()
	d := drive(t, testOptions(f)).see("not clean").press("enter").see("r looks again").hidden("Which key")
	f.findings = f.findings[1:] // a warning remains
	now := f.state
	now.Changed, now.Head.Subject = nil, "Commit what was changed"
	f.again = &now
	d.press("r").until("the mended tree", func() bool { return !strings.Contains(d.r.View(), "not clean") })
	d.see("Commit what was changed").see("tree    clean").see("did not answer").press("enter").see("Which key").see("1 note")
}

func TestKeyForm(t *testing.T) {
	f := newFake()
	f.keyChoices = keychoice.Choices{Preselected: -1}
	d := drive(t, testOptions(f)).toKey().see("no signing key yet").press("enter").see("There is no key yet").press("n")
	d.see("name        Rhea Release_").press("tab", "tab", "right", "tab", "ctrl+u", "soon", "tab").see("lifetime is not clear").see("> expires")
	d.press("ctrl+u", "1y", "tab", passphrase, "tab", "other", "enter").see("passphrases differ")
	d.press("enter", "enter").see("A passphrase is needed")
	d.press(passphrase, "enter", passphrase, "enter").see("Made a key for Rhea Release <rhea@acme.org>")
	p := f.generated[0]
	if p.Algorithm != "rsa4096" || p.Lifetime < 364*24*time.Hour || p.Lifetime > 367*24*time.Hour {
		t.Errorf("%+v", p)
	}
	d.press("enter").see("> Rhea Release").press("enter").see("last release is")
}

// TestKeyFormJudgesWhatIsLeft: a line is judged when it is left, and goes on only once it is right;
// the arrow keys move too; what is proposed is replaced by typing; a mistake costs no passphrase.
func TestKeyFormJudgesWhatIsLeft(t *testing.T) {
	f := newFake()
	f.keyChoices = keychoice.Choices{Preselected: -1}
	d := drive(t, testOptions(f)).toKey().see("no signing key yet").press("enter").see("There is no key yet").press("n")
	d.press("down").see("> e-mail").press("rhea").see("e-mail      rhea_").press("down").see("The e-mail is not an address.").see("> e-mail")
	d.press("enter").see("The e-mail is not an address.").press("up").see("> name").press("down").see("> e-mail")
	d.press("@acme.org", "down").see("> algorithm").press("down", "down").see("> passphrase")
	d.press("secret words", "down", "secret words")
	// Up to the name, and both are emptied: the first words of the two passphrases stay.
	d.press("up", "up", "up", "up", "ctrl+u", "up").see("> name").press("ctrl+u", "up", "enter").see("A key needs a name or an address.").see("> name")
	d.press("Rhea", "up", "enter").see("Made a key for")
	if len(f.generated) != 1 || f.generated[0].Name != "Rhea" || f.generated[0].Email != "" {
		t.Errorf("%+v", f.generated)
	}
}

// TestWeakPassphrase: whoever types a passphrase that is easy to guess is told while it can still be
// changed, and is not refused.
func TestWeakPassphrase(t *testing.T) {
	f := newFake()
	f.keyChoices = keychoice.Choices{Preselected: -1}
	d := drive(t, testOptions(f)).toKey().see("no signing key yet").press("enter").see("There is no key yet").press("n")
	d.press("down", "down", "down", "down").see("> passphrase").press("release1").hidden("weak").press("enter").see("Warning: this passphrase is weak")
	d.press("up", "ctrl+u", "trellis vowel 83 quartz bonanza", "enter").see("> once more").hidden("weak").press("up", "ctrl+u", "release1", "enter", "release1", "enter")
	d.see("Made a key for").see("Warning: this passphrase is weak").see("passwd changes it")
}

// TestKeyFormShowsThePath: the whole path of the revocation certificate, however narrow the screen.
func TestKeyFormShowsThePath(t *testing.T) {
	f := newFake()
	f.keyChoices = keychoice.Choices{Preselected: -1}
	d := drive(t, testOptions(f)).toKey().see("no signing key yet").press("n")
	for range 4 {
		d.press("down")
	}
	d.press(passphrase, "enter", passphrase, "enter").see("Made a key for")
	d.size(60, 24)
	if screen := strings.Join(strings.Fields(d.r.View()), ""); !strings.Contains(screen, "/home/rhea/.local/share/bulla/revocations/"+string(rhea)+".asc") {
		t.Errorf("the path is not on the screen\n%s", d.r.View())
	}
}

func TestGlobs(t *testing.T) {
	f := newFake()
	f.config.Release.Artifacts = nil
	d := drive(t, testOptions(f)).toText().press("enter").see("No files are named").press("enter").see("No file is chosen")
	d.press("w").see("Nothing new was set").press("s", "dist/*.tar.gz, dist/*.deb", "enter").see("each with its .asc")
	d.press("w").see("Keep the globs?").press("n").hidden("Keep the globs?")
	if len(f.saved) != 0 {
		t.Fatal("written without a yes")
	}
	d.press("w", "y").see("Kept in bulla.toml")
	if len(f.saved) != 1 || !slices.Equal(f.saved[0].Release.Artifacts, []string{"dist/*.tar.gz", "dist/*.deb"}) {
		t.Errorf("saved %+v", f.saved)
	}
}

// TestStaleResults: an answer that was overtaken by a newer question is dropped.
func TestStaleResults(t *testing.T) {
	f := newFake()
	o := testOptions(f)
	calls := 0
	o.Open = func(context.Context) (Backend, error) {
		calls++
		if calls == 1 {
			return nil, errors.New("first failure")
		}
		return f, nil
	}
	drive(t, o).see("First failure").press("r").see("Nothing stands in the way")
	slow := &slowKeys{fake: f, gate: make(chan struct{})}
	o = testOptions(f)
	o.Open = func(context.Context) (Backend, error) { return slow, nil }
	d := drive(t, o).toKey().see("reading the keys").press("r")
	d.until("the answer that was overtaken", func() bool { return d.counted["release.keysListed"] == 1 })
	d.see("reading the keys")
	close(slow.gate)
	d.see("Rhea Release")
}

// slowKeys answers a cancelled KeyChoices with an empty list, and others when the gate opens.
type slowKeys struct {
	*fake
	gate chan struct{}
}

func (s *slowKeys) KeyChoices(ctx context.Context) (keychoice.Choices, error) {
	select {
	case <-ctx.Done():
		return keychoice.Choices{Preselected: -1}, nil
	case <-s.gate:
		return s.keyChoices, nil
	}
}

// evil is what may stand in any text from outside: escapes, controls, direction overrides.
const evil = "\x1b[2J\x1b]0;owned\a\u202e\u200bgood\r\n\u2066"

// hostileRepository is a repository with evil in all its texts.
func hostileRepository() *fake {
	f := newFake()
	f.state.Branch, f.state.Head.Subject = "main"+evil, "subject"+evil
	for i := range f.keyChoices.List {
		k := &f.keyChoices.List[i]
		k.UserIDs = []string{"Rhea Release" + evil, evil}
		k.Card, k.Problem, k.LastUsed, k.Algorithm = evil, evil, evil, "ed25519"+evil
		k.Weak = []string{evil}
	}
	f.keyChoices.Why = evil
	f.keyChoices.Notes = []finding.Finding{{Message: evil, Hint: evil}}
	f.findings = []workflow.Finding{{Finding: finding.Finding{Severity: finding.Warning, Message: "Nothing stands in the way", Hint: evil}}, {Finding: finding.Finding{Severity: finding.Warning, Message: evil, Hint: evil}, Step: workflow.StepKey}}
	f.versions.LatestTag = "v" + evil
	for i := range f.versions.Proposals {
		f.versions.Proposals[i].Why = evil
	}
	f.draft.Text = "widget" + evil
	for i := range f.draft.Subjects {
		f.draft.Subjects[i].Subject = evil
	}
	for i := range f.files {
		f.files[i].Name += evil
		f.files[i].Path += evil
	}
	f.imageKeys[0].Path = "/k/release.key" + evil
	f.imageKeys[0].Why = evil
	f.remote.Name += evil
	f.remote.URL += evil
	f.abandoned = workflow.Abandoned{Removed: []string{evil}, Kept: []string{evil}}
	return f
}

// TestHostileText visits every room of a hostile repository. The driver lets nothing evil through.
func TestHostileText(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		run := func(change func(*fake)) *driver {
			f := hostileRepository()
			if change != nil {
				change(f)
			}
			return drive(t, testOptions(f)).size(size[0], size[1])
		}
		d := run(nil).toText().press("a", "e", "up", "left", "esc", "enter").see(".asc").press("s", "esc", "enter").images().press("enter").see("Type 1.4.0")
		d.press("pgdown", "ctrl+p").see("yes, the tag").press("ctrl+p").see("pushes the tag too").press("1.4.0", "enter").see("> passphrase")
		d.press(passphrase, "enter").see("Released").press("v", "esc", "p", "esc", "?")
		run(func(f *fake) { f.planErr = errors.New("broken" + evil) }).toImage().press("enter").see("roken")
		run(func(f *fake) { f.run = f.brokenWalk }).toAsk().press(passphrase, "enter").see("stopped").press("t", "y").see("removed")
		run(func(f *fake) {
			f.unfinished = &workflow.Unfinished{Tag: "v1" + evil, Began: noon, Done: []string{evil}, Left: []string{evil}}
		}).see("goes on where it stopped")
		o := testOptions(hostileRepository())
		o.Open = func(context.Context) (Backend, error) {
			return nil, fmt.Errorf("failed %s: %w", evil, gitops.ErrNoCommits)
		}
		drive(t, o).size(size[0], size[1]).see("look again")
	}
}

func TestPractice(t *testing.T) {
	f := newFake()
	o := testOptions(f)
	practice(f, &o)
	d := drive(t, o).toPractice().press("t").see("✗ bad").see("One byte of widget-1.4.0.tar.gz is different")
	d.press("t").see("is again what was signed").hidden("✗ bad").press("v").see("git verify-tag").press("esc")
	d.press("esc").see("Released v1.4.0").press("q").until("the end", func() bool { return d.quit })
}

// TestKeysAreTextInFields: keys that mean something elsewhere are text while text is typed.
func TestKeysAreTextInFields(t *testing.T) {
	d := drive(t, testOptions(newFake())).toTag().press("end", "down", "q?nra").see("> q?nra_").hidden("Everywhere")
	if d.quit {
		t.Error("q ended it")
	}
	d.press("esc").see("Which key")
	d.apply(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("?")})
	d.see("Everywhere").press("?").hidden("Everywhere")
}

// TestTypingWhileThePlanIsMadeAnew: what is typed right after the push was chosen stays, and begins nothing
// before the new plan stands.
func TestTypingWhileThePlanIsMadeAnew(t *testing.T) {
	f := newFake()
	d := drive(t, testOptions(f)).toLook()
	f.planning = make(chan struct{})
	d.press("ctrl+p", "1.4.0").see("asking origin").see("sign:  1.4.0").press("enter").see("still being looked at")
	close(f.planning)
	d.see("yes, the tag to origin").see("signed, pushed").see("sign:  1.4.0").hidden("still being looked at").see("Press enter to sign what stands above")
	d.press("pgdown", "enter").see("> passphrase").press(passphrase, "enter").see("Released v1.4.0")
}

// TestThePlanIsReadFirst: what the plan warns of, and where a push goes, may be below the fold: the version
// typed does not sign before it was in sight, and is kept meanwhile.
func TestThePlanIsReadFirst(t *testing.T) {
	const warning = "people cannot find it there"
	f := newFake()
	f.remark = &manyTouches // rows enough
	d := drive(t, testOptions(f)).size(80, 24).toLook().hidden(warning).press("1.4.0", "enter").see("There is more below: read it first").see("sign:  1.4.0")
	d.press("pgdown").see(warning).hidden("read on").hidden("There is more below").press("enter").see("> passphrase").press("esc")
	// Another plan was not read yet.
	d = drive(t, testOptions(f)).size(80, 24).toLook().press("1.4.0", "pgdown").see(warning).press("ctrl+p").see("yes, the tag to origin").hidden(warning)
	d.press("enter").see("There is more below: read it first").press("pgdown").see(warning).press("up", "up", "enter").see("> passphrase").press("esc")
	d = drive(t, testOptions(f)).size(60, 16).toLook().press("1.4.0", "pgdown", "enter").see("There is more below")
	d.press("pgdown", "pgdown", "pgdown", "enter").see("> passphrase").press("esc")
}

// TestReplacedIsTold: the last look says of every list and signature that is replaced that it is.
func TestReplacedIsTold(t *testing.T) {
	f := newFake()
	f.replaced = []string{"SHA256SUMS", "SHA256SUMS.asc", "bulla-release.json"}
	drive(t, testOptions(f)).toLook().see("SHA256SUMS").see("replaced, with its .asc").see("replaced, + .asc")
}

// TestOldErrorIsForgotten: who went back from a failure that made nothing, and leaves then, is not told it
// once more by the shell.
func TestOldErrorIsForgotten(t *testing.T) {
	f := newFake()
	d := drive(t, testOptions(f)).toAsk().press("a", "enter").see("Try 2 of 3").press("b", "enter").see("Try 3 of 3").press("c", "enter").see("Nothing was created")
	d.press("enter").see("Type 1.4.0").press("esc", "q")
	if out := d.r.release.Shutdown(); out.Err != nil || out.Result != nil {
		t.Errorf("outcome %+v", out)
	}
}

// TestCopyTheCommands: what others type can be copied whole, which no box on a screen can be: it has borders,
// and breaks lines.
func TestCopyTheCommands(t *testing.T) {
	var out bytes.Buffer
	o := testOptions(newFake())
	o.Out = &out
	drive(t, o).toLook().press("1.4.0", "enter").see("> passphrase").press(passphrase, "enter").see("Released v1.4.0").
		press("v").see("copy it all").press("c").see("was given to the terminal's clipboard")
	_, coded, _ := strings.Cut(out.String(), "\x1b]52;c;")
	coded, _, _ = strings.Cut(coded, "\a")
	text, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || !strings.Contains(string(text), "\ngit verify-tag v1.4.0\n") || strings.Contains(string(text), "\\\n") {
		t.Errorf("%q: %q, %v", coded, text, err)
	}
}

// TestPublicHalfIsTold: who makes an image key is told where the half lies that has to be published.
func TestPublicHalfIsTold(t *testing.T) {
	drive(t, testOptions(newFake())).toImage().press("n", passphrase, "tab", passphrase, "enter").
		see("new.key").see("images/new.pub").see("bulla image key list")
}

// TestMistypedImage: an image that was typed and cannot be had stays in its field with the reason; what is
// typed to correct it is no key of the page.
func TestMistypedImage(t *testing.T) {
	f := newFake()
	d := drive(t, testOptions(f)).toImage().see("2 platforms")
	f.imageErr = errors.New("no such image")
	d.press("i", "registry.example.org/wodget:x", "enter").see("image registry.example.org/wodget:x").see("o such image")
	f.imageErr = nil
	d.press("backspace", "q", "enter").see("registry.example.org/wodget:q").see("2 images")
}

// TestKeysOfWhatIsInSight: a screen is drawn once for a key, so its keys must be those of this very screen.
func TestKeysOfWhatIsInSight(t *testing.T) {
	f := newFake()
	f.remark = &manyTouches
	d := drive(t, testOptions(f)).size(80, 24).toLook().see("read on")
	d.r.Update(tea.KeyMsg{Type: tea.KeyPgDown})
	if screen := d.r.View(); strings.Contains(screen, "read on") || !strings.Contains(screen, "sign, once typed") {
		t.Error(screen)
	}
}
